"""No local name is that of a function or an import of the same file: a typo would go unseen."""

from __future__ import annotations

import ast
from pathlib import Path

import salt

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    path
    for folder in ("_modules", "_states", "_utils", "salt")
    for path in sorted(ROOT.joinpath(folder).rglob("*.py"))
]
# Arguments of functions that Salt offers, which are what pillar and operators call them.
OFFERED = {"build", "cache", "drain"}


def shadows(text: str) -> list[str]:
    """Return what a function calls by the name of something else in its file."""
    tree = ast.parse(text)
    taken = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            taken |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    found = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            args = function.args
            own = {one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
            own |= {
                name.id
                for name in ast.walk(function)
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
            found |= {f"{function.name}: {name}" for name in own & taken}
    return sorted(found)


def test_a_name_is_one_thing_in_a_file():
    found = {
        f"{path.relative_to(ROOT)} {one}"
        for path in FILES
        for one in shadows(path.read_text())
        if path.parent.name != "_modules" or one.rpartition(" ")[2] not in OFFERED
    }
    assert found == set()


def test_a_shadow_is_found():
    text = "import os\n\ndef a(os):\n    b = 1\n\ndef b():\n    return a\n"
    assert shadows(text) == ["a: b", "a: os"]


def test_no_library_has_the_name_of_one_of_salt_s_own():
    """While Salt loads a file its folder is in the path: Salt's could be imported instead."""
    folders = [path for path in Path(salt.__file__).parent.iterdir() if path.is_dir()]
    ours = {
        path.stem for path in ROOT.joinpath("_utils").iterdir() if not path.name.startswith("_")
    }
    theirs = {path.stem for folder in folders for path in folder.glob("[a-z]*")}
    assert not ours & theirs

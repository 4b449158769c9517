"""No file and no function is longer than a reader takes in, and each library file has its tests."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES_OF_A_FILE = 500
LINES_OF_A_FUNCTION = 60
FILES = [
    path
    for folder in (
        "_modules",
        "_states",
        "_utils",
        "salt",
        "vagrant",
        "bench",
        "chaos",
        "tests/support",
    )
    for path in sorted(ROOT.joinpath(folder).rglob("*.py"))
]


def too_long(path: Path) -> list[str]:
    """Return the file, if it is too long, and its functions that are."""
    text = path.read_text()
    name, length = str(path.relative_to(ROOT)), len(text.splitlines())
    found = [f"{name}: {length} lines"] if length > LINES_OF_A_FILE else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LINES_OF_A_FUNCTION:
                found.append(f"{name}: {node.name} has {length} lines")
    return found


def test_files_and_functions_are_short():
    assert len(FILES) > 100
    assert [line for path in FILES for line in too_long(path)] == []


def test_what_is_long_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "long.py"
    path.write_text("def walk():\n" + "    step()\n" * 60 + "\n" * 440)
    assert too_long(path) == ["long.py: 501 lines", "long.py: walk has 61 lines"]


def test_a_library_file_has_a_test_file_of_its_name():
    library = ROOT / "_utils"
    missing = [
        str(wanted.relative_to(ROOT))
        for path in sorted(library.rglob("*.py"))
        if path.name != "__init__.py"
        for wanted in [
            ROOT / "tests/unit" / path.relative_to(library).with_name(f"test_{path.name}")
        ]
        if not wanted.is_file()
    ]
    assert missing == []

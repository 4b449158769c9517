"""Docstrings have one order, and each file says what it is for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OFFERING = ("_modules", "_states")
FOLDERS = (*OFFERING, "_utils", "salt", "vagrant", "bench", "chaos", "tests/support")
OFFERED = [path for name in OFFERING for path in sorted(ROOT.joinpath(name).glob("*.py"))]
FILES = [path for name in FOLDERS for path in sorted(ROOT.joinpath(name).rglob("*.py"))]
# A line of its own, with what they mean indented below it.
PARAMETERS = re.compile(r"(\w+(?:, \w+)*)\n {4}\S")
SENTENCE = re.compile(r"[A-Z`].*[.]")


def parameters(node: ast.FunctionDef) -> list[str]:
    """Return a function's parameters; what it takes by any name is none."""
    arguments = node.args
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def problems(node: ast.FunctionDef, is_state: bool) -> list[str]:
    """Say what is not as it should be with the docstring of a function that Salt offers."""
    paragraphs = (ast.get_docstring(node) or "").split("\n\n")
    found = []
    if not SENTENCE.fullmatch(" ".join(paragraphs[0].split())):
        found.append("does not begin with a sentence")
    places = {"parameters": [], "Returns": [], "CLI Example": []}
    named = []
    for number, paragraph in enumerate(paragraphs):
        if match := PARAMETERS.match(paragraph):
            named += match[1].split(", ")
            places["parameters"].append(number)
        for word in ("Returns", "CLI Example"):
            if paragraph.startswith(word):
                places[word].append(number)
    if sorted(named) != sorted(parameters(node)):
        found.append(f"describes {named}, and takes {parameters(node)}")
    # What a state returns is the same for all of them.
    wanted = [] if is_state else ["Returns", "CLI Example"]
    found += [f"lacks {word}" for word in wanted if not places[word]]
    order = [number for numbers in places.values() for number in numbers]
    if order != sorted(order):
        found.append("is not in the order parameters, Returns, CLI Example")
    return [f"{node.name} {one}" for one in found]


@pytest.mark.parametrize("path", OFFERED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_function_that_salt_offers_is_described(path):
    offered = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    is_state = path.parent.name == "_states"
    assert [problem for node in offered for problem in problems(node, is_state)] == []


def test_a_file_begins_with_a_sentence():
    firsts = {
        str(path.relative_to(ROOT)): (ast.get_docstring(ast.parse(path.read_text())) or "")
        for path in FILES
    }
    assert len(firsts) > 100
    assert [name for name, text in firsts.items() if not SENTENCE.match(text)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Do it.\n\na, b\n    What.\n\nReturns str.\n\nCLI Example:\n\n    x", []),
        ("Do it\n\na, b\n    What.\n\nReturns str.\n\nCLI Example:", ["does not begin with a"]),
        ("Do it.\n\na\n    What.\n\nReturns str.\n\nCLI Example:", ["describes ['a'], and takes"]),
        ("Do it.\n\na, b\n    What.", ["lacks Returns", "lacks CLI Example"]),
        ("Do it.\n\nReturns a.\n\na, b\n    What.\n\nCLI Example:", ["is not in the order"]),
    ],
)
def test_what_is_wrong_is_named(text, expected):
    (node,) = ast.parse("def f(a, b):\n    pass").body
    node.body = [ast.Expr(ast.Constant(text))]
    found = problems(node, is_state=False)
    assert len(found) == len(expected)
    assert all(f"f {one}" in said for one, said in zip(expected, found, strict=True))

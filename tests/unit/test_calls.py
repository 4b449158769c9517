"""What states and modules hand to a module of ours arrives as the parameter it is meant to be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.lab import ROOT


def functions_of(module: str) -> dict[str, list[str]]:
    """The parameters of a module's functions, in order."""
    path = ROOT / f"_modules/{module}.py"
    if not path.exists():
        return {}
    return {
        one.name: [argument.arg for argument in one.args.args]
        for one in ast.parse(path.read_text()).body
        if isinstance(one, ast.FunctionDef)
    }


def tuples_of(function: ast.AST) -> dict[str, list[ast.expr]]:
    """The names that a function gives to tuples, which a call may spread."""
    return {
        node.targets[0].id: node.value.elts
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Tuple)
    }


def calls_of(path: Path) -> Iterator[tuple[str, list[ast.expr], list[str]]]:
    """Each call of `__salt__["module.function"]`: its name, what it gets by place, and by name."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        tuples = tuples_of(function)
        for node in ast.walk(function):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Subscript)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "__salt__"
                and isinstance(node.func.slice, ast.Constant)
            ):
                continue
            given: list[ast.expr] = []
            for one in node.args:
                spread = (
                    one.value.id
                    if isinstance(one, ast.Starred) and isinstance(one.value, ast.Name)
                    else ""
                )
                given += tuples.get(spread, []) if spread else [one]
            yield str(node.func.slice.value), given, [one.arg for one in node.keywords if one.arg]


def misplaced(path: Path) -> Iterator[str]:
    for called, given, named in calls_of(path):
        module, _, function = called.partition(".")
        parameters = functions_of(module).get(function)
        if parameters is None:
            continue
        for place, value in enumerate(given):
            name = value.id if isinstance(value, ast.Name) else ""
            # What a state is called by is whatever the function takes first.
            if name != "name" and name in parameters and parameters.index(name) != place:
                yield f"{path.name}: {called} gets {name} as {[*parameters, '?'][place]}"
        for name in named:
            if name not in parameters:
                yield f"{path.name}: {called} has no {name}"


def test_each_value_arrives_as_the_parameter_of_its_name():
    paths = [*ROOT.glob("_states/*.py"), *ROOT.glob("_modules/*.py")]
    assert len(list(calls_of(ROOT / "_states/laravel_release.py"))) > 5
    assert [told for path in paths for told in misplaced(path)] == []


def test_one_that_arrives_as_another_is_found(tmp_path):
    path = tmp_path / "some.py"
    path.write_text(
        "def live(name, server, user, group, timeout, hooks):\n"
        "    ready = (server, user, group, timeout, hooks)\n"
        '    __salt__["laravel_release.switch"](name, "a", *ready, runs=True)\n'
    )
    assert list(misplaced(path)) == [
        "some.py: laravel_release.switch gets hooks as by",
        "some.py: laravel_release.switch has no runs",
    ]

"""A file judged among all others of its program's configuration, before it takes its place."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

TIMEOUT = 30


def _copied(tree: Path, copy: Path, moved: Mapping[str, str] | None = None) -> None:
    """Copy a folder; what names the folder, or what has moved, names the copy or the new place."""
    shutil.copytree(tree, copy, symlinks=True)
    changes = {str(tree): str(copy), **(moved or {})}
    for path in copy.rglob("*"):
        if path.is_symlink():
            target = str(path.readlink())
            if target.startswith(f"{tree}/"):
                path.unlink()
                path.symlink_to(target.replace(str(tree), str(copy), 1))
        elif path.is_file():
            old = new = path.read_bytes()
            for before, after in changes.items():
                new = new.replace(os.fsencode(before), os.fsencode(after))
            if new != old:
                path.write_bytes(new)


def _enabled(copy: Path, links: Sequence[str]) -> None:
    """Make links of ``X-enabled`` to ``X-available``, as a2enmod does, where they are not."""
    left = list(links)
    while left:
        path = copy / left.pop()
        target = Path("..", path.parent.name.replace("-enabled", "-available"), path.name)
        if path.is_symlink() or not (path.parent / target).exists():
            continue
        path.symlink_to(target)
        if path.suffix == ".load":
            left.append(f"{path.parent.name}/{path.stem}.conf")
            needed = re.findall(r"^# Depends: (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
            left += [f"{path.parent.name}/{name}.load" for name in " ".join(needed).split()]


def judge(
    name: str,
    text: str,
    tree: str,
    command: Sequence[str],
    links: Sequence[str],
    run: Callable[..., Any],
) -> None:
    """
    Have a program judge its whole configuration with one file's text replaced.

    name, text
        The file, and what it is to hold.

    tree
        The folder of the configuration, which has the file. It is copied; nothing in it changes.

    command
        The program's check, with ``{tree}`` where it is told of the folder.

    links
        Files ``X-enabled/Y`` in the folder that are links to ``X-available/Y`` by the time that the
        file is read; with what the module behind one depends on.

    run
        Salt's ``cmd.run_all``.

    Raises CommandExecutionError with the program's words when it refuses, or does not answer.
    """
    # Keys may be among the files: the folder is its owner's alone.
    with tempfile.TemporaryDirectory(prefix="judged-") as aside:
        copy = Path(aside, Path(tree).name)
        try:
            _copied(Path(tree), copy)
            place = copy / Path(name).relative_to(tree)
            place.unlink(missing_ok=True)
            place.write_text(text.replace(tree, str(copy)), encoding="utf-8")
            _enabled(copy, links)
        except OSError as err:
            raise CommandExecutionError(f"{tree} cannot be copied to judge {name}: {err}") from err
        words = _words(copy, command, run)
    if words:
        raise CommandExecutionError(
            f"{name} stays as it is, since the new one is refused: "
            + words.replace(str(copy), tree)
        )


def _words(copy: Path, command: Sequence[str], run: Callable[..., Any]) -> str:
    """Return what a program says against a configuration, or the empty text where it takes it."""
    answer = run(
        [part.replace("{tree}", str(copy)) for part in command],
        python_shell=False,
        ignore_retcode=True,
        timeout=TIMEOUT,
    )
    if answer["retcode"] is None:
        raise CommandExecutionError(f"{command[0]} did not answer within {TIMEOUT} s")
    if answer["retcode"] == 0:
        return ""
    said = "\n".join(filter(None, (answer["stdout"], answer["stderr"]))).strip()
    return said or f"{command[0]} ended with {answer['retcode']}"


def refused(
    tree: str,
    moved: Mapping[str, str],
    command: Sequence[str],
    run: Callable[..., Any],
    without: Sequence[str] = (),
) -> str:
    """
    Return why a program refuses the configuration that is in place, or the empty text.

    tree
        The folder of the configuration. It is copied; nothing in it changes.

    moved
        What the program finds elsewhere, such as its modules: as the files name it to its place.

    command
        The program's check, with ``{tree}`` where it is told of the folder.

    run
        Salt's ``cmd.run_all``.

    without
        Files of the folder that are left out.

    Raises CommandExecutionError when it does not answer, or the folder cannot be copied.
    """
    with tempfile.TemporaryDirectory(prefix="judged-") as aside:
        copy = Path(aside, Path(tree).name)
        try:
            _copied(Path(tree), copy, moved)
            for name in without:
                (copy / name).unlink(missing_ok=True)
        except OSError as err:
            raise CommandExecutionError(f"{tree} cannot be copied to be judged: {err}") from err
        return _words(copy, command, run).replace(str(copy), tree)

"""A command of the Makefile whose output nobody wants to see unless it fails."""

from __future__ import annotations

from collections.abc import Sequence

from vagrant.lab.commands import run, step


def logged(words: Sequence[str]) -> None:
    """Run NAME COMMAND…: a line says how long it took; all that it printed is shown if it fails."""
    name, *command = words
    with step(name, lines=200):
        run(command)

"""An application's own commands at a build, before a switch and after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillar_check import check_keys, invalid, is_number
from salt.exceptions import CommandExecutionError

from laravel_deploy.applications import FIRST
from laravel_deploy.artisan import Application
from laravel_deploy.composer import Composer

MOMENTS = ("built", "before_switch", "after_switch")
SECONDS = 300
MOST_SECONDS = 86400


@dataclass(frozen=True)
class Hooks:
    """The commands of each moment, in order: artisan's name of one, and its arguments."""

    built: tuple[tuple[str, ...], ...] = ()
    before_switch: tuple[tuple[str, ...], ...] = ()
    after_switch: tuple[tuple[str, ...], ...] = ()
    # Seconds that each may take.
    timeout: int = SECONDS


def parse_hooks(given: Any, pillar: str = FIRST) -> Hooks:
    """
    Return the hooks of the pillar; raises SaltInvocationError for what is malformed.

    given
        What the pillar has at ``hooks``.

    pillar
        Where the application's settings are.
    """
    place = f"{pillar}:hooks"
    check_keys(given, dict.fromkeys((*MOMENTS, "timeout")), place)
    told = dict(given or {})
    timeout = told.get("timeout", SECONDS)
    if not is_number(timeout, 1, MOST_SECONDS):
        raise invalid(f"{place}:timeout", timeout, f"seconds, 1 to {MOST_SECONDS}")
    built, before, after = (_commands(f"{place}:{one}", told.get(one)) for one in MOMENTS)
    return Hooks(built, before, after, timeout)


def _commands(place: str, given: Any) -> tuple[tuple[str, ...], ...]:
    commands = [] if given is None else given
    right = "a list of commands, each the list of its name and its arguments"
    if not isinstance(commands, list):
        raise invalid(place, commands, right)
    for command in commands:
        whole = isinstance(command, list) and command
        if not whole or not all(isinstance(word, str) and word for word in command):
            raise invalid(place, command, right)
        if command[0].startswith("-"):
            raise invalid(place, command[0], "the name of an artisan command")
    return tuple(tuple(command) for command in commands)


def run_hooks(app: Application, moment: str, hooks: Hooks) -> None:
    """
    Run the commands of a moment, in order, up to the first that fails.

    app
        The release, with the user that they run as.

    moment
        One of :py:data:`MOMENTS`.

    hooks
        All commands.

    Raises CommandExecutionError that names the moment and the command.
    """
    for name, *arguments in getattr(hooks, moment):
        done = app.artisan(name, arguments, timeout=hooks.timeout)
        if done["retcode"]:
            raise app.failure(f"{moment}: artisan {name}", done)


def run_build_hooks(composer: Composer, stage: Path, root: Path, hooks: Hooks) -> None:
    """Run the commands of a build in its folder, as the user that builds, without any secret."""
    for command in hooks.built:
        line = ["php", "artisan", *command, "--no-interaction", "--no-ansi"]
        composer.must(line, stage, root, f"built: artisan {command[0]}", timeout=hooks.timeout)


def after_switch(app: Application, hooks: Hooks, release: str) -> None:
    """Run what comes after a switch; a failure says that the release serves all the same."""
    try:
        run_hooks(app, "after_switch", hooks)
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{release} serves, but {err}") from err

"""A program is run, and one that cannot be started is named in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

# Salt's words hold the whole surroundings of the command, with its variables, and hide its name.
REASON = re.compile(r"^Unable to run command .*reason: (?:\[Errno \d+\] )?(.*)$", re.S)


def run_program(
    run_all: Callable[..., dict[str, Any]], command: Sequence[str], **options: Any
) -> dict[str, Any]:
    """
    Run a program without a shell, and keep its output out of the log.

    run_all
        Salt's ``cmd.run_all``.

    command, options
        The program with its arguments, and further options of ``cmd.run_all``.

    Returns what ``cmd.run_all`` does. Raises CommandExecutionError if the program cannot start.
    """
    try:
        return run_all(
            [*command],
            python_shell=False,
            output_loglevel="quiet",
            ignore_retcode=True,
            **options,
        )
    except CommandExecutionError as err:
        reason = REASON.match(str(err))
        if not reason:
            raise
        raise CommandExecutionError(f"{command[0]} could not be started: {reason[1]}") from None

"""What went wrong in a command of the application, in one sentence without secrets."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.env_file import redact, shown_env
from laravel_deploy.layout import env_path

# MySQL's ways to say that the application's database is not there (yet): no route, no server
# behind the balancer, no account, no schema, or a member that takes no writes at the moment, is
# offline (3032, 6400) or cannot wait for what was written before (3796 to 3799).
UNAVAILABLE = {1040, 1044, 1045, 1049, 1053, 1130, 1290, 2002, 2003, 2005, 2006, 2013}
UNAVAILABLE |= {3032, 3100, 3796, 3797, 3798, 3799, 6400}
SQLSTATE = re.compile(r"SQLSTATE\[\w+\](?: \[(\d+)\]|: [^:]{1,80}: (\d+)) ([^(\n]*)")
# In an error's info: what it waits for is the database, and the next run may find it.
AWAITED = {"awaited": "database"}


def sentence(done: Mapping[str, Any], directory: str) -> str:
    """Return the one line that says what went wrong in a command's output."""
    text = redact(f"{done['stdout']}\n{done['stderr']}", directory)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    telling = [
        line
        for line in lines
        if line and not re.match(r"(#\d|at |In \S+ line|\[stacktrace|INFO |PHP Warning)", line)
    ]
    errors = [line for line in telling if re.search(r"SQLSTATE|ERROR|rror:|xception", line)]
    return (errors or telling or ["it said nothing"])[0][:500]


def failure(what: str, done: Mapping[str, Any], directory: str) -> CommandExecutionError:
    """
    Return the exception for a failed command.

    what
        The command, in the words of the error.

    done
        What ``cmd.run_all`` returned.

    directory
        The application.

    Its ``info`` tells a database that does not answer from every other failure.
    """
    text = " ".join(f"{done['stdout']} {done['stderr']}".split())
    found = SQLSTATE.search(text)
    if found and int(found[1] or found[2]) in UNAVAILABLE:
        where = ""
        with contextlib.suppress(CommandExecutionError):
            values = shown_env(env_path(directory))
            where = f" at {values.get('DB_HOST', '?')}:{values.get('DB_PORT', '?')}"
        reason = redact(found[3].strip(" ."), directory)
        return awaiting_database(
            f"The database{where} is not available: {reason} ({found[1] or found[2]})."
        )
    return CommandExecutionError(
        f"{what} failed (exit code {done['retcode']}): {sentence(done, directory)}"
    )


def awaiting_database(told: str) -> CommandExecutionError:
    """Return the exception for what the database is not ready for yet."""
    err = CommandExecutionError(told)
    err.info = dict(AWAITED)
    return err

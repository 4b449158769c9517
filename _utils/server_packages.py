"""The packages that one source makes: which are installed, and what apt has in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

# Salt's cmd.run_all: a list of arguments to retcode, stdout and stderr.
Run = Callable[..., Mapping[str, Any]]
FIELDS = ("Package", "Version", "source:Package", "db:Status-Status", "db:Status-Want")
FORMAT = "\t".join(f"${{{field}}}" for field in FIELDS) + "\n"


def said(run: Run, *command: str) -> str:
    """Return what a program writes; raise CommandExecutionError where it fails."""
    done = run(list(command), python_shell=False, ignore_retcode=True, env={"LC_ALL": "C"})
    if done["retcode"]:
        raise CommandExecutionError(f"{command[0]}: {done['stderr'] or done['stdout']}")
    return str(done["stdout"])


def of_source(listed: str, name: str) -> dict[str, dict[str, Any]]:
    """
    Return the packages that are there and come from the same source as one of them.

    listed
        What dpkg-query lists by FORMAT.

    name
        The package, which need not be there: then there is none.

    Returns a dict of package to ``version``, ``whole`` (bool: unpacked and configured) and ``held``
    (bool).
    """
    rows = [line.split("\t") for line in listed.splitlines()]
    # What was removed and left its configuration is no longer there.
    rows = [row for row in rows if len(row) == len(FIELDS)]
    rows = [row for row in rows if row[3] not in ("not-installed", "config-files")]
    source = next((row[2] for row in rows if row[0] == name), None)
    return {
        row[0]: {"version": row[1], "whole": row[3] == "installed", "held": row[4] == "hold"}
        for row in rows
        if row[2] == source
    }


def installed(run: Run, name: str) -> dict[str, dict[str, Any]]:
    """Ask dpkg for what :py:func:`of_source` returns."""
    return of_source(said(run, "dpkg-query", "--show", f"--showformat={FORMAT}"), name)

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
# behind the balancer, or a member that takes no writes at the moment, is offline (3032, 6400) or
# cannot wait for what was written before (3796 to 3799).
UNAVAILABLE = {1040, 1053, 1290, 2002, 2003, 2005, 2006, 2013}
UNAVAILABLE |= {3032, 3796, 3797, 3798, 3799, 6400}
# A member refused the COMMIT. The server says the same of one that leaves and of a transaction that
# is too large: the second fails for ever, so that nothing waits for it.
COMMIT_REFUSED = 3100
# To who connects: no account, no schema, or none from this host; a password that has expired, or an
# account that is locked, also by failed logins. A highstate of the databases mends them.
REFUSED = {1044, 1045, 1049, 1130, 1862, 3118, 3955}
# To a statement: the account may not do that, and waiting does not help.
FORBIDDEN = {1044, 1142, 1143, 1227, 1370, 1410, 1419}
REMEDIES = {
    1419: " Pillar mysql:options:log_bin_trust_function_creators: 'ON' lets it make triggers and "
    "functions.",
}
# A connection's error has its number in brackets, a statement's has its own words before.
SQLSTATE = re.compile(r"SQLSTATE\[\w+\](?: \[(\d+)\]|: [^:]{1,80}: (\d+)) ([^(\n]*)")
PLACE = re.compile(r"\bHost: ([^\s,()]+), Port: (\d+)")
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
    if found:
        connecting = bool(found[1])
        code = int(found[1] or found[2])
        reason = redact(f"{found[3].strip(' .')} ({code})", directory)
        where = _place(text, directory)
        if code in UNAVAILABLE:
            return awaiting_database(f"The database{where} is not available: {reason}.")
        if connecting and code in REFUSED:
            return awaiting_database(f"The database{where} lets nobody in: {reason}.")
        if code == COMMIT_REFUSED:
            return CommandExecutionError(
                f"{what} failed: the database{where} refused the COMMIT ({code}). Either the "
                "transaction is larger than group_replication_transaction_size_limit (150000000 "
                "bytes, if pillar mysql:options has no other value): mysql_gr.status extended=True "
                "on the database machines has its size and the limit; change fewer rows in one "
                "transaction. Or the member was leaving the group: then another run may succeed."
            )
        if code in FORBIDDEN:
            told = f"{what} failed, since the account lacks a privilege: {reason}."
            return CommandExecutionError(told + REMEDIES.get(code, ""))
    return CommandExecutionError(
        f"{what} failed (exit code {done['retcode']}): {sentence(done, directory)}"
    )


def _place(text: str, directory: str) -> str:
    """Return where the database is that an error tells of, else where .env has it."""
    if told := PLACE.search(text):
        return f" at {told[1]}:{told[2]}"
    with contextlib.suppress(CommandExecutionError):
        values = shown_env(env_path(directory))
        ports = [values.get("DB_PORT", "?"), values.get("DB_READ_PORT", "")]
        told_ports = " or ".join(dict.fromkeys(port for port in ports if port))
        return f" at {values.get('DB_HOST', '?')}:{told_ports}"
    return ""


def awaiting_database(told: str) -> CommandExecutionError:
    """Return the exception for what the database is not ready for yet."""
    err = CommandExecutionError(told)
    err.info = dict(AWAITED)
    return err

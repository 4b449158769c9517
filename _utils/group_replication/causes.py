"""What the server itself says of a failure: its applier's error, and the end of its error log."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from group_replication.model import MODES

Ask = Callable[[str], Sequence[Mapping[str, Any]]]

# The server's codes that say no more than "see the error log": Group Replication does not start.
SEE_LOG = ("(3092)", "(3096)", "(3097)")
# In the error log: whom the group has let in waited a minute for its view.
NO_VIEW = "Timeout on wait for view after joining group"

CHANNEL_ERROR = (
    # One that runs has been started anew since; its workers' rows may still be the old ones.
    "SELECT IF(MAX(s.SERVICE_STATE) = 'ON', '', COALESCE(MAX(NULLIF(w.LAST_ERROR_MESSAGE, '')),"
    " MAX(NULLIF(c.LAST_ERROR_MESSAGE, '')), "
    # Its text alone has no number.
    " MAX(NULLIF(CONCAT(n.LAST_ERROR_MESSAGE, ' (', n.LAST_ERROR_NUMBER, ')'), ' (0)')), ''"
    ")) AS error"
    " FROM performance_schema.replication_applier_status s"
    " LEFT JOIN performance_schema.replication_applier_status_by_worker w USING (CHANNEL_NAME)"
    " LEFT JOIN performance_schema.replication_applier_status_by_coordinator c USING (CHANNEL_NAME)"
    " LEFT JOIN performance_schema.replication_connection_status n USING (CHANNEL_NAME)"
    " WHERE s.CHANNEL_NAME = "
)
APPLIER_ERROR = f"{CHANNEL_ERROR}'group_replication_applier'"
RECOVERY_ERROR = f"{CHANNEL_ERROR}'group_replication_recovery'"
# What grows while a transaction is applied, however long it takes.
APPLIER_WORK = (
    "SELECT COALESCE((SELECT SUM(trx_rows_modified) FROM information_schema.innodb_trx), 0)"
    " + COALESCE((SELECT SUM(WORK_COMPLETED) FROM performance_schema.events_stages_current), 0)"
    " AS work"
)
# An ALTER changes no rows that are counted, but says how far its stage is; the server counts stages
# only for who wants it, until it is started anew.
COUNT_STAGES = (
    "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES'"
    " WHERE NAME = 'events_stages_current'"
)
ERROR_LOG = (
    # Each once: a try of a minute says the same a dozen times.
    "SELECT ERROR_CODE AS code, DATA AS text FROM performance_schema.error_log"
    " WHERE SUBSYSTEM = 'Repl' AND PRIO = 'Error' AND LOGGED > NOW(6) - INTERVAL %s SECOND"
    " GROUP BY ERROR_CODE, DATA ORDER BY MAX(LOGGED) DESC, ERROR_CODE LIMIT 6"
)


# A client hears of it what it hears of a member that leaves: error 3100, and no word more.
TOO_LARGE = (
    "SELECT COUNT(*) AS times, DATE_FORMAT(MAX(LOGGED), '%%Y-%%m-%%d %%T') AS last,"
    " SUBSTRING_INDEX(GROUP_CONCAT(DATA ORDER BY LOGGED DESC SEPARATOR '\n'), '\n', 1) AS text"
    " FROM performance_schema.error_log"
    " WHERE ERROR_CODE = 'MY-011608' AND LOGGED > NOW(6) - INTERVAL %s SECOND"
)
SIZES = re.compile(r"[Tt]ransaction of size (\d+) exceeds specified limit (\d+)")
LIMIT = "group_replication_transaction_size_limit"


def applier_error(ask: Ask) -> str:
    """
    Return why the applier of the group's channel stopped last, or the empty text.

    ask
        Runs a query on the server and returns its rows.
    """
    return _error(ask, APPLIER_ERROR)


def recovery_error(ask: Ask) -> str:
    """
    Return why distributed recovery failed last, or the empty text.

    ask
        As for :py:func:`applier_error`.
    """
    return _error(ask, RECOVERY_ERROR)


def _error(ask: Ask, query: str) -> str:
    rows = ask(query)
    return one_line(rows[0]["error"]) if rows else ""


def applier_work(ask: Ask) -> int:
    """
    Return a number that grows while the server changes rows.

    ask
        As for :py:func:`applier_error`.
    """
    return int(ask(APPLIER_WORK)[0]["work"])


def last_errors(ask: Ask, seconds: float = 180) -> str:
    """
    Return the last errors of replication in the server's error log, oldest first, each once.

    ask
        As for :py:func:`applier_error`.

    seconds
        How old they may be. Default 180.
    """
    rows = ask(ERROR_LOG % math.ceil(seconds))
    return "; ".join(f"{row['code']} {one_line(row['text'])}" for row in reversed(rows))


def too_large(me: str, ask: Ask, seconds: float = 3600) -> str:
    """
    Return which transactions the server refused for their size, and the limit, or the empty text.

    me
        The member's declared name.

    ask
        As for :py:func:`applier_error`.

    seconds
        How long ago that may be. Default an hour.
    """
    seen = ask(TOO_LARGE % math.ceil(seconds))[0]
    sizes = SIZES.search(one_line(seen["text"]))
    if not sizes:
        return ""
    times = "a transaction" if seen["times"] == 1 else f"{seen['times']} transactions"
    return (
        f"{me} refused {times} for the size, with error 3100, last at {seen['last']} (server's "
        f"time): {sizes[1]} bytes, and {LIMIT} is {sizes[2]}; another try ends the same way: "
        "change the rows in several transactions"
    )


def refuses_commits(me: str, mode: str | None, ask: Ask) -> str:
    """
    Return why a member in multi-primary mode refuses what new sessions commit, or the empty text.

    me
        The member's declared name.

    mode
        The group's mode.

    ask
        As for :py:func:`applier_error`.
    """
    level = ask("SELECT @@GLOBAL.transaction_isolation AS level")[0]["level"]
    if mode != MODES[0] or level != "SERIALIZABLE":
        return ""
    return (
        f"{me} refuses each commit of a new session: transaction_isolation is SERIALIZABLE, which "
        f"no {MODES[0]} group takes; SET GLOBAL transaction_isolation = DEFAULT and RESET PERSIST "
        "IF EXISTS transaction_isolation end that"
    )


def one_line(text: Any) -> str:
    """Return a text of the server's as a part of a sentence."""
    return re.sub(r"\s+", " ", str(text or "")).strip()

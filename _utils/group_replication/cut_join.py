"""A join that ended with its server: what is left of it at the others, and when the next begins."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from group_replication import driver
from group_replication.files import write_whole

log = logging.getLogger(__name__)

# On the root disk: a machine without power ends a join, too.
JOINING_FILE = Path("/var/lib/mysql-gr/joining.json")
# The members miss it after 5 s, and remove it once they have missed it for 60 s, which they look at
# every 15 s. No option of the server changes that. Its unit starts mysqld 2 s later.
KEPT_SECONDS = 78
# What a client is told whose server ended, or ended while it asked.
LOST = frozenset((2006, 2013))


@contextmanager
def noted(started: int, view: str, path: Path | None = None) -> Iterator[None]:
    """
    Keep on the root disk that a join is under way, until its outcome is there.

    started
        When the local mysqld was started, in seconds since 1970.

    view
        What all views of the group's life have in common, as ``view_of`` returns it.

    path
        The file. Default ``JOINING_FILE``.
    """
    path = path or JOINING_FILE
    try:
        write_whole(path, json.dumps({"started": started, "view": view}) + "\n", 0o600)
    except OSError as err:
        # A full disk is no reason to stay outside.
        log.warning("%s is not written: %s", path, err)
    try:
        yield
    except driver.Error as err:
        if err.args[0] not in LOST:
            over(path)
        raise
    except Exception:
        over(path)
        raise
    over(path)


def over(path: Path | None = None) -> None:
    """
    Forget that a join is under way: its outcome is there, or the member is in its group.

    path
        The file. Default ``JOINING_FILE``.
    """
    path = path or JOINING_FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as err:
        log.warning("%s stays: %s", path, err)


def holds_back(me: str, started: int, now: float, path: Path | None = None) -> dict[str, str]:
    """
    Return ``why`` a member must not join yet, and the ``view`` of which group; or nothing.

    me
        The declared name of the member that would join.

    started
        When the local mysqld was started, in seconds since 1970.

    now
        The time, in the same seconds.

    path
        The file. Default ``JOINING_FILE``. One that cannot be read says nothing.

    A server that ends in the middle of its join stays a part of the group that is in no view. The
    members remove it when they have missed it for a minute, and let nobody in at its address until
    then. A start there may end that minute, which then begins anew, while all commits may wait.
    A group that was rebooted meanwhile knows nothing of it.
    """
    joining = _read(path or JOINING_FILE)
    # Asked twice, the same server may seem to have been started a second later.
    ended = joining and started - joining["started"] > 1
    if not ended or not 0 <= now - started < KEPT_SECONDS:
        return {}
    at = time.strftime("%H:%M:%S UTC", time.gmtime(started + KEPT_SECONDS))
    why = (
        f"mysqld ended in the middle of {me}'s join: the group lets {me} in again when it has "
        f"removed that server; {me} joins at {at}"
    )
    return {"view": joining["view"], "why": why}


def _read(path: Path) -> dict[str, Any]:
    """What was noted of a join; nothing where there is none."""
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {"started": int(found["started"]), "view": str(found["view"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}

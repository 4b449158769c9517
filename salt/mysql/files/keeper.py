"""Bring the local member back into its group after a boot, a crash or an expulsion.

Runs as a service on every database machine and needs no Salt master. While Group Replication runs
it only looks at the local server. On one member it also sees to what the group keeps in memory
alone (its write concurrency, and who has gone) and to the window for a schema change. Otherwise it
lets the library decide and act, and says in the journal what it waits for. The settings are read
anew each time, so a change needs no restart.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from group_replication import memory, operation, schema_change, schema_window
from group_replication.accounts import coordinator_of
from group_replication.communication import (
    forget_removed,
    is_first_online,
    set_write_concurrency,
    silent_of,
    write_concurrency,
)
from group_replication.connection import local
from group_replication.facts import observe
from group_replication.membership import converge_by
from group_replication.model import ONLINE, PRESENT, Settings, write_concurrency_for
from group_replication.settings import SETTINGS_FILE, settings_from_json
from group_replication.switchover import problems_of_multi_primary
from salt.exceptions import CommandExecutionError, SaltInvocationError

LOOK_SECONDS = 2.0
# A decision to refuse stays until somebody acts: no need to ask all members every other second.
REFUSED_SECONDS = 10.0
# Somebody waits for each step of a schema change.
CHANGING_SECONDS = 0.5
# What has just changed is about to change again: a server that starts, a member that is expelled.
BRISK_SECONDS = 0.5
BRISK_FOR_SECONDS = 15.0
# Seconds without progress after which applying or recovering is given up, and tried anew.
PATIENCE_SECONDS = 60.0

log = logging.getLogger("mysql-gr-keeper")


class Look(NamedTuple):
    """What came of a look: the sentence for the journal, and the seconds to sleep."""

    sentence: str
    pause: float
    # The addresses of the group's members, and of those that are gone and not forgotten.
    known: frozenset[str] | None = None


def look(known: frozenset[str] | None = None) -> Look:
    """Do what there is to do.

    known
        The members that the last look has found. Who begins to look takes those that are declared.
    """
    try:
        settings = settings_from_json(SETTINGS_FILE.read_text(encoding="utf-8"))
        try:
            with local(settings) as connection:
                facts = observe(connection)
                if facts["state"] in PRESENT:
                    return look_as_member(settings, connection, facts, known)
        except CommandExecutionError as err:
            return Look(str(err), LOOK_SECONDS, known)
        decision = converge_by(settings, timeout=0, patience=PATIENCE_SECONDS)
        return Look(decision["why"], LOOK_SECONDS)
    except (CommandExecutionError, SaltInvocationError, OSError, ValueError) as err:
        return Look(str(err), REFUSED_SECONDS)


def look_as_member(
    settings: Settings,
    connection: Any,
    facts: Mapping[str, Any],
    known: frozenset[str] | None,
) -> Look:
    """See to what the group keeps in memory, if that is for this member to do.

    The group forgets who is gone and answers no call. Who answers holds up nobody, and may be about
    to join: it is asked again at the next look.
    """
    sentence = f"{settings.me} is {facts['state']}"
    change = schema_change.current(connection)
    if change is not None:
        sentence += see_to_schema_change(settings, change, facts)
    before = frozenset(settings.nodes.values()) if known is None else known
    hosts = frozenset(member["host"] for member in facts["members"])
    silent: list[str] = []
    if is_first_online(facts):
        right = write_concurrency_for(settings, facts["mode"])
        silent = silent_of(sorted(before - hosts), settings.port)
        if silent:
            forget_removed(connection, right)
            sentence += f"; the group forgets {', '.join(silent)}, to call there no more"
        # While a member is recovering the group takes no other number; a schema change is too short
        # for one.
        elif change is None and all(member["state"] == ONLINE for member in facts["members"]):
            now = write_concurrency(connection)
            if now != right:
                set_write_concurrency(connection, right)
                sentence += f"; the group's write concurrency was {now} and is {right}"
    try:
        memory.remember(facts, memory.MEMBER_FILE)
    except OSError as err:
        sentence += f"; what is remembered of it is not written: {err}"
    pause = LOOK_SECONDS if change is None else CHANGING_SECONDS
    return Look(sentence, pause, (before | hosts).difference(silent))


def see_to_schema_change(
    settings: Settings, change: schema_change.Change, facts: Mapping[str, Any]
) -> str:
    """Open or close the window for a schema change, if that is for this member to do."""
    if coordinator_of(facts["members"], settings.nodes) != settings.me or not facts["quorum"]:
        return f"; {schema_change.sentence(change)}"
    # A switch of mode waits for transactions, for as long as they take.
    with local(settings, None) as connection:
        done = schema_window.act(
            connection,
            change,
            facts,
            settings.nodes[settings.me],
            lambda: problems_of_multi_primary(connection),
            operation.current(connection),
        )
    return f"; {done or schema_change.sentence(change)}"


def pause_after(pause: float, unchanged: float) -> float:
    """Return the seconds until the next look: fewer while what is seen is new.

    pause
        The seconds that the last look asks for.

    unchanged
        The seconds for which all looks have had the same outcome.
    """
    if pause < REFUSED_SECONDS and unchanged < BRISK_FOR_SECONDS:
        return min(pause, BRISK_SECONDS)
    return pause


def main() -> None:
    """Look for ever, and say what is new."""
    # Salt, once imported, has its own handlers; the journal wants the sentence alone.
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    said, since, known = "", 0.0, None
    while True:
        sentence, pause, known = look(known)
        if sentence != said:
            log.info("%s", sentence)
            said, since = sentence, time.monotonic()
        pause = pause_after(pause, time.monotonic() - since)
        # Members that were down together must not ask in step for ever.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311


if __name__ == "__main__":
    main()

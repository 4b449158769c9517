"""Compare what the members hold, and keep what was found for all of them: what a timer starts.

It is started on every database machine and needs no Salt master. The coordinator alone compares;
elsewhere a run ends with a sentence. Nothing is locked, and a run that is killed leaves nothing.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from group_replication import comparison, row_compare, schema_change
from group_replication.accounts import coordinator_of
from group_replication.connection import UnreachableError, local
from group_replication.facts import observe
from group_replication.member_sessions import AtWorkError
from group_replication.model import ONLINE, RECOVERING, Settings
from group_replication.settings import SETTINGS_FILE, settings_from_json
from salt.exceptions import CommandExecutionError, SaltInvocationError

# How many rows are summed at once.
ROWS = 1000
LOOK_SECONDS = 10.0
# What passes, such as a recovery and a schema change, is waited for so long; then comes the next
# run's turn.
PATIENCE_SECONDS = 900.0
# A member that was restarted meanwhile makes a comparison fail; one more is made.
TRIES = 2
AGAIN_SECONDS = 60.0

log = logging.getLogger("mysql-gr-compare")


class Obstacle(NamedTuple):
    """Why nothing is compared now, and whether that may be over soon."""

    sentence: str
    passes: bool


def obstacle(
    settings: Settings, facts: Mapping[str, Any], change: schema_change.Change | None
) -> Obstacle | None:
    """
    Return what keeps this member from comparing now, or None.

    settings
        The group's settings.

    facts
        What the local member says of itself.

    change
        The schema change that is asked for or under way, if there is one.
    """
    # After a boot it is on its way back, and may be the coordinator then.
    if facts["state"] != ONLINE:
        return Obstacle(f"{settings.me} is {facts['state']}", True)
    if not facts["quorum"]:
        return Obstacle(f"{settings.me} is {facts['state']} without a majority", True)
    coordinator = coordinator_of(facts["members"], settings.nodes)
    if coordinator != settings.me:
        return Obstacle(f"{coordinator or 'no declared member'} compares for the group", False)
    recovering = [one["host"] for one in facts["members"] if one["state"] == RECOVERING]
    if recovering:
        return Obstacle(f"{', '.join(recovering)} is RECOVERING", True)
    if change is not None:
        return Obstacle(schema_change.sentence(change), True)
    return None


def await_free(settings: Settings) -> str:
    """Wait until nothing keeps this member from comparing; return what still does, or nothing."""
    deadline, said = time.monotonic() + PATIENCE_SECONDS, ""
    while True:
        try:
            with local(settings) as connection:
                found = obstacle(settings, observe(connection), schema_change.current(connection))
        except UnreachableError as err:
            found = Obstacle(str(err), True)
        if found is None:
            return ""
        if not found.passes or time.monotonic() >= deadline:
            return found.sentence
        if found.sentence != said:
            log.info("waiting: %s", found.sentence)
            said = found.sentence
        time.sleep(LOOK_SECONDS)


def outcome(result: Mapping[str, Any]) -> str:
    """Return what a comparison has found, for the journal: numbers alone."""
    rows = sum(one["rows"] for one in result["differences"])
    return (
        f"{', '.join(result['members'])}: {result['tables']} tables with {result['rows']} rows "
        f"compared in {result['seconds']} s; {rows} rows and {len(result['definitions'])} "
        f"definitions differ, {result['undecided']} undecided, {len(result['skipped'])} skipped"
    )


def run(settings: Settings) -> int:
    """Compare, if that is for this member to do; return the exit code."""
    error = ""
    for last in range(1, TRIES + 1):
        why = await_free(settings)
        if why:
            log.info("nothing is compared: %s", why)
            # Without an end of its own, a comparison that failed is one.
            return 1 if error else 0
        try:
            result = row_compare.compare(settings, None, ROWS, settings.compare_load)
        except AtWorkError as err:
            log.info("nothing is compared: %s", err)
            return 0
        except CommandExecutionError as err:
            error = str(err)
            log.info("the comparison failed: %s", error)
            if last < TRIES:
                time.sleep(AGAIN_SECONDS)
            continue
        log.info("%s", outcome(result))
        if result["not_kept"]:
            log.info("the result is not kept: %s", result["not_kept"])
        return 1 if result["not_kept"] else 0
    why = comparison.keep_failure(settings, error)
    if why:
        log.info("the failure is not kept: %s", why)
    return 1


def main() -> int:
    """Compare once, and say in the journal what came of it."""
    # Salt, once imported, has its own handlers; the journal wants the sentence alone.
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    try:
        return run(settings_from_json(SETTINGS_FILE.read_text(encoding="utf-8")))
    except (CommandExecutionError, SaltInvocationError, OSError, ValueError) as err:
        log.info("nothing is compared: %s", err)
        return 1


if __name__ == "__main__":
    sys.exit(main())

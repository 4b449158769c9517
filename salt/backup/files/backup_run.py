"""One run of the backup machine, as a timer starts it: ``full``, ``logs`` or ``watch``.

``full`` takes a full backup, saves the archived logs, and drills each full backup that was not yet
drilled. ``logs`` saves the archived logs. ``watch`` asks how far the machine is behind its group. A
run that is killed is cleaned up by the next; no two run at once. It needs no Salt master.
"""

from __future__ import annotations

import logging
import sys
import time

from group_backup import channel, drill, full, record, restic, space
from group_backup.model import FULL, LOCK_FILE, LOGS, Settings
from group_backup.settings import stored
from group_replication import lock
from salt.exceptions import CommandExecutionError, SaltInvocationError

# How long a full backup waits for a run of the logs.
PATIENCE_SECONDS = {FULL: 900.0, LOGS: 5.0}

log = logging.getLogger("mysql-gr-backup")


def take_full(settings: Settings) -> None:
    """Take a full backup, and drill what was not drilled."""
    full.clean(settings)
    found = full.run_full(settings)
    log.info(
        "full backup %s at %s: %s bytes in %s s, of which %s were new",
        found["snapshot"][:8],
        found["gtids"],
        found["bytes"],
        found["seconds"],
        found["added"],
    )
    drilled = record.read(settings).get("drills", {})
    # The newest first: where another one fails, this one has been looked at.
    for snapshot in reversed(restic.snapshots(settings, FULL)):
        new = snapshot.id == found["snapshot"]
        if snapshot.id in drilled and not new:
            continue
        # Of a machine whose place this one took, or older than what its server has kept.
        missing = "" if new else drill.missing_before(settings, snapshot)
        if missing:
            log.info(
                "full backup %s is not drilled: it lacks %s, and the logs of this machine begin "
                "after that",
                snapshot.id[:8],
                missing,
            )
            continue
        said = drill.run(settings, snapshot)
        log.info(
            "full backup %s was restored: %s tables with %s rows are equal after %s "
            "transactions, in %s s",
            snapshot.id[:8],
            said["tables"],
            said["rows"],
            said["transactions"],
            said["seconds"],
        )


def save_logs(settings: Settings) -> None:
    """Save the archived logs."""
    full.clean(settings)
    found = full.run_logs(settings)
    log.info("%s archived logs saved, up to %s", found["files"], found["gtids"])


def watch(settings: Settings) -> int:
    """Ask how far the machine is behind, and say so where it does not follow."""
    try:
        found = channel.behind(settings)
    except CommandExecutionError as err:
        found = {"receiver": "OFF", "applier": "OFF", "error": str(err)}
    if found["applier"] != "ON" and not space.problem(settings):
        resume(settings)
    # A server that waits for space is at work, in its own words.
    found["error"] = found["error"] or space.problem(settings)
    free = {"free": space.free(settings.place)}
    record.note(settings, "behind", {**found, **free, "at": int(time.time())})
    if found["error"] or found["receiver"] != "ON":
        log.info("the channel is %s: %s", found["receiver"], found["error"] or "no error")
        return 1
    return 0


def resume(settings: Settings) -> None:
    """Start the applier again, which a full disk has stopped; a drill has it stand still."""
    try:
        with lock.held(0, LOCK_FILE) as taken:
            if taken:
                with channel.local(settings) as connection:
                    channel.resume(connection)
    except CommandExecutionError as err:
        log.info("the applier cannot be started: %s", err)


def run(settings: Settings, what: str) -> int:
    """Do one run; return the exit code."""
    if what == "watch":
        return watch(settings)
    with lock.held(PATIENCE_SECONDS[what], LOCK_FILE) as taken:
        if not taken:
            log.info("another run is at it; nothing was done")
            return 0
        (take_full if what == FULL else save_logs)(settings)
    return 0


def main() -> int:
    """Do what the unit says, and say in the journal what came of it."""
    # Salt, once imported, has its own handlers; the journal wants the sentence alone.
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    what = sys.argv[1] if len(sys.argv) == 2 else ""
    if what not in (FULL, LOGS, "watch"):
        log.info("expected one word: full, logs or watch")
        return 2
    try:
        return run(stored(), what)
    except (CommandExecutionError, SaltInvocationError, OSError, ValueError) as err:
        log.info("%s", err)
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""A full backup and the archived logs: taken on the machine itself, and saved to the repository."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from group_replication.connection import execute, rows
from group_replication.gtid import count_gtids, format_gtids, parse_gtids, subtract_gtids
from salt.exceptions import CommandExecutionError
from whole_file import write_whole

from group_backup import archive, aside, channel, logical, record, restic, space
from group_backup.channel import local
from group_backup.following import Decision
from group_backup.model import DUMP, FULL, LOGS, Settings
from group_backup.options import MADE_WITH

MANIFEST, INDEX = "manifest.json", "index.json"
# A full backup is cloned aside, and started once: what is saved has been recovered, and says which
# transactions it has.
NAME = "full"


class NothingHeldError(CommandExecutionError):
    """The server is new: what is saved of it would be the newest in the repository."""


def _place(settings: Settings) -> Path:
    return settings.place / NAME


def clean(settings: Settings) -> None:
    """Take away what a run that was killed left on this machine: its copies and its instance."""
    aside.make_folders(settings)
    aside.remove(_place(settings))
    aside.remove(aside.place_of(settings, "drill"))
    shutil.rmtree(settings.place / "preview", ignore_errors=True)
    shutil.rmtree(logical.folder_of(settings), ignore_errors=True)
    with local(settings) as connection:
        channel.resume(connection)


def take(settings: Settings) -> dict[str, Any]:
    """
    Take a full backup, consistent at one GTID set, and save it with that set.

    Returns a dict: ``snapshot``, ``gtids``, ``at`` (seconds since 1970), ``seconds``, ``bytes``
    (what it is restored to), ``added`` (bytes that the repository grew by), ``dumps`` (the schemas
    that were dumped) and ``undumped`` (why others were not, or the empty text).
    """
    begin, place = time.time(), _place(settings)
    aside.make_place(place)
    try:
        manifest, undumped = _clone(settings, place)
        write_whole(place / MANIFEST, json.dumps(manifest, indent=2) + "\n", 0o600)
        shutil.rmtree(place / "run")
        shutil.rmtree(place / "logs")
        tags = [FULL, f"at={manifest['at']}", *restic.gtid_tags(manifest["gtids"])]
        # Each instance that is started from it is another server.
        summary = restic.save(settings, [place], tags, [place / "data" / "auto.cnf"])
        dumped = logical.save(settings, manifest["gtids"], manifest["at"])
    finally:
        aside.remove(place)
    return {
        "snapshot": summary["snapshot_id"],
        "gtids": manifest["gtids"],
        "at": manifest["at"],
        "seconds": round(time.time() - begin, 1),
        "bytes": summary["total_bytes_processed"],
        "added": summary.get("data_added_packed", summary["data_added"]),
        "dumps": dumped,
        "undumped": undumped,
    }


def _clone(settings: Settings, place: Path) -> tuple[dict[str, Any], str]:
    """Clone the server's data to a place, start and dump it there; what it is, what is wrong."""
    with local(settings, None) as connection:
        asked = ", ".join(f"@@{name} AS {name}" for name in MADE_WITH)
        (own,) = rows(
            connection,
            f"SELECT @@version AS version, @@GLOBAL.gtid_executed AS gtids, {asked}",
        )
        _check_held(own["gtids"])
        needed = space.size(Path(settings.data_directory))
        space.check(place, needed, "the copy that a full backup is made of")
        # mysqld makes its folder itself.
        (place / "data").rmdir()
        shutil.chown(place, "root", aside.USER)
        place.chmod(0o770)
        execute(connection, "CLONE LOCAL DATA DIRECTORY = %s", (str(place / "data"),))
    # Not before its last transaction: it is no beginning for a point before that.
    at = int(time.time()) + 1
    made_with = {name: own[name] for name in MADE_WITH}
    aside.open_place(place)
    aside.start(place, made_with)
    with aside.session(place) as connection:
        (copy,) = rows(connection, "SELECT @@GLOBAL.gtid_executed AS gtids")
    undumped = logical.write(settings, place)
    aside.stop(place)
    place.chmod(0o700)
    manifest = {
        "gtids": "".join(copy["gtids"].split()),
        "at": at,
        "version": own["version"],
        "made_with": made_with,
    }
    return manifest, undumped


def _check_held(gtids: str) -> None:
    if not gtids.strip():
        raise NothingHeldError(
            "the server holds no transaction yet; it does once it follows the group"
        )


def save_logs(settings: Settings) -> dict[str, Any]:
    """
    Save all closed binary logs, the current one closed before.

    Returns a dict: ``snapshot``, ``gtids`` (what the machine had applied then), ``at``, ``files``,
    ``begins_after`` (the GTID set that the logs before the first have) and ``added`` (bytes).
    """
    with local(settings, None) as connection:
        (own,) = rows(connection, "SELECT @@GLOBAL.gtid_executed AS gtids, @@server_uuid AS server")
        _check_held(own["gtids"])
        # A server that cannot begin another log waits for space, and so would this run.
        space.check_left(settings.archive, "saving the archived logs")
        at, index = int(time.time()), archive.closed_logs(connection)
    if not index:
        raise CommandExecutionError("the server has no binary log that could be saved")
    gtids = "".join(own["gtids"].split())
    folder = settings.place / "index"
    folder.mkdir(mode=0o700, exist_ok=True)
    said = {"server": own["server"], "gtids": gtids, "at": at, "logs": index}
    write_whole(folder / INDEX, json.dumps(said) + "\n", 0o600)
    summary = restic.save(
        settings, [settings.archive, folder], [LOGS, f"at={at}", f"server={own['server']}"]
    )
    return {
        "snapshot": summary["snapshot_id"],
        "gtids": gtids,
        "at": at,
        "files": len(index),
        "begins_after": index[0]["previous"],
        "added": summary.get("data_added_packed", summary["data_added"]),
    }


def _gap(settings: Settings, begins_after: str) -> str:
    """
    Say what neither the newest full backup nor the saved logs have, or return the empty text.

    begins_after
        The GTID set that the logs before the first saved one have.
    """
    fulls = restic.snapshots(settings, FULL)
    if not fulls:
        return ""
    missing = subtract_gtids(parse_gtids(begins_after), parse_gtids(fulls[-1].gtids))
    if not missing:
        return ""
    return (
        f"{count_gtids(missing)} transactions are neither in the newest full backup nor in the "
        f"saved logs ({format_gtids(missing)})"
    )


def replace(settings: Settings) -> Decision:
    """Let the machine follow anew, with the group's data; its logs, which that ends, are saved."""
    run_logs(settings)
    return channel.follow(settings, overwrite=True)


def _failed(settings: Settings, what: str, err: Exception) -> str:
    """Remember what failed, and return why; what has no space is named."""
    why = str(err)
    if not isinstance(err, space.SpaceError) and (full := space.problem(settings)):
        why = f"{err}; {full}"
    # What is full takes no record, either: who asks for problems is told of the space itself.
    with contextlib.suppress(OSError):
        last = record.read(settings).get(what, {})
        record.note(settings, what, {**last, "error": why, "failed": int(time.time())})
    return why


def run_full(settings: Settings) -> dict[str, Any]:
    """Take a full backup and the logs, give up what is too old, and remember what came of it."""
    try:
        # What a run that was killed left there.
        restic.unlock(settings)
        found = take(settings)
        logs = save_logs(settings)
        del logs["begins_after"]
        record.note(settings, LOGS, {**logs, "well": int(time.time())})
        found["logs"] = logs["snapshot"]
        if not settings.append_only:
            restic.forget(settings, FULL, "host,paths")
            restic.forget(settings, LOGS, "host,paths")
            restic.forget(settings, DUMP, "host,paths")
            restic.prune(settings)
    except NothingHeldError:
        # No failure: it is not yet time.
        raise
    except (CommandExecutionError, OSError) as err:
        raise CommandExecutionError(
            f"no full backup was taken: {_failed(settings, FULL, err)}"
        ) from err
    where = {"location": settings.location}
    record.note(settings, FULL, {**found, **where, "well": int(time.time())})
    return found


def run_logs(settings: Settings) -> dict[str, Any]:
    """Save the archived logs, and remember what came of it."""
    try:
        restic.unlock(settings)
        found = save_logs(settings)
        found["gap"] = _gap(settings, found.pop("begins_after"))
    except NothingHeldError:
        raise
    except (CommandExecutionError, OSError) as err:
        raise CommandExecutionError(
            f"the archived logs were not saved: {_failed(settings, LOGS, err)}"
        ) from err
    record.note(settings, LOGS, {**found, "well": int(time.time())})
    return found

"""Restoring from the repository to an instance aside: a full backup, brought to a point in time."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from group_replication.connection import execute, rows
from group_replication.gtid import (
    GtidSet,
    count_gtids,
    format_gtids,
    parse_gtids,
    subtract_gtids,
)
from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_backup import archive, aside, full, restic, space
from group_backup.archive import Point
from group_backup.model import FULL, LOGS, REPLAY_CHANNEL, Settings, Transaction
from group_backup.restic import Snapshot

LOOK_SECONDS = 0.2
# An applier that has not moved for so long stands still.
STALL_SECONDS = 600
BEYOND = "the newest archived transaction"


class Source(NamedTuple):
    """What a point is restored from: a full backup, and saved logs with their index."""

    full: Snapshot
    logs: Snapshot
    listing: dict[str, Any]


def newest(settings: Settings, wanted: str | None = None) -> Snapshot:
    """Return the newest full backup, or the one whose id begins so."""
    found = restic.snapshots(settings, FULL)
    if wanted is not None:
        named = [one for one in found if one.id.startswith(str(wanted).lower()) and wanted]
        if len(named) != 1:
            raise SaltInvocationError(
                f"snapshot is '{wanted}'; expected the id of one full backup (backup.list)"
            )
        return named[0]
    if not found:
        raise CommandExecutionError("the repository has no full backup")
    return found[-1]


def choose_full(fulls: Sequence[Snapshot], point: str) -> list[Snapshot]:
    """
    Return the full backups that a point can be reached from, the newest first.

    fulls
        All of them, the oldest first.

    point
        A time, a GTID, or ``latest``.

    What was saved of a server that held nothing is no beginning.
    """
    found = [one for one in reversed(fulls) if one.gtids]
    if not archive.is_gtid(point):
        until = archive.moment(point) / 1_000_000
        return [one for one in found if int(one.said("at") or 0) <= until]
    wanted = parse_gtids(point)
    return [one for one in found if subtract_gtids(wanted, parse_gtids(one.gtids))]


def read_index(settings: Settings, logs: Snapshot) -> dict[str, Any]:
    """Return the index of saved logs."""
    path = settings.place / "index" / full.INDEX
    return dict(json.loads(restic.read(settings, logs.id, str(path))))


def sources(settings: Settings, point: str, wanted: str | None = None) -> Iterator[Source]:
    """Return what may have a point, the likeliest first."""
    fulls = [newest(settings, wanted)] if wanted else restic.snapshots(settings, FULL)
    saved = restic.snapshots(settings, LOGS)
    for one in choose_full(fulls, point):
        begin = int(one.said("at") or 0)
        later = [logs for logs in saved if int(logs.said("at") or 0) >= begin]
        for logs in reversed(later) if point == archive.LATEST else later:
            index = read_index(settings, logs)
            if reaches(point, one.gtids, index):
                yield Source(one, logs, index)
                break
        else:
            if point == archive.LATEST:
                # The machine was lost between the two.
                yield Source(one, one, {"logs": [], "gtids": one.gtids})


def reaches(point: str, have: str, index: Mapping[str, Any]) -> bool:
    """
    Tell whether saved logs go on from a full backup up to a point.

    point
        A time, a GTID, or ``latest``.

    have
        The GTID set of the full backup.

    index
        The index of the saved logs.
    """
    held = parse_gtids(index["gtids"])
    if subtract_gtids(parse_gtids(have), held) or missing_between(have, index):
        return False
    if archive.is_gtid(point):
        return not subtract_gtids(parse_gtids(point), held)
    return point == archive.LATEST or int(index["at"]) * 1_000_000 >= archive.moment(point)


def missing_between(have: str, index: Mapping[str, Any]) -> GtidSet:
    """
    Return what neither a full backup nor saved logs have, between the two.

    A new machine's logs do not go on from an old one's full backup.

    have, index
        As for :py:func:`reaches`.
    """
    logs = index["logs"]
    return subtract_gtids(parse_gtids(logs[0]["previous"]), parse_gtids(have)) if logs else {}


def fetch_logs(settings: Settings, source: Source, folder: Path) -> list[Mapping[str, str]]:
    """Restore the logs that come after the full backup to a folder; return their index."""
    index = archive.needed(source.listing["logs"], source.full.gtids)
    names = [one["name"] for one in index]
    if not names:
        return []
    # Logs that an older version has saved do not say how large they are.
    needed = sum(int(one.get("bytes", 0)) for one in index)
    space.check(folder, needed, "restoring archived logs")
    restic.restore(settings, source.logs.id, str(settings.archive), folder, names)
    for name in names:
        # The archive is the server's own folder: nothing there leads root elsewhere.
        if (folder / name).is_symlink() or not (folder / name).is_file():
            raise CommandExecutionError(f"archived log {name} is not in the repository")
    return index


def preview(
    settings: Settings, point: str, around: int, wanted: str | None = None
) -> dict[str, Any]:
    """
    Return what would be restored for a point, and the transactions around it; nothing is kept.

    settings, point
        The machine's settings; a time or a GTID.

    around
        How many transactions before and after.

    wanted
        The full backup to start from; None for the newest before the point.
    """
    folder = settings.place / "preview"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        source, _, found = locate(settings, point, folder, around, wanted)
    finally:
        shutil.rmtree(folder)
    return described(source, found)


def locate(
    settings: Settings, point: str, folder: Path, around: int, wanted: str | None
) -> tuple[Source, list[Mapping[str, str]], Point]:
    """Restore the logs of a point to a folder, and find it in them."""
    # What is wrong with the call is said before the repository is asked.
    if not archive.is_gtid(point):
        archive.moment(point)
    for source in sources(settings, point, wanted):
        index = fetch_logs(settings, source, folder)
        stream = archive.after(source.full.gtids, index, lambda name: archive.read(folder / name))
        return source, index, archive.find(point, source.full.gtids, stream, around)
    raise CommandExecutionError(
        f"no full backup before {point} with the logs from there on is in the repository "
        "(backup.list); what was committed since the last run of backup.save_logs is not in it yet"
    )


def described(source: Source, point: Point) -> dict[str, Any]:
    """Return a point as a person looks at it."""
    return {
        "full": source.full.id,
        "full_at": archive.as_time(int(source.full.said("at") or 0) * 1_000_000),
        "gtids": point.gtids,
        "stops_before": point.stop_before or BEYOND,
        "before": [shown(one) for one in point.before],
        "after": [shown(one) for one in point.after],
    }


def shown(one: Transaction) -> dict[str, Any]:
    """Return a transaction as a person looks at it."""
    return {
        "gtid": one.gtid,
        "committed": archive.as_time(one.committed),
        "changes": list(one.changes),
    }


def restore_full(settings: Settings, snapshot: Snapshot, place: Path) -> dict[str, Any]:
    """
    Restore a full backup to a place, not yet started; return its manifest.

    settings, snapshot
        The machine's settings, and the full backup.

    place
        The instance's folder, which is not there yet.
    """
    aside.make_folders(settings)
    needed = restic.size(settings, snapshot.id)
    space.check(settings.place, needed, f"restoring full backup {snapshot.id[:8]}")
    aside.make_place(place)
    folder = settings.place / full.NAME
    manifest = dict(json.loads(restic.read(settings, snapshot.id, str(folder / full.MANIFEST))))
    restic.restore(settings, snapshot.id, str(folder / "data"), place / "data")
    # Keys that the copy made for itself: what is started here makes its own.
    for key in (place / "data").glob("*.pem"):
        key.unlink()
    return manifest


def give_logs(place: Path, names: Sequence[str]) -> None:
    """Make archived logs an instance's relay logs, in their order."""
    folder, lines = place / "logs", []
    for number, name in enumerate(names, 1):
        path = folder / f"relay-{REPLAY_CHANNEL}.{number:06d}"
        (folder / name).rename(path)
        lines.append(f"{path}\n")
    (folder / f"relay-{REPLAY_CHANNEL}.index").write_text("".join(lines), encoding="utf-8")


def replay(place: Path, point: Point) -> None:
    """
    Bring an instance to a point by its own applier, exactly.

    place
        The instance's folder; it runs, and its relay logs are the archived ones.

    point
        Where to stop.

    Raises CommandExecutionError where the applier fails, stands still, or stops elsewhere.
    """
    with aside.session(place) as connection:
        if not _channels(connection):
            first = place / "logs" / f"relay-{REPLAY_CHANNEL}.000001"
            execute(
                connection,
                "CHANGE REPLICATION SOURCE TO RELAY_LOG_FILE = %s, RELAY_LOG_POS = 4,"
                " SOURCE_HOST = 'archive' FOR CHANNEL %s",
                (str(first), REPLAY_CHANNEL),
            )
        until = f" UNTIL SQL_BEFORE_GTIDS = '{point.stop_before}'" if point.stop_before else ""
        execute(connection, f"START REPLICA SQL_THREAD{until} FOR CHANNEL '{REPLAY_CHANNEL}'")
        executed = _await_end(connection, point, place)
        execute(connection, f"STOP REPLICA SQL_THREAD FOR CHANNEL '{REPLAY_CHANNEL}'")
    wrong = [
        f"{count_gtids(rest)} transactions {word} ({format_gtids(rest)})"
        for word, rest in (
            ("are missing", subtract_gtids(parse_gtids(point.gtids), parse_gtids(executed))),
            ("are too many", subtract_gtids(parse_gtids(executed), parse_gtids(point.gtids))),
        )
        if rest
    ]
    if wrong:
        raise CommandExecutionError(f"the replay stopped elsewhere: {'; '.join(wrong)}")


def _channels(connection: Any) -> bool:
    """Whether the channel of the replay is there; those that came with the data are given up."""
    names = [
        row["name"]
        for row in rows(
            connection,
            "SELECT CHANNEL_NAME AS name"
            " FROM performance_schema.replication_connection_configuration",
        )
    ]
    for name in names:
        if name != REPLAY_CHANNEL:
            execute(connection, "RESET REPLICA ALL FOR CHANNEL %s", (name,))
    return REPLAY_CHANNEL in names


def _await_end(connection: Any, point: Point, place: Path) -> str:
    """Wait until the applier is at its end or stopped, and return what it has executed."""
    wanted, last = parse_gtids(point.gtids), ""
    moved = time.monotonic()
    while True:
        (now,) = rows(
            connection,
            "SELECT SERVICE_STATE AS state, @@GLOBAL.gtid_executed AS executed"
            " FROM performance_schema.replication_applier_status WHERE CHANNEL_NAME = %s",
            (REPLAY_CHANNEL,),
        )
        executed = "".join(now["executed"].split())
        if now["state"] == "OFF":
            _raise_error(connection)
            return executed
        if not point.stop_before and not subtract_gtids(wanted, parse_gtids(executed)):
            return executed
        if executed != last:
            last, moved = executed, time.monotonic()
        if time.monotonic() - moved > STALL_SECONDS:
            raise CommandExecutionError(f"the replay has stood still for {STALL_SECONDS} s")
        space.check_left(place, "the replay")
        time.sleep(LOOK_SECONDS)


def _raise_error(connection: Any) -> None:
    for table in ("worker", "coordinator"):
        for row in rows(
            connection,
            f"SELECT LAST_ERROR_MESSAGE AS error"  # noqa: S608
            f" FROM performance_schema.replication_applier_status_by_{table}"
            " WHERE CHANNEL_NAME = %s AND LAST_ERROR_NUMBER <> 0",
            (REPLAY_CHANNEL,),
        ):
            raise CommandExecutionError(f"the replay failed: {row['error']}")


def restore_point(
    settings: Settings,
    name: str,
    point: str,
    around: int,
    wanted: str | None = None,
    accept: Callable[[Point], None] = lambda point: None,
) -> dict[str, Any]:
    """
    Restore a point in time to an instance aside, which runs afterwards.

    settings
        The machine's settings.

    name
        The instance's name, which none has yet.

    point, around, wanted
        As for :py:func:`preview`.

    accept
        Gets the point once it is found, and raises where it is not to be restored.

    Returns what that returns, with ``name``, ``socket`` and ``seconds``. Whatever fails, nothing is
    left aside.
    """
    begin, place = time.monotonic(), aside.place_of(settings, name)
    if place.exists():
        raise SaltInvocationError(
            f"name is '{name}', which is there already; backup_restore.drop_instance takes it away"
        )
    try:
        aside.make_folders(settings)
        folder = settings.place / "preview"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        source, index, found = locate(settings, point, folder, around, wanted)
        accept(found)
        manifest = restore_full(settings, source.full, place)
        for one in index:
            (folder / one["name"]).rename(place / "logs" / one["name"])
        shutil.rmtree(folder)
        give_logs(place, [one["name"] for one in index])
        aside.open_place(place)
        aside.start(place, manifest["made_with"])
        if index:
            replay(place, found)
    except BaseException:
        aside.remove(place)
        shutil.rmtree(settings.place / "preview", ignore_errors=True)
        raise
    return {
        **described(source, found),
        "name": name,
        "socket": aside.socket_of(place),
        "seconds": round(time.monotonic() - begin, 1),
    }


def check_files(place: Path) -> None:
    """Check each page of a restored instance's files; before it is started."""
    files = sorted((place / "data").rglob("*.ibd"))
    files += sorted((place / "data").glob("undo_*")) + sorted((place / "data").glob("ibdata*"))
    for path in files:
        if path.is_symlink() or not path.is_file():
            continue
        done = subprocess.run(  # noqa: S603
            ["innochecksum", str(path)],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            words = " ".join((done.stderr or done.stdout).split())[-300:]
            raise CommandExecutionError(
                f"{path.relative_to(place / 'data')} has a wrong page: {words}"
            )

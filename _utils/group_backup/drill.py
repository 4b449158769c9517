"""The drill: a full backup is restored aside from the repository, and compared with the truth."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from group_replication.connection import rows
from group_replication.gtid import count_gtids, format_gtids, parse_gtids, subtract_gtids
from group_replication.model import SYSTEM_SCHEMAS
from salt.exceptions import CommandExecutionError

from group_backup import archive, aside, channel, full, record, restic, restore
from group_backup.channel import local
from group_backup.model import LOGS, Settings, quoted
from group_backup.restic import Snapshot
from group_backup.restore import Source

NAME = "drill"
TABLES = (
    "SELECT TABLE_SCHEMA AS `schema`, TABLE_NAME AS name FROM information_schema.tables"
    " WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN %s ORDER BY 1, 2"
)


def content(connection: Any) -> dict[str, tuple[int, int | None]]:
    """Return number of rows and checksum of each table that is not the server's own."""
    found = {}
    for row in rows(connection, TABLES, (SYSTEM_SCHEMAS,)):
        table = f"{quoted(row['schema'])}.{quoted(row['name'])}"
        (count,) = rows(connection, f"SELECT COUNT(*) AS rows_there FROM {table}")  # noqa: S608
        (check,) = rows(connection, f"CHECKSUM TABLE {table}")
        found[f"{row['schema']}.{row['name']}"] = (count["rows_there"], check["Checksum"])
    return found


def unlike(
    restored: dict[str, tuple[int, int | None]], living: dict[str, tuple[int, int | None]]
) -> list[str]:
    """
    Return a sentence for each table that is not the same in both, or cannot be compared.

    restored, living
        By table its rows and its checksum.
    """
    found = []
    for table in sorted({*restored, *living}):
        here, there = restored.get(table), living.get(table)
        if here is None or there is None:
            found.append(f"{table} is only {'living' if here is None else 'restored'}")
        elif here[0] != there[0]:
            found.append(f"{table} has {here[0]} rows, and {there[0]} living")
        elif here[1] is None or here[1] != there[1]:
            found.append(f"{table} has another checksum than the living one")
    return found


def any_of(source: Source, index: list[Any], folder: Path) -> archive.Point | None:
    """Return a transaction after the full backup, each as likely as another, as a point."""

    def stream() -> Any:
        return archive.after(source.full.gtids, index, lambda name: archive.read(folder / name))

    chosen = ""
    for number, one in enumerate(stream(), 1):
        if random.randrange(number) == 0:  # noqa: S311
            chosen = one.gtid
    return archive.find(chosen, source.full.gtids, stream()) if chosen else None


def missing_before(settings: Settings, snapshot: Snapshot) -> str:
    """
    Return the GTID set between a full backup and this machine's own logs, or the empty text.

    Where there is one, as after another machine took the place of the one that made the backup, it
    cannot be brought to what this one's server holds.
    """
    logs = restic.snapshots(settings, LOGS)
    if not logs:
        return ""
    return format_gtids(
        restore.missing_between(snapshot.gtids, restore.read_index(settings, logs[-1]))
    )


def drill(settings: Settings, snapshot: Snapshot) -> dict[str, Any]:
    """
    Restore a full backup aside, bring it to two points, and compare it with the living server.

    settings, snapshot
        The machine's settings, and the full backup.

    Returns a dict: ``point`` (the random transaction that it was brought to, or ""), ``tables``,
    ``rows`` and ``transactions`` (replayed). Raises CommandExecutionError for whatever is not as it
    has to be.
    """
    place = aside.place_of(settings, NAME)
    aside.remove(place)
    try:
        manifest = restore.restore_full(settings, snapshot, place)
        restore.check_files(place)
        with local(settings, None) as living:
            # What the group writes meanwhile is received and waits.
            channel.pause(living)
            try:
                return _compare(settings, snapshot, place, manifest, living)
            finally:
                channel.resume(living)
    finally:
        aside.remove(place)


def _compare(
    settings: Settings, snapshot: Snapshot, place: Path, manifest: dict[str, Any], living: Any
) -> dict[str, Any]:
    saved = full.save_logs(settings)
    logs = next(
        one for one in restic.snapshots(settings, LOGS) if one.id.startswith(saved["snapshot"])
    )
    source = Source(snapshot, logs, restore.read_index(settings, logs))
    index = restore.fetch_logs(settings, source, place / "logs")
    point = any_of(source, index, place / "logs")
    restore.give_logs(place, [one["name"] for one in index])
    aside.open_place(place)
    aside.start(place, manifest["made_with"])
    with aside.session(place) as connection:
        (own,) = rows(connection, "SELECT @@GLOBAL.gtid_executed AS gtids")
    if parse_gtids(own["gtids"]) != parse_gtids(snapshot.gtids):
        raise CommandExecutionError(
            f"the full backup has {own['gtids']}, and was saved as {snapshot.gtids}"
        )
    if point is not None:
        restore.replay(place, point)
    end = archive.Point(saved["gtids"], "", (), ())
    rest = subtract_gtids(parse_gtids(saved["gtids"]), parse_gtids(snapshot.gtids))
    if rest:
        restore.replay(place, end)
    with aside.session(place) as connection:
        restored = content(connection)
    wrong = unlike(restored, content(living))
    if wrong:
        raise CommandExecutionError(
            f"at {format_gtids(parse_gtids(saved['gtids']))}: {'; '.join(wrong[:20])}"
        )
    return {
        "point": point.before[-1].gtid if point is not None else "",
        "transactions": count_gtids(rest),
        "tables": len(restored),
        "rows": sum(count for count, _ in restored.values()),
    }


def run(settings: Settings, snapshot: Snapshot) -> dict[str, Any]:
    """Drill a full backup, and remember what came of it."""
    begin = time.time()
    try:
        found = drill(settings, snapshot)
    except (CommandExecutionError, OSError) as err:
        seconds = round(time.time() - begin, 1)
        record.note_drill(
            settings,
            snapshot.id,
            {"error": str(err), "at": int(time.time()), "seconds": seconds},
        )
        raise CommandExecutionError(
            f"the drill of full backup {snapshot.id[:8]} failed: {err}"
        ) from err
    said = {**found, "at": int(time.time()), "seconds": round(time.time() - begin, 1)}
    record.note_drill(settings, snapshot.id, said)
    return {"snapshot": snapshot.id, **said}

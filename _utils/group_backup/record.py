"""What the backup machine remembers of its backups and drills, and the metric made of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from group_replication import lock
from whole_file import write_whole

from group_backup.model import RECORD_LOCK_FILE, Settings

# Where Debian's node exporter reads metrics of others.
METRICS_FOLDER = Path("/var/lib/prometheus/node-exporter")
METRICS = "mysql-gr-backup.prom"
# Of so many fulls the results are kept; the repository itself says which there are.
KEPT = 100
LOCK_SECONDS = 30.0


def _path(settings: Settings) -> Path:
    return settings.place / "record.json"


def read(settings: Settings) -> dict[str, Any]:
    """Return what is remembered; empty where nothing is."""
    try:
        found = json.loads(_path(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}


def note(settings: Settings, what: str, value: Mapping[str, Any]) -> None:
    """Remember what became of something: ``full``, ``logs``, ``behind``."""
    _change(settings, lambda found: {**found, what: dict(value)})


def note_drill(settings: Settings, snapshot: str, value: Mapping[str, Any]) -> None:
    """Remember a drill, as the last one and with the full backup that it was of."""

    def changed(found: dict[str, Any]) -> dict[str, Any]:
        drills = {**found.get("drills", {}), snapshot: dict(value)}
        kept = dict(list(drills.items())[-KEPT:])
        return {**found, "drills": kept, "drill": {"snapshot": snapshot, **value}}

    _change(settings, changed)


def _change(settings: Settings, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    # The watch writes beside a full backup.
    refusal = f"{RECORD_LOCK_FILE} is held for {LOCK_SECONDS} s"
    with lock.alone(LOCK_SECONDS, RECORD_LOCK_FILE, refusal):
        found = changed(read(settings))
        # From here on a first drill is awaited.
        found.setdefault("since", int(time.time()))
        write_whole(_path(settings), json.dumps(found, indent=2) + "\n", 0o600)
        write_metrics(found)


def metrics(found: Mapping[str, Any]) -> str:
    """
    Return metrics as Prometheus reads them.

    found
        What is remembered.
    """
    lines: list[str] = []

    def say(name: str, what: str, value: Any) -> None:
        if value is not None:
            full = f"mysql_gr_backup_{name}"
            lines.extend(
                (f"# HELP {full} {what}", f"# TYPE {full} gauge", f"{full} {float(value):.3f}")
            )

    behind = found.get("behind", {})
    say("follows", "1 while both threads of the channel run.", _follows(behind))
    say("behind_seconds", "Age of the last applied transaction, or 0.", behind.get("seconds"))
    say("not_received", "Transactions not yet received.", behind.get("not_received"))
    say("behind_time", "When that was asked, since 1970.", behind.get("at"))
    say("free_bytes", "What is free where archive and copies are.", behind.get("free"))
    for what in ("full", "logs"):
        one = found.get(what, {})
        say(f"{what}_ok", f"1 where the last run of {what} was well.", _ok(one))
        say(f"{what}_time", "When the last one that was well ended, since 1970.", one.get("well"))
    drill = found.get("drill", {})
    say("drill_ok", "1 where the last full was restored and found equal.", _ok(drill))
    say("drill_time", "When the last drill ended, since 1970.", drill.get("at"))
    return "\n".join(lines) + "\n"


def _ok(one: Mapping[str, Any]) -> int | None:
    return None if not one else int(not one.get("error"))


def _follows(behind: Mapping[str, Any]) -> int | None:
    if not behind:
        return None
    return int(behind.get("receiver") == "ON" and behind.get("applier") == "ON")


def write_metrics(found: Mapping[str, Any]) -> None:
    """Write the metrics where the node exporter reads them, if it is there."""
    if METRICS_FOLDER.is_dir():
        write_whole(METRICS_FOLDER / METRICS, metrics(found), 0o644)


def drill_problem(found: Mapping[str, Any], hours: int, now: float, location: str) -> str:
    """
    Return what is wrong with the last drill, full backup or saved logs, or the empty text.

    found
        What is remembered.

    hours
        How old a drill may be.

    now
        Seconds since 1970.

    location
        Where the repository is.
    """
    drill, full = found.get("drill"), found.get("full") or {}
    if drill and drill.get("error"):
        return f"the drill of full backup {drill['snapshot'][:8]} failed: {drill['error']}"
    if full.get("error"):
        return f"the last full backup failed: {full['error']}"
    if full.get("location", location) != location:
        return (
            f"no full backup is in {location} yet: the last one is in {full['location']} "
            "(backup.take)"
        )
    if full.get("undumped"):
        return f"the last full backup lacks a dump of pillar backup:dumps: {full['undumped']}"
    logs = found.get("logs") or {}
    if logs.get("error"):
        return f"the archived logs were not saved: {logs['error']}"
    if logs.get("gap"):
        return f"the archive has a gap until a full backup is taken (backup.take): {logs['gap']}"
    since = drill["at"] if drill else found.get("since")
    if since is not None and now - since > hours * 3600:
        age = (now - since) / 3600
        return (
            f"the last drill is {age:.0f} hours old; expected one of {hours} at most"
            if drill
            else f"no full backup was drilled in {age:.0f} hours; expected one in {hours}"
        )
    return ""

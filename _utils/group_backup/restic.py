"""The repository, by restic: its secrets in files and in its own environment, never in words."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError

from group_backup import model
from group_backup.model import Settings

# What restic says where there is no repository, and where another process has it locked.
NO_REPOSITORY, LOCKED = 10, 11
ASK_SECONDS = 120
GTID_TAG = "gtid="


class Snapshot(NamedTuple):
    """What the repository says of one backup."""

    id: str
    # Seconds since 1970, and restic's own words for that.
    time: str
    tags: tuple[str, ...]

    @property
    def gtids(self) -> str:
        """The GTID set that it holds."""
        return ",".join(one.removeprefix(GTID_TAG) for one in self.tags if one.startswith(GTID_TAG))

    def said(self, name: str) -> str:
        """Return the value of a tag ``name=value``, or the empty text."""
        return next(iter(self.all_said(name)), "")

    def all_said(self, name: str) -> list[str]:
        """Return the values of all tags ``name=value``."""
        return [one.partition("=")[2] for one in self.tags if one.startswith(f"{name}=")]


def gtid_tags(gtids: str) -> list[str]:
    """Return a GTID set as tags: restic divides a tag at a comma, so each source has its own."""
    return [GTID_TAG + part for part in "".join(gtids.split()).split(",") if part]


def run(
    settings: Settings, arguments: Sequence[str], seconds: float | None = None, cwd: str = "/"
) -> subprocess.CompletedProcess[str]:
    """Run restic, and return what it said; the exit code is looked at by who asks."""
    cache = settings.place / "cache"
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/root",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108
        "RESTIC_CACHE_DIR": str(cache),
        "RESTIC_PASSWORD_FILE": str(model.PASSWORD_FILE),
        "RESTIC_REPOSITORY_FILE": str(model.LOCATION_FILE),
        **settings.environment,
    }
    try:
        return subprocess.run(  # noqa: S603
            ["restic", *arguments],  # noqa: S607
            env=environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as err:
        raise CommandExecutionError("restic is not installed") from err
    except subprocess.TimeoutExpired as err:
        raise CommandExecutionError(
            f"the repository did not answer restic {arguments[0]} within {seconds} s"
        ) from err


def _asked(settings: Settings, arguments: Sequence[str], seconds: float | None = None) -> str:
    done = run(settings, arguments, seconds)
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())[-600:]
        raise CommandExecutionError(
            f"restic {arguments[0]} failed (exit code {done.returncode}): {words}"
        )
    return done.stdout


def is_there(settings: Settings) -> bool:
    """Tell whether there is a repository; one that cannot be asked is an error."""
    done = run(settings, ["cat", "config", "--no-lock"], ASK_SECONDS)
    if done.returncode == NO_REPOSITORY:
        return False
    if done.returncode != 0:
        raise CommandExecutionError(
            f"the repository cannot be opened: {' '.join(done.stderr.split())[-600:]}"
        )
    return True


def make(settings: Settings) -> None:
    """Make the repository, encrypted with the password in its file."""
    _asked(settings, ["init"], ASK_SECONDS)


def unlock(settings: Settings) -> None:
    """Take away the locks of runs that are no more; one that is at work keeps its own."""
    _asked(settings, ["unlock"], ASK_SECONDS)


def save(
    settings: Settings, paths: Sequence[Path], tags: Sequence[str], without: Sequence[Path] = ()
) -> dict[str, Any]:
    """Save paths as one snapshot; return restic's own summary, with ``snapshot_id``."""
    words = [word for path in without for word in ("--exclude", str(path))]
    words += [word for tag in tags for word in ("--tag", tag)]
    out = _asked(
        settings, ["backup", "--json", "--quiet", "--host", settings.me, *words, *map(str, paths)]
    )
    for line in reversed(out.splitlines()):
        said = json.loads(line)
        if said.get("message_type") == "summary":
            return dict(said)
    raise CommandExecutionError("restic backup said nothing of what it has saved")


def snapshots(settings: Settings, kind: str) -> list[Snapshot]:
    """Return all backups of a kind, the oldest first."""
    out = _asked(settings, ["snapshots", "--json", "--no-lock", "--tag", kind], ASK_SECONDS)
    found = [
        Snapshot(one["id"], one["time"], tuple(one.get("tags") or ())) for one in json.loads(out)
    ]
    # By what the backup machine wrote: restic's own time is that of its end of the line.
    return sorted(found, key=lambda one: (one.said("at"), one.time))


def restore(
    settings: Settings, snapshot: str, folder: str, target: Path, include: Sequence[str] = ()
) -> None:
    """Restore what is below a folder of a snapshot to a place; whole, or it is an error."""
    words = [word for one in include for word in ("--include", f"/{one}")]
    _asked(
        settings,
        ["restore", f"{snapshot}:{folder}", "--target", str(target), "--quiet", *words],
    )


def size(settings: Settings, snapshot: str) -> int:
    """Return how many bytes a snapshot is restored to."""
    out = _asked(
        settings,
        ["stats", "--json", "--no-lock", "--mode", "restore-size", snapshot],
        ASK_SECONDS,
    )
    return int(json.loads(out)["total_size"])


def read(settings: Settings, snapshot: str, path: str) -> str:
    """Return what one file of a snapshot holds."""
    return _asked(settings, ["dump", "--no-lock", snapshot, path], ASK_SECONDS)


def forget(settings: Settings, kind: str, by: str) -> None:
    """Leave of a kind what days, weeks and months are kept for."""
    _asked(
        settings,
        [
            *("forget", "--tag", kind, "--group-by", by, "--quiet"),
            # A full backup of this day must not put out the one before what somebody did today.
            *("--keep-last", "1", "--keep-within", "2d", "--keep-daily", str(settings.keep_days)),
            *("--keep-weekly", str(settings.keep_weeks)),
            *("--keep-monthly", str(settings.keep_months)),
        ],
    )


def prune(settings: Settings) -> None:
    """Give up the space of what no snapshot needs."""
    _asked(settings, ["prune", "--quiet"])


def check(settings: Settings, part: str) -> None:
    """Check the repository's structure, and read a part of its data, such as ``10%``."""
    _asked(settings, ["check", "--quiet", f"--read-data-subset={part}"])

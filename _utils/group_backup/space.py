"""Free space: asked for before something large is begun, and told when it runs out."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from salt.exceptions import CommandExecutionError

from group_backup.model import Settings

MIB = 1024 * 1024
# What the group writes meanwhile is received, applied and archived in the same file system: where
# that is full, all of it stands still.
RESERVE = 256 * MIB
# Where so little is left, what is at work beside it gives way.
LEAST = 64 * MIB


class SpaceError(CommandExecutionError):
    """There is not enough space for something."""


def free(folder: Path) -> int:
    """Return how many bytes others than root may write below a folder."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def mount_of(folder: Path) -> str:
    """Return where the file system of a folder begins."""
    place = folder.resolve()
    while not place.is_mount():
        place = place.parent
    return str(place)


def size(folder: Path) -> int:
    """Return how many bytes the files below a folder take on the disk."""
    found = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            # A server that is at work takes files away meanwhile.
            with contextlib.suppress(FileNotFoundError):
                found += os.lstat(Path(parent, name)).st_blocks * 512
    return found


def check(folder: Path, needed: int, what: str) -> None:
    """
    Refuse to begin what would leave less than the reserve.

    folder
        Where it is written.

    needed
        Its bytes.

    what
        What it is, for the sentence.
    """
    there = free(folder)
    if there < needed + RESERVE:
        raise SpaceError(
            f"{what} needs {mib(needed + RESERVE)} in {mount_of(folder)}, where {mib(there)} are "
            f"free; {mib(RESERVE)} of them are kept for what the group writes meanwhile. Nothing "
            "was begun"
        )


def check_left(folder: Path, what: str) -> None:
    """Refuse to go on with something that leaves no room for what the group writes."""
    there = free(folder)
    if there < LEAST:
        raise SpaceError(
            f"{what} was given up: {mib(there)} are free in {mount_of(folder)}, and {mib(LEAST)} "
            "are kept for what the group writes meanwhile"
        )


def mib(count: int) -> str:
    """Return bytes as people read them, rounded up."""
    return f"{-(-count // MIB)} MiB"


def problem(settings: Settings) -> str:
    """
    Say which file system of this machine runs out of space, or return the empty text.

    settings
        The machine's settings: its server's data, its archive, and a repository that is a folder.
    """
    folders = [Path(settings.data_directory), settings.place]
    if settings.location.startswith("/"):
        folders.append(Path(settings.location))
    for folder in folders:
        if folder.is_dir() and (there := free(folder)) < RESERVE:
            return (
                f"there is too little space in {mount_of(folder)}, where {folder} is: "
                f"{mib(there)} are free, expected {mib(RESERVE)}. Nothing is lost: what the group "
                "writes is received, and saved, once there is space"
            )
    return ""

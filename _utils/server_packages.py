"""The packages that one source makes: which are installed, and what apt has in their place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError

# Salt's cmd.run_all: a list of arguments to retcode, stdout and stderr.
Run = Callable[..., Mapping[str, Any]]
FIELDS = ("Package", "Version", "source:Package", "db:Status-Status", "db:Status-Want")
# Where apt keeps what it has fetched.
ARCHIVES = Path("/var/cache/apt/archives")
# Where a program may lie and be run, and root alone writes.
SCRATCH = "/var/cache"
# What stays free beside: other packages that come along, and logs.
SPARE_BYTES = 256 << 20
FORMAT = "\t".join(f"${{{field}}}" for field in FIELDS) + "\n"


def said(run: Run, *command: str) -> str:
    """Return what a program writes; raise CommandExecutionError where it fails."""
    done = run(list(command), python_shell=False, ignore_retcode=True, env={"LC_ALL": "C"})
    if done["retcode"]:
        raise CommandExecutionError(f"{command[0]}: {done['stderr'] or done['stdout']}")
    return str(done["stdout"])


def of_source(listed: str, name: str) -> dict[str, dict[str, Any]]:
    """
    Return the packages that are there and come from the same source as one of them.

    listed
        What dpkg-query lists by FORMAT.

    name
        The package, which need not be there: then there is none.

    Returns a dict of package to ``version``, ``whole`` (bool: unpacked and configured) and ``held``
    (bool).
    """
    rows = [line.split("\t") for line in listed.splitlines()]
    # What was removed and left its configuration is no longer there.
    rows = [row for row in rows if len(row) == len(FIELDS)]
    rows = [row for row in rows if row[3] not in ("not-installed", "config-files")]
    source = next((row[2] for row in rows if row[0] == name), None)
    return {
        row[0]: {"version": row[1], "whole": row[3] == "installed", "held": row[4] == "hold"}
        for row in rows
        if row[2] == source
    }


def installed(run: Run, name: str) -> dict[str, dict[str, Any]]:
    """Ask dpkg for what :py:func:`of_source` returns."""
    return of_source(said(run, "dpkg-query", "--show", f"--showformat={FORMAT}"), name)


def candidates(run: Run, names: Iterable[str]) -> dict[str, str]:
    """Return the versions of packages that apt would install; one that it does not know is out."""
    found, name = {}, ""
    for line in said(run, "apt-cache", "policy", *names).splitlines():
        if line and not line.startswith(" "):
            name = line.rstrip(":")
        key, _, value = line.strip().partition(": ")
        if key == "Candidate" and value != "(none)":
            found[name] = value
    return found


def candidate(run: Run, name: str) -> str:
    """Return the version that apt would install, or the empty text."""
    return candidates(run, [name]).get(name, "")


class Size(NamedTuple):
    """Bytes of a package, as it is fetched and as it is unpacked."""

    fetched: int
    unpacked: int


def sizes(run: Run, names: Iterable[str], version: str) -> dict[str, Size]:
    """
    Return how large packages of a version are.

    run
        Salt's cmd.run_all.

    names, version
        The packages, and the version of all of them.

    Raises CommandExecutionError where apt has no such version of one.
    """
    found = {}
    for name in names:
        shown = said(run, "apt-cache", "show", "--no-all-versions", f"{name}={version}")
        fields = dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line)
        if fields.get("Version") != version:
            raise CommandExecutionError(f"apt has no {name} {version}")
        unpacked = int(fields.get("Installed-Size", 0)) * 1024
        found[name] = Size(int(fields.get("Size", 0)), unpacked)
    return found


def lacking_room(needs: Mapping[str, int], free: Mapping[str, tuple[int, int]]) -> str:
    """
    Say where there is not enough room, or return the empty text.

    needs
        Folder to the bytes that are to be written there.

    free
        Folder to its file system's number, and to the bytes that are free on that.
    """
    for device in {free[folder][0] for folder in needs}:
        folders = sorted(folder for folder in needs if free[folder][0] == device)
        wanted = sum(needs[folder] for folder in folders) + SPARE_BYTES
        there = free[folders[0]][1]
        if there < wanted:
            where = " and ".join(folders)
            return f"{where}: {there >> 20} MiB are free, {wanted >> 20} MiB are wanted"
    return ""


def free_of(folders: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return what :py:func:`lacking_room` takes as ``free``."""
    found = {}
    for folder in folders:
        there = os.statvfs(folder)
        found[folder] = (Path(folder).stat().st_dev, there.f_bavail * there.f_frsize)
    return found


def why_not(run: Run, versions: Mapping[str, str]) -> str:
    """
    Say why packages cannot come in, or return the empty text.

    run
        Salt's cmd.run_all.

    versions
        Package to the version that it would get.

    apt has to have them, and there has to be room to fetch them, to try them and for them.
    """
    try:
        found = [
            size
            for name, version in versions.items()
            for size in sizes(run, [name], version).values()
        ]
    except CommandExecutionError as err:
        return str(err)
    unpacks = sum(one.unpacked for one in found)
    needs = {
        str(ARCHIVES): sum(one.fetched for one in found),
        # A new program is tried there.
        SCRATCH: unpacks,
        "/usr": unpacks,
    }
    return lacking_room(needs, free_of(needs))


def archive(name: str, version: str, folder: Path = ARCHIVES) -> Path | None:
    """Return the file of a package that apt has fetched, or None."""
    # A colon stands in no name of a file.
    found = sorted(folder.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"))
    return found[0] if found else None


@contextmanager
def unpack(run: Run, archives: Iterable[Path]) -> Iterator[Path]:
    """Return a context with a folder that holds what packages would install; it is removed then."""
    with tempfile.TemporaryDirectory(prefix="mysql-gr-", dir=SCRATCH) as name:
        # A program may read its plugins as its own user.
        Path(name).chmod(0o755)
        for one in archives:
            said(run, "dpkg-deb", "--extract", str(one), name)
        yield Path(name)


def _apt_env() -> dict[str, str]:
    """Nobody is there to answer questions."""
    return {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def fetch(run: Run, versions: Mapping[str, str]) -> None:
    """
    Have apt fetch packages with all that they bring along, and install none.

    run
        Salt's cmd.run_all.

    versions
        Package to version. Held ones are fetched, too.

    Raises CommandExecutionError with apt's words where that fails.
    """
    command = [
        *("apt-get", "--quiet", "--yes", "--download-only", "--no-install-recommends"),
        *("--option", "DPkg::Lock::Timeout=120", "--allow-change-held-packages", "install"),
        *(f"{name}={version}" for name, version in versions.items()),
    ]
    done = run(command, python_shell=False, ignore_retcode=True, env=_apt_env())
    if done["retcode"]:
        raise CommandExecutionError(f"apt-get: {done['stderr'] or done['stdout']}")


def configure(run: Run) -> None:
    """Have dpkg end what it was interrupted at, with the options files that are there."""
    command = ["dpkg", "--force-confdef", "--force-confold", "--configure", "--pending"]
    done = run(command, python_shell=False, ignore_retcode=True, env=_apt_env())
    if done["retcode"]:
        raise CommandExecutionError(f"dpkg: {done['stderr'] or done['stdout']}")

"""Who let which release serve, and when: noted with each release for as long as it is kept."""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import salt.exceptions
import salt.payload
import salt.utils.user

# Of what is noted of an application's releases.
NOTED = "deployments"
# So many are kept of a release that is taken up again and again.
KEPT = 20


def caller(cachedir: str) -> str:
    """
    Return the user who called the function that runs, as Salt knows it.

    cachedir
        The minion's: each of its jobs has a file there while it runs.

    A call on the machine itself is the user's who is logged in: ``root`` or ``sudo_jane``.
    """
    jobs = Path(cachedir) / "proc"
    for path in sorted(jobs.iterdir()) if jobs.is_dir() else ():
        try:
            job = salt.payload.loads(path.read_bytes())
        # One that has just ended, or is being written.
        except (OSError, salt.exceptions.SaltDeserializationError):
            continue
        if isinstance(job, dict) and job.get("pid") == os.getpid() and job.get("user"):
            return str(job["user"])
    return str(salt.utils.user.get_specific_user())


def with_deployment(
    noted: Mapping[str, Any], release: str, who: str, how: str, there: Collection[str]
) -> dict[str, Any]:
    """
    Return what is noted of an application's releases with one that serves from now on.

    noted
        What is noted so far.

    release, who, how
        The release, who let it serve, and by what: ``deployed`` or ``rolled back``.

    there
        The releases that are kept: of others nothing is.
    """
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    kept = kept_deployments(noted, {*there, release})
    kept[release] = [*kept.get(release, []), {"at": now, "by": who, "how": how}][-KEPT:]
    return {**noted, NOTED: kept}


def kept_deployments(
    noted: Mapping[str, Any], there: Collection[str]
) -> dict[str, list[dict[str, str]]]:
    """Return the deployments of the releases that are there."""
    return {name: told for name, told in noted.get(NOTED, {}).items() if name in there}

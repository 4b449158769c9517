"""Folders of the code that outlive a release: in each they are links into the storage."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pillar_check import invalid

from laravel_deploy.applications import FIRST
from laravel_deploy.beneath import folder, make_folders
from laravel_deploy.layout import SHARED

# No part begins with a dot, so that none leads out of the release or is hidden from the web.
PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
# Of these nothing may be shared: the storage is, and the rest is code that is made at a build.
MADE = ("bootstrap", "node_modules", "storage", "vendor")
# These are the code itself, or are served by another rule.
WHOLE = ("app", "config", "database", "public", "public/storage", "resources", "routes")
PUBLIC = "public/"


def parse_shared_folders(given: Any, pillar: str = FIRST) -> list[str]:
    """
    Return the folders that are shared, in order.

    given
        What the pillar has at ``shared_folders``.

    pillar
        Where the application's settings are.

    Raises SaltInvocationError that names the key, the value, and what would be right.
    """
    place = f"{pillar}:shared_folders"
    if given is not None and not isinstance(given, list):
        raise invalid(place, given, "a list of folders of the code, such as public/uploads")
    for path in given or []:
        if not isinstance(path, str) or not PATH.fullmatch(path):
            raise invalid(place, path, "a folder's path in the code, such as public/uploads")
        if path in WHOLE or path.split("/")[0] in MADE:
            raise invalid(place, path, "a folder that holds no code, such as public/uploads")
    found = sorted(set(given or []))
    for path in found:
        for above in found:
            if path.startswith(f"{above}/"):
                raise invalid(place, path, f"a folder outside of {above}, which is shared")
    return found


def place_in_storage(path: str) -> str:
    """Return where a shared folder is in the storage: what is served there is among what is."""
    return f"app/{path}"


def storage_folders(paths: Sequence[str]) -> list[str]:
    """Return the folders in the storage that shared ones need, each behind those above it."""
    needed: set[str] = set()
    for path in paths:
        place = PurePosixPath(place_in_storage(path))
        needed |= {str(one) for one in (place, *place.parents)}
    return sorted(needed - {".", "app", "app/public"})


def served(paths: Sequence[str]) -> list[str]:
    """Return of the shared folders those that clients reach, as paths below the site's root."""
    return [path.removeprefix(PUBLIC) for path in paths if path.startswith(PUBLIC)]


def suffix(paths: Sequence[str]) -> str:
    """Return what tells releases apart that share other folders; nothing where none is shared."""
    return hashlib.sha256("\0".join(sorted(paths)).encode()).hexdigest()[:6] if paths else ""


def link_shared(release: Path, paths: Sequence[str]) -> None:
    """
    Make the links of a release into the storage.

    release
        The release, which is root's, in the folder of all releases.

    paths
        The shared folders, none of which is there.
    """
    for path in paths:
        above, name = os.path.split(path)
        with folder(release) as at:
            make_folders(at, above, 0o755)
        up = "../" * (2 + path.count("/"))
        with folder(release, above) as at:
            os.symlink(f"{up}{SHARED}/storage/{place_in_storage(path)}", name, dir_fd=at)

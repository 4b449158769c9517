"""The composer.lock that a build on one web server made, for the builds on the others."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

from laravel_deploy.composer import LOCKS
from laravel_deploy.files import write_text
from laravel_deploy.layout import RELEASES, SHARED
from laravel_deploy.lock import locked
from laravel_deploy.masking import URL_USERINFO

# Of a release, in the order of LOCKS, which are those of shared/.
MADE = ("composer.json", "composer.lock")


def packed_lock(root: Path, release: str) -> str:
    """
    Return composer.json and composer.lock of a release, packed; nothing where others have them.

    root, release
        The folder of the releases, and the release's name.

    A lock that comes with the code is not handed on, nor one with credentials in a URL: what one
    machine tells another stands in the master's cache of jobs.
    """
    texts = [_text(root / RELEASES / release / name) for name in MADE]
    kept = [_text(root / SHARED / name) for name in LOCKS]
    if texts != kept or not all(texts) or any(URL_USERINFO.search(text) for text in texts):
        return ""
    return base64.b64encode(zlib.compress(json.dumps(texts).encode(), 9)).decode()


def take_lock(root: Path, packed: str) -> bool:
    """
    Have the next build take the packages that a lock names.

    root
        The folder of the releases.

    packed
        What :py:func:`packed_lock` returned on another web server.

    Returns whether another one was there.
    """
    texts = json.loads(zlib.decompress(base64.b64decode(packed)))
    with locked(str(root)):
        if texts == [_text(root / SHARED / name) for name in LOCKS]:
            return False
        owner = {"user": "root", "group": "root", "mode": "0644"}
        for name, text in zip(LOCKS, texts, strict=True):
            write_text(root / SHARED / name, text, owner)
    return True


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""

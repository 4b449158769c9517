"""The names of locks in servers (GET_LOCK): all members know them, and no other account does."""

from __future__ import annotations

import hashlib

from group_replication.model import Settings


def lock_name(settings: Settings, purpose: str) -> str:
    """
    Return the name of a group's lock. A password is in it: any account may take what it can name.

    settings
        The group's settings.

    purpose
        What it is for, in a word.
    """
    key = settings.admin.password.encode()[:64]
    digest = hashlib.blake2b(settings.group.encode(), key=key, digest_size=16).hexdigest()
    return f"{purpose}-{digest}"

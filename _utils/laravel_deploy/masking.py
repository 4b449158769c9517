"""What may be shown: values and texts without the secrets in them."""

from __future__ import annotations

import re

MASK = "**********"
SECRET_NAMES = re.compile(r"KEY|PASSWORD|PASSPHRASE|SECRET|TOKEN", re.IGNORECASE)
URL_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def masked(name: str, value: str) -> str:
    """Return what may be shown of a variable's value."""
    if value and SECRET_NAMES.search(name):
        return MASK
    return URL_USERINFO.sub(MASK, value)

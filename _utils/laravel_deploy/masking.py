"""What may be shown: values and texts without the secrets in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "**********"
SECRET_NAMES = re.compile(r"KEY|PASSWORD|PASSPHRASE|SECRET|TOKEN", re.IGNORECASE)
URL_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def masked(name: str, value: str) -> str:
    """Return what may be shown of a variable's value."""
    if value and SECRET_NAMES.search(name):
        return MASK
    return URL_USERINFO.sub(MASK, value)


def redacted(text: str, values: Mapping[str, str]) -> str:
    """Return a text without the secrets among these variables, and without credentials in URLs."""
    for name, value in values.items():
        if len(value) > 3 and SECRET_NAMES.search(name):
            text = text.replace(value, MASK)
    return URL_USERINFO.sub(MASK, text)

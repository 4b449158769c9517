"""What may be shown: values and texts without the secrets in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

MASK = "**********"
SECRET_NAMES = re.compile(r"KEY|PASSWORD|PASSPHRASE|SECRET|TOKEN", re.IGNORECASE)
URL_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def is_secret(name: str, declared: Collection[str] = ()) -> bool:
    """Tell whether a variable is a secret: by its name, or since it was declared to be one."""
    return name in declared or bool(SECRET_NAMES.search(name))


def masked(name: str, value: str, declared: Collection[str] = ()) -> str:
    """Return what may be shown of a variable's value."""
    if value and is_secret(name, declared):
        return MASK
    return URL_USERINFO.sub(MASK, value)


def redacted(text: str, values: Mapping[str, str], declared: Collection[str] = ()) -> str:
    """Return a text without the secrets among these variables, and without credentials in URLs."""
    # The longest first: one may be a part of another.
    for name, value in sorted(values.items(), key=lambda item: -len(item[1])):
        if len(value) > 3 and is_secret(name, declared):
            text = text.replace(value, MASK)
    return URL_USERINFO.sub(MASK, text)

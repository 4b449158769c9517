"""A configuration as HAProxy spells it: text to sections and directives, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

from salt.exceptions import SaltInvocationError

BANNER = (
    "# Kept by Salt from the pillar (haproxy:sections): what is changed here by hand is replaced.\n"
)
# The characters that HAProxy takes for blanks. str.strip() would take U+00A0 and others too.
BLANKS = " \t\r\v\f"
# Each keyword that begins a section, and whether a name has to follow.
SECTIONS = {
    "global": False,
    "defaults": False,
    "frontend": True,
    "backend": True,
    "listen": True,
    "acme": True,
    "cache": True,
    "crt-store": False,
    "fcgi-app": True,
    "http-errors": True,
    "log-forward": True,
    "log-profile": True,
    "mailers": True,
    "namespace_list": False,
    "peers": True,
    "program": True,
    "resolvers": True,
    "ring": True,
    "traces": False,
    "userlist": True,
}
NAME = re.compile(r"[A-Za-z0-9_.:-]+")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def first_word(line: str) -> str:
    """Return what stands before the first blank."""
    return re.split(f"[{BLANKS}]", line, maxsplit=1)[0]


def parse(text: str) -> dict[str, list[str]]:
    """
    Return the sections of a configuration and their directives, in order.

    Raises SaltInvocationError when a section appears twice or a directive stands before the first.
    """
    sections: dict[str, list[str]] = {}
    directives: list[str] | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(BLANKS)
        if not line:
            continue
        if first_word(line) in SECTIONS:
            header = " ".join(line.split("#")[0].split())
            if header in sections:
                raise SaltInvocationError(
                    f"line {number}: the section {header!r} appears a second time: make them one"
                )
            directives = sections.setdefault(header, [])
        elif directives is not None:
            directives.append(line)
        elif not line.startswith("#"):
            raise SaltInvocationError(
                f"line {number} stands before the first section: a section begins with one of "
                + ", ".join(SECTIONS)
            )
    return sections


def as_text(sections: Mapping[str, list[str]]) -> str:
    """Return the whole file's text."""
    blocks = ["".join([f"\n{h}\n", *(f"    {d}\n" for d in ds)]) for h, ds in sections.items()]
    return BANNER + "".join(blocks)

"""Packages of the distribution that a measurement needs on a machine, for as long as it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.lab import Lab


class Change(NamedTuple):
    """What apt would do."""

    installed: list[str]
    removed: list[str]


def change(text: str) -> Change:
    """Return what apt would do, from what it says when it is only asked (``apt-get -s``)."""
    found = re.findall(r"^(Inst|Remv) (\S+)", text, re.MULTILINE)
    return Change(
        [name for what, name in found if what == "Inst"],
        [name for what, name in found if what == "Remv"],
    )


@contextmanager
def installed(lab: Lab, machine: str, *packages: str) -> Iterator[None]:
    """Return a context in which a machine has packages; what was missing is gone at its end.

    Raises AssertionError before anything is touched if another package would have to go for them.
    """
    names = " ".join(packages)
    wanted = f"install --no-install-recommends {names}"
    asked = change(
        lab.run(
            machine,
            f"apt-get -s {wanted} 2> /dev/null || {{ apt-get -qq update && apt-get -s {wanted}; }}",
        )
    )
    if asked.removed:
        raise AssertionError(f"{machine}: {names} would remove {', '.join(asked.removed)}")
    if not asked.installed:
        yield
        return
    apt = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120"
    try:
        lab.run(machine, f"{apt} {wanted} > /dev/null || {{ {apt} update && {apt} {wanted}; }}")
        yield
    finally:
        lab.run(machine, f"{apt} purge {' '.join(asked.installed)} > /dev/null")

"""Which AUTO_INCREMENT values each member gives out: a step, and an offset of its own."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from pillar_check import invalid

from group_replication.model import MEMBERS_MAX

# What the server takes.
STEP_MAX = 65535
# Each divides the next, so that a table of nodes that grows makes nobody collide: whom a step keeps
# apart, a member with that step and one with a later step are apart, too. The first is enough for
# as many addresses in a row as a group has members.
STEPS = tuple(MEMBERS_MAX * 2**n for n in range(13))


def offset_of(address: str, step: int) -> int:
    """
    Return the offset of a member, from 1 to the step.

    address
        The member's IPv4 address: its offset stays, whoever else is declared, and in what order.

    step
        The distance between two values that one member gives out.
    """
    return 1 + int(ipaddress.IPv4Address(address)) % step


def same_offset(nodes: Mapping[str, str], step: int) -> tuple[str, str] | None:
    """
    Return two members that would give out the same values, or None.

    nodes
        Declared names and addresses.

    step
        As for :py:func:`offset_of`.
    """
    found: dict[int, str] = {}
    for name, address in nodes.items():
        other = found.setdefault(offset_of(address, step), name)
        if other != name:
            return other, name
    return None


def step_of(nodes: Mapping[str, str]) -> int:
    """
    Return the smallest of ``STEPS`` with which no two members give out the same values.

    nodes
        Declared names and addresses. Raises SaltInvocationError where no step keeps them apart.
    """
    for step in STEPS:
        if not same_offset(nodes, step):
            return step
    one, other = same_offset(nodes, STEPS[-1]) or ("", "")
    raise invalid(
        "cluster:nodes",
        f"{one} {nodes[one]}, {other} {nodes[other]}",
        f"addresses that are not a multiple of {STEPS[-1]} apart, as AUTO_INCREMENT's offset "
        "follows from them; or pillar mysql:options:auto_increment_increment with another step",
    )


def check_step(key: str, value: object, nodes: Mapping[str, str]) -> None:
    """
    Refuse a declared step that is none, or that lets two members give out the same values.

    key, value
        What pillar says, and where.

    nodes
        Declared names and addresses.
    """
    step = step_in(value)
    if step is None:
        raise invalid(key, value, f"a whole number from 1 to {STEP_MAX}")
    same = same_offset(nodes, step)
    if same:
        both = " and ".join(f"{name} ({nodes[name]})" for name in same)
        right = next((one for one in STEPS if not same_offset(nodes, one)), "another")
        raise invalid(
            key, value, f"a step with which {both} give out different values, such as {right}"
        )


def step_in(value: object) -> int | None:
    """Return a declared value as the step that it is, or None where it is none."""
    text = str(value)
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if 1 <= number <= STEP_MAX else None

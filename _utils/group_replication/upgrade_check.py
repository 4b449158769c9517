"""Whether members may be upgraded to a version: pure, by what each says of its packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from group_replication.model import MODES, joined
from group_replication.versions import (
    SUPPORTED,
    dotted,
    is_supported,
    option_missing,
    version_of,
    version_of_package,
)

Facts = Mapping[str, Mapping[str, Any]]
# A series that the next ones are reached from alone, one at a time.
LONG_TERM = ((8, 0), (8, 4), (9, 7))
# The first version without it.
NATIVE_PASSWORD_REMOVED = (9, 0)


def series_of(version: str) -> tuple[int, ...]:
    """Return the series of a package's version: 9.7 of 9.7.4-2."""
    return version_of(version_of_package(version))[:2]


def is_patch(old: str, new: str) -> bool:
    """Tell whether an upgrade stays in one series."""
    return series_of(old) == series_of(new)


def step_refused(old: str, new: str) -> str:
    """
    Say why a server of one package's version is not to be followed by another, or "".

    old, new
        Versions of packages.
    """
    before, after = series_of(old), series_of(new)
    upstream = version_of_package(new)
    if not is_supported(version_of(upstream)):
        return f"{upstream} is no version that is taken: {SUPPORTED}"
    between = [dotted(one) for one in LONG_TERM if before < one < after]
    if between:
        return f"from {dotted(before)} to {dotted(after)} the way leads by {joined(between)}"
    return ""


def _one_version(nodes: Iterable[str], facts: Facts, version: str) -> str:
    told = {name: facts[name]["target"]["version"] for name in nodes if facts[name].get("target")}
    if not version and len(set(told.values())) > 1:
        shown = joined(f"{one or 'none'} on {name}" for name, one in told.items())
        return f"apt would install {shown}: one is to be named, or the lists to be made alike"
    return "" if version else "apt knows no version of the server's package"


def _newer(nodes: Iterable[str], facts: Facts, version: str) -> str:
    return joined(
        f"{name} has {facts[name]['target']['installed']}, and {version} would be a downgrade"
        for name in nodes
        if facts[name]["target"]["order"] == "older"
    )


def _may_follow(nodes: Iterable[str], facts: Facts, version: str) -> str:
    for name in nodes:
        one = facts[name]
        why = step_refused(one["target"]["installed"], version)
        # A primary is not to be made of a newer member, so the last one could not hand over.
        if not why and not is_patch(one["target"]["installed"], version):
            why = "" if one.get("mode") != MODES[1] else (
                "another series is reached in multi-primary mode alone (mysql_gr.switch_mode)"
            )  # fmt: skip
        if why:
            return f"{name}: {why}"
    return ""


def _taken(nodes: Iterable[str], facts: Facts, version: str) -> str:
    """Whether the version takes the options and the accounts that there are."""
    upstream = version_of_package(version)
    for name in nodes:
        for option in facts[name]["target"]["options"]:
            why = option_missing(option.lower().replace("-", "_").removeprefix("loose_"), upstream)
            if why:
                return f"mysql:options:{option} on {name}: expected {why}"
        if facts[name]["target"]["script_account"] is False:
            return (
                f"{name} has no account 'debian-sys-maint'@'localhost', which the packages' scripts"
                " change: they would never end"
            )
        accounts = facts[name]["target"]["native_accounts"]
        if accounts and version_of(upstream) >= NATIVE_PASSWORD_REMOVED:
            return (
                f"{joined(accounts)} on {name} could log in no more: mysql_native_password was"
                f" removed in {dotted(NATIVE_PASSWORD_REMOVED)}"
            )
    return ""


def _possible(nodes: Iterable[str], facts: Facts) -> str:
    return joined(
        f"{name}: {facts[name]['target']['problem']}"
        for name in nodes
        if facts[name]["target"]["problem"]
    )


def gates(nodes: Iterable[str], facts: Facts, version: str) -> dict[str, str]:
    """
    Ask all that has to be so before the first member is upgraded.

    nodes
        The members that would be.

    facts
        Each one's part, with ``target`` as ``mysql_upgrade.readiness`` has it; one that says
        nothing of its packages asks nothing, since it is not ONLINE either.

    version
        What all would get; "" where that is not known.

    Returns a dict of what has to be so to "" where it is, or the sentence that says why it is not.
    """
    known = [name for name in nodes if facts[name].get("target")]
    answers = {"all would get one version": _one_version(known, facts, version)}
    if version:
        answers["it is no downgrade"] = _newer(known, facts, version)
        answers["it may follow, and mix with, what is there"] = _may_follow(known, facts, version)
        answers["it takes the options and accounts"] = _taken(known, facts, version)
        answers["apt has it, and there is room for it"] = _possible(known, facts)
    return answers


def is_at(one: Mapping[str, Any], version: str) -> bool:
    """Tell whether a member's packages are a version's, and its mysqld is of them."""
    return bool(one.get("packages")) and set(one["packages"].values()) == {version} and not (
        one["half_way"] or one["stale"]
    )  # fmt: skip

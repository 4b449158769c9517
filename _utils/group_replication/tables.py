"""The tables of nodes that the members go by: compared, and put in an order that all see."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence


def by_address(host: str | None) -> tuple[int, int, str]:
    """
    Return a key that sorts members by address, whatever order a table of nodes has.

    host
        What the member reports as its address.
    """
    try:
        return 0, int(ipaddress.IPv4Address(host or "")), ""
    except ValueError:
        return 1, 0, host or ""


def hosts_of(seeds: str) -> list[str]:
    """
    Return the hosts of ``group_replication_group_seeds``, which a highstate sets in a server.

    seeds
        ``host:port`` with commas between.
    """
    hosts = {seed.strip().rpartition(":")[0] for seed in seeds.split(",")}
    return sorted(filter(None, hosts), key=by_address)


def difference(mine: Sequence[str], others: Mapping[str, Sequence[str] | None]) -> str:
    """
    Say how the members' tables of nodes differ from the local one; the empty text if none does.

    mine
        The addresses that the local member declares.

    others
        Name to the addresses that each other member declares; None where it does not say.
    """
    return "; ".join(
        f"{name} declares "
        + " and ".join(
            f"{word} {', '.join(sorted(hosts, key=by_address))}"
            for word, hosts in (
                ("also", set(theirs) - set(mine)),
                ("not", set(mine) - set(theirs)),
            )
            if hosts
        )
        for name, theirs in others.items()
        if theirs is not None and set(theirs) != set(mine)
    )


def is_listed(host: str, tables: Iterable[Sequence[str] | None]) -> bool:
    """
    Tell whether a member is in one of some tables at least.

    host
        The member's address.

    tables
        The addresses that each of the others declares; None, where one does not say, counts.
    """
    return any(table is None or host in table for table in tables)

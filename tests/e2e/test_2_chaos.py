"""A few rounds of the fault harness; docs/chaos.md has how to run it for hours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.plan import Round
from tests.chaos.run import Chaos
from tests.lab import Lab

# Chosen for what they touch and for being short: each a member by its place, and for how long.
CHOSEN = [
    ("kill", 1, 0.0, (False, False)),
    ("freeze", 0, 7.0, (False, False)),
    ("oneway", 2, 4.0, (True, True)),
    ("kill-all", 0, 0.0, (False, False)),
    ("connections", 2, 0.0, (False, False)),
]


@pytest.fixture(scope="module")
def chaos(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    one = Chaos(lab, tmp_path_factory.mktemp("chaos"))
    with one.open():
        yield one


@pytest.mark.parametrize(("fault", "place", "seconds", "coins"), CHOSEN)
def test_no_acknowledged_write_is_lost(lab: Lab, chaos: Chaos, fault, place, seconds, coins):
    members = lab.databases[place:] + lab.databases[:place]
    met = len(members) if fault == "kill-all" else 1
    one = Round(1, fault, tuple(members[:met]), tuple(members[met:]), seconds, coins)
    result = chaos.round(one, seed=0)
    assert result["problems"] == [], result
    assert (result["lost"], result["splits"]) == (0, 0)
    assert result["acknowledged"] > 50


def test_the_group_calls_nobody_who_was_expelled(lab: Lab, chaos: Chaos):
    """Each call that nobody answers holds up all; the first would come some 13 s after the cut."""
    victim, *others = lab.databases
    one = Round(1, "partition", (victim,), tuple(others), 25.0, (False, False))
    begin = lab.run(others[0], "date -u +%FT%T").strip()
    result = chaos.round(one, seed=0)
    assert result["problems"] == [], result
    # Whose it is to do depends on the addresses alone: the first of those that are ONLINE.
    said = lab.run(
        others[0],
        f"journalctl -u mysql-gr-keeper -o cat --since '{begin.replace('T', ' ')} UTC'",
    )
    assert f"the group forgets {lab.address[victim]}, to call there no more" in said
    for name in others:
        failed = f'$1 > "{begin}" && /MY-013780/'
        assert lab.run(name, f"awk '{failed}' /var/log/mysql/error.log") == ""

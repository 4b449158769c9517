"""Machines are rebooted in their turn by one call, and what has nobody to stand in is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.e2e.conftest import long_only
from tests.support.lab import Lab
from tests.support.orchestration import orchestrated

pytestmark = [pytest.mark.restarts_machines, pytest.mark.slow]


def reboot(lab: Lab, test: bool = False, **given: Any) -> tuple[dict[str, Any], str]:
    """Call the orchestration and return its one state on the master's minion, and all it said."""
    return orchestrated(lab, "reboot", test, settle=1, **given)


def boots(lab: Lab) -> dict[str, str]:
    return {name: one["boot"] for name, one in lab.salt("*", "machine.look").items()}


@long_only
def test_a_member_is_rebooted_in_its_turn_and_nobody_notices(lab: Lab, all_online, crowd):
    all_online()
    before = boots(lab)
    first, name = lab.databases[:2]
    since = lab.sql(first, "SELECT NOW(6)")
    if len(lab.webs) == 1:
        refused, said = reboot(lab, machines=[name, lab.web])
        assert refused["result"] is False, said
        assert f"No machine is rebooted: {lab.web}: it is the only web server" in refused["comment"]
    planned, said = reboot(lab, test=True, machines=[name])
    assert planned["result"] is None, said
    assert planned["changes"] == {"rebooted": [name]}
    assert "each machine answers: yes" in planned["comment"]
    assert boots(lab) == before

    begin = time.monotonic()
    with lab.firmware([name]):
        done, said = reboot(lab, machines=[name])
    assert done["result"] is True, said
    assert done["changes"] == {"rebooted": [name]}
    print(f"{name} was back and in use after {time.monotonic() - begin:.0f} s")
    all_online(1)
    after = boots(lab)
    assert {one for one in after if after[one] != before[one]} == {name}
    assert {status["operation"] for status in lab.status().values()} == {""}
    # It left before its machine went: to no member it became unreachable.
    lost = lab.sql(
        first,
        "SELECT COUNT(*) FROM performance_schema.error_log"
        f" WHERE ERROR_CODE = 'MY-011493' AND LOGGED > '{since}'",
    )
    assert lost == "0"

"""What makes the backup machine follow its group, as a table."""

from __future__ import annotations

import pytest
from group_backup.following import Group, Here, decide, online_first_idle

A = "aaaaaaaa-0000-0000-0000-000000000001"
B = "bbbbbbbb-0000-0000-0000-000000000002"
NEW = Here("", (), False, False)
FOLLOWING = Here(f"{A}:1-10", ("shop",), True, True)
STANDING = FOLLOWING._replace(running=False)
GROUP = Group(f"{A}:1-12", f"{A}:1-5", ("db3",))


@pytest.mark.parametrize(
    ("here", "group", "overwrite", "verdict", "why"),
    [
        (NEW, GROUP, False, "clone", "it is new"),
        (NEW._replace(schemas=("shop",)), GROUP, False, "refused", "no member has 5 transactions"),
        (FOLLOWING, GROUP, False, "follows", "it follows"),
        (FOLLOWING, None, False, "follows", "it waits for a member"),
        (STANDING, None, False, "refused", "no declared member is ONLINE"),
        (STANDING, GROUP, False, "connect", "stands still"),
        (FOLLOWING._replace(declared=False), GROUP, False, "connect", "not as declared"),
        (STANDING._replace(executed=f"{A}:1-10,{B}:1"), GROUP, False, "refused", f"{B}:1"),
        (STANDING._replace(executed=f"{A}:1-10,{B}:1"), GROUP, True, "clone", "the call names it"),
        # Asked one after the other, a machine that follows may be ahead of what was asked first.
        (FOLLOWING._replace(executed=f"{A}:1-13"), GROUP, False, "follows", "it follows"),
        (FOLLOWING._replace(executed=f"{A}:1-10,{B}:1"), GROUP, False, "refused", f"{B}:1"),
        (STANDING._replace(executed=f"{A}:1-13"), GROUP, False, "refused", f"{A}:13"),
        (STANDING._replace(executed=f"{A}:1-3"), GROUP, False, "refused", f"{A}:4-5"),
        (STANDING._replace(executed=f"{A}:1-3"), GROUP, True, "clone", "the call names it"),
    ],
)
def test_the_table(here, group, overwrite, verdict, why):
    found = decide(here, group, overwrite)
    assert found.verdict == verdict
    assert why in found.why


def test_who_takes_no_writes_comes_first():
    nodes = {"db1": "10.0.0.1", "db2": "10.0.0.2", "db3": "10.0.0.3"}
    members = [
        {"host": "10.0.0.1", "port": 1, "state": "ONLINE", "role": "PRIMARY"},
        {"host": "10.0.0.2", "port": 1, "state": "ONLINE", "role": "SECONDARY"},
        {"host": "10.0.0.3", "port": 1, "state": "RECOVERING", "role": "SECONDARY"},
    ]
    assert online_first_idle(members, nodes) == ["db2", "db1"]
    for one in members:
        one.update(state="ONLINE", role="PRIMARY")
    assert online_first_idle(members, nodes) == ["db3", "db2", "db1"]

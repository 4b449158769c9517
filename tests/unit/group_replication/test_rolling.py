"""Which member is restarted next, and why none may be: the whole table."""

from __future__ import annotations

import pytest
from group_replication import rolling
from group_replication.rolling import (
    Step,
    gates,
    in_order,
    left_to_do,
    member_of,
    next_step,
    out_of_use,
    purpose_of,
    refusal,
    sessions_of,
    step_of,
    writer_of,
)
from salt.exceptions import SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import gone, member, one, online

CHANGE = {
    "token": "t", "owner": "artisan", "step": "requested", "account": "a", "session": 0,
    "writer": "", "mode": "", "problem": "", "seconds_left": 50,
}  # fmt: skip
ROW = {
    "token": "theirs", "owner": "m2", "purpose": "a restart", "step": "restart db2",
    "began": "{}", "since": "10:00", "deadline": "10:02", "age": 9, "seconds_left": 60,
}  # fmt: skip
WAITS = {"running": "16", "file": "8", "class": "restart"}


def ready(name: str, **more) -> dict:
    others = [other for other in NODES if other != name]
    known = {
        "queued": 0,
        "drained": "",
        "drain": 10,
        "settled": True,
        "started": 100,
        "cloning": False,
        "pending": {},
        "invalid": "",
        "schema_change": None,
        "operation": None,
    }
    return {**online(name, *others), **known, **more}


def group(**changes) -> dict:
    return {name: changes.get(name) or ready(name) for name in NODES}


def waiting(name: str, option: str = "a", **value) -> dict:
    return ready(name, pending={option: {**WAITS, **value}})


def test_nothing_stands_in_the_way_of_a_group_that_is_well():
    assert set(gates(NODES, group()).values()) == {""}


VIEW_OF_TWO = [member("db1"), member("db2")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"db2": gone("no answer from db2's minion")}, "db2 no answer from db2's minion"),
        ({"db2": {**one("db2"), "queued": 0}}, "db2 is OFFLINE"),
        ({"db2": ready("db2", state="RECOVERING")}, "db2 is RECOVERING"),
        ({"db1": ready("db1", quorum=False)}, "db1 sees no majority"),
        ({"db1": ready("db1", members=VIEW_OF_TWO)}, "db1 sees db3 not in the group"),
        (
            {"db1": ready("db1", members=[*VIEW_OF_TWO, member("db3", "UNREACHABLE")])},
            "db1 sees db3 UNREACHABLE",
        ),
        (
            {"db1": ready("db1", members=[*VIEW_OF_TWO, member("db3"), member("db4")])},
            "db1 sees 172.28.17.56, which is not declared",
        ),
        ({"db3": ready("db3", view_id="18:1")}, "two groups with one name: db1, db2; db3"),
        ({"db2": ready("db2", paused="a disk")}, "db2 is paused: a disk"),
        ({"db2": ready("db2", drained="a disk")}, "db2 is drained: a disk"),
        ({"db2": ready("db2", queued=1001)}, "db2 has 1001 transactions to apply, more than 1000"),
        ({"db2": ready("db2", cloning=True)}, "db2 is at a clone"),
        ({"db3": ready("db3", schema_change=CHANGE)}, "artisan changes the schema (requested)"),
        (
            {"db3": ready("db3", operation=ROW)},
            "a restart by m2 is under way (restart db2), since 10:00 UTC, until 10:02 UTC",
        ),
        (
            {"db3": ready("db3", settled=False)},
            "db3 had no highstate since the pillar was changed",
        ),
        (
            {"db3": ready("db3", invalid="unknown variable 'x'")},
            "mysqld on db3 refuses its options: unknown variable 'x'",
        ),
        (
            {"db3": waiting("db3", "innodb_page_size", **{"class": "initial"})},
            "innodb_page_size on db3 is 16, and the file says 8: its data directory was made with "
            "it, and mysqld would not start",
        ),
        (
            {"db3": waiting("db3", "group_replication_group_name", **{"class": "group"})},
            "group_replication_group_name on db3 is 16, and the file says 8: the group takes no "
            "member that differs in it",
        ),
    ],
)
def test_what_stands_in_the_way_is_said(changes, sentence):
    assert refusal(gates(NODES, group(**changes), "m1")) == sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"db2": ready("db2", queued=1000)},
        # What was broken off is in nobody's way.
        {"db2": ready("db2", operation={**ROW, "seconds_left": -1})},
        {"db2": ready("db2", operation={**ROW, "owner": "m1"})},
        {"db2": waiting("db2")},
        {"db2": waiting("db2", **{"class": "persisted"})},
        # Who joins takes it from the group.
        {"db2": waiting("db2", "group_replication_paxos_single_leader", **{"class": "group"})},
    ],
)
def test_what_does_not(changes):
    assert refusal(gates(NODES, group(**changes), "m1")) == ""


def test_an_operation_is_not_in_its_own_way():
    facts = group(db2=ready("db2", operation=ROW, schema_change=CHANGE))
    assert refusal(gates(NODES, facts, "m1", "theirs")) == ""
    # A window that is open already is.
    facts["db2"]["schema_change"] = {**CHANGE, "step": "open"}
    assert "artisan changes the schema (open" in refusal(gates(NODES, facts, "m1", "theirs"))


def test_what_peers_do_not_know_of_each_other_asks_nothing():
    facts = {name: {**online(name, *(set(NODES) - {name})), "queued": 0} for name in NODES}
    assert refusal(gates(NODES, facts)) == ""


@pytest.mark.parametrize(
    ("only", "machines", "began", "expected"),
    [
        ("all", (), {}, ["db1", "db2", "db3"]),
        ("all", ("db3", "db1"), {}, ["db1", "db3"]),
        # db2 has started anew since.
        ("all", (), {"db1": 100, "db2": 50, "db3": 100}, ["db1", "db3"]),
        ("pending", (), {}, ["db2"]),
        ("pending", ("db3",), {}, []),
        ("pending", (), {"db1": 100, "db2": 50, "db3": 100}, []),
    ],
)
def test_what_is_left_to_do(only, machines, began, expected):
    began = began or dict.fromkeys(NODES, 100)
    facts = group(db2=waiting("db2"), db3=waiting("db3", **{"class": "persisted"}))
    assert left_to_do(NODES, facts, only, machines, began) == expected


def single(primary: str, **changes) -> dict:
    roles = {name: "PRIMARY" if name == primary else "SECONDARY" for name in NODES}
    return {
        name: {
            **ready(name),
            "mode": "single-primary",
            "role": role,
            "super_read_only": role == "SECONDARY",
            **changes,
        }
        for name, role in roles.items()
    }


@pytest.mark.parametrize(
    ("facts", "sessions", "writer"),
    [
        (group(), {}, "db1"),
        (group(), {NODES["db3"]: 4, NODES["db2"]: 1}, "db3"),
        (single("db2"), {}, "db2"),
        # Sessions of a moment ago, at one that has handed over.
        (single("db2"), {NODES["db1"]: 4}, "db2"),
        (group(db1=gone()), {}, "db2"),
        (dict.fromkeys(NODES, gone()), {}, None),
    ],
)
def test_where_the_writer_is(facts, sessions, writer):
    assert writer_of(NODES, facts, sessions) == writer


def test_the_writers_member_is_last():
    assert in_order(["db1", "db2", "db3"], "db1") == ["db2", "db3", "db1"]
    assert in_order(["db1", "db3"], "db2") == ["db1", "db3"]
    assert in_order(["db1", "db2"], None) == ["db1", "db2"]


@pytest.mark.parametrize(
    ("facts", "todo", "step"),
    [
        (group(), [], Step(None)),
        (group(), ["db1", "db2", "db3"], Step("db2")),
        (group(), ["db1"], Step("db1")),
        (single("db1"), ["db1", "db3"], Step("db3")),
        # The primary hands over to one whose restart is behind it.
        (single("db1"), ["db1"], Step("db1", "db2")),
        (single("db3"), ["db3"], Step("db3", "db1")),
    ],
)
def test_what_comes_next(facts, todo, step):
    writer = writer_of(NODES, facts, {})
    assert next_step(NODES, facts, todo, writer) == step


def server(section: str, name: str, state: str = "up", admin: str = "ready") -> dict:
    return {
        "section": section,
        "server": f"mysql-{name[2:]}",
        "address": NODES[name],
        "state": state,
        "admin": admin,
    }


@pytest.mark.parametrize(
    ("table", "alike", "expected"),
    [
        ([server("a", "db1"), server("a", "db2")], ["db1", "db2"], ""),
        # A share that grows step by step is one.
        ([server("a", "db1"), server("a", "db2", "starting")], ["db1", "db2"], ""),
        ([server("a", "db1"), server("a", "db2", "down")], ["db1", "db2"], "a"),
        ([server("a", "db1"), server("a", "db2", "stopping")], ["db1", "db2"], "a"),
        # A secondary: it is not in the section of the writers, as no other secondary is.
        (
            [
                server("w", "db1"),
                server("w", "db2", "down"),
                server("r", "db2"),
                server("r", "db3"),
            ],
            ["db2", "db3"],
            "",
        ),
        ([server("w", "db1"), server("w", "db2", "down")], ["db2", "db3"], "w"),
        # The only one of its kind is used somewhere, at least.
        ([server("a", "db1", "down"), server("a", "db2", "down")], ["db2"], "a"),
        # An operator has taken it out there.
        ([server("a", "db1"), server("a", "db2", "down", "maint")], ["db1", "db2"], ""),
        ([server("a", "db1")], ["db1"], ""),
    ],
)
def test_whether_the_balancers_use_a_member(table, alike, expected):
    found = out_of_use({"proxy": table}, NODES["db2"], [NODES[name] for name in alike])
    assert found == (f"proxy does not use it in {expected}" if expected else "")


def test_sessions_are_counted_over_all_balancers():
    table = [server("w", "db1"), server("w", "db2")]
    servers = {"p1": table, "p2": table}
    row = {"pxname": "w", "svname": "mysql-2", "scur": 2}
    stats = {"p1": [row, {**row, "pxname": "r", "scur": 9}], "p2": [{**row, "scur": 1}]}
    stats["p2"].append({"pxname": "w", "svname": "BACKEND", "scur": 3})
    assert sessions_of(servers, stats, "w") == {NODES["db2"]: 3}


def test_a_purpose_is_the_same_for_the_same_arguments():
    assert purpose_of("all", ()) == "rolling restart of all members"
    assert purpose_of("pending", ()) == "rolling restart of pending members"
    assert purpose_of("all", ("db3", "db1")) == purpose_of("all", ("db1", "db3"))
    assert len({purpose_of(o, m) for o in ("all", "pending") for m in ((), ("db1",))}) == 4


def test_a_step_says_which_member_it_is():
    assert member_of(step_of("db2"), NODES) == "db2"
    for step in ("", "db2 is back", "restart db9", "make db2 primary"):
        assert member_of(step, NODES) is None


@pytest.mark.parametrize(
    ("only", "machines", "settle", "sentence"),
    [
        ("some", [], 5, "only is 'some'; expected all or pending"),
        ("all", "db1", 5, "machines is 'db1'; expected a list of db1, db2, db3"),
        ("all", ["db9"], 5, r"machines is \['db9'\]; expected a list of db1, db2, db3"),
        ("all", [], -1, "settle is -1; expected seconds from 0 to 3600"),
        ("all", [], "5", "settle is '5'; expected seconds"),
        ("all", [], True, "settle is True; expected seconds"),
    ],
)
def test_wrong_arguments_are_refused(only, machines, settle, sentence):
    rolling.check_arguments(NODES, "pending", ["db1"], 0)
    with pytest.raises(SaltInvocationError, match=sentence):
        rolling.check_arguments(NODES, only, machines, settle)

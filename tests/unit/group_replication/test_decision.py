"""Which member bootstraps, reboots, joins or waits: the table of docs/decisions.md, its laws."""

from __future__ import annotations

import pytest
from group_replication.decision import decide_by
from group_replication.gtid import parse_gtids, subtract_gtids
from group_replication.options import options_of
from group_replication.pillar import declared_nodes
from group_replication.settings import settings_from
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.group import (
    GROUP,
    HISTORIES,
    HOSTS,
    OTHER,
    STATES,
    UUIDS,
    gone,
    member,
    one,
    online,
    pillar,
)

MEMORY = {
    "group": GROUP,
    "server_uuid": UUIDS["db1"],
    "view_id": "17954915269696091:3",
    "members": [HOSTS["db1"], HOSTS["db2"], HOSTS["db3"]],
    "seen": [HOSTS["db1"], HOSTS["db2"], HOSTS["db3"]],
}


# row: what is seen, who decides, the verdict, and words of the sentence
TABLE = {
    "ONLINE with a majority": (
        {"db1": online("db1", "db2"), "db2": online("db2", "db1"), "db3": gone()},
        "db1", "member", ["db1 is ONLINE", "majority"],
    ),
    "RECOVERING waits for progress": (
        {"db1": online("db1"), "db2": one("db2", "RECOVERING"), "db3": one("db3")},
        "db2", "recovering", ["db2 is RECOVERING"],
    ),
    "ONLINE without a majority": (
        {
            "db1": one("db1", "ONLINE", quorum=False,
                       members=[member("db1"), member("db2", "UNREACHABLE")]),
            "db2": gone(), "db3": gone(),
        },
        "db1", "refuse", ["without a majority", HOSTS["db2"]],
    ),
    "ONLINE in another group than declared": (
        {"db1": online("db1", group=OTHER), "db2": one("db2"), "db3": one("db3")},
        "db1", "refuse", [OTHER, GROUP],
    ),
    "two groups with one name, seen from inside": (
        {"db1": online("db1"), "db2": online("db2", view_id="17954917702288954:1"),
         "db3": one("db3")},
        "db1", "refuse", ["two groups with one name", "17954917702288954:1"],
    ),
    "a peer is ONLINE, I am empty": (
        {"db1": online("db1", gtids=f"{GROUP}:1-5"), "db2": one("db2"), "db3": gone()},
        "db2", "join", ["db1 ONLINE", "db2 joins"],
    ),
    "a peer is ONLINE, I am behind": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"), "db2": one("db2", gtids=f"{GROUP}:1-5"),
         "db3": one("db3")},
        "db2", "join", ["db2 joins"],
    ),
    "what I have and the peer only received is no errant transaction": (
        {"db1": online("db1", gtids=f"{GROUP}:1-4", gtid_received=f"{GROUP}:5"),
         "db2": one("db2", gtids=f"{GROUP}:1-5"), "db3": one("db3")},
        "db2", "join", ["db2 joins"],
    ),
    "I was expelled with an error": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"),
         "db2": one("db2", "ERROR", f"{GROUP}:1-8", quorum=False), "db3": online("db3", "db1")},
        "db2", "join", ["db2 joins"],
    ),
    "errant transactions": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"),
         "db2": one("db2", gtids=f"{GROUP}:1-5,{UUIDS['db2']}:1-2"), "db3": one("db3")},
        "db2", "refuse", [f"{UUIDS['db2']}:1-2", "nothing is wiped"],
    ),
    "errant transactions that were only received": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"),
         "db2": one("db2", gtid_received=f"{GROUP}:8-11"), "db3": one("db3")},
        "db2", "refuse", [f"{GROUP}:10-11"],
    ),
    "the binary logs I need are purged everywhere and I am not empty": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9", gtid_purged=f"{GROUP}:1-7"),
         "db2": one("db2", gtids=f"{GROUP}:1-5"), "db3": one("db3")},
        "db2", "refuse", ["purged", f"{GROUP}:6-7", "not empty"],
    ),
    "purged, but another member still has them": (
        {"db1": online("db1", "db3", gtids=f"{GROUP}:1-9", gtid_purged=f"{GROUP}:1-7"),
         "db2": one("db2", gtids=f"{GROUP}:1-5"),
         "db3": online("db3", "db1", gtids=f"{GROUP}:1-9")},
        "db2", "join", ["db2 joins"],
    ),
    "purged, and I am empty": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9", gtid_purged=f"{GROUP}:1-7"),
         "db2": one("db2"), "db3": gone()},
        "db2", "clone", ["db2 is empty and clones db1", "no ONLINE member has all binary logs"],
    ),
    "purged, I am empty, and only another series is there": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9", gtid_purged=f"{GROUP}:1-7", version="9.7.4"),
         "db2": one("db2", version="26.7.0"), "db3": gone()},
        "db2", "refuse", ["none can be cloned", "db1 runs 9.7.4", "db2 runs 26.7.0"],
    ),
    "I am empty and the group has a long history": (
        {"db1": online("db1", "db3", gtids=f"{GROUP}:1-1000001"), "db2": one("db2"),
         "db3": online("db3", "db1", gtids=f"{GROUP}:1-1000001")},
        "db2", "clone", ["db2 is empty and clones db3", "more than 1000000"],
    ),
    "I am empty, the history is long, and nobody can be cloned": (
        {"db1": online("db1", gtids=f"{GROUP}:1-1000001"), "db2": one("db2", version="26.7.0"),
         "db3": gone()},
        "db2", "join", ["db2 joins"],
    ),
    "no transaction, and yet data": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"), "db2": one("db2", schemas=["shop"]),
         "db3": gone()},
        "db2", "refuse", ["no transaction accounts for (shop)", "clone_over=db2"],
    ),
    "my version is older than the group's": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"), "db2": one("db2", version="8.4.6"),
         "db3": gone()},
        "db2", "refuse", ["db2 runs 8.4.6", "older than db1's 9.7.4"],
    ),
    "an older patch level of the group's series": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"), "db2": one("db2", version="9.7.1"),
         "db3": gone()},
        "db2", "join", ["db2 joins"],
    ),
    "my version is newer than the group's": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"), "db2": one("db2", version="26.7.0"),
         "db3": gone()},
        "db2", "join", ["db2 joins"],
    ),
    "first creation out of data that no transaction accounts for": (
        {"db1": one("db1", schemas=["shop"]), "db2": one("db2"), "db3": one("db3")},
        "db1", "refuse", ["no transaction accounts for (shop)", "the other members would lack it"],
    ),
    "first creation beside data that no transaction accounts for": (
        {"db1": one("db1"), "db2": one("db2", schemas=["shop"]), "db3": one("db3")},
        "db1", "refuse", ["db2 has data that no transaction accounts for (shop)", "load it into"],
    ),
    "first creation beside data, as the member that has it sees it": (
        {"db1": one("db1"), "db2": one("db2", schemas=["shop"]), "db3": one("db3")},
        "db2", "refuse", ["db2 has data that no transaction accounts for (shop)"],
    ),
    "first creation out of data with transactions": (
        {"db1": one("db1", gtids=f"{OTHER}:1-5", schemas=["shop"]), "db2": one("db2"),
         "db3": one("db3")},
        "db1", "bootstrap", ["db1 bootstraps the group"],
    ),
    "my join ended with its mysqld": (
        {"db1": online("db1", gtids=f"{GROUP}:1-5"),
         "db2": one("db2", held_back={"view": "17954915269696091", "why": "db2 joins at 08:01"})},
        "db2", "wait", ["db2 joins at 08:01"],
    ),
    "my join ended with its mysqld, and the group was rebooted since": (
        {"db1": online("db1", gtids=f"{GROUP}:1-5"),
         "db2": one("db2", held_back={"view": "17954915269696090", "why": "db2 joins at 08:01"})},
        "db2", "join", ["db1 ONLINE in group"],
    ),
    "a stale member of mine is still in the view": (
        {"db1": online("db1", "db2", "db3"), "db2": one("db2"), "db3": online("db3", "db1", "db2")},
        "db2", "wait", ["the stale member db2", "db1, db3"],
    ),
    "the peer is in another group": (
        {"db1": online("db1", group=OTHER), "db2": one("db2"), "db3": one("db3")},
        "db2", "refuse", [f"db1 is ONLINE in group {OTHER}"],
    ),
    "two groups with one name, seen from outside": (
        {"db1": online("db1"), "db2": one("db2"), "db3": online("db3", view_id="9:1")},
        "db2", "refuse", ["two groups with one name", "db3 in view 9:1".replace("in", "is in")],
    ),
    "a peer has come in and has no view yet": (
        {"db1": online("db1", "db3", gtids=f"{GROUP}:1-9"), "db2": one("db2", gtids=f"{GROUP}:1"),
         "db3": online("db3", "db1", gtids=f"{GROUP}:1-9", view_id=None)},
        "db2", "join", ["db1, db3 ONLINE"],
    ),
    "nobody who is ONLINE has a view yet": (
        {"db1": online("db1", "db3", view_id=None), "db2": one("db2"),
         "db3": online("db3", "db1", view_id=None)},
        "db2", "wait", ["not in a view yet"],
    ),
    "I have come in and have no view yet": (
        {"db1": online("db1", "db2"), "db2": online("db2", "db1", view_id=None), "db3": gone()},
        "db2", "member", ["db2 is ONLINE"],
    ),
    "the peer has no majority": (
        {"db1": one("db1", "ONLINE", quorum=False,
                    members=[member("db1"), member("db3", "UNREACHABLE")]),
         "db2": one("db2"), "db3": gone()},
        "db2", "refuse", ["db1", "without a majority"],
    ),
    "first creation, the first declared": (
        {"db1": one("db1"), "db2": one("db2"), "db3": one("db3")},
        "db1", "bootstrap", ["db1 bootstraps the group", "none ever held"],
    ),
    "first creation, another": (
        {"db1": one("db1"), "db2": one("db2"), "db3": one("db3")},
        "db3", "wait", ["db1 bootstraps the group", "db3 waits"],
    ),
    "first creation out of a server that has data": (
        {"db1": one("db1"), "db2": one("db2", gtids=f"{UUIDS['db2']}:1-90"), "db3": one("db3")},
        "db2", "bootstrap", ["db2 bootstraps the group"],
    ),
    "first creation, a peer is unreachable": (
        {"db1": one("db1"), "db2": one("db2"), "db3": gone("timed out")},
        "db1", "uncertain", ["no answer from db3 (timed out)", "may be alive"],
    ),
    "full outage, the one that has all reboots the group": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7"), "db2": one("db2", gtids=f"{GROUP}:1-9"),
         "db3": one("db3", gtids=f"{GROUP}:1-8")},
        "db2", "reboot", ["db2 reboots the group after a complete outage"],
    ),
    "full outage, the others wait for it": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7"), "db2": one("db2", gtids=f"{GROUP}:1-9"),
         "db3": one("db3", gtids=f"{GROUP}:1-8")},
        "db1", "wait", ["db2 reboots the group after a complete outage", "db1 waits"],
    ),
    "full outage, equal histories: the first declared reboots the group": (
        {name: one(name, gtids=f"{GROUP}:1-7") for name in ("db1", "db2", "db3")},
        "db1", "reboot", ["db1 reboots"],
    ),
    "full outage, equal histories: the first by address, whatever the order of a table": (
        {name: one(name, gtids=f"{GROUP}:1-7", declared=[HOSTS[n] for n in names])
         for name, names in (("db3", ("db3", "db1", "db2")), ("db2", ("db2", "db3", "db1")),
                             ("db1", ("db1", "db2", "db3")))},
        "db2", "wait", ["db1 reboots the group after a complete outage"],
    ),
    "full outage, the tables of nodes differ": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7", declared=[HOSTS[f"db{n}"] for n in (1, 2, 3)]),
         "db2": one("db2", gtids=f"{GROUP}:1-7", declared=[HOSTS[f"db{n}"] for n in (1, 2, 4)]),
         "db3": one("db3", gtids=f"{GROUP}:1-7")},
        "db1", "refuse", [f"db2 declares also {HOSTS['db4']} and not {HOSTS['db3']}, unlike db1"],
    ),
    "the group is ONLINE and knows no such member": (
        {"db1": online("db1", "db2", declared=[HOSTS[f"db{n}"] for n in (1, 2, 4)]),
         "db2": online("db2", "db1", declared=[HOSTS[f"db{n}"] for n in (1, 2, 4)]),
         "db3": one("db3", declared=[HOSTS[f"db{n}"] for n in (1, 2, 3)])},
        "db3", "wait", ["no table of nodes there has db3", HOSTS["db3"]],
    ),
    "one ONLINE member at least lists me": (
        {"db1": online("db1", "db2", declared=[HOSTS["db1"], HOSTS["db2"]]),
         "db2": online("db2", "db1", declared=[HOSTS[f"db{n}"] for n in (1, 2, 3)]),
         "db3": one("db3", declared=[HOSTS[f"db{n}"] for n in (1, 2, 3)])},
        "db3", "join", ["db3 joins"],
    ),
    "I was a member and am empty: a missing disk": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"), "db2": one("db2", remembered=MEMORY),
         "db3": gone()},
        "db2", "refuse", [f"db2 was a member of group {GROUP}", "a disk missing",
                          "mysql_maintenance.forget member=db2"],
    ),
    "I was a member and am empty, where I would clone": (
        {"db1": online("db1", gtids=f"{GROUP}:1-1000001"), "db2": one("db2", remembered=MEMORY),
         "db3": gone()},
        "db2", "refuse", ["a disk missing"],
    ),
    "I was a member and have my data": (
        {"db1": online("db1", gtids=f"{GROUP}:1-9"),
         "db2": one("db2", gtids=f"{GROUP}:1-5", remembered=MEMORY), "db3": gone()},
        "db2", "join", ["db2 joins"],
    ),
    "all are empty, and I was a member": (
        {"db1": one("db1", remembered=MEMORY), "db2": one("db2"), "db3": one("db3")},
        "db1", "refuse", ["db1 was a member", "a disk missing"],
    ),
    "nobody has a transaction of the group that I was a member of": (
        {"db1": one("db1", gtids=f"{UUIDS['db1']}:1", remembered=MEMORY), "db2": one("db2"),
         "db3": one("db3")},
        "db1", "refuse", ["db1 was a member"],
    ),
    "a group of another name is created by who was a member of one": (
        {"db1": one("db1", gtids=f"{OTHER}:1", remembered={**MEMORY, "group": OTHER}),
         "db2": one("db2"), "db3": one("db3")},
        "db1", "bootstrap", ["db1 bootstraps"],
    ),
    "full outage, a declared member was never built": (
        {**{n: one(n, gtids=f"{GROUP}:1-7", remembered=MEMORY) for n in ("db1", "db2", "db3")},
         "db4": gone() | {"host": HOSTS["db4"]}},
        "db1", "reboot", ["db1 reboots", "all declared members but db4 answered", "never saw"],
    ),
    "the same, and another one waits": (
        {**{n: one(n, gtids=f"{GROUP}:1-7", remembered=MEMORY) for n in ("db1", "db2", "db3")},
         "db4": gone() | {"host": HOSTS["db4"]}},
        "db2", "wait", ["db1 reboots"],
    ),
    "full outage, a member that was seen once is unreachable": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7", remembered=MEMORY),
         "db2": one("db2", gtids=f"{GROUP}:1-7", remembered=MEMORY),
         "db3": gone() | {"host": HOSTS["db3"]}},
        "db1", "uncertain", ["no answer from db3"],
    ),
    "full outage, one was never seen and one was": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7", remembered=MEMORY), "db2": one("db2"),
         "db3": gone() | {"host": HOSTS["db3"]}, "db4": gone() | {"host": HOSTS["db4"]},
         "db5": one("db5")},
        "db1", "uncertain", ["no answer from db3", "db4"],
    ),
    "full outage, too few answer to say who was built": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7", remembered=MEMORY), "db2": one("db2"),
         "db4": gone() | {"host": HOSTS["db4"]}, "db5": gone() | {"host": HOSTS["db5"]}},
        "db1", "uncertain", ["no answer from db4"],
    ),
    "full outage, I remember nothing": (
        {**{n: one(n, gtids=f"{GROUP}:1-7") for n in ("db1", "db2", "db3")},
         "db4": gone() | {"host": HOSTS["db4"]}},
        "db1", "uncertain", ["no answer from db4"],
    ),
    "full outage, superset and not count": (
        {"db1": one("db1", gtids=f"{GROUP}:1-100"),
         "db2": one("db2", gtids=f"{GROUP}:1-99:101"), "db3": one("db3", gtids=f"{GROUP}:1-9")},
        "db1", "refuse", ["no member has what all have", f"db1 lacks {GROUP}:101",
                          f"db2 lacks {GROUP}:100"],
    ),
    "full outage, a peer is unreachable": (
        {"db1": one("db1", gtids=f"{GROUP}:1-9"), "db2": gone(), "db3": one("db3")},
        "db1", "uncertain", ["no answer from db2", "neither bootstrapped nor rebooted"],
    ),
    "full outage, I received what I did not apply": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:4-8"),
         "db2": one("db2", gtids=f"{GROUP}:1-6"), "db3": one("db3")},
        "db1", "apply", [f"db1 received {GROUP}:7-8"],
    ),
    "full outage, I received what my applier cannot apply": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:4-8",
                    applier_error="Duplicate entry '5'"),
         "db2": one("db2", gtids=f"{GROUP}:1-6"), "db3": one("db3")},
        "db1", "apply", [f"db1 received {GROUP}:7-8", "its applier said: Duplicate entry '5'"],
    ),
    "full outage, another one's applier cannot apply": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:4-8",
                    applier_error="Duplicate entry '5'"),
         "db2": one("db2", gtids=f"{GROUP}:1-6"), "db3": one("db3")},
        "db2", "wait", [f"db1 applies {GROUP}:7-8 first", "Duplicate entry '5'"],
    ),
    "a group that is upgraded goes by its lowest version": (
        {"db1": online("db1", "db3", gtids=f"{GROUP}:1-9", version="8.4.5"),
         "db2": one("db2", version="8.4.5"),
         "db3": online("db3", "db1", gtids=f"{GROUP}:1-9", version="9.7.0")},
        "db2", "join", ["db2 joins"],
    ),
    "my version is older than the group's lowest": (
        {"db1": online("db1", "db3", gtids=f"{GROUP}:1-9", version="9.7.4"),
         "db2": one("db2", version="8.4.5"),
         "db3": online("db3", "db1", gtids=f"{GROUP}:1-9", version="9.6.0")},
        "db2", "refuse", ["db2 runs 8.4.5", "older than db3's 9.6.0"],
    ),
    "a copied disk": (
        {"db1": online("db1", "db2", gtids=f"{GROUP}:1-9"), "db2": online("db2", "db1"),
         "db3": one("db3", gtids=f"{GROUP}:1-9", server_uuid=UUIDS["db1"])},
        "db3", "refuse", ["db3 has the server_uuid of db1: a copied disk", "auto.cnf"],
    ),
    "a member whose applier failed joins, and says so": (
        {"db1": online("db1", "db2", gtids=f"{GROUP}:1-9"), "db2": online("db2", "db1"),
         "db3": one("db3", gtids=f"{GROUP}:1-5", applier_error="Table 'a.t' doesn't exist")},
        "db3", "join", ["db3 joins", "its applier said: Table 'a.t' doesn't exist"],
    ),
    "full outage, what I only received others executed": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:4-8"),
         "db2": one("db2", gtids=f"{GROUP}:1-8"), "db3": one("db3")},
        "db1", "wait", ["db2 reboots the group after a complete outage"],
    ),
    "full outage, only executed transactions decide": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:1-8"),
         "db2": one("db2", gtids=f"{GROUP}:1-8"), "db3": one("db3")},
        "db2", "reboot", ["db2 reboots the group after a complete outage"],
    ),
    "full outage, all expelled each other: each ends its part in the old group": (
        {name: one(name, "ERROR", f"{GROUP}:1-7", quorum=False, offline_mode=True)
         for name in ("db1", "db2", "db3")},
        "db1", "stop", ["db1 is ERROR", "ended before a new one"],
    ),
    "full outage, another has not ended its part": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7"), "db2": one("db2", "ERROR"), "db3": one("db3")},
        "db1", "wait", ["db2: its part in the old group ends"],
    ),
    "full outage, I look OFFLINE and my group communication is still there": (
        {"db1": one("db1", applier_on=True), "db2": one("db2"), "db3": one("db3")},
        "db1", "stop", ["db1 is OFFLINE"],
    ),
    "the same, another": (
        {"db1": one("db1"), "db2": one("db2"), "db3": one("db3", applier_on=True)},
        "db1", "wait", ["db3: its part"],
    ),
    "full outage, a peer applies first": (
        {"db1": one("db1", gtids=f"{GROUP}:1-6"),
         "db2": one("db2", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:4-8"), "db3": one("db3")},
        "db1", "wait", [f"db2 applies {GROUP}:7-8 first"],
    ),
    "nobody ONLINE, one RECOVERING": (
        {"db1": one("db1"), "db2": one("db2", "RECOVERING"), "db3": one("db3")},
        "db1", "wait", ["db2 RECOVERING"],
    ),
    "taken out on purpose": (
        {"db1": online("db1"), "db2": one("db2", paused="memory is replaced"), "db3": one("db3")},
        "db2", "paused",
        ["db2 stays out", "memory is replaced (mysql_maintenance.unpause ends that)"],
    ),
    "mysqld does not answer": (
        {"db1": gone("no such file"), "db2": one("db2"), "db3": one("db3")},
        "db1", "unreachable", ["mysqld on db1 does not answer", "no such file"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
def test_decision(row):
    facts, me, verdict, words = TABLE[row]
    decision = decide_by(me, GROUP, facts)
    assert decision["verdict"] == verdict, decision["why"]
    for word in words:
        assert word in decision["why"]


@given(st.lists(st.tuples(STATES, HISTORIES, HISTORIES), min_size=3, max_size=9))
def test_never_two_bootstraps_and_never_one_beside_a_living_group(rows):
    """Whatever is seen, all that see it agree on at most one that bootstraps or reboots."""
    names = [f"db{n}" for n in range(1, len(rows) + 1)]
    facts = {
        name: gone() if state == "gone" else one(name, state, gtids, gtid_received=received)
        for name, (state, gtids, received) in zip(names, rows, strict=True)
    }
    starters = [
        name
        for name in names
        if decide_by(name, GROUP, facts)["verdict"] in ("bootstrap", "reboot")
    ]
    assert len(starters) <= 1
    if starters:
        # One in ERROR may still have messages of the old group under way.
        assert all(state == "OFFLINE" for state, _, _ in rows)
        held = parse_gtids(facts[starters[0]]["gtid_executed"])
        for one_of_all in facts.values():
            assert not subtract_gtids(parse_gtids(one_of_all["gtid_executed"]), held)


@pytest.mark.parametrize("count", range(3, 10))
def test_every_member_has_every_other_in_its_options_and_decides_alike(count):
    declared = pillar(count)
    names = list(declared_nodes(declared, "db"))
    seeds = {
        options_of(settings_from(declared, name))["loose_group_replication_group_seeds"]
        for name in names
    }
    assert seeds == {",".join(f"{HOSTS[name]}:3306" for name in names)}
    facts = {name: one(name) for name in names}
    decisions = {name: decide_by(name, GROUP, facts) for name in names}
    assert {d["bootstrap_member"] for d in decisions.values()} == {"db1"}
    assert [name for name, d in decisions.items() if d["verdict"] == "bootstrap"] == ["db1"]
    unreachable = {**facts, names[-1]: gone()}
    assert decide_by("db1", GROUP, unreachable)["verdict"] == "uncertain"
    inside = {name: online(name, *[n for n in names if n != name]) for name in names[:-1]}
    decision = decide_by(names[-1], GROUP, {**inside, names[-1]: one(names[-1])})
    assert decision["verdict"] == "wait"
    inside = {name: online(name, *[n for n in names[:-1] if n != name]) for name in names[:-1]}
    decision = decide_by(names[-1], GROUP, {**inside, names[-1]: one(names[-1])})
    assert decision["verdict"] == "join"

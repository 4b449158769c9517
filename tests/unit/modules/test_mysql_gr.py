"""The pure parts of mysql_gr: settings, option file, GTID sets, and the decision as a table."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import SaltInvocationError

import _modules.mysql_gr as mysql_gr

GROUP = "8f6a2c1e-5b0d-4d7e-9a51-0c3f5d7e9b11"
OTHER = "11111111-2222-3333-4444-555555555555"
UUIDS = {f"db{n}": f"0000000{n}-e7b8-11f1-958a-0242ac11000a" for n in range(1, 10)}
HOSTS = {f"db{n}": f"172.28.17.{52 + n}" for n in range(1, 10)}


def pillar(databases: int = 3) -> dict:
    nodes = {
        "master": {"ip": "172.28.17.50", "role": "master"},
        "proxy": {"ip": "172.28.17.52", "role": "proxy"},
    }
    nodes |= {
        f"db{n}": {"ip": f"172.28.17.{52 + n}", "role": "db"} for n in range(1, databases + 1)
    }
    return {
        "cluster": {"subnet": "172.28.17.0/24", "nodes": nodes},
        "mysql": {
            "group": {"name": GROUP, "mode": "multi-primary"},
            "accounts": {
                "admin": {"password": "a-long-password-1"},
                "recovery": {"password": "a-long-password-2"},
                "application": {"password": "a-long-password-3"},
            },
        },
    }


def set_key(tree: dict, key: str, value: object) -> dict:
    tree = copy.deepcopy(tree)
    *parents, last = key.split(":")
    branch = tree
    for parent in parents:
        branch = branch.setdefault(parent, {})
    if value is None:
        branch.pop(last, None)
    else:
        branch[last] = value
    return tree


# --- settings ------------------------------------------------------------------------------------


def test_settings_have_nodes_in_declared_order_and_defaults():
    settings = mysql_gr.settings_from(pillar(), "db2")
    assert list(settings.nodes) == ["db1", "db2", "db3"]
    assert settings.clients == ("172.28.17.52",)
    assert (settings.port, settings.admin_port, settings.health_port) == (3306, 33062, 9200)
    assert settings.application.name == "haproxy_root"
    assert settings.database == "realworld"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mysql:group:name", None, ["mysql:group:name is missing", "UUID"]),
        ("mysql:group:name", "my-group", ["'my-group'", "uuidgen"]),
        ("mysql:group:mode", "multi", ["mysql:group:mode", "'multi'", "single-primary"]),
        ("mysql:port", "3306x", ["mysql:port", "'3306x'", "65535"]),
        ("mysql:port", True, ["mysql:port", "'True'"]),
        ("mysql:options", ["x"], ["mysql:options", "mapping"]),
        ("mysql:accounts:admin:password", None, ["mysql:accounts:admin:password is missing"]),
        ("mysql:accounts:recovery:name", "a'b", ["mysql:accounts:recovery:name", "letters"]),
        ("mysql:accounts:application:database", "a-b", ["application:database", "'a-b'"]),
        ("cluster:subnet", "172.28", ["cluster:subnet", "172.28.17.0/24"]),
        ("cluster:nodes", None, ["cluster:nodes is missing"]),
        ("cluster:nodes:db1:ip", "db1", ["cluster:nodes:db1:ip", "'db1'", "IP address"]),
        ("cluster:nodes:db2:ip", "172.28.17.53", ["db2:ip", "db1's already"]),
    ],
)
def test_wrong_settings_are_named(key, value, words):
    with pytest.raises(SaltInvocationError) as err:
        mysql_gr.settings_from(set_key(pillar(), key, value), "db1")
    for word in words:
        assert word in str(err.value)


@pytest.mark.parametrize("value", ["hunter2", "hunter2" * 5, 12345678901234])
def test_a_password_of_the_wrong_length_is_refused_and_not_shown(value):
    with pytest.raises(SaltInvocationError) as err:
        mysql_gr.settings_from(set_key(pillar(), "mysql:accounts:admin:password", value), "db1")
    assert str(value) not in str(err.value)
    assert "mysql:accounts:admin:password" in str(err.value)


@pytest.mark.parametrize("count", [3, 5, 9])
def test_three_to_nine_members(count):
    assert len(mysql_gr.settings_from(pillar(count), "db1").nodes) == count


@pytest.mark.parametrize("count", [1, 2, 10])
def test_no_other_number_of_members(count):
    with pytest.raises(SaltInvocationError, match="3 to 9"):
        mysql_gr.settings_from(pillar(count), "db1")


def test_a_minion_that_is_no_database_node_is_refused():
    with pytest.raises(SaltInvocationError, match="a node 'web' with role db"):
        mysql_gr.settings_from(pillar(), "web")


def test_passwords_are_in_no_representation():
    assert "a-long-password" not in repr(mysql_gr.settings_from(pillar(), "db1"))


def test_the_keepers_file_holds_the_admin_password_alone():
    text = mysql_gr.settings_as_json(mysql_gr.settings_from(pillar(), "db1"))
    assert "a-long-password-1" in text
    assert "a-long-password-2" not in text
    assert "a-long-password-3" not in text
    again = mysql_gr.settings_from_json(text)
    assert again.nodes == HOSTS_OF_THREE
    assert json.loads(mysql_gr.settings_as_json(again)) == json.loads(text)


HOSTS_OF_THREE = {name: HOSTS[name] for name in ("db1", "db2", "db3")}


# --- the option file -----------------------------------------------------------------------------


def test_the_option_file_is_safe_before_the_group_is_there():
    options = mysql_gr.options_of(mysql_gr.settings_from(pillar(), "db2"))
    assert options["super_read_only"] == "ON"
    assert options["loose_group_replication_start_on_boot"] == "OFF"
    assert not any("bootstrap" in name for name in options)
    assert (options["sync_binlog"], options["innodb_flush_log_at_trx_commit"]) == (1, 1)
    assert options["report_host"] == "172.28.17.54"
    assert options["loose_group_replication_group_seeds"] == (
        "172.28.17.53:3306,172.28.17.54:3306,172.28.17.55:3306"
    )


@pytest.mark.parametrize(
    ("mode", "single", "checks"),
    [("multi-primary", "OFF", "ON"), ("single-primary", "ON", "OFF")],
)
def test_the_mode_sets_both_of_its_options(mode, single, checks):
    declared = set_key(pillar(), "mysql:group:mode", mode)
    options = mysql_gr.options_of(mysql_gr.settings_from(declared, "db1"))
    assert options["loose_group_replication_single_primary_mode"] == single
    assert options["loose_group_replication_enforce_update_everywhere_checks"] == checks


def test_pillar_options_win():
    declared = set_key(pillar(), "mysql:options", {"max_connections": 500, "mysqlx": "ON"})
    options = mysql_gr.options_of(mysql_gr.settings_from(declared, "db1"))
    assert options["max_connections"] == 500
    assert options["mysqlx"] == "ON"


def test_server_ids_differ():
    declared = pillar(9)
    ids = {
        mysql_gr.options_of(mysql_gr.settings_from(declared, f"db{n}"))["server_id"]
        for n in range(1, 10)
    }
    assert len(ids) == 9
    assert all(0 < number < 2**32 for number in ids)


# --- GTID sets -----------------------------------------------------------------------------------

SOURCES = st.sampled_from([GROUP, OTHER, f"{GROUP}:tag_a", f"{OTHER}:b"])
PLAIN = st.dictionaries(SOURCES, st.sets(st.integers(1, 60), min_size=1, max_size=30), max_size=4)


def as_gtids(plain: dict[str, set[int]]) -> mysql_gr.GtidSet:
    text = ",".join(f"{key}:{':'.join(str(n) for n in numbers)}" for key, numbers in plain.items())
    return mysql_gr.parse_gtids(text)


def as_plain(gtids: mysql_gr.GtidSet) -> dict[str, set[int]]:
    return {
        key: {n for first, last in intervals for n in range(first, last + 1)}
        for key, intervals in gtids.items()
        if intervals
    }


@given(PLAIN)
def test_a_gtid_set_survives_its_text(plain):
    gtids = as_gtids(plain)
    assert as_plain(gtids) == plain
    assert mysql_gr.parse_gtids(mysql_gr.format_gtids(gtids)) == gtids


@given(PLAIN, PLAIN)
def test_union_and_subtract_are_those_of_sets(left, right):
    union = as_plain(mysql_gr.union_gtids(as_gtids(left), as_gtids(right)))
    keys = left.keys() | right.keys()
    assert union == {key: left.get(key, set()) | right.get(key, set()) for key in keys}
    rest = as_plain(mysql_gr.subtract_gtids(as_gtids(left), as_gtids(right)))
    expected = {key: numbers - right.get(key, set()) for key, numbers in left.items()}
    assert rest == {key: numbers for key, numbers in expected.items() if numbers}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (f"{GROUP}:1-5", {GROUP: [(1, 5)]}),
        (f"{GROUP.upper()}:1-5:7,\n{OTHER}:3", {GROUP: [(1, 5), (7, 7)], OTHER: [(3, 3)]}),
        (f"{GROUP}:1-5:6-8", {GROUP: [(1, 8)]}),
        (
            f"{GROUP}:1:tag:2-3:Other:9",
            {GROUP: [(1, 1)], f"{GROUP}:tag": [(2, 3)], f"{GROUP}:other": [(9, 9)]},
        ),
    ],
)
def test_mysqls_own_spellings(text, expected):
    assert mysql_gr.parse_gtids(text) == expected


def test_what_is_no_gtid_set_is_refused():
    with pytest.raises(SaltInvocationError, match=r"'1\.\.5'"):
        mysql_gr.parse_gtids(f"{GROUP}:1..5")


# --- quorum --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["ONLINE"], True),
        (["ONLINE", "ONLINE", "ONLINE"], True),
        (["ONLINE", "ONLINE", "UNREACHABLE"], True),
        (["ONLINE", "UNREACHABLE", "UNREACHABLE"], False),
        (["ONLINE", "UNREACHABLE"], False),
        (["ONLINE", "RECOVERING", "UNREACHABLE"], True),
        (["ONLINE", "RECOVERING"], True),
        (["ONLINE", "ERROR", "OFFLINE"], True),
        (["OFFLINE"], False),
        ([], False),
    ],
)
def test_quorum(states, expected):
    assert mysql_gr.has_quorum([{"state": state} for state in states]) is expected


# --- the decision --------------------------------------------------------------------------------


def member(name: str, state: str = "ONLINE", role: str = "PRIMARY") -> dict:
    return {
        "id": UUIDS[name],
        "host": HOSTS[name],
        "port": 3306,
        "state": state,
        "role": role if state == "ONLINE" else None,
        "version": "9.7.4",
    }


def one(name: str, state: str = "OFFLINE", gtids: str = "", **more) -> dict:
    """What a member says of itself; ONLINE, its view holds itself alone unless told otherwise."""
    facts = {
        "answers": True,
        "error": "",
        "paused": "",
        "schemas": [],
        "server_uuid": UUIDS[name],
        "version": "9.7.4",
        "host": HOSTS[name],
        "port": 3306,
        "super_read_only": state != "ONLINE",
        "offline_mode": False,
        "group": GROUP,
        "mode": "multi-primary",
        "state": state,
        "role": "PRIMARY" if state == "ONLINE" else None,
        "members": [member(name, state)],
        "quorum": state in ("ONLINE", "RECOVERING"),
        "view_id": "17954915269696091:3" if state == "ONLINE" else None,
        "gtid_executed": gtids,
        "gtid_purged": "",
        "gtid_received": "",
    }
    return {**facts, **more}


def gone(error: str = "cannot connect") -> dict:
    return {"answers": False, "error": error, "state": "UNKNOWN", "paused": ""}


def online(name: str, *view: str, gtids: str = "", **more) -> dict:
    return one(name, "ONLINE", gtids, members=[member(n) for n in (name, *view)], **more)


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
        "db1", "refuse", ["no transaction accounts for (shop)", "members that join would lack it"],
    ),
    "my previous incarnation is still in the view": (
        {"db1": online("db1", "db2", "db3"), "db2": one("db2"), "db3": online("db3", "db1", "db2")},
        "db2", "wait", ["previous incarnation of db2", "db1, db3"],
    ),
    "the peer is in another group": (
        {"db1": online("db1", group=OTHER), "db2": one("db2"), "db3": one("db3")},
        "db2", "refuse", [f"db1 is ONLINE in group {OTHER}"],
    ),
    "two groups with one name, seen from outside": (
        {"db1": online("db1"), "db2": one("db2"), "db3": online("db3", view_id="9:1")},
        "db2", "refuse", ["two groups with one name", "db3 in view 9:1".replace("in", "is in")],
    ),
    "the peer has no majority": (
        {"db1": one("db1", "ONLINE", quorum=False,
                    members=[member("db1"), member("db3", "UNREACHABLE")]),
         "db2": one("db2"), "db3": gone()},
        "db2", "refuse", ["db1", "without a majority"],
    ),
    "first creation, the first declared": (
        {"db1": one("db1"), "db2": one("db2"), "db3": one("db3")},
        "db1", "create", ["db1 creates the group", "none ever held"],
    ),
    "first creation, another": (
        {"db1": one("db1"), "db2": one("db2"), "db3": one("db3")},
        "db3", "wait", ["db1 creates the group", "db3 waits"],
    ),
    "first creation out of a server that has data": (
        {"db1": one("db1"), "db2": one("db2", gtids=f"{UUIDS['db2']}:1-90"), "db3": one("db3")},
        "db2", "create", ["db2 creates the group"],
    ),
    "first creation, a peer is silent": (
        {"db1": one("db1"), "db2": one("db2"), "db3": gone("timed out")},
        "db1", "uncertain", ["no answer from db3 (timed out)", "may be alive"],
    ),
    "full outage, the one that has all leads": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7"), "db2": one("db2", gtids=f"{GROUP}:1-9"),
         "db3": one("db3", gtids=f"{GROUP}:1-8")},
        "db2", "lead", ["db2 leads the group again"],
    ),
    "full outage, the others wait for it": (
        {"db1": one("db1", gtids=f"{GROUP}:1-7"), "db2": one("db2", gtids=f"{GROUP}:1-9"),
         "db3": one("db3", gtids=f"{GROUP}:1-8")},
        "db1", "wait", ["db2 leads the group again", "db1 waits"],
    ),
    "full outage, equal histories: the first declared leads": (
        {name: one(name, gtids=f"{GROUP}:1-7") for name in ("db1", "db2", "db3")},
        "db1", "lead", ["db1 leads"],
    ),
    "full outage, superset and not count": (
        {"db1": one("db1", gtids=f"{GROUP}:1-100"),
         "db2": one("db2", gtids=f"{GROUP}:1-99:101"), "db3": one("db3", gtids=f"{GROUP}:1-9")},
        "db1", "refuse", ["no member has what all have", f"db1 lacks {GROUP}:101",
                          f"db2 lacks {GROUP}:100"],
    ),
    "full outage, a peer is silent": (
        {"db1": one("db1", gtids=f"{GROUP}:1-9"), "db2": gone(), "db3": one("db3")},
        "db1", "uncertain", ["no answer from db2", "neither created nor led"],
    ),
    "full outage, I received what I did not apply": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:4-8"),
         "db2": one("db2", gtids=f"{GROUP}:1-6"), "db3": one("db3")},
        "db1", "apply", [f"db1 received {GROUP}:7-8"],
    ),
    "full outage, what I only received others executed": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:4-8"),
         "db2": one("db2", gtids=f"{GROUP}:1-8"), "db3": one("db3")},
        "db1", "wait", ["db2 leads the group again"],
    ),
    "full outage, only executed transactions make a leader": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:1-8"),
         "db2": one("db2", gtids=f"{GROUP}:1-8"), "db3": one("db3")},
        "db2", "lead", ["db2 leads the group again"],
    ),
    "full outage, all expelled each other": (
        {name: one(name, "ERROR", f"{GROUP}:1-7", quorum=False, offline_mode=True)
         for name in ("db1", "db2", "db3")},
        "db1", "lead", ["db1 leads"],
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
        "db2", "paused", ["db2 stays out", "memory is replaced"],
    ),
    "mysqld does not answer": (
        {"db1": gone("no such file"), "db2": one("db2"), "db3": one("db3")},
        "db1", "refuse", ["mysqld on db1 does not answer", "no such file"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
def test_decision(row):
    facts, me, verdict, words = TABLE[row]
    decision = mysql_gr.decide_by(me, GROUP, facts)
    assert decision["verdict"] == verdict, decision["why"]
    for word in words:
        assert word in decision["why"]


STATES = st.sampled_from(["OFFLINE", "OFFLINE", "OFFLINE", "ONLINE", "RECOVERING", "ERROR", "gone"])
HISTORIES = st.sampled_from(["", f"{GROUP}:1-3", f"{GROUP}:1-5", f"{GROUP}:1-4:6", f"{OTHER}:1"])


@given(st.lists(st.tuples(STATES, HISTORIES, HISTORIES), min_size=3, max_size=9))
def test_never_two_leaders_and_never_one_beside_a_living_group(rows):
    """Whatever is seen, all that see it agree on at most one that creates or leads."""
    names = [f"db{n}" for n in range(1, len(rows) + 1)]
    facts = {
        name: gone() if state == "gone" else one(name, state, gtids, gtid_received=received)
        for name, (state, gtids, received) in zip(names, rows, strict=True)
    }
    leaders = [
        name
        for name in names
        if mysql_gr.decide_by(name, GROUP, facts)["verdict"] in ("create", "lead")
    ]
    assert len(leaders) <= 1
    if leaders:
        assert all(state in ("OFFLINE", "ERROR") for state, _, _ in rows)
        held = mysql_gr.parse_gtids(facts[leaders[0]]["gtid_executed"])
        for one_of_all in facts.values():
            assert not mysql_gr.subtract_gtids(
                mysql_gr.parse_gtids(one_of_all["gtid_executed"]), held
            )


# --- who makes what is made once -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([member("db3"), member("db2")], "db2"),
        ([member("db1", role="SECONDARY"), member("db3")], "db3"),
        ([member("db1", "RECOVERING"), member("db2")], "db2"),
        ([member("db1", "UNREACHABLE")], None),
        ([], None),
    ],
)
def test_the_clerk_is_the_first_declared_primary(rows, expected):
    assert mysql_gr.clerk_of(rows, HOSTS) == expected


def test_grants_are_read_as_mysql_prints_them():
    lines = [
        "GRANT REPLICATION SLAVE ON *.* TO `r`@`172.28.17.0/255.255.255.0`",
        "GRANT BACKUP_ADMIN,CONNECTION_ADMIN ON *.* TO `r`@`172.28.17.0/255.255.255.0`",
        "GRANT SELECT, INSERT ON `realworld`.* TO `r`@`%`",
    ]
    assert mysql_gr.parse_grants(lines) == {
        ("REPLICATION SLAVE", "*.*"),
        ("BACKUP_ADMIN", "*.*"),
        ("CONNECTION_ADMIN", "*.*"),
        ("SELECT", "`realworld`.*"),
        ("INSERT", "`realworld`.*"),
    }


def test_no_account_is_an_administrator():
    settings = mysql_gr.settings_from(pillar(), "db1")
    for scope in mysql_gr.SCOPES:
        for account in mysql_gr.grantees(settings, scope):
            privileges = {p for granted in account.grants.values() for p in granted}
            assert not privileges & {"ALL", "ALL PRIVILEGES", "SUPER", "GRANT OPTION"}
            assert account.host in ("localhost", "172.28.17.0/255.255.255.0")


def test_an_unknown_scope_is_named():
    with pytest.raises(
        SaltInvocationError, match="scope is 'all'; expected members or application"
    ):
        mysql_gr.grantees(mysql_gr.settings_from(pillar(), "db1"), "all")


# --- who has what --------------------------------------------------------------------------------


def test_compared_names_what_each_lacks_and_has_alone():
    facts = {
        "db1": one("db1", gtids=f"{GROUP}:1-9"),
        "db2": one("db2", gtids=f"{GROUP}:1-5,{OTHER}:1", gtid_received=f"{GROUP}:4-7"),
        "db3": gone(),
    }
    assert mysql_gr.compared(facts) == {
        "db1": {
            "executed": f"{GROUP}:1-9",
            "unapplied": "",
            "lacks": f"{OTHER}:1",
            "alone": f"{GROUP}:8-9",
        },
        "db2": {
            "executed": f"{GROUP}:1-5,{OTHER}:1",
            "unapplied": f"{GROUP}:6-7",
            "lacks": f"{GROUP}:8-9",
            "alone": f"{OTHER}:1",
        },
    }


@pytest.mark.parametrize("call", ["check_schema", "switch_mode"])
def test_a_wrong_mode_is_named(call, monkeypatch):
    monkeypatch.setattr(mysql_gr, "__pillar__", pillar(), raising=False)
    monkeypatch.setattr(mysql_gr, "__opts__", {"id": "db1"}, raising=False)
    with pytest.raises(SaltInvocationError, match="mode is 'both'; expected multi-primary or"):
        getattr(mysql_gr, call)("both")


def test_a_pause_needs_a_reason_and_ends(monkeypatch, tmp_path):
    monkeypatch.setattr(mysql_gr, "PAUSE_FILE", tmp_path / "state" / "paused")
    with pytest.raises(SaltInvocationError, match="reason is empty"):
        mysql_gr.pause("  ")
    assert mysql_gr.unpause() == {"old": "", "new": ""}
    assert mysql_gr.pause("work on it") == {"old": "", "new": "work on it"}
    assert mysql_gr.pause("more work") == {"old": "work on it", "new": "more work"}
    assert mysql_gr.unpause() == {"old": "more work", "new": ""}


# --- what a start leaves behind ------------------------------------------------------------------


class Server:
    """Stands for a connection: keeps the statements, and fails at one if told to."""

    def __init__(self, fails_at: str = "") -> None:
        self.said: list[str] = []
        self._fails_at = fails_at
        self._lost = False

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None

    def cursor(self):
        return self

    def execute(self, statement, values=None):
        if self._lost or (self._fails_at and statement == self._fails_at):
            self._lost = True
            raise mysql_gr.pymysql.OperationalError(2013, "Lost connection")
        self.said.append(statement)


START = "START GROUP_REPLICATION"
OFF = "SET GLOBAL group_replication_bootstrap_group = OFF"
ON = "SET GLOBAL group_replication_bootstrap_group = ON"


def started(server: Server, bootstrap: bool, monkeypatch, **mine) -> Server:
    """Start on this server; returns the one that a second connection would reach."""
    another = Server()
    monkeypatch.setattr(mysql_gr, "local", lambda settings: another)
    facts = {**one("db1"), **mine}
    settings = mysql_gr.settings_from(pillar(), "db1")
    mysql_gr._start(settings, server, facts, "multi-primary", bootstrap=bootstrap)
    return another


def test_a_join_never_bootstraps_whatever_was_left_behind(monkeypatch):
    server = Server()
    started(server, False, monkeypatch)
    assert server.said[-2:] == [OFF, START]
    assert ON not in server.said
    assert "SET GLOBAL super_read_only = ON" in server.said


def test_a_bootstrap_takes_its_option_back(monkeypatch):
    server = Server()
    started(server, True, monkeypatch)
    assert server.said[-3:] == [ON, START, OFF]


def test_a_bootstrap_that_loses_its_connection_takes_its_option_back(monkeypatch):
    server, another = Server(fails_at=START), Server()
    monkeypatch.setattr(mysql_gr, "local", lambda settings: another)
    settings = mysql_gr.settings_from(pillar(), "db1")
    with pytest.raises(mysql_gr.pymysql.OperationalError):
        mysql_gr._start(settings, server, one("db1"), "multi-primary", bootstrap=True)
    assert another.said == [OFF]


def test_a_member_in_error_is_stopped_first_and_serves_again(monkeypatch):
    server = Server()
    started(server, False, monkeypatch, state="ERROR", offline_mode=True)
    assert server.said[:2] == ["STOP GROUP_REPLICATION", "SET GLOBAL offline_mode = OFF"]


@pytest.mark.parametrize(
    ("now", "mode", "options"),
    [
        ("multi-primary", "multi-primary", []),
        (
            "single-primary",
            "multi-primary",
            ["single_primary_mode = OFF", "enforce_update_everywhere_checks = ON"],
        ),
        (
            "multi-primary",
            "single-primary",
            ["enforce_update_everywhere_checks = OFF", "single_primary_mode = ON"],
        ),
    ],
)
def test_a_joiner_takes_the_groups_mode_in_the_order_that_the_server_accepts(now, mode, options):
    server = Server()
    settings = mysql_gr.settings_from(pillar(), "db1")
    mysql_gr._start(settings, server, one("db1", mode=now), mode, bootstrap=False)
    said = [s.removeprefix("SET GLOBAL group_replication_") for s in server.said]
    assert said[: len(options)] == options


# --- what would stop a server from joining -------------------------------------------------------

FIT = {
    "gtid_mode": "ON",
    "enforce_gtid_consistency": "ON",
    "log_bin": "ON",
    "log_replica_updates": "ON",
    "binlog_format": "ROW",
    "replica_preserve_commit_order": "ON",
    "super_read_only": "ON",
    "group_replication_start_on_boot": "OFF",
    "group_replication_bootstrap_group": "OFF",
    "group_replication_group_name": GROUP,
    "report_host": HOSTS["db1"],
}


def problems(variables=None, mine=None, accounts=None) -> list[tuple[str, str, str]]:
    settings = mysql_gr.settings_from(pillar(), "db1")
    seen = {"db1": {**one("db1"), **(mine or {})}, "db2": one("db2"), "db3": gone()}
    merged = {**FIT, **(variables or {})}
    kept = {name: value for name, value in merged.items() if value is not None}
    found = mysql_gr.instance_problems(settings, kept, seen, accounts or {})
    return [(p["what"], p["value"], p["expected"]) for p in found]


def test_a_fit_server_has_no_problem():
    assert problems() == []
    assert problems({"super_read_only": "OFF"}, {"state": "ONLINE"}) == []


@pytest.mark.parametrize(
    ("case", "what", "expected"),
    [
        (({"gtid_mode": "OFF"},), "gtid_mode", "ON"),
        (({"binlog_format": "STATEMENT"},), "binlog_format", "ROW"),
        (({"super_read_only": "OFF"},), "super_read_only", "ON"),
        (
            ({"group_replication_bootstrap_group": "ON"},),
            "group_replication_bootstrap_group",
            "OFF",
        ),
        (({"report_host": "127.0.1.1"},), "report_host", HOSTS["db1"]),
        (({"group_replication_group_name": OTHER},), "group_replication_group_name", GROUP),
        (({"group_replication_group_name": None},), "plugin group_replication", "loaded"),
        ((None, {"version": "8.0.26"}), "version", "8.0.27 or later"),
        ((None, {"version": "8.4.9"}), "version", "not older than db2's 9.7.4"),
        ((None, {"server_uuid": UUIDS["db2"]}), "server_uuid", "a copied disk"),
        (
            (None, None, {"r@h": {"missing": ["account"]}}),
            "r@h",
            "account (mysql_gr.create_accounts)",
        ),
    ],
)
def test_each_problem_is_named(case, what, expected):
    found = problems(*case)
    assert any(w == what and expected in right for w, _, right in found), found


def test_versions_compare_as_numbers():
    texts = ["8.0.35", "8.4.6-1ubuntu1", "9.7.4", "9.10.0", "26.7.0"]
    assert sorted(texts, key=mysql_gr.version_of) == texts
    with pytest.raises(SaltInvocationError, match="'unknown' is no version"):
        mysql_gr.version_of("unknown")

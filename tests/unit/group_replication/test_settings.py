"""What pillar declares is taken, or refused with its key; what the keepers file keeps."""

from __future__ import annotations

import copy
import json
import re

import pytest
from group_replication import settings as settings_file
from group_replication.model import Settings
from group_replication.settings import (
    REMOVED,
    ROLES,
    accounts_of,
    comparison_settings,
    current_settings,
    settings_as_json,
    settings_file_differs,
    settings_from,
    settings_from_json,
    settings_of_removed,
    write_settings,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from salt.exceptions import SaltInvocationError

from tests.unit.group import (
    BAD_OPTIONS,
    GROUP,
    HOSTS,
    HOSTS_OF_THREE,
    VERSIONS,
    pillar,
    set_key,
)


def test_settings_have_nodes_in_declared_order_and_defaults():
    settings = settings_from(pillar(), "db2")
    assert list(settings.nodes) == ["db1", "db2", "db3"]
    assert settings.health_clients == ("172.28.17.52",)
    assert (settings.port, settings.admin_port, settings.health_port) == (3306, 33062, 9200)
    assert settings.application.name == "haproxy_root"
    assert settings.database == "realworld"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mysql:group:name", None, ["mysql:group:name is missing", "UUID"]),
        ("mysql:group:name", "my-group", ["'my-group'", "uuidgen"]),
        ("mysql:group:mode", "multi", ["mysql:group:mode", "'multi'", "single-primary"]),
        ("mysql:group:timings", "slow", ["mysql:group:timings", "'slow'", "fast or tolerant"]),
        ("mysql:group:write_concurrency", 9, ["write_concurrency", "'9'", "from 10 to 200"]),
        ("mysql:group:write_concurrency", 201, ["write_concurrency", "'201'", "from 10 to 200"]),
        ("mysql:group:write_concurrency", "50", ["write_concurrency", "'50'", "from 10 to 200"]),
        ("mysql:group:write_concurrency", True, ["write_concurrency", "'True'", "from 10 to 200"]),
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
        settings_from(set_key(pillar(), key, value), "db1")
    for word in words:
        assert word in str(err.value)


@pytest.mark.parametrize("value", ["hunter2", "hunter2" * 5, 12345678901234])
def test_a_password_of_the_wrong_length_is_refused_and_not_shown(value):
    with pytest.raises(SaltInvocationError) as err:
        settings_from(set_key(pillar(), "mysql:accounts:admin:password", value), "db1")
    assert str(value) not in str(err.value)
    assert "mysql:accounts:admin:password" in str(err.value)


@pytest.mark.parametrize("count", [3, 5, 9])
def test_three_to_nine_members(count):
    assert len(settings_from(pillar(count), "db1").nodes) == count


@pytest.mark.parametrize("count", [1, 2, 10])
def test_no_other_number_of_members(count):
    with pytest.raises(SaltInvocationError, match="3 to 9"):
        settings_from(pillar(count), "db1")


def test_a_minion_that_is_no_database_node_is_refused():
    with pytest.raises(SaltInvocationError, match="a node 'web' with role db"):
        settings_from(pillar(), "web")


def test_passwords_are_in_no_representation():
    assert "a-long-password" not in repr(settings_from(pillar(), "db1"))


def test_the_keepers_file_holds_the_admin_password_alone():
    text = settings_as_json(settings_from(pillar(), "db1"))
    assert "a-long-password-1" in text
    assert "a-long-password-2" not in text
    assert "a-long-password-3" not in text
    again = settings_from_json(text)
    assert again.nodes == HOSTS_OF_THREE
    assert json.loads(settings_as_json(again)) == json.loads(text)


SHOP_OWN = {"password": "a-long-password-5"}
SHOP = {"application": SHOP_OWN, "schema": {"password": "a-long-password-6"}}
SHOP_S = "mysql:accounts:applications:shop"


def test_a_further_application_has_accounts_and_a_database_by_its_name():
    declared = set_key(pillar(), "mysql:accounts:applications", {"shop": SHOP})
    settings = settings_from(declared, "db1")
    (shop,) = settings.applications
    assert (shop.name, shop.database, shop.grants) == ("shop", "shop", {})
    assert (shop.application.name, shop.schema.name) == ("shop", "shop_schema")
    assert "a-long-password-5" not in repr(settings)
    assert list(accounts_of(settings))[-2:] == [
        "applications:shop:application",
        "applications:shop:schema",
    ]
    # The keeper uses none of them, and has the file that it had.
    assert settings_as_json(settings) == settings_as_json(settings_from(pillar(), "db1"))


# What a pillar must not say: where, what instead, and words of the error.
WRONG = [
    ("cluster", ["nodes"], ["pillar cluster is a list", "mapping with subnet"]),
    ("mysql", "secret-in-the-wrong-place", ["pillar mysql is a str", "mapping with group"]),
    ("mysql:grup", {"name": GROUP}, ["pillar mysql:grup", "expected mysql:group"]),
    ("mysql:accounts:admin:pasword", "x" * 16, ["admin:pasword", "accounts:admin:password"]),
    ("mysql:accounts:admin", "a-long-password-1", ["mysql:accounts:admin is a str"]),
    ("cluster:healthport", 9200, ["pillar cluster:healthport", "cluster:health_port"]),
    ("cluster:subnet", "172.28.17.9/24", ["cluster:subnet", "172.28.17.0/24"]),
    ("cluster:subnet", "fd00::/64", ["cluster:subnet", "IPv6 is not supported"]),
    ("cluster:subnet", ["172.28.17.0/24"], ["cluster:subnet is a list"]),
    ("cluster:nodes:db1:ip", "10.0.0.1", ["db1:ip is '10.0.0.1'", "cluster:subnet 172.28.17.0/24"]),
    ("cluster:nodes:db1:ip", "172.28.17.255", ["db1:ip", "a host in cluster:subnet"]),
    ("cluster:nodes:db1:ip", "fd00::1", ["db1:ip", "IPv4"]),
    ("cluster:nodes:db1:ip", 2887523125, ["db1:ip is '2887523125'", "IP address"]),
    ("cluster:nodes:proxy:ip", "172.28.17.53", ["db1:ip", "proxy's already"]),
    ("cluster:nodes:db1:role", "database", ["db1:role is 'database'", "master, db, proxy, web"]),
    ("cluster:nodes:web9", {"ip": "172.28.17.9"}, ["web9:role is missing"]),
    ("cluster:nodes:web9", "172.28.17.9", ["cluster:nodes:web9 is a str"]),
    ("cluster:nodes:db1:rol", "db", ["cluster:nodes:db1:rol", "expected cluster:nodes:db1:role"]),
    ("cluster:nodes:7", {"ip": "172.28.17.9", "role": "db"}, ["3 to 9"]),
    ("cluster:nodes:bad name", {"ip": "172.28.17.9", "role": "web"}, ["'bad name'"]),
    ("mysql:admin_port", 3306, ["mysql:admin_port is '3306'", "mysql:port is the same"]),
    ("cluster:health_clients", "10.0.0.9", ["cluster:health_clients is '10.0.0.9'", "a list of"]),
    ("cluster:health_clients", ["10.0.0.9", "prom"], ["cluster:health_clients is 'prom'", "IPv4"]),
    ("cluster:health_clients", ["10.0.0.9/24"], ["cluster:health_clients is '10.0.0.9/24'"]),
    ("cluster:health_port", 33062, ["cluster:health_port", "mysql:admin_port is the same"]),
    ("cluster:virtual_adress", "172.28.17.60", ["expected cluster:virtual_address"]),
    ("cluster:virtual_address", "floating", ["virtual_address is 'floating'", "IPv4"]),
    ("cluster:virtual_address", "10.0.0.9", ["virtual_address", "cluster:subnet 172.28.17.0/24"]),
    ("cluster:virtual_address", "172.28.17.255", ["virtual_address", "a host in cluster:subnet"]),
    ("cluster:virtual_address", "172.28.17.52", ["virtual_address", "proxy's already"]),
    ("cluster:virtual_address", "172.28.17.53", ["virtual_address", "db1's already"]),
    ("cluster:virtual_router_id", 0, ["virtual_router_id is '0'", "from 1 to 255"]),
    ("cluster:virtual_router_id", 256, ["virtual_router_id is '256'", "from 1 to 255"]),
    ("cluster:virtual_router_id", "51", ["virtual_router_id is '51'", "a whole number"]),
    ("mysql:port", [3306], ["mysql:port is a list"]),
    ("mysql:group:name", "{" + GROUP + "}", ["mysql:group:name", "uuidgen"]),
    ("mysql:group:mode", ["multi-primary"], ["mysql:group:mode is a list"]),
    ("mysql:group:mode", "", ["mysql:group:mode is ''"]),
    ("mysql:socket", "mysqld.sock", ["mysql:socket", "absolute path"]),
    ("mysql:socket", "/run/a\nb", ["mysql:socket is '/run/a\\nb'"]),
    ("mysql:lookup:package", "a b", ["mysql:lookup:package", "name of a package"]),
    ("mysql:lookup:config_file", "x.cnf", ["mysql:lookup:config_file", "absolute path"]),
    ("mysql:accounts:application:database", "mysql", ["database is 'mysql'", "server's own"]),
    ("mysql:accounts:applications", ["shop"], ["accounts:applications is a list", "a mapping"]),
    ("mysql:accounts:applications:Shop", {}, ["applications is 'Shop'", "laravel:applications"]),
    (SHOP_S, {"aplication": {}}, ["shop:aplication", "shop:application"]),
    (SHOP_S, SHOP | {"schema": {}}, ["shop:schema:password is missing"]),
    (
        SHOP_S,
        SHOP | {"application": {**SHOP_OWN, "database": "realworld"}},
        ["shop:application:database is 'realworld'", "accounts:application:database is the same"],
    ),
    (
        SHOP_S,
        SHOP | {"application": {**SHOP_OWN, "database": "mysql"}},
        ["database is 'mysql'", "server's own"],
    ),
    (
        SHOP_S,
        SHOP | {"application": {**SHOP_OWN, "name": "haproxy_root"}},
        ["'haproxy_root'", "application:name is the s"],
    ),
    (
        SHOP_S,
        SHOP | {"application": {**SHOP_OWN, "name": "shop_schema"}},
        ["'shop_schema'", "shop:application:name is the"],
    ),
    (
        SHOP_S,
        SHOP | {"application": {**SHOP_OWN, "grants": ["x"]}},
        ["shop:application:grants is a list"],
    ),
    (
        SHOP_S,
        SHOP | {"application": {"password": "a-long-password-3"}},
        ["shop:application:password is the same as"],
    ),
    ("mysql:accounts:admin:name", "root", ["admin:name is 'root'", "server's own"]),
    ("mysql:accounts:admin:name", "mysql-gr-health", ["admin:name", "server's own"]),
    ("mysql:accounts:admin:name", "haproxy_root", ["application:name", "admin:name is the same"]),
    ("mysql:accounts:admin:password", "a-long-password-2", ["recovery:password is the same as"]),
    ("mysql:accounts:admin:password", "a-long-pass\nword", ["admin:password is not that"]),
]


@pytest.mark.parametrize(("key", "value", "words"), WRONG)
def test_what_is_malformed_or_contradicts_itself_is_refused(key, value, words):
    databases = 9 if key == "cluster:nodes:7" else 3
    with pytest.raises(SaltInvocationError) as err:
        settings_from(set_key(pillar(databases), key, value), "db1")
    for word in words:
        assert word in str(err.value)
    assert "a-long-password" not in str(err.value)
    assert "secret" not in str(err.value)


# Every path of a pillar, and what never is right there.
JUNK = st.sampled_from(
    [[], ["x"], True, 3.5, -1, 10**30, "", " ", "a\nb", b"x", "ü" * 40, {"x": {}}, ("x",), {1}]
)


PATHS = [
    *("cluster", "cluster:subnet", "cluster:nodes", "cluster:health_port", "mysql"),
    *("cluster:nodes:db1", "cluster:nodes:db2:ip", "cluster:nodes:proxy:role"),
    *("cluster:virtual_address", "cluster:virtual_router_id"),
    *("mysql:group", "mysql:group:name", "mysql:group:mode", "mysql:port", "mysql:admin_port"),
    *("mysql:socket", "mysql:version", "mysql:accounts", "mysql:accounts:recovery"),
    *(f"mysql:accounts:{role}:name" for role in ("admin", "recovery", "application")),
    *(f"mysql:accounts:{role}:password" for role in ("admin", "recovery", "application")),
    *("mysql:accounts:application:database", "mysql:lookup:package", "mysql:lookup:library"),
]


NEEDED = [
    *("cluster:subnet", "cluster:nodes", "cluster:nodes:db1", "cluster:nodes:db2:ip"),
    *("cluster:nodes:db3:role", "mysql:group", "mysql:group:name", "mysql:accounts"),
    *("mysql:accounts:admin", "mysql:accounts:application:password"),
]


# A key of one letter less, in every mapping whose keys are known.
TYPOS = ["cluster", "cluster:nodes:db2", "mysql", "mysql:group", "mysql:accounts:admin"]


MUTATIONS = st.one_of(
    st.tuples(st.sampled_from(PATHS), JUNK),
    st.tuples(st.sampled_from(NEEDED), st.none()),
    st.tuples(
        st.sampled_from([f"{place}:nam" for place in TYPOS]), st.sampled_from(["x", 1, None, {}])
    ).filter(lambda one: one[1] is not None),
    st.sampled_from([(key, value) for key, value, _ in WRONG if key != "cluster:nodes:7"]),
    st.sampled_from([("mysql:options", options) for options, _ in BAD_OPTIONS]),
    st.tuples(st.just("mysql:options"), JUNK.filter(lambda one: not isinstance(one, dict))),
    st.tuples(st.just("mysql:version"), st.sampled_from(["8.0.34", 8.4, "10.5", "x"])),
)


def mutated(tree: dict, key: str, value: object) -> dict:
    """As set_key, also where an earlier mutation left no mapping on the way."""
    *parents, last = key.split(":")
    branch = tree
    for parent in parents:
        if not isinstance(branch.get(parent), dict):
            branch[parent] = {}
        branch = branch[parent]
    branch[last] = copy.deepcopy(value)
    return tree


@settings(max_examples=1000, deadline=None)
@given(st.lists(MUTATIONS, min_size=1, max_size=4))
def test_a_wrong_pillar_is_refused_with_a_sentence_that_names_a_key(mutations):
    tree = pillar()
    for key, value in mutations:
        mutated(tree, key, value)
    with pytest.raises(SaltInvocationError) as err:
        settings_from(tree, "db1")
    said = str(err.value)
    assert re.match(r"pillar (cluster|mysql)\S* (is|has) .+", said), said
    assert "a-long-pass" not in said
    assert said.isprintable()


RIGHT = st.sampled_from(
    [
        ("mysql:group:name", GROUP.upper()),
        ("mysql:group:mode", "single-primary"),
        ("mysql:group:mode", None),
        ("mysql:port", 3307),
        ("mysql:admin_port", 33060),
        ("mysql:socket", "/var/run/mysqld/m.sock"),
        ("mysql:version", "8.4"),
        ("mysql:version", "26.10.0"),
        ("mysql:options", {}),
        ("mysql:options", {"innodb_buffer_pool_size": "1G", "max-connections": 500}),
        ("mysql:lookup", {"package": "mysql-community-server", "library": "/opt/mysql-gr"}),
        ("mysql:accounts:admin:name", "asker"),
        ("mysql:accounts:admin:password", "a pass'word \"of\" 'ü"),
        ("mysql:accounts:application:database", "shop_1"),
        ("cluster:health_port", 9300),
        ("cluster:health_clients", ["10.0.0.9", "10.1.0.0/24"]),
        ("cluster:virtual_address", "172.28.17.60"),
        ("cluster:virtual_router_id", 255),
        ("cluster:nodes:db4", {"ip": "172.28.17.99", "role": "db"}),
        ("cluster:nodes:web.example-1", {"ip": "172.28.17.98", "role": "web"}),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(RIGHT, max_size=6), st.booleans())
def test_a_right_pillar_is_taken_however_it_is_put(changes, backwards):
    tree = pillar()
    for key, value in changes:
        mutated(tree, key, value)
    if backwards:
        tree = {key: dict(reversed(tree[key].items())) for key in reversed(tree)}
    found = settings_from({"other": ["keys"], **tree}, "db1")
    assert settings_from_json(settings_as_json(found)).nodes == found.nodes


def test_a_settings_file_of_a_later_version_is_read():
    text = settings_as_json(settings_from(pillar(), "db1"))
    later = json.dumps({**json.loads(text), "a_later_field": 1})
    assert settings_from_json(later).nodes == HOSTS_OF_THREE


@pytest.mark.parametrize(
    "value", ["8.0.34", "5.7", "10.11", "11.8.3", "8", "", "nine", 8.4, 9, True, ["9.7"]]
)
def test_a_version_that_is_not_supported_is_refused(value):
    with pytest.raises(SaltInvocationError, match="pillar mysql:version is "):
        settings_from(set_key(pillar(), "mysql:version", value), "db1")


@pytest.mark.parametrize("value", [*VERSIONS, "8.0", "8.4", "9.7", "26.7"])
def test_supported_versions(value):
    declared = set_key(pillar(), "mysql:version", value)
    assert settings_from(declared, "db1").version == value


def stored(name: str = "db4") -> Settings:
    return settings_from(pillar(4), name)


def test_a_deleted_member_knows_its_address_and_those_that_stay():
    settings = settings_of_removed(pillar(3), "db4", stored())
    assert settings.nodes == {name: HOSTS[name] for name in ("db1", "db2", "db3", "db4")}
    assert (settings.me, settings.removed) == ("db4", REMOVED)
    again = settings_from_json(settings_as_json(settings))
    assert (again.nodes, again.removed) == (settings.nodes, REMOVED)


def test_a_deleted_member_needs_no_secrets(monkeypatch, tmp_path):
    """Its pillar has the table alone; the keeper's file has what it needs to leave."""
    monkeypatch.setattr(settings_file, "SETTINGS_FILE", tmp_path / "settings.json")
    write_settings(stored())
    table = {"cluster": pillar(3)["cluster"]}
    found = current_settings(table, "db4")
    assert (found.removed, found.admin) == (REMOVED, stored().admin)
    assert list(found.nodes) == ["db1", "db2", "db3", "db4"]
    write_settings(found)
    assert not settings_file_differs(current_settings(table, "db4"))
    # Declared again it is a member as before, and without secrets none.
    assert current_settings(pillar(4), "db4").removed == ""
    assert current_settings({}, "db4") == found


def test_a_machine_that_never_was_a_member_is_told_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(settings_file, "SETTINGS_FILE", tmp_path / "settings.json")
    with pytest.raises(SaltInvocationError, match="cluster:nodes name minion 'db4', with role db"):
        current_settings({"cluster": pillar(3)["cluster"]}, "db4")


def test_its_address_is_forgotten_by_others_and_kept_when_written_again():
    once = settings_of_removed(pillar(3), "db4", stored())
    twice = settings_of_removed(pillar(3), "db4", once)
    assert settings_as_json(once) == settings_as_json(twice)


def test_another_role_is_a_deletion_too():
    declared = set_key(pillar(4), "cluster:nodes:db4:role", "web")
    assert settings_of_removed(declared, "db4", stored()).removed


def test_a_declared_member_and_a_stranger_are_not_removed():
    assert settings_of_removed(pillar(4), "db4", stored()) is None
    assert settings_of_removed(pillar(3), "db4", None) is None


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_table_that_is_too_small_removes_nobody(left):
    declared = pillar(3)
    for n in range(left + 1, 4):
        del declared["cluster"]["nodes"][f"db{n}"]
    with pytest.raises(SaltInvocationError, match=rf"{left} nodes with role db.*3 to 9"):
        settings_of_removed(declared, "db4", stored())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {"interval": "daily", "delay": 3600}),
        ("daily", {"interval": "daily", "delay": 3600}),
        ("hourly", {"interval": "hourly", "delay": 150}),
        ("weekly", {"interval": "weekly", "delay": 25200}),
        ("monthly", {"interval": "monthly", "delay": 111600}),
        (False, {"interval": "", "delay": 0}),
        (True, "is 'True'; expected daily, hourly, weekly, monthly, or false for never"),
        ("1d", "is '1d'; expected daily"),
        ("", "is ''; expected"),
        (0, "is '0'; expected"),
        (24, "is '24'; expected"),
        (["daily"], "is a list; expected"),
    ],
)
def test_how_often_the_members_are_compared(value, expected):
    declared = set_key(pillar(), "mysql:compare:interval", value)
    if isinstance(expected, str):
        with pytest.raises(SaltInvocationError) as error:
            settings_from(declared, "db1")
        assert f"pillar mysql:compare:interval {expected}" in str(error.value)
    else:
        settings = settings_from(declared, "db1")
        assert comparison_settings(settings) == expected
        # The program reads it, too.
        assert settings_from_json(settings_as_json(settings)) == settings._replace(
            **{role: getattr(settings, role)._replace(password="") for role in ROLES[1:]}
        )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 0.1),
        (1, 1.0),
        (0.01, 0.01),
        *((wrong, None) for wrong in (0, 0.009, 1.1, -1, True, "0.5", [])),
    ],
)
def test_the_load_of_a_comparison(value, expected):
    declared = set_key(pillar(), "mysql:compare:load", value)
    if expected is None:
        right = r"pillar mysql:compare:load is .*; expected a number from 0.01 to 1"
        with pytest.raises(SaltInvocationError, match=right):
            settings_from(declared, "db1")
    else:
        assert settings_from(declared, "db1").compare_load == expected


def test_a_misspelt_key_of_the_comparison_is_named():
    declared = set_key(pillar(), "mysql:compare:intervall", "daily")
    with pytest.raises(SaltInvocationError, match="expected mysql:compare:interval"):
        settings_from(declared, "db1")


@pytest.mark.parametrize(
    ("value", "expected"), [(None, 10), (0, 0), (600, 600), (-1, None), (601, None), ("5", None)]
)
def test_seconds_to_drain(value, expected):
    declared = set_key(pillar(), "mysql:drain", value)
    if expected is None:
        with pytest.raises(SaltInvocationError, match=r"pillar mysql:drain is .*0 to 600"):
            settings_from(declared, "db1")
    else:
        assert settings_from(declared, "db1").drain == expected

"""The pure parts of mysql_gr: settings, option file, GTID sets, and the decision as a table."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import socket
import threading

import pytest
from group_replication import versions
from hypothesis import given, settings
from hypothesis import strategies as st
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.mysql_gr as mysql_gr
from tests.unit.group import (
    GROUP,
    HISTORIES,
    HOSTS,
    HOSTS_OF_THREE,
    OTHER,
    STATES,
    UUIDS,
    gone,
    member,
    one,
    online,
    pillar,
    set_key,
)

# --- settings ------------------------------------------------------------------------------------


def test_settings_have_nodes_in_declared_order_and_defaults():
    settings = mysql_gr.settings_from(pillar(), "db2")
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


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("db", ["db1", "db2", "db3"]),
        ("web", ["web2", "web"]),
        ("proxy", ["proxy"]),
        (None, ["master", "proxy", "db1", "db2", "db3", "web2", "web"]),
    ],
)
def test_nodes_are_found_by_role_in_declared_order(monkeypatch, role, names):
    tree = pillar()
    webs = {"web2": "172.28.17.58", "web": "172.28.17.51"}
    tree["cluster"]["nodes"] |= {name: {"ip": ip, "role": "web"} for name, ip in webs.items()}
    monkeypatch.setattr(mysql_gr, "__pillar__", tree, raising=False)
    found = mysql_gr.nodes(role)
    assert list(found) == names
    assert all(found[name] == tree["cluster"]["nodes"][name]["ip"] for name in names)


def test_who_declares_no_nodes_has_none_and_a_role_is_one_of_four(monkeypatch):
    monkeypatch.setattr(mysql_gr, "__pillar__", {}, raising=False)
    assert mysql_gr.nodes("web") == {}
    with pytest.raises(SaltInvocationError, match="role is 'webs'; expected one of master, db"):
        mysql_gr.nodes("webs")


@pytest.mark.parametrize(
    ("virtual", "proxies", "address"),
    [
        (None, {"proxy": "172.28.17.52"}, "172.28.17.52"),
        (None, {"proxy2": "172.28.17.57", "proxy": "172.28.17.52"}, "172.28.17.57"),
        (None, {}, ""),
        ("172.28.17.60", {"proxy": "172.28.17.52"}, "172.28.17.60"),
        ("172.28.17.60", {"proxy": "172.28.17.52", "proxy2": "172.28.17.57"}, "172.28.17.60"),
    ],
)
def test_the_balancer_is_at_the_virtual_address_or_else_at_the_first_proxy(
    virtual, proxies, address
):
    tree = set_key(pillar(), "cluster:virtual_address", virtual)
    del tree["cluster"]["nodes"]["proxy"]
    tree["cluster"]["nodes"] |= {n: {"ip": ip, "role": "proxy"} for n, ip in proxies.items()}
    found = mysql_gr.declared_balancer(tree)
    assert found.address == address
    assert list(found.proxies.items()) == list(proxies.items())
    assert (found.virtual_address, found.virtual_router_id) == (virtual or "", 51)
    # The members are asked from the proxies' own addresses, whoever holds the virtual one.
    assert mysql_gr.settings_from(tree, "db1").health_clients == tuple(proxies.values())


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
        mysql_gr.settings_from(set_key(pillar(databases), key, value), "db1")
    for word in words:
        assert word in str(err.value)
    assert "a-long-password" not in str(err.value)
    assert "secret" not in str(err.value)


BAD_OPTIONS = [
    ({"group_replication_bootstrap_group": False}, ["bootstrap_group", "second group"]),
    ({"loose-group-replication-bootstrap-group": "OFF"}, ["bootstrap_group", "second group"]),
    ({"group-replication-start-on-boot": True}, ["start_on_boot is 'ON'", "OFF or 0"]),
    ({"loose_group_replication_start_on_boot": "on"}, ["start_on_boot is 'on'"]),
    ({"GTID_MODE": "OFF"}, ["gtid_mode is 'OFF'", "expected ON: the group is made of GTIDs"]),
    ({"loose-gtid-mode": "OFF_PERMISSIVE"}, ["gtid_mode is 'OFF_PERMISSIVE'"]),
    ({"enforce_gtid_consistency": "WARN"}, ["enforce_gtid_consistency"]),
    ({"super_read_only": 0}, ["super_read_only is '0'", "must not take a write"]),
    ({"skip-super-read-only": 1}, ["skip_super_read_only", "must not take a write"]),
    ({"disable_super_read_only": ""}, ["disable_super_read_only"]),
    ({"read_only": False}, ["read_only is 'OFF'"]),
    ({"log_bin": False}, ["log_bin is 'OFF'", "base name"]),
    ({"log-bin": True}, ["log_bin is 'ON'", "base name"]),
    ({"skip_log_bin": ""}, ["skip_log_bin", "base name"]),
    ({"disable-log-bin": None}, ["disable-log-bin is missing"]),
    ({"log_slave_updates": 0}, ["log_slave_updates is '0'", "recover from each other"]),
    ({"skip-log-replica-updates": 1}, ["skip_log_replica_updates"]),
    ({"slave_preserve_commit_order": "OFF"}, ["slave_preserve_commit_order"]),
    ({"binlog_format": "MIXED"}, ["binlog_format is 'MIXED'", "ROW"]),
    ({"binlog_format": ["ROW"]}, ["binlog_format is a list"]),
    ({"performance_schema": False}, ["performance_schema"]),
    ({"server_id": 7}, ["server_id is '7'", "2887520565", "the member's address"]),
    ({"server_uuid": GROUP}, ["server_uuid", "auto.cnf"]),
    ({"report_host": "db1.example"}, ["report_host", "'172.28.17.53'", "cluster:nodes"]),
    ({"report-port": 3307}, ["report_port", "mysql:port"]),
    ({"port": 3307}, ["port is '3307'", "'3306'", "mysql:port"]),
    ({"bind_address": "127.0.0.1"}, ["bind_address", "172.28.17.53 among them"]),
    ({"group_replication_group_name": OTHER}, ["group_name", GROUP, "mysql:group:name"]),
    ({"group_replication_single_primary_mode": "ON"}, ["single_primary_mode", "mysql:group:mode"]),
    ({"group_replication_local_address": "172.28.17.53:33061"}, ["local_address", "mysql:port"]),
    ({"group_replication_communication_stack": "XCOM"}, ["communication_stack", "MYSQL"]),
    ({"group_replication_ssl_mode": "DISABLED"}, ["ssl_mode", "VERIFY_CA", "TLS"]),
    ({"group_replication_recovery_use_ssl": "OFF"}, ["recovery_use_ssl", "TLS"]),
    ({"plugin_load": "x.so"}, ["plugin_load is", "plugin_load_add"]),
    ({"replicate-do-db": "shop"}, ["replicate_do_db", "no filters"]),
    ({"binlog_ignore_db": "shop"}, ["binlog_ignore_db"]),
    ({"skip-networking": True}, ["skip_networking is 'ON'"]),
    ({"transaction-isolation": "serializable"}, ["transaction_isolation", "every commit"]),
    ({"default_storage_engine": "MyISAM"}, ["default_storage_engine is 'MyISAM'", "INNODB"]),
    ({"datadir": "/data"}, ["datadir is '/data'", "'/var/lib/mysql'", "lookup:data_directory"]),
    ({"group_replication_paxos_single_leader": "maybe"}, ["single_leader is 'maybe'", "ON"]),
    ({"max connections": 5}, ["'max connections'", "letters"]),
    ({"[client]": 5}, ["'[client]'"]),
    ({5: 5}, ["named 5"]),
    ({"max_connections": {"a": 1}}, ["max_connections is a dict"]),
    ({"max_connections": [5, [6]]}, ["max_connections is a list"]),
    ({"max_connections": []}, ["max_connections is a list", "one value"]),
    ({"max_connections": None}, ["max_connections is missing"]),
    ({"max_connections": float("nan")}, ["max_connections is 'nan'", "finite"]),
    ({"init_file": "/a\nskip-grant-tables"}, ["init_file", "one line"]),
    ({"init_file": "/a#b"}, ["init_file", "quotes"]),
    ({"max_connections": 5, "max-connections": 6}, ["max-connections is '6'", "once"]),
    ({"max_connections": 5, "loose_max_connections": 6}, ["loose_max_connections", "once"]),
]


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS)
def test_an_option_that_the_group_cannot_live_with_is_refused(options, words):
    with pytest.raises(SaltInvocationError) as err:
        mysql_gr.settings_from(set_key(pillar(), "mysql:options", options), "db1")
    assert "pillar mysql:options" in str(err.value)
    for word in words:
        assert word in str(err.value)


GOOD_OPTIONS = {
    "innodb-buffer-pool-size": "256M",
    "loose-group-replication-start-on-boot": False,
    "gtid-mode": True,
    "REPORT_HOST": "172.28.17.53",
    "group_replication_group_name": GROUP.upper(),
    "group_replication_enforce_update_everywhere_checks": 1,
    "bind-address": "*",
    "log_bin": "/var/log/mysql/binlog",
    "skip-replica-start": "ON",
    "validate_password.policy": "'a # in quotes'",
    "plugin_load_add": "auth_socket.so",
    "loose-mysqlx": "ON",
    "optimizer_costs": ["a=1", 2, 0.5, True],
}


def test_options_are_spelt_as_the_file_spells_them():
    declared = set_key(pillar(), "mysql:options", GOOD_OPTIONS)
    options = mysql_gr.options_of(mysql_gr.settings_from(declared, "db1"))
    assert len({name.removeprefix("loose_").replace("-", "_") for name in options}) == len(options)
    assert options["innodb_buffer_pool_size"] == "256M"
    assert options["loose_group_replication_start_on_boot"] == "OFF"
    assert options["gtid_mode"] == "ON"
    assert options["mysqlx"] == "ON"
    assert options["plugin_load_add"] == [
        "group_replication.so",
        "mysql_clone.so",
        "auth_socket.so",
    ]
    assert options["optimizer_costs"] == ["a=1", 2, 0.5, "ON"]


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
        mysql_gr.settings_from(tree, "db1")
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
    found = mysql_gr.settings_from({"other": ["keys"], **tree}, "db1")
    assert mysql_gr.settings_from_json(mysql_gr.settings_as_json(found)).nodes == found.nodes


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
    ("declared", "mode", "expected"),
    [
        (None, "multi-primary", 50),
        (None, "single-primary", 10),
        (10, "multi-primary", 10),
        (200, "single-primary", 200),
    ],
)
def test_the_write_concurrency(declared, mode, expected):
    settings = mysql_gr.settings_from(
        set_key(pillar(), "mysql:group:write_concurrency", declared), "db1"
    )
    kept = mysql_gr.settings_from_json(mysql_gr.settings_as_json(settings))
    assert mysql_gr.write_concurrency_for(kept, mode) == expected


@pytest.mark.parametrize(("timings", "expelled_after"), [(None, 0), ("fast", 0), ("tolerant", 14)])
def test_the_timings_are_presets(timings, expelled_after):
    declared = set_key(pillar(), "mysql:group:timings", timings)
    options = mysql_gr.options_of(mysql_gr.settings_from(declared, "db1"))
    preset = {
        name: options[f"loose_group_replication_{name}"]
        for name in mysql_gr.TIMINGS[timings or "fast"]
    }
    assert preset == mysql_gr.TIMINGS[timings or "fast"]
    assert preset["member_expel_timeout"] == expelled_after


def test_one_value_of_a_preset_can_be_another():
    declared = set_key(pillar(), "mysql:options:group_replication_unreachable_majority_timeout", 20)
    options = mysql_gr.options_of(mysql_gr.settings_from(declared, "db1"))
    assert options["loose_group_replication_unreachable_majority_timeout"] == 20
    assert options["loose_group_replication_member_expel_timeout"] == 0


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


@pytest.mark.parametrize(
    ("me", "view", "expected"),
    [
        ("db1", "db1=ONLINE db2=ONLINE db3=ONLINE", True),
        ("db2", "db1=ONLINE db2=ONLINE db3=ONLINE", False),
        ("db2", "db1=RECOVERING db2=ONLINE", True),
        ("db1", "db1=RECOVERING db2=ONLINE", False),
        ("db2", "db1=UNREACHABLE db2=ONLINE db3=ONLINE", True),
        ("db1", "db1=ONLINE", True),
        # Without a majority the group can be told nothing.
        ("db1", "db1=ONLINE db2=UNREACHABLE", False),
    ],
)
def test_one_member_sets_what_any_may_set_for_all(me, view, expected):
    members = [member(*row.split("=")) for row in view.split()]
    facts = {"host": HOSTS[me], "members": members, "quorum": mysql_gr.has_quorum(members)}
    assert mysql_gr.is_first_online(facts) is expected


def test_who_greets_or_refuses_is_not_silent(monkeypatch):
    monkeypatch.setattr(mysql_gr, "GREETING_SECONDS", 0.2)
    greets, refuses, *silent = [f"127.0.0.{number}" for number in range(1, 5)]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server((greets, 0)))
        port = server.getsockname()[1]
        for host in silent:
            stack.enter_context(socket.create_server((host, port)))

        def greet():
            with server.accept()[0] as peer:
                peer.send(b"\n")

        thread = threading.Thread(target=greet)
        thread.start()
        assert mysql_gr.silent_of([greets, *silent, refuses], port) == silent
        thread.join()
    assert mysql_gr.silent_of([], port) == []


# --- the decision --------------------------------------------------------------------------------


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
    "full outage, equal histories: the first by address, whatever the order of a table": (
        {name: one(name, gtids=f"{GROUP}:1-7", declared=[HOSTS[n] for n in names])
         for name, names in (("db3", ("db3", "db1", "db2")), ("db2", ("db2", "db3", "db1")),
                             ("db1", ("db1", "db2", "db3")))},
        "db2", "wait", ["db1 leads the group again"],
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
                          "mysql_gr.forget member=db2"],
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
        "db1", "create", ["db1 creates"],
    ),
    "full outage, a declared member was never built": (
        {**{n: one(n, gtids=f"{GROUP}:1-7", remembered=MEMORY) for n in ("db1", "db2", "db3")},
         "db4": gone() | {"host": HOSTS["db4"]}},
        "db1", "lead", ["db1 leads", "all declared members but db4 answered", "never saw"],
    ),
    "the same, and another one waits": (
        {**{n: one(n, gtids=f"{GROUP}:1-7", remembered=MEMORY) for n in ("db1", "db2", "db3")},
         "db4": gone() | {"host": HOSTS["db4"]}},
        "db2", "wait", ["db1 leads"],
    ),
    "full outage, a member that was seen once is silent": (
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
    "full outage, a peer is silent": (
        {"db1": one("db1", gtids=f"{GROUP}:1-9"), "db2": gone(), "db3": one("db3")},
        "db1", "uncertain", ["no answer from db2", "neither created nor led"],
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
        "db1", "wait", ["db2 leads the group again"],
    ),
    "full outage, only executed transactions make a leader": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:1-8"),
         "db2": one("db2", gtids=f"{GROUP}:1-8"), "db3": one("db3")},
        "db2", "lead", ["db2 leads the group again"],
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
        {"db1": one("db1", running=True), "db2": one("db2"), "db3": one("db3")},
        "db1", "stop", ["db1 is OFFLINE"],
    ),
    "the same, another": (
        {"db1": one("db1"), "db2": one("db2"), "db3": one("db3", running=True)},
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
        "db2", "paused", ["db2 stays out", "memory is replaced"],
    ),
    "mysqld does not answer": (
        {"db1": gone("no such file"), "db2": one("db2"), "db3": one("db3")},
        "db1", "silent", ["mysqld on db1 does not answer", "no such file"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
def test_decision(row):
    facts, me, verdict, words = TABLE[row]
    decision = mysql_gr.decide_by(me, GROUP, facts)
    assert decision["verdict"] == verdict, decision["why"]
    for word in words:
        assert word in decision["why"]


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
        # One in ERROR may still have messages of the old group under way.
        assert all(state == "OFFLINE" for state, _, _ in rows)
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
        # Those above the lowest version are read only while a group is upgraded.
        ([{**member("db1"), "version": "9.7.4"}, {**member("db2"), "version": "8.4.5"}], "db2"),
        ([{**member("db1"), "version": None}, {**member("db2"), "version": "8.4.5"}], "db1"),
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


@pytest.mark.parametrize(
    ("line", "privilege", "target", "expected"),
    [
        ("GRANT SELECT ON `a`.* TO", "SELECT", "`a`.*", True),
        ("GRANT SELECT ON `a`.* TO", "INSERT", "`a`.*", False),
        ("GRANT ALL PRIVILEGES ON `a`.* TO", "INSERT", "`a`.*", True),
        ("GRANT ALL PRIVILEGES ON `a`.* TO", "INSERT", "`b`.*", False),
        ("GRANT ALL PRIVILEGES ON `a`.* TO", "SUPER", "*.*", False),
        ("GRANT SELECT, INSERT ON *.* TO", "INSERT", "`a`.*", True),
        ("GRANT ALL PRIVILEGES ON *.* TO", "INSERT", "`a`.`t`", True),
        ("GRANT SELECT (c) ON `a`.`t` TO", "SELECT", "`a`.`t`", False),
    ],
)
def test_a_privilege_may_be_held_by_a_wider_one(line, privilege, target, expected):
    granted = mysql_gr.parse_grants([f"{line} `u`@`h`"])
    assert mysql_gr.is_granted(privilege, target, granted) is expected


def test_an_underscore_in_a_database_stands_for_itself():
    declared = set_key(pillar(), "mysql:accounts:application:database", "a_shop")
    (account,) = mysql_gr.grantees(mysql_gr.settings_from(declared, "db1"), "application")
    assert list(account.grants) == [r"`a\_shop`.*"]


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
    # What is left of a reason is a pause, too.
    mysql_gr.PAUSE_FILE.write_text("\n")
    assert "gives no reason" in mysql_gr.paused()
    mysql_gr.PAUSE_FILE.write_bytes(b"\xff")
    assert "cannot be read" in mysql_gr.paused()
    assert "cannot be read" in mysql_gr.unpause()["old"]
    assert mysql_gr.paused() == ""


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
    mysql_gr._start(settings, server, facts, [], bootstrap=bootstrap)
    return another


def test_a_join_never_bootstraps_whatever_was_left_behind(monkeypatch):
    server = Server()
    started(server, False, monkeypatch)
    assert server.said[-2:] == [OFF, START]
    assert ON not in server.said
    assert "SET GLOBAL super_read_only = ON" in server.said


@pytest.mark.parametrize("bootstrap", [True, False])
def test_what_a_forced_view_left_behind_hinders_no_start(monkeypatch, bootstrap):
    server = Server()
    started(server, bootstrap, monkeypatch)
    emptied = "SET GLOBAL group_replication_force_members = ''"
    assert server.said.index(emptied) < server.said.index(START)


def test_a_bootstrap_takes_its_option_back(monkeypatch):
    server = Server()
    started(server, True, monkeypatch)
    assert server.said[-3:] == [ON, START, OFF]


def test_a_bootstrap_that_loses_its_connection_takes_its_option_back(monkeypatch):
    server, another = Server(fails_at=START), Server()
    monkeypatch.setattr(mysql_gr, "local", lambda settings: another)
    settings = mysql_gr.settings_from(pillar(), "db1")
    with pytest.raises(mysql_gr.pymysql.OperationalError):
        mysql_gr._start(settings, server, one("db1"), [], bootstrap=True)
    assert another.said == [OFF]


@pytest.mark.parametrize(("busy", "set_after"), [(0, 0), (3, 1.5), (1000, None)])
def test_an_option_is_set_once_the_server_is_at_no_other_one(monkeypatch, busy, set_after):
    clock, tries = Clock(monkeypatch), []

    def do(connection, statement, values):
        tries.append(statement)
        if len(tries) <= busy:
            raise mysql_gr.pymysql.OperationalError(3724, "This option cannot be set while ...")

    monkeypatch.setattr(mysql_gr, "_do", do)
    if set_after is None:
        with pytest.raises(mysql_gr.pymysql.OperationalError, match="3724"):
            mysql_gr._set_when_free(None, ON)
        assert clock.now > mysql_gr.LOCAL_SECONDS
    else:
        mysql_gr._set_when_free(None, ON)
        assert (tries, clock.now) == ([ON] * (busy + 1), set_after)


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
    peers = [one("db3", mode=now), online("db2", mode=mode)]
    mysql_gr._start(settings, server, one("db1", mode=now), peers, bootstrap=False)
    said = [s.removeprefix("SET GLOBAL group_replication_") for s in server.said]
    assert said[: len(options)] == options


@pytest.mark.parametrize(
    ("mine", "group", "declared", "said"),
    [
        ("ON", "ON", "ON", []),
        ("ON", "OFF", "ON", ["OFF"]),
        ("OFF", "ON", "OFF", ["ON"]),
        # Nobody is ONLINE: the group becomes what is declared.
        ("OFF", None, "ON", ["ON"]),
        ("ON", None, "OFF", ["OFF"]),
        ("ON", None, "ON", []),
        # A version that does not know it.
        (None, None, "ON", []),
    ],
)
def test_who_joins_takes_the_groups_paxos_leaders_and_who_leads_the_declared_ones(
    mine, group, declared, said, monkeypatch
):
    def alike(value):
        return {} if value is None else {mysql_gr.SINGLE_LEADER: value}

    server = Server()
    monkeypatch.setattr(mysql_gr, "local", lambda settings: Server())
    settings = mysql_gr.settings_from(
        set_key(pillar(), f"mysql:options:{mysql_gr.SINGLE_LEADER}", declared), "db1"
    )
    peers = [one("db3", alike=alike("ON")), *([online("db2", alike=alike(group))] if group else [])]
    mysql_gr._start(settings, server, one("db1", alike=alike(mine)), peers, bootstrap=group is None)
    begin = f"SET GLOBAL {mysql_gr.SINGLE_LEADER} = "
    assert [s.removeprefix(begin) for s in server.said if s.startswith(begin)] == said


@pytest.mark.parametrize("row", [r for r in versions.DIFFERENCES if not r.statement])
def test_a_group_is_led_whatever_version_has_an_option(row, monkeypatch):
    """What stands in the option file is judged where that is written, not in a power cut."""
    value = row.value or 1
    if row.name == "transaction_write_set_extraction":
        value = "XXHASH64"
    if row.name.endswith("_info_repository"):
        value = "TABLE"
    server = Server()
    monkeypatch.setattr(mysql_gr, "local", lambda settings: Server())
    settings = mysql_gr.settings_from(set_key(pillar(), f"mysql:options:{row.name}", value), "db1")
    mine = one("db1", alike={mysql_gr.SINGLE_LEADER: "OFF"})
    mysql_gr._start(settings, server, mine, [], bootstrap=True)
    assert f"SET GLOBAL {mysql_gr.SINGLE_LEADER} = ON" in server.said
    assert server.said[-3:] == [ON, START, OFF]
    seen = {"db1": online("db1", "db2", "db3", alike={mysql_gr.SINGLE_LEADER: "ON"})}
    seen |= {name: gone() for name in ("db2", "db3")}
    channels = {"applier": {"running": True, "error": ""}, "recovery": {"error": ""}}
    channels |= {"clone": {}, "rejoining": False, "conflicts": 0, "write_concurrency": 50}
    assert mysql_gr.diagnosis(settings, seen, channels)["verdict"] == "member"


@pytest.mark.parametrize("said", ["ON, GLOBAL init_connect='x'", "on", "1", ""])
def test_a_peers_text_never_reaches_a_statement(said):
    server, settings = Server(), mysql_gr.settings_from(pillar(), "db1")
    mine = one("db1", alike={mysql_gr.SINGLE_LEADER: "OFF"})
    peer = online("db2", alike={mysql_gr.SINGLE_LEADER: said})
    if said:
        with pytest.raises(CommandExecutionError, match="expected ON or OFF"):
            mysql_gr._start(settings, server, mine, [peer], bootstrap=False)
        assert START not in server.said
    assert "init_connect" not in " ".join(server.said)


class Said(Server):
    """A server that answers queries, each by its beginning."""

    def __init__(self, answers: dict, fails_at: str = "", code: int = 2013) -> None:
        super().__init__()
        self._answers, self._at, self._code = answers, fails_at, code
        self._rows: list = []

    def execute(self, statement, values=None):
        super().execute(statement, values)
        if self._at and statement.startswith(self._at):
            raise mysql_gr.pymysql.OperationalError(self._code, "it fails")
        found = next((r for begin, r in self._answers.items() if statement.startswith(begin)), [])
        self._rows = found() if callable(found) else found

    def fetchall(self):
        return self._rows


LOGGED = [{"code": "MY-2", "text": "and\nthis"}, {"code": "MY-1", "text": "first"}]


@pytest.mark.parametrize(
    ("code", "rows", "error", "words"),
    [
        (3092, LOGGED, CommandExecutionError, "Its error log: MY-1 first; MY-2 and this"),
        (3096, [], CommandExecutionError, r"it fails \(3096\)$"),
        (2013, LOGGED, mysql_gr.pymysql.OperationalError, "it fails"),
    ],
)
def test_a_start_that_fails_says_what_the_log_says(code, rows, error, words):
    server = Said({"SELECT ERROR_CODE": rows}, START, code)
    settings = mysql_gr.settings_from(pillar(), "db1")
    with pytest.raises(error, match=words):
        mysql_gr._start(settings, server, one("db1"), [], bootstrap=False)


RECEIVED = f"{GROUP}:7-8"
SQL_THREAD = "REPLICA SQL_THREAD FOR CHANNEL 'group_replication_applier'"


def applying(monkeypatch, errors=(), left=(), work=()):
    """Apply with answers in a row, the last of which stays; returns the seconds it took."""
    clock = Clock(monkeypatch)

    def row(name, values, default):
        kept = list(values) or [default]
        return lambda: [{name: kept.pop(0) if len(kept) > 1 else kept[0]}]

    server = Said(
        {
            "SELECT GTID_SUBTRACT": row("s", left, RECEIVED),
            "SELECT IF(": row("error", errors, ""),
            "SELECT COALESCE((SELECT SUM(trx": row("work", work, 0),
        }
    )
    try:
        mysql_gr._apply_received(server, RECEIVED, 1)
    finally:
        said = [one for one in server.said if not one.startswith("SELECT")]
        assert said == [f"START {SQL_THREAD}", f"STOP {SQL_THREAD}"]
    return clock.now


def test_an_applier_that_cannot_is_told_at_once(monkeypatch):
    with pytest.raises(CommandExecutionError, match=r"7-8; the applier said: Duplicate entry '5'"):
        applying(monkeypatch, errors=["", "Duplicate entry\n'5'"])


def test_an_applier_that_stands_still_is_given_up(monkeypatch):
    with pytest.raises(CommandExecutionError, match=r"no progress for 1 s.*7-8"):
        applying(monkeypatch)


def test_one_transaction_may_take_longer_than_the_patience(monkeypatch):
    took = applying(monkeypatch, left=[RECEIVED] * 20 + [""], work=range(30))
    assert took > 1


def test_serializable_is_for_one_primary_alone():
    declared = set_key(pillar(), "mysql:options:transaction_isolation", "SERIALIZABLE")
    one_primary = set_key(declared, "mysql:group:mode", "single-primary")
    assert mysql_gr.settings_from(one_primary, "db1").options["transaction_isolation"]


def test_a_settings_file_of_a_later_version_is_read():
    text = mysql_gr.settings_as_json(mysql_gr.settings_from(pillar(), "db1"))
    later = json.dumps({**json.loads(text), "a_later_field": 1})
    assert mysql_gr.settings_from_json(later).nodes == HOSTS_OF_THREE


# --- converging ----------------------------------------------------------------------------------


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(mysql_gr.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(mysql_gr.time, "sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def converging(monkeypatch, *acts, timeout=180):
    """Converge while each try ends so; the last one is what all later ones end with."""
    clock, left = Clock(monkeypatch), list(acts)

    def act(settings, allowed, patience, decided):
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return mysql_gr._verdict(now, f"{now}, it says", **({"done": True} if now in did else {}))

    did = ("create", "lead", "join", "clone", "stop", "apply")
    monkeypatch.setattr(mysql_gr, "_act", act)
    settings = mysql_gr.settings_from(pillar(), "db1")
    return mysql_gr.converge_by(settings, timeout, 60), clock.now


AWAY = mysql_gr.UnreachableError("cannot connect to mysqld at /run/mysqld/mysqld.sock")


def test_all_that_is_done_on_the_way_is_told(monkeypatch):
    answer, _ = converging(monkeypatch, "stop", "wait", "apply", "lead", "member")
    assert answer["verdict"] == "member"
    assert answer["acted"] == ["stop, it says", "apply, it says", "lead, it says"]


def test_a_server_that_starts_anew_is_waited_for(monkeypatch):
    answer, took = converging(monkeypatch, "wait", *[AWAY] * 10, "silent", "join", "member")
    assert (answer["verdict"], took) == ("member", 12)


@pytest.mark.parametrize("away", [AWAY, "silent"])
def test_a_server_that_stays_away_is_not(monkeypatch, away):
    with pytest.raises(CommandExecutionError, match=r"cannot connect|silent, it says"):
        converging(monkeypatch, away)


def test_time_runs_out_on_what_is_waited_for(monkeypatch):
    answer, took = converging(monkeypatch, "uncertain", timeout=7)
    assert (answer["verdict"], answer["acted"], took) == ("uncertain", [], 8)


def test_a_refusal_ends_it_with_its_sentence(monkeypatch):
    with pytest.raises(CommandExecutionError, match="refuse, it says"):
        converging(monkeypatch, "wait", "refuse")


# --- what would stop a server from joining -------------------------------------------------------

FIT = {
    "version": "9.7.4-2",
    "performance_schema": "ON",
    "gtid_mode": "ON",
    "enforce_gtid_consistency": "ON",
    "log_bin": "ON",
    "log_replica_updates": "ON",
    "binlog_format": "ROW",
    "replica_preserve_commit_order": "ON",
    "super_read_only": "ON",
    "report_host": HOSTS["db1"],
    "report_port": "3306",
    "group_replication_start_on_boot": "OFF",
    "group_replication_bootstrap_group": "OFF",
    "group_replication_group_name": GROUP,
    "group_replication_communication_stack": "MYSQL",
    "group_replication_ip_allowlist": "AUTOMATIC",
}
PLUGIN = "plugin group_replication"


def problems(variables=None, mine=None, declared=None, peer=None, **instance):
    """What is named of db1: with these variables, of itself, in pillar, of db2, of the server."""
    settings = mysql_gr.settings_from(declared or pillar(), "db1")
    seen = {
        "db1": {**one("db1"), **(mine or {})},
        "db2": {**one("db2"), **(peer or {})},
        "db3": gone(),
    }
    merged = {**FIT, **(variables or {})}
    kept = {name: value for name, value in merged.items() if value is not None}
    known = mysql_gr.Instance(**{"variables": kept, "plugin": "ACTIVE", **instance})
    found = mysql_gr.instance_problems(settings, known, seen)
    return [(p["what"], p["value"], p["expected"]) for p in found]


def test_a_fit_server_has_no_problem():
    assert problems() == []
    assert problems({"super_read_only": "OFF"}, {"state": "ONLINE"}) == []
    assert problems(persisted={"group_replication_bootstrap_group": "OFF", "max_binlog": "1"}) == []
    xcom = {"group_replication_communication_stack": "XCOM"}
    assert problems(xcom) == []
    assert problems({**xcom, "group_replication_ip_allowlist": "web, 172.28.17.0/24"}) == []
    assert problems({"group_replication_ip_allowlist": "10.0.0.1"}) == []


def test_a_rolling_upgrade_lets_the_older_join_the_oldest():
    older, newer = {"version": "8.4.3"}, {"version": "9.7.4", "state": "ONLINE"}
    assert problems(mine=older, peer={"version": "8.4.9", "state": "ONLINE"}) == []
    assert problems(mine=newer, peer=older) == []
    assert problems(mine=older, peer=newer)


@pytest.mark.parametrize(
    ("case", "what", "expected"),
    [
        (({"performance_schema": "OFF"},), "performance_schema", "ON"),
        (({"gtid_mode": "OFF"},), "gtid_mode", "ON"),
        (({"enforce_gtid_consistency": "WARN"},), "enforce_gtid_consistency", "ON"),
        (({"log_bin": "OFF"},), "log_bin", "ON"),
        (({"log_replica_updates": "OFF"},), "log_replica_updates", "ON"),
        (({"binlog_format": "STATEMENT"},), "binlog_format", "ROW"),
        (({"transaction_write_set_extraction": "OFF"},), "transaction_write_set_extraction", "XX"),
        (({"master_info_repository": "FILE"},), "master_info_repository", "TABLE"),
        (({"relay_log_info_repository": "FILE"},), "relay_log_info_repository", "TABLE"),
        (({"replica_preserve_commit_order": "OFF"},), "replica_preserve_commit_order", "ON"),
        (({"replica_parallel_type": "DATABASE"},), "replica_parallel_type", "LOGICAL_CLOCK"),
        (({"super_read_only": "OFF"},), "super_read_only", "ON"),
        (
            ({"group_replication_bootstrap_group": "ON"},),
            "group_replication_bootstrap_group",
            "OFF",
        ),
        (({"report_host": "127.0.1.1"},), "report_host", HOSTS["db1"]),
        (({"report_host": ""},), "report_host", HOSTS["db1"]),
        (({"report_port": "3307"},), "report_port", "3306"),
        (({"group_replication_group_name": OTHER},), "group_replication_group_name", GROUP),
        (
            (
                {
                    "group_replication_communication_stack": "XCOM",
                    "group_replication_ip_allowlist": f"db2,{HOSTS['db1']},{HOSTS['db3']}/32",
                },
            ),
            "group_replication_ip_allowlist",
            f"also {HOSTS['db2']} of db2",
        ),
        (
            (None, {"version": "8.0.34"}, None, {"version": "8.0.33"}),
            "version",
            "MySQL 8.0.35 or later",
        ),
        ((None, {"version": "10.11.6"}), "version", "26.7 and later"),
        ((None, {"version": "8.4.9"}), "version", "not older than db2's 9.7.4"),
        (
            (None, None, set_key(pillar(), "mysql:version", "8.4")),
            "version",
            "8.4, as mysql:version says",
        ),
        ((None, {"server_uuid": UUIDS["db2"]}), "server_uuid", "a copied disk"),
        ((None, {"server_id": 2}), "server_id", "not db2's"),
        *(
            ((None, {"alike": {name: "1"}}, None, {"alike": {name: "0"}}), name, "0, as db2 has it")
            for name in mysql_gr.ALIKE
            if name != mysql_gr.SINGLE_LEADER
        ),
    ],
)
def test_each_problem_is_named(case, what, expected):
    found = problems(*case)
    assert [w for w, _, _ in found] == [what], found
    assert expected in found[0][2]


@pytest.mark.parametrize(
    ("instance", "what", "value", "expected"),
    [
        ({"plugin": ""}, PLUGIN, "", "plugin_load_add"),
        ({"plugin": "DISABLED"}, PLUGIN, "DISABLED", "ACTIVE"),
        (
            {"persisted": {"group_replication_bootstrap_group": "ON"}},
            "persisted group_replication_bootstrap_group",
            "ON",
            "DANGEROUS, at its next start this server makes a second group",
        ),
        (
            {"persisted": {"group_replication_start_on_boot": "ON"}},
            "persisted group_replication_start_on_boot",
            "ON",
            "RESET PERSIST group_replication_start_on_boot",
        ),
        ({"channels": ["default from 10.0.0.1"]}, "replication channel", "10.0.0.1", "none"),
        ({"filters": ["REPLICATE_DO_DB shop"]}, "replication filter", "shop", "no filters"),
        (
            {"accounts": {"r@h": {"missing": ["account"]}}},
            "r@h",
            "",
            "account (mysql_gr.create_accounts)",
        ),
    ],
)
def test_what_only_the_server_itself_knows_is_named(instance, what, value, expected):
    found = problems(**instance)
    assert [w for w, _, _ in found] == [what], found
    assert value in found[0][1]
    assert expected in found[0][2]


def test_a_name_that_leads_to_loopback_is_said_so():
    ((what, value, expected),) = problems({"report_host": "db1"}, report_addresses=["127.0.1.1"])
    assert (what, value) == ("report_host", "db1 (127.0.1.1)")
    assert "to themselves" in expected
    assert mysql_gr._addresses_of("") == []
    assert mysql_gr._addresses_of("127.0.0.1") == ["127.0.0.1"]


# --- versions ------------------------------------------------------------------------------------

VERSIONS = ["8.0.35", "8.0.46", "8.4.0", "8.4.9", "9.0", "9.5", "9.7.4", "26.7.0", "26.10.0"]


def test_versions_compare_as_numbers():
    texts = ["8.0.35", "8.4.6-1ubuntu1", "9.7.4", "9.10.0", "26.7.0", "26.10.0"]
    assert sorted(texts, key=mysql_gr.version_of) == texts
    with pytest.raises(SaltInvocationError, match="'unknown' is no version"):
        mysql_gr.version_of("unknown")


def file_of(version: str, options: dict | None = None) -> dict:
    declared = set_key(pillar(), "mysql:options", options)
    return mysql_gr.options_of(mysql_gr.settings_from(declared, "db1"), version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_has_only_what_its_version_has(version):
    numbers = mysql_gr.version_of(version)
    names = {name.removeprefix("loose_") for name in file_of(version)}
    for row in versions.DIFFERENCES:
        there = row.since <= numbers and not (row.removed and row.removed <= numbers)
        if not row.statement:
            assert (row.name in names) is bool(row.value and there), row.name
            assert bool(mysql_gr.option_missing(row.name, version)) is not there, row.name


@pytest.mark.parametrize(
    ("version", "own", "statement"),
    [
        ("8.0.35", 2, "SHOW MASTER STATUS"),
        ("8.0", 2, "SHOW MASTER STATUS"),
        ("8.0.46", 2, "SHOW MASTER STATUS"),
        ("8.1.0", 2, "SHOW MASTER STATUS"),
        ("8.2.0", 2, "SHOW BINARY LOG STATUS"),
        ("8.4.0", 1, "SHOW BINARY LOG STATUS"),
        ("8.4", 1, "SHOW BINARY LOG STATUS"),
        ("9.4.0", 1, "SHOW BINARY LOG STATUS"),
        ("9.5", 0, "SHOW BINARY LOG STATUS"),
        ("9.7.4-2", 0, "SHOW BINARY LOG STATUS"),
        ("26.10.0", 0, "SHOW BINARY LOG STATUS"),
    ],
)
def test_what_differs_by_version(version, own, statement):
    assert len(mysql_gr.options_for(version)) == own
    assert mysql_gr.statement_for("binary log status", version) == statement
    reset = "RESET MASTER" if "MASTER" in statement else "RESET BINARY LOGS AND GTIDS"
    assert mysql_gr.statement_for("reset binary logs", version) == reset


def test_of_an_unknown_version_only_what_all_have_is_taken():
    names = {name.removeprefix("loose_") for name in file_of("")}
    assert not names & {row.name for row in versions.DIFFERENCES}
    with pytest.raises(SaltInvocationError, match="expected mysql:version to be given too"):
        file_of("", {"restrict_fk_on_non_standard_key": False})


def test_a_statement_is_there_once_in_every_version():
    for version in VERSIONS:
        rows = [r for r in versions.DIFFERENCES if r.statement and versions.has(r, version)]
        assert len({r.name for r in rows}) == len(rows) == 2


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("expire-logs-days", "8.4.0", ["binlog_expire_logs_seconds", "8.4.0", "until 8.2"]),
        ("loose_expire_logs_days", "26.7.0", ["binlog_expire_logs_seconds", "26.7.0"]),
        ("slave_parallel_type", "9.7.4", ["'LOGICAL_CLOCK'", "9.7.4", "until 9.5"]),
        ("restrict_fk_on_non_standard_key", "8.0.46", ["nothing", "8.0.46", "since 8.4"]),
        ("mysql_native_password", "8.0.46", ["since 8.4 and until 9.0"]),
        ("mysql_native_password", "9.0", ["caching_sha2_password"]),
    ],
)
def test_an_option_that_the_version_lacks_is_refused(name, version, words):
    value = "LOGICAL_CLOCK" if "parallel" in name else 1
    declared = set_key(pillar(), "mysql:options", {name: value})
    with pytest.raises(SaltInvocationError) as err:
        mysql_gr.options_of(mysql_gr.settings_from(declared, "db1"), version)
    assert "pillar mysql:options:" in str(err.value)
    for word in words:
        assert word in str(err.value)
    with pytest.raises(SaltInvocationError):
        mysql_gr.settings_from(set_key(declared, "mysql:version", version), "db1")


@pytest.mark.parametrize(
    "value", ["8.0.34", "5.7", "10.11", "11.8.3", "8", "", "nine", 8.4, 9, True, ["9.7"]]
)
def test_a_version_that_is_not_supported_is_refused(value):
    with pytest.raises(SaltInvocationError, match="pillar mysql:version is "):
        mysql_gr.settings_from(set_key(pillar(), "mysql:version", value), "db1")


@pytest.mark.parametrize("value", [*VERSIONS, "8.0", "8.4", "9.7", "26.7"])
def test_supported_versions(value):
    declared = set_key(pillar(), "mysql:version", value)
    assert mysql_gr.settings_from(declared, "db1").version == value


@pytest.mark.parametrize(
    ("package", "installed", "candidate", "expected"),
    [
        ("mysql-server", "", "8.0.46-0ubuntu0.24.04.1", "8.0.46"),
        ("mysql-server", "1:8.4.6+really8.4.5-1", "9.7.4-2", "8.4.6"),
        ("mysql-server", "", "", ""),
        ("mysql-server", "", {"mysql-server": ""}, ""),
        ("default-mysql-server", "1.1.1", "", ""),
    ],
)
def test_the_packages_version_counts(package, installed, candidate, expected, monkeypatch):
    packages = {
        "pkg.version": lambda name: installed,
        "pkg.latest_version": lambda name, **more: candidate,
    }
    monkeypatch.setattr(mysql_gr, "__salt__", packages, raising=False)
    assert mysql_gr._package_version(package) == expected


@pytest.mark.parametrize("version", ["8.0.34-1", "1:11.8.3-1", "5.7.42-0ubuntu1"])
def test_a_package_that_is_too_old_or_another_server_is_refused(version, monkeypatch):
    packages = {"pkg.version": lambda name: version}
    monkeypatch.setattr(mysql_gr, "__salt__", packages, raising=False)
    with pytest.raises(SaltInvocationError, match=f"package mysql-server has version '{version}'"):
        mysql_gr._package_version("mysql-server")

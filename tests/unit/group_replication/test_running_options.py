"""The option file beside a running server's variables."""

from __future__ import annotations

import contextlib
import os
import time

import pymysql
import pytest
from group_replication import connection, left_options, running_options
from group_replication.dynamic_variables import ONLINE
from group_replication.options import options_of
from group_replication.running_options import (
    GROUPS_OPTIONS,
    differing_options,
    option_as_running,
    set_options,
)
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import (
    HOSTS,
    pillar,
    set_key,
)


@pytest.mark.parametrize(
    ("declared", "running", "expected"),
    [
        ("ON", "ON", "ON"),
        (1, "ON", "ON"),
        (True, "ON", "ON"),
        ("off", "ON", "OFF"),
        (0, "OFF", "OFF"),
        ("OFF_PERMISSIVE", "ON", "OFF_PERMISSIVE"),
        ("128M", "134217728", "134217728"),
        ("1g", "134217728", "1073741824"),
        (500, "151", "500"),
        ("ON", "0", "1"),
        (-1, "-1", "-1"),
        ("a lot", "151", "a lot"),
        ("0.5", "10.000000", "0.5"),
        (10, "10.000000", "10.000000"),
        ("OFFLINE_MODE", "OFFLINE_MODE", "OFFLINE_MODE"),
        ("offline_mode", "OFFLINE_MODE", "OFFLINE_MODE"),
        ("read_only", "OFFLINE_MODE", "READ_ONLY"),
        ("a:1, b:2", "a:1,b:2", "a:1,b:2"),
        ("b:2,a:1", "a:1,b:2", "b:2,a:1"),
        ("a:1,b:2,c:3", "a:1,b:2", "a:1,b:2,c:3"),
        (
            "no_zero_date,STRICT_TRANS_TABLES",
            "STRICT_TRANS_TABLES,NO_ZERO_DATE",
            "STRICT_TRANS_TABLES,NO_ZERO_DATE",
        ),
        ("x", "", "x"),
        ("", "", ""),
    ],
)
def test_values_are_compared_in_the_servers_form(declared, running, expected):
    assert option_as_running(declared, running) == expected


def test_a_number_is_rounded_and_bounded_as_the_server_does():
    assert option_as_running(1500, "1024", block=1024) == "1024"
    assert option_as_running(200000, "100000", low=1, high=100000) == "100000"
    assert option_as_running(0, "1", low=1, high=100000) == "1"


def running(**changes) -> dict[str, str]:
    """The variables of a server that was started with the declared options, and of its group."""
    options = options_of(settings_from(pillar(), "db1"))
    found = {name.removeprefix("loose_"): str(value) for name, value in options.items()}
    del found["plugin_load_add"]
    return {
        **found,
        # What the group decided since.
        "super_read_only": "OFF",
        "read_only": "OFF",
        "group_replication_single_primary_mode": "ON",
        "group_replication_enforce_update_everywhere_checks": "OFF",
        **changes,
    }


def differences(variables, extra=None, databases=3, bounds=None):
    declared = set_key(pillar(databases), "mysql:options", extra or {})
    options = options_of(settings_from(declared, "db1"))
    return differing_options(options, variables, bounds or {})


def test_what_the_group_set_is_no_difference():
    assert differences(running()) == {"online": {}, "restart": {}, "unknown": {}}


def test_an_option_that_mysqld_passes_over_is_named():
    misspelt = {"group_replication_memberweight": 70, "loose_nonsense": 1, "max_connections": 7}
    found = differences(running(max_connections="7"), misspelt)
    assert found == {
        "online": {},
        "restart": {},
        "unknown": {
            "group_replication_memberweight": {"old": "", "new": "70"},
            "nonsense": {"old": "", "new": "1"},
        },
    }


def test_the_data_directory_is_one_key():
    declared = set_key(pillar(), "mysql:lookup:data_directory", "/data/mysql/")
    options = options_of(settings_from(declared, "db1"))
    assert options["datadir"] == "/data/mysql"
    found = differing_options(options, {"datadir": "/data/mysql/"}, {})
    assert found["restart"] == {}
    both = set_key(declared, "mysql:options:datadir", "/data/mysql")
    assert options_of(settings_from(both, "db1"))["datadir"] == "/data/mysql"
    assert "datadir" not in options_of(settings_from(pillar(), "db1"))
    with pytest.raises(SaltInvocationError, match=r"datadir is '/x'; expected '/data/mysql'"):
        settings_from(set_key(declared, "mysql:options:datadir", "/x"), "db1")
    with pytest.raises(SaltInvocationError, match="mysql:lookup:data_directory"):
        settings_from(set_key(pillar(), "mysql:options:datadir", "/data"), "db1")


@pytest.mark.parametrize(
    ("declared", "differs"),
    [("binlog", False), ("/var/lib/mysql/binlog", False), ("/srv/logs/binlog", True)],
)
def test_the_binary_log_is_compared_by_its_files(declared, differs):
    variables = running(
        log_bin="ON", log_bin_basename="/var/lib/mysql/binlog", datadir="/var/lib/mysql/"
    )
    found = differences(variables, {"log_bin": declared})
    assert ("log_bin_basename" in found["restart"]) is differs


def test_what_the_server_made_of_a_value_is_no_difference():
    """It shows the words that one stands for, and all switches where some were named."""
    extra = {"sql_mode": "TRADITIONAL", "optimizer_switch": "mrr=off"}
    variables = running(sql_mode="STRICT_TRANS_TABLES,TRADITIONAL", optimizer_switch="a=on,mrr=off")
    declared = set_key(pillar(), "mysql:options", extra)
    options = options_of(settings_from(declared, "db1"))
    assert {*differing_options(options, variables, {})["online"]} == {*extra}
    assert differing_options(options, variables, {}, extra)["online"] == {}
    # The pillar says another one than the file that the server was started with.
    old = {"sql_mode": "ANSI", "optimizer_switch": "mrr=on"}
    assert {*differing_options(options, variables, {}, old)["online"]} == {*extra}
    made = {name: [extra[name], variables[name]] for name in extra}
    assert differing_options(options, variables, {}, {}, made)["online"] == {}
    # Somebody set another one since, or the pillar says another one.
    made["sql_mode"] = ["TRADITIONAL", "ANSI"]
    made["optimizer_switch"] = ["mrr=on", variables["optimizer_switch"]]
    assert {*differing_options(options, variables, {}, {}, made)["online"]} == {*extra}


def test_a_node_more_is_a_seed_more_online():
    found = differences(running(), databases=4)
    assert found["restart"] == {}
    (change,) = found["online"].values()
    assert list(found["online"]) == ["group_replication_group_seeds"]
    assert change["new"] == f"{change['old']},{HOSTS['db4']}:3306"


def test_what_cannot_be_set_online_waits_for_a_restart():
    found = differences(
        running(max_connections="151", gtid_mode="ON", lower_case_table_names="0"),
        {"max-connections": 300, "lower_case_table_names": 1, "no_such_option": 5},
    )
    assert found == {
        "online": {"max_connections": {"old": "151", "new": "300"}},
        "restart": {"lower_case_table_names": {"old": "0", "new": "1"}},
        "unknown": {},
    }


def test_what_group_replication_made_of_auto_increment_is_set_without_a_restart():
    old = running(auto_increment_increment="7", auto_increment_offset="2887520565")
    found = differing_options(options_of(settings_from(pillar(), "db1")), old, {})
    assert found["online"] == {
        "auto_increment_increment": {"old": "7", "new": "9"},
        "auto_increment_offset": {"old": "2887520565", "new": "4"},
    }
    assert found["restart"] == {}


def test_the_groups_own_options_are_never_set():
    assert not ONLINE & {*GROUPS_OPTIONS}
    found = differences(running(), {"read_only": "ON", "super_read_only": "ON"})
    assert found == {"online": {}, "restart": {}, "unknown": {}}


@pytest.mark.parametrize(
    ("size", "shown", "expected"),
    [("128M", 134217728, None), ("200M", 268435456, None), ("1G", 134217728, 1073741824)],
)
def test_a_buffer_pool_is_whole_chunks(size, shown, expected):
    variables = running(
        innodb_buffer_pool_size=str(shown),
        innodb_buffer_pool_chunk_size="134217728",
        innodb_buffer_pool_instances="1",
    )
    found = differences(variables, {"innodb_buffer_pool_size": size})["online"]
    assert (found["innodb_buffer_pool_size"]["new"] if found else None) == (
        str(expected) if expected else None
    )


@pytest.fixture
def record(tmp_path, monkeypatch):
    """The names of the option file are remembered here."""
    monkeypatch.setattr(left_options, "RECORD", tmp_path / "options.json")
    return left_options.RECORD


def test_what_left_pillar_is_a_difference(monkeypatch, record, tmp_path):
    settings = settings_from(pillar(), "db1")
    left_options.note(["net_write_timeout", "wait_timeout"])
    variables = running(version="9.7.4-2", net_write_timeout="700", table_open_cache_instances="4")
    sources = {
        "net_write_timeout": ("DYNAMIC", ""),
        "table_open_cache_instances": ("GLOBAL", settings.config_file),
        # Set by hand, and by the group itself.
        "net_read_timeout": ("DYNAMIC", ""),
        "super_read_only": ("GLOBAL", settings.config_file),
    }

    def rows(connection, statement, values=()):
        if "variables_info" in statement and "VARIABLE_SOURCE" in statement:
            assert values == (settings.config_file,)
            return [
                {"name": name, "source": source, "path": path}
                for name, (source, path) in sources.items()
            ]
        if "MIN_VALUE" in statement:
            return []
        if "Uptime" in statement:
            return [{"started": 1000.0}]
        return [{"VARIABLE_NAME": n, "VARIABLE_VALUE": v} for n, v in variables.items()]

    monkeypatch.setattr(running_options, "rows", rows)
    file = tmp_path / "file.cnf"
    settings = settings._replace(config_file=str(file))
    sources = {n: (s, p and settings.config_file) for n, (s, p) in sources.items()}
    found = running_options.option_differences(settings, None)
    assert found["online"] == {"net_write_timeout": {"old": "700", "new": "DEFAULT"}}
    assert found["restart"] == {"table_open_cache_instances": {"old": "4", "new": "DEFAULT"}}


@pytest.mark.parametrize(("written", "as_started"), [(900, True), (999, False), (1100, False)])
def test_a_file_that_is_older_than_the_server_is_what_it_was_started_with(
    monkeypatch, tmp_path, written, as_started
):
    file = tmp_path / "file.cnf"
    settings = settings_from(pillar(), "db1")._replace(config_file=str(file))
    monkeypatch.setattr(running_options, "rows", lambda *_: [{"started": 1000.0}])
    assert running_options._as_started(settings, None) == {}
    file.write_text("[mysqld]\nsql_mode = A = B\nloose_clone_x = 7\ndisable_log_bin\n")
    os.utime(file, (written, written))
    found = running_options._as_started(settings, None)
    assert found == ({"sql_mode": "A = B", "clone_x": "7"} if as_started else {})


def shown(_, statement, values):
    """What the server shows of what was set."""
    return [{"VARIABLE_NAME": name, "VARIABLE_VALUE": "7"} for name in values[0] if name]


def test_options_are_set_as_what_they_are(monkeypatch, record):
    said = []
    changes = {
        "wait_timeout": {"old": "700", "new": "DEFAULT"},
        "max_connections": {"old": "151", "new": "300"},
        "long_query_time": {"old": "10.000000", "new": "0.5"},
        "sql_require_primary_key": {"old": "OFF", "new": "ON"},
    }
    monkeypatch.setattr(running_options, "exclusive", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(connection, "execute", lambda connection, *rest: said.append(rest))
    monkeypatch.setattr(running_options, "rows", shown)
    monkeypatch.setattr(
        running_options, "option_differences", lambda *_: {"online": changes, "restart": {}}
    )
    assert set_options(settings_from(pillar(), "db1")) == changes
    assert said == [
        ("SET GLOBAL wait_timeout = DEFAULT", ()),
        ("SET GLOBAL max_connections = %s", (300,)),
        ("SET GLOBAL long_query_time = %s", (0.5,)),
        ("SET GLOBAL sql_require_primary_key = %s", ("ON",)),
    ]
    # By what is remembered then a name that leaves the file is known.
    assert {"sync_binlog", "group_replication_group_seeds"} <= left_options.noted()


def test_an_option_waits_for_another_one_that_is_being_set(monkeypatch, record):
    tries = []

    def busy_once(connection, statement, values):
        tries.append(statement)
        if len(tries) == 1:
            raise pymysql.OperationalError(3724, "This option cannot be set while ...")

    changes = {"group_replication_unreachable_majority_timeout": {"old": "5", "new": "80"}}
    monkeypatch.setattr(running_options, "exclusive", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(connection, "execute", busy_once)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(running_options, "rows", shown)
    monkeypatch.setattr(running_options, "option_differences", lambda *_: {"online": changes})
    assert set_options(settings_from(pillar(), "db1")) == changes
    assert len(tries) == 2


def test_an_option_that_the_server_refuses_is_named(monkeypatch):
    def refuse(*_):
        raise pymysql.OperationalError(1231, "Variable can't be set")

    changes = {"max_connections": {"old": "151", "new": "a lot"}}
    monkeypatch.setattr(running_options, "exclusive", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(connection, "execute", refuse)
    monkeypatch.setattr(running_options, "option_differences", lambda *_: {"online": changes})
    with pytest.raises(CommandExecutionError, match="max_connections = a lot: Variable can't"):
        set_options(settings_from(pillar(), "db1"))

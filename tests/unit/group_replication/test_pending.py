"""What waits for a restart, and what a restart would not bring in."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import pending
from group_replication.pending import (
    class_of,
    not_set,
    overridden,
    pending_options,
    persisted_options,
)
from group_replication.settings import settings_from
from salt.exceptions import SaltInvocationError

from tests.unit.group import pillar


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("table_open_cache_instances", "restart"),
        ("plugin_load_add", "restart"),
        ("group_replication_group_name", "group"),
        ("group_replication_gtid_assignment_block_size", "group"),
        ("group_replication_communication_stack", "group"),
        ("default_table_encryption", "group"),
        ("lower_case_table_names", "initial"),
        ("innodb_page_size", "initial"),
        ("innodb_data_file_path", "initial"),
    ],
)
def test_each_option_has_one_class(option, expected):
    assert class_of(option) == expected


def test_what_waits_is_shown_with_both_values():
    differ = {"online": {}, "restart": {"port": {"old": "3306", "new": "3307"}}, "unknown": {}}
    persisted = {"port": {"running": "3306", "file": "3307", "class": "persisted"}}
    waiting = {"running": "3306", "file": "3307", "class": "restart"}
    assert pending_options(differ, {}) == {"port": waiting}
    # A restart would not help.
    assert pending_options(differ, persisted) == persisted


@pytest.mark.parametrize(
    ("declared", "persisted", "wins"),
    [
        ({"max_connections": 500}, {"max_connections": "333"}, True),
        ({"max_connections": 500}, {"max_connections": "500"}, False),
        ({"max_connections": 500}, {}, False),
        ({"innodb_buffer_pool_size": "128M"}, {"innodb_buffer_pool_size": "134217728"}, False),
        ({"super_read_only": "ON"}, {"super_read_only": "OFF"}, True),
        ({"super_read_only": "ON"}, {"super_read_only": "ON"}, False),
        ({"loose_group_replication_start_on_boot": "OFF"},
         {"group_replication_start_on_boot": "ON"}, True),
        # The group persists its mode itself.
        ({"loose_group_replication_single_primary_mode": "OFF"},
         {"group_replication_single_primary_mode": "ON"}, False),
    ],
)  # fmt: skip
def test_a_persisted_variable_that_wins_is_named(declared, persisted, wins):
    found = overridden(declared, {}, persisted)
    assert bool(found) is wins
    for value in found.values():
        assert (value["class"], value["persisted"]) == ("persisted", *persisted.values())


def test_a_persisted_bootstrap_is_named_though_no_file_has_the_option(monkeypatch):
    answers = {
        "persisted_variables": [
            {"VARIABLE_NAME": "group_replication_bootstrap_group", "VARIABLE_VALUE": "ON"}
        ],
        "global_variables": [{"VARIABLE_NAME": "version", "VARIABLE_VALUE": "9.7.4-2"}],
    }
    monkeypatch.setattr(
        pending, "rows", lambda connection, sql: answers[sql.rpartition("performance_schema.")[2]]
    )
    assert persisted_options(settings_from(pillar(), "db1"), None) == {
        "group_replication_bootstrap_group": {
            "running": "",
            "file": "OFF",
            "class": "persisted",
            "persisted": "ON",
        }
    }


def test_what_is_not_set_is_named_with_its_cause():
    change = {"old": "0", "new": "1"}
    assert not_set({"online": {"a": change}, "restart": {}, "unknown": {}}) == ""
    assert not_set({"restart": {"b": change}, "unknown": {"c": change}}) == (
        ". Waiting for a restart of mysqld: b is 0, declared 1. Not known to the running server "
        "(misspelt, or of a plugin that is not loaded): c"
    )
    waiting = {"innodb_page_size": change, "group_replication_group_name": change}
    persisted = {"d": {"running": "0", "file": "1", "persisted": "2", "class": "persisted"}}
    assert not_set({"restart": waiting, "unknown": {}, "persisted": persisted}) == (
        ". Waiting for all members to be out of the group at once: group_replication_group_name is "
        "0, declared 1. Chosen when the data directory was made; mysqld does not start with "
        "another value: innodb_page_size is 0, declared 1. Persisted in mysqld-auto.cnf, which "
        "wins over the file (RESET PERSIST): d is 2, declared 1"
    )


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"innodb_page_size": "16K"}, False),
        ({"innodb_page_size": "8K"}, True),
        ({"lower_case_table_names": 1}, True),
        ({"lower_case_table_names": 0, "max_connections": 7}, False),
        ({}, False),
    ],
)
def test_another_value_than_the_data_directory_has_is_refused(
    minion, monkeypatch, options, refused
):
    shown = {"innodb_page_size": "16384", "lower_case_table_names": "0"}
    monkeypatch.setattr(pending, "local", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(
        pending,
        "rows",
        lambda *_: [
            {"VARIABLE_NAME": n, "VARIABLE_VALUE": v, "VARIABLE_PATH": ""} for n, v in shown.items()
        ],
    )
    if not refused:
        pending.refuse_other_than_made(minion.settings, options)
        return
    with pytest.raises(SaltInvocationError, match="with which this data directory was made"):
        pending.refuse_other_than_made(minion.settings, options)


@pytest.mark.parametrize(
    ("running", "ours", "refused"),
    [("1", True, True), ("0", True, False), ("1", False, False)],
)
def test_a_value_that_left_pillar_and_that_the_data_directory_has_is_refused(
    minion, monkeypatch, running, ours, refused
):
    """Another option file may say it yet."""
    path = minion.settings.config_file if ours else "/etc/mysql/conf.d/own.cnf"
    row = {"VARIABLE_NAME": "lower_case_table_names", "VARIABLE_VALUE": running}
    monkeypatch.setattr(pending, "local", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(pending, "rows", lambda *_: [{**row, "VARIABLE_PATH": path}])
    if not refused:
        pending.refuse_other_than_made(minion.settings, {})
        return
    with pytest.raises(
        SaltInvocationError, match="lower_case_table_names is missing; expected '1'"
    ):
        pending.refuse_other_than_made(minion.settings, {})


@pytest.mark.parametrize(
    ("declared", "running", "refused"),
    [
        ("/var/lib/mysql", "/var/lib/mysql/", False),
        ("/data/mysql", "/data/mysql/", False),
        ("/data/mysql", "/var/lib/mysql/", True),
        # Back to the default, which no option file names.
        ("/var/lib/mysql", "/data/mysql/", True),
    ],
)
def test_a_server_with_data_is_led_to_no_other_directory(
    minion, monkeypatch, declared, running, refused
):
    shown = [{"VARIABLE_NAME": "datadir", "VARIABLE_VALUE": running, "VARIABLE_PATH": ""}]
    monkeypatch.setattr(pending, "local", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(pending, "rows", lambda *_: shown)
    settings = minion.settings._replace(data_directory=declared)
    if not refused:
        pending.refuse_other_than_made(settings, {})
        return
    with pytest.raises(SaltInvocationError) as told:
        pending.refuse_other_than_made(settings, {})
    assert str(told.value).startswith(
        f"pillar mysql:lookup:data_directory is '{declared}'; expected '{running.rstrip('/')}'"
    )


def test_a_link_to_the_data_is_the_same_place(minion, monkeypatch, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "mysql").symlink_to("disk")
    shown = [
        {"VARIABLE_NAME": "datadir", "VARIABLE_VALUE": f"{tmp_path}/disk/", "VARIABLE_PATH": ""}
    ]
    monkeypatch.setattr(pending, "local", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(pending, "rows", lambda *_: shown)
    settings = minion.settings._replace(data_directory=f"{tmp_path}/mysql")
    pending.refuse_other_than_made(settings, {})


def test_a_server_that_does_not_answer_refuses_nothing(minion):
    gone = minion.settings._replace(socket="/nonexistent/mysqld.sock")
    pending.refuse_other_than_made(gone, {"lower_case_table_names": 1})

"""The option file: what it holds, what pillar may add, and what it may not."""

from __future__ import annotations

import pytest
from group_replication import versions
from group_replication.model import TIMINGS
from group_replication.options import options_of
from group_replication.settings import settings_from
from group_replication.versions import option_missing, version_of
from salt.exceptions import SaltInvocationError

from tests.unit.group import (
    BAD_OPTIONS,
    GROUP,
    VERSIONS,
    pillar,
    set_key,
)


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS)
def test_an_option_that_the_group_cannot_live_with_is_refused(options, words):
    with pytest.raises(SaltInvocationError) as err:
        settings_from(set_key(pillar(), "mysql:options", options), "db1")
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
    options = options_of(settings_from(declared, "db1"))
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


def test_the_option_file_is_safe_before_the_group_is_there():
    options = options_of(settings_from(pillar(), "db2"))
    assert options["super_read_only"] == "ON"
    assert options["loose_group_replication_start_on_boot"] == "OFF"
    assert not any("bootstrap" in name for name in options)
    assert (options["sync_binlog"], options["innodb_flush_log_at_trx_commit"]) == (1, 1)
    assert options["report_host"] == "172.28.17.54"
    assert options["loose_group_replication_group_seeds"] == (
        "172.28.17.53:3306,172.28.17.54:3306,172.28.17.55:3306"
    )


@pytest.mark.parametrize(("timings", "expelled_after"), [(None, 0), ("fast", 0), ("tolerant", 14)])
def test_the_timings_are_presets(timings, expelled_after):
    declared = set_key(pillar(), "mysql:group:timings", timings)
    options = options_of(settings_from(declared, "db1"))
    preset = {
        name: options[f"loose_group_replication_{name}"] for name in TIMINGS[timings or "fast"]
    }
    assert preset == TIMINGS[timings or "fast"]
    assert preset["member_expel_timeout"] == expelled_after


def test_one_value_of_a_preset_can_be_another():
    declared = set_key(pillar(), "mysql:options:group_replication_unreachable_majority_timeout", 20)
    options = options_of(settings_from(declared, "db1"))
    assert options["loose_group_replication_unreachable_majority_timeout"] == 20
    assert options["loose_group_replication_member_expel_timeout"] == 0


@pytest.mark.parametrize(
    ("mode", "single", "checks"),
    [("multi-primary", "OFF", "ON"), ("single-primary", "ON", "OFF")],
)
def test_the_mode_sets_both_of_its_options(mode, single, checks):
    declared = set_key(pillar(), "mysql:group:mode", mode)
    options = options_of(settings_from(declared, "db1"))
    assert options["loose_group_replication_single_primary_mode"] == single
    assert options["loose_group_replication_enforce_update_everywhere_checks"] == checks


def test_pillar_options_win():
    declared = set_key(pillar(), "mysql:options", {"max_connections": 500, "mysqlx": "ON"})
    options = options_of(settings_from(declared, "db1"))
    assert options["max_connections"] == 500
    assert options["mysqlx"] == "ON"


def test_server_ids_differ():
    declared = pillar(9)
    ids = {options_of(settings_from(declared, f"db{n}"))["server_id"] for n in range(1, 10)}
    assert len(ids) == 9
    assert all(0 < number < 2**32 for number in ids)


def auto_increment(databases: int, name: str, **more) -> tuple[int, int]:
    declared = set_key(pillar(databases), "mysql:options", more)
    options = options_of(settings_from(declared, name))
    return options["auto_increment_increment"], options["auto_increment_offset"]


def test_each_member_gives_out_values_of_its_own():
    assert auto_increment(3, "db1") == (9, 4)
    assert {auto_increment(9, f"db{n}") for n in range(1, 10)} == {(9, n) for n in range(1, 10)}
    # A number and text are the same to mysqld; the offset follows.
    assert auto_increment(3, "db1", auto_increment_increment=10) == (10, 6)
    assert auto_increment(3, "db1", **{"loose-auto-increment-increment": "10"})[1] == 6


def test_a_member_has_its_step_before_it_lets_a_new_one_in():
    order = list(options_of(settings_from(pillar(), "db1")))
    seeds = order.index("loose_group_replication_group_seeds")
    assert order.index("auto_increment_increment") < order.index("auto_increment_offset") < seeds


def test_serializable_is_for_one_primary_alone():
    declared = set_key(pillar(), "mysql:options:transaction_isolation", "SERIALIZABLE")
    one_primary = set_key(declared, "mysql:group:mode", "single-primary")
    assert settings_from(one_primary, "db1").options["transaction_isolation"]


@pytest.mark.parametrize(("source", "refused"), [("none", True), ("ca", False)])
def test_clients_without_tls_are_refused_only_where_the_application_has_it(source, refused):
    declared = set_key(pillar(), "mysql:options:require_secure_transport", True)
    declared = set_key(declared, "cluster:tls:source", source)
    if not refused:
        assert settings_from(declared, "db1").options["require_secure_transport"] == "ON"
        return
    with pytest.raises(SaltInvocationError, match="require_secure_transport is 'ON'; expected OFF"):
        settings_from(declared, "db1")


def file_of(version: str, options: dict | None = None) -> dict:
    declared = set_key(pillar(), "mysql:options", options)
    return options_of(settings_from(declared, "db1"), version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_has_only_what_its_version_has(version):
    numbers = version_of(version)
    names = {name.removeprefix("loose_") for name in file_of(version)}
    for row in versions.DIFFERENCES:
        there = row.since <= numbers and not (row.removed and row.removed <= numbers)
        if not row.statement:
            assert (row.name in names) is bool(row.value and there), row.name
            assert bool(option_missing(row.name, version)) is not there, row.name


def test_of_an_unknown_version_only_what_all_have_is_taken():
    names = {name.removeprefix("loose_") for name in file_of("")}
    assert not names & {row.name for row in versions.DIFFERENCES}
    with pytest.raises(SaltInvocationError, match="expected mysql:version to be given too"):
        file_of("", {"restrict_fk_on_non_standard_key": False})


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
        options_of(settings_from(declared, "db1"), version)
    assert "pillar mysql:options:" in str(err.value)
    for word in words:
        assert word in str(err.value)
    with pytest.raises(SaltInvocationError):
        settings_from(set_key(declared, "mysql:version", version), "db1")

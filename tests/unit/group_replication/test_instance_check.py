"""What keeps a server from joining has a name each."""

from __future__ import annotations

import contextlib
import socket

import pytest
from group_replication import instance_check
from group_replication.facts import MUST_MATCH
from group_replication.instance_check import (
    Instance,
    _addresses_of,
    instance_problems,
    what_keeps_out,
    words_of,
)
from group_replication.model import SINGLE_LEADER
from group_replication.settings import settings_as_json, settings_from, settings_from_json
from salt.exceptions import CommandExecutionError

from tests.unit.group import (
    GROUP,
    HOSTS,
    OTHER,
    UUIDS,
    gone,
    one,
    online,
    pillar,
    set_key,
)

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
    settings = settings_from(declared or pillar(), "db1")
    seen = {
        "db1": {**one("db1"), **(mine or {})},
        "db2": {**one("db2"), **(peer or {})},
        "db3": gone(),
    }
    merged = {**FIT, **(variables or {})}
    kept = {name: value for name, value in merged.items() if value is not None}
    known = Instance(**{"variables": kept, "plugin": "ACTIVE", **instance})
    found = instance_problems(settings, known, seen)
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
            (
                (None, {"must_match": {name: "1"}}, None, {"must_match": {name: "0"}}),
                name,
                "0, as db2 has it",
            )
            for name in MUST_MATCH
            if name != SINGLE_LEADER
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
            "account (mysql_server.create_accounts)",
        ),
    ],
)
def test_what_only_the_server_itself_knows_is_named(instance, what, value, expected):
    found = problems(**instance)
    assert [w for w, _, _ in found] == [what], found
    assert value in found[0][1]
    assert expected in found[0][2]


def test_what_an_account_has_beyond_its_need_keeps_nobody_out():
    more = {"unneeded": ["SELECT ON *.*"]}
    both = {"missing": ["REQUIRE SSL"], **more}
    assert problems(accounts={"r@h": more}) == []
    (found,) = problems(accounts={"r@h": both})
    assert found[2] == "REQUIRE SSL (mysql_server.create_accounts)"


def test_a_name_that_leads_to_loopback_is_said_so():
    ((what, value, expected),) = problems({"report_host": "db1"}, report_addresses=["127.0.1.1"])
    assert (what, value) == ("report_host", "db1 (127.0.1.1)")
    assert "to themselves" in expected
    assert _addresses_of("") == []
    assert _addresses_of("127.0.0.1") == ["127.0.0.1"]


REPORT_HOST = {"what": "report_host", "value": "db1", "expected": HOSTS["db1"]}
CREDENTIALS = {
    "what": "channel group_replication_recovery",
    "value": "",
    "expected": "credentials (mysql_server.create_accounts)",
}
SEEDS = {"group_replication_group_seeds": {"old": "172.28.17.9:3306", "new": "172.28.17.54:3306"}}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (([], {}, {}), ""),
        (([REPORT_HOST], {}, {}), f"report_host is db1, expected {HOSTS['db1']}"),
        (([CREDENTIALS], {}, {}), "channel group_replication_recovery is missing, expected cred"),
        (([], SEEDS, {}), "seeds is 172.28.17.9:3306, declared 172.28.17.54:3306"),
        (([], {}, {"db2": "timed out"}), "db2 answers on port 33062, and not on 3306"),
        (([REPORT_HOST], SEEDS, {"db2": "x"}), "; group_replication_group_seeds is"),
    ],
)
def test_what_keeps_a_server_out_is_said(told, words):
    said = words_of(settings_from(pillar(), "db1"), *told)
    assert words in said
    assert bool(said) == bool(words)


def test_the_keeper_says_nothing_of_a_password_that_it_does_not_have():
    keepers = settings_from_json(settings_as_json(settings_from(pillar(), "db1")))
    assert words_of(keepers, [CREDENTIALS], {}, {}) == ""


def test_a_port_that_is_closed_is_told_apart(monkeypatch):
    monkeypatch.setattr(instance_check, "instance_of", lambda _: Instance(FIT, plugin="ACTIVE"))
    monkeypatch.setattr(instance_check, "local", lambda _: contextlib.nullcontext())
    others = {"max_connections": {"old": "151", "new": "500"}}
    monkeypatch.setattr(instance_check, "option_differences", lambda *_: {"online": others})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = settings_from(pillar(), "db1")._replace(
            port=listening.getsockname()[1],
            nodes={"db1": HOSTS["db1"], "db2": "127.0.0.1", "db3": "127.0.0.2"},
        )
        seen = {"db1": one("db1"), "db2": online("db2", "db3"), "db3": online("db3", "db2")}
        monkeypatch.setitem(FIT, "report_port", str(settings.port))
        said = what_keeps_out(settings, seen)
        seen["db3"] = gone()
        assert what_keeps_out(settings, seen) == ""
    assert "db3 answers on port" in said
    assert "db2" not in said


def test_of_options_those_are_named_that_a_start_goes_by(monkeypatch):
    differ = {**SEEDS, "max_connections": {"old": "151", "new": "500"}}
    monkeypatch.setattr(instance_check, "instance_of", lambda _: Instance(FIT, plugin="ACTIVE"))
    monkeypatch.setattr(instance_check, "local", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(instance_check, "option_differences", lambda *_: {"online": differ})
    said = what_keeps_out(settings_from(pillar(), "db1"), {"db1": one("db1")})
    assert said.endswith(
        "out: group_replication_group_seeds is 172.28.17.9:3306, declared 172.28.17.54:3306"
    )


def test_what_cannot_be_asked_hides_nothing(monkeypatch):
    def fail(settings):
        raise CommandExecutionError("cannot connect")

    monkeypatch.setattr(instance_check, "instance_of", fail)
    said = what_keeps_out(settings_from(pillar(), "db1"), {"db1": one("db1")})
    assert said == " What may keep db1 out cannot be asked: cannot connect"

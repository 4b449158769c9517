"""A declared group and what its members say of themselves, for the tests of pure functions."""

from __future__ import annotations

import copy
import time

import pymysql
from hypothesis import strategies as st

GROUP = "8f6a2c1e-5b0d-4d7e-9a51-0c3f5d7e9b11"
OTHER = "11111111-2222-3333-4444-555555555555"
UUIDS = {f"db{n}": f"0000000{n}-e7b8-11f1-958a-0242ac11000a" for n in range(1, 10)}
HOSTS = {f"db{n}": f"172.28.17.{52 + n}" for n in range(1, 10)}
HOSTS_OF_THREE = {name: HOSTS[name] for name in ("db1", "db2", "db3")}


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
                "schema": {"password": "a-long-password-4"},
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
        "applier_error": "",
        "recovery_error": "",
        "commit_wait": 0,
        "held_back": {},
        "fork": {},
        "started": 1,
        "remembered": {},
        "errant_kinds": {},
        "schemas": [],
        "applier_on": state != "OFFLINE",
        "server_uuid": UUIDS[name],
        "server_id": int(name[2:]),
        "must_match": {},
        "version": "9.7.4",
        "host": HOSTS[name],
        "port": 3306,
        "super_read_only": state != "ONLINE",
        "offline_mode": False,
        "stopping": False,
        "group": GROUP,
        "declared": None,
        "mode": "multi-primary",
        "state": state,
        "role": "PRIMARY" if state == "ONLINE" else None,
        "members": [member(name, state)],
        "quorum": state in ("ONLINE", "RECOVERING"),
        "view_id": "17954915269696091:3" if state == "ONLINE" else None,
        "overdue": 0,
        "gtid_executed": gtids,
        "gtid_purged": "",
        "gtid_received": "",
    }
    return {**facts, **more}


def gone(error: str = "cannot connect") -> dict:
    return {"answers": False, "error": error, "state": "UNKNOWN", "paused": ""}


def online(name: str, *view: str, gtids: str = "", **more) -> dict:
    return one(name, "ONLINE", gtids, members=[member(n) for n in (name, *view)], **more)


STATES = st.sampled_from(["OFFLINE", "OFFLINE", "OFFLINE", "ONLINE", "RECOVERING", "ERROR", "gone"])
HISTORIES = st.sampled_from(["", f"{GROUP}:1-3", f"{GROUP}:1-5", f"{GROUP}:1-4:6", f"{OTHER}:1"])


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


VERSIONS = ["8.0.35", "8.0.46", "8.4.0", "8.4.9", "9.0", "9.5", "9.7.4", "26.7.0", "26.10.0"]


LAST = one(
    "db1",
    "ONLINE",
    quorum=False,
    members=[member("db1"), member("db2", "UNREACHABLE"), member("db3", "UNREACHABLE")],
)


ALONE = {"db1": LAST, "db2": gone(), "db3": gone()}


FOUR = ("db1", "db2", "db3", "db4")


def whole(**changes) -> dict:
    """Four members ONLINE, db4 no longer declared."""
    facts = {name: online(name, *[n for n in FOUR if n != name]) for name in FOUR}
    return {**facts, **changes}


# What pillar mysql:options may not say, and words of the refusal.
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
    ({"auto_increment_increment": 2}, ["'2'", "db1 (172.28.17.53) and db3 (172.28.17.55)", "9"]),
    ({"auto-increment-increment": "7K"}, ["increment is '7K'", "from 1 to 65535"]),
    ({"auto_increment_increment": 0}, ["increment is '0'", "from 1 to 65535"]),
    ({"auto_increment_offset": 1}, ["offset is '1'", "'4'", "auto_increment_increment"]),
    ({"group_replication_auto_increment_increment": 7}, ["left out", "is the step"]),
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
            raise pymysql.OperationalError(2013, "Lost connection")
        self.said.append(statement)

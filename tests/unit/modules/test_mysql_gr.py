"""The pure parts of mysql_gr: settings, option file, GTID sets, and the decision as a table."""

from __future__ import annotations

import contextlib
import socket
import threading

import pymysql
import pytest
from group_replication import versions
from group_replication.facts import has_quorum
from group_replication.instance_check import Instance, instance_problems
from group_replication.model import SINGLE_LEADER
from group_replication.settings import settings_from
from group_replication.verdicts import as_verdict
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.mysql_gr as mysql_gr
from tests.unit.group import (
    GROUP,
    HOSTS,
    OTHER,
    Clock,
    gone,
    member,
    one,
    online,
    pillar,
    set_key,
)


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
    facts = {"host": HOSTS[me], "members": members, "quorum": has_quorum(members)}
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
    (account,) = mysql_gr.grantees(settings_from(declared, "db1"), "application")
    assert list(account.grants) == [r"`a\_shop`.*"]


def test_no_account_is_an_administrator():
    settings = settings_from(pillar(), "db1")
    for scope in mysql_gr.SCOPES:
        for account in mysql_gr.grantees(settings, scope):
            privileges = {p for granted in account.grants.values() for p in granted}
            assert not privileges & {"ALL", "ALL PRIVILEGES", "SUPER", "GRANT OPTION"}
            assert account.host in ("localhost", "172.28.17.0/255.255.255.0")


def test_an_unknown_scope_is_named():
    with pytest.raises(
        SaltInvocationError, match="scope is 'all'; expected members or application"
    ):
        mysql_gr.grantees(settings_from(pillar(), "db1"), "all")


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


START = "START GROUP_REPLICATION"


OFF = "SET GLOBAL group_replication_bootstrap_group = OFF"


ON = "SET GLOBAL group_replication_bootstrap_group = ON"


def started(server: Server, bootstrap: bool, monkeypatch, **mine) -> Server:
    """Start on this server; returns the one that a second connection would reach."""
    another = Server()
    monkeypatch.setattr(mysql_gr, "local", lambda settings: another)
    facts = {**one("db1"), **mine}
    settings = settings_from(pillar(), "db1")
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
    settings = settings_from(pillar(), "db1")
    with pytest.raises(pymysql.OperationalError):
        mysql_gr._start(settings, server, one("db1"), [], bootstrap=True)
    assert another.said == [OFF]


@pytest.mark.parametrize(("busy", "set_after"), [(0, 0), (3, 1.5), (1000, None)])
def test_an_option_is_set_once_the_server_is_at_no_other_one(monkeypatch, busy, set_after):
    clock, tries = Clock(monkeypatch), []

    def do(connection, statement, values):
        tries.append(statement)
        if len(tries) <= busy:
            raise pymysql.OperationalError(3724, "This option cannot be set while ...")

    monkeypatch.setattr(mysql_gr, "_do", do)
    if set_after is None:
        with pytest.raises(pymysql.OperationalError, match="3724"):
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
    settings = settings_from(pillar(), "db1")
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
        return {} if value is None else {SINGLE_LEADER: value}

    server = Server()
    monkeypatch.setattr(mysql_gr, "local", lambda settings: Server())
    settings = settings_from(set_key(pillar(), f"mysql:options:{SINGLE_LEADER}", declared), "db1")
    peers = [one("db3", alike=alike("ON")), *([online("db2", alike=alike(group))] if group else [])]
    mysql_gr._start(settings, server, one("db1", alike=alike(mine)), peers, bootstrap=group is None)
    begin = f"SET GLOBAL {SINGLE_LEADER} = "
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
    settings = settings_from(set_key(pillar(), f"mysql:options:{row.name}", value), "db1")
    mine = one("db1", alike={SINGLE_LEADER: "OFF"})
    mysql_gr._start(settings, server, mine, [], bootstrap=True)
    assert f"SET GLOBAL {SINGLE_LEADER} = ON" in server.said
    assert server.said[-3:] == [ON, START, OFF]
    seen = {"db1": online("db1", "db2", "db3", alike={SINGLE_LEADER: "ON"})}
    seen |= {name: gone() for name in ("db2", "db3")}
    channels = {"applier": {"running": True, "error": ""}, "recovery": {"error": ""}}
    channels |= {"clone": {}, "rejoining": False, "conflicts": 0, "write_concurrency": 50}
    assert mysql_gr.diagnosis(settings, seen, channels)["verdict"] == "member"


@pytest.mark.parametrize("said", ["ON, GLOBAL init_connect='x'", "on", "1", ""])
def test_a_peers_text_never_reaches_a_statement(said):
    server, settings = Server(), settings_from(pillar(), "db1")
    mine = one("db1", alike={SINGLE_LEADER: "OFF"})
    peer = online("db2", alike={SINGLE_LEADER: said})
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
            raise pymysql.OperationalError(self._code, "it fails")
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
        (2013, LOGGED, pymysql.OperationalError, "it fails"),
    ],
)
def test_a_start_that_fails_says_what_the_log_says(code, rows, error, words):
    server = Said({"SELECT ERROR_CODE": rows}, START, code)
    settings = settings_from(pillar(), "db1")
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


def converging(monkeypatch, *acts, timeout=180):
    """Converge while each try ends so; the last one is what all later ones end with."""
    clock, left = Clock(monkeypatch), list(acts)

    def act(settings, allowed, patience, decided):
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return as_verdict(now, f"{now}, it says", **({"done": True} if now in did else {}))

    did = ("create", "lead", "join", "clone", "stop", "apply")
    monkeypatch.setattr(mysql_gr, "_act", act)
    settings = settings_from(pillar(), "db1")
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


def test_a_name_that_leads_to_loopback_is_said_so():
    ((what, value, expected),) = problems({"report_host": "db1"}, report_addresses=["127.0.1.1"])
    assert (what, value) == ("report_host", "db1 (127.0.1.1)")
    assert "to themselves" in expected
    assert mysql_gr._addresses_of("") == []
    assert mysql_gr._addresses_of("127.0.0.1") == ["127.0.0.1"]


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

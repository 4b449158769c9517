"""The pure parts of mysql_gr: settings, option file, GTID sets, and the decision as a table."""

from __future__ import annotations

import pymysql
import pytest
from group_replication import maintenance, versions
from group_replication.connection import UnreachableError
from group_replication.model import SINGLE_LEADER
from group_replication.settings import settings_from
from group_replication.status import diagnosis
from group_replication.verdicts import as_verdict
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.mysql_gr as mysql_gr
from tests.unit.group import (
    GROUP,
    Clock,
    gone,
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


@pytest.mark.parametrize("call", ["check_schema", "switch_mode"])
def test_a_wrong_mode_is_named(call, monkeypatch):
    monkeypatch.setattr(mysql_gr, "__pillar__", pillar(), raising=False)
    monkeypatch.setattr(mysql_gr, "__opts__", {"id": "db1"}, raising=False)
    with pytest.raises(SaltInvocationError, match="mode is 'both'; expected multi-primary or"):
        getattr(mysql_gr, call)("both")


def test_a_pause_needs_a_reason_and_ends(monkeypatch, tmp_path):
    monkeypatch.setattr(maintenance, "PAUSE_FILE", tmp_path / "state" / "paused")
    with pytest.raises(SaltInvocationError, match="reason is empty"):
        mysql_gr.pause("  ")
    assert mysql_gr.unpause() == {"old": "", "new": ""}
    assert mysql_gr.pause("work on it") == {"old": "", "new": "work on it"}
    assert mysql_gr.pause("more work") == {"old": "work on it", "new": "more work"}
    assert mysql_gr.unpause() == {"old": "more work", "new": ""}
    # What is left of a reason is a pause, too.
    maintenance.PAUSE_FILE.write_text("\n")
    assert "gives no reason" in mysql_gr.paused()
    maintenance.PAUSE_FILE.write_bytes(b"\xff")
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
    assert diagnosis(settings, seen, channels)["verdict"] == "member"


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


AWAY = UnreachableError("cannot connect to mysqld at /run/mysqld/mysqld.sock")


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

"""The way into the group: starts, what is done on the way, and what comes of it."""

from __future__ import annotations

import contextlib
import socket

import pymysql
import pytest
from group_replication import causes, connection, membership, memory, versions
from group_replication.connection import UnreachableError
from group_replication.membership import (
    _empty,
    _start,
    changed_since,
    converge_by,
    force_quorum,
    forget,
)
from group_replication.model import SINGLE_LEADER
from group_replication.settings import settings_from
from group_replication.status import diagnosis
from group_replication.verdicts import as_verdict
from salt.exceptions import CommandExecutionError

from tests.unit.group import (
    ALONE,
    GROUP,
    HOSTS,
    Clock,
    Server,
    gone,
    one,
    online,
    pillar,
    set_key,
)

START = "START GROUP_REPLICATION"


OFF = "SET GLOBAL group_replication_bootstrap_group = OFF"


ON = "SET GLOBAL group_replication_bootstrap_group = ON"


def started(server: Server, bootstrap: bool, monkeypatch, **mine) -> Server:
    """Start on this server; returns the one that a second connection would reach."""
    another = Server()
    monkeypatch.setattr(membership, "local", lambda settings: another)
    facts = {**one("db1"), **mine}
    settings = settings_from(pillar(), "db1")
    _start(settings, server, facts, [], as_first=bootstrap)
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


# What a member has to say of what it received and cannot apply, when that is given up.
GIVEN_UP = [
    "SET SESSION sql_log_bin = OFF",
    "SET GLOBAL super_read_only = OFF",
    "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'",
    "SET GLOBAL super_read_only = ON",
    "SET SESSION sql_log_bin = ON",
]
SAID = {"db1": one("db1"), "db2": gone(), "db3": one("db3", gtids=f"{GROUP}:1-5")}


@pytest.mark.parametrize(
    ("meanwhile", "names"),
    [
        ({}, []),
        # What the member itself did is no news.
        ({"db1": one("db1", gtids=f"{GROUP}:1-5", super_read_only=False)}, []),
        ({"db2": gone("another error")}, []),
        ({"db2": one("db2")}, ["db2"]),
        ({"db2": online("db2")}, ["db2"]),
        ({"db3": online("db3", gtids=f"{GROUP}:1-5")}, ["db3"]),
        ({"db3": one("db3", "RECOVERING", f"{GROUP}:1-5")}, ["db3"]),
        ({"db3": one("db3", gtids=f"{GROUP}:1-6")}, ["db3"]),
        ({"db3": one("db3", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:6")}, ["db3"]),
        ({"db2": one("db2"), "db3": gone()}, ["db2", "db3"]),
    ],
)
def test_who_says_something_else_than_before_is_named(meanwhile, names):
    assert changed_since("db1", SAID, {**SAID, **meanwhile}) == names


STUCK = {
    **SAID,
    "db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:6", applier_error="error 1062"),
}


@pytest.mark.parametrize(
    ("before", "later", "bootstraps_at", "verdict", "statements"),
    [
        (SAID, SAID, "", "reboot", [ON, START, OFF]),
        (SAID, {**SAID, "db2": online("db2")}, "", "wait", [ON, OFF]),
        (STUCK, STUCK, "", "reboot", [ON, *GIVEN_UP, START, OFF]),
        # What it received is there as long as it may be needed.
        (STUCK, {**STUCK, "db2": online("db2")}, "", "wait", [ON, OFF]),
        # Another one is at it, and is not seen in its group yet: nothing is touched.
        (SAID, SAID, HOSTS["db2"], "wait", []),
    ],
)
def test_others_are_asked_once_more_at_the_moment_of_a_bootstrap(
    monkeypatch, before, later, bootstraps_at, verdict, statements
):
    """A member that was silent may have come back, and lead a group by now."""
    server, answers = Server(), [before, later]
    monkeypatch.setattr(membership, "local", lambda *_: server)
    monkeypatch.setattr(
        membership, "machine_lock", lambda *_: contextlib.nullcontext(enter_result=True)
    )
    monkeypatch.setattr(membership, "facts_of", lambda *_: answers.pop(0))
    monkeypatch.setattr(membership, "recovery_credentials", lambda _: [{"name": "r"}])
    first = contextlib.nullcontext(bootstraps_at)
    monkeypatch.setattr(membership.joining, "bootstrapping", lambda settings, seen: first)
    decided = membership.with_overrides("db1", force_member="db1")
    decision = membership._act(settings_from(pillar(), "db1"), membership.ACTIONS, decided=decided)
    assert (decision["verdict"], "done" in decision) == (verdict, verdict == "reboot")
    assert server.said[len(server.said) - len(statements) :] == statements
    assert (START in server.said) == (verdict == "reboot")


@pytest.fixture(autouse=True)
def joining_file(monkeypatch, tmp_path):
    monkeypatch.setattr(membership.cut_join, "JOINING_FILE", tmp_path / "joining.json")


class Alone(list):
    """What was waited for while another member joined; where one joins still."""

    busy = ""


@pytest.fixture
def alone(monkeypatch) -> Alone:
    waited = Alone()

    @contextlib.contextmanager
    def take(settings, seen, seconds):
        waited.append(seconds)
        yield waited.busy

    monkeypatch.setattr(membership.joining, "alone", take)
    return waited


@pytest.mark.parametrize(
    ("login", "words", "started"),
    [
        ("", r"it fails \(3092\) What may: the seeds", True),
        ("db1 cannot log in.", r"db1 cannot log in\. What may: the seeds", False),
    ],
)
def test_a_join_that_fails_says_what_may_have_kept_the_server_out(
    monkeypatch, alone, login, words, started
):
    server = Said({}, START, 3092)
    seen = {"db1": one("db1"), "db2": online("db2"), "db3": gone()}

    def check(settings, facts, account):
        assert (facts, account) == (seen, {"name": "r"})
        if login:
            raise CommandExecutionError(login)

    monkeypatch.setattr(membership, "local", lambda *_: server)
    monkeypatch.setattr(
        membership, "machine_lock", lambda *_: contextlib.nullcontext(enter_result=True)
    )
    monkeypatch.setattr(membership, "facts_of", lambda *_: seen)
    monkeypatch.setattr(membership, "recovery_credentials", lambda _: [{"name": "r"}])
    monkeypatch.setattr(membership.recovery_login, "check", check)
    monkeypatch.setattr(
        membership, "what_keeps_out", lambda settings, facts: " What may: the seeds"
    )
    with pytest.raises(CommandExecutionError, match=words):
        membership._act(settings_from(pillar(), "db1"), membership.ACTIONS)
    assert (START in server.said) is started
    assert alone == ([membership.joining.WAIT_SECONDS] if started else [])


def test_a_join_waits_for_another_ones(monkeypatch, alone):
    server = Said({})
    seen = {"db1": one("db1"), "db2": online("db2"), "db3": gone()}
    alone.busy = HOSTS["db2"]
    monkeypatch.setattr(membership, "local", lambda *_: server)
    monkeypatch.setattr(
        membership, "machine_lock", lambda *_: contextlib.nullcontext(enter_result=True)
    )
    monkeypatch.setattr(membership, "facts_of", lambda *_: seen)
    monkeypatch.setattr(membership, "recovery_credentials", lambda _: [{"name": "r"}])
    monkeypatch.setattr(membership.recovery_login, "check", lambda *_: None)
    settings = settings_from(pillar(), "db1")
    decision = membership._act(settings, membership.ACTIONS, lock_seconds=120)
    assert (decision["verdict"], decision.get("done")) == ("wait", None)
    assert f"another member is joining, as {HOSTS['db2']} says" in decision["why"]
    assert (alone, START in server.said) == ([120], False)


def test_a_bootstrap_that_loses_its_connection_takes_its_option_back(monkeypatch):
    server, another = Server(fails_at=START), Server()
    monkeypatch.setattr(membership, "local", lambda settings: another)
    settings = settings_from(pillar(), "db1")
    with pytest.raises(pymysql.OperationalError):
        _start(settings, server, one("db1"), [], as_first=True)
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
    _start(settings, server, one("db1", mode=now), peers, as_first=False)
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
    def variable(value):
        return {} if value is None else {SINGLE_LEADER: value}

    server = Server()
    monkeypatch.setattr(membership, "local", lambda settings: Server())
    settings = settings_from(set_key(pillar(), f"mysql:options:{SINGLE_LEADER}", declared), "db1")
    peers = [
        one("db3", must_match=variable("ON")),
        *([online("db2", must_match=variable(group))] if group else []),
    ]
    _start(settings, server, one("db1", must_match=variable(mine)), peers, as_first=group is None)
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
    monkeypatch.setattr(membership, "local", lambda settings: Server())
    settings = settings_from(set_key(pillar(), f"mysql:options:{row.name}", value), "db1")
    mine = one("db1", must_match={SINGLE_LEADER: "OFF"})
    _start(settings, server, mine, [], as_first=True)
    assert f"SET GLOBAL {SINGLE_LEADER} = ON" in server.said
    assert server.said[-3:] == [ON, START, OFF]
    seen = {"db1": online("db1", "db2", "db3", must_match={SINGLE_LEADER: "ON"})}
    seen |= {name: gone() for name in ("db2", "db3")}
    channels = {"applier": {"running": True, "error": ""}, "recovery": {"error": ""}}
    channels |= {"clone": {}, "rejoining": False, "conflicts": 0, "write_concurrency": 50}
    assert diagnosis(settings, seen, channels)["verdict"] == "member"


@pytest.mark.parametrize("said", ["ON, GLOBAL init_connect='x'", "on", "1", ""])
def test_a_peers_text_never_reaches_a_statement(said):
    server, settings = Server(), settings_from(pillar(), "db1")
    mine = one("db1", must_match={SINGLE_LEADER: "OFF"})
    peer = online("db2", must_match={SINGLE_LEADER: said})
    if said:
        with pytest.raises(CommandExecutionError, match="expected ON or OFF"):
            _start(settings, server, mine, [peer], as_first=False)
        assert START not in server.said
    assert "init_connect" not in " ".join(server.said)


def test_errant_transactions_go_to_a_member_that_takes_writes(monkeypatch):
    writer, called = Server(), []
    monkeypatch.setattr(membership, "peer", lambda _, host: called.append(host) or writer)
    seen = {
        "db1": online("db1", "db3", role="SECONDARY", super_read_only=True),
        "db2": one("db2"),
        "db3": online("db3", "db1"),
    }
    settings = settings_from(pillar(), "db2")
    membership._accept(settings, seen, f"{GROUP}:7-8")
    assert called == [seen["db3"]["host"]]
    assert writer.said == [
        *["SET SESSION gtid_next = %s", "BEGIN", "COMMIT"] * 2,
        "SET SESSION gtid_next = 'AUTOMATIC'",
    ]
    seen["db3"]["super_read_only"] = True
    with pytest.raises(CommandExecutionError, match="no member takes writes"):
        membership._accept(settings, seen, f"{GROUP}:7")


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
        _start(settings, server, one("db1"), [], as_first=False)


NO_VIEW = [{"code": "MY-011640", "text": f"Plugin reported: '{causes.NO_VIEW}'"}]


@pytest.mark.parametrize(
    ("logged", "bootstrap", "starts"),
    [(NO_VIEW, False, 2), (NO_VIEW, True, 1), (LOGGED, False, 1)],
)
def test_a_join_whose_view_does_not_come_is_started_once_more(
    monkeypatch, logged, bootstrap, starts
):
    server = Said({"SELECT ERROR_CODE": logged}, START, 3092)
    with pytest.raises(CommandExecutionError, match="it fails"):
        started(server, bootstrap, monkeypatch)
    assert server.said.count(START) == starts


def converging(monkeypatch, *acts, timeout=180):
    """Converge while each try ends so; the last one is what all later ones end with."""
    clock, left = Clock(monkeypatch), list(acts)

    def act(settings, allowed, patience, decided):
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return as_verdict(now, f"{now}, it says", **({"done": True} if now in did else {}))

    did = ("bootstrap", "reboot", "join", "clone", "accept", "stop", "apply")
    monkeypatch.setattr(membership, "_act", act)
    settings = settings_from(pillar(), "db1")
    return converge_by(settings, timeout, 60), clock.now


AWAY = UnreachableError("cannot connect to mysqld at /run/mysqld/mysqld.sock")


def test_all_that_is_done_on_the_way_is_told(monkeypatch):
    answer, _ = converging(monkeypatch, "stop", "wait", "apply", "reboot", "member")
    assert answer["verdict"] == "member"
    assert answer["acted"] == ["stop, it says", "apply, it says", "reboot, it says"]


def test_a_server_that_starts_anew_is_waited_for(monkeypatch):
    answer, took = converging(monkeypatch, "wait", *[AWAY] * 10, "unreachable", "join", "member")
    assert (answer["verdict"], took) == ("member", 12)


@pytest.mark.parametrize("away", [AWAY, "unreachable"])
def test_a_server_that_stays_away_is_not(monkeypatch, away):
    with pytest.raises(CommandExecutionError, match=r"cannot connect|unreachable, it says"):
        converging(monkeypatch, away)


def test_time_runs_out_on_what_is_waited_for(monkeypatch):
    answer, took = converging(monkeypatch, "uncertain", timeout=7)
    assert (answer["verdict"], answer["acted"], took) == ("uncertain", [], 8)


def test_a_refusal_ends_it_with_its_sentence(monkeypatch):
    with pytest.raises(CommandExecutionError, match="refuse, it says"):
        converging(monkeypatch, "wait", "refuse")


def test_who_has_its_data_is_not_forgotten(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "MEMBER_FILE", tmp_path / "member.json")
    memory.remember(online("db1", gtids=f"{GROUP}:1-5"), memory.MEMBER_FILE)
    monkeypatch.setattr(membership, "local", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(membership, "observe", lambda connection: one("db1", gtids=f"{GROUP}:1-5"))
    with pytest.raises(CommandExecutionError, match="db1 has its data"):
        forget(settings_from(pillar(), "db1"), "db1")
    assert memory.MEMBER_FILE.exists()


class Emptied:
    """A server that keeps what it was told, and fails where it is told to."""

    def __init__(self, fails_at: str) -> None:
        self.said: list[str] = []
        self._fails_at = fails_at
        self._rows: list[dict[str, str]] = []

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None

    def cursor(self):
        return self

    def execute(self, statement, values=None):
        if self._fails_at and statement.startswith(self._fails_at):
            raise pymysql.OperationalError(3730, "Cannot drop table 'parent'")
        self.said.append(statement)
        names = {"SELECT schema_name": {"name": "shop"}, "SELECT user": {"name": "a", "host": "h"}}
        self._rows = [row for begin, row in names.items() if statement.startswith(begin)]

    def fetchall(self):
        return self._rows


@pytest.mark.parametrize("fails_at", ["", "DROP DATABASE", "DROP USER"])
def test_transactions_are_forgotten_before_their_data_goes(fails_at):
    server, settings = Emptied(fails_at), settings_from(pillar(), "db1")
    with contextlib.suppress(pymysql.OperationalError):
        _empty(server, settings, "9.7.4")
    said = [s for s in server.said if not s.startswith("SELECT")]
    begin = [
        "SET SESSION sql_log_bin = OFF",
        "SET SESSION foreign_key_checks = OFF",
        "SET GLOBAL super_read_only = OFF",
        "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'",
        "RESET BINARY LOGS AND GTIDS",
    ]
    drops = ["DROP USER %s@%s", "DROP DATABASE `shop`"]
    left = next((n for n, s in enumerate(drops) if fails_at and s.startswith(fails_at)), 2)
    assert said[:5] == begin
    assert said[5 : 5 + left] == drops[:left]
    assert "SET GLOBAL super_read_only = ON" in said


def lost(dies: bool) -> Exception:
    """What PyMySQL itself raises while it waits for a server: that died, or says nothing."""
    ours, theirs = socket.socketpair()
    with theirs, pymysql.Connection(defer_connect=True) as client:
        ours.settimeout(0.01)
        client._sock, client._rfile = ours, ours.makefile("rb")
        if dies:
            theirs.close()
        with pytest.raises(pymysql.OperationalError, match="2013") as raised:
            client._read_bytes(4)
    return raised.value


@pytest.mark.parametrize(
    ("dies", "error", "words"),
    [
        (False, CommandExecutionError, "no view of db1 alone within 60 s"),
        (True, pymysql.OperationalError, "Lost connection"),
    ],
)
def test_a_view_that_is_late_is_not_a_server_that_died(monkeypatch, dies, error, words):
    def wait(*_):
        raise lost(dies)

    settings = settings_from(pillar(), "db1")
    monkeypatch.setattr(membership, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(membership, "facts_of", lambda *_: ALONE)
    monkeypatch.setattr(connection, "execute", wait)
    with pytest.raises(error, match=words):
        force_quorum(settings, ["db1"], ["db2", "db3"], patience=60)


def test_emptying_a_member_has_no_time_out(monkeypatch):
    """Big databases are dropped for minutes, and what breaks off is a member without a schema."""
    asked, server = [], Server()

    def exclusive(settings, seconds):
        asked.append(seconds)
        return contextlib.nullcontext(server)

    seen = {"db1": one("db1"), "db2": online("db2", "db3"), "db3": online("db3", "db2")}
    monkeypatch.setattr(membership, "exclusive", exclusive)
    monkeypatch.setattr(membership, "facts_of", lambda *_: seen)
    settings = settings_from(pillar(), "db1")
    assert membership.reset_member(settings, "db1", test=True)["errant"] == ""
    assert asked == [None]
    assert server.said == []

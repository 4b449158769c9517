"""The keeper looks, and acts only on a server that is outside the group."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable

import pytest
from group_replication import cut_join, failures, maintenance, memory
from group_replication.schema_change import Change
from group_replication.settings import settings_as_json, settings_from
from salt.exceptions import CommandExecutionError

from tests.unit.group import GROUP, HOSTS, UUIDS, Clock, gone, member, online, pillar
from tests.unit.programs import loaded

keeper = loaded("keeper")

ALL = frozenset(HOSTS[name] for name in ("db1", "db2", "db3"))
BOTH = ALL - {HOSTS["db1"]}


@pytest.fixture
def seeing(monkeypatch, tmp_path):
    """Let the keeper see a state, or an error; returns what it asked mysql_gr to do."""
    acted = []

    def see(
        state: str | Exception,
        outcome: dict | Exception | None = None,
        members: str = "db2=ONLINE db3=ONLINE",
        quorum: bool = True,
        refusal: Exception | None = None,
        concurrency: int = 50,
        overdue: int = 0,
    ) -> list:
        @contextlib.contextmanager
        def local(settings):
            if isinstance(state, Exception):
                raise state
            yield settings

        def converge_by(settings, timeout, patience, decided, afterwards):
            acted.append((settings.me, timeout))
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        def set_by_one(what):
            def act(connection, number):
                acted.append((what, number))
                if refusal:
                    raise refusal

            return act

        rows = [member(*one.split("=")) for one in members.split()]
        facts = {
            "state": state,
            "host": HOSTS["db2"],
            "quorum": quorum,
            "members": rows,
            "mode": "multi-primary",
            "group": GROUP,
            "server_uuid": UUIDS["db2"],
            "view_id": "1:1",
            "overdue": overdue,
            "gtid_executed": f"{GROUP}:1-5",
            "super_read_only": False,
        }
        monkeypatch.setattr(memory, "MEMBER_FILE", tmp_path / "member.json")
        monkeypatch.setattr(cut_join, "JOINING_FILE", tmp_path / "joining.json")
        monkeypatch.setattr(maintenance, "FORK_FILE", tmp_path / "fork.json")
        monkeypatch.setattr(failures, "FAILURE_FILE", tmp_path / "failing.json")
        monkeypatch.setattr(keeper.fencing, "ask", lambda settings, names: {})
        file = tmp_path / "settings.json"
        file.write_text(settings_as_json(settings_from(pillar(), "db2")))
        monkeypatch.setattr(keeper, "SETTINGS_FILE", file)
        monkeypatch.setattr(keeper, "local", local)
        monkeypatch.setattr(keeper.schema_change, "current", lambda connection: None)
        monkeypatch.setattr(keeper.comparison, "copy_numbers", lambda connection, path: None)
        monkeypatch.setattr(keeper, "observe", lambda connection: facts)
        monkeypatch.setattr(keeper, "forget_removed", set_by_one("forget"))
        monkeypatch.setattr(keeper, "set_write_concurrency", set_by_one("set"))
        monkeypatch.setattr(keeper, "write_concurrency", lambda connection: concurrency)
        monkeypatch.setattr(keeper, "converge_by", converge_by)
        return acted

    return see


@pytest.mark.parametrize("state", ["ONLINE", "RECOVERING"])
def test_a_member_is_left_alone(seeing, state):
    acted = seeing(state)
    sentence, pause, known = keeper.look(BOTH)
    assert (sentence, pause, known) == (f"db2 is {state}", keeper.MEMBER_SECONDS, BOTH)
    assert acted == []


def test_a_lost_majority_is_said_with_who_is_not_there(seeing):
    seeing("ONLINE", members="db1=UNREACHABLE db2=ONLINE db3=UNREACHABLE", quorum=False)
    gone = f"{HOSTS['db1']}, {HOSTS['db3']} UNREACHABLE"
    assert keeper.look(ALL).sentence == (
        f"db2 is ONLINE without a majority, which blocks writes: {gone}"
    )


@pytest.mark.parametrize("state", ["OFFLINE", "ERROR"])
def test_a_server_outside_is_brought_back(seeing, state):
    acted = seeing(state, {"verdict": "member", "why": "db2 is ONLINE again", "acted": ["x"]})
    assert keeper.look(BOTH) == ("db2 is ONLINE again", keeper.LOOK_SECONDS, None)
    assert acted == [("db2", 0)]


def test_who_is_alone_in_a_group_that_agrees_on_nothing_begins_it_anew(seeing, monkeypatch):
    acted = seeing("ONLINE", {"verdict": "member", "why": "rebooted"}, "db2=ONLINE", overdue=60)
    now = [100.0]
    monkeypatch.setattr(keeper.time, "monotonic", lambda: now[0])
    past = keeper.Past()
    # A clock that was set: the next look has not seen it.
    assert keeper.look(BOTH, past).sentence.startswith("db2 is ONLINE")
    now[0] += keeper.HALT_SECONDS - 0.1
    assert keeper.look(BOTH, past).sentence.startswith("db2 is ONLINE")
    assert ("db2", 0) not in acted
    now[0] += 0.1
    assert keeper.look(BOTH, past).sentence == "rebooted"
    assert acted.count(("db2", 0)) == 1
    seeing("ONLINE", members="db2=ONLINE")
    assert keeper.look(BOTH, past).sentence.startswith("db2 is ONLINE")
    assert past.halted == math.inf


def test_a_refusal_is_said_and_asked_less_often(seeing):
    seeing("OFFLINE", CommandExecutionError("errant transactions"))
    assert keeper.look() == ("errant transactions", keeper.REFUSED_SECONDS, None)


def test_a_server_that_is_down_is_waited_for(seeing):
    acted = seeing(CommandExecutionError("cannot connect"))
    assert keeper.look(BOTH) == ("cannot connect", keeper.LOOK_SECONDS, BOTH)
    assert acted == []


# Who begins to look takes those that are declared: db1 is gone then, too.
@pytest.mark.parametrize("known", [ALL, None])
def test_the_first_member_lets_the_group_forget_who_is_gone(seeing, known):
    acted = seeing("ONLINE")
    sentence, _, now = keeper.look(known)
    assert sentence == "db2 is ONLINE; the group forgets 172.28.17.53, to call there no more"
    assert (acted, now) == ([("forget", 50)], BOTH)
    assert keeper.look(now).sentence == "db2 is ONLINE"
    assert acted == [("forget", 50)]


# A member that is back would be called anew where it is joining.
@pytest.mark.parametrize(
    ("members", "seconds", "again"),
    [
        ("db2=ONLINE db3=ONLINE", 4.9, False),
        ("db2=ONLINE db3=ONLINE", 5.1, True),
        ("db2=ONLINE db3=RECOVERING", 5.1, False),
        ("db1=ONLINE db2=ONLINE db3=ONLINE", 5.1, False),
    ],
)
def test_who_is_gone_is_forgotten_once_more(seeing, monkeypatch, members, seconds, again):
    now, past = [100.0], keeper.Past()
    monkeypatch.setattr(keeper.time, "monotonic", lambda: now[0])
    # The first of them by address, also while db1 is there.
    monkeypatch.setattr(keeper, "is_first_online", lambda facts: True)
    acted = seeing("ONLINE")
    known = keeper.look(ALL, past).known
    assert acted == [("forget", 50)]
    now[0] += seconds
    acted.clear()
    seeing("ONLINE", members=members)
    found = keeper.look(known, past)
    assert acted == ([("forget", 50)] if again else [])
    assert ("172.28.17.53 once more" in found.sentence) == again
    acted.clear()
    if again:
        now[0] += 60
        assert keeper.look(found.known, past).sentence == "db2 is ONLINE"
        assert acted == []


# The group would take no reconfiguration.
@pytest.mark.parametrize("state", ["RECOVERING", "UNREACHABLE"])
def test_who_is_gone_is_forgotten_once_the_others_are_online(seeing, state):
    acted = seeing("ONLINE", members=f"db2=ONLINE db3={state}")
    sentence, _, known = keeper.look(ALL)
    assert (sentence, known, acted) == ("db2 is ONLINE", ALL, [])
    seeing("ONLINE")
    assert keeper.look(known).known == BOTH
    assert acted == [("forget", 50)]


def test_another_member_leaves_it_to_the_first(seeing):
    acted = seeing("ONLINE", members="db1=ONLINE db2=ONLINE")
    assert keeper.look(ALL).known == ALL
    assert acted == []


def test_who_is_gone_without_a_majority_is_forgotten_later(seeing):
    acted = seeing("ONLINE", quorum=False)
    assert keeper.look(ALL).known == ALL
    assert acted == []
    seeing("ONLINE")
    assert keeper.look(ALL).known == BOTH


def test_a_group_that_cannot_forget_now_is_asked_again(seeing):
    acted = seeing("ONLINE", refusal=CommandExecutionError("a member is joining"))
    assert keeper.look(ALL) == ("a member is joining", keeper.LOOK_SECONDS, ALL)
    assert acted == [("forget", 50)]


def test_the_first_member_sets_the_declared_write_concurrency(seeing):
    acted = seeing("ONLINE", concurrency=10)
    sentence, _, known = keeper.look(BOTH)
    assert sentence == "db2 is ONLINE; the group's write concurrency was 10 and is 50"
    assert (acted, known) == ([("set", 50)], BOTH)


@pytest.mark.parametrize(
    "other",
    [
        {"members": "db1=ONLINE db2=ONLINE"},
        {"members": "db2=ONLINE db3=RECOVERING"},
        {"quorum": False},
    ],
)
def test_the_write_concurrency_is_left_alone(seeing, other):
    acted = seeing("ONLINE", concurrency=10, **other)
    assert keeper.look(BOTH).sentence.startswith("db2 is ONLINE")
    assert acted == []


def test_settings_that_are_not_there_are_said(seeing, monkeypatch, tmp_path):
    seeing("OFFLINE")
    monkeypatch.setattr(keeper, "SETTINGS_FILE", tmp_path / "none")
    sentence, pause, _ = keeper.look()
    assert "No such file" in sentence
    assert pause == keeper.REFUSED_SECONDS


def test_a_member_with_a_majority_is_remembered(seeing):
    seeing("ONLINE")
    keeper.look(BOTH)
    kept = memory.remembered(memory.MEMBER_FILE)
    assert (kept["group"], kept["members"]) == (GROUP, [HOSTS["db2"], HOSTS["db3"]])


def test_who_is_in_the_group_joins_no_more(seeing):
    seeing("RECOVERING")
    cut_join.JOINING_FILE.write_text('{"started": 1}')
    keeper.look(BOTH)
    assert not cut_join.JOINING_FILE.exists()


@pytest.mark.parametrize(("state", "more"), [("RECOVERING", {}), ("ONLINE", {"quorum": False})])
def test_nothing_else_is_remembered(seeing, state, more):
    seeing(state, **more)
    keeper.look(BOTH)
    assert memory.remembered(memory.MEMBER_FILE) == {}


def test_a_memory_that_cannot_be_written_is_said_and_stops_nothing(seeing, monkeypatch, tmp_path):
    acted = seeing("ONLINE", concurrency=10)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(memory, "MEMBER_FILE", tmp_path / "file" / "member.json")
    sentence = keeper.look(BOTH).sentence
    assert "what is remembered of it is not written" in sentence
    assert acted == [("set", 50)]


@pytest.mark.parametrize(
    ("members", "said", "acted"),
    [
        # db2 is the first declared primary, and so the one that opens and closes the window.
        ("db2=ONLINE db3=ONLINE", "db2 is ONLINE; the window is open", ["root"]),
        ("db1=ONLINE db2=ONLINE", "db2 is ONLINE; a trial changes the schema (requested)", []),
    ],
)
def test_the_coordinators_keeper_sees_to_a_schema_change(seeing, monkeypatch, members, said, acted):
    """Nobody sets the write concurrency meanwhile, and the next look comes soon."""
    asked = seeing("ONLINE", members=members, concurrency=10)
    change = Change("token", "a trial", "requested", "root", 1, "", "", "", 50)
    done = []

    def act(connection, row, facts, address, problems, under_way):
        assert under_way is None
        assert (row, address) == (change, HOSTS["db2"])
        done.append(row.account)
        return "the window is open"

    limits = []

    @contextlib.contextmanager
    def local(settings, query_seconds=30):
        limits.append(query_seconds)
        yield settings

    monkeypatch.setattr(keeper, "local", local)
    monkeypatch.setattr(keeper.schema_change, "current", lambda connection: change)
    monkeypatch.setattr(keeper.operation, "current", lambda connection: None)
    monkeypatch.setattr(keeper.schema_window, "act", act)
    seen = keeper.look(frozenset(HOSTS[one.split("=")[0]] for one in members.split()))
    assert (seen.sentence, seen.pause) == (said, keeper.MEMBER_SECONDS)
    assert (done, asked) == (acted, [])
    # A switch that never ends must not keep the keeper from all else.
    assert None not in limits


@pytest.mark.parametrize(
    ("pause", "unchanged", "expected"),
    [
        (keeper.LOOK_SECONDS, 0, keeper.BRISK_SECONDS),
        (keeper.LOOK_SECONDS, keeper.BRISK_FOR_SECONDS - 0.1, keeper.BRISK_SECONDS),
        (keeper.LOOK_SECONDS, keeper.BRISK_FOR_SECONDS, keeper.LOOK_SECONDS),
        (keeper.MEMBER_SECONDS, 0, keeper.MEMBER_SECONDS),
        # Nobody has acted yet on what was refused a moment ago.
        (keeper.REFUSED_SECONDS, 0, keeper.REFUSED_SECONDS),
    ],
)
def test_what_is_new_is_looked_at_again_soon(pause, unchanged, expected):
    assert keeper.pause_after(pause, unchanged) == expected


def test_the_keeper_hands_the_agent_what_a_comparison_has_found(seeing, monkeypatch):
    seeing("ONLINE")
    copied = []
    monkeypatch.setattr(
        keeper.comparison, "copy_numbers", lambda connection, path: copied.append(path)
    )
    assert "not written" not in keeper.look(ALL).sentence
    assert copied == [keeper.comparison.NUMBERS_FILE]

    def full(connection, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeper.comparison, "copy_numbers", full)
    assert "what a comparison has found is not written: [Errno 28]" in keeper.look(ALL).sentence


FIRST, SECOND = "17958668752626857:3", "17958686859894468:1"


@pytest.fixture
def beside(seeing, monkeypatch):
    """Let the keeper of db2 see db1 in another group; returns whom it asked, and what it did."""
    asked, said = [], []

    def see(mine: str, theirs: str, **more) -> Callable[[], str]:
        seeing("ONLINE", members="db2=ONLINE db3=ONLINE", **more)
        facts = {**keeper.observe(None), "view_id": mine}

        def ask(settings, names):
            asked.append(names)
            return {"db1": online("db1", view_id=theirs)} if theirs else {"db1": gone()}

        monkeypatch.setattr(keeper, "observe", lambda connection: facts)
        monkeypatch.setattr(keeper.fencing, "ask", ask)
        monkeypatch.setattr(keeper.fencing, "execute", lambda connection, sql: said.append(sql))
        past = keeper.Past()
        return lambda: keeper.look(BOTH, past).sentence

    see.asked, see.said = asked, said
    return see


READ_ONLY = "SET GLOBAL super_read_only = ON"


@pytest.mark.parametrize(
    ("mine", "theirs", "words", "said", "fenced"),
    [
        (SECOND, FIRST, "db2's is the younger one", [READ_ONLY], True),
        (FIRST, SECOND, "db2's is the elder one and goes on", [], False),
        ("odd:1", FIRST, "both are fenced", [READ_ONLY], True),
        # Two halves of one group: it is with db3, and db1 is alone.
        (FIRST, FIRST, "db2's is the larger one and goes on", [], False),
        (FIRST, "", "db2 is ONLINE", [], False),
    ],
)
def test_of_two_groups_one_is_fenced(beside, mine, theirs, words, said, fenced):
    look = beside(mine, theirs)
    assert words in look()
    assert beside.said == said
    assert bool(maintenance.fenced()) is fenced


def test_others_are_asked_now_and_then_and_a_fence_is_seen_to_at_each_look(beside, monkeypatch):
    clock = Clock(monkeypatch)
    look = beside(SECOND, FIRST)
    for _ in range(3):
        assert "younger" in look()
    assert beside.asked == [["db1"]]
    assert beside.said == [READ_ONLY] * 3
    clock.now += keeper.ASIDE_SECONDS
    look()
    assert beside.asked == [["db1"]] * 2


def test_a_fence_outlives_the_keeper_and_the_others(beside):
    beside(SECOND, FIRST)()
    look = beside(SECOND, "")
    assert "younger" in look()
    assert beside.said == [READ_ONLY] * 2


def test_a_fence_ends_in_another_group(beside):
    beside(SECOND, FIRST)()
    assert maintenance.fenced()
    assert beside(FIRST, "")() == "db2 is ONLINE"
    assert maintenance.fork() == {}


def test_a_member_that_sees_all_declared_ones_asks_nobody(beside):
    look = beside(FIRST, SECOND)
    keeper.observe(None)["members"].append(member("db1"))
    assert look() == "db2 is ONLINE"
    assert beside.asked == []


@pytest.mark.parametrize("raised", ["an error", None])
def test_what_failed_is_taken_down(seeing, monkeypatch, raised):
    """The settings are part of what may have changed, and a success is known by the next looks."""
    past = keeper.Past()
    told = []
    monkeypatch.setattr(past.attempts, "failed", told.append)
    monkeypatch.setattr(past.attempts, "succeeded", lambda: told.append("ONLINE"))
    seeing(
        "OFFLINE", CommandExecutionError(raised) if raised else {"verdict": "wait", "why": "waits"}
    )
    keeper.look(None, past)
    seeing("ONLINE")
    keeper.look(BOTH, past)
    assert told == [raised, "ONLINE"][not raised :]
    assert GROUP in past.attempts.declared


@pytest.mark.parametrize(
    ("certificates", "days", "said"),
    [(True, 5, "ends in 5 days"), (True, 40, ""), (False, 5, "")],
)
def test_a_certificate_that_ends_soon_is_said(seeing, monkeypatch, certificates, days, said):
    seeing("ONLINE")
    file = keeper.SETTINGS_FILE
    told = settings_from(pillar(), "db2")._replace(certificates=certificates)
    file.write_text(settings_as_json(told))
    end = time.gmtime(time.time() + days * 86400 + 60)
    asked = []

    def rows(connection, query):
        asked.append(query)
        value = time.strftime("%b %d %H:%M:%S %Y GMT", end)
        return [{"CHANNEL": "mysql_main", "VALUE": value}]

    monkeypatch.setattr(keeper, "rows", rows)
    past = keeper.Past()
    for _ in range(2):
        sentence = keeper.look(None, past).sentence
        assert ("db2 shows on mysql_main" in sentence) is bool(said)
        assert said in sentence
    # Its end is looked for once an hour.
    assert len(asked) == certificates


def test_each_look_is_noted(monkeypatch):
    """A keeper that hangs is seen by it, as one that does not run is."""
    noted = []

    class Enough(Exception):
        pass

    def sleep(seconds):
        if len(noted) == 2:
            raise Enough

    monkeypatch.setattr(keeper, "look", lambda known, past: keeper.Look("db1 is ONLINE", 2.0))
    monkeypatch.setattr(keeper, "note_look", lambda: noted.append(1))
    monkeypatch.setattr(keeper.time, "sleep", sleep)
    with pytest.raises(Enough):
        keeper.main()

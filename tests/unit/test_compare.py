"""What the timer starts: only the coordinator compares, and only when nothing is in the way."""

from __future__ import annotations

import contextlib

import pytest
from group_replication.connection import UnreachableError
from group_replication.member_sessions import AtWorkError
from group_replication.schema_change import Change
from group_replication.settings import settings_as_json, settings_from
from salt.exceptions import CommandExecutionError

from tests.unit.group import Clock, member, pillar
from tests.unit.programs import loaded

compare = loaded("compare")

CHANGE = Change("t", "a migration", "open", "schema_change", 0, "db1", "multi-primary", "", 60)
SETTINGS = settings_from(pillar(), "db1")
RESULT = {
    "members": ["db1", "db2"],
    "tables": 3,
    "rows": 900,
    "seconds": 1.5,
    "differences": [{"rows": 2}, {"rows": 3}],
    "definitions": [{}],
    "undecided": 0,
    "skipped": [],
    "not_kept": "",
}


def seen(members: str = "db1=ONLINE db2=ONLINE", state: str = "ONLINE", quorum: bool = True):
    rows = [member(*one.split("=")) for one in members.split()]
    return {"state": state, "quorum": quorum, "members": rows}


FREE = (seen(), None)
RECOVERS = (seen("db1=ONLINE db2=RECOVERING"), None)
MIGRATES = (seen(), CHANGE)


@pytest.mark.parametrize(
    ("facts", "change", "sentence", "passes"),
    [
        (seen(), None, "", False),
        (seen(state="OFFLINE", quorum=False), None, "db1 is OFFLINE", True),
        (seen(state="ERROR", quorum=False), None, "db1 is ERROR", True),
        (seen(quorum=False), None, "db1 is ONLINE without a majority", True),
        (seen("db2=ONLINE db3=ONLINE"), None, "db2 compares for the group", False),
        # It will be the coordinator: db2's run waits for that, and ends.
        (
            seen("db2=ONLINE db3=ONLINE db1=RECOVERING", "RECOVERING"),
            CHANGE,
            "db1 is RECOVERING",
            True,
        ),
        # Another one is it, whatever is in the way of that.
        (seen("db2=ONLINE db3=RECOVERING"), CHANGE, "db2 compares for the group", False),
        (seen("db1=ONLINE db3=RECOVERING"), None, "172.28.17.55 is RECOVERING", True),
        (seen(), CHANGE, "a migration changes the schema (open, db1 alone takes writes)", True),
    ],
)
def test_what_is_in_the_way(facts, change, sentence, passes):
    found = compare.obstacle(SETTINGS, facts, change)
    assert found == (compare.Obstacle(sentence, passes) if sentence else None)


@pytest.fixture
def running(monkeypatch, tmp_path):
    """Run the program while it sees one thing after the other; return code, and what it did."""
    clock = Clock(monkeypatch)

    def run(looks, outcomes) -> tuple[int, list, float]:
        done: list = []
        left, ends = list(looks), list(outcomes)

        def look(connection):
            return left.pop(0) if len(left) > 1 else left[0]

        def made(settings, tables, rows, load):
            done.append((tables, load))
            end = ends.pop(0)
            if isinstance(end, Exception):
                raise end
            return end

        def failed(settings, error):
            done.append(error)
            return ""

        @contextlib.contextmanager
        def local(settings):
            now = look(None)
            if isinstance(now, Exception):
                raise now
            monkeypatch.setattr(compare, "observe", lambda connection: now[0])
            monkeypatch.setattr(compare.schema_change, "current", lambda connection: now[1])
            yield settings

        file = tmp_path / "settings.json"
        file.write_text(settings_as_json(SETTINGS))
        # It would take the log from the tests.
        monkeypatch.setattr(compare.logging, "basicConfig", lambda **_: None)
        monkeypatch.setattr(compare, "SETTINGS_FILE", file)
        monkeypatch.setattr(compare, "local", local)
        monkeypatch.setattr(compare.row_compare, "compare", made)
        monkeypatch.setattr(compare.comparison, "keep_failure", failed)
        return compare.main(), done, clock.now

    return run


WHOLE = (None, 0.1)
LOST = CommandExecutionError("db2: Lost connection")


@pytest.mark.parametrize(
    ("looks", "outcomes", "code", "done", "seconds"),
    [
        ([FREE], [RESULT], 0, [WHOLE], 0),
        ([(seen("db2=ONLINE"), None)], [], 0, [], 0),
        ([RECOVERS, MIGRATES, FREE], [RESULT], 0, [WHOLE], 20),
        # mysqld starts.
        ([UnreachableError("cannot connect"), FREE], [RESULT], 0, [WHOLE], 10),
        ([CommandExecutionError("mysqld said: no")], [], 1, [], 0),
        # It does not wait for ever.
        ([RECOVERS], [], 0, [], 900),
        ([RECOVERS, (seen("db2=ONLINE"), None)], [], 0, [], 10),
        ([FREE], [AtWorkError("another comparison")], 0, [WHOLE], 0),
        ([FREE], [LOST, RESULT], 0, [WHOLE, WHOLE], 60),
        ([FREE], [LOST, LOST], 1, [WHOLE, WHOLE, "db2: Lost connection"], 60),
        # The next coordinator's timer knows nothing of it.
        ([FREE, (seen("db2=ONLINE"), None)], [LOST], 1, [WHOLE], 60),
        ([FREE], [{**RESULT, "not_kept": "db1 is not writable"}], 1, [WHOLE], 0),
    ],
)
def test_a_run(running, looks, outcomes, code, done, seconds):
    assert running(looks, outcomes) == (code, done, seconds)


def test_what_is_said_has_numbers_and_no_keys(running, caplog):
    running([FREE], [RESULT])
    assert caplog.messages == [
        "db1, db2: 3 tables with 900 rows compared in 1.5 s; 5 rows and 1 definitions differ, "
        "0 undecided, 0 skipped"
    ]


def test_without_settings_or_a_server_it_says_so(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(compare.logging, "basicConfig", lambda **_: None)
    monkeypatch.setattr(compare, "SETTINGS_FILE", tmp_path / "none")
    assert compare.main() == 1
    assert "nothing is compared: [Errno 2]" in caplog.text

"""What is kept of a comparison, and the numbers that the health agent reads."""

from __future__ import annotations

import contextlib
import json

import pytest
from group_replication import comparison
from group_replication.comparison import copy_numbers, keep, keep_failure, last, numbers
from group_replication.comparison_report import Kept
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError

from tests.unit.group import online, pillar

SETTINGS = settings_from(pillar(), "db1")
RESULT = {
    "members": ["db1", "db2", "db3"],
    "differences": [],
    "definitions": [],
    "skipped": [],
    "undecided": 0,
}
ROW = {"table": "shop.t", "from": {"b": 1, "a": 2}, "to": {"b": 1, "a": 2}, "rows": 1,
       "members": {"db3": {"changed": 1}}}  # fmt: skip


@pytest.fixture
def server(monkeypatch):
    """A local member; returns the statements that it was told."""
    said: list = []

    def make(facts=None, table=True, before=None, error=""):
        @contextlib.contextmanager
        def local(settings):
            if error:
                raise CommandExecutionError(error)
            yield "connection"

        monkeypatch.setattr(comparison, "local", local)
        monkeypatch.setattr(comparison, "has_table", lambda connection, name: table)
        monkeypatch.setattr(comparison, "observe", lambda connection: facts or online("db1", "db2"))
        monkeypatch.setattr(comparison, "last", lambda connection: before)
        monkeypatch.setattr(comparison, "rows", lambda *_: [{"gtids": "a:1-3,\n b:1"}])
        monkeypatch.setattr(
            comparison, "execute", lambda connection, sql, values: said.append((sql, values))
        )
        return said

    return make


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, ""),
        ({"table": False}, "the group has no table mysql_gr.comparison yet"),
        ({"facts": online("db1", "db2", super_read_only=True)}, "db1 is not writable"),
        ({"facts": online("db1", quorum=False)}, "db1 is not writable"),
        ({"error": "cannot connect"}, "cannot connect"),
    ],
)
@pytest.mark.parametrize(("call", "what"), [(keep, RESULT), (keep_failure, "gone")])
def test_only_a_member_that_takes_writes_keeps(server, call, what, more, why):
    said = server(**more)
    answer = call(SETTINGS, what)
    assert answer.startswith(why)
    assert bool(answer) is bool(why)
    assert len(said) == (0 if why else 1)


def test_a_result_is_kept_with_what_it_did_not_look_at(server):
    before = Kept(1, 9, 5, result={"differences": [ROW], "definitions": []})
    said = server(before=before)
    assert keep(SETTINGS, {**RESULT, "members": ["db1", "db2"]}) == ""
    ((sql, (text,)),) = said
    # A failure before it is over with it.
    assert sql.startswith("REPLACE INTO mysql_gr.comparison (ended, result)")
    found = json.loads(text)
    assert (found["differences"], found["rows_differing"]) == ([ROW], 1)
    assert found["gtid_executed"] == "a:1-3,b:1"
    # In the order of the key.
    assert list(found["differences"][0]["from"]) == ["b", "a"]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[]], None),
        ([[{"since": 1, "now": 9}], []], Kept(1, 9)),
        (
            [
                [{"since": 1, "now": 9}],
                [{"ended": 5, "failed": None, "error": "", "result": '{"rows": 3}'}],
            ],
            Kept(1, 9, 5, None, "", {"rows": 3}),
        ),
        (
            [
                [{"since": 1, "now": 9}],
                [{"ended": None, "failed": 7, "error": "gone", "result": None}],
            ],
            Kept(1, 9, None, 7, "gone", {}),
        ),
    ],
)
def test_what_is_read_of_it(monkeypatch, answers, expected):
    monkeypatch.setattr(comparison, "rows", lambda *_: answers.pop(0))
    assert last("connection") == expected


def test_numbers_are_written_when_they_are_news(monkeypatch, tmp_path):
    path = tmp_path / "run" / "comparison.json"
    written: list = []

    def write(*arguments):
        written.append(arguments)
        write_whole(*arguments)

    write_whole = comparison.write_whole
    monkeypatch.setattr(comparison, "write_whole", write)

    def copied(seen):
        monkeypatch.setattr(comparison, "last", lambda connection: seen)
        copy_numbers("connection", path)
        return numbers(path), len(written)

    assert copied(None) == ({}, 0)
    one = Kept(1, 9, 5, result={"rows_differing": 2, "definitions_count": 1})
    said = {"differences": 3.0, "timestamp": 5.0, "success": 1.0}
    assert copied(one) == (said, 1)
    assert copied(one._replace(now=99)) == (said, 1)
    # The health agent is another user, and sees neither tables nor keys.
    assert path.stat().st_mode & 0o777 == 0o644
    assert json.loads(path.read_text()) == {"differences": 3, "timestamp": 5, "success": 1}
    assert copied(one._replace(failed=7))[0]["success"] == 0
    assert copied(Kept(1, 9, failed=7))[0] == {"success": 0.0}
    # Emptied by hand.
    assert copied(Kept(1, 9)) == ({}, 3)
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"differences": "x"}', '"x"'])
def test_numbers_that_cannot_be_read_are_none(tmp_path, text):
    path = tmp_path / "comparison.json"
    path.write_text(text)
    assert numbers(path) == {}

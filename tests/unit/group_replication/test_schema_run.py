"""Statements that change the schema: who runs them, what is refused, and when they run."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import schema_run
from group_replication.schema_run import change_schema
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import online, pillar

ALTER = "ALTER TABLE users ADD seen DATETIME"
TOLD = {"algorithm": "INSTANT", "holds_up": "nothing"}


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What is told to the server, and when the window is open; db1 makes schema changes."""
    found: list[str] = []

    @contextlib.contextmanager
    def window(connect, owner, account, patience, session):
        assert (owner, account, session) == ("mysql_schema.change on db1", "root", 7)
        found.append("open")
        yield
        found.append("closed")

    monkeypatch.setattr(schema_run, "local", lambda *_: contextlib.nullcontext("connection"))
    monkeypatch.setattr(schema_run, "observe", lambda _: online("db1", "db2", "db3"))
    monkeypatch.setattr(
        schema_run, "classify", lambda _, statements, database: [TOLD] * len(statements)
    )
    monkeypatch.setattr(schema_run, "rows", lambda *_: [{"id": 7, "made": 0}])
    monkeypatch.setattr(schema_run, "execute", lambda _, sql, values=(): found.append(sql))
    monkeypatch.setattr(schema_run.schema_change, "window", window)
    monkeypatch.setattr(schema_run.schema_change, "await_closed", lambda *_: True)
    return found


def change(statements, me: str = "db1", database: str | None = None, test: bool = False):
    return change_schema(settings_from(pillar(), me), statements, database, 10, 60, test)


def test_statements_run_while_the_window_is_open(said):
    done = change([ALTER, "CREATE INDEX a ON users (seen)"])
    assert said == [
        "SET SESSION lock_wait_timeout = %s",
        "USE `realworld`",
        "open",
        ALTER,
        "CREATE INDEX a ON users (seen)",
        "closed",
    ]
    assert [one["statement"] for one in done["statements"]] == [said[3], said[4]]
    assert all(one["seconds"] is not None for one in done["statements"])


def test_a_dry_run_says_what_is_held_up_and_runs_nothing(said):
    done = change(ALTER, test=True)
    assert done == {
        "writer": "db1",
        "statements": [{"statement": ALTER, **TOLD, "seconds": None}],
    }
    assert said == []


@pytest.mark.parametrize("statements", ["", [], [" "], [ALTER, 3]])
def test_what_is_no_statement_is_refused(said, statements):
    with pytest.raises(SaltInvocationError, match="expected SQL, one statement each"):
        change(statements)
    assert said == []


def test_another_member_says_which_one_it_is(said):
    with pytest.raises(CommandExecutionError, match=r"db1 makes schema changes .*this is db2"):
        change(ALTER, me="db2")
    assert said == []


def test_a_table_that_the_group_could_not_write_to_is_refused(said):
    with pytest.raises(CommandExecutionError, match="could not write to these tables: log: "):
        change("CREATE TABLE log (a INT)")
    assert said == []


def test_a_table_gets_the_key_that_its_server_makes(said, monkeypatch):
    monkeypatch.setattr(schema_run, "rows", lambda *_: [{"id": 7, "made": 1}])
    change("CREATE TABLE log (a INT)")
    assert "CREATE TABLE log (a INT)" in said


def test_a_group_that_is_not_back_in_its_mode_is_told(said, monkeypatch):
    monkeypatch.setattr(schema_run.schema_change, "await_closed", lambda *_: False)
    with pytest.raises(CommandExecutionError, match="the schema is changed, and the group is not"):
        change(ALTER, database="other")
    assert "USE `other`" in said

"""What a migration that did not end has left."""

from __future__ import annotations

import json

import pytest
from laravel_deploy.migration_journal import half_done, left, read_journal, run_with_journal

from tests.unit.laravel_deploy.machine import answer

BEGINS, ENDS = {"begins": "m"}, {"ends": "m"}
ALTER = "alter table `t` add `a` int"
INSERT = "insert into `t` (`a`) values (?)"


def did(sql, level=0):
    return [{"asks": sql}, {"did": sql, "level": level}]


@pytest.mark.parametrize(
    ("entries", "committed", "running", "whole"),
    [
        ([BEGINS], [], "", False),
        ([BEGINS, *did(ALTER), {"asks": INSERT}], [ALTER], INSERT, False),
        # It failed: nothing is under way.
        ([BEGINS, *did(ALTER), {"asks": INSERT}, {"fails": True}], [ALTER], "", False),
        # In a transaction: not before its COMMIT, or before a statement that commits by itself.
        ([BEGINS, *did(INSERT, 1)], [], "", False),
        ([BEGINS, *did(INSERT, 1), {"commits": True}], [INSERT], "", False),
        ([BEGINS, *did(INSERT, 1), {"undoes": True}, *did(ALTER)], [ALTER], "", False),
        ([BEGINS, *did(INSERT, 1), *did(ALTER, 1)], [INSERT, ALTER], "", False),
        ([BEGINS, *did(INSERT, 1), *did("create temporary table x (a int)", 1)], [], "", False),
        # What reads changes nothing, and is not worth a word.
        ([BEGINS, *did("select 1"), *did("SHOW TABLES"), {"asks": "select 2"}], [], "", False),
        ([BEGINS, *did(ALTER), ENDS], [ALTER], "", True),
        # Two runs of it.
        ([BEGINS, *did(ALTER), BEGINS, {"asks": ALTER}, {"fails": True}], [ALTER], "", False),
        # Of those before it nothing is told.
        (
            [{"begins": "l"}, *did("drop table x"), {"ends": "l"}, BEGINS, *did(ALTER)],
            [ALTER],
            "",
            False,
        ),
    ],
)
def test_what_had_committed_is_told(entries, committed, running, whole):
    found = half_done(entries, ["m", "n"])
    assert (found.migration, found.committed, found.running, found.whole) == (
        "m",
        committed,
        running,
        whole,
    )
    # One that the database knows is not half done.
    assert half_done(entries, ["n"]) is None


@pytest.fixture
def journal(folder):
    """Where the application notes what its migrations do."""
    (folder / "storage/framework").mkdir(parents=True)
    return folder / "storage/framework/migrations.journal"


def test_what_is_half_done_stays_known_until_it_has_run(app, php, journal):
    lines = [json.dumps(one) for one in (BEGINS, *did(ALTER), {"asks": INSERT})]
    journal.write_text("\n".join([*lines, '{"did": "cut o']))
    assert len(read_journal(app)) == 4
    told = left(app, ["m"])
    assert f"m is half done, committed: {ALTER}, under way" in told
    assert "Undo that, or do the rest by hand" in told
    php.answers.extend([answer(), answer()])
    for pending, mode in ((["m"], "a"), (["n"], "w")):
        run_with_journal(app, {}, pending)
        assert php.call_args.args[0] == ["php", "--", str(journal), mode]


def test_a_whole_one_lacks_its_row_alone(app, journal):
    journal.write_text("\n".join(json.dumps(one) for one in (BEGINS, *did(ALTER), ENDS)))
    assert "has run whole and is not recorded" in left(app, ["m"])


def test_a_link_in_the_place_of_the_journal_is_not_read(app, journal, tmp_path):
    (tmp_path / "secret").write_text(json.dumps(BEGINS))
    journal.symlink_to(tmp_path / "secret")
    assert read_journal(app) == []
    assert left(app, ["m"]) == ""


def test_a_secret_in_a_statement_is_not_told(app, folder, journal):
    (folder / ".env").write_text("DB_PASSWORD=a-secret\n")
    entries = (BEGINS, *did("create user u identified by 'a-secret'"))
    journal.write_text("\n".join(json.dumps(one) for one in entries))
    assert "a-secret" not in left(app, ["m"])
    assert "create user" in left(app, ["m"])

"""A join that ended with its server is noted, and the next one waits until the group is ready."""

from __future__ import annotations

import pymysql
import pytest
from group_replication.cut_join import holds_back, noted, over
from salt.exceptions import CommandExecutionError

NOW = 1_800_000_000
VIEW = "17954915269696091"
NOTED = f'{{"started": {NOW - 900}, "view": "{VIEW}"}}'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lib" / "joining.json"


@pytest.mark.parametrize(
    ("end", "stays"),
    [
        (None, False),
        (CommandExecutionError("mysqld said: it fails (3092)"), False),
        (pymysql.OperationalError(3098, "The table does not comply"), False),
        (KeyboardInterrupt(), True),
        (pymysql.OperationalError(2013, "Lost connection to MySQL server during query"), True),
        (pymysql.OperationalError(2006, "MySQL server has gone away"), True),
    ],
)
def test_a_join_is_noted_until_its_outcome_is_known(path, end, stays):
    def join():
        with noted(NOW, VIEW, path):
            assert path.stat().st_mode & 0o777 == 0o600
            if end:
                raise end

    if end is None:
        join()
    else:
        with pytest.raises(type(end)):
            join()
    assert path.exists() is stays


def test_a_disk_that_takes_no_file_keeps_nobody_outside(tmp_path, caplog):
    path = tmp_path / "file" / "joining.json"
    path.parent.write_text("in its way")
    with noted(NOW, VIEW, path):
        pass
    assert f"{path} is not written" in caplog.text
    assert f"{path} stays" in caplog.text


def test_who_is_a_member_joins_no_more(path):
    with pytest.raises(KeyboardInterrupt), noted(NOW, VIEW, path):
        raise KeyboardInterrupt
    over(path)
    assert not path.exists()
    over(path)


@pytest.mark.parametrize(
    ("text", "age", "held"),
    [
        # Its mysqld was started after the join that is noted.
        (NOTED, 0, True),
        (NOTED, 77, True),
        (NOTED, 78, False),
        # The same mysqld: it was the join's keeper that ended.
        (NOTED.replace(str(NOW - 900), str(NOW)), 5, False),
        (NOTED.replace(str(NOW - 900), str(NOW - 1)), 5, False),
        # A clock that was set back must not keep a member out.
        (NOTED, -3600, False),
        ("{", 5, False),
        ("[]", 5, False),
        ('{"started": 1}', 5, False),
        (None, 5, False),
    ],
)
def test_a_join_waits_for_what_the_one_before_has_left(path, text, age, held):
    if text is not None:
        path.parent.mkdir()
        path.write_text(text)
    why = (
        "mysqld ended in the middle of db3's join: the group lets db3 in again when it has removed "
        "that server; db3 joins at 08:01:18 UTC"
    )
    assert holds_back("db3", NOW, NOW + age, path) == ({"view": VIEW, "why": why} if held else {})

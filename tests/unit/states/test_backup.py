"""What the states of the backup machine report."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError

import _states.backup as states


@pytest.fixture
def give(monkeypatch):
    """Give the states their dunders: what each function of module backup answers."""

    def set_up(test=False, converge="", **answers):
        functions = {
            f"backup.{name}": Mock(
                **{"side_effect" if isinstance(value, Exception) else "return_value": value}
            )
            for name, value in answers.items()
        }
        functions["config.get"] = Mock(return_value=converge)
        monkeypatch.setattr(states, "__salt__", functions, raising=False)
        monkeypatch.setattr(states, "__opts__", {"test": test}, raising=False)
        return functions

    return set_up


def decision(verdict, why="why"):
    return {"verdict": verdict, "why": why}


@pytest.mark.parametrize("verdict", ["clone", "connect"])
def test_following_is_predicted_and_done(give, verdict):
    functions = give(True, decide=decision(verdict), follow=decision(verdict))
    predicted = states.following("group")
    functions["backup.follow"].assert_not_called()
    functions = give(False, decide=decision(verdict), follow=decision(verdict))
    ret = states.following("group")
    functions["backup.follow"].assert_called_once_with()
    assert (predicted["result"], ret["result"]) == (None, True)
    assert predicted["changes"] == ret["changes"] != {}


@pytest.mark.parametrize("test", [True, False])
def test_who_follows_is_left_alone(give, test):
    functions = give(test, decide=decision("follows"), follow=decision("follows"))
    ret = states.following("group")
    functions["backup.follow"].assert_not_called()
    assert (ret["result"], ret["changes"]) == (True, {})


@pytest.mark.parametrize(("converge", "result"), [("", False), ("partial", True)])
def test_what_is_refused_is_told(give, converge, result):
    functions = give(converge=converge, decide=decision("refused", "it has 1 transactions"))
    ret = states.following("group")
    assert (ret["result"], ret["changes"]) == (result, {})
    assert "it has 1 transactions" in ret["comment"]
    assert "backup.follow" not in functions


def test_a_server_that_is_yet_to_come(give):
    give(True, decide=CommandExecutionError("cannot connect"))
    assert states.following("group")["result"] is None
    give(False, decide=CommandExecutionError("cannot connect"))
    assert states.following("group")["result"] is False


def test_settings_show_no_value(give):
    functions = give(True, settings_differ=["backup.json"], store_settings=None)
    predicted = states.settings_stored("settings")
    functions["backup.store_settings"].assert_called_once_with(test=True)
    functions = give(False, settings_differ=["backup.json"], store_settings=None)
    ret = states.settings_stored("settings")
    assert [one.kwargs for one in functions["backup.store_settings"].call_args_list] == [
        {"test": True},
        {},
    ]
    assert predicted["changes"] == ret["changes"] == {"backup.json": "as declared in pillar"}
    give(False, settings_differ=[])
    assert states.settings_stored("settings")["changes"] == {}


@pytest.mark.parametrize("test", [True, False])
def test_a_password_that_the_group_does_not_have_changes_nothing(give, test):
    refused = CommandExecutionError("orch.rotate changes it")
    functions = give(test, settings_differ=["backup.json"], store_settings=refused)
    ret = states.settings_stored("settings")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "orch.rotate" in ret["comment"]
    functions["backup.store_settings"].assert_called_once_with(test=True)


def test_a_repository_is_made_once(give):
    functions = give(repository_present=False, make_repository=None, settings_differ=[])
    assert states.repository_present("repository")["changes"] != {}
    functions["backup.make_repository"].assert_called_once_with()
    functions = give(repository_present=True, make_repository=None, settings_differ=[])
    assert states.repository_present("repository")["changes"] == {}
    functions["backup.make_repository"].assert_not_called()
    functions = give(True, repository_present=False, make_repository=None, settings_differ=[])
    assert states.repository_present("repository")["result"] is None
    functions["backup.make_repository"].assert_not_called()
    give(True, settings_differ=["backup.json"])
    assert states.repository_present("repository")["result"] is None


def test_a_repository_that_another_password_opens_is_never_made_anew(give):
    functions = give(
        repository_present=CommandExecutionError("wrong password"), make_repository=None
    )
    assert states.repository_present("repository")["result"] is False
    functions["backup.make_repository"].assert_not_called()


@pytest.mark.parametrize(("problem", "result"), [("", True), ("the drill failed", False)])
@pytest.mark.parametrize("test", [True, False])
def test_a_drill_that_failed_fails(give, test, problem, result):
    give(test, drill_problem=problem)
    ret = states.drilled("full backups")
    assert (ret["result"], ret["changes"]) == (result, {})
    assert problem in ret["comment"]


@pytest.mark.parametrize(("age", "old"), [(None, "none"), (2 * 3600 + 360, "2.1 h old")])
def test_a_full_backup_is_taken_where_the_newest_is_too_old(give, age, old):
    given = {"settings_differ": [], "age": age, "take": {"snapshot": "0123456789"}}
    functions = give(True, **given)
    predicted = states.taken("before an upgrade", hours=2)
    functions["backup.take"].assert_not_called()
    functions = give(False, **given)
    ret = states.taken("before an upgrade", hours=2)
    functions["backup.take"].assert_called_once_with()
    assert (predicted["result"], ret["result"]) == (None, True)
    assert predicted["changes"] == ret["changes"] == {"full backup": {"old": old, "new": "taken"}}
    assert "01234567 has been taken" in ret["comment"]


@pytest.mark.parametrize("test", [True, False])
def test_a_full_backup_that_is_young_is_enough(give, test):
    functions = give(test, settings_differ=[], age=7200, take={})
    ret = states.taken("before an upgrade", hours=2)
    functions["backup.take"].assert_not_called()
    assert (ret["result"], ret["changes"]) == (True, {})


@pytest.mark.parametrize("hours", [0, True, "2", 9000])
def test_an_age_that_is_none_is_refused(give, hours):
    give(age=1, take={})
    ret = states.taken("x", hours=hours)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert f"hours is '{hours}'" in ret["comment"]


def test_full_backups_are_looked_at_once_there_are_settings(give):
    give(True, settings_differ=["/etc/mysql-gr/backup.json"], age=CommandExecutionError("none"))
    assert states.taken("x")["result"] is None

"""What the states of mysql_server report: a run does what test mode says, and a second nothing."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _states.mysql_server as states

MISSING = {"app@%": {"missing": ["account"]}}
SEEDS = {"group_replication_group_seeds": {"old": "a:1", "new": "a:1,b:2"}}
WAITING = {"mysqlx_port": {"old": "33060", "new": "33070"}}


@pytest.mark.parametrize("error", [CommandExecutionError, SaltInvocationError])
def test_errors_become_comments(salted, error):
    salted(
        mysql_server__account_differences=Mock(side_effect=error("why")),
        mysql_server__settings_differ=Mock(side_effect=error("why")),
    )
    for ret in (states.accounts_present("members"), states.settings_stored("settings")):
        assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "why")


def test_accounts_are_predicted_then_made(salted):
    create = Mock()
    functions = {
        "mysql_server__account_differences": Mock(return_value=MISSING),
        "mysql_server__create_accounts": create,
    }
    salted(True, **functions)
    predicted = states.accounts_present("application", scope="members")
    create.assert_called_once_with("members", test=True)
    create.reset_mock()
    salted(False, **functions)
    done = states.accounts_present("application", scope="members")
    create.assert_called_once_with("members")
    assert (predicted["result"], done["result"]) == (None, True)
    assert predicted["changes"] == done["changes"] == MISSING


def test_present_accounts_are_left_alone(salted):
    create = Mock()
    salted(
        mysql_server__account_differences=Mock(return_value={}),
        mysql_server__create_accounts=create,
    )
    assert states.accounts_present("members")["changes"] == {}
    create.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("converge", "coordinator", "waits"),
    [
        ("partial", None, True),
        ("partial", "db1", True),
        ("partial", "db2", False),
        ("", "db1", False),
    ],
)
def test_a_partial_run_waits_for_nobody_who_makes_the_applications_account(
    salted, test, converge, coordinator, waits
):
    create = Mock()
    salted(
        test,
        converge,
        mysql_server__account_differences=Mock(return_value=MISSING),
        mysql_gr__coordinator=Mock(return_value=coordinator),
        mysql_server__create_accounts=create,
    )
    ret = states.accounts_present("application", scope="application")
    assert ret["changes"] == ({} if waits else MISSING)
    assert ret["result"] is (None if test and not waits else True)
    assert ret["comment"].startswith("Not yet: ") is waits
    assert [call.kwargs for call in create.call_args_list] == (
        [] if waits else [{"test": True} if test else {}]
    )


def test_settings_are_predicted_then_stored(salted):
    store = Mock()
    functions = {
        "mysql_server__settings_differ": Mock(return_value=True),
        "mysql_server__store_settings": store,
    }
    salted(True, **functions)
    predicted = states.settings_stored("settings")
    store.assert_called_once_with(test=True)
    store.reset_mock()
    salted(False, **functions)
    done = states.settings_stored("settings")
    store.assert_called_once_with()
    assert (predicted["result"], done["result"]) == (None, True)
    assert predicted["changes"] == done["changes"]


@pytest.mark.parametrize("test", [True, False])
def test_another_password_than_the_groups_is_refused_with_the_call(salted, test):
    refuses = Mock(side_effect=CommandExecutionError("orch.rotate changes it"))
    salted(
        test,
        mysql_server__account_differences=Mock(return_value=MISSING),
        mysql_server__create_accounts=refuses,
        mysql_server__settings_differ=Mock(return_value=True),
        mysql_server__store_settings=refuses,
    )
    for ret in (states.accounts_present("members"), states.settings_stored("settings")):
        assert (ret["result"], ret["changes"]) == (False, {})
        assert ret["comment"] == "orch.rotate changes it"


def test_a_data_directory_is_made_once(salted):
    made = Mock()
    args = ("/var/lib/mysql", "/etc/mysql/group.cnf")
    salted(True, mysql_server__initialized=Mock(return_value=False), mysql_server__initialize=made)
    predicted = states.data_initialized(*args)
    made.assert_called_once_with(*args, test=True)
    made.reset_mock()
    salted(False, mysql_server__initialized=Mock(return_value=False), mysql_server__initialize=made)
    done = states.data_initialized(*args)
    made.assert_called_once_with(*args)
    assert (predicted["result"], done["result"]) == (None, True)
    assert predicted["changes"] == done["changes"] != {}
    salted(False, mysql_server__initialized=Mock(return_value=True), mysql_server__initialize=made)
    assert states.data_initialized(*args)["changes"] == {}
    made.assert_called_once()


@pytest.mark.parametrize("test", [True, False])
def test_a_data_directory_that_cannot_be_made_fails_with_the_sentence(salted, test):
    why = CommandExecutionError("/var/lib/mysql holds a.txt")
    salted(
        test,
        mysql_server__initialized=Mock(return_value=False),
        mysql_server__initialize=Mock(side_effect=why),
    )
    ret = states.data_initialized("/var/lib/mysql", "/etc/mysql/group.cnf")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, str(why))


@pytest.mark.parametrize("restart", [{}, WAITING])
@pytest.mark.parametrize("online", [{}, SEEDS])
def test_options_current(salted, online, restart):
    put = Mock(return_value=online)
    functions = {
        "mysql_server__option_differences": Mock(
            return_value={"online": online, "restart": restart, "unknown": {}}
        ),
        "mysql_server__set_options": put,
    }
    salted(True, **functions)
    predicted = states.options_current("options")
    put.assert_not_called()
    salted(False, **functions)
    done = states.options_current("options")
    assert put.called is bool(online)
    assert predicted["changes"] == done["changes"] == online
    assert (predicted["result"], done["result"]) == (None if online else True, True)
    for ret in (predicted, done):
        assert ("mysqlx_port is 33060, declared 33070" in ret["comment"]) is bool(restart)


@pytest.mark.parametrize(("test", "result"), [(True, None), (False, False)])
def test_a_server_that_is_not_there_yet(salted, test, result):
    salted(
        test, mysql_server__option_differences=Mock(side_effect=CommandExecutionError("no socket"))
    )
    ret = states.options_current("options")
    assert (ret["result"], ret["changes"]) == (result, {})
    assert "no socket" in ret["comment"]


def test_what_the_server_does_not_know_is_named(salted):
    differ = {"online": {}, "restart": {}, "unknown": {"group_replication_memberweight": {}}}
    salted(mysql_server__option_differences=Mock(return_value=differ))
    ret = states.options_current("options")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert "Not known to the running server" in ret["comment"]
    assert "group_replication_memberweight" in ret["comment"]

"""The states for a changed table of nodes: a run does what test mode says."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError

import _states.mysql_gr as states

SEEDS = {"group_replication_group_seeds": {"old": "a:1", "new": "a:1,b:2"}}
WAITING = {"mysqlx_port": {"old": "33060", "new": "33070"}}


@pytest.mark.parametrize("restart", [{}, WAITING])
@pytest.mark.parametrize("online", [{}, SEEDS])
def test_options_current(salted, online, restart):
    put = Mock(return_value=online)
    functions = {
        "mysql_gr__option_differences": Mock(
            return_value={"online": online, "restart": restart, "unknown": {}}
        ),
        "mysql_gr__set_options": put,
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
    salted(test, mysql_gr__option_differences=Mock(side_effect=CommandExecutionError("no socket")))
    ret = states.options_current("options")
    assert (ret["result"], ret["changes"]) == (result, {})
    assert "no socket" in ret["comment"]


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        ({"state": "OFFLINE", "settled": True, "problem": ""}, {}),
        (
            {"state": "ONLINE", "settled": False, "problem": ""},
            {"state": {"old": "ONLINE", "new": "OFFLINE"}},
        ),
        (
            {"state": "OFFLINE", "settled": False, "problem": ""},
            {"settings": "no longer declared in pillar"},
        ),
        (
            {"state": "UNKNOWN", "settled": False, "problem": ""},
            {"settings": "no longer declared in pillar"},
        ),
    ],
)
def test_member_removed(salted, now, changes):
    remove = Mock()
    functions = {"mysql_gr__removal": Mock(return_value=now), "mysql_gr__remove": remove}
    salted(True, **functions)
    predicted = states.member_removed("db4")
    remove.assert_not_called()
    salted(False, **functions)
    done = states.member_removed("db4", drain=5)
    assert predicted["changes"] == done["changes"] == changes
    assert (predicted["result"], done["result"]) == (None if changes else True, True)
    if changes:
        remove.assert_called_once_with(member="db4", drain=5)
    else:
        remove.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
def test_a_removal_that_would_break_the_group_is_refused(salted, test):
    remove = Mock()
    now = {"state": "ONLINE", "settled": False, "problem": "no majority"}
    salted(test, mysql_gr__removal=Mock(return_value=now), mysql_gr__remove=remove)
    ret = states.member_removed("db4")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "no majority")
    remove.assert_not_called()


def test_what_the_server_does_not_know_is_named(salted):
    differ = {"online": {}, "restart": {}, "unknown": {"group_replication_memberweight": {}}}
    salted(mysql_gr__option_differences=Mock(return_value=differ))
    ret = states.options_current("options")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert "Not known to the running server" in ret["comment"]
    assert "group_replication_memberweight" in ret["comment"]

"""What the state of a group that begins with a backup reports."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError

import _states.mysql_restore as states

FOUND = {"gtids": "a:1-9", "before": [{"gtid": "a:9", "committed": "14:02"}], "given_up": ""}


@pytest.fixture
def give(monkeypatch):
    """Give the state its dunders."""

    def set_up(test=False, begun=False, begin=FOUND):
        key = "side_effect" if isinstance(begin, Exception) else "return_value"
        functions = {
            "mysql_restore.begun": Mock(return_value=begun),
            "mysql_restore.begin": Mock(**{key: begin}),
        }
        monkeypatch.setattr(states, "__salt__", functions, raising=False)
        monkeypatch.setattr(states, "__opts__", {"test": test}, raising=False)
        return functions["mysql_restore.begin"]

    return set_up


def test_a_group_that_is_there_stays(give):
    begin = give(begun=True)
    ret = states.group_begun("db1")
    assert (ret["result"], ret["changes"]) == (True, {})
    begin.assert_not_called()


def test_it_is_predicted_and_begun_with_the_same_point(give):
    begin = give(test=True)
    predicted = states.group_begun("db1", point="a:9", keep_name=True)
    assert predicted["result"] is None
    assert begin.call_args.kwargs["test"] is True
    begin = give()
    done = states.group_begun("db1", point="a:9", keep_name=True, overwrite="db1")
    assert (done["result"], done["changes"]) == (True, predicted["changes"])
    assert "a:9 of 14:02" in done["comment"]
    told = begin.call_args.kwargs
    assert (told["point"], told["keep_name"], told["test"]) == ("a:9", True, False)
    assert told["overwrite"] == "db1"


@pytest.mark.parametrize("test", [True, False])
def test_what_a_machine_refuses_fails(give, test):
    give(test, begin=CommandExecutionError("backup1: say keep_name=True"))
    ret = states.group_begun("db1")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "keep_name" in ret["comment"]

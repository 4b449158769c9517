"""What the states of mysql_maintenance report: a run what test mode says, a second run nothing."""

from __future__ import annotations

from unittest.mock import Mock, call

import pytest

import _states.mysql_maintenance as states


def status(state, paused=""):
    return Mock(return_value={"member": {"state": state}, "paused": paused})


@pytest.mark.parametrize(
    ("seen", "pause", "changes"),
    [
        (status("OFFLINE", "gone"), "gone", {}),
        # One that is leaving just now is kept out for that moment alone.
        (
            status("OFFLINE", "it is leaving just now"),
            "",
            {"paused": {"old": "", "new": "why"}},
        ),
        (
            status("ONLINE"),
            "",
            {
                "state": {"old": "ONLINE", "new": "OFFLINE"},
                "paused": {"old": "", "new": "why"},
            },
        ),
        (status("ONLINE", "later"), "later", {"state": {"old": "ONLINE", "new": "OFFLINE"}}),
    ],
)
def test_member_absent(salted, seen, pause, changes):
    leave, paused = Mock(), Mock(return_value=pause)
    salted(
        True,
        mysql_gr__status=seen,
        mysql_maintenance__leave=leave,
        mysql_maintenance__paused=paused,
    )
    predicted = states.member_absent("db1", reason="why")
    leave.assert_not_called()
    salted(
        False,
        mysql_gr__status=seen,
        mysql_maintenance__leave=leave,
        mysql_maintenance__paused=paused,
    )
    done = states.member_absent("db1", reason="why")
    assert predicted["changes"] == done["changes"] == changes
    assert predicted["result"] is (None if changes else True)
    assert done["result"] is True
    assert leave.called is bool(changes)


@pytest.mark.parametrize(
    ("state", "arguments", "old", "new", "function", "told"),
    [
        ("paused", ["a look"], "", "a look", "pause", call("a look")),
        ("paused", ["a look"], "another", "a look", "pause", call("a look")),
        ("unpaused", [], "a look", "", "unpause", call()),
        (
            "drained",
            ["a look", 5],
            "",
            "a look",
            "drain",
            call(member="db3", reason="a look", seconds=5),
        ),
        ("undrained", [], "a look", "", "undrain", call()),
    ],
)
def test_what_is_kept_from_a_member_is_declared(salted, state, arguments, old, new, function, told):
    what, acted = state.removeprefix("un"), Mock()
    functions = {
        f"mysql_maintenance__{what}": Mock(return_value=old),
        f"mysql_maintenance__{function}": acted,
    }
    salted(True, **functions)
    predicted = getattr(states, state)("db3", *arguments)
    acted.assert_not_called()
    salted(False, **functions)
    done = getattr(states, state)("db3", *arguments)
    assert acted.call_args_list == [told]
    assert (predicted["result"], done["result"]) == (None, True)
    assert done["changes"] == predicted["changes"] == {what: {"old": old, "new": new}}
    salted(False, **{f"mysql_maintenance__{what}": Mock(return_value=new)})
    again = getattr(states, state)("db3", *arguments)
    assert (again["result"], again["changes"]) == (True, {})


@pytest.mark.parametrize("state", ["paused", "drained"])
def test_a_reason_is_needed(salted, state):
    salted(True)
    refused = getattr(states, state)("db3", "  ")
    assert (refused["result"], refused["changes"]) == (False, {})
    assert "reason is empty" in refused["comment"]


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
    functions = {
        "mysql_maintenance__removal": Mock(return_value=now),
        "mysql_maintenance__remove": remove,
    }
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
    salted(
        test, mysql_maintenance__removal=Mock(return_value=now), mysql_maintenance__remove=remove
    )
    ret = states.member_removed("db4")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "no majority")
    remove.assert_not_called()

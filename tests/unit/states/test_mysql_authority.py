"""What the state of a replacement of the authority reports."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import SaltInvocationError

import _states.mysql_authority as states

ALL = ["db1", "web"]


def plan(why="", refused="", continues="", **steps):
    return Mock(
        return_value={
            "purpose": "replacement of the authority",
            "authority": "3F2A",
            "ends": 2_000_000_000.0,
            "why": why,
            **{"trust": [], "renew": [], "narrow": [], **steps},
            "gates": {"each machine answers": "", "no other operation": refused},
            "refused": refused,
            "continues": continues,
        }
    )


def done(replaced="", problem="", gave_up="", **steps):
    told = {"trust": [], "renew": [], "narrow": [], **steps}
    return Mock(return_value={"replaced": replaced, **told, "problem": problem, "gave_up": gave_up})


def test_what_a_run_does_is_predicted(salted):
    steps = {"trust": ALL, "renew": ["db1"], "narrow": ALL}
    functions = {
        "mysql_authority__plan": plan("it was named", **steps),
        "mysql_authority__replace": done("3F2A", **steps),
    }
    salted(True, **functions)
    predicted = states.authority_current("authority", "3F2A")
    functions["mysql_authority__replace"].assert_not_called()
    assert predicted["comment"].splitlines() == [
        "Authority 3F2A would be replaced: it was named",
        "Would trust the next authority, too: db1, web",
        "Would show a certificate of the next authority: db1",
        "Would trust the next authority alone: db1, web",
        "each machine answers: yes",
        "no other operation: yes",
    ]
    salted(False, **functions)
    ret = states.authority_current("authority", "3F2A")
    functions["mysql_authority__plan"].assert_called_with(serial="3F2A")
    functions["mysql_authority__replace"].assert_called_once_with(serial="3F2A")
    assert (predicted["result"], ret["result"]) == (None, True)
    assert predicted["changes"] == ret["changes"] == {"replaced": "3F2A", **steps}


@pytest.mark.parametrize("test", [True, False])
def test_a_second_run_does_nothing_and_says_which_one_signs(salted, test):
    replace = Mock()
    salted(test, mysql_authority__plan=plan(), mysql_authority__replace=replace)
    ret = states.authority_current("authority")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"].startswith("Authority 3F2A signs until 2033-05-18 and is trusted alone")
    replace.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
def test_what_a_run_refuses_is_predicted_as_refused(salted, test):
    replace = Mock()
    refused = plan("it was named", refused="web: no answer from its minion")
    salted(test, mysql_authority__plan=refused, mysql_authority__replace=replace)
    ret = states.authority_current("authority", "3F2A")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "No authority is replaced: web: no answer from its minion"
    replace.assert_not_called()


def test_what_was_done_before_the_end_is_reported(salted):
    early = done("3F2A", trust=ALL, problem="db1 went")
    salted(False, mysql_authority__plan=plan("it was named"), mysql_authority__replace=early)
    ret = states.authority_current("authority", "3F2A")
    assert (ret["result"], ret["comment"]) == (False, "It ended early: db1 went")
    assert ret["changes"] == {"replaced": "3F2A", "trust": ALL}


def test_a_run_that_was_killed_is_gone_on_with_and_what_was_given_up_is_named(salted):
    replace = done(gave_up="a restart by m2 was broken off")
    salted(False, mysql_authority__plan=plan(continues="by m1"), mysql_authority__replace=replace)
    ret = states.authority_current("authority")
    assert ret["result"] is True
    assert "Given up: a restart by m2 was broken off" in ret["comment"]
    replace.assert_called_once()


def test_errors_become_comments(salted):
    salted(False, mysql_authority__plan=Mock(side_effect=SaltInvocationError("why")))
    ret = states.authority_current("authority", "12")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "why")

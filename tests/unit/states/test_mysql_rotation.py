"""What the state of a rotation reports."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import SaltInvocationError

import _states.mysql_rotation as states

GATES = {"each database takes part": "", "no schema change": ""}


def plan(*change, refused="", continues="", without=(), tell=("db1", "web")):
    return Mock(
        return_value={
            "purpose": "rotation of passwords",
            "change": list(change),
            "tell": list(tell) if change else [],
            "discard": list(change),
            "without": list(without),
            "gates": {**GATES, "no other operation": refused},
            "refused": refused,
            "continues": continues,
        }
    )


def done(*changed, told=("db1", "web"), problem="", gave_up=""):
    return Mock(
        return_value={
            "changed": list(changed),
            "told": list(told) if changed else [],
            "discarded": [] if problem else list(changed),
            "problem": problem,
            "gave_up": gave_up,
        }
    )


def test_what_a_run_does_is_predicted(salted):
    functions = {
        "mysql_rotation__plan": plan("admin", "schema"),
        "mysql_rotation__rotate": done("admin", "schema"),
    }
    salted(True, **functions)
    predicted = states.passwords_rotated("passwords")
    functions["mysql_rotation__rotate"].assert_not_called()
    assert predicted["comment"].splitlines() == [
        "Would get another password beside the present one: admin, schema",
        "Would be told, in this order: db1, web",
        "Would accept the new password alone at last: admin, schema",
        "each database takes part: yes",
        "no schema change: yes",
        "no other operation: yes",
    ]
    salted(False, **functions)
    ret = states.passwords_rotated("passwords")
    functions["mysql_rotation__rotate"].assert_called_once_with(without=None)
    assert (predicted["result"], ret["result"]) == (None, True)
    assert (
        predicted["changes"]
        == ret["changes"]
        == {
            "changed": ["admin", "schema"],
            "told": ["db1", "web"],
            "discarded": ["admin", "schema"],
        }
    )


@pytest.mark.parametrize("test", [True, False])
def test_a_second_run_does_nothing(salted, test):
    rotate = Mock()
    salted(test, mysql_rotation__plan=plan(), mysql_rotation__rotate=rotate)
    ret = states.passwords_rotated("passwords")
    assert (ret["result"], ret["changes"]) == (True, {})
    rotate.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
def test_what_a_run_refuses_is_predicted_as_refused(salted, test):
    rotate = Mock()
    refused = plan("admin", refused="db3 does not answer")
    salted(test, mysql_rotation__plan=refused, mysql_rotation__rotate=rotate)
    ret = states.passwords_rotated("passwords")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "No password is rotated: db3 does not answer"
    rotate.assert_not_called()


def test_what_was_done_before_the_end_is_reported(salted):
    early = done("admin", told=["db1"], problem="db2 went")
    salted(False, mysql_rotation__plan=plan("admin"), mysql_rotation__rotate=early)
    ret = states.passwords_rotated("passwords")
    assert (ret["result"], ret["comment"]) == (False, "It ended early: db2 went")
    assert ret["changes"] == {"changed": ["admin"], "told": ["db1"]}


def test_who_was_left_out_and_what_was_given_up_are_named(salted):
    salted(
        False,
        mysql_rotation__plan=plan("admin", without=["db3"]),
        mysql_rotation__rotate=done("admin", gave_up="a restart by m2 was broken off"),
    )
    ret = states.passwords_rotated("passwords", ["db3"])
    assert "Given up: a restart by m2 was broken off" in ret["comment"]
    assert ret["comment"].endswith("Left out: db3; each needs a highstate")


def test_a_run_that_was_killed_before_its_end_is_ended(salted):
    rotate = done()
    salted(False, mysql_rotation__plan=plan(continues="by m1"), mysql_rotation__rotate=rotate)
    assert states.passwords_rotated("passwords")["result"] is True
    rotate.assert_called_once()


def test_errors_become_comments(salted):
    salted(False, mysql_rotation__plan=Mock(side_effect=SaltInvocationError("why")))
    ret = states.passwords_rotated("passwords", ["db9"])
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "why")

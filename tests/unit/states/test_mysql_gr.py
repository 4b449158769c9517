"""What the states of mysql_gr report: test mode and run say the same, and a second run nothing."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _states.mysql_gr as states


def decision(verdict, why="a sentence"):
    return {"verdict": verdict, "why": why, "bootstrap_member": None, "donor": "db3", "errant": ""}


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize("verdict", ["member", "paused"])
def test_nothing_to_do_is_no_change(salted, test, verdict):
    called = salted(
        test, mysql_gr__decide=Mock(return_value=decision(verdict)), mysql_gr__converge=Mock()
    )
    ret = states.member_online("db1")
    assert (ret["result"], ret["changes"], ret["comment"]) == (True, {}, "a sentence")
    called["mysql_gr.converge"].assert_not_called()


TOLD_NOTHING = {
    "method": "auto",
    "clone_over": None,
    "force_member": None,
    "accept_errant": None,
}


@pytest.mark.parametrize(
    "verdict", ["bootstrap", "reboot", "join", "clone", "accept", "apply", "recovering", "wait"]
)
def test_a_run_does_what_test_mode_predicts(salted, verdict):
    decide = Mock(return_value=decision(verdict))
    converge = Mock(return_value={**decision("member"), "acted": ["db1 did it"]})
    salted(True, mysql_gr__decide=decide, mysql_gr__converge=converge)
    predicted = states.member_online("db1")
    converge.assert_not_called()
    salted(False, mysql_gr__decide=decide, mysql_gr__converge=converge)
    done = states.member_online("db1", timeout=5, patience=6)
    converge.assert_called_once_with(timeout=5, patience=6, **TOLD_NOTHING)
    decide.assert_called_with(**TOLD_NOTHING)
    assert predicted["result"] is None
    assert done["result"] is True
    assert done["changes"] == predicted["changes"] != {}
    assert done["comment"] == "db1 did it; db1 has come ONLINE"


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize("verdict", ["wait", "uncertain"])
def test_a_partial_run_says_what_it_waits_for_and_goes_on(salted, test, verdict):
    called = salted(
        test,
        "partial",
        mysql_gr__decide=Mock(return_value=decision(verdict)),
        mysql_gr__converge=Mock(),
    )
    ret = states.member_online("db1")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert "Not yet: a sentence" in ret["comment"]
    called["mysql_gr.converge"].assert_not_called()


@pytest.mark.parametrize(("verdict", "result"), [("unreachable", None), ("refuse", False)])
def test_a_refusal_is_predicted_unless_the_server_comes_in_this_run(salted, verdict, result):
    salted(True, mysql_gr__decide=Mock(return_value=decision(verdict)))
    ret = states.member_online("db1")
    assert (ret["result"], ret["changes"], ret["comment"]) == (result, {}, "a sentence")


def test_a_server_that_is_away_for_a_moment_is_waited_for(salted):
    """It starts anew at the end of a clone, which the keeper may have made."""
    salted(
        mysql_gr__decide=Mock(return_value=decision("unreachable")),
        mysql_gr__status=Mock(side_effect=CommandExecutionError("no socket")),
        mysql_gr__converge=Mock(return_value={**decision("member"), "acted": []}),
    )
    ret = states.member_online("db1")
    assert ret["result"] is True
    assert ret["changes"] == {"state": {"old": "UNKNOWN", "new": "ONLINE"}}


@pytest.mark.parametrize("converge", ["", "partial"])
def test_a_refusal_fails_with_its_sentence_and_touches_nothing(salted, converge):
    called = salted(
        False,
        converge,
        mysql_gr__decide=Mock(return_value=decision("refuse")),
        mysql_gr__converge=Mock(),
    )
    ret = states.member_online("db1")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "a sentence")
    called["mysql_gr.converge"].assert_not_called()


def test_time_that_runs_out_fails_with_what_was_waited_for(salted):
    salted(
        False,
        mysql_gr__decide=Mock(return_value=decision("wait")),
        mysql_gr__converge=Mock(return_value={**decision("uncertain", "no db3"), "acted": []}),
    )
    ret = states.member_online("db1", timeout=7)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "not ONLINE after 7 s: no db3"


@pytest.mark.parametrize("error", [CommandExecutionError, SaltInvocationError])
def test_errors_become_comments(salted, error):
    salted(mysql_gr__decide=Mock(side_effect=error("why")))
    ret = states.member_online("db1")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "why")


def status(state="ONLINE", paused="", mode="multi-primary", change="", operation=""):
    seen = {"member": {"state": state}, "paused": paused, "mode": mode, "schema_change": change}
    return Mock(return_value={**seen, "operation": operation})


@pytest.mark.parametrize(
    ("seen", "changes"),
    [
        (status(), {}),
        (status("OFFLINE", mode="single-primary"), {}),
        (status(mode="single-primary", change="somebody changes the schema (open)"), {}),
        (status(mode="single-primary", operation="a restart by m1 is under way"), {}),
        (
            status(mode="single-primary"),
            {"mode": {"old": "single-primary", "new": "multi-primary"}},
        ),
    ],
)
def test_mode(salted, seen, changes):
    switch = Mock()
    salted(True, mysql_gr__status=seen, mysql_gr__switch_mode=switch)
    predicted = states.mode("multi-primary")
    assert [call.kwargs.get("test") for call in switch.call_args_list] == [True] * bool(changes)
    switch.reset_mock()
    salted(False, mysql_gr__status=seen, mysql_gr__switch_mode=switch)
    done = states.mode("multi-primary")
    assert predicted["changes"] == done["changes"] == changes
    assert predicted["result"] is (None if changes else True)
    assert switch.called is bool(changes)


@pytest.mark.parametrize(
    ("now", "changes", "result"),
    [
        (["db2"], {}, True),
        (["db1"], {"primary": {"old": "db1", "new": "db2"}}, True),
        (["db1", "db2"], {}, False),
        ([], {}, False),
    ],
)
def test_primary(salted, now, changes, result):
    make = Mock()
    functions = {
        "mysql_gr__primary": Mock(return_value=[{"name": name} for name in now]),
        "mysql_gr__set_primary": make,
    }
    salted(True, **functions)
    predicted = states.primary("db2")
    assert [call.kwargs.get("test") for call in make.call_args_list] == [True] * bool(changes)
    make.reset_mock()
    salted(False, **functions)
    done = states.primary("db2")
    assert predicted["changes"] == done["changes"] == changes
    assert done["result"] is result
    assert make.called is bool(changes)


# --- what an operator calls by name --------------------------------------------------------------


def test_a_clone_over_data_says_what_is_given_up(salted):
    cloning = {**decision("clone"), "errant": "x:1-2"}
    converge = Mock(return_value={**decision("member"), "acted": ["db2 cloned db3"]})
    salted(mysql_gr__decide=Mock(return_value=cloning), mysql_gr__converge=converge)
    ret = states.member_online("db2", method="clone", clone_over="db2")
    assert ret["changes"]["cloned"] == {"from": "db3", "given_up": "x:1-2"}
    assert converge.call_args.kwargs["clone_over"] == "db2"


def test_errant_transactions_that_are_accepted_are_named(salted):
    accepting = Mock(return_value={**decision("accept"), "errant": "x:1-2"})
    converge = Mock(return_value={**decision("member"), "acted": ["db2 joined"]})
    salted(True, mysql_gr__decide=accepting, mysql_gr__converge=converge)
    predicted = states.member_online("db2", accept_errant="db2")
    salted(mysql_gr__decide=accepting, mysql_gr__converge=converge)
    ret = states.member_online("db2", accept_errant="db2")
    assert ret["changes"] == predicted["changes"]
    assert ret["changes"]["accepted"] == "x:1-2"
    assert converge.call_args.kwargs["accept_errant"] == "db2"


def status_with(quorum=True, paused=""):
    answer = {"member": {"state": "ONLINE"}, "quorum": quorum, "paused": paused}
    return Mock(return_value=answer)


def test_a_quorum_that_is_held_is_not_forced(salted):
    called = salted(mysql_gr__status=status_with(), mysql_gr__force_quorum=Mock())
    ret = states.quorum_held("db1", ["db1"], ["db2", "db3"])
    assert (ret["result"], ret["changes"]) == (True, {})
    called["mysql_gr.force_quorum"].assert_not_called()


def test_forcing_a_quorum_is_checked_before_it_is_predicted(salted):
    force = Mock()
    functions = {"mysql_gr__status": status_with(quorum=False), "mysql_gr__force_quorum": force}
    salted(True, **functions)
    predicted = states.quorum_held("db1", ["db1"], ["db2", "db3"])
    assert predicted["result"] is None
    assert [call.kwargs.get("test") for call in force.call_args_list] == [True]
    salted(False, **functions)
    done = states.quorum_held("db1", ["db1"], ["db2", "db3"])
    assert done["result"] is True
    assert done["changes"] == predicted["changes"] != {}
    assert force.call_args_list[-1].kwargs.get("test") is None
    force.side_effect = CommandExecutionError("db3 answers: it is alive")
    refused = states.quorum_held("db1", ["db1"], ["db2", "db3"])
    assert (refused["result"], refused["changes"]) == (False, {})


def facts_of(**db3):
    empty = {"answers": True, "gtid_executed": "", "gtid_received": "", "schemas": []}
    return Mock(return_value={"db3": {**empty, **db3}})


def test_an_empty_member_is_empty_without_a_name(salted):
    called = salted(mysql_gr__facts=facts_of(), mysql_gr__reset_member=Mock())
    ret = states.member_empty("db3")
    assert (ret["result"], ret["changes"]) == (True, {})
    called["mysql_gr.reset_member"].assert_not_called()


@pytest.mark.parametrize(
    "held", [{"gtid_executed": "x:1-9"}, {"gtid_received": "x:1-9"}, {"schemas": ["shop"]}]
)
def test_a_member_is_emptied_by_name_alone(salted, held):
    reset = Mock(return_value={"given_up": "x:1-9", "errant": "x:9"})
    functions = {
        "mysql_gr__facts": facts_of(**held),
        "mysql_gr__reset_member": reset,
    }
    salted(True, **functions)
    predicted = states.member_empty("db3", member="db3")
    reset.assert_called_once_with(member="db3", test=True)
    salted(False, **functions)
    done = states.member_empty("db3", member="db3")
    assert (predicted["result"], done["result"]) == (None, True)
    assert done["changes"] == predicted["changes"] == {"given_up": "x:1-9", "errant": "x:9"}
    reset.side_effect = SaltInvocationError("member is '', but this is db3")
    refused = states.member_empty("db3")
    assert (refused["result"], refused["changes"]) == (False, {})
    assert "member is ''" in refused["comment"]


@pytest.mark.parametrize("test", [True, False])
def test_what_a_run_refuses_is_predicted_as_refused(salted, test):
    why = CommandExecutionError("multi-primary cannot take shop.t (engine: MyISAM, not InnoDB)")
    salted(
        test,
        mysql_gr__status=status(mode="single-primary"),
        mysql_gr__switch_mode=Mock(side_effect=why),
        mysql_gr__primary=Mock(return_value=[{"name": "db1"}]),
        mysql_gr__set_primary=Mock(side_effect=why),
    )
    for ret in (states.mode("multi-primary"), states.primary("db2")):
        assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, str(why))

"""The states of `laravel_release`: which release serves, and which is left alone."""

from __future__ import annotations

import pytest
from salt.exceptions import CommandExecutionError

from tests.unit.states.deployment import APP, COMING, NOW, PARTIAL, READY, SERVING, unavailable


def test_what_does_not_answer_stops_the_run_before_anything_is_migrated(run):
    returns = {**SERVING, "served": COMING, "cached": False}
    failing = {**returns, "rehearse": CommandExecutionError("x answers /up with 500: why")}
    ret = run("rehearsed", APP, pages=["/up"], returns=failing)
    assert (ret["result"], ret["comment"]) == (False, "x answers /up with 500: why")


@pytest.mark.parametrize(("who", "result"), [("operator", True), ("check", False)])
@pytest.mark.parametrize("test", [False, True])
def test_a_release_that_was_stopped_is_left_alone(run, who, result, test):
    stopped = {**READY, "release": COMING, "stopped": "status 500", "stopped_by": who}
    ret = run("live", APP, test=test, returns={**SERVING, "next_release": stopped})
    assert (ret["result"], ret["changes"]) == (result, {})
    assert "status 500" in ret["comment"]
    assert f"laravel_release.switch {APP} {COMING}" in ret["comment"]


def test_a_release_that_another_web_server_has_to_migrate_for_is_awaited_when_told(run):
    returns = {**SERVING, "served": COMING, "switch": unavailable()}
    assert run("live", APP, returns=returns)["result"] is False
    partial = run("live", APP, pillar=PARTIAL, returns=returns)
    assert (partial["result"], partial["changes"]) == (True, {})


def test_without_any_release_nothing_can_serve(run):
    none = {**READY, "release": "", "complete": False}
    ret = run("live", APP, returns={**SERVING, "next_release": none, "served": ""})
    assert (ret["result"], ret["comment"]) == (False, f"{APP} has no release that could serve.")


def test_a_switch_runs_the_hooks_and_is_noted_by_who_called(run):
    hooks = {"before_switch": [["view:cache"]]}
    switched = {"old": "", "new": NOW}
    returns = {**SERVING, "served": "", "switch": switched, "prune": []}
    ret = run("live", APP, hooks=hooks, timeout=30, returns=returns)
    assert ret["result"] is True, ret
    call = run.functions["laravel_release.switch"].call_args
    assert call.args == (APP, NOW, None)
    assert {key: call.kwargs[key] for key in ("hooks", "timeout")} == {
        "hooks": hooks,
        "timeout": 30,
    }
    assert "by" not in call.kwargs

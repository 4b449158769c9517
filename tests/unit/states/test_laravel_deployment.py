"""What the states of all web servers report."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _states.laravel_deployment as states

GATES = {"every web server answers": "", "APP_KEY is one": ""}
PLANNED = {
    "release": "b",
    "revision": "b0",
    "build": ["web2"],
    "migrations": ["m1", "m2"],
    "migrates": "web",
    "machines": ["web", "web2"],
    "serves": {"web": "a", "web2": ""},
    "gates": GATES,
    "refused": "",
}
DONE = {"release": "b", "migrated": ["m1", "m2"], "switched": ["web", "web2"], "problem": ""}
ROTATION = {"accept": ["web"], "sign": ["web", "web2"], "gates": GATES, "refused": ""}
ROTATED = {"accepted": ["web"], "signed": ["web", "web2"], "problem": ""}
SWITCHED = {"web": {"old": "a", "new": "b"}, "web2": {"old": "", "new": "b"}}

# Each state with what its module plans and does.
ALL = {
    states.deployed: ("plan", PLANNED, "deploy", DONE),
    states.rolled_back: ("rollback_plan", PLANNED, "rollback", DONE),
    states.key_rotated: ("rotation_plan", ROTATION, "rotate_key", ROTATED),
}


@pytest.fixture
def run(monkeypatch):
    """Call a state whose module answers what is given in place of its own."""

    def call(state, test=False, planned=None, done=None, **given):
        plan, plans, act, does = ALL[state]
        answer = {**plans, **planned} if isinstance(planned or {}, dict) and planned else plans
        call.plan = Mock(return_value=answer)
        if isinstance(planned, Exception):
            call.plan = Mock(side_effect=planned)
        call.act = Mock(return_value={**does, **(done or {})})
        functions = {f"laravel_deployment.{plan}": call.plan, f"laravel_deployment.{act}": call.act}
        monkeypatch.setattr(states, "__salt__", functions, raising=False)
        monkeypatch.setattr(states, "__opts__", {"test": test}, raising=False)
        return state("name", **given)

    return call


@pytest.mark.parametrize("state", ALL)
def test_what_a_run_does_is_predicted(run, state):
    predicted = run(state, test=True)
    run.act.assert_not_called()
    ret = run(state)
    run.act.assert_called_once()
    assert (predicted["result"], ret["result"]) == (None, True)
    assert "APP_KEY is one: yes" in predicted["comment"]
    if state is states.key_rotated:
        assert predicted["changes"] == ret["changes"]
        assert ret["changes"] == {"accepted": ["web"], "signed": ["web", "web2"]}
    else:
        migrated = {"migrations": ["m1", "m2"]} if state is states.deployed else {}
        assert predicted["changes"] == ret["changes"] == {**migrated, **SWITCHED}


def test_a_secret_of_tokens_is_rotated_where_it_is_named(run):
    left = {"accept": []}
    predicted = run(states.key_rotated, test=True, planned=left, key="JWT_SECRET")
    ret = run(states.key_rotated, planned=left, done={"accepted": []}, key="JWT_SECRET")
    run.plan.assert_called_once_with("laravel", "JWT_SECRET")
    run.act.assert_called_once_with("laravel", "JWT_SECRET")
    assert ret["comment"] == "The new JWT_SECRET is accepted, and signed with"
    # What was killed between the two steps has the second one left.
    assert predicted["changes"] == ret["changes"] == {"signed": ["web", "web2"]}


def test_the_plan_of_a_deployment_is_shown(run):
    assert run(states.deployed, test=True)["comment"].splitlines() == [
        "Would serve: b (b0)",
        "Would be built on: web2",
        "Would be migrated: m1, m2, on web",
        "Would be switched, in this order: web, web2",
        "web serves a",
        "web2 serves none",
        "every web server answers: yes",
        "APP_KEY is one: yes",
    ]


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("state", "nothing"),
    [
        (states.deployed, {"machines": [], "migrations": []}),
        (states.rolled_back, {"machines": []}),
        (states.key_rotated, {"accept": [], "sign": []}),
    ],
)
def test_a_second_run_does_nothing(run, state, test, nothing):
    ret = run(state, test, nothing)
    assert (ret["result"], ret["changes"]) == (True, {})
    run.act.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize(
    "planned",
    [
        {"refused": "web2: why"},
        SaltInvocationError("web2: why"),
        CommandExecutionError("web2: why"),
    ],
)
def test_what_a_run_refuses_is_predicted_as_refused(run, state, test, planned):
    ret = run(state, test, planned)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].endswith("web2: why")
    run.act.assert_not_called()


@pytest.mark.parametrize(
    ("state", "done", "changes"),
    [
        (states.deployed, {"switched": [], "migrated": ["m1"]}, {"migrations": ["m1"]}),
        (states.deployed, {"switched": [], "migrated": []}, {}),
        (states.rolled_back, {"switched": []}, {}),
        (states.key_rotated, {"signed": []}, {"accepted": ["web"]}),
    ],
)
def test_what_was_done_before_a_failure_is_reported(run, state, done, changes):
    ret = run(state, done={**done, "problem": "web2: status 500"})
    assert (ret["result"], ret["changes"]) == (False, changes)
    assert ret["comment"].endswith("web2: status 500")

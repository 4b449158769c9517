"""What the states of laravel and laravel_release have in common."""

from __future__ import annotations

import re

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.states.deployment import (
    APP,
    BUILT,
    COMING,
    KEPT,
    KEY,
    NOW,
    READY,
    SERVING,
    unavailable,
)


def called(run, name):
    (double,) = (one for full, one in run.functions.items() if full.endswith(f".{name}"))
    return double


NOTHING_TO_DO = [
    ("built", {"build": BUILT}),
    ("live", SERVING),
    ("rehearsed", SERVING),
    ("rehearsed", {**SERVING, "served": COMING, "rehearse": False}),
    ("rehearsed", {"next_release": {**READY, "stopped": "why"}}),
    ("env_present", {"env_update": {}}),
    ("key_present", {"key_update": KEPT}),
    ("jwt_secret_present", {"key_update": KEPT}),
    ("migrated", {"installed": True, "pending": []}),
    ("seeded", {"installed": True, "seeded": True}),
]
SOMETHING_TO_DO = [
    (
        "built",
        {"build": {"release": COMING, "before": NOW, "built": True}},
        {"release": {"old": NOW, "new": COMING}},
        None,
    ),
    (
        "built",
        {"build": {**BUILT, "before": COMING}},
        {"release": {"old": COMING, "new": NOW}},
        None,
    ),
    (
        "live",
        {**SERVING, "served": COMING, "switch": {}, "prune": ["a"], "surplus": ["a"]},
        {"live": {"old": COMING, "new": NOW}, "pruned": ["a"]},
        "switch",
    ),
    (
        "live",
        {**SERVING, "cached": False, "cache": True, "prune": []},
        {"caches": {"old": "of another .env", "new": "of .env as it is"}},
        "cache",
    ),
    (
        "rehearsed",
        {"next_release": READY, "served": COMING, "cached": False, "rehearse": True},
        {"caches": {"old": "", "new": NOW}},
        "rehearse",
    ),
    (
        "env_present",
        {"env_update": {"A": {"old": "", "new": "1"}}},
        {"A": {"old": "", "new": "1"}},
        None,
    ),
    ("key_present", {"key_update": KEY}, KEY["changes"], None),
    (
        "migrated",
        {"installed": True, "pending": ["a", "b"], "migrate": ["a", "b"]},
        {"migrations": ["a", "b"]},
        "migrate",
    ),
    (
        "seeded",
        {"installed": True, "seeded": False, "seed": True},
        {"DatabaseSeeder": {"old": "not run", "new": "run"}},
        "seed",
    ),
]


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize(("function", "returns"), NOTHING_TO_DO)
def test_nothing_to_do(run, function, returns, test):
    ret = run(function, APP, test=test, returns=returns)
    assert ret["result"] is True
    assert ret["changes"] == {}
    assert ret["comment"].endswith(".")


@pytest.mark.parametrize(("function", "returns", "changes", "actor"), SOMETHING_TO_DO)
def test_the_prediction_is_what_then_happens(run, function, returns, changes, actor):
    predicted = run(function, APP, test=True, returns=returns)
    assert predicted["result"] is None
    assert "would have been" in predicted["comment"]
    if actor:
        called(run, actor).assert_not_called()
    done = run(function, APP, returns=returns)
    assert done["result"] is True
    assert re.search("(?:has|have) been", done["comment"])
    if actor:
        called(run, actor).assert_called_once()
    assert predicted["changes"] == done["changes"] == changes


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize(
    ("function", "asked"),
    [("built", "build"), ("env_present", "env_update"), ("key_present", "key_update")],
)
def test_the_module_is_told_whether_it_is_a_test(run, function, asked, test):
    answers = {"build": BUILT, "env_update": {}, "key_update": KEPT}
    run(function, APP, test=test, returns={asked: answers[asked]})
    assert called(run, asked).call_args.kwargs["test"] is test


@pytest.mark.parametrize("error", [CommandExecutionError, SaltInvocationError])
@pytest.mark.parametrize(
    ("function", "asked"),
    [
        ("built", "build"),
        ("live", "served"),
        ("env_present", "env_update"),
        ("key_present", "key_update"),
        ("jwt_secret_present", "key_update"),
        ("migrated", "pending"),
        ("seeded", "seeded"),
    ],
)
@pytest.mark.parametrize("pillar", [{}, {"converge": "partial"}])
def test_an_error_is_a_sentence(run, function, asked, error, pillar):
    returns = {"installed": True, asked: error("It went wrong.")}
    ret = run(function, APP, pillar=pillar, returns=returns)
    assert ret == {"name": APP, "result": False, "comment": "It went wrong.", "changes": {}}


@pytest.mark.parametrize(("function", "asked"), [("migrated", "pending"), ("seeded", "seeded")])
@pytest.mark.parametrize("test", [False, True])
def test_an_absent_database_is_waited_for_only_when_told(run, function, asked, test):
    returns = {"installed": True, asked: unavailable()}
    strict = run(function, APP, test=test, returns=returns)
    assert strict["result"] is False
    partial = run(function, APP, test=test, pillar={"converge": "partial"}, returns=returns)
    assert partial["result"] is True
    assert partial["changes"] == {}
    assert partial["comment"].startswith("The database at h:3307 is not available")

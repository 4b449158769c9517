"""The states of `laravel`: they compare, predict, act and report."""

from unittest.mock import Mock

import pytest
from laravel_deploy.masking import MASK
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.laravel as module
import _states.laravel as state

APP = "/srv/app"
NOW, COMING = "0123456789ab", "ba9876543210"
READY = {
    "release": NOW,
    "path": f"{APP}/releases/{NOW}",
    "complete": True,
    "stopped": "",
    "stopped_by": "",
    "migrations": [],
}
BUILT = {"release": NOW, "before": NOW, "built": False}
SERVING = {"next_release": READY, "served": NOW, "cached": True, "surplus": []}
KEY = {
    "changes": {"APP_KEY": {"old": "", "new": MASK}},
    "source": "pillar",
    "differs": False,
}
KEPT = {"changes": {}, "source": "kept", "differs": False}


@pytest.fixture
def run(monkeypatch):
    """Call a state with an execution module that answers what the test says."""

    def call(function, *args, test=False, pillar=None, returns=None, **kwargs):
        functions = {}
        for name, value in ({"next_release": READY} | (returns or {})).items():
            double = Mock(spec=getattr(module, name))
            if isinstance(value, Exception):
                double.side_effect = value
            else:
                double.return_value = value
            functions[f"laravel.{name}"] = double
        monkeypatch.setattr(state, "__opts__", {"test": test}, raising=False)
        monkeypatch.setattr(state, "__grains__", {"id": "web"}, raising=False)
        monkeypatch.setattr(state, "__pillar__", pillar or {}, raising=False)
        monkeypatch.setattr(state, "__salt__", functions, raising=False)
        call.functions = functions
        if function == "release_built":
            kwargs["source"] = "salt://app"
        return getattr(state, function)(*args, **kwargs)

    return call


PARTIAL = {"converge": "partial"}


def unavailable():
    err = CommandExecutionError("The database at h:3307 is not available: refused (2002).")
    err.info = {"awaited": "database"}
    return err


NOTHING_TO_DO = [
    ("release_built", {"build": BUILT}),
    ("release_live", SERVING),
    ("env_present", {"env_update": {}}),
    ("key_present", {"key_update": KEPT}),
    ("jwt_secret_present", {"key_update": KEPT}),
    ("migrated", {"installed": True, "pending": []}),
    ("seeded", {"installed": True, "seeded": True}),
]
SOMETHING_TO_DO = [
    (
        "release_built",
        {"build": {"release": COMING, "before": NOW, "built": True}},
        {"release": {"old": NOW, "new": COMING}},
        None,
    ),
    (
        "release_built",
        {"build": {**BUILT, "before": COMING}},
        {"release": {"old": COMING, "new": NOW}},
        None,
    ),
    (
        "release_live",
        {**SERVING, "served": COMING, "switch": {}, "prune": ["a"], "surplus": ["a"]},
        {"live": {"old": COMING, "new": NOW}, "pruned": ["a"]},
        "switch",
    ),
    (
        "release_live",
        {**SERVING, "cached": False, "cache": True, "prune": []},
        {"caches": {"old": "of another .env", "new": "of .env as it is"}},
        "cache",
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
        run.functions[f"laravel.{actor}"].assert_not_called()
    done = run(function, APP, returns=returns)
    assert done["result"] is True
    assert "has been" in done["comment"]
    if actor:
        run.functions[f"laravel.{actor}"].assert_called_once()
    assert predicted["changes"] == done["changes"] == changes


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize(
    ("function", "asked"),
    [("release_built", "build"), ("env_present", "env_update"), ("key_present", "key_update")],
)
def test_the_module_is_told_whether_it_is_a_test(run, function, asked, test):
    answers = {"build": BUILT, "env_update": {}, "key_update": KEPT}
    run(function, APP, test=test, returns={asked: answers[asked]})
    assert run.functions[f"laravel.{asked}"].call_args.kwargs["test"] is test


@pytest.mark.parametrize("error", [CommandExecutionError, SaltInvocationError])
@pytest.mark.parametrize(
    ("function", "asked"),
    [
        ("release_built", "build"),
        ("release_live", "served"),
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


UNBUILT = {**READY, "release": COMING, "complete": False, "migrations": ["a", "b"]}


@pytest.mark.parametrize(
    ("function", "changes"),
    [
        ("migrated", {"migrations": ["a", "b"]}),
        ("seeded", {"DatabaseSeeder": {"old": "not run", "new": "run"}}),
    ],
)
def test_a_bare_machine_can_be_predicted(run, function, changes):
    returns = {"next_release": UNBUILT, "installed": False}
    ret = run(function, APP, test=True, returns=returns)
    assert (ret["result"], ret["changes"]) == (None, changes)


def test_the_migrations_of_a_release_that_is_not_built_are_predicted(run):
    returns = {
        "next_release": UNBUILT,
        "installed": True,
        "migration_status": {"ran": ["a"], "pending": []},
    }
    ret = run("migrated", APP, test=True, returns=returns)
    assert (ret["result"], ret["changes"]) == (None, {"migrations": ["b"]})


def test_one_web_server_migrates_and_the_others_wait(run, monkeypatch):
    monkeypatch.setattr(state.time, "sleep", lambda _seconds: None)
    waiting = run("migrated", APP, node="web1", wait=0, returns={"pending": ["a"]})
    assert waiting["result"] is False
    assert waiting["comment"] == "a pending: web1 runs them."
    predicted = run("migrated", APP, node="web1", test=True, returns={"pending": ["a"]})
    assert (predicted["result"], predicted["changes"]) == (True, {})
    first_run = {"pending": ["a"]}
    partial = run("migrated", APP, node="web1", pillar=PARTIAL, returns=first_run)
    assert (partial["result"], partial["changes"]) == (True, {})
    answers = [["a"], ["a"], []]
    monkeypatch.setattr(state, "_pending", lambda *_args: answers.pop(0))
    ret = run("migrated", APP, node="web1")
    assert (ret["result"], ret["changes"], answers) == (True, {}, [])


def test_one_web_server_seeds_and_the_others_go_on(run):
    ret = run("seeded", APP, node="web1", returns={"installed": True, "seeded": False})
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"] == "DatabaseSeeder has not run yet: web1 runs it."


@pytest.mark.parametrize(("who", "result"), [("operator", True), ("check", False)])
@pytest.mark.parametrize("test", [False, True])
def test_a_release_that_was_stopped_is_left_alone(run, who, result, test):
    stopped = {**READY, "release": COMING, "stopped": "status 500", "stopped_by": who}
    ret = run("release_live", APP, test=test, returns={**SERVING, "next_release": stopped})
    assert (ret["result"], ret["changes"]) == (result, {})
    assert "status 500" in ret["comment"]
    assert f"laravel.switch {APP} {COMING}" in ret["comment"]


def test_a_release_that_another_web_server_has_to_migrate_for_is_awaited_when_told(run):
    returns = {**SERVING, "served": COMING, "switch": unavailable()}
    assert run("release_live", APP, returns=returns)["result"] is False
    partial = run("release_live", APP, pillar=PARTIAL, returns=returns)
    assert (partial["result"], partial["changes"]) == (True, {})


def test_without_any_release_nothing_can_serve(run):
    none = {**READY, "release": "", "complete": False}
    ret = run("release_live", APP, returns={**SERVING, "next_release": none, "served": ""})
    assert (ret["result"], ret["comment"]) == (False, f"{APP} has no release that could serve.")


def test_a_key_that_differs_from_the_pillar_is_kept_and_told(run):
    status = {"changes": {}, "source": "kept", "differs": True}
    ret = run("key_present", APP, secret="laravel:secrets:app_key", returns={"key_update": status})
    assert ret["result"] is True
    assert ret["changes"] == {}
    assert "laravel:secrets:app_key" in ret["comment"]


def test_the_jwt_secret_knows_both_commands(run):
    run("jwt_secret_present", APP, returns={"key_update": KEPT})
    assert run.functions["laravel.key_update"].call_args.args == (
        APP,
        "JWT_SECRET",
        ["jwt:secret", "jwt:generate"],
    )

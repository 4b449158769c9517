"""The states of `laravel`: migrations, seeds and keys."""

from __future__ import annotations

import pytest
from laravel_deploy.masking import MASK
from salt.exceptions import SaltInvocationError

import _states.laravel as state
from tests.unit.states.deployment import APP, COMING, KEPT, PARTIAL, READY

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


def test_a_migration_that_has_run_begins_the_wait_anew(run, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(state.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(state.time, "sleep", lambda _seconds: now.__setitem__(0, now[0] + 6))
    answers = [["a", "b"], ["b"], ["b"], []]
    monkeypatch.setattr(state, "_pending", lambda *_args: answers.pop(0))
    ret = run("migrated", APP, node="web1", wait=10)
    assert (ret["result"], answers) == (True, [])


@pytest.mark.parametrize(
    ("pending", "comment"), [(["a"], "One migration has"), (["a", "b"], "2 migrations have")]
)
def test_no_time_is_set_for_a_migration_unless_it_is_told(run, pending, comment):
    ret = run("migrated", APP, returns={"pending": pending, "migrate": pending})
    assert ret["comment"] == f"{comment} been run."
    assert run.functions["laravel.migrate"].call_args.kwargs["timeout"] is None


def test_one_web_server_seeds_and_the_others_go_on(run):
    ret = run("seeded", APP, node="web1", returns={"installed": True, "seeded": False})
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"] == "DatabaseSeeder has not run yet: web1 runs it."


@pytest.mark.parametrize(
    ("state", "way"),
    [
        ("key_present", "orch.rotate_key brings the pillar's in"),
        ("jwt_secret_present", "orch.rotate_key with key JWT_SECRET brings the pillar's in"),
    ],
)
@pytest.mark.parametrize("shared", [True, False])
def test_a_key_that_differs_from_the_pillar_is_kept_and_told(run, state, way, shared):
    status = {"changes": {}, "source": "kept", "differs": True}
    ret = run(
        state, APP, secret="laravel:secrets:some", shared=shared, returns={"key_update": status}
    )
    warned = "may not be the one that the other web servers have" in str(ret.get("warnings"))
    assert warned is shared
    assert ret["result"] is True
    assert ret["changes"] == {}
    assert "laravel:secrets:some; it was kept" in ret["comment"]
    assert way in ret["comment"]


def test_the_jwt_secret_knows_both_commands(run):
    run("jwt_secret_present", APP, returns={"key_update": KEPT})
    assert run.functions["laravel.key_update"].call_args.args == (
        APP,
        "JWT_SECRET",
        ["jwt:secret", "jwt:generate"],
    )


SECRETS = {"secret": "laravel:secrets:jwt_secret", "accepted": "laravel:secrets:jwt_accepted"}
MASKED = {"old": MASK, "new": MASK}
DIFFERS = {"changes": {}, "source": "kept", "differs": True}


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize(
    ("kept", "changes", "comment"),
    [
        (KEPT, {"JWT_ACCEPTED_SECRET": MASKED}, "JWT_SECRET is set. The secrets of tokens"),
        # A run has replaced it by then, a test has not.
        (DIFFERS, {"JWT_SECRET": MASKED}, "The secrets of tokens"),
        # Another one is accepted, and the one in use is none of the two.
        (DIFFERS, {"JWT_ACCEPTED_SECRET": MASKED}, "JWT_SECRET is set to another value than"),
    ],
)
def test_a_second_jwt_secret_is_handed_on(run, kept, changes, comment, test):
    returns = {"key_update": kept, "update_jwt_secrets": changes}
    given = {**SECRETS, "accepted_until": "2026-12-05 12:00", "shared": True}
    ret = run("jwt_secret_present", APP, test=test, returns=returns, **given)
    assert (ret["result"], ret["changes"]) == (None if test else True, changes)
    assert ret["comment"].startswith(comment)
    assert ret["comment"].endswith(f"{'would have been' if test else 'have been'} put in place.")
    call = run.functions["laravel_machine.update_jwt_secrets"].call_args
    assert call.args == (APP, *SECRETS.values(), "2026-12-05 12:00")
    assert call.kwargs == {"shared": True, "test": test}


def test_a_second_jwt_secret_that_is_wrong_stops_before_anything_is_written(run):
    returns = {"key_update": KEPT, "update_jwt_secrets": SaltInvocationError("It is short.")}
    ret = run("jwt_secret_present", APP, returns=returns, **SECRETS)
    assert ret == {"name": APP, "result": False, "comment": "It is short.", "changes": {}}
    run.functions["laravel.key_update"].assert_not_called()


def test_a_key_that_cannot_be_made_is_told_whatever_else_was_written(run):
    changes = {"JWT_ACCEPTED_SECRET": MASKED}
    returns = {"key_update": SaltInvocationError("No."), "update_jwt_secrets": changes}
    ret = run("jwt_secret_present", APP, returns=returns, **SECRETS)
    assert (ret["result"], ret["comment"]) == (False, "No.")


def test_an_application_without_a_second_jwt_secret_is_not_asked_about_it(run):
    ret = run("jwt_secret_present", APP, secret="a:b", returns={"key_update": KEPT})
    assert (ret["result"], ret["comment"]) == (True, "JWT_SECRET is set.")

"""A key is compared without being shown, accepted first, and signed with then."""

from __future__ import annotations

import json

import pytest
from group_replication import passwords
from group_replication.passwords import fingerprint
from laravel_deploy.artisan import Application
from laravel_deploy.dotenv import parse_env
from laravel_deploy.key_rotation import accept_key, key_status, sign_with_key
from laravel_deploy.keys import is_app_key
from laravel_deploy.masking import MASK
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.laravel_deploy.machine import answer

OLD, NEW = (f"base64:{letter * 43}=" for letter in "AB")
PILLAR = {"k": NEW}
THIRTEEN, TEN = answer("Laravel Framework 13.31.0"), answer("Laravel Framework 10.48.0")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(passwords, "ROUNDS", 1)


def env(folder):
    return parse_env((folder / ".env").read_text())


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (OLD, True),
        ("0123456789abcdef", True),
        ("0123456789abcdef0123456789abcdef", True),
        ("base64:MDEyMzQ1Njc4OWFiY2RlZg==", True),
        ("short", False),
        ("", False),
        ("base64:short", False),
        ("base64:" + "A" * 44, False),
        ("base64:ä", False),
    ],
)
def test_what_can_be_a_key(value, right):
    assert is_app_key(value) is right


def test_a_fingerprint_tells_keys_apart_and_is_none_of_them():
    assert fingerprint("") == ""
    assert len({fingerprint(OLD), fingerprint(NEW), OLD[:12], ""}) == 4
    assert len(fingerprint(OLD)) == 12


def test_a_status_holds_no_key(folder):
    (folder / ".env").write_text(f"APP_KEY={OLD}\nJWT_SECRET=jwt-secret\nAPP_PREVIOUS_KEYS={NEW}\n")
    status = key_status(str(folder), "k", PILLAR)
    assert status == {
        "APP_KEY": fingerprint(OLD),
        "JWT_SECRET": fingerprint("jwt-secret"),
        "accepted": [fingerprint(NEW)],
        "wanted": fingerprint(NEW),
        "problem": "",
        "in_use": True,
    }
    assert not any(key in json.dumps(status) for key in (OLD, NEW, "jwt-secret"))


def test_what_has_no_env_yet_has_no_keys(folder):
    status = key_status(str(folder), "k", {})
    assert (status["APP_KEY"], status["wanted"]) == ("", "")
    assert status["problem"].startswith("its pillar has no APP_KEY; expected base64:")


def test_caches_of_another_env_are_not_in_use(machine):
    machine.deploy()
    assert key_status(str(machine.root), "k", PILLAR)["in_use"] is True
    (machine.root / "shared/.env").write_text(f"APP_KEY={OLD}\n")
    assert key_status(str(machine.root), "k", PILLAR)["in_use"] is False


def test_it_is_accepted_and_then_signed_with(folder, php, mine):
    app = Application(str(folder), mine["user"], php)
    (folder / ".env").write_text(f"APP_KEY={OLD}\nAPP_PREVIOUS_KEYS=older\n")
    php.answers.append(THIRTEEN)
    changed = accept_key(app, mine["group"], "k", PILLAR)
    assert changed == {"changes": {"APP_PREVIOUS_KEYS": {"old": MASK, "new": MASK}}}
    assert env(folder) == {"APP_KEY": OLD, "APP_PREVIOUS_KEYS": f"older,{NEW}"}
    # Again: nothing is left of this step.
    assert accept_key(app, mine["group"], "k", PILLAR) == {"changes": {}}
    php.answers.append(THIRTEEN)
    sign_with_key(app, mine["group"], "k", PILLAR)
    assert env(folder) == {"APP_KEY": NEW, "APP_PREVIOUS_KEYS": f"{OLD},older"}
    assert sign_with_key(app, mine["group"], "k", PILLAR) == {"changes": {}}
    assert accept_key(app, mine["group"], "k", PILLAR) == {"changes": {}}


def test_what_was_written_before_a_kill_is_brought_in(machine):
    machine.deploy()
    (machine.root / "shared/.env").write_text(f"APP_KEY={OLD}\nAPP_PREVIOUS_KEYS={NEW}\n")
    accept_key(machine.app, machine.group, "k", PILLAR)
    assert key_status(str(machine.root), "k", PILLAR)["in_use"] is True


@pytest.mark.parametrize("step", [accept_key, sign_with_key])
@pytest.mark.parametrize("pillar", [{}, {"k": "short"}])
def test_a_pillar_without_a_key_is_refused(app, folder, mine, step, pillar):
    (folder / ".env").write_text(f"APP_KEY={OLD}\n")
    with pytest.raises(SaltInvocationError, match="has no APP_KEY at 'k'; expected base64:"):
        step(app, mine["group"], "k", pillar)
    assert env(folder) == {"APP_KEY": OLD}


def test_a_framework_that_knows_no_previous_keys_is_refused(app, folder, php, mine):
    (folder / ".env").write_text(f"APP_KEY={OLD}\n")
    php.answers.append(TEN)
    with pytest.raises(CommandExecutionError, match="knows no APP_PREVIOUS_KEYS"):
        accept_key(app, mine["group"], "k", PILLAR)
    assert env(folder) == {"APP_KEY": OLD}

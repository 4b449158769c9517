"""A key is compared without being shown, accepted first, and signed with then."""

from __future__ import annotations

import json

import pytest
from group_replication import passwords
from group_replication.passwords import fingerprint
from laravel_deploy.artisan import Application
from laravel_deploy.dotenv import parse_env
from laravel_deploy.key_rotation import (
    accept_key,
    jwt_variables,
    key_status,
    sign_with_key,
    update_jwt_secrets,
)
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
        "valid": True,
        "in_use": True,
    }
    assert not any(key in json.dumps(status) for key in (OLD, NEW, "jwt-secret"))


def test_what_has_no_env_yet_has_no_keys(folder):
    status = key_status(str(folder), "k", {})
    assert (status["APP_KEY"], status["wanted"], status["valid"]) == ("", "", False)


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


FIRST, SECOND, THIRD = ("1" * 32, "2" * 32, "3" * 32)
NOON = 1796472000
UNTIL = "2026-12-05T12:00:00Z"


@pytest.mark.parametrize(
    ("current", "signs", "accepted", "expected"),
    [
        # None is there, or the pillar has none: another state gives it.
        ("", FIRST, "", ("", "", "")),
        ("", FIRST, SECOND, ("", SECOND, UNTIL)),
        (FIRST, "", "", (FIRST, "", "")),
        (FIRST, FIRST, "", (FIRST, "", "")),
        # Both steps of a rotation, and its end.
        (FIRST, FIRST, SECOND, (FIRST, SECOND, UNTIL)),
        (FIRST, SECOND, FIRST, (SECOND, FIRST, UNTIL)),
        (SECOND, SECOND, FIRST, (SECOND, FIRST, UNTIL)),
        (SECOND, SECOND, "", (SECOND, "", "")),
        # One whose tokens would be void is kept.
        (FIRST, SECOND, "", (FIRST, "", "")),
        (FIRST, SECOND, THIRD, (FIRST, THIRD, UNTIL)),
        # The same one twice is one.
        (FIRST, FIRST, FIRST, (FIRST, "", "")),
    ],
)
def test_a_secret_is_replaced_if_its_tokens_stay_valid(current, signs, accepted, expected):
    found = jwt_variables({"JWT_SECRET": current}, signs, accepted, NOON)
    assert tuple(found.values()) == expected
    assert list(found) == ["JWT_SECRET", "JWT_ACCEPTED_SECRET", "JWT_ACCEPTED_UNTIL"]


def rotated(folder, signs, accepted, **given):
    options = {"until": "2026-12-05 12:00", "shared": True, "now": NOON - 60, "test": False}
    options |= given
    pillar = {"s": signs, "a": accepted}
    return update_jwt_secrets(str(folder), ("s", "a"), pillar=pillar, **options)


def test_a_jwt_secret_is_rotated_in_two_steps_and_forgotten_in_time(folder, mine):
    file = folder / ".env"
    file.write_text(f"A=1\nJWT_SECRET={FIRST}\nB=2\n")
    assert rotated(folder, FIRST, "", until="") == {}
    predicted = rotated(folder, FIRST, SECOND, test=True)
    assert "JWT_ACCEPTED" not in file.read_text()
    assert rotated(folder, FIRST, SECOND) == predicted
    assert predicted == {
        "JWT_ACCEPTED_SECRET": {"old": "", "new": MASK},
        "JWT_ACCEPTED_UNTIL": {"old": "", "new": UNTIL},
    }
    assert env(folder)["JWT_SECRET"] == FIRST
    assert rotated(folder, FIRST, SECOND) == {}
    predicted = rotated(folder, SECOND, FIRST, test=True)
    assert rotated(folder, SECOND, FIRST) == predicted
    assert predicted == {
        name: {"old": MASK, "new": MASK} for name in ("JWT_SECRET", "JWT_ACCEPTED_SECRET")
    }
    assert env(folder) == {
        "A": "1", "B": "2", "JWT_SECRET": SECOND,
        "JWT_ACCEPTED_SECRET": FIRST, "JWT_ACCEPTED_UNTIL": UNTIL,
    }  # fmt: skip
    assert rotated(folder, SECOND, FIRST) == {}
    # Once its time is over it is in the file no more, whatever the pillar has.
    assert list(rotated(folder, SECOND, FIRST, now=NOON)) == [
        "JWT_ACCEPTED_SECRET",
        "JWT_ACCEPTED_UNTIL",
    ]
    assert file.read_text() == f"A=1\nJWT_SECRET={SECOND}\nB=2\n"
    assert rotated(folder, SECOND, FIRST, now=NOON) == {}


@pytest.mark.parametrize(
    "before", ["", f"JWT_ACCEPTED_SECRET={THIRD}\nJWT_ACCEPTED_UNTIL={UNTIL}\n",
               f"JWT_ACCEPTED_SECRET={SECOND}\nJWT_ACCEPTED_UNTIL=2026-12-05T11:59:00Z\n",
               f"JWT_ACCEPTED_SECRET={SECOND}\n"],
)  # fmt: skip
def test_other_web_servers_accept_a_secret_before_it_signs(folder, mine, before):
    text = f"JWT_SECRET={FIRST}\n{before}"
    (folder / ".env").write_text(text)
    for test in (True, False):
        with pytest.raises(SaltInvocationError, match="may not accept the one at 's' yet"):
            rotated(folder, SECOND, FIRST, test=test)
    assert (folder / ".env").read_text() == text
    # A web server that is alone has nobody to wait for.
    assert next(iter(rotated(folder, SECOND, FIRST, shared=False))) == "JWT_SECRET"
    assert env(folder)["JWT_SECRET"] == SECOND


@pytest.mark.parametrize(
    ("signs", "accepted", "until", "expected"),
    [
        (FIRST, "short", "2026-12-05 12:00", "no secret at 'a'; expected 32 characters"),
        ("", SECOND, "2026-12-05 12:00", "no secret at 's'; expected 32 characters"),
        (FIRST, SECOND, "", "jwt_accepted_until is ''; expected the time in UTC"),
        (FIRST, SECOND, "in a week", "jwt_accepted_until is 'in a week'; expected the time"),
    ],
)
def test_a_second_secret_is_long_and_has_a_time(folder, signs, accepted, until, expected):
    (folder / ".env").write_text(f"JWT_SECRET={FIRST}\n")
    with pytest.raises(SaltInvocationError, match=expected) as raised:
        rotated(folder, signs, accepted, until=until)
    assert FIRST not in str(raised.value)
    assert (folder / ".env").read_text() == f"JWT_SECRET={FIRST}\n"


@pytest.mark.parametrize(
    "until", ["2026-12-05 12:00", "2026-12-05T12:00:00Z", "2026-12-05T13:00:00+01:00"]
)
def test_a_time_is_in_utc_unless_it_says_otherwise(folder, mine, until):
    (folder / ".env").write_text(f"JWT_SECRET={FIRST}\n")
    rotated(folder, FIRST, SECOND, until=until)
    assert env(folder)["JWT_ACCEPTED_UNTIL"] == UNTIL


def test_secrets_can_be_predicted_before_there_is_a_file(tmp_path):
    assert rotated(tmp_path, FIRST, SECOND, test=True) == {}

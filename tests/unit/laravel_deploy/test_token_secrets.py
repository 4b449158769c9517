"""A secret of tokens is replaced in two steps, and none that counts gets void by it."""

from __future__ import annotations

import json
import re

import pytest
from group_replication import passwords
from group_replication.passwords import fingerprint
from laravel_deploy.dotenv import parse_env
from laravel_deploy.masking import MASK
from laravel_deploy.token_secrets import (
    Wanted,
    accept_jwt_secret,
    jwt_status,
    jwt_variables,
    sign_with_jwt_secret,
    update_jwt_secrets,
)
from salt.exceptions import CommandExecutionError, SaltInvocationError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(passwords, "ROUNDS", 1)


def env(folder):
    return parse_env((folder / ".env").read_text())


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


def wanted(signs, accepted, until="2026-12-05 12:00", now=NOON - 60):
    return Wanted("s", "a", until, {"s": signs, "a": accepted}, now)


def rotated(folder, signs, accepted, **given):
    options = {"shared": True, "test": False}
    options |= {name: given.pop(name) for name in options if name in given}
    return update_jwt_secrets(str(folder), wanted(signs, accepted, **given), **options)


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


def test_a_status_holds_no_secret(folder):
    text = f"JWT_SECRET={FIRST}\nJWT_ACCEPTED_SECRET={SECOND}\nJWT_ACCEPTED_UNTIL={UNTIL}\n"
    (folder / ".env").write_text(text)
    status = jwt_status(str(folder), wanted(SECOND, FIRST))
    assert status == {
        "JWT_SECRET": fingerprint(FIRST),
        "accepted": [fingerprint(SECOND)],
        "wanted": fingerprint(SECOND),
        "problem": "",
        "in_use": True,
    }
    assert not any(one in json.dumps(status) for one in (FIRST, SECOND))
    assert jwt_status(str(folder), wanted(SECOND, FIRST, now=NOON))["accepted"] == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (wanted(SECOND, FIRST), ""),
        # It is in use already: nothing has to be accepted beside it.
        (wanted(FIRST, ""), ""),
        (wanted("", FIRST), "its pillar has no secret at 's'; expected 32 characters or more"),
        (wanted("short", FIRST), "its pillar has no secret at 's'; expected 32 characters"),
        (wanted(SECOND, ""), "its pillar has not the secret in use at 'a'; expected that one"),
        (wanted(SECOND, THIRD), "its pillar has not the secret in use at 'a'; expected that one"),
        (wanted(SECOND, FIRST, ""), "laravel:jwt_accepted_until is ''; expected the time in UTC"),
        (wanted(SECOND, FIRST, now=NOON), "until is '2026-12-05 12:00'; expected a time to come"),
    ],
)
def test_why_a_secret_cannot_take_the_place_of_the_one_in_use(folder, app, mine, given, problem):
    text = f"JWT_SECRET={FIRST}\n"
    (folder / ".env").write_text(text)
    found = jwt_status(str(folder), given)["problem"]
    assert problem in found
    assert bool(found) is bool(problem)
    assert FIRST not in found
    if problem:
        with pytest.raises(CommandExecutionError, match=re.escape(problem)):
            accept_jwt_secret(app, mine["group"], given)
        assert (folder / ".env").read_text() == text


def test_it_is_accepted_and_then_signed_with(folder, app, mine):
    group, new = mine["group"], wanted(SECOND, FIRST)
    (folder / ".env").write_text(f"JWT_SECRET={FIRST}\n")
    with pytest.raises(SaltInvocationError, match=r"orch\.rotate_key pillar="):
        sign_with_jwt_secret(app, group, new)
    assert accept_jwt_secret(app, group, new)["changes"] == {
        "JWT_ACCEPTED_SECRET": {"old": "", "new": MASK},
        "JWT_ACCEPTED_UNTIL": {"old": "", "new": UNTIL},
    }
    assert (env(folder)["JWT_SECRET"], env(folder)["JWT_ACCEPTED_SECRET"]) == (FIRST, SECOND)
    assert accept_jwt_secret(app, group, new) == {"changes": {}}
    assert sign_with_jwt_secret(app, group, new)["changes"].keys() == {
        "JWT_SECRET",
        "JWT_ACCEPTED_SECRET",
    }
    assert (env(folder)["JWT_SECRET"], env(folder)["JWT_ACCEPTED_SECRET"]) == (SECOND, FIRST)
    assert sign_with_jwt_secret(app, group, new) == {"changes": {}}
    assert accept_jwt_secret(app, group, new) == {"changes": {}}


def test_what_was_written_before_a_kill_is_brought_in(machine):
    machine.deploy()
    (machine.root / "shared/.env").write_text(
        f"JWT_SECRET={FIRST}\nJWT_ACCEPTED_SECRET={SECOND}\nJWT_ACCEPTED_UNTIL={UNTIL}\n"
    )
    new = wanted(SECOND, FIRST)
    assert jwt_status(str(machine.root), new)["in_use"] is False
    assert accept_jwt_secret(machine.app, machine.group, new) == {"changes": {}}
    assert jwt_status(str(machine.root), new)["in_use"] is True

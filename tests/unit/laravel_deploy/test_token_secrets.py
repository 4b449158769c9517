"""A secret of tokens is replaced in two steps, and none that counts gets void by it."""

from __future__ import annotations

import pytest
from laravel_deploy.dotenv import parse_env
from laravel_deploy.masking import MASK
from laravel_deploy.token_secrets import jwt_variables, update_jwt_secrets
from salt.exceptions import SaltInvocationError


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

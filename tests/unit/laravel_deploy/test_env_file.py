"""The .env file: shown, updated, and what it keeps out of outputs."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from laravel_deploy.dotenv import edit_env
from laravel_deploy.env_file import neutral_env, redact, shown_env, update_env
from laravel_deploy.masking import MASK
from salt.exceptions import CommandExecutionError, SaltInvocationError


def update(
    path: Path,
    values=None,
    secrets=None,
    pillar=None,
    test=False,
    user="root",
    group="www-data",
    mode="0640",
    only=False,
):
    owner = {"user": user, "group": group, "mode": mode}
    return update_env(path, values, secrets, owner, pillar or {}, test, only)


def test_edits_at_once_are_all_there(tmp_path, mine):
    """Each reads the file, edits it and writes it whole."""
    path = tmp_path / ".env"
    names = [f"N{number}" for number in range(16)]
    with ThreadPoolExecutor(len(names)) as pool:
        done = [pool.submit(update, path, {name: 1}, **mine) for name in names]
        assert all(one.result() for one in done)
    assert sorted(shown_env(path)) == sorted(names)


def test_env_masks(tmp_path):
    file = tmp_path / ".env"
    file.write_text("APP_NAME=x\nAPP_KEY=base64:abc\n")
    assert shown_env(file) == {"APP_NAME": "x", "APP_KEY": MASK}


def test_env_says_which_file_is_missing(tmp_path):
    with pytest.raises(CommandExecutionError, match=r"\.env does not exist"):
        shown_env(tmp_path / ".env")


def test_env_update_makes_the_file_and_then_has_nothing_to_do(tmp_path, mine):
    pillar = {"a": {"b": "pass word"}}
    path = tmp_path / ".env"
    wanted = {
        "values": {"DEBUG": False, "N": 3, "E": None},
        "secrets": {"P": "a:b"},
        "pillar": pillar,
        **mine,
    }
    predicted = update(path, test=True, **wanted)
    assert not path.exists()
    assert update(path, **wanted) == predicted
    assert predicted["P"] == {"old": "", "new": MASK}
    assert predicted["DEBUG"] == {"old": "", "new": "false"}
    assert path.read_text() == 'DEBUG=false\nN=3\nE=\nP="pass word"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert update(path, **wanted) == {}
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        ".env",
        ".env.lock",
        ".env.names.json",
    ]


def test_env_update_mends_the_mode_alone(tmp_path, mine):
    file = tmp_path / ".env"
    file.write_text("A=1\n")
    file.chmod(0o644)
    changes = update(file, values={"A": 1}, **mine)
    assert changes == {"mode": {"old": "0644", "new": "0640"}}
    assert file.read_text() == "A=1\n"


def test_env_update_follows_a_link(tmp_path, mine):
    (tmp_path / "shared").write_text("A=1\n")
    link = tmp_path / ".env"
    link.symlink_to("shared")
    update(link, values={"A": 2}, **mine)
    assert link.is_symlink()
    assert (tmp_path / "shared").read_text() == "A=2\n"


def test_env_update_keeps_bytes_that_are_no_text(tmp_path, mine):
    file = tmp_path / ".env"
    file.write_bytes(b"# \xff\r\nA=1\r\n")
    update(file, values={"A": 2}, **mine)
    assert file.read_bytes() == b"# \xff\r\nA=2\r\n"


@pytest.mark.parametrize("pillar", [{}, {"a": {}}, {"a": {"b": None}}, {"a": {"b": ""}}])
def test_env_update_names_the_pillar_key_that_is_missing(tmp_path, pillar):
    with pytest.raises(SaltInvocationError, match=r"no value at 'a:b', wanted for P\."):
        update(tmp_path / ".env", secrets={"P": "a:b"}, pillar=pillar)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"values": ["A"]}, "values is a list; expected a mapping"),
        ({"secrets": "a:b"}, "secrets is a str; expected a mapping"),
        ({"values": {"A": ["x"]}}, "A is a list; expected text"),
        ({"secrets": {"P": "a"}}, "The pillar key for P leads to a dict"),
        ({"secrets": {"P": ["a:b"]}}, "The pillar key for P leads to a list"),
        ({"values": {"A": 1}, "mode": "0999"}, "mode is '0999'; expected text such as '0640'"),
        ({"values": {"A": 1}, "mode": 640}, "mode is 640"),
    ],
)
def test_env_update_says_what_is_malformed_and_writes_nothing(tmp_path, wrong, words):
    pillar = {"a": {"b": "pass word"}}
    with pytest.raises(SaltInvocationError) as err:
        update(tmp_path / ".env", pillar=pillar, **wrong)
    assert words in str(err.value)
    assert "pass word" not in str(err.value)
    assert not (tmp_path / ".env").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.text(min_size=4).filter(lambda s: "\0" not in s and s not in MASK))
def test_a_secret_does_not_come_back(tmp_path, secret):
    try:
        (tmp_path / ".env").write_bytes(
            edit_env("", {"DB_PASSWORD": secret}).encode("utf-8", "surrogateescape")
        )
    except UnicodeEncodeError:
        return
    assert secret not in redact(f"error: {secret} is wrong", str(tmp_path))


DECLARED = {"MAIL_PASS": "mail:pass", "STRIPE_SK": "pay:sk"}


def test_what_was_declared_a_secret_is_shown_nowhere(tmp_path, mine):
    """Whatever its name: neither what it was, nor what it is."""
    path = tmp_path / ".env"
    old = {"mail": {"pass": "OLD-mailpass"}, "pay": {"sk": "sk_live_OLD"}}
    new = {"mail": {"pass": "NEW-mailpass"}, "pay": {"sk": "sk_live_NEW"}}
    wanted = {"secrets": DECLARED, "only": True, **mine}
    update(path, pillar=old, **wanted)
    assert update(path, pillar=new, **wanted) == {
        name: {"old": MASK, "new": MASK} for name in DECLARED
    }
    assert shown_env(path) == dict.fromkeys(DECLARED, MASK)
    told = redact("NEW-mailpass is not sk_live_NEW", str(tmp_path))
    assert told == f"{MASK} is not {MASK}"
    gone = update(path, values={"A": 1}, only=True, **mine)
    assert {name: gone[name] for name in DECLARED} == {
        name: {"old": MASK, "new": ""} for name in DECLARED
    }


def test_what_left_the_pillar_leaves_the_file_and_nothing_else_does(tmp_path, mine):
    path = tmp_path / ".env"
    path.write_text("# by hand\nMINE=1\nAPP_KEY=kept\n")
    path.chmod(0o640)
    pillar = {"a": "secret value"}
    update(path, {"A": 1, "B": 2}, {"S": "a"}, pillar, only=True, **mine)
    # A single value, set by an operator, takes nothing away and is not the pillar's.
    update(path, {"C": 3}, **mine)
    predicted = update(path, {"A": 1}, test=True, only=True, **mine)
    assert predicted == {
        "B": {"old": "2", "new": ""},
        "S": {"old": MASK, "new": ""},
        "names": {"old": "A, B, S", "new": "A"},
    }
    assert update(path, {"A": 1}, only=True, **mine) == predicted
    assert path.read_text() == "# by hand\nMINE=1\nAPP_KEY=kept\nA=1\nC=3\n"
    assert update(path, {"A": 1}, only=True, **mine) == {}


def test_a_build_gets_the_pillars_variables_and_no_secrets(tmp_path, mine):
    path = tmp_path / ".env"
    assert neutral_env(path) == ""
    path.write_text("BY_HAND=x\nAPP_KEY=y\n")
    values = {"APP_ENV": "production", "API_TOKEN": "t", "DB_URL": "mysql://u:p@h/d"}
    update(path, values, {"DSN": "a"}, {"a": "secret value"}, only=True, **mine)
    assert neutral_env(path) == "APP_ENV=production\n"

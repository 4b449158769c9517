"""Keys are given once, kept, and rotated."""

from __future__ import annotations

import json
import stat

import pytest
from laravel_deploy import keys
from laravel_deploy.artisan import Application
from laravel_deploy.keys import rotate_key, update_key
from laravel_deploy.masking import MASK
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.laravel_deploy.machine import answer

TWO, THREE = (f"base64:{letter * 43}=" for letter in "AB")


def update(app, name, commands, secret=None, pillar=None, shared=False, test=False):
    return update_key(app, name, commands, secret, shared, pillar or {}, test)


def test_a_key_that_is_there_is_kept(app, folder, php):
    (folder / ".env").write_text("APP_KEY=base64:old\n")
    status = update(app, "APP_KEY", ["key:generate"])
    assert status == {"changes": {}, "source": "kept", "differs": False}
    status = update(app, "APP_KEY", ["key:generate"], "k", {"k": TWO})
    assert status == {"changes": {}, "source": "kept", "differs": True}
    assert (folder / ".env").read_text() == "APP_KEY=base64:old\n"


def test_a_text_is_no_list_of_commands(app, folder):
    """Salt's command line hands on `[key:generate]` as it is, letter by letter."""
    with pytest.raises(SaltInvocationError, match=r"commands is .*; expected a list"):
        update(app, "APP_KEY", "[key:generate]")


@pytest.mark.parametrize("given_value", [None, "", TWO])
def test_a_missing_key_comes_from_the_pillar_or_is_made(app, folder, php, mine, given_value):
    (folder / ".env").write_text("APP_KEY=\nA=1\n")
    (folder / ".env").chmod(0o640)
    php.answers.append(answer("base64:made-by-artisan\n"))
    arguments = (app, "APP_KEY", ["key:generate"], "k", {"k": given_value})
    predicted = update(*arguments, test=True)
    assert "APP_KEY=\n" in (folder / ".env").read_text()
    assert update(*arguments) == predicted
    assert predicted["changes"] == {"APP_KEY": {"old": "", "new": MASK}}
    key = given_value or "base64:made-by-artisan"
    assert (folder / ".env").read_text() == f"APP_KEY={key}\nA=1\n"
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o640


def test_a_key_that_web_servers_share_is_not_made(app, folder):
    (folder / ".env").write_text("A=1\n")
    with pytest.raises(
        SaltInvocationError, match=r"no value at 'k'.* a new one only if none has any"
    ):
        update(app, "APP_KEY", ["key:generate"], "k", {}, shared=True)
    assert (folder / ".env").read_text() == "A=1\n"


@pytest.mark.parametrize("short", ["secret", "base64:c2hvcnQ=", f"base64:{'!' * 44}"])
def test_what_is_no_key_is_refused_before_the_file_is_touched(app, folder, short):
    (folder / ".env").write_text("APP_KEY=\n")
    for test in (True, False):
        with pytest.raises(SaltInvocationError, match="no APP_KEY at 'k'; expected base64: and 32"):
            update(app, "APP_KEY", ["key:generate"], "k", {"k": short}, test=test)
    assert (folder / ".env").read_text() == "APP_KEY=\n"


def test_a_key_that_came_meanwhile_is_kept(app, folder, mine, monkeypatch):
    file = folder / ".env"
    file.write_text("APP_KEY=\n")

    def made(*_):
        file.write_text(f"APP_KEY={THREE}\n")
        return TWO

    monkeypatch.setattr(keys, "_new_key", made)
    with pytest.raises(CommandExecutionError, match="given APP_KEY by another call"):
        update(app, "APP_KEY", ["key:generate"])
    assert file.read_text() == f"APP_KEY={THREE}\n"


def test_an_older_applications_command_is_tried_next(app, folder, php, mine):
    (folder / ".env").write_text("")
    php.answers.extend([answer('Command "jwt:secret" is not defined.', retcode=1)])
    php.answers.append(answer("0123456789abcdef"))
    update(app, "JWT_SECRET", ["jwt:secret", "jwt:generate"])
    assert (folder / ".env").read_text() == "JWT_SECRET=0123456789abcdef\n"


def test_no_command_for_a_key(app, folder, php):
    (folder / ".env").write_text("")
    php.answers.append(answer('Command "a" is not defined.', retcode=1))
    with pytest.raises(CommandExecutionError, match=r"has no command a\."):
        update(app, "JWT_SECRET", ["a"])


def test_a_key_can_be_predicted_before_there_is_anything(tmp_path, php):
    status = update(Application(str(tmp_path), None, php), "APP_KEY", ["key:generate"], test=True)
    assert status["source"] == "generated"


def test_a_rotated_key_stays_good_for_what_was_made_with_it(machine, monkeypatch):
    env = machine.root / "shared/.env"
    env.write_text("APP_KEY=base64:one\n")
    name = machine.deploy()
    monkeypatch.setattr(keys, "framework_version", lambda _app: "13.31.0")

    def rotate(new):
        return rotate_key(machine.app, machine.group, "k", {"k": new})

    before = len(machine.forgotten)
    changed = rotate(TWO)
    # php-fpm may be told not to look at the times of files.
    assert len(machine.forgotten) > before
    assert sorted(changed["changes"]) == ["APP_KEY", "APP_PREVIOUS_KEYS"]
    assert "base64" not in json.dumps(changed)
    assert env.read_text() == f"APP_KEY={TWO}\nAPP_PREVIOUS_KEYS=base64:one\n"
    cache = machine.root / "releases" / name / "bootstrap/cache/config.php"
    assert f"APP_KEY={TWO}" in cache.read_text()
    assert rotate(TWO) == {"changes": {}}
    rotate(THREE)
    assert f"APP_PREVIOUS_KEYS={TWO},base64:one\n" in env.read_text()
    with pytest.raises(SaltInvocationError, match="has no APP_KEY at 'k'; expected base64:"):
        rotate("short")
    assert "short" not in env.read_text()


def test_an_older_framework_knows_no_previous_keys(machine, monkeypatch):
    env = machine.root / "shared/.env"
    env.write_text("APP_KEY=base64:one\n")
    machine.deploy()
    monkeypatch.setattr(keys, "framework_version", lambda _app: "10.48.0")
    with pytest.raises(CommandExecutionError, match=r"Laravel 10\.48\.0 knows no APP_PREVIOUS"):
        rotate_key(machine.app, "www-data", "k", {})
    assert env.read_text() == "APP_KEY=base64:one\n"

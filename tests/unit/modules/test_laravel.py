"""The execution module `laravel`: what it hands to its library, and what of Salt's it passes on."""

from __future__ import annotations

from pathlib import Path

import laravel_deploy
import pytest
from laravel_deploy import keys
from laravel_deploy.masking import MASK
from salt.exceptions import SaltInvocationError

import _modules.laravel as laravel
import _modules.laravel_release as laravel_release
import _modules.mysql_schema as mysql_schema
from tests.unit.laravel_deploy.conftest import anybody, folder, machine, mine, php  # noqa: F401
from tests.unit.laravel_deploy.machine import NEW, answer, group


@pytest.fixture
def salt(monkeypatch, php):  # noqa: F811
    """Give the module what Salt would: no function but cmd.run_all, a pillar, the minion's id."""
    monkeypatch.setattr(laravel, "__salt__", {"cmd.run_all": php}, raising=False)
    monkeypatch.setattr(laravel, "__pillar__", {"a": {"b": "pass word"}}, raising=False)
    monkeypatch.setattr(laravel, "__opts__", {"id": "web"}, raising=False)
    return php


def test_env_is_updated_from_the_pillar_and_shown_masked(tmp_path, salt, mine):  # noqa: F811
    path = str(tmp_path / ".env")
    wanted = {"values": {"A": 1}, "secrets": {"P_KEY": "a:b"}, "mode": "0600", **mine}
    predicted = laravel.env_update(path, test=True, **wanted)
    assert laravel.env_update(path, **wanted) == predicted
    assert predicted["mode"]["new"] == "0600"
    assert laravel.env(path) == {"A": "1", "P_KEY": MASK}
    assert Path(path).read_text() == 'A=1\nP_KEY="pass word"\n'


def test_artisan_runs_as_the_user_and_for_the_time_that_it_is_told(folder, salt):  # noqa: F811
    salt.answers.extend([answer("about"), answer("Laravel Framework 13.31.0")])
    assert laravel.installed(str(folder)) is True
    assert laravel.artisan(str(folder), "about", ["--x"], "me", 7) == "about"
    assert laravel.version(str(folder), user="you") == "13.31.0"
    (first, second) = salt.call_args_list
    assert first.args[0][1:4] == ["artisan", "about", "--x"]
    assert (first.kwargs["runas"], first.kwargs["timeout"]) == ("me", 7)
    assert (second.kwargs["runas"], second.kwargs["timeout"]) == ("you", 600)


def test_migrations_are_asked_for_and_run_without_a_group(folder, salt):  # noqa: F811
    pending, ran = answer("  a ..... Pending\n"), answer("  a ... [1] Ran\n")
    salt.answers.extend([pending, pending, group(None)])
    assert laravel.migration_status(str(folder)) == {"ran": [], "pending": ["a"]}
    # Where there is no group, nothing of it is looked up.
    assert laravel.check_migrations(str(folder)) == []
    salt.answers.extend([pending, group(None), answer(), ran])
    assert laravel.migrate(str(folder), timeout=9) == ["a"]
    assert {call.kwargs["timeout"] for call in salt.call_args_list[3:]} == {9}
    salt.answers.append(ran)
    assert laravel.pending(str(folder)) == []


def test_statements_are_judged_by_mysql_schema(folder, salt, monkeypatch):  # noqa: F811
    functions = {
        "cmd.run_all": salt,
        "mysql_schema.check_statements": mysql_schema.check_statements,
    }
    monkeypatch.setattr(laravel, "__salt__", functions)
    pending = answer("  2026_01_02_000002_create_c ..... Pending\n")
    salt.answers.extend([pending, group("ON"), answer(NEW)])
    (problem, unknown) = laravel.check_migrations(str(folder))
    assert (problem["table"], problem["problem"]) == ("c", "no primary key")
    assert unknown["problem"] == "not looked at"


def test_the_window_is_opened_by_the_account_that_is_told(folder, salt):  # noqa: F811
    salt.answers.extend([answer("  a ..... Pending\n"), group("ON"), answer("")])
    expected = r"Pillar a:c is missing; expected the password of me,"
    with pytest.raises(SaltInvocationError, match=expected):
        laravel.migrate(str(folder), schema_user="me", schema_password_from="a:c")


def test_a_seeder_is_asked_for_and_run(folder, salt):  # noqa: F811
    salt.answers.extend([answer(retcode=3), answer(retcode=3), answer(), answer()])
    assert laravel.seeded(str(folder), "Demo") is False
    assert laravel.seed(str(folder), "Demo") is True
    assert all("Demo" in call.args[0] for call in salt.call_args_list)


def test_the_table_of_seeds_is_made_in_a_window(folder, salt):  # noqa: F811
    salt.answers.extend([answer(retcode=4), group("ON")])
    with pytest.raises(SaltInvocationError, match=r"Pillar a:c is missing"):
        laravel.seed(str(folder), "Demo", schema_user="me", schema_password_from="a:c")


def test_a_key_is_taken_from_the_pillar(folder, salt, mine):  # noqa: F811
    (folder / ".env").write_text("")
    arguments = (str(folder), "JWT_SECRET", ["jwt:secret"], "a:b")
    predicted = laravel.key_update(*arguments, test=True)
    assert (predicted["source"], (folder / ".env").read_text()) == ("pillar", "")
    assert laravel.key_update(*arguments) == predicted
    assert (folder / ".env").read_text() == 'JWT_SECRET="pass word"\n'
    with pytest.raises(SaltInvocationError, match="several web servers have to share"):
        laravel.key_update(str(folder), "APP_KEY", ["key:generate"], "a:c", shared=True)


def test_a_key_is_rotated_to_the_pillars(machine, monkeypatch):  # noqa: F811
    (machine.root / "shared/.env").write_text("APP_KEY=base64:one\n")
    machine.deploy()
    two = f"base64:{'A' * 43}="
    secrets = {"secrets": {"app_key": two}}
    monkeypatch.setattr(laravel, "__salt__", {"cmd.run_all": machine.run_all}, raising=False)
    monkeypatch.setattr(laravel, "__pillar__", {"laravel": secrets}, raising=False)
    monkeypatch.setattr(keys, "framework_version", lambda _app: "13.31.0")
    changed = laravel.rotate_key(str(machine.root), user=None, group=machine.group)
    assert sorted(changed["changes"]) == ["APP_KEY", "APP_PREVIOUS_KEYS"]
    assert f"APP_KEY={two}\n" in (machine.root / "shared/.env").read_text()


# ---- conventions ----


def test_secrets_are_not_read_with_pillar_get():
    # pillar.get answers a module with a mask since Salt 3008.
    for file in (
        Path(laravel.__file__),
        Path(laravel_release.__file__),
        *Path(laravel_deploy.__file__).parent.glob("*.py"),
    ):
        assert '"pillar.get"' not in file.read_text(), file.name

"""A database password is tried before an application uses it, and never shown."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import connection, passwords
from laravel_deploy import password_rotation
from laravel_deploy.artisan import Application
from laravel_deploy.dotenv import parse_env
from laravel_deploy.password_rotation import (
    is_used,
    refuse_unrotated,
    status,
    use_passwords,
)
from salt.exceptions import CommandExecutionError, SaltInvocationError

KEY = "mysql:accounts:application:password"
SECRETS = {"DB_PASSWORD": KEY, "SEED_PASSWORD": "laravel:secrets:seed_password"}
SCHEMA = ("schema_change", "mysql:accounts:schema:password")
ENV = "DB_HOST=10.0.0.1\nDB_USERNAME=app\nDB_PASSWORD=old\nSEED_PASSWORD=seed\n"


def pillar(password="new", schema="schema-new"):
    accounts = {"application": {"password": password}, "schema": {"password": schema}}
    return {"mysql": {"accounts": accounts}}


@pytest.fixture
def database(monkeypatch):
    """A database that accepts some passwords; ``asked`` is who logged in where."""

    class Database:
        def __init__(self):
            self.accepts = {"app": {"old", "new"}, "schema_change": {"schema-new"}}
            self.asked = []
            self.away = False

        @contextlib.contextmanager
        def connect(self, host, port, user, password, ssl):
            self.asked.append((host, port, user))
            if self.away:
                raise CommandExecutionError("cannot connect to mysqld at 10.0.0.1:3306: refused")
            if password not in self.accepts[user]:
                raise CommandExecutionError(f"Access denied for user '{user}'@'x' (1045)")
            yield

    made = Database()
    monkeypatch.setattr(connection, "connect", made.connect)
    monkeypatch.setattr(connection, "tls", lambda ca: None)
    return made


@pytest.fixture
def app(tmp_path, monkeypatch):
    """An application without caches: its .env alone counts."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/.env").write_text(ENV)
    monkeypatch.setattr(password_rotation, "ownership", lambda path: None)
    monkeypatch.setattr(
        password_rotation, "write_text", lambda path, text, owner: path.write_text(text)
    )
    return Application(str(tmp_path), None, lambda *_, **__: {})


def env(app):
    return parse_env(password_rotation.env_path(app.directory).read_text())


def test_it_is_used_once_it_is_accepted(app, database):
    assert is_used(app.directory, SECRETS, pillar()) is False
    assert use_passwords(app, "g", SECRETS, SCHEMA, pillar()) == ["DB_PASSWORD"]
    assert database.asked == [("10.0.0.1", 3306, "app"), ("10.0.0.1", 3306, "schema_change")]
    assert (env(app)["DB_PASSWORD"], env(app)["SEED_PASSWORD"]) == ("new", "seed")
    assert is_used(app.directory, SECRETS, pillar()) is True
    assert use_passwords(app, "g", SECRETS, SCHEMA, pillar()) == []


def test_caches_of_the_old_one_are_made_anew(app, database, monkeypatch):
    made = []
    monkeypatch.setattr(password_rotation, "has_caches", lambda home: True)
    monkeypatch.setattr(password_rotation, "is_cached", lambda home: bool(made))
    monkeypatch.setattr(
        password_rotation, "use_env", lambda app, group: made.append((env(app), group))
    )
    use_passwords(app, "g", SECRETS, SCHEMA, pillar())
    # From the file that has the new one.
    assert [(values["DB_PASSWORD"], group) for values, group in made] == [("new", "g")]
    assert is_used(app.directory, SECRETS, pillar()) is True
    made.clear()
    # A run that was killed has written the file and made none.
    assert is_used(app.directory, SECRETS, pillar()) is False


@pytest.mark.parametrize("user", ["app", "schema_change"])
def test_one_that_is_refused_is_not_used(app, database, user):
    database.accepts[user] = {"old"}
    with pytest.raises(CommandExecutionError, match=f"for {user}: .*orch.rotate") as err:
        use_passwords(app, "g", SECRETS, SCHEMA, pillar())
    assert env(app)["DB_PASSWORD"] == "old"
    assert "new" not in str(err.value)


def test_an_application_without_a_database_password_is_left_alone(app, database):
    secrets = {"SEED_PASSWORD": "x"}
    assert is_used(app.directory, secrets, pillar()) is True
    assert use_passwords(app, "g", secrets, SCHEMA, pillar(schema=None)) == []
    assert database.asked == []


def test_a_password_of_another_key_is_named_and_told_apart(app, monkeypatch):
    monkeypatch.setattr(passwords, "ROUNDS", 1)
    told = [status(app.directory, SECRETS, pillar(one)) for one in ("old", "new")]
    assert [one["current"] for one in told] == [True, False]
    assert len({one["print"] for one in told}) == 2
    assert status(app.directory, {}, {}) == {"current": True, "print": ""}
    with pytest.raises(SaltInvocationError, match=f"DB_PASSWORD is 'site:key'; expected {KEY}"):
        status(app.directory, {"DB_PASSWORD": "site:key"}, pillar())


def test_a_plain_run_refuses_what_the_database_refuses(app, database):
    path = password_rotation.env_path(app.directory)
    refuse_unrotated(path, {"DB_PORT": 3307}, SECRETS, pillar())
    assert database.asked == [("10.0.0.1", 3307, "app")]
    database.accepts["app"] = {"old"}
    with pytest.raises(CommandExecutionError, match=r"orch\.rotate"):
        refuse_unrotated(path, {}, SECRETS, pillar())
    database.away = True
    with pytest.raises(CommandExecutionError, match="could not be tried"):
        refuse_unrotated(path, {}, SECRETS, pillar())


def test_a_plain_run_asks_nobody_where_nothing_changes(app, database):
    path = password_rotation.env_path(app.directory)
    refuse_unrotated(path, {}, SECRETS, pillar("old"))
    refuse_unrotated(path.with_name("none"), {}, SECRETS, pillar())
    assert database.asked == []


def test_a_pillar_without_it_is_named(app, database):
    with pytest.raises(SaltInvocationError, match=f"pillar {KEY} is missing"):
        is_used(app.directory, SECRETS, {})

"""The window in which an application's schema may be changed."""

from __future__ import annotations

import contextlib
import logging

import pytest
from laravel_deploy import schema_window
from laravel_deploy.schema_window import Group, SchemaAccount, group_of, window
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.laravel_deploy.machine import answer, group

ACCOUNT = SchemaAccount("changer", "a:b", {"a": {"b": "pass word"}}, "web")


@pytest.fixture
def asked(monkeypatch):
    """What the group is asked for a window; it opens one, and closes it as the test says."""
    found = {"closes": True}

    @contextlib.contextmanager
    def opened(ask, owner, account, seconds):
        found.update(owner=owner, account=account, where=ask())
        yield

    change, connection = schema_window.schema_change, schema_window.connection
    monkeypatch.setattr(change, "window", opened)
    monkeypatch.setattr(change, "await_closed", lambda _ask, _seconds: found["closes"])
    monkeypatch.setattr(connection, "connect", lambda **where: where)
    monkeypatch.setattr(connection, "tls", lambda ca: f"tls by {ca or None}")
    return found


def test_artisan_logs_in_as_the_account_that_changes_the_schema(folder, asked):
    (folder / ".env").write_text(
        "DB_HOST=10.0.0.1\nDB_PORT=3307\nDB_USERNAME=app\nMYSQL_ATTR_SSL_CA=/etc/mysql/tls/ca.pem\n"
    )
    with window(str(folder), ACCOUNT) as variables:
        assert variables == {
            "DB_USERNAME": "changer",
            "DB_PASSWORD": "pass word",
            "APP_CONFIG_CACHE": f"{folder}/bootstrap/cache/.none",
        }
    assert asked["where"] == {
        "host": "10.0.0.1",
        "port": 3307,
        "user": "changer",
        "password": "pass word",
        "ssl": "tls by /etc/mysql/tls/ca.pem",
    }
    assert (asked["owner"], asked["account"]) == (f"laravel.migrate {folder} on web", "changer")
    assert "pass word" not in repr(ACCOUNT)


@pytest.mark.parametrize("closes", [True, False])
def test_a_window_that_stays_open_is_told(folder, asked, caplog, closes):
    (folder / ".env").write_text("")
    asked["closes"] = closes
    with caplog.at_level(logging.WARNING), window(str(folder), ACCOUNT):
        pass
    assert ("is still open" in caplog.text) is not closes
    assert asked["where"]["port"] == 3306


def test_without_a_password_no_window_is_asked_for(folder, asked):
    nobody = SchemaAccount("changer", "a:c", {}, "web")
    with pytest.raises(SaltInvocationError, match="Pillar a:c is missing"), window("/", nobody):
        pass
    assert "owner" not in asked


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (group(None, "ON"), None),
        (group("ON", "OFF"), Group("single-primary", False)),
        (group("OFF", "ON"), Group("multi-primary", True)),
    ],
)
def test_the_group_is_asked_for_by_the_application(app, php, said, found):
    php.answers.append({**said, "stdout": f"noise\n{said['stdout']}"})
    assert group_of(app) == found
    assert php.call_args.args[0] == ["php", "-d", "mysqlnd.net_read_timeout=5", "--"]


def test_a_group_that_cannot_be_asked_is_told(app, php):
    php.answers.append(answer(stderr="It broke", retcode=1))
    with pytest.raises(CommandExecutionError, match=r"asking for the group's mode failed"):
        group_of(app)

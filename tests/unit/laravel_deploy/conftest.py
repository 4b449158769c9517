"""An application whose php answers from a list, and a web server that is deployed to."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import Mock

import pytest
import whole_file
from laravel_deploy import artisan, compiled_views, composer, web_server
from laravel_deploy.artisan import Application
from laravel_deploy.files import ownership

from tests.unit.laravel_deploy.machine import Machine


@pytest.fixture
def mine(monkeypatch) -> dict[str, str]:
    """User and group of the test itself, as files in tmp_path will have them."""
    probe = ownership(Path.home())
    monkeypatch.setattr(whole_file.os, "fchown", lambda *_args: None)
    return {"user": probe["user"], "group": probe["group"]}


@pytest.fixture
def php() -> Mock:
    """A cmd.run_all that answers from a list."""
    answers = []
    run = Mock(side_effect=lambda *_args, **_kwargs: answers.pop(0))
    run.answers = answers
    return run


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder that looks like an installed application's."""
    (tmp_path / "vendor").mkdir()
    for name in ("artisan", "vendor/autoload.php"):
        (tmp_path / name).write_text("<?php\n")
    return tmp_path


@pytest.fixture
def app(folder, php) -> Application:
    """An installed application."""
    return Application(str(folder), "www-data", php)


@pytest.fixture(autouse=True)
def anybody(monkeypatch) -> None:
    """Every user's name is the test's own user, who may be root."""
    ids = (os.geteuid(), os.getegid())
    for caller in (artisan, compiled_views, composer):
        monkeypatch.setattr(caller, "unprivileged_ids", lambda _user, _role: ids)


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    """A web server with a source, and no release yet."""
    one = Machine(tmp_path / "conduit", tmp_path / "app")
    monkeypatch.setattr(whole_file.os, "fchown", lambda *_args: None)
    monkeypatch.setattr(web_server, "ask", one.ask)
    monkeypatch.setattr(web_server, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(web_server, "SERVE_SECONDS", 1)
    return one

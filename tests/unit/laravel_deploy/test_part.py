"""One web server's part: how it is declared, what it has, and what it would make."""

from __future__ import annotations

import pytest
from laravel_deploy.part import declared, lock_digest, look
from salt.exceptions import CommandExecutionError

SERVER = {"map": "m", "php": "p", "health": "http://h/up", "host": "web"}
CHUNKS = [
    {"state": "laravel", "fun": "key_present", "name": "/srv/x", "secret": "laravel:secrets:k"},
    {"state": "laravel_release", "fun": "built", "name": "/srv/x", "source": "salt://app",
     "rev": "", "exclude": None, "dev": False, "build": "", "identity": None, "release": ""},
    {"state": "laravel", "fun": "migrated", "name": "/srv/x", "node": "web", "schema_user": "s",
     "schema_password_from": "p"},
    {"state": "laravel", "fun": "seeded", "name": "/srv/x", "seeder": "Seeder"},
    {"state": "laravel_release", "fun": "live", "name": "/srv/x", "server": SERVER, "keep": 5,
     "user": "www-data", "group": "www-data"},
]  # fmt: skip


def pinned(pin):
    return [{**one, "release": pin} if one["fun"] == "built" else one for one in CHUNKS]


def test_it_is_declared_by_the_formula():
    settings = declared(CHUNKS)
    assert settings["directory"] == "/srv/x"
    source = {"source": "salt://app", "rev": "", "dev": False, "build": "", "release": ""}
    assert settings["source"] == source
    assert settings["migrate"]["node"] == "web"
    assert (settings["seeder"], settings["app_key_from"]) == ("Seeder", "laravel:secrets:k")
    assert settings["live"]["server"] == SERVER


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        ({"secret": "s", "accepted": "a", "accepted_until": "2026-12-05 12:00"},
         {"secret": "s", "accepted": "a", "until": "2026-12-05 12:00"}),
        ({"secret": "s", "accepted": "a"}, {"secret": "s", "accepted": "a", "until": ""}),
        ({"secret": "s", "accepted": None}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_where_the_secrets_of_tokens_are(given, tokens):
    state = {"state": "laravel", "fun": "jwt_secret_present", "name": "/srv/x", **given}
    assert declared([*CHUNKS, state])["tokens_from"] == tokens
    assert declared(CHUNKS)["tokens_from"] == {}


def test_a_pin_to_what_serves_does_not_keep_a_deployment():
    assert "release" not in declared(pinned("live"))["source"]
    assert declared(pinned("b"))["source"]["release"] == "b"


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        (['The function "state.apply" is running as PID 1'], "is running as PID 1"),
        (CHUNKS[:2], r"have no laravel\.migrated, laravel_release\.live"),
    ],
)
def test_what_cannot_be_told_is_refused(chunks, told):
    with pytest.raises(CommandExecutionError, match=told):
        declared(chunks)


class Minion:
    """What Salt's functions answer there."""

    def __init__(self, **answers):
        self.answers, self.calls = answers, []

    def __call__(self, function):
        def run(*args, **kwargs):
            self.calls.append(function)
            return self.answers[function.rpartition(".")[2]]

        return run


def minion(coming, installed=True):
    found = {"release": coming, "fingerprint": "f", "complete": False, "migrations": ["m1", "m2"]}
    return Minion(
        source_release=found,
        served="s",
        key_status={"APP_KEY": "k"},
        jwt_status={"JWT_SECRET": "j"},
        pending=["p"],
        installed=installed,
        migration_status={"ran": ["m1"], "pending": []},
    )


@pytest.mark.parametrize(("installed", "left"), [(True, ["m2"]), (False, ["m1", "m2"])])
def test_what_is_not_made_yet_would_be(machine, installed, left):
    first = machine.deploy()
    settings = {**declared(CHUNKS), "directory": str(machine.root)}
    found = look(settings, minion("new", installed), ask=True)
    assert (found["release"], found["complete"], found["lock"]) == ("new", False, "")
    assert (found["releases"], found["serves"], found["before"]) == ([first], "s", "")
    assert found["migrations"] == left


def test_what_is_made_is_asked_itself(machine):
    first = machine.deploy()
    settings = {**declared(CHUNKS), "directory": str(machine.root)}
    asked = minion(first)
    asked.answers["source_release"]["complete"] = True
    found = look(settings, asked, ask=True)
    assert (found["complete"], found["migrations"]) == (True, ["p"])
    assert found["lock"] == lock_digest(machine.root / "releases" / first) != ""


def test_a_way_back_asks_neither_source_nor_database(machine):
    machine.deploy()
    settings = {**declared(CHUNKS), "directory": str(machine.root)}
    asked = minion("new")
    assert "release" not in look(settings, asked, ask=False)
    assert asked.calls == [
        "laravel_release.served",
        "laravel_machine.key_status",
        "laravel_machine.jwt_status",
    ]


def test_locks_are_told_apart(tmp_path):
    assert lock_digest(tmp_path) == ""
    (tmp_path / "composer.lock").write_text("a")
    first = lock_digest(tmp_path)
    (tmp_path / "composer.lock").write_text("b")
    assert first != lock_digest(tmp_path)

"""What is declared of each application, as a template asks for it and as a person may."""

from __future__ import annotations

from typing import Any

import pytest
from salt.exceptions import SaltInvocationError

import _modules.laravel_application as module

DEFAULTS: dict[str, Any] = {
    "directory": "/srv/conduit",
    "env": {"APP_ENV": "production"},
    "secrets_from": {"DB_PASSWORD": "mysql:accounts:application:password"},
    "applications": {},
    "only": "",
    "composer": {"home": "/etc/composer", "auth_from": None},
    "shared_folders": [],
    "build_network": False,
}
SHOP = {"source": "salt://shop", "server_name": "shop.example.com", "env": {"DB_PORT": 3307}}


@pytest.fixture
def declared(monkeypatch):
    """A function that says what a pillar's ``laravel`` declares."""

    def ask(laravel: dict[str, Any]) -> list[dict[str, Any]]:
        functions = {"formula.check_pillar": lambda *_, **__: True}
        monkeypatch.setattr(module, "__salt__", functions, raising=False)
        monkeypatch.setattr(module, "__pillar__", {"laravel": laravel}, raising=False)
        return module.declared(DEFAULTS)

    return ask


def test_the_pillar_lies_over_the_defaults_of_each(declared):
    pillar = {"env": {"APP_NAME": "Conduit"}, "applications": {"shop": SHOP}}
    first, shop = declared(pillar)
    assert first["env"] == {"APP_ENV": "production", "APP_NAME": "Conduit"}
    assert (first["name"], shop["name"]) == ("laravel", "shop")
    assert shop["directory"] == "/srv/shop"
    assert shop["env"]["DB_PORT"] == 3307
    assert shop["env"]["DB_DATABASE"] == "shop"
    # The defaults themselves stay as they are.
    assert DEFAULTS["env"] == {"APP_ENV": "production"}


def test_no_secret_is_handed_on(declared):
    secrets = {"secrets": {"app_key": "base64:not-to-be-shown"}}
    found = declared({**secrets, "applications": {"shop": {**SHOP, **secrets}}})
    assert [one["name"] for one in found] == ["laravel", "shop"]
    assert "not-to-be-shown" not in str(found)


def test_a_shared_folder_that_cannot_be_is_refused_for_each(declared):
    given, said = {"shared_folders": ["storage"]}, "shared_folders is 'storage'; expected a folder"
    with pytest.raises(SaltInvocationError, match=f"pillar laravel:{said}"):
        declared(given)
    with pytest.raises(SaltInvocationError, match=f"pillar laravel:applications:shop:{said}"):
        declared({"applications": {"shop": {**SHOP, **given}}})


def test_it_is_told_which_shared_folders_are_served(declared):
    (first,) = declared({"shared_folders": ["public/b", "public/a", "data"]})
    assert first["shared_folders"] == ["data", "public/a", "public/b"]
    apache = {"server_name": "web", "release_map": "/etc/apache2/release.map"}
    assert module.server("laravel", first, apache, "/run/php.sock")["shared"] == ["a", "b"]

"""Two applications on one web server: the first as it was, the second with all of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.functional.conftest import WEB
from tests.functional.test_render import highstate, states_of

PASSWORD = "pw-4711-of-the-shop"
SHOP = {
    "source": "salt://app",
    "server_name": "shop.example.com",
    "seeder": "DatabaseSeeder",
    "jwt_secret_from": "laravel:applications:shop:secrets:jwt_secret",
    "workers": {"mail": {"processes": 2}},
    "schedule": True,
    "composer": {"auth_from": "shop:auth"},
    "secrets": {"app_key": PASSWORD, "jwt_secret": PASSWORD},
}
MORE = {
    "laravel": {"applications": {"shop": SHOP}},
    "mysql": {"accounts": {"applications": {"shop": {"application": {"password": PASSWORD}}}}},
    "shop": {"auth": {"http-basic": {"example.com": {"username": "u", "password": PASSWORD}}}},
}
# What a state is asked to be, without what says when it runs.
WHEN = ("order", "require", "require_in", "watch", "__sls_included_from__")


def asked(chunk: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in chunk.items() if key not in WHEN}


def by_name(chunks: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(chunk["__id__"], chunk["name"]): chunk for chunk in chunks}


def refers_to_the_shop(chunk: dict[str, Any]) -> bool:
    return "shop" in json.dumps(chunk)


@pytest.fixture
def alone(with_pillar) -> dict[tuple[str, str], dict[str, Any]]:
    return by_name(highstate(with_pillar(WEB, {}))[0])


@pytest.fixture
def both(with_pillar) -> dict[tuple[str, str], dict[str, Any]]:
    return by_name(highstate(with_pillar(WEB, MORE))[0])


def test_the_first_application_is_what_it_was(alone, both):
    assert alone.keys() <= both.keys()
    for key, chunk in alone.items():
        now = asked(both[key])
        if key[0] == "php-config-ini-managed":
            # Pools of several users share php-fpm's code cache.
            assert now["context"]["ini"].pop("opcache.validate_permission") == "On"
        assert now == asked(chunk)
        # A failure of the other one keeps nothing of the first one back.
        waits = {*map(str, both[key].get("require", []))}
        assert not any("shop" in one for one in waits)


def test_the_other_one_has_all_states_of_the_first_under_names_of_its_own(alone, both):
    new = {key: chunk for key, chunk in both.items() if key not in alone}
    assert all(refers_to_the_shop(chunk) for chunk in new.values())
    assert PASSWORD not in json.dumps(list(both.values()))
    kinds = {(chunk["state"], chunk["fun"]) for chunk in new.values()}
    of_the_first = {
        (chunk["state"], chunk["fun"])
        for (name, _), chunk in alone.items()
        if name.startswith("laravel-")
    }
    assert of_the_first <= kinds
    # No state of its own names a place, a user, a file or a secret of the first one.
    told = json.dumps([asked(chunk) for chunk in new.values()])
    for taken in ("/srv/conduit", "conduit", "www-data", "laravel:secrets",
                  "haproxy_root", "realworld", "php8.3-fpm.sock"):  # fmt: skip
        assert taken not in told, taken


def test_it_is_served_by_its_name_through_a_pool_of_its_own(both):
    states = {name: chunk for (name, _), chunk in both.items()}
    site = states["apache-site-shop-managed"]["context"]
    live = states["laravel-shop-live-release"]
    pool = states["php-config-pool-shop-managed"]["context"]
    assert (site["server"]["server_name"], site["directory"]) == ("shop.example.com", "/srv/shop")
    assert live["server"] == [
        {"map": "/etc/apache2/release-shop.map"},
        {"socket": pool["socket"]},
        {"health": "http://127.0.0.1/up"},
        {"host": "shop.example.com"},
    ] or live["server"] == {
        "map": "/etc/apache2/release-shop.map",
        "socket": pool["socket"],
        "health": "http://127.0.0.1/up",
        "host": "shop.example.com",
    }
    assert (site["server"]["socket"], site["server"]["map"]) == (
        pool["socket"],
        "/etc/apache2/release-shop.map",
    )
    # The balancers' page is that of the machine, whichever application answers it.
    assert site["health"] == states["apache-site-managed"]["context"]["health"]
    assert {"web_server": "php-config-pool-shop-managed"} in states["php-service-running"]["watch"]
    env = states["laravel-shop-env-present"]
    assert env["values"]["APP_URL"] == "http://shop.example.com"
    assert env["values"]["DB_HOST"] == states["laravel-env-present"]["values"]["DB_HOST"]
    # Few applications try again what conflicts with a write on another member.
    assert env["values"]["DB_PORT"] == 3307
    assert env["group"] == pool["group"] == "laravel-shop"
    assert states["laravel-shop-workers-running"]["application"] == "shop"


@pytest.mark.parametrize(
    ("only", "there"),
    [("shop", {"shop"}), ("laravel", {"laravel"}), (["laravel", "shop"], {"laravel", "shop"})],
)
def test_a_call_that_names_one_leaves_the_others_alone(only, there, with_pillar):
    more = {**MORE, "laravel": {**MORE["laravel"], "only": only}}
    options = with_pillar(WEB, more)
    built = {
        chunk["name"].removeprefix("/srv/").replace("conduit", "laravel")
        for chunk in states_of(options, "laravel")
        if (chunk["state"], chunk["fun"]) == ("laravel_release", "built")
    }
    assert built == there
    # Apache and php-fpm serve both, whatever is deployed.
    served = {chunk["__id__"] for chunk in states_of(options, "laravel")}
    assert {"apache-site-managed", "apache-site-shop-managed"} <= served
    assert {"php-config-pool-managed", "php-config-pool-shop-managed"} <= served


@pytest.mark.parametrize("repository", ["debian", "packagist"])
def test_packages_come_from_one_place(with_pillar, repository):
    """What Salt wrote for Debian's packages forbids Packagist; it goes when that is declared."""
    more = {**MORE, "laravel": {**MORE["laravel"], "composer": {"repository": repository}}}
    chunks = highstate(with_pillar(WEB, more))[0]
    files = {
        chunk["name"]: chunk for chunk in chunks if chunk["name"].endswith("/config.json")
    }  # fmt: skip
    assert {*files} == {"/etc/composer/config.json", "/etc/composer-shop/config.json"}
    functions = {one["fun"] for one in files.values()}
    assert functions == {"managed" if repository == "debian" else "absent"}
    built = [one for one in chunks if one["__id__"].startswith("composer-repository")]
    assert bool(built) is (repository == "debian")
    if repository == "packagist":
        # A file of the site's own stays.
        for path, one in files.items():
            text = 'file:///srv/composer-repository"'
            assert one["onlyif"] == [{"fun": "file.contains", "path": path, "text": text}]

"""What follows from an application's name, and which names and settings are refused."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from laravel_deploy import applications
from laravel_deploy.workers import names_of
from salt.exceptions import SaltInvocationError

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "salt/laravel/defaults.yaml").read_text())["laravel"]


def pillar(**further):
    return {"laravel": {"directory": "/srv/first", "applications": further}}


def merged(name, **own):
    """The settings of one application, as the formula has them."""
    found = applications.defaults_of(name, DEFAULTS)
    if name == "laravel":
        # Salt's own, by the first application's map.
        found["composer"] = {"home": "/etc/composer", "cache": "/var/cache/laravel-build"}
    else:
        found |= {"source": f"salt://{name}", "server_name": f"{name}.example.com"}
    env = {**found["env"], "DB_HOST": "10.0.0.5", **own.pop("env", {})}
    return {**found, **own, "env": env, "name": name}


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        ({}, ["laravel"]),
        ({"laravel": None}, ["laravel"]),
        ({"laravel": {"applications": None}}, ["laravel"]),
        (pillar(shop={}, blog=None), ["laravel", "shop", "blog"]),
    ],
)
def test_the_first_application_is_the_mapping_itself(declared, names):
    assert applications.names(declared) == names


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("laravel", "another name"),
        ("build", "another name"),
        ("worker", "another name"),
        ("schedule", "another name"),
        ("Shop", "small letters"),
        ("my-shop", "small letters"),
        ("1shop", "a letter first"),
        ("x" * 19, "1 to 18"),
        (7, "small letters"),
        ("../etc", "small letters"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name, right):
    with pytest.raises(SaltInvocationError) as refused:
        applications.names(pillar(**{"shop": {}}) | {"laravel": {"applications": {name: {}}}})
    assert f"pillar laravel:applications is '{name}'; expected" in str(refused.value)
    assert right in str(refused.value)


def test_a_list_of_applications_is_refused():
    with pytest.raises(SaltInvocationError, match="is a list; expected a mapping of names"):
        applications.names({"laravel": {"applications": ["shop"]}})


@pytest.mark.parametrize(
    ("only", "chosen"),
    [
        (None, ["laravel", "shop", "blog"]),
        ("", ["laravel", "shop", "blog"]),
        ("shop", ["shop"]),
        ("laravel", ["laravel"]),
        (["blog", "laravel"], ["laravel", "blog"]),
    ],
)
def test_a_run_deals_with_all_or_with_those_that_its_call_names(only, chosen):
    declared = pillar(shop={}, blog={})
    declared["laravel"]["only"] = only
    assert applications.chosen(declared) == chosen


def test_a_run_for_an_application_that_is_none_is_refused():
    declared = pillar(shop={})
    declared["laravel"]["only"] = ["shop", "shpo"]
    with pytest.raises(SaltInvocationError, match="only is 'shpo'; expected one of laravel, shop"):
        applications.chosen(declared)
    with pytest.raises(SaltInvocationError, match="application is 'shpo'; expected laravel or sho"):
        applications.folder_of(declared, "shpo")


def test_the_first_one_s_names_are_those_of_its_defaults():
    assert {key: DEFAULTS[key] for key in applications.FIRST_S} == applications.FIRST_S
    assert applications.defaults_of("laravel", DEFAULTS) == DEFAULTS
    assert applications.password_of("laravel") == DEFAULTS["secrets_from"]["DB_PASSWORD"]


def test_all_of_a_further_one_s_follows_from_its_name():
    shop, blog = merged("shop"), merged("blog")
    for key, value in shop.items():
        if isinstance(value, str) and "shop" in value:
            assert blog[key] == value.replace("shop", "blog")
    assert shop["directory"] == "/srv/shop"
    assert (shop["user"], shop["build_user"]) == ("laravel-shop", "laravel-build-shop")
    assert shop["secrets_from"] == {
        "DB_PASSWORD": "mysql:accounts:applications:shop:application:password"
    }
    assert (shop["seeder"], shop["jwt_secret_from"]) == (None, None)
    # Of the machine: one of each.
    assert not {"known_hosts", "applications", "only"} & shop.keys()
    # What is changed in one is changed in no other.
    shop["env"]["A"] = shop["hooks"]["built"] = "b"
    assert "A" not in DEFAULTS["env"]
    assert DEFAULTS["hooks"]["built"] == []


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("/srv/first", "laravel"),
        ("/srv/shop", "shop"),
        ("/srv/shop/", "shop"),
        ("/srv/shop/releases/3f2a9c01be77", "shop"),
        ("/opt/blog", "blog"),
        ("/srv/blog", "laravel"),
        ("/somewhere", "laravel"),
    ],
)
def test_a_folder_tells_whose_it_is(directory, name):
    declared = pillar(shop=None, blog={"directory": "/opt/blog", "schema_user": "b"})
    assert applications.named_at(declared, directory) == name
    accounts = {"laravel": "schema_change", "shop": "shop_schema", "blog": "b"}
    assert applications.schema_account_of(declared, directory)[0] == accounts[name]
    place = applications.place_of(name)
    assert applications.app_key_of(declared, directory) == f"{place}:secrets:app_key"


NAMES = ["laravel", "shop", "shop_worker", "workers", "a", "schedule_a"]


@pytest.mark.parametrize("name", NAMES)
def test_no_application_takes_another_one_s_units_for_its_own(name):
    for other in NAMES:
        own = names_of(other)
        units = [f"{own.prefix}mail@1.service", f"{own.prefix}mail@.service"]
        units += [f"{own.schedule}.service", f"{own.schedule}.timer"]
        for unit in units:
            fits = any(fnmatch(unit, pattern) for pattern in names_of(name).ours)
            assert fits is (name == other), unit


def test_a_further_one_has_a_site_and_a_pool_of_its_own():
    apache = {"server_name": "web", "release_map": "/etc/apache2/release.map",
              "config": "/etc/apache2"}  # fmt: skip
    first = applications.server_of("laravel", merged("laravel"), apache, "/run/php.sock")
    shop = applications.server_of("shop", merged("shop"), apache, "/run/php.sock")
    assert first == {
        "server_name": "web",
        "aliases": [],
        "site": "conduit.conf",
        "log": "conduit",
        "map": "/etc/apache2/release.map",
        "socket": "/run/php.sock",
    }
    assert shop["server_name"] == "shop.example.com"
    assert not {first[key] for key in ("site", "log", "map", "socket")} & {
        shop[key] for key in ("site", "log", "map", "socket")
    }
    # Apache takes the first file for who asks by no name that it knows.
    assert first["site"] < shop["site"]

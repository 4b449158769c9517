"""What follows from an application's name, and which names and settings are refused."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from laravel_deploy import applications
from laravel_deploy.application_check import check_apart, check_own
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


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        ("source", None, "is missing; expected a folder such as salt://shop"),
        ("source", ["x"], "expected a folder"),
        ("server_name", None, "is missing; expected the host's name that clients ask for"),
        ("server_name", "shop.example.com\nInclude /x", "expected the host's name"),
        ("server_aliases", "www.example.com", "expected a list of hosts' names"),
        ("server_aliases", ["a b"], "expected a list"),
        ("directory", "srv/shop", "is 'srv/shop'; expected an absolute path such as /srv/shop"),
        ("directory", "/srv/../etc", "expected an absolute path"),
        ("directory", "/srv/a b", "expected an absolute path"),
        ("user", "root", "is 'root'; expected an account of the application's own"),
        ("user", "www-data", "expected an account of the application's own"),
        ("build_user", "www-data", "expected an account"),
        ("group", "a:b", "expected an account"),
        ("max_children", 2, "is '2'; expected 3 to 10000 processes, or null"),
        ("max_children", True, "expected 3 to 10000"),
    ],
)
def test_what_no_further_one_can_be_is_refused(key, value, right):
    check_own("shop", merged("shop"))
    with pytest.raises(SaltInvocationError) as refused:
        check_own("shop", merged("shop", **{key: value}))
    assert str(refused.value).startswith(f"pillar laravel:applications:shop:{key} is ")
    assert right in str(refused.value)


SHOP, BLOG = "laravel:applications:shop", "laravel:applications:blog"


@pytest.mark.parametrize(
    ("own", "refused"),
    [
        ({"directory": "/srv/shop"}, f"{BLOG}:directory is '/srv/shop'; expected a folder of its "
         f"own: {SHOP}:directory is /srv/shop"),
        ({"directory": "/srv/conduit/blog"}, "a folder of its own: laravel:directory is /srv/con"),
        ({"directory": "/srv"}, "a folder of its own: laravel:directory is /srv/conduit"),
        ({"server_name": "WEB.example.com"}, f"{BLOG}:server_name is 'web.example.com'; expected a "
         "name in virtual hosts of its own: apache:server_name is the same"),
        ({"server_name": "shop.example.com"}, f"{SHOP}:server_name is the same"),
        ({"server_aliases": ["a.example.com", "Shop.example.com"]}, f"{BLOG}:server_aliases is"),
        ({"user": "laravel-shop"}, f"a user of its own: {SHOP}:user is the same"),
        ({"user": "laravel-build"}, "a user of its own: laravel:build_user is the same"),
        ({"group": "laravel-shop"}, f"a group of its own: {SHOP}:group is the same"),
        ({"build_user": "laravel-build-shop"}, f"a user of its own: {SHOP}:build_user is"),
        ({"build_home": "/var/lib/laravel-build"}, "a folder of its own: laravel:build_home is"),
        ({"composer": {"home": "/etc/composer"}}, "a folder of its own: laravel:composer:home is"),
        ({"env": {"DB_DATABASE": "shop"}}, f"{BLOG}:env:DB_DATABASE is 'shop'; expected a database "
         f"at 10.0.0.5 of its own: {SHOP}:env:DB_DATABASE is the same"),
        ({"env": {"DB_USERNAME": "shop"}}, f"an account at 10.0.0.5 of its own: {SHOP}:env:DB_USE"),
        ({"schema_user": "shop_schema"}, f"of its own: {SHOP}:schema_user is the same"),
        ({"schema_user": "schema_change"}, "of its own: laravel:schema_user is the same"),
        ({"schema_user": "shop"}, f"of its own: {SHOP}:env:DB_USERNAME is the same"),
        ({"app_key_from": "laravel:secrets:app_key"}, "a key of its own: laravel:app_key_from is"),
        # Another server's are others.
        ({"env": {"DB_DATABASE": "shop", "DB_HOST": "10.9.9.9"}}, ""),
    ],
)  # fmt: skip
def test_what_one_alone_may_have_is_refused_to_another(own, refused):
    declared = [merged("laravel"), merged("shop"), merged("blog", **own)]
    if not refused:
        check_apart(declared, "web.example.com")
        return
    with pytest.raises(SaltInvocationError) as error:
        check_apart(declared, "web.example.com")
    assert refused in str(error.value)


def test_applications_that_share_nothing_are_taken():
    check_apart([merged(name) for name in ("laravel", "shop", "blog")], "web.example.com")
    # The first alone may be anything that it ever was.
    check_apart([merged("laravel")], "web.example.com")

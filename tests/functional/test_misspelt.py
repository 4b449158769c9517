"""A key that nothing reads stops a highstate before anything is touched; pillar.example has all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import salt.state
import yaml
from group_replication.pillar import KEYS as GROUP
from haproxy_config.pillar import KEYS as BALANCER
from laravel_deploy.applications import defaults_of
from pillar_check import check_keys, check_kinds, keys_of, walk, with_named
from salt.exceptions import SaltInvocationError

from tests.functional.conftest import DATABASES, PROXY, ROOT, WEB

EXAMPLE = yaml.safe_load((ROOT / "pillar.example").read_text())
# Where in the pillar each formula's settings are; below which of them the names are a site's; and
# which are checked elsewhere, or may be of several kinds.
FORMULAS: dict[str, tuple[str, list[str], list[str]]] = {
    "apache": (
        "apache",
        ["headers"],
        ["modules", "limit_request_body", "request_workers", "read_timeout"],
    ),
    "composer": ("laravel:composer", [], []),
    "keepalived": ("keepalived", [], []),
    "laravel": (
        "laravel",
        ["env", "secrets_from", "composer", "workers", "applications"],
        [
            *("seeder", "app_key_from", "jwt_secret_from", "jwt_accepted_from"),
            *("schedule", "hooks", "shared_folders", "only"),
        ],
    ),
    "php": ("php", ["ini"], ["fpm"]),
}
# Of each kind, what is of none or of another.
WRONG: dict[type, tuple[Any, ...]] = {
    bool: (None, 1, "a", ["a"]),
    int: (None, True, "a", -1, ["a"]),
    float: (None, True, "a", -1, ["a"]),
    str: (None, True, "a\nb", ["a"], {"a": 1}),
    list: (None, True, 1, "a", [["a"]], ["a\nb"]),
    dict: (None,),
}
# What a library reads of pillar itself, it has the keys of.
SHOP = "laravel:applications:shop"
LIBRARIES = {**GROUP, "haproxy": BALANCER}


def known_to(formula: str) -> dict[str, Any]:
    """The keys that a formula takes, by its own defaults."""
    place, free, _ = FORMULAS[formula]
    defaults = yaml.safe_load((ROOT / f"salt/{formula}/defaults.yaml").read_text())[formula]
    return with_named(keys_of(defaults, free), defaults, place)


def paths(tree: dict[str, Any], known: dict[str, Any]) -> set[str]:
    """The keys of a tree, but for those below one whose keys are a site's own."""
    found = set()
    for key, value in tree.items():
        found.add(key)
        if isinstance(value, dict) and known.get(key) is not None:
            found |= {f"{key}:{below}" for below in paths(value, known[key])}
    return found


def refused(options: dict[str, Any]) -> str:
    """What a highstate refuses with, while it renders."""
    with salt.state.HighState(options) as state:
        _, errors = state.render_highstate(state.top_matches(state.get_top()))
    return str(errors).replace("\\'", "'")


@pytest.mark.parametrize(
    ("machine", "key", "value", "error"),
    [
        (PROXY, "haproxy:ports:writter", 1, "nothing reads; expected haproxy:ports:writer"),
        (PROXY, "haproxy:ports:writer", "3307/tcp", "is '3307/tcp'; expected a port number from 1"),
        (PROXY, "keepalived:advert_interval", 1, "nothing reads; expected keepalived:advert_int"),
        (PROXY, "haproxy:service", ["a"], "is a list; expected a name or a path, in one line"),
        (PROXY, "haproxy:config:user", "a: b", "is 'a: b'; expected a name or a path, in one line"),
        (WEB, "laravel:source", -1, "is '-1'; expected text in one line, such as 'salt://app'"),
        (DATABASES[0], "mysql:lookup", "a", "is a str; expected a mapping with package, core_p"),
        (WEB, "php:fpm:max_childs", 40, "nothing reads; expected php:fpm:max_children"),
        (WEB, "apache:tls:certifcate", "/x", "nothing reads; expected apache:tls:certificate"),
        (WEB, "apache:servername", "x", "nothing reads; expected apache:server_name"),
        (WEB, "laravel:seder", "S", "nothing reads; expected laravel:seeder"),
        (WEB, "laravel:secrets:app_kye", "x", "nothing reads; expected laravel:secrets:app_key"),
        (WEB, "laravel:aplications", {}, "nothing reads; expected laravel:applications"),
        (WEB, f"{SHOP}:seder", "S", f"nothing reads; expected {SHOP}:seeder"),
        (WEB, f"{SHOP}:known_hosts", [], "nothing reads; expected one of directory"),
        (WEB, f"{SHOP}:composer:directory", "/x", "nothing reads; expected one of home, cache,"),
        (WEB, f"{SHOP}:secrets:app_kye", "x", f"nothing reads; expected {SHOP}:secrets:app_key"),
        (WEB, f"{SHOP}:server_name", "a b", "is 'a b'; expected the host's name that clients ask"),
        (WEB, f"{SHOP}:directory", "/srv/conduit", "own: laravel:directory is /srv/conduit"),
        (WEB, f"{SHOP}:env:DB_DATABASE", "realworld", "laravel:env:DB_DATABASE is the same"),
        (WEB, f"{SHOP}:env:DB_USERNAME", "haproxy_root", "laravel:env:DB_USERNAME is the same"),
        (WEB, f"{SHOP}:server_aliases", ["WEB"], "apache:server_name is the same"),
        (WEB, f"{SHOP}:workers:Mail", {}, "names of small letters, digits and underscores"),
        (WEB, f"{SHOP}:hooks:timeout", 0, "is '0'; expected seconds, 1 to 86400"),
        (WEB, "laravel:shared_folders", "x", "is 'x'; expected a list of folders of the code"),
        (WEB, f"{SHOP}:build_network", 1, "is '1'; expected true or false"),
        (WEB, "laravel:only", "shpo", "is 'shpo'; expected one of laravel"),
        (WEB, "laravel:composer:cahce", "/x", "nothing reads; expected laravel:composer:cache"),
        (WEB, "apache:limit_request_body", "1M", "is '1M'; expected bytes, 1 to 2147483647"),
        (WEB, "php:ini:post_max_size", "8M", "apache:limit_request_body, to be raised with it"),
        (WEB, "laravel:keep", "five", "is 'five'; expected a number, 0 or more, such as 5"),
        (WEB, "laravel:pages", "/up", "is '/up'; expected a list of texts"),
        (WEB, "apache:hold", "no", "is 'no'; expected true or false"),
        (WEB, "apache:tls", None, "is missing; expected a mapping with certificate, key, self_s"),
        (WEB, "php:packages", ["a\nb"], "is a list; expected a list of texts"),
        (PROXY, "keepalived:user", "", "is ''; expected text in one line, such as 'keepalived_"),
        (WEB, f"{SHOP}:directory", ["/srv"], "is a list; expected text in one line, such as '/s"),
        (WEB, "apache", ["x"], "is a list; expected a mapping with server_name, package, service"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_touched(
    machine, key, value, error, with_pillar
):
    more = value
    for part in reversed(key.split(":")):
        more = {part: more}
    if key.startswith(SHOP):
        # What every further application says.
        shop = more["laravel"]["applications"]["shop"]
        for name, needed in (("source", "salt://shop"), ("server_name", "shop.example.com")):
            shop.setdefault(name, needed)
    found = refused(with_pillar(machine, more))
    # A name that is wrong is the value, and its place the key.
    assert f"pillar {key.removesuffix(':Mail')} is " in found
    assert error in found


def kinds(defaults: dict[str, Any], place: str, own: list[str]) -> Iterator[tuple[str, Any]]:
    """Each key whose value has to be of the kind of its default, and that default."""
    for key, default in defaults.items():
        if key in own or default is None:
            continue
        yield f"{place}:{key}", default
        if isinstance(default, dict):
            yield from kinds(default, f"{place}:{key}", [])


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_value_of_another_kind_is_refused_for_every_key(formula):
    place, free, own = FORMULAS[formula]
    defaults = yaml.safe_load((ROOT / f"salt/{formula}/defaults.yaml").read_text())[formula]
    checked = [*kinds(defaults, place, [*free, *own])]
    assert len(checked) > 1
    for key, default in checked:
        for value in (default, *WRONG[type(default)]):
            declared: Any = value
            for part in reversed(key.removeprefix(f"{place}:").split(":")):
                declared = {part: declared}
            try:
                check_kinds(declared, defaults, place, [*free, *own])
                refusal = ""
            except SaltInvocationError as err:
                refusal = str(err)
            taken = "" if value is default else f"pillar {key} is "
            assert refusal.startswith(taken), (key, value, refusal)
            assert bool(refusal) is (value is not default), (key, value, refusal)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_map_says_what_is_said_here(formula):
    """The maps give the check its place and the keys that are the site's own."""
    place, free, own = FORMULAS[formula]
    call = f"salt['formula.check_pillar']('{place}', defaults['{formula}']"
    call += f", free={free!r}" if free else ""
    call += f", own={own!r})" if own else ")"
    assert call in (ROOT / f"salt/{formula}/map.jinja").read_text()


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_example_pillar_has_the_keys_that_a_formula_takes_and_no_other(formula):
    place, *_ = FORMULAS[formula]
    known = known_to(formula)
    example = walk(EXAMPLE, place)
    check_keys(example, known, place)
    assert paths(example, known) == paths(known, known)


def test_the_example_s_further_application_says_what_follows_from_its_name():
    defaults = yaml.safe_load((ROOT / "salt/laravel/defaults.yaml").read_text())["laravel"]
    shop, example = defaults_of("shop", defaults), walk(EXAMPLE, SHOP)
    given = {"source": "salt://shop", "server_name": "shop.example.com"}
    own = {name for name, value in shop.items() if name not in defaults or "shop" in str(value)}
    assert own - {"env", "secrets_from"} | {"secrets"} <= {*example}
    for name, value in example.items():
        if name == "env":
            assert value.items() <= shop["env"].items()
        elif name != "secrets":
            assert value == given.get(name, shop.get(name))


@pytest.mark.parametrize("place", LIBRARIES)
def test_the_example_pillar_has_the_keys_that_a_library_takes_and_no_other(place):
    known = LIBRARIES[place]
    assert paths(EXAMPLE[place], known) == paths(known, known)


def test_every_formula_with_settings_refuses_what_is_misspelt():
    """A formula that is new says so here, or in the library that reads its pillar."""
    maps = {path.parent.name for path in ROOT.glob("salt/*/map.jinja")}
    assert maps == {*FORMULAS, "haproxy", "mysql"}


@pytest.mark.parametrize("machine", [PROXY, WEB])
def test_the_whole_example_is_taken(machine, with_pillar):
    """With what it says of the cluster; its secrets are empty, and the checkout's are there."""
    names = ("haproxy", "keepalived") if machine == PROXY else ("laravel", "php", "apache")
    more = {name: EXAMPLE[name] for name in names}
    more.get("haproxy", {}).pop("stats", None)
    more.get("laravel", {}).pop("secrets", None)
    assert refused(with_pillar(machine, more)) == "[]"

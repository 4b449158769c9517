"""What all web servers would do together, and what stands in the way: tables over plain data."""

from __future__ import annotations

import pytest
from laravel_deploy.fleet import (
    built_refusal,
    check_rotated,
    deployment_plan,
    overrides,
    rollback_plan,
    rotation_plan,
    scope,
    way_back,
)
from salt.exceptions import SaltInvocationError


def part(**other):
    """One web server that serves a and would serve b."""
    settings = {"directory": "/srv/conduit", "migrate": {"node": "web"}}
    one = {"settings": settings, "release": "b", "revision": "b0", "complete": True, "stopped": "",
           "serves": "a", "before": "z", "releases": ["b", "a"], "migrations": [],
           "lock": "l1", "keys": keys(), "tokens": tokens()}  # fmt: skip
    return {**one, **other}


def keys(now="old", wanted="new", accepted=(), in_use=True, jwt="j1", problem=""):
    return {"APP_KEY": now, "JWT_SECRET": jwt, "wanted": wanted, "accepted": [*accepted],
            "in_use": in_use, "problem": problem}  # fmt: skip


def tokens(now="old", **other):
    """As keys, of the secrets of tokens."""
    return {name: one for name, one in keys(jwt=now, **other).items() if name != "APP_KEY"}


def test_a_plan_says_what_would_be_done():
    facts = {
        "web": part(complete=False, lock="", migrations=["m2"]),
        "web2": part(serves="b", migrations=["m2"]),
    }
    plan = deployment_plan(facts)
    assert plan["refused"] == ""
    assert (plan["release"], plan["revision"], plan["build"]) == ("b", "b0", ["web"])
    assert (plan["migrations"], plan["migrates"]) == (["m2"], "web")
    assert (plan["machines"], plan["serves"]) == (["web"], {"web": "a", "web2": "b"})
    assert set(plan["gates"].values()) == {""}


def test_the_first_migrates_where_the_pillar_names_another():
    other = {"directory": "/srv/conduit", "migrate": {"node": "elsewhere"}}
    facts = {"web1": part(settings=other, migrations=["m"]), "web2": part(settings=other)}
    assert deployment_plan(facts)["migrates"] == "web1"


@pytest.mark.parametrize(
    ("second", "named", "refused"),
    [
        ({"error": "no answer from its minion"}, False, "web2: no answer from its minion"),
        (part(release="c"), False, "the source makes b on web, c on web2: expected one release"),
        (part(stopped="rolled back to a"), False, "b was stopped (web2: rolled back to a). relea"),
        (part(stopped="rolled back to a"), True, ""),
        (part(keys=keys(now="x")), False, "APP_KEY has the fingerprints old on web, x on web2: p"),
        (part(keys=keys(jwt="x")), False, "JWT_SECRET has the fingerprints j1 on web, x on web2"),
        # One that has none yet is given the pillar's.
        (part(keys=keys(now="", jwt="")), False, ""),
        (part(lock="l2"), False, "composer.lock has the digests l1 on web, l2 on web2: commit one"),
        # It is built first.
        (part(lock="", complete=False), False, ""),
    ],
)
def test_what_differs_refuses_a_deployment(second, named, refused):
    why = deployment_plan({"web": part(), "web2": second}, named)["refused"]
    assert why.startswith(refused) if refused else why == ""


def test_without_web_servers_there_is_nothing_to_deploy():
    assert deployment_plan({})["refused"] == "the table of nodes has no web server"
    assert rollback_plan({}, "a")["refused"] == "the table of nodes has no web server"


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        (part(), ""),
        (part(lock="l2"), "composer.lock has the digests"),
        (part(keys=keys(now="x")), "APP_KEY has the fingerprints"),
        (part(complete=False, lock=""), "web2: b is not complete"),
        ({"error": "gone"}, "web2: gone"),
    ],
)
def test_what_was_built_is_judged_before_the_switch(second, refused):
    why = built_refusal({"web": part(), "web2": second}, "b")
    assert why.startswith(refused) if refused else why == ""


def test_a_source_that_changed_meanwhile_is_refused():
    facts = {"web": part(release="c"), "web2": part(release="c")}
    assert built_refusal(facts, "b").startswith("web: the source makes c by now")


@pytest.mark.parametrize(
    ("one", "target"),
    [
        (part(serves="a"), "a"),
        # A deployment was killed after this one's switch.
        (part(serves="b"), "z"),
        # It served none, and serves b since.
        (part(serves="", before=""), ""),
    ],
)
def test_the_way_back_is_what_served_before(one, target):
    assert way_back(one, "b") == target


@pytest.mark.parametrize(
    ("release", "first", "second", "machines", "refused"),
    [
        ("z", part(releases=["z"]), part(releases=["z", "a"]), ["web", "web2"], ""),
        ("", part(releases=["z"]), part(releases=["z"]), ["web", "web2"], ""),
        ("a", part(), part(), [], ""),
        ("a", part(), part(serves="b"), ["web2"], ""),
        ("z", part(releases=["z"]), part(), ["web", "web2"],
         "web2: it has no complete release 'z'; it has b, a"),
        ("", part(releases=["z"]), part(before="y", releases=["z", "y"]), ["web", "web2"],
         "the release before is z on web, y on web2; expected release= and one of z"),
        ("", part(before=""), part(before=""), ["web", "web2"], "the release before is none"),
        ("a", part(), {"error": "gone"}, [], "web2: gone"),
    ],
)  # fmt: skip
def test_one_release_is_gone_back_to_on_all(release, first, second, machines, refused):
    plan = rollback_plan({"web": first, "web2": second}, release)
    assert plan["machines"] == machines
    assert plan["refused"].startswith(refused) if refused else plan["refused"] == ""


@pytest.mark.parametrize(
    ("first", "second", "accept", "sign"),
    [
        (keys(), keys(), ["web", "web2"], ["web", "web2"]),
        # Killed in the first step.
        (keys(accepted=["new"]), keys(), ["web2"], ["web", "web2"]),
        # .env was written, and the caches were not.
        (keys(accepted=["new"], in_use=False), keys(accepted=["new"]), ["web"], ["web", "web2"]),
        (keys(accepted=["new"]), keys(accepted=["x", "new"]), [], ["web", "web2"]),
        # Killed in the second.
        (keys(now="new", accepted=["old"]), keys(accepted=["new"]), [], ["web2"]),
        (keys(now="new"), keys(now="new"), [], []),
    ],
)
def test_a_key_is_rotated_in_two_steps(first, second, accept, sign):
    plan = rotation_plan({"web": part(keys=first), "web2": part(keys=second)}, "APP_KEY")
    assert (plan["accept"], plan["sign"], plan["refused"]) == (accept, sign, "")


def test_a_secret_of_tokens_is_rotated_in_two_steps():
    facts = {"web": part(tokens=tokens(accepted=["new"])), "web2": part(keys=keys(now="new"))}
    plan = rotation_plan(facts, "JWT_SECRET")
    assert (plan["accept"], plan["sign"], plan["refused"]) == (["web2"], ["web", "web2"], "")
    facts["web2"] = part(tokens=tokens(problem="it has none"))
    assert rotation_plan(facts, "JWT_SECRET")["refused"] == "web2: it has none"
    facts["web2"] = part(tokens=tokens(now=""))
    assert rotation_plan(facts, "JWT_SECRET")["refused"] == "web2: it has no JWT_SECRET yet"


def test_what_is_no_key_to_rotate_is_refused():
    with pytest.raises(SaltInvocationError, match="key is 'x'; expected APP_KEY or JWT_SECRET"):
        check_rotated("x")


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        (part(keys=keys(problem="no APP_KEY")), "web2: no APP_KEY"),
        (part(keys=keys(wanted="x")), "the web servers' pillars have new on web, x on web2"),
        (part(keys=keys(now="")), "web2: it has no APP_KEY yet"),
        ({"error": "gone"}, "web2: gone"),
    ],
)
def test_a_key_that_is_not_one_for_all_is_refused(second, refused):
    plan = rotation_plan({"web": part(), "web2": second}, "APP_KEY")
    assert plan["refused"].startswith(refused)
    assert (plan["accept"], plan["sign"]) == ([], [])


@pytest.mark.parametrize(
    ("given", "pillar"),
    [
        ({}, {}),
        # Not the pinned one, then.
        ({"rev": "v2"}, {"release": "", "rev": "v2"}),
        ({"release": "b"}, {"release": "b"}),
    ],
)
def test_a_call_stands_over_the_pillar(given, pillar):
    assert overrides(given) == pillar
    assert scope("laravel", pillar) == {"laravel": {"only": "laravel", **pillar}}
    of_shop = {"applications": {"shop": pillar}} if pillar else {}
    assert scope("shop", pillar) == {"laravel": {"only": "shop", **of_shop}}


@pytest.mark.parametrize(
    ("application", "place"), [("laravel", "laravel"), ("shop", "laravel:applications:shop")]
)
def test_what_to_do_names_the_application_s_own_keys(application, place):
    settings = {"directory": "/srv/a", "migrate": {"node": "web"}, "application": application}
    facts = {"web": part(settings=settings), "web2": part(settings=settings, keys=keys(now="x"))}
    assert f"into the pillar ({place}:secrets:app_key)" in deployment_plan(facts)["refused"]
    facts["web2"] = part(settings=settings, lock="l2")
    assert f"another build ({place}:build), for" in deployment_plan(facts)["refused"]


@pytest.mark.parametrize("given", [{"source": "salt://other"}, {"build": 2}])
def test_what_a_call_may_not_say_is_refused(given):
    with pytest.raises(SaltInvocationError, match="expected texts for rev, build, release"):
        overrides(given)

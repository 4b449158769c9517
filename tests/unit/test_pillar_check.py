"""What is wrong in a pillar is refused with its key, and with what would be right."""

from __future__ import annotations

import pytest
from pillar_check import check_keys, check_kinds, invalid, is_number, keys_of, walk, with_named
from salt.exceptions import SaltInvocationError

KNOWN = {"port": None, "tls": {"certificate": None, "key": None}, "headers": None}


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"port": 1, "tls": {"key": ""}},
        {"tls": None},
        {"headers": {"X-Anything": "goes"}},
        {"headers": ["as", "does", "this"]},
    ],
)
def test_what_is_read_is_taken(value):
    check_keys(value, KNOWN, "apache")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (
            {"prot": "hidden"},
            "pillar apache:prot is a key that nothing reads; expected apache:port",
        ),
        (
            {"tls": {"certifcate": "hidden"}},
            "pillar apache:tls:certifcate is a key that nothing reads; "
            "expected apache:tls:certificate",
        ),
        (
            {"zzz": {"hidden": 1}},
            "pillar apache:zzz is a key that nothing reads; expected one of port, tls, headers",
        ),
        ({1: "hidden"}, "pillar apache:1 is a key that nothing reads; expected one of port, "),
        (["hidden"], "pillar apache is a list; expected a mapping with port, tls, headers"),
        ({"tls": "hidden"}, "pillar apache:tls is a str; expected a mapping with certificate, key"),
    ],
)
def test_what_nothing_reads_is_refused_without_its_value(value, error):
    with pytest.raises(SaltInvocationError) as caught:
        check_keys(value, KNOWN, "apache")
    assert str(caught.value).startswith(error)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "missing"),
        (7, "'7'"),
        ("a b", "'a b'"),
        ("a\nb", repr("a\nb")),
        ({"hidden": 1}, "a dict"),
        (["hidden"], "a list"),
    ],
)
def test_a_value_is_shown_unless_it_holds_others(value, shown):
    assert str(invalid("a:b", value, "a number")) == f"pillar a:b is {shown}; expected a number"


@pytest.mark.parametrize(
    ("key", "value"), [("a", {"b": {"c": 1}}), ("a:b:c", 1), ("a:x", None), ("a:b:c:d", None)]
)
def test_a_key_with_colons_leads_to_its_value(key, value):
    assert walk({"a": {"b": {"c": 1}}}, key) == value


@pytest.mark.parametrize(
    ("value", "right"),
    [(1, True), (9, True), (0, False), (10, False), (True, False), ("5", False), (5.0, False)],
)
def test_a_number_is_whole_and_within_its_bounds(value, right):
    assert is_number(value, 1, 9) is right


DEFAULTS = {
    "port": 80,
    "server_name": None,
    "tls": {"key": "", "deeper": {"still": 1}},
    "modules": ["a"],
    "headers": {"X-One": "1"},
}


def test_the_keys_of_a_formula_are_those_of_its_defaults():
    known = {
        "port": None,
        "server_name": None,
        "tls": {"key": None, "deeper": {"still": None}},
        "modules": None,
    }
    assert keys_of(DEFAULTS, ["headers"]) == {**known, "headers": None}
    assert keys_of(DEFAULTS) == {**known, "headers": {"X-One": None}}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, {"env": None}),
        ({"key_from": "app:secrets:key"}, {"env": None, "secrets": {"key": None}}),
        (
            [{"a": ["app:secrets:one"]}, {"b": {"c": "app:secrets:two"}}],
            {"env": None, "secrets": {"one": None, "two": None}},
        ),
        ({"a": "app:token"}, {"env": None, "token": None}),
        # All that is below is the site's own already.
        ({"a": "app:env:one"}, {"env": None}),
        ({"a": "other:secrets:key", "b": "app", "c": "app:", "d": "apps:x", "e": 7}, {"env": None}),
        ({"a": "app::key", "b": "app:x:"}, {"env": None}),
    ],
)
def test_a_key_that_another_one_names_is_read(tree, expected):
    known = {"env": None}
    assert with_named(known, tree, "app") == expected
    assert known == {"env": None}


KINDS = {
    "name": "web",
    "suffix": "",
    "keep": 5,
    "pause": 0.5,
    "hold": True,
    "pages": [],
    "tls": {"key": "", "self_signed": False},
    "version": None,
    "schedule": False,
}


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"name": "other", "suffix": "", "keep": 0, "pause": 1, "hold": False, "pages": ["/up", 1]},
        {"suffix": 8.4, "tls": {}, "version": ["anything"]},
        {"tls": {"key": "/a", "self_signed": True}, "schedule": "all"},
        # Of a key that another check refuses, or takes, nothing is said here.
        {"secrets": {"key": None}},
    ],
)
def test_a_value_of_its_default_s_kind_is_taken(value):
    check_kinds(value, KINDS, "web", own=["schedule"])


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"name": None}, "web:name is missing; expected text in one line, such as 'web'"),
        ({"name": ""}, "web:name is ''; expected text in one line, such as 'web'"),
        ({"name": True}, "web:name is 'True'; expected text in one line, such as 'web'"),
        ({"name": "a\nb"}, r"web:name is 'a\nb'; expected text in one line, such as 'web'"),
        ({"name": 8.4}, "web:name is '8.4'; expected text in one line, such as 'web'"),
        ({"name": "a: b"}, "web:name is 'a: b'; expected text in one line, such as 'web'"),
        ({"name": "{{ x }}"}, "web:name is '{{ x }}'; expected text in one line, such as 'web'"),
        ({"suffix": ["a"]}, "web:suffix is a list; expected text in one line, such as ''"),
        ({"keep": "5"}, "web:keep is '5'; expected a number, 0 or more, such as 5"),
        ({"keep": True}, "web:keep is 'True'; expected a number, 0 or more, such as 5"),
        ({"pause": -1}, "web:pause is '-1'; expected a number, 0 or more, such as 0.5"),
        ({"hold": "yes"}, "web:hold is 'yes'; expected true or false"),
        ({"hold": 1}, "web:hold is '1'; expected true or false"),
        ({"pages": "/up"}, "web:pages is '/up'; expected a list of texts"),
        ({"pages": [{"a": 1}]}, "web:pages is a list; expected a list of texts"),
        ({"tls": None}, "web:tls is missing; expected a mapping with key, self_signed"),
        ({"tls": {"self_signed": "no"}}, "web:tls:self_signed is 'no'; expected true or false"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_key(value, error):
    with pytest.raises(SaltInvocationError) as caught:
        check_kinds(value, KINDS, "web", own=["schedule"])
    assert str(caught.value) == f"pillar {error}"

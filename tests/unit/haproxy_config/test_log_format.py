"""Where HAProxy evaluates what a directive says (its manual, "Custom log format")."""

from __future__ import annotations

import pytest
from haproxy_config.log_format import in_function, is_evaluated, split


@pytest.mark.parametrize(
    ("text", "words", "begun"),
    [
        ("http-request set-header X ", ["http-request", "set-header", "X"], ""),
        ('a "b c" d', ["a", "b c"], "d"),
        (r"a b\ c", ["a"], "b c"),
        ("a 'b\\ c' d", ["a", "b\\ c"], "d"),
        ('a "b c', ["a"], "b c"),
        ("", [], ""),
    ],
)
def test_words_end_as_haproxy_ends_them(text, words, begun):
    assert split(text) == (words, begun)


@pytest.mark.parametrize(
    ("prefix", "evaluated"),
    [
        ("http-request set-header X-Token ", True),
        ("http-request set-header ", False),
        ("http-request replace-header X old ", True),
        ("http-request replace-header X ", False),
        ("http-request set-path ", True),
        ("http-request set-map(file) ", True),
        ("http-request return status 200 lf-string ", True),
        ("http-request return status 200 string ", False),
        ("http-request return hdr X ", True),
        ("http-request deny if { path ", False),
        ("redirect location ", True),
        ("redirect code ", False),
        ("log-format ", True),
        ("tcp-request content set-var-fmt(sess.a) ", True),
        ("http-error status 404 content-type text/plain lf-string ", True),
        ("http-error status 404 hdr X-Token ", True),
        ("http-error status 404 content-type text/plain string ", False),
        ("tcp-check send-binary-lf ", True),
        ("tcp-check send-binary ", False),
        ("http-check expect status 200 on-error ", True),
        ("use_backend ", True),
        ("use-server ", True),
        ("server db1 192.0.2.1:3306 set-proxy-v2-tlv-fmt(0x20) ", True),
        ("server db1 192.0.2.1:3306 on-error ", False),
        ("on any format ", True),
        ("stats auth admin:", False),
        ("server db1 ", False),
        ("", False),
    ],
)
def test_only_some_places_are_evaluated(prefix, evaluated):
    assert is_evaluated(prefix) is evaluated


@pytest.mark.parametrize(
    ("prefix", "inside"),
    [
        ("http-request set-header X %[str(", True),
        ("http-request set-header X %[req.hdr(Host)] ", False),
        ("http-request set-header X %[", True),
        ("acl a req.hdr(Host) -m str ", False),
    ],
)
def test_the_arguments_of_a_function_are_another_place(prefix, inside):
    assert in_function(prefix) is inside

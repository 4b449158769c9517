"""Secrets reach HAProxy as they are, and nobody else."""

from __future__ import annotations

import pytest
from haproxy_config.secrets import MASK, conceal, fill_directive
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import SaltInvocationError

value_text = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30
).filter(lambda value: value.strip("*"))


def haproxy_words(line):
    """Split a line as HAProxy's manual says (2.2): an independent reader for the test."""
    words, word, quote, index = [], None, "", 0
    while index < len(line):
        character = line[index]
        if character == "\\" and quote != "'":
            index += 1
            word = (word or "") + line[index]
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote, word = character, word or ""
        elif not quote and character == " ":
            words, word = (words if word is None else [*words, word]), None
        elif not quote and character == "#":
            break
        else:
            word = (word or "") + character
        index += 1
    return words if word is None else [*words, word]


@pytest.mark.parametrize("form", ["auth a:{}", 'auth "a:{}"', "auth 'a:{}'", "auth 'a':\"{}\""])
@given(value=value_text)
def test_a_value_reaches_haproxy_unchanged_whatever_it_holds(form, value):
    line = fill_directive("here", form.format("${pillar:p}"), {"p": value})
    assert haproxy_words(line.text) == ["auth", f"a:{value}"]
    assert line.shown == form.format(MASK)


@given(value_text.filter(lambda value: len(value) >= 4))
def test_pieces_of_a_secret_are_concealed(secret):
    for piece in (secret, secret[2:], secret[:-2], secret[:4]):
        shown = conceal(f"before {piece} after", [secret])
        assert not any(secret[i : i + 4] in shown for i in range(len(secret) - 3)) or MASK in secret
    assert conceal("nothing", []) == "nothing"


@pytest.mark.parametrize(
    ("directive", "evaluated"),
    [
        ("http-request set-header X-Tok {}", True),
        ('http-request set-header X-Tok "Bearer {}"', True),
        ("http-request add-header X-Tok {} if { src 192.0.2.1 }", True),
        ("http-response replace-value Set-Cookie (.*) {}", True),
        ("http-request set-var-fmt(txn.tok) {}", True),
        ("http-request redirect location https://shop.example.com/{} code 302", True),
        ("http-request return status 200 content-type text/plain lf-string {}", True),
        ("http-request return status 200 hdr X-Tok {}", True),
        ("http-check send meth GET uri /up hdr X-Tok {}", True),
        ("tcp-request content set-var-fmt(txn.tok) {}", True),
        ("log-format {}", True),
        ("http-request return status 200 content-type text/plain string {}", False),
        ("http-request set-header X-Tok on if { req.hdr(X-Tok) -m str {} }", False),
        ("stats auth admin:{}", False),
        ("user admin insecure-password {}", False),
        ("http-request deny if { path_beg {} }", False),
    ],
)
def test_a_percent_sign_is_doubled_where_haproxy_evaluates_it_and_nowhere_else(
    directive, evaluated
):
    line = fill_directive("here", directive.replace("{}", "${pillar:p}"), {"p": "a%b"})
    assert line.text == directive.replace("{}", "a%%b" if evaluated else "a%b")
    assert {"a%b", "a%%b"} & line.secrets
    assert "a%" not in line.shown


def test_what_ends_an_argument_of_a_function_is_refused_without_the_value():
    directive = "http-request set-header X-Tok %[str(${pillar:p})]"
    assert fill_directive("here", directive, {"p": "good-1"}).text.endswith("%[str(good-1)]")
    for value in ("hid,den", "hidden)", "hid den", "hid%den", 'hid"den'):
        with pytest.raises(SaltInvocationError, match="here refers to p among the arg") as caught:
            fill_directive("here", directive, {"p": value})
        assert "hid" not in str(caught.value)

"""Secrets reach HAProxy as they are, and nobody else."""

from __future__ import annotations

import pytest
from haproxy_config.secrets import MASK, conceal, fill_directive
from hypothesis import given
from hypothesis import strategies as st

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

"""The grammar of a .env file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laravel_deploy.dotenv import edit_env, parse_env
from salt.exceptions import CommandExecutionError, SaltInvocationError

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)


VALUES = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


# Lines of somebody else's: none of them opens a quote over several lines.
OTHER_LINES = st.sampled_from(
    ["", "# a comment", 'other="a b"', "export x=1", "y='it # is' # so", "  z = 3  ", "w=${x}"]
)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=v", "v"),
        ("K=", ""),
        ("K=''", ""),
        ('K=""', ""),
        ("  K  =  v  ", "v"),
        ("export K=v", "v"),
        ("'K'=v", "v"),
        ("K=v # comment", "v"),
        ("K=v#comment", "v"),
        ("K=# comment", ""),
        ("K='a b # $X \\n'", "a b # $X \\n"),
        ('K="a b" # c', "a b"),
        (r'K="\"\\\$\n\t"', '"\\$\n\t'),
        ('K="two\nlines"', "two\nlines"),
        ('K="two\r\nlines"', "two\nlines"),
        ("K=a'b\"c", "a'b\"c"),
        ("A=x\nK=${A}y", "xy"),
        ('A=x\nK="${A}y${B}"', "xy${B}"),
        ("A=x\nK='${A}'", "${A}"),
        ('A=x\nK="\\${A}"', "${A}"),
        ("K=one\nK=two", "two"),
        ("# K=no\nK=yes", "yes"),
        ('# A="\nK=yes', "yes"),
        ("K=base64:abc+/=", "base64:abc+/="),
    ],
)
def test_reads_what_phpdotenv_reads(line, value):
    assert parse_env(line)["K"] == value


@pytest.mark.parametrize(
    "text", ["K=a b", "K='a'b", 'K="a', "K='a", r'K="\q"', "no name", "=x", "A-B=c"]
)
def test_refuses_what_phpdotenv_refuses_and_shows_no_value(text):
    with pytest.raises(CommandExecutionError) as caught:
        parse_env("# first\n" + text)
    assert str(caught.value).startswith("Line 2 of the .env file has ")
    assert "=" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("", ""),
        ("base64:a+/=", "base64:a+/="),
        ("a b", '"a b"'),
        ("a#b", '"a#b"'),
        ('a"b$c', '"a\\"b\\$c"'),
        ("two\nlines", '"two\\nlines"'),
        ("back\\", '"back\\\\" #"'),
    ],
)
def test_quotes_only_what_needs_it(value, written):
    assert edit_env("", {"K": value}) == f"K={written}\n"


@given(lines=st.lists(OTHER_LINES), at=st.integers(0, 9), name=NAMES, value=VALUES)
def test_what_is_set_is_read_back_and_other_lines_are_kept(lines, at, name, value):
    at = min(at, len(lines))
    before = [*lines[:at], f"{name}=old", *lines[at:]]
    after = edit_env("\n".join(before) + "\n", {name: value})
    assert parse_env(after)[name] == value
    kept = after.split("\n")
    assert kept[:at] + kept[at + 1 :] == [*lines, ""]


@given(lines=st.lists(OTHER_LINES), end=st.sampled_from(["", "\n", "\r\n"]), value=VALUES)
def test_a_new_variable_is_appended(lines, end, value):
    before = "\n".join(lines) + end
    after = edit_env(before, {"NEW": value})
    assert after.startswith(before)
    assert parse_env(after)["NEW"] == value


@given(values=st.dictionaries(NAMES, VALUES, min_size=1), text=st.just("A=1\r\nB=2\r\n"))
def test_editing_twice_is_editing_once(values, text):
    once = edit_env(text, values)
    assert edit_env(once, values) == once


def test_a_quote_left_open_is_not_written_into():
    with pytest.raises(CommandExecutionError, match="never closed"):
        edit_env('A="open\n', {"B": "x"})


@pytest.mark.parametrize("values", [{"a b": "x"}, {"": "x"}, {"A": "\0"}])
def test_refuses_what_cannot_be_written(values):
    with pytest.raises(SaltInvocationError):
        edit_env("", values)

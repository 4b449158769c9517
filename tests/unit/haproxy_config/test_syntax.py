"""Text to sections and directives, as tables."""

from __future__ import annotations

import pytest
from haproxy_config.syntax import parse
from salt.exceptions import SaltInvocationError


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("", {}),
        ("# only a comment\n", {}),
        ("global\n\tuser haproxy\r\n\r\n", {"global": ["user haproxy"]}),
        ("listen  x   # why\nbind :1 # here\n", {"listen x": ["bind :1 # here"]}),
        ("# head\nglobal\n# inside\ndefaults", {"global": ["# inside"], "defaults": []}),
    ],
)
def test_files_of_others_are_parsed(text, sections):
    assert parse(text) == sections


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("global\ndefaults\nglobal\n", "line 3: the section 'global' appears a second time"),
        ("listen a\n listen  a\n", "line 2: the section 'listen a' appears a second time"),
        ("\nuser hidden\n", "line 2 stands before the first section"),
    ],
)
def test_what_cannot_be_parsed_is_refused_by_line(text, words):
    with pytest.raises(SaltInvocationError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "hidden" not in str(caught.value)

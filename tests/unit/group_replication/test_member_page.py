"""A member's page for a person, and what a balancer is told of it."""

from __future__ import annotations

import pytest
from group_replication.member_page import code_of, marked, shown, wanted

ANSWER = {
    "name": "db1",
    "state": "ONLINE",
    "reason": "ONLINE, with a majority, <role> PRIMARY",
    "writable": True,
    "readable": True,
    "draining": "",
    "live": True,
    "role": "PRIMARY",
    "queued": 7,
    "age": 0.12,
    "host": "192.0.2.11",
    "members": [
        {"host": "192.0.2.11", "port": 3306, "state": "ONLINE", "role": "PRIMARY", "version": "9"},
        {"host": "192.0.2.12", "port": 3306, "state": "UNREACHABLE", "role": "", "version": ""},
    ],
}


@pytest.mark.parametrize(
    ("yes", "draining", "code"),
    [(True, "", 200), (True, "leaving", 404), (False, "", 503), (False, "leaving", 503)],
)
def test_a_member_that_drains_takes_nobody_new(yes, draining, code):
    assert code_of(yes, draining) == code


@pytest.mark.parametrize(
    ("accept", "weight"),
    [
        ("text/html", 1),
        ("text/html;q=0.4, */*", 0.4),
        ("text/*;q=0.3, */*;q=0.8", 0.3),
        ("*/*;q=0.8", 0.8),
        ("application/json", 0),
        ("text/html;q=2", 0),
        ("", 0),
    ],
)
def test_the_most_exact_entry_counts(accept, weight):
    assert wanted(accept, "text/html") == weight


def test_what_a_member_says_is_text_and_no_page():
    assert marked("<b>") == "&lt;b&gt;"
    assert marked("ONLINE") == '<span class="good">ONLINE</span>'
    page = shown(ANSWER)
    assert "<role>" not in page
    assert "with a majority, &lt;role&gt; PRIMARY" in page


def test_the_page_shows_the_group_as_the_member_sees_it():
    page = shown(ANSWER)
    assert "<title>db1: ONLINE</title>" in page
    assert "<td>192.0.2.11:3306</td><td>this one</td>" in page
    assert '<td>192.0.2.12:3306</td><td></td><td><span class="bad">UNREACHABLE</span></td>' in page
    assert "<td>to be applied</td><td>7 transactions</td>" in page
    alone = shown({**ANSWER, "members": [], "live": False, "draining": "leaving"})
    assert "The group as this member sees it" not in alone
    assert "to be applied" not in alone
    assert '<td>writable</td><td><span class="other">nobody new</span></td>' in alone

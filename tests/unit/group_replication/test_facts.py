"""What follows from what members say of themselves."""

from __future__ import annotations

import pytest
from group_replication import facts
from group_replication.facts import has_quorum, serving


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["ONLINE"], True),
        (["ONLINE", "ONLINE", "ONLINE"], True),
        (["ONLINE", "ONLINE", "UNREACHABLE"], True),
        (["ONLINE", "UNREACHABLE", "UNREACHABLE"], False),
        (["ONLINE", "UNREACHABLE"], False),
        (["ONLINE", "RECOVERING", "UNREACHABLE"], True),
        (["ONLINE", "RECOVERING"], True),
        (["ONLINE", "ERROR", "OFFLINE"], True),
        (["OFFLINE"], False),
        ([], False),
    ],
)
def test_quorum(states, expected):
    assert has_quorum([{"state": state} for state in states]) is expected


@pytest.mark.parametrize(
    ("states", "queues", "expected"),
    [
        (["ONLINE", "ONLINE", "ONLINE"], [7, 5, 3], (7, 3)),
        # One that may not be read itself is no place to send a reader to.
        (["ONLINE", "ONLINE", "RECOVERING"], [7, 5, 3], (7, 5)),
        (["ONLINE", "UNREACHABLE", "RECOVERING"], [7, 5, 3], (7, None)),
        (["ONLINE"], [7], (7, None)),
        (["OFFLINE"], [], (0, None)),
    ],
)
def test_the_queue_of_the_others_is_seen(monkeypatch, states, queues, expected):
    server = {"server_uuid": "u0", "host": "h0", "port": 3306}
    view = [
        {"MEMBER_ID": f"u{n}", "MEMBER_HOST": f"h{n}", "MEMBER_PORT": 3306, "MEMBER_STATE": state}
        for n, state in enumerate(states)
    ]
    answers = {
        "events_statements_current": [],
        "@@super_read_only": [{**server, "super_read_only": 0, "offline_mode": 0}],
        "replication_group_members": [
            {**one, "MEMBER_ROLE": "PRIMARY", "MEMBER_VERSION": "9.7.4"} for one in view
        ],
        "replication_group_member_stats": [
            {"id": f"u{n}", "view_id": "1:1", "queued": queued} for n, queued in enumerate(queues)
        ],
    }

    def rows(connection, query):
        return next(answer for words, answer in answers.items() if words in query)

    monkeypatch.setattr(facts, "rows", rows)
    seen = serving(None, {})
    assert (seen["queued"], seen["least_queued"]) == expected

"""When a group last agreed on a message, and what a member does that is alone and cannot agree."""

from __future__ import annotations

import pytest
from group_replication import consensus
from group_replication.decision import decide_by

from tests.unit.group import GROUP, gone, one, online

ALONE = online("db2", gtids=f"{GROUP}:1-9", overdue=consensus.HALTED_SECONDS)


@pytest.mark.parametrize(
    ("age", "period", "expected"),
    [
        (None, None, 0),
        (0, "1", 0),
        (1, "1", 0),
        (25, "1", 24),
        # A site may have them send less often.
        (60, "60", 0),
        (85, "60", 25),
        # A clock that was set back.
        (-30, "1", 0),
        # A server that has no such option.
        (25, None, 24),
    ],
)
def test_a_message_is_overdue_after_its_period(age, period, expected):
    assert consensus.overdue(age, period) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ALONE, True),
        ({**ALONE, "overdue": consensus.HALTED_SECONDS - 1}, False),
        # A view without majority says so itself.
        ({**ALONE, "quorum": False}, False),
        # Others in the view say what is so.
        (online("db2", "db3", overdue=900), False),
        (one("db2", "RECOVERING", overdue=900), False),
        (one("db2", overdue=900), False),
        (gone(), False),
    ],
)
def test_a_group_of_one_that_agrees_on_nothing_has_halted(facts, expected):
    facts = {"quorum": False, "members": [], **facts}
    assert consensus.is_halted(facts) is expected


def test_a_clock_that_is_set_halts_nothing(monkeypatch):
    """The agent goes by its own time: what counts is that the server says the same again."""
    server = {"last": "", "period": "1"}
    monkeypatch.setattr(consensus, "rows", lambda connection, sql, values: [dict(server)])
    watched, now = consensus.Watched(), 1000.0
    # Group Replication has just started.
    assert [watched.look(None, now + later) for later in (0, 90)] == [False, False]
    now += 90
    server["last"] = "2026-11-30 08:00:00.0"
    halts = consensus.HALTED_SECONDS + 1
    assert [watched.look(None, now + n) for n in (0, 1, halts - 1, halts)] == [False] * 3 + [True]
    server["last"] = "2036-11-30 08:00:00.0"
    assert watched.look(None, now + 60) is False
    assert watched.look(None, now + 60 + halts) is True
    # A site may have members send less often.
    server["period"] = "60"
    assert watched.look(None, now + 60 + halts) is False


JOINS = one("db3", gtids=f"{GROUP}:1-5")
AGREED_ON_NOTHING = "db2 is ONLINE alone, and its group has agreed on nothing for 20 s"


@pytest.mark.parametrize(
    ("others", "verdict", "words"),
    [
        ({"db1": one("db1"), "db3": JOINS}, "reboot", "db2 leaves it and reboots it"),
        # The machine that died in its join: this member was alone, so nobody has more.
        ({"db1": gone(), "db3": gone()}, "reboot", "db2 leaves it and reboots it"),
        (
            {"db1": gone(), "db3": {**JOINS, "applier_on": True}},
            "wait",
            "db3 has not given up yet",
        ),
        ({"db1": one("db1", "ERROR"), "db3": JOINS}, "wait", "db1 has not given up yet"),
        # Another group of the same name: who gives way is decided elsewhere.
        (
            {"db1": online("db1", view_id="17954917702288954:1"), "db3": JOINS},
            "refuse",
            "db1",
        ),
    ],
)
def test_who_is_alone_begins_its_group_anew(others, verdict, words):
    decision = decide_by("db2", GROUP, {"db1": others["db1"], "db2": ALONE, "db3": others["db3"]})
    assert (decision["verdict"], words in decision["why"]) == (verdict, True), decision["why"]
    if verdict != "refuse":
        assert AGREED_ON_NOTHING in decision["why"]
    assert decision["bootstrap_member"] == ("db2" if verdict == "reboot" else None)


def test_who_is_outside_waits_for_that():
    facts = {"db1": gone(), "db2": ALONE, "db3": JOINS}
    decision = decide_by("db3", GROUP, facts)
    assert decision["verdict"] == "wait"
    assert decision["why"].startswith(AGREED_ON_NOTHING)
    assert "reboot its group first" in decision["why"]
    facts["db2"] = {**ALONE, "overdue": 0}
    assert decide_by("db3", GROUP, facts)["verdict"] == "join"

"""What is not tried again: reasons that last, pauses that grow, and news that end them."""

from __future__ import annotations

import pytest
from group_replication import failures
from group_replication.decision import decide_by
from group_replication.failures import (
    PAUSES,
    SUCCESS_SECONDS,
    Attempts,
    changed,
    failing,
    held_back,
    noted,
    pause_of,
    reason_of,
    surroundings_of,
)

from tests.unit.group import GROUP, HOSTS, OTHER, Clock, gone, one, online

DUPLICATE = (
    "Worker {worker} failed executing transaction '{group}:{number}' at source log binlog.00000"
    "{worker}, end_log_pos {number}07; Could not execute Write_rows event on table t.l; Duplicate "
    "entry '1' for key 'l.PRIMARY', Error_code: {code}; handler error HA_ERR_FOUND_DUPP_KEY; the "
    "event's source log binlog.00000{worker}, end_log_pos {number}11"
)
START = "mysqld said: The server is not configured properly (3092) Its error log: "
NO_LOCAL = (
    f"{START}MY-011735 '[GCS] The group communication engine failed to test connectivity to the "
    "local group communication engine on 10.99.0.3:3306.'"
)


def duplicate(worker: int = 1, number: int = 5, code: int = 1062, group: str = GROUP) -> str:
    return DUPLICATE.format(worker=worker, number=number, code=code, group=group)


@pytest.mark.parametrize(
    "said",
    [
        duplicate(),
        duplicate(code=1146),
        "error connecting to source 'r@10.99.0.1:3306'. Message: Access denied for 'r' (1045)",
        "error connecting to source: SSL connection error: certificate verify failed (2026)",
        "db3 could not clone 10.99.0.1:3306: Clone Donor Error (3862)",
        NO_LOCAL,
        f"{START}MY-011527 'The member is configured with an option value '7' different from the "
        "group '1000000'.'",
    ],
)
def test_reasons_that_last(said):
    assert reason_of(said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "mysqld said: Lost connection to MySQL server during query (timed out) (2013)",
        "cannot connect to mysqld at 10.99.0.1:33062: timed out (2003)",
        "db3 is RECOVERING and made no progress for 60 s",
        "the applier made no progress for 60 s; received but not applied: a:1",
        "db1 still has the stale member db3 in its view; db3 joins when that is expelled",
        "Deadlock found when trying to get lock, Error_code: MY-001213",
        "Lock wait timeout exceeded, Error_code: 1205",
        f"{START}MY-011735 '[GCS] Error connecting to all peers. Member join failed.'; MY-011640 "
        "'Timeout on wait for view after joining group'",
        f"{START}MY-011502 'There was a previous plugin error while the member joined the group.'",
    ],
)
def test_reasons_that_may_pass(said):
    assert reason_of(said) == ""


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (duplicate(1, 5), duplicate(3, 99), True),
        (duplicate(group=GROUP), duplicate(group=OTHER), True),
        (NO_LOCAL, NO_LOCAL.replace("10.99.0.3", "10.99.0.4"), True),
        (duplicate(), duplicate(code=1146), False),
        (duplicate(), duplicate().replace("t.l", "t.m"), False),
    ],
)
def test_what_is_the_same_in_two_tries(left, right, same):
    assert (reason_of(left) == reason_of(right)) is same


FACTS = {
    "db1": online("db1", "db2", gtids=f"{GROUP}:1-9"),
    "db2": online("db2", "db1", gtids=f"{GROUP}:1-9"),
    "db3": one("db3", "ERROR", f"{GROUP}:1-4", gtid_received=f"{GROUP}:5"),
}
AROUND = surroundings_of("db3", FACTS, "{}")


def other(name: str, **more) -> dict:
    return {**FACTS, name: {**FACTS[name], **more}}


@pytest.mark.parametrize(
    ("facts", "declared", "expected"),
    [
        (FACTS, "{}", False),
        (FACTS, '{"port": 1}', True),
        (other("db2", state="OFFLINE"), "{}", True),
        (other("db2", view_id="18000000000000000:1"), "{}", True),
        # Another view of the same group, as each try of a member makes.
        (other("db2", view_id=f"{FACTS['db2']['view_id'].partition(':')[0]}:99"), "{}", False),
        (other("db1", started=2), "{}", True),
        (other("db1", server_uuid="other"), "{}", True),
        (other("db3", started=2), "{}", True),
        (other("db3", gtid_executed=f"{GROUP}:1-5"), "{}", True),
        (other("db3", gtid_received=f"{GROUP}:5-6"), "{}", True),
        # What the group goes on with.
        (other("db1", gtid_executed=f"{GROUP}:1-99"), "{}", False),
        ({**FACTS, "db2": gone()}, "{}", True),
    ],
)
def test_what_is_news(facts, declared, expected):
    assert changed(AROUND, surroundings_of("db3", facts, declared)) is expected


def test_a_silent_member_that_was_out_is_no_news():
    before = surroundings_of("db3", {**FACTS, "db2": one("db2")}, "")
    now = surroundings_of("db3", {**FACTS, "db2": gone()}, "")
    assert not changed(before, now)
    assert changed(now, before)


@pytest.mark.parametrize(
    ("before", "words", "around", "times"),
    [
        (None, (duplicate(),), AROUND, 1),
        (("join", duplicate(2, 7)), (duplicate(),), AROUND, 2),
        (("clone", duplicate()), (duplicate(),), AROUND, 1),
        (("join", duplicate(code=1146)), (duplicate(),), AROUND, 1),
        (("join", "timed out"), ("timed out",), AROUND, 1),
        # It came further.
        (("join", duplicate()), (duplicate(),), {**AROUND, "executed": f"{GROUP}:1-7"}, 1),
        # The channel's words are nearer to the cause than those of the start.
        (("join", duplicate()), (duplicate(), f"{START}whatever"), AROUND, 2),
        (("join", NO_LOCAL), ("", NO_LOCAL), AROUND, 2),
    ],
)
def test_equal_failures_in_a_row_are_counted(before, words, around, times):
    was = noted(None, before[0], (before[1],), AROUND, 0) if before else None
    assert noted(was, "join", words, around, 1).times == times


@pytest.mark.parametrize(
    ("said", "times", "expected"),
    [
        (duplicate(), 1, 0),
        *((duplicate(), number + 2, pause) for number, pause in enumerate(PAUSES)),
        (duplicate(), 50, PAUSES[-1]),
        ("timed out", 50, 0),
    ],
)
def test_pauses_grow_to_the_last_one_and_stay(said, times, expected):
    failure = noted(None, "join", (said,), AROUND, 0)._replace(times=times)
    assert pause_of(failure) == expected
    assert (held_back("db3", failure, AROUND, max(0, expected - 0.1)) is not None) is (expected > 0)
    assert held_back("db3", failure, AROUND, expected) is None


@pytest.mark.parametrize(
    ("verdict", "said", "words", "override"),
    [
        ("join", duplicate(), ["method=clone clone_over=db3", "by mysql_gr.join"], "clone_over"),
        ("join", NO_LOCAL, ["salt db3 mysql_server.check_instance", "by mysql_gr.join"], ""),
        ("apply", duplicate(), ["force_member=db3", "by mysql_gr.recover"], ""),
    ],
)
def test_the_sentence_has_the_servers_words_and_the_way_out(verdict, said, words, override):
    failure = noted(None, verdict, (said,), AROUND, 0)._replace(times=3)
    held = held_back("db3", failure, AROUND, 1)
    assert held
    assert (held["verdict"], held["override"]) == ("refuse", override)
    for part in ("failed 3 times", said, "2 min", *words):
        assert part in held["why"]


@pytest.fixture
def trying(monkeypatch, tmp_path):
    """A keeper's attempts, with time that passes by sleeping alone."""
    monkeypatch.setattr(failures, "FAILURE_FILE", tmp_path / "run" / "failing.json")
    return Attempts(decide_by, "{}"), Clock(monkeypatch)


FAILED = other("db3", applier_error=duplicate())


def decided(attempts: Attempts, facts: dict) -> str:
    return attempts.decide("db3", GROUP, facts)["verdict"]


def test_the_third_try_waits_and_is_seen_by_others(trying):
    attempts, clock = trying
    assert decided(attempts, FACTS) == "join"
    assert decided(attempts, FAILED) == "join"
    assert failing(failures.FAILURE_FILE) == ""
    assert decided(attempts, FAILED) == "refuse"
    assert "Duplicate entry" in failing(failures.FAILURE_FILE)
    clock.now += PAUSES[0]
    assert [decided(attempts, FAILED) for _ in range(2)] == ["join", "refuse"]
    clock.now += PAUSES[0]
    assert decided(attempts, FAILED) == "refuse"
    clock.now += PAUSES[1] - PAUSES[0]
    assert decided(attempts, FAILED) == "join"


def test_news_bring_a_try_and_the_same_failure_the_next_pause(trying):
    attempts, clock = trying
    assert [decided(attempts, FAILED) for _ in range(3)] == ["join", "join", "refuse"]
    news = {**FAILED, "db1": {**FAILED["db1"], "started": 2}}
    assert [decided(attempts, news) for _ in range(2)] == ["join", "refuse"]
    clock.now += PAUSES[0]
    assert decided(attempts, news) == "refuse"


def test_what_may_pass_is_tried_each_time(trying):
    attempts, _ = trying
    for _ in range(9):
        assert decided(attempts, FACTS) == "join"
        attempts.failed("mysqld said: timed out (2013)")


def test_a_wait_between_two_tries_hides_no_failure(trying):
    attempts, _ = trying
    stale = {**FAILED, "db1": online("db1", "db2", "db3", gtids=f"{GROUP}:1-9")}
    for verdict in ("join", "join"):
        assert decided(attempts, FAILED) == verdict
        assert decided(attempts, stale) == "wait"
        attempts.failed("not what was raised by the try")
    assert decided(attempts, FAILED) == "refuse"


def test_what_a_start_raised_counts_where_no_channel_says_more(trying):
    attempts, _ = trying
    for _ in range(2):
        assert decided(attempts, FACTS) == "join"
        attempts.failed(NO_LOCAL)
    held = attempts.decide("db3", GROUP, FACTS)
    assert held["verdict"] == "refuse"
    assert NO_LOCAL in held["why"]


def test_a_minute_online_is_a_success_and_a_moment_is_none(trying):
    attempts, clock = trying
    assert [decided(attempts, FAILED) for _ in range(3)] == ["join", "join", "refuse"]
    attempts.succeeded()
    assert failing(failures.FAILURE_FILE) == ""
    assert decided(attempts, FAILED) == "refuse"
    attempts.succeeded()
    clock.now += SUCCESS_SECONDS
    attempts.succeeded()
    assert [decided(attempts, FAILED) for _ in range(3)] == ["join", "join", "refuse"]


def test_a_clone_before_a_join_has_not_failed(trying):
    attempts, _ = trying
    purged = {name: {**FACTS[name], "gtid_purged": f"{GROUP}:1-3"} for name in ("db1", "db2")}
    assert decided(attempts, {**purged, "db3": one("db3")}) == "clone"
    assert decided(attempts, FACTS) == "join"
    assert decided(attempts, {**purged, "db3": one("db3")}) == "clone"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_file_that_says_nothing_holds_nothing(text, tmp_path):
    (tmp_path / "file").write_text(text)
    assert failing(tmp_path / "file") == ""
    assert failing(tmp_path / "none") == ""


def test_hosts_are_in_no_reason():
    assert HOSTS["db1"] not in reason_of(f"Access denied at {HOSTS['db1']}:3306 (1045)")

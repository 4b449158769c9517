"""The pure parts of the measurements: what is planned, how it is judged, what is shown."""

from __future__ import annotations

import configparser

import pytest

from bench import __main__ as bench
from bench import rates, report, sysbench, timings, web
from bench.events import EVENTS, story
from bench.measure import (
    Acknowledged,
    Failure,
    Moments,
    Record,
    cut,
    gaps,
    ids_lost,
    path_result,
    round_results,
)
from bench.plan import EVENTS as PLANNED_EVENTS
from bench.plan import PATHS, Round, chosen, missing, plan
from bench.ways import metadata, metadata_gone, router_config, router_state, tcp_check_config
from tests.support import http_client
from tests.support.lab import MODES
from tests.support.monitor import Sample
from tests.support.packages import change

MOMENTS = Moments(100, 112, 120)
MULTI, SINGLE = MODES


def record(path, times, member="db1", failures=(), at=None, first=0):
    """A client that was acknowledged something at some times."""
    there = {first + n: Acknowledged(when, member) for n, when in enumerate(times)}
    return Record(
        path,
        member,
        member if at is None else at,
        set(there) | {first + 900},
        there,
        [Failure(*one) for one in failures],
    )


# --- plan ----------------------------------------------------------------------------------------


def test_every_event_can_be_planned_and_done():
    assert tuple(EVENTS) == PLANNED_EVENTS


def test_each_repetition_has_all_events_and_begins_with_another():
    rounds = plan([MULTI], ["none", "kill", "freeze"], 4)
    assert [one.event[0] for one in rounds] == list("nkfkfnfnknkf")
    assert [one.repetition for one in rounds] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]


def test_modes_follow_each_other_and_a_switchover_needs_one_primary():
    assert plan(MODES, ["kill", "switchover"], 1) == [
        Round(MULTI, 1, "kill"),
        Round(SINGLE, 1, "kill"),
        Round(SINGLE, 1, "switchover"),
    ]


def test_what_is_missing_is_what_was_not_measured():
    rounds = plan([MULTI], ["kill", "freeze"], 2)
    results = [
        {"mode": MULTI, "repetition": 1, "event": "kill", "problems": []},
        {"mode": MULTI, "repetition": 1, "event": "freeze", "problems": ["not served"]},
    ]
    assert missing(rounds, results) == [one for one in rounds if one != Round(MULTI, 1, "kill")]


def test_names_are_chosen_in_their_known_order():
    assert chosen("PATHS", "router,direct", PATHS) == ["direct", "router"]
    assert chosen("PATHS", "", PATHS) == list(PATHS)
    with pytest.raises(ValueError, match=r"FAULTS names 'flood'; expected some of none,kill"):
        chosen("FAULTS", "kill,flood", PLANNED_EVENTS)


def test_a_story_names_the_victim_and_the_others():
    told = story("db2", ["db1", "db2", "db3"], 12)
    assert (told.victims, told.others, told.seconds) == (("db2",), ("db1", "db3"), 12)
    # Cut off from the balancer, too.
    assert told.coins[0]


# --- measure -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        # From the fault to its first, and to the end.
        ([101, 119], (18, 1)),
        # The gap in which it is healed belongs to the fault, to its end.
        ([*range(101, 111), 115, 116, 117, 118, 119], (5, 1)),
        ([*range(101, 113), 117], (1, 5)),
        ([], (20, 0)),
        # What was before and after is not looked at.
        ([50, 99, 121], (20, 0)),
    ],
)
def test_a_gap_is_of_the_fault_or_of_what_comes_after_it(times, expected):
    assert gaps(times, MOMENTS) == expected


def test_a_client_is_cut_when_it_is_told_so():
    one = record("router", [99, 101, 104], failures=[(98, "2013"), (106, "2013"), (107, "2003")])
    assert cut(one, MOMENTS) == 2


def test_a_client_that_is_never_told_waits_for_as_long_as_its_gap():
    assert cut(record("router", [101, 113, 119]), MOMENTS) == 12


def test_a_path_is_what_its_clients_met():
    records = [
        record("router", range(101, 120), "db2"),
        record("router", [101, 113, 119], failures=[(112.5, "2013"), (90, "1290")], first=1000),
    ]
    assert path_result(records, "db1", MOMENTS, {1000, 7777}) == {
        "clients": 2,
        "hit": 1,
        "gap": 1,
        "worst": 12,
        "after": 1,
        "cut": 11.5,
        "errors": {"2013": 1},
        "readonly": 0,
        "attempted": 24,
        "acknowledged": 22,
        "lost": 1,
    }


def test_refusals_of_a_read_only_member_are_counted_apart():
    errors = [(101, "1290"), (102, "3100"), (103, "2013")]
    found = path_result([record("tcp-check", [101], failures=errors)], "db1", MOMENTS, set())
    assert found["readonly"] == 2
    assert sum(found["errors"].values()) == 3


def test_the_floor_of_several_primaries_counts_from_the_fault():
    records = [record("direct", [102, 103, 119], "db2"), record("router", [101, 119])]
    found = round_results(records, MULTI, "db1", MOMENTS, set())
    assert found["direct"]["gap"] == 16


def test_the_floor_of_one_primary_counts_from_its_last_word():
    records = [
        record("direct", [108, 109, 110, 111, 112, 119], "db2", [(101, "1290")]),
        record("direct", [], "db3", [(101, "1290")], first=2000),
        # The victim acknowledges until 101.5, and again after it was healed.
        record("router", [101, 101.5, 113], "db1", first=3000),
        record("router", [108.5], "db2", first=4000),
    ]
    found = round_results(records, SINGLE, "db1", MOMENTS, set())
    assert found["direct"]["gap"] == found["direct"]["worst"] == 6.5
    assert found["router"]["gap"] == pytest.approx(7)


def test_there_is_no_floor_where_no_other_primary_came():
    records = [record("direct", [], "db2"), record("router", range(101, 120))]
    assert set(round_results(records, SINGLE, "db1", MOMENTS, set())) == {"router"}


def test_what_is_lost_is_lost_on_some_member():
    assert ids_lost({"db1": [1, 2], "db3": [2, 3]}) == {1, 2, 3}


# --- throughput ----------------------------------------------------------------------------------


SAID = """sysbench 1.0.20

SQL statistics:
    queries performed:
        read:                            14000
        total:                           20000
    transactions:                        1000   (166.39 per sec.)
    queries:                             20000  (3327.79 per sec.)
    ignored errors:                      3      (0.50 per sec.)
    reconnects:                          0      (0.00 per sec.)

General statistics:
    total time:                          6.0083s
    total number of events:              1000

Latency (ms):
         min:                                   19.02
         95th percentile:                       82.96
0m0.004s 0m0.002s
0m1.500s 1m0.250s
"""


def test_what_sysbench_says_is_read():
    assert sysbench.said(SAID) == (1000, 20000, 3, 6.0083, 82.96, 61.75)
    with pytest.raises(ValueError, match="processor time is not there"):
        sysbench.said(SAID.rpartition("0m1")[0])
    with pytest.raises(ValueError, match="sysbench did not say 'queries"):
        sysbench.said(SAID.replace("queries:   ", "questions:"))


def test_sysbench_is_told_the_password_in_a_file():
    lines = sysbench.settings(["10.0.0.1", "10.0.0.2"], 3306, "app", "secret", "db").splitlines()
    assert "mysql-host=10.0.0.1,10.0.0.2" in lines
    assert "mysql-password=secret" in lines


def test_every_other_round_goes_backwards():
    runs = rates.plan(["oltp_insert"], 2)
    forwards, backwards = (
        [(run.members, run.path) for run in runs if (run.rate, run.round) == ("most", number)]
        for number in (1, 2)
    )
    assert forwards == backwards[::-1]
    assert len(forwards) == 6
    # The fixed rate is known when the most was measured.
    assert [run.rate for run in runs] == ["most"] * 12 + ["fixed"] * 12


def test_what_may_meet_at_two_members_is_compared_on_one():
    assert {run.members for run in rates.plan(["oltp_write_only"], 1)} == {"one"}
    assert rates.paths_of("oltp_read_only", "all") == ("direct", "mysql-read", "router")
    assert rates.paths_of("oltp_insert", "all") == ("direct", "mysql-cluster", "router")


def run_result(path, transactions, p95=1.0, number=1, rate="most", **more):
    return {
        **rates.Run("oltp_insert", rate, number, "one", path)._asdict(),
        "began": "2026-01-01T00:00:00+00:00",
        "versions": {"sysbench": "1.0.20"},
        "load": [1.0],
        "wanted": 0,
        "transactions": transactions,
        "queries": transactions,
        "seconds": 2.0,
        "p95": p95,
        "cpu": {"mysqld": 0.5, "sysbench": 0.25} | ({} if path == "direct" else {"balancer": 0.1}),
    } | more


def test_a_fixed_rate_is_a_share_of_what_goes_through_the_slowest_path():
    results = [run_result("router", n, number=n) for n in (1000, 2000, 3000)]
    results.append(run_result("direct", 9000))
    run = rates.Run("oltp_insert", "fixed", 1, "one", "direct")
    with pytest.raises(ValueError, match="the most was not measured of mysql-writer"):
        rates.fixed_rate(results, run)
    assert rates.fixed_rate([*results, run_result("mysql-writer", 8000)], run) == 300


def test_a_ratio_is_of_the_same_round():
    results = [
        run_result("direct", 1000, 2.0),
        run_result("router", 900, 3.0),
        run_result("direct", 2000, 2.0, 2),
        run_result("router", 1000, 2.0, 2),
        run_result("router", 5000, 1.0, 3),
    ]
    group = ("oltp_insert", "most", "one")
    assert rates.paired(results, group, "router", "rate") == [0.9, 0.5]
    assert rates.paired(results, group, "router", "p95") == [1.5, 1.0]


def test_the_runs_are_shown_with_what_they_cost():
    text = rates.throughput([run_result("direct", 1000), run_result("mysql-writer", 500, 2.0)])
    assert text.startswith("2 runs, 2026-01-01; sysbench 1.0.20; load average")
    assert "### As much as goes" in text
    assert "### At 30%" not in text
    assert text.splitlines()[-2:] == [
        "| oltp_insert | one | direct | 1 | 500 | - | 1.00 | - | 500.0 | - | 250.0 |",
        "| oltp_insert | one | mysql-writer | 1 | 250 | 0.50 / 0.50 / 0.50 | 2.00 "
        "| 2.00 / 2.00 / 2.00 | 1000.0 | 200.0 | 500.0 |",
    ]


def test_what_was_run_is_not_run_again():
    runs = rates.plan(["oltp_insert"], 1)
    assert rates.missing(runs, [run_result("direct", 1)]) == runs[1:]


# --- what stands beside ours ---------------------------------------------------------------------


def test_what_apt_would_do_is_read():
    text = "NOTE\nRemv mysql-server (9)\nInst libicu78 (78)\nInst sysbench (1)\nConf sysbench (1)\n"
    assert change(text) == (["libicu78", "sysbench"], ["mysql-server"])


def test_the_plain_check_is_as_the_replaced_system_had_it():
    assert tcp_check_config(["10.0.0.1", "10.0.0.2"]).splitlines() == [
        "listen tcp-check",
        "  bind :3406",
        "  mode tcp",
        "  balance roundrobin",
        "  retries 2",
        "  timeout connect 3000",
        "  timeout server 5000",
        "  timeout client 5000",
        "  server mysql-1 10.0.0.1:3306 check",
        "  server mysql-2 10.0.0.2:3306 check",
    ]


def test_router_has_a_port_for_one_member_if_asked():
    config = configparser.ConfigParser()
    config.read_string(router_config("10.0.0.1"))
    assert config["routing:one"]["destinations"] == "10.0.0.1:3306"
    assert "routing:one" not in router_config()


def test_router_asks_the_group_and_sends_to_primaries():
    config = configparser.ConfigParser()
    config.read_string(router_config())
    assert config["metadata_cache:bench"]["ttl"] == "0.5"
    assert config["routing:writer"]["destinations"] == "metadata-cache://bench/?role=PRIMARY"
    assert router_state("b9ba", ["10.0.0.1"])["metadata-cache"] == {
        "group-replication-id": "b9ba",
        "cluster-metadata-servers": ["mysql://10.0.0.1:3306"],
    }


def test_the_metadata_goes_as_it_came():
    made, gone = metadata("10.0.0.9", "secret"), metadata_gone("10.0.0.9")
    assert made.startswith(gone)
    assert made.count("CREATE DATABASE") == made.count("CREATE USER") == 1
    assert "'mysql_gr_bench'@'10.0.0.9'" in gone


# --- report --------------------------------------------------------------------------------------


def path(gap, worst=None, cut=None, errors=0, lost=0):
    return {
        "gap": gap,
        "worst": gap if worst is None else worst,
        "after": 0.1,
        "cut": cut,
        "errors": {"2013": errors} if errors else {},
        "readonly": 0,
        "acknowledged": 100,
        "lost": lost,
    }


def result(mode, event, repetition=1, problems=(), **paths):
    return {
        "mode": mode,
        "event": event,
        "repetition": repetition,
        "began": "2026-01-01T00:00:00+00:00",
        "versions": {"mysqld": "9.7"},
        "load": [1.0, 2.0],
        "problems": list(problems),
        "paths": {name.replace("_", "-"): one for name, one in paths.items()},
    }


def verdict(results, text):
    (found,) = (goal for goal in report.goals(results) if text in goal.text)
    return found


def test_a_spread_is_least_median_p95_and_most():
    assert report.spread([3.0]) == (3, 3, 3, 3)
    assert report.spread([float(n) for n in range(1, 22)]) == (1, 11, 20, 21)


def test_a_round_that_was_run_twice_counts_as_it_went_last():
    first = result(MULTI, "kill", problems=["not served"], direct=path(9))
    second = result(MULTI, "kill", direct=path(1))
    assert report.values(report.measured([first, second]), MULTI, "kill", "direct", "gap") == [1]
    assert report.measured([second, first]) == []


def test_the_table_has_a_row_for_each_path_of_each_event():
    results = [
        result(MULTI, "freeze", 1, direct=path(0.5), router=path(0.6, 9, cut=8.5, errors=2)),
        result(MULTI, "freeze", 2, direct=path(0.7), router=path(0.8, 11, cut=9.5)),
    ]
    assert report.table(results, MULTI).splitlines()[2:] == [
        "| freeze | direct | 2 | 0.50 / 0.60 / 0.69 / 0.70 | 0.50 / 0.60 / 0.69 / 0.70 | 0.10 | - "
        "| 0 (0) | 0 |",
        "| freeze | router | 2 | 0.60 / 0.70 / 0.79 / 0.80 | 9.00 / 10.00 / 10.90 / 11.00 | 0.10 "
        "| 9.50 | 2 (0) | 0 |",
    ]
    assert report.table(results, SINGLE) == ""


def test_a_goal_that_was_not_measured_is_not_held():
    assert verdict([], "kill: gap of mysql-cluster").holds is None
    assert verdict([], "nothing acknowledged is lost").holds is None


@pytest.mark.parametrize(("gap", "holds"), [(1.0, True), (1.01, False)])
def test_the_gap_of_a_kill_has_a_limit(gap, holds):
    results = [result(MULTI, "kill", mysql_cluster=path(gap))]
    assert verdict(results, "kill: gap of mysql-cluster").holds is holds


@pytest.mark.parametrize(("gap", "holds"), [(8.5, True), (8.6, False)])
def test_the_loss_of_a_primary_costs_little_more_than_the_floor(gap, holds):
    results = [result(SINGLE, "kill", direct=path(7), mysql_cluster=path(gap))]
    found = verdict(results, "gap of mysql-cluster ≤ 1.15 x floor")
    assert found.holds is holds
    assert found.seen.startswith(f"rounds above it: {'none' if holds else 'kill 1'} of 1")


@pytest.mark.parametrize(("gap", "holds"), [(1.05, True), (1.2, False)])
def test_slower_than_router_is_slower_by_more_than_the_noise(gap, holds):
    results = [
        result(MULTI, "none", mysql_cluster=path(0.1), router=path(0.1)),
        result(MULTI, "kill", mysql_cluster=path(gap), router=path(1)),
    ]
    found = verdict(results, f"{MULTI}: gap of mysql-cluster no longer than Router's")
    assert found.holds is holds


def test_the_gap_of_one_member_is_not_compared_with_that_of_all():
    assert not [
        goal
        for goal in report.goals([])
        if goal.text.startswith(f"{MULTI}: gap of mysql-writer no longer")
    ]


def test_a_lost_row_counts_in_a_round_that_failed_too():
    results = [result(MULTI, "kill", problems=["not served"], router=path(1, lost=1))]
    assert verdict(results, "nothing acknowledged is lost").holds is False
    assert verdict(results, "every round could be measured").holds is False


def test_what_is_planned_is_to_cost_nothing():
    results = [result(MULTI, "drain", mysql_cluster=path(0.1), mysql_writer=path(0.1, errors=1))]
    found = verdict(results, f"{MULTI}, drain: no request fails")
    assert (found.holds, found.seen) == (False, "mysql-cluster 0 in 1, mysql-writer 1 in 1")


def test_clients_of_a_frozen_member_are_cut_in_time():
    results = [result(MULTI, "freeze", mysql_cluster=path(0.5, 2.2, cut=1.9))]
    assert verdict(results, "freeze: clients of the member are cut").holds is True


def test_the_place_in_the_page_is_filled_anew():
    page = "# A\n<!-- x -->\nold\n<!-- /x -->\nrest\n"
    filled = report.placed(page, "x", "new\n")
    assert filled == "# A\n<!-- x -->\n\nnew\n\n<!-- /x -->\nrest\n"
    assert report.placed(filled, "x", "new\n") == filled
    with pytest.raises(ValueError, match="the page has no <!-- y -->"):
        report.placed(page, "y", "new\n")


def test_all_of_it_is_shown_together():
    text = report.failover([result(MULTI, "kill", direct=path(1), mysql_cluster=path(1))])
    assert text.startswith("1 rounds, 2026-01-01; mysqld 9.7; load average 1.0 / 1.5 / 2.0")
    assert "### multi-primary" in text
    assert "### single-primary" not in text
    assert "### Goals" in text


def test_in_short_the_slowest_client_of_each_path_is_shown():
    results = [
        result(MULTI, "kill", number, mysql_cluster=path(0.2, worst), direct=path(0.1, worst / 2))
        for number, worst in enumerate((0.4, 2.0, 1.0), 1)
    ]
    text = report.summary([*results, result(SINGLE, "reload", mysql_cluster=path(9, 9))])
    rows = [line for line in text.splitlines() if "primary" in line]
    assert rows == [f"| {MULTI} | `kill` | 1.00 / 2.00 | - | 0.50 / 1.00 | - | - |"]
    assert text.startswith("![")
    assert text.splitlines()[-1].startswith("4 rounds, ")


def test_each_text_has_its_place_in_one_page():
    pages = [bench.PAGE.read_text(), bench.TABLES.read_text()]
    for name in ("summary", "failover", "throughput", "timings", "web", "salt"):
        placed = [f"<!-- bench-{name} -->" in page for page in pages]
        assert placed == [name == "summary", name != "summary"]


# --- what the presets take for dead --------------------------------------------------------------


def sample(member: str, states: str, state: str = "ONLINE") -> Sample:
    inside = tuple(states.split(","))
    return Sample(0, 0, member, state, "1", "1:1", True, inside, False)


def test_each_member_that_went_out_of_a_view_is_counted_once():
    all_of_them, two, one = "ONLINE,ONLINE,ONLINE", "ONLINE,ONLINE", "ONLINE"
    seen = [sample("db1", text) for text in (all_of_them, two, two, all_of_them, two)]
    assert timings.expulsions(seen, 3) == 2
    assert timings.expulsions([*seen, sample("db2", all_of_them), sample("db2", two)], 3) == 2
    assert timings.expulsions([sample("db1", one)], 3) == 2
    assert timings.expulsions([sample("db3", one, "ERROR")], 3) == 0
    assert timings.expulsions([], 3) == 0


def test_a_suspicion_is_seen_by_a_member_alone():
    assert timings.suspected([sample("db1", "ONLINE,UNREACHABLE")])
    assert not timings.suspected([sample("db1", "ONLINE,UNREACHABLE", "ERROR")])


def test_the_trials_of_a_preset_are_around_what_it_bears():
    trials = timings.plan(2)
    assert [one.preset for one in trials] == sorted(one.preset for one in trials)
    assert sum(one.what == timings.LOAD for one in trials) == len(timings.TIMINGS)
    first = {**trials[0]._asdict(), "expelled": 0}
    assert timings.missing(trials, [first]) == trials[1:]


def test_trials_are_shown_by_seconds_and_preset():
    common = {"began": "2026-01-01T00:00:00+00:00", "versions": {}, "load": [1.0, 9.4],
              "suspected": True, "acknowledged": 7}  # fmt: skip
    text = timings.table(
        [
            {**timings.Trial("fast", timings.SILENCE, 6, 1)._asdict(), **common, "expelled": 1},
            {**timings.Trial("fast", timings.SILENCE, 6, 2)._asdict(), **common, "expelled": 0},
            {**timings.Trial("fast", timings.LOAD, 120, 1)._asdict(), **common, "expelled": 2},
        ]
    )
    assert "| 6 s | 1 of 2 | - |" in text
    assert "| fast | 120 s | 9 | 7 | yes | 2 |" in text


# --- the web server ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "text", "cause"),
    [
        (200, {}, "{}", "good"),
        (204, {}, "", "good"),
        (503, {"Retry-After": "5"}, "is not available at the moment", http_client.LATER),
        (503, {"Retry-After": "5"}, "whether it was made is unknown", http_client.UNKNOWN),
        (503, {}, "Service Unavailable", "status 503"),
        (500, {}, "", "status 500"),
        (404, {}, "", "status 404"),
    ],
)
def test_each_answer_has_its_cause(status, headers, text, cause):
    assert http_client.cause_of(status, headers, text) == cause


def visited(task, cause, began=0.0):
    return http_client.Answer(began, 1.0, task, cause)


def test_causes_are_counted_by_what_the_requests_were_for():
    answers = [
        visited("read", "good"),
        visited("read", "good"),
        visited("update", "good"),
        visited("update", http_client.UNKNOWN),
    ]
    assert web.causes(answers) == {
        "good": {"read": 2, "update": 1},
        http_client.UNKNOWN: {"update": 1},
    }
    assert http_client.failed(answers) == answers[3:]


def test_the_outage_is_the_longest_time_without_an_update():
    answers = [
        visited("update", "good", 10.0),
        visited("update", "good", 11.0),
        # Neither a read nor a failure ends it.
        visited("read", "good", 12.0),
        visited("update", http_client.UNKNOWN, 12.5),
        visited("update", "good", 15.0),
    ]
    assert web.outage(answers, 10.0, 17.0) == 4.0
    assert web.outage([], 10.0, 17.0) == 7.0


def test_the_web_table_adds_up_what_happened_several_times():
    def event(name, number, causes, lost=(), failures=()):
        return {
            "event": name,
            "number": number,
            "began": "2026-11-26T00:00:00",
            "versions": {"mysqld": "9.7.4"},
            "load": [1.0],
            "took": 3.0,
            "causes": causes,
            "slowest": number / 2,
            "outage": number / 4,
            "failures": failures,
            "lost": list(lost),
            "problems": [],
        }

    text = web.table(
        [
            event("deploy", 1, {"good": {"read": 5}}),
            event("deploy", 2, {"good": {"read": 5, "update": 2}}),
            event("to-single", 1, {"good": {"read": 1}, "status 404": {"read": 1}}),
            event(
                "to-single",
                1,
                {"good": {"read": 1}, "status 500": {"update": 2}},
                ["x"],
                [[-0.2, 0.1], [0.05, 0.3]],
            ),
        ]
    )
    assert "| deploy | 2 | 12 | 1.00 | 0.50 | none | - |" in text
    assert (
        "| to-single | 1 | 1 | 0.50 | 0.25 | 2 status 500 (2 update) "
        "| -0.20 to 0.05, 0.10 to 0.30 |" in text
    )
    assert "Updates lost: x." in text

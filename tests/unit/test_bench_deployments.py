"""What long requests, quick ones and jobs notice of deployments: the pure parts."""

from __future__ import annotations

from itertools import islice

import pytest

from bench import deployments
from tests.support.http_client import GOOD, Answer


def test_each_job_has_a_name_of_its_own():
    paths = [*islice(deployments.jobs("7", "web"), 5), *islice(deployments.jobs("7", "web2"), 5)]
    assert len({path.split("/")[2] for path in paths}) == 10
    assert [int(path.split("/")[3]) for path in paths[:4]] == [*deployments.JOB_SECONDS]


@pytest.mark.parametrize(
    ("done", "wrong"),
    [
        ([("a", False), ("a", True), ("other", False)], []),
        ([], ["a begun 0 and ended 0 times"]),
        ([("a", False)], ["a begun 1 and ended 0 times"]),
        ([("a", False), ("a", False), ("a", True)], ["a begun 2 and ended 1 times"]),
        ([("a", False), ("a", True), ("a", True)], ["a begun 1 and ended 2 times"]),
    ],
)
def test_a_job_that_was_put_is_done_once(done, wrong):
    assert deployments.misdone(["/put/a/2"], done) == wrong


def test_a_long_request_is_as_slow_as_it_takes_longer_than_it_is_meant_to():
    answers = [
        Answer(0, 12.25, "long", GOOD),
        Answer(0, 26.5, "long", GOOD),
        Answer(0, 3, "long", "ConnectionError"),
        Answer(0, 12.25, "quick", GOOD),
    ]
    assert deployments.slowest(answers[:2]) == {"long": 0.5}
    assert deployments.slowest(answers) == {"long": 3, "quick": 12.25}


def result(event, number, **more):
    return {
        "event": event,
        "number": number,
        "began": "2026-11-29T12:00:00+00:00",
        "versions": {"mysqld": "9.7.4"},
        "load": [1.0],
        "took": 20.0 + number,
        "causes": {GOOD: {"long": 2, "quick": 100, "put": 40}},
        "slowest": {"long": 0.1, "quick": 0.2 * number, "put": 0.3},
        "problems": [],
        **more,
    }


def test_an_event_is_a_row_and_jobs_are_judged_once():
    results = [
        result("none", 1),
        result("deploy", 1),
        result("deploy", 3, causes={"status 500": {"quick": 2}, GOOD: {"quick": 8}}),
        result("rollback", 1, jobs=120, misdone=["a begun 2 and ended 1 times"], problems=["it"]),
    ]
    text = deployments.table(results)
    row = "| deploy | 2 | 22 | 2 | 108 | 40 | 2 status 500 (2 quick) | 0.60 | 0.30 | 0.10 |"
    assert row in text
    assert "120 jobs were put" in text
    assert "otherwise wrong: it; a begun 2 and ended 1 times." in text
    assert "slowest: long 0.10 s, put 0.30 s, quick 0.20 s" in deployments.show(results[0])

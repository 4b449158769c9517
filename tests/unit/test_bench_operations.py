"""What clients notice of an operator's calls: the pure parts of bench-operations."""

from __future__ import annotations

import pytest

import bench.__main__ as bench
from bench import operations
from bench.measure import Acknowledged, Failure, Record
from bench.plan import OURS
from tests.support.http_client import GOOD


def test_what_a_path_met_is_what_its_clients_met_between_two_moments():
    quick, slow = Record(OURS[0]), Record(OURS[0])
    quick.acknowledged = {n: Acknowledged(10.0 + n, "m") for n in range(-2, 12)}
    slow.acknowledged = {n: Acknowledged(10.0 + n, "m") for n in (20, 1, 6, 9)}
    slow.failures = [Failure(9.0, "2013"), Failure(12.0, "2013"), Failure(30.0, "2013")]
    found = operations.by_path([quick, slow, Record(OURS[1])], 10.0, 20.0)
    assert found == {
        OURS[0]: {"acknowledged": 11 + 3, "pause": 5.0, "errors": 1},
        OURS[1]: {"acknowledged": 0, "pause": 10.0, "errors": 0},
    }


@pytest.mark.parametrize(
    ("webs", "signs", "without"),
    [
        (2, True, set()),
        (1, True, {"services"}),
        (2, False, {"certificates", "authority"}),
        (1, False, {"services", "certificates", "authority"}),
    ],
)
def test_what_a_lab_cannot_do_without_an_outage_is_left_out(webs, signs, without):
    names = [*operations.OPERATIONS]
    expected = [name for name in names if name not in without]
    assert operations.possible(names, webs, signs) == expected


def result(operation, number, pause=0.2, **more):
    paths = {path: {"acknowledged": 100, "pause": pause, "errors": number} for path in OURS}
    return {
        "operation": operation,
        "number": number,
        "began": "2026-11-29T12:00:00+00:00",
        "versions": {"mysqld": "9.7.4"},
        "load": [1.0],
        "took": 10.0 * number,
        "causes": {GOOD: {"read": 50}},
        "slowest": 1.5,
        "outage": 0.5,
        "paths": {} if operation in operations.WITHOUT_CLIENTS else paths,
        "lost": [],
        "problems": [],
        **more,
    }


def test_an_operation_is_a_row():
    results = [
        result("rotate", 1, problems=["orch.rotate: db3 is away"]),
        result("restart", 1),
        result("restart", 2, pause=0.9, causes={GOOD: {"read": 1}, "status 502": {"list": 2}}),
    ]
    text = operations.table(results)
    assert "3 operations, 2026-11-29; mysqld 9.7.4" in text
    cells = "2 | 15 | 51 | 2 status 502 (2 list) | 1.50 | 0.50 | 400 | 0.90 (3) | 0.90 (3)"
    assert f"| restart | {cells} |" in text
    assert "| rotate | 1 | 10 | 50 | none | 1.50 | 0.50 | 0 | - | - |" in text
    assert "Not as expected: orch.rotate: db3 is away." in text
    assert text.index("| restart |") < text.index("| rotate |")


def test_a_line_says_what_went_wrong():
    line = operations.show(result("restart", 3, lost=["7 ids are missing on db2"]))
    assert line.startswith("restart       3   30.0 s  mysql-cluster 0.20 s (3)")
    assert line.endswith("50 good  7 ids are missing on db2")


def test_the_table_has_its_place():
    assert "<!-- bench-operations -->" in bench.TABLES.read_text()

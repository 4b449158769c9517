"""What the fuzzer asks for is what the API has, and what it reports is what went wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import fuzz
from tests.support.fuzz import OPERATIONS, Fuzzer

ROUTES = Path(__file__).resolve().parents[2] / "app/routes/api.php"


def test_the_specification_has_the_requests_that_there_are():
    routes = set()
    for line in re.findall(r"Route::(?!middleware)(.*);", ROUTES.read_text()):
        verbs, path = re.search(r"^(.*?)\(?'(/[^']*)'", line).groups()
        for verb in re.findall(r"get|post|put|patch|delete", verbs):
            routes.add((verb.upper(), "/api" + re.sub(r"{\w+}", "{}", path)))
    assert len(routes) > 20
    assert {(one.method, one.path) for one in OPERATIONS} == {*routes, ("GET", "/api/{}")}


def test_what_has_a_body_has_examples_of_it():
    bodies = {(one.method, one.path): (one.subject, [*one.fields]) for one in OPERATIONS}
    assert bodies["POST", "/api/users/login"] == ("user", ["email", "password"])
    assert bodies["PUT", "/api/articles/{}"][1] == ["title", "description", "body", "tagList"]
    assert bodies["GET", "/api/articles/{}"] == ("", [])


@pytest.fixture
def fuzzer(monkeypatch):
    """Return a function that lets every request be answered alike, and runs some."""

    def run(status, requests=60):
        one = Fuzzer("h", 80, 1)
        monkeypatch.setattr(one, "_send", lambda *_: (status, b"what it said"))
        monkeypatch.setattr(one, "_register", lambda: None)
        return one, one.run(requests)

    return run


@pytest.mark.parametrize("status", [500, 502, 503, 0])
def test_a_failure_of_the_server_is_reported(fuzzer, status):
    one, failures = fuzzer(status)
    assert len(failures) == one.statuses[status] == 60
    assert failures[0].startswith(f"{status} ")
    assert failures[0].endswith("b'what it said'")


def test_what_any_request_may_be_answered_with_is_no_failure(fuzzer):
    assert fuzzer(404)[1] == []
    assert fuzzer(422)[1] == []


def test_a_status_that_a_request_does_not_have_is_reported(fuzzer):
    one, failures = fuzzer(201, requests=400)
    made = {
        ("POST", "/api/users"),
        ("POST", "/api/articles"),
        ("POST", "/api/articles/{}/comments"),
    }
    assert made == {(op.method, op.path) for op in OPERATIONS if 201 in op.statuses}
    assert 0 < len(failures) < one.statuses[201]
    assert [line for line in failures if line.startswith("201 POST /api/users {")] == []
    assert [line for line in failures if line.startswith("201 GET /api/tags")]


@pytest.mark.parametrize(
    ("template", "path", "elsewhere"),
    [
        ("/api/articles/{}", "/api/articles/a-title", False),
        ("/api/articles/{}", "/api/articles/a%2Fb", False),
        ("/api/articles/{}", "/api/articles/a/b", True),
        ("/api/articles/{}", "/api/articles/", True),
        ("/api/articles/{}", "/api/articles/..", True),
        ("/api/articles/{}", "/api/articles/feed", True),
    ],
)
def test_a_name_may_lead_elsewhere(template, path, elsewhere):
    assert Fuzzer("h", 80, 1)._name_leads_elsewhere(template, path) is elsewhere


def test_several_clients_share_the_requests(monkeypatch, capsys):
    monkeypatch.setattr(fuzz.sys, "argv", ["fuzz", "h:1", "--requests", "10", "--clients", "3"])
    asked = []
    monkeypatch.setattr(Fuzzer, "_register", lambda _one: None)
    monkeypatch.setattr(Fuzzer, "_send", lambda _one, *told: asked.append(told) or (404, b""))
    assert fuzz.main() == 0
    assert len(asked) == 10
    assert "{404: 10}" in capsys.readouterr().out
    monkeypatch.setattr(Fuzzer, "_send", lambda *_: (500, b""))
    assert fuzz.main() == 1

"""The API, asked by the Postman collection and by clients at once, by either pair of ports."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.application import ports
from tests.lab import DATABASE, Lab
from tests.newman import newman

# By one port for writes and one for reads, and all by the port that deals with all members in turn.
PORTS = [("3307", "3308"), ("3306", "")]
RUNS = int(os.environ.get("RUNS", "1"))


@pytest.fixture(scope="module", params=PORTS, ids=["writer and readers", "one port"])
def by(request, lab: Lab) -> Iterator[tuple[str, str]]:
    with ports(lab, *request.param):
        yield request.param


def test_the_ports_are_used(lab: Lab, by):
    health = [lab.api("GET", "/api/health").json()["database"] for _ in range(6)]
    writers = {one["write"]["host"] for one in health}
    assert len(writers) == (1 if by == PORTS[0] else len(lab.databases))
    assert {one["read"]["host"] for one in health} <= set(lab.databases)


def test_the_collection_passes_again_and_again(lab: Lab, by):
    assert newman(lab, RUNS) == []


def write(lab: Lab, headers: dict[str, str], title: str) -> str:
    """Write an article and return its slug."""
    article = {"title": title, "description": "a trial", "body": "x", "tagList": [title]}
    made = lab.api("POST", "/api/articles", headers=headers, json={"article": article})
    assert made.status_code == 201, made.text
    return made.json()["article"]["slug"]


@pytest.fixture
def headers(lab: Lab) -> dict[str, str]:
    return {"Authorization": f"Token {lab.log_in()}"}


def test_clients_that_write_one_title_at_once_all_have_an_article(lab: Lab, by, headers):
    """One slug and one new tag for all: on whichever members they meet, nobody sees a conflict."""
    title = f"title {time.time_ns()}"
    with ThreadPoolExecutor(8) as pool:
        slugs = list(pool.map(lambda _: write(lab, headers, title), range(16)))
    found = lab.api("GET", f"/api/articles?tag={title}").json()
    assert found["articlesCount"] == 16
    assert sorted(article["slug"] for article in found["articles"]) == sorted(set(slugs))
    for slug in slugs:
        assert lab.api("DELETE", f"/api/articles/{slug}", headers=headers).status_code == 204


def test_nobody_sees_an_old_row_of_a_member_that_lags(lab: Lab, by, headers):
    """Neither who reads, nor who looks before writing: one member applies nothing for a while."""
    late = lab.talk(lab.databases[-1], f"mysql --unbuffered --skip-column-names {DATABASE}")
    assert late.stdin
    assert late.stdout
    late.stdin.write("LOCK TABLES articles READ, users READ; SELECT 'locked'; DO SLEEP(3);\n")
    late.stdin.close()
    assert late.stdout.readline() == "locked\n"
    rounds = 0
    while late.poll() is None or rounds < len(lab.databases):
        rounds += 1
        slug = write(lab, headers, f"late {time.time_ns()}")
        path, change = f"/api/articles/{slug}", {"article": {"body": f"number {rounds}"}}
        changed = lab.api("PUT", path, headers=headers, json=change)
        assert (changed.status_code, changed.json().get("errors")) == (200, None)
        for _ in lab.databases:
            assert lab.api("GET", path).json()["article"]["body"] == f"number {rounds}"
        assert lab.api("DELETE", path, headers=headers).status_code == 204
        assert lab.api("GET", path).status_code == 404

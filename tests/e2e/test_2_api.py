"""The API, asked by the Postman collection and by clients at once, by either pair of ports."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import LONG
from tests.support.application import health, ports
from tests.support.balancer import servers
from tests.support.fuzz import Fuzzer
from tests.support.lab import DATABASE, MODES, Lab
from tests.support.newman import newman

pytestmark = pytest.mark.restores

# By one port for writes and one for reads, and all by the port that deals with all members in turn.
PORTS = [("3307", "3308"), ("3306", "")]
# Each pair in a mode of its own; in the long run in both.
PASSES = {pair: MODES if LONG else (mode,) for pair, mode in zip(PORTS, MODES, strict=True)}
# Requests that make no sense.
REQUESTS = 10_000 if LONG else 200
RUNS = int(os.environ.get("RUNS", "20" if LONG else "1"))


@pytest.fixture(scope="module", params=PORTS, ids=["writer and readers", "one port"])
def by(request, lab: Lab) -> Iterator[tuple[str, str]]:
    with ports(lab, *request.param):
        yield request.param


def test_the_ports_are_used(lab: Lab, by, eventually):
    # The balancer is told some seconds later that a member has caught up.
    eventually(lambda: set(servers(lab).values()) == {"UP"}, 30)
    answers = [one["database"] for one in health(lab, 6)]
    writers = {one["write"]["host"] for one in answers}
    assert len(writers) == (1 if by == PORTS[0] else len(lab.databases))
    assert {one["read"]["host"] for one in answers} <= set(lab.databases)


@pytest.mark.repeated
def test_the_collection_passes_again_and_again(lab: Lab, by, switch_mode):
    for mode in PASSES[by]:
        switch_mode(mode)
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


def lagging(lab: Lab, member: str) -> subprocess.Popen[str]:
    """Have a member apply nothing of the others for three seconds; ends by itself."""
    late = lab.talk(member, f"mysql --unbuffered --skip-column-names {DATABASE}")
    assert late.stdin
    assert late.stdout
    late.stdin.write("LOCK TABLES articles READ, users READ; SELECT 'locked'; DO SLEEP(3);\n")
    late.stdin.close()
    assert late.stdout.readline() == "locked\n"
    return late


def change(lab: Lab, headers: dict[str, str], slug: str, body: str) -> None:
    """Change an article's text, which has to succeed."""
    given = {"article": {"body": body}}
    changed = lab.api("PUT", f"/api/articles/{slug}", headers=headers, json=given)
    assert changed.status_code == 200, changed.text


def test_who_reads_sees_no_old_row_of_a_member_that_lags(lab: Lab, by, headers):
    late = lagging(lab, lab.databases[-1])
    rounds = 0
    while late.poll() is None or rounds < len(lab.databases):
        rounds += 1
        slug = write(lab, headers, f"late {time.time_ns()}")
        change(lab, headers, slug, f"number {rounds}")
        for _ in lab.databases:
            article = lab.api("GET", f"/api/articles/{slug}").json()["article"]
            assert article["body"] == f"number {rounds}"
        path = f"/api/articles/{slug}"
        assert lab.api("DELETE", path, headers=headers).status_code == 204
        assert lab.api("GET", path).status_code == 404


def test_who_looks_before_writing_sees_no_old_row_either(lab: Lab, headers):
    """Writes are dealt to all members in turn here, and reads go to one that does not lag."""
    with ports(lab, "3306", "3307"):
        hosts = [one["database"] for one in health(lab, 6)]
        (reader,) = {one["read"]["host"] for one in hosts}
        late = next(name for name in lab.databases if name != reader)
        # When it has just had its turn, the others come first, and then it again.
        for _ in lab.databases:
            if health(lab)[0]["database"]["write"]["host"] == late:
                break
        lag = lagging(lab, late)
        slug = write(lab, headers, f"late {time.time_ns()}")
        for turn in range(len(lab.databases)):
            change(lab, headers, slug, f"number {turn}")
        assert lag.wait(10) == 0
        assert lab.api("DELETE", f"/api/articles/{slug}", headers=headers).status_code == 204


@pytest.mark.repeated
def test_no_request_makes_the_server_fail(lab: Lab):
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    fuzzer = Fuzzer(lab.address[lab.web], 80, seed)
    try:
        assert fuzzer.run(REQUESTS) == [], f"SEED={seed}"
        print(f"SEED={seed}", dict(sorted(fuzzer.statuses.items())))
    finally:
        fuzzer.tidy()


def test_a_stranger_hears_no_names_and_no_versions(lab: Lab):
    answer = lab.api("GET", "/api/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    forged = {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
    assert lab.api("GET", "/api/health", headers=forged).json() == {"status": "ok"}

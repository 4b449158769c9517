"""What long requests, quick ones and jobs notice of deployments on all web servers at once."""

from __future__ import annotations

import datetime
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from bench.failover import versions
from bench.report import conditions, markdown
from bench.web import causes, listed, summed, told
from tests.support import further_application
from tests.support.http_client import GOOD, PATIENCE, Answer, HttpClient
from tests.support.lab import Lab
from tests.support.orchestration import orchestrated

NAME, HOST = "bureau", "bureau.example.com"
EVENTS = ("none", "deploy", "rollback")
# Long requests of a web server at once, and the seconds that they take in turn.
LONG, LONG_SECONDS = 4, (12, 26)
# Quick clients of a web server, and the seconds between two requests of one. More of them would
# leave nothing of two processors to what is measured.
QUICK, PAUSE = 2, 0.25
# A job is put so often, of these seconds in turn, for so many processes of a web server.
PUT_SECONDS, JOB_SECONDS, PROCESSES = 0.5, (0, 0, 0, 2), 2
QUIET_SECONDS = 30
# After the last job was put.
DONE_SECONDS = 120


class Client(HttpClient):
    """Asks one web server for pages of the application, one after the other, until told to stop."""

    def __init__(self, base: str, task: str, paths: Iterator[str], pause: float) -> None:
        super().__init__(base)
        self.session.headers["Host"] = HOST
        self._task, self._paths, self._pause = task, paths, pause
        # What was asked for and answered well.
        self.asked: list[str] = []

    def work(self, until: threading.Event) -> None:
        """Go on until told to stop; what is under way then is waited for."""
        while not until.wait(self._pause):
            path = next(self._paths)
            if self.ask(self._task, "GET", path) is not None:
                self.asked.append(path)


def jobs(stamp: str, web: str) -> Iterator[str]:
    """Return the paths by which jobs are put, each with a name that no other job has."""
    for number, seconds in enumerate(cycle(JOB_SECONDS)):
        yield f"/put/{stamp}-{web}-{number}/{seconds}"


def misdone(put: Iterable[str], done: Iterable[tuple[str, bool]]) -> list[str]:
    """
    Return what is wrong with jobs: those that were put and not done, or done more than once.

    put
        The paths of those that the application has acknowledged.

    done
        Of each note of a job: its name, and whether it is that of its end.
    """
    notes: dict[str, Counter[bool]] = {}
    for job, whole in done:
        notes.setdefault(job, Counter())[whole] += 1
    wrong = []
    for job in (path.split("/")[2] for path in put):
        begun, ended = notes.get(job, Counter())[False], notes.get(job, Counter())[True]
        if (begun, ended) != (1, 1):
            wrong.append(f"{job} begun {begun} and ended {ended} times")
    return wrong


class Deployments:
    """A lab with an application that has workers, long requests and quick ones."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._stamp = lab, f"{time.time_ns()}"
        self._versions = versions(lab, [])
        bases = {web: f"http://{lab.address[web]}" for web in lab.webs}
        slow = [f"/slow/{seconds}" for seconds in LONG_SECONDS]
        self._clients = [
            *(
                Client(base, "long", cycle(slow[n % 2 :] + slow[: n % 2]), PAUSE)
                for base in bases.values()
                for n in range(LONG)
            ),
            *(
                Client(base, "quick", cycle(["/done/none"]), PAUSE)
                for base in bases.values()
                for _ in range(QUICK)
            ),
        ]
        self._putters = [
            Client(base, "put", jobs(self._stamp, web), PUT_SECONDS) for web, base in bases.items()
        ]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which the application is deployed; nothing is left of it."""
        lab = self._lab
        settings = {
            "server_name": HOST,
            # It has no table of sessions, and no visitor that comes back.
            "env": {"SESSION_DRIVER": "array"},
            "workers": {"paper": {"processes": PROCESSES, "sleep": 1, "timeout": 60}},
        }
        with further_application.declared(lab, NAME, settings):
            lab.apply(lab.webs)
            for client in self._clients:
                if client.ask("probe", "GET", "/done/none") is None:
                    raise AssertionError(f"{client.base} as {HOST}: {client.answers[-1].cause}")
            yield

    @contextmanager
    def crowd(self) -> Iterator[None]:
        """Return a context in which all clients are at work."""
        until = threading.Event()
        threads = [
            threading.Thread(target=one.work, args=(until,), daemon=True)
            for one in (*self._clients, *self._putters)
        ]
        for thread in threads:
            thread.start()
        # Each long request has begun, and the second one of some.
        time.sleep(max(LONG_SECONDS) + 1)
        try:
            yield
        finally:
            until.set()
            for thread in threads:
                thread.join(PATIENCE * 2)

    def _does(self, event: str, number: int) -> None:
        if event == "none":
            time.sleep(QUIET_SECONDS)
            return
        given: dict[str, Any] = {"application": NAME}
        if event == "deploy":
            given["build"] = f"{self._stamp}-{number}"
        done, said = orchestrated(self._lab, event, **given)
        if done["result"] is not True:
            raise AssertionError(f"orch.{event}: {done['comment']} {said[-300:]}")

    def run(self, event: str, number: int) -> dict[str, Any]:
        """Let one thing happen and return what the clients noticed of it."""
        now, begin = datetime.datetime.now(datetime.timezone.utc), time.time()
        problem = ""
        try:
            self._does(event, number)
        except AssertionError as err:
            problem = str(err)
        took = time.time() - begin
        answers = self._answers(begin)
        return {
            "event": event,
            "number": number,
            "began": now.isoformat(timespec="seconds"),
            "versions": self._versions,
            "load": [round(os.getloadavg()[0], 2)],
            "took": round(took, 1),
            "causes": causes(answers),
            "slowest": slowest(answers),
            "problems": [problem] if problem else [],
        }

    def _answers(self, since: float) -> list[Answer]:
        clients = (*self._clients, *self._putters)
        return [one for client in clients for one in [*client.answers] if one.ended >= since]

    def judge(self, wait: Callable[[float], None] = time.sleep) -> dict[str, Any]:
        """Wait until no job is left, and return how many were put and what is wrong with them."""
        database = self._lab.databases[0]
        until = time.monotonic() + DONE_SECONDS
        while self._lab.sql(database, f"SELECT COUNT(*) FROM {NAME}.jobs") != "0":
            if time.monotonic() > until:
                break
            wait(1)
        rows = self._lab.sql(database, f"SELECT job, whole FROM {NAME}.done").splitlines()
        notes = [(job, whole == "1") for job, whole in (row.split() for row in rows)]
        put = [path for client in self._putters for path in client.asked]
        return {"jobs": len(put), "misdone": misdone(put, notes)}


def slowest(answers: Iterable[Answer]) -> dict[str, float]:
    """Return the longest wait of each task; of long requests, beyond the seconds that they take."""
    found: dict[str, float] = {}
    for answer in answers:
        meant = max((s for s in LONG_SECONDS if s <= answer.seconds), default=0)
        wait = answer.seconds - (meant if answer.task == "long" else 0)
        found[answer.task] = round(max(found.get(answer.task, 0), wait), 2)
    return found


def show(result: Mapping[str, Any]) -> str:
    """Return what came of one event in a line."""
    waits = ", ".join(f"{task} {wait:.2f} s" for task, wait in sorted(result["slowest"].items()))
    wrong = "".join(f"  {one}" for one in result["problems"])
    return (
        f"{result['event']:8} {result['number']:2} {result['took']:6.1f} s  slowest: {waits}  "
        f"{told(result['causes'])}{wrong}"
    )


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what the clients noticed, as a table: an event in a row."""
    rows = []
    for event in EVENTS:
        here = [one for one in results if one["event"] == event]
        if not here:
            continue
        whole = summed(one["causes"] for one in here)
        good = whole.pop(GOOD, Counter[str]())
        rows.append(
            (
                event,
                str(len(here)),
                f"{statistics.median(one['took'] for one in here):.0f}",
                *(str(good.get(task, 0)) for task in ("long", "quick", "put")),
                listed(whole),
                *(
                    f"{max(one['slowest'].get(task, 0) for one in here):.2f}"
                    for task in ("quick", "put", "long")
                ),
            )
        )
    head = (
        *("event", "times", "median, s", "long requests", "quick ones", "jobs put"),
        *("failed, by cause", "slowest quick one, s", "slowest put, s", "long ones' delay, s"),
    )
    jobs_put = sum(one.get("jobs", 0) for one in results)
    wrong = [what for one in results for what in (*one["problems"], *one.get("misdone", []))]
    return (
        f"{conditions(results, 'events')}\n{markdown(head, rows)}\n"
        f"{jobs_put} jobs were put; lost, done twice, or otherwise wrong: "
        f"{'; '.join(wrong) or 'none'}.\n"
    )

"""Run the rounds: all paths are written through at the same time while one thing happens."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.clients import Clients
from bench.events import EVENTS, story
from bench.measure import Moments, ids_lost, round_results
from bench.plan import DIRECT, OURS, PLANNED, ROUTER, Round
from bench.ways import PORTS, beside, member_at, places
from tests.support.lab import MODES, Lab
from tests.support.ledger import judge
from tests.support.scene import Scene

# How long a mode may take to be switched, and the members to be together before a round.
START_SECONDS = 60
# How long they may take to be so again, and each client to be served.
SETTLED_SECONDS = 120
# Writing before anything happens.
BEFORE_SECONDS = 1
# A stop that drains takes most of the time itself; then it still stays for this long.
LEAST_SECONDS = 2


class Failover:
    """A lab with all paths to its group, for as many rounds as one likes."""

    def __init__(self, lab: Lab, paths: Sequence[str]) -> None:
        self._lab, self._paths = lab, list(paths)
        self._balanced = [path for path in paths if path != DIRECT]
        self._scene = Scene(lab)
        self._mode = ""
        self._versions: dict[str, str] = {}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which rounds can be run; the lab is as before at its end."""
        lab = self._lab
        with ExitStack() as stack:
            stack.enter_context(self._scene.watched(START_SECONDS))
            self._mode = self._mode_now()
            stack.callback(self._switch, self._mode)
            stack.enter_context(beside(lab, self._paths))
            stack.enter_context(self._scene.table.there())
            self._versions = versions(lab, self._paths)
            yield

    def _mode_now(self) -> str:
        single = self._lab.sql(
            self._lab.databases[0], "SELECT @@GLOBAL.group_replication_single_primary_mode"
        )
        return MODES[single == "1"]

    def _switch(self, mode: str) -> None:
        """Switch the group, as an operator does it."""
        if self._mode == mode:
            return
        self._scene.wait_whole(START_SECONDS)
        self._lab.switch_mode(mode)
        self._mode = mode

    def round(self, one: Round) -> dict[str, Any]:
        """Run one round and return its result; ``problems`` is empty when it could be measured."""
        begin = time.monotonic()
        self._switch(one.mode)
        self._scene.wait_whole(START_SECONDS)
        result = self._begun(one)
        problems: list[str] = result["problems"]
        # The member that one client at a time would be sent to; of one primary, the primary.
        victim = result["victim"] = member_at(self._lab, PORTS[OURS[1]])
        # No balancer can take a session to another member: what is planned is to cost no request.
        clients = Clients(
            self._lab,
            places(self._lab, self._paths, victim),
            each_anew=one.event in PLANNED,
        )
        clients.start()
        try:
            self._spread(clients, self._lab.address[victim])
            moments = self._happen(one, clients, victim, result)
        except Exception as err:
            problems.append(f"{type(err).__name__}: {err}")
            moments = None
        finally:
            clients.stop()
        self._judge(clients, one.mode, victim, moments, result)
        result["took"] = round(time.monotonic() - begin, 1)
        return result

    def _begun(self, one: Round) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.timezone.utc)
        return {
            "mode": one.mode,
            "repetition": one.repetition,
            "event": one.event,
            "victim": "",
            "began": now.isoformat(timespec="seconds"),
            "versions": self._versions,
            "load": [round(os.getloadavg()[0], 2)],
            "paths": {},
            "online": None,
            "took": None,
            "problems": [],
        }

    def _spread(self, clients: Clients, victim: str) -> None:
        """Wait until each client is served, and each balanced path has one at the victim."""
        since, patience = time.monotonic(), time.monotonic() + 5

        def ready() -> bool:
            nonlocal patience
            waiting = clients.unserved_since(since, self._balanced)
            away = clients.paths_beside(victim, self._balanced)
            if away and not waiting and time.monotonic() > patience:
                clients.connect_anew(away)
                patience = time.monotonic() + 2
            return not waiting and not away

        self._scene.wait("every path is served, by the victim too", ready, START_SECONDS)
        time.sleep(BEFORE_SECONDS)

    def _happen(self, one: Round, clients: Clients, victim: str, result: dict[str, Any]) -> Moments:
        """Let it happen, stay and be undone; whatever fails, it is undone. Return when it was."""
        event = EVENTS[one.event]
        told = story(victim, self._lab.databases, event.seconds)
        clients.mark()
        injected = time.monotonic()
        try:
            event.inject(self._scene, told)
            time.sleep(max(LEAST_SECONDS, injected + event.seconds - time.monotonic()))
        finally:
            # Also when the run is broken off.
            healed = time.monotonic()
            event.heal(self._scene, told)
        result["load"].append(round(os.getloadavg()[0], 2))
        online = self._scene.wait_stable(SETTLED_SECONDS)
        result["online"] = round(online - healed, 1)
        paths = self._balanced if one.mode == MODES[1] else self._paths
        try:
            self._scene.wait(
                "every client is served", lambda: not clients.unserved_since(online, paths), 30
            )
        except AssertionError as err:
            missing = ", ".join(clients.unserved_since(online, paths))
            raise AssertionError(f"{err}; without an answer: {missing}") from None
        return Moments(injected, healed, time.monotonic())

    def _judge(
        self,
        clients: Clients,
        mode: str,
        victim: str,
        moments: Moments | None,
        result: dict[str, Any],
    ) -> None:
        """Compare what was acknowledged with what every member has, and sum up."""
        records = clients.records()
        attempted = {one for record in records for one in record.attempted}
        acknowledged = {one for record in records for one in record.acknowledged}
        try:
            rows = self._scene.table.rows(self._lab.databases, min(attempted))
        except Exception as err:
            result["problems"].append(f"{type(err).__name__}: {err}")
            return
        found = judge(acknowledged, attempted, rows)
        result["problems"] += found.problems
        if moments:
            result["paths"] = round_results(
                records, mode, self._lab.address[victim], moments, ids_lost(found.lost)
            )


def versions(lab: Lab, paths: Sequence[str]) -> dict[str, str]:
    """Return the versions of what is measured."""
    said = {
        "mysqld": lab.sql(lab.databases[0], "SELECT VERSION()"),
        "haproxy": lab.run(lab.proxy, "haproxy -v | sed -n '1s/.* version \\([^ ]*\\).*/\\1/p'"),
    }
    if ROUTER in paths:
        said["mysqlrouter"] = lab.run(
            lab.proxy, "mysqlrouter --version | sed 's/.* Ver \\([^ ]*\\).*/\\1/'"
        )
    return {name: text.strip() for name, text in said.items()}


def show(result: dict[str, Any]) -> str:
    """Return a round's result in a line, and its problems in lines below."""
    paths = "  ".join(
        f"{path} {one['gap']:.2f}/{one['worst']:.2f} ({sum(one['errors'].values())})"
        for path, one in result["paths"].items()
    )
    took = "-" if result["took"] is None else f"{result['took']:.0f} s"
    line = (
        f"{result['mode'].split('-')[0]:6} {result['repetition']:3} {result['event']:10} "
        f"{result['victim']:6} {took:>5}  {paths}{'  FAILED' if result['problems'] else ''}"
    )
    return "\n".join([line, *(f"       {problem}" for problem in result["problems"])])

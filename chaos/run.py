"""Run the rounds: clients write, a fault comes and is healed, and then it is judged."""

from __future__ import annotations

import contextlib
import datetime
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql

from chaos.faults import FAULTS
from chaos.judgements import numbered_twice, splits, unlike
from chaos.plan import Round
from chaos.scene import ChaosScene
from tests.support.lab import Lab
from tests.support.ledger import judge, longest_gap
from tests.support.monitor import Monitor

# How long they may take to be all ONLINE before a round.
START_SECONDS = 60
# How long the members may take to find together, and the clients to be served.
ONLINE_SECONDS = 240
# What mysql_schema.compare_rows does, on the member itself: there may be no Salt master in a round.
COMPARE = """/opt/salt/bin/python3 -W ignore - <<'PYTHON'
import json, sys
sys.path.insert(0, "/usr/local/lib/mysql-gr")
from group_replication import row_compare, settings
known = settings.settings_from_json(settings.SETTINGS_FILE.read_text())
print(json.dumps(row_compare.compare(known, None, 1000, 1.0), default=str))
PYTHON"""


def begun(number: int, seed: int, fault: str) -> dict[str, Any]:
    """Return the result of a round in which nothing has happened yet."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "seed": seed,
        "round": number,
        "fault": fault,
        "victims": [],
        "began": now.isoformat(timespec="seconds"),
        "outage": None,
        "online": None,
        "attempted": 0,
        "acknowledged": 0,
        "lost": 0,
        "splits": 0,
        "errors": {},
        "balancer_errors": 0,
        "problems": [],
    }


def count_splits(monitor: Monitor, result: dict[str, Any]) -> None:
    """Judge what the members said of themselves during a round."""
    found = splits(monitor.samples)
    result["splits"] = len(found)
    result["problems"] += [f"two groups with one name: {split}" for split in found]
    bootstraps = [sample.member for sample in monitor.latest.values() if sample.bootstrap]
    if bootstraps:
        result["problems"].append(f"bootstrap_group is ON on {', '.join(bootstraps)}")


class Chaos:
    """A lab under clients, for as many rounds as one likes."""

    def __init__(self, lab: Lab, evidence: Path) -> None:
        self._lab, self._evidence = lab, evidence
        self._scene = ChaosScene(lab)
        self._monitor, self._writers = self._scene.monitor, self._scene.writers
        # What was in the table before this round, as all members agreed on.
        self._history: tuple[int, tuple[int, int]] | None = None
        # When the round began, by the clock.
        self._since = 0.0

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which rounds can be run; the lab is as before at its end."""
        with self._scene.watched(START_SECONDS):
            yield
            self._scene.table.remove()
            if self._scene.emptied:
                self._scene.restore_application()

    def round(self, one: Round, seed: int) -> dict[str, Any]:
        """Run one round and return its result; ``problems`` is empty when all is well."""
        begin, self._since = time.monotonic(), time.time()
        result = begun(one.number, seed, one.fault)
        result["victims"], result["seconds"] = list(one.victims), one.seconds
        result["coins"] = list(one.coins)
        problems: list[str] = result["problems"]
        self._writers.ledger.forget()
        self._monitor.forget()
        self._scene.wait_whole(START_SECONDS)
        try:
            FAULTS[one.fault].prepare(self._scene, one)
            self._scene.table.prepare()
            self._writers.start()
            self._served(time.monotonic())
            injected = time.monotonic()
            healed = self._fault(one, problems)
            self._settled(injected, healed, result)
        except Exception as err:
            problems.append(f"{type(err).__name__}: {err}")
        try:
            self._writers.stop()
            self._judge_whole(result)
        except Exception as err:
            problems.append(f"{type(err).__name__}: {err}")
        self._count(result)
        if problems:
            result["evidence"] = str(self._keep_evidence(one, problems))
        try:
            FAULTS[one.fault].clean(self._scene, one)
        except Exception as err:
            problems.append(f"putting back: {type(err).__name__}: {err}")
        result["took"] = round(time.monotonic() - begin, 1)
        return result

    def _served(self, since: float, seconds: float = 60) -> None:
        self._scene.wait(
            "every client is served",
            lambda: self._writers.all_served_since(since),
            seconds,
        )

    def _fault(self, one: Round, problems: list[str]) -> float:
        """Inject, hold, look and heal; whatever fails, it is healed. Return since when."""
        fault = FAULTS[one.fault]
        begin = healed = time.monotonic()
        try:
            fault.inject(self._scene, one)
            time.sleep(one.seconds)
            fault.observe(self._scene, one)
        except Exception as err:
            problems.append(f"{type(err).__name__}: {err}")
            self._keep_evidence(one, problems, "before-heal")
        finally:
            # Also when the run is broken off.
            healed = begin if fault.heals_itself else time.monotonic()
            try:
                fault.heal(self._scene, one)
            except Exception as err:
                problems.append(f"{type(err).__name__}: {err}")
        return healed

    def _settled(self, injected: float, healed: float, result: dict[str, Any]) -> None:
        """Wait until all are ONLINE, stay so, and every client is served."""
        deadline = time.monotonic() + ONLINE_SECONDS
        online = self._scene.wait_stable(ONLINE_SECONDS)
        result["online"] = round(online - healed, 2)
        left = deadline - time.monotonic()
        try:
            self._served(online, max(left, 30))
        except AssertionError as err:
            missing = ", ".join(self._writers.unserved_since(online))
            raise AssertionError(f"{err}; without an answer: {missing}") from None
        result["outage"] = round(
            longest_gap(self._writers.ledger.through_balancer, injected, time.monotonic()), 2
        )

    def _judge_whole(self, result: dict[str, Any]) -> None:
        """Judge; once more, if a member that was suspected is expelled only after it was back."""
        try:
            self._judge(result)
        except pymysql.OperationalError:
            self._scene.wait_stable(ONLINE_SECONDS)
            self._judge(result)

    def _judge(self, result: dict[str, Any]) -> None:
        ledger = self._writers.ledger
        first = min(ledger.attempted)
        # One that is not ONLINE is a problem of its own, and no loss.
        inside = [name for name in self._lab.databases if self._scene.state(name) == "ONLINE"]
        rows = self._scene.table.rows(inside, first)
        found = judge(set(ledger.acknowledged), ledger.attempted, rows)
        result["lost"] = len({one for ids in found.lost.values() for one in ids})
        result["problems"] += found.problems
        self._judge_history(inside, result)
        result["problems"] += numbered_twice(self._scene.table.logged(inside, self._since))
        if len(inside) > 1:
            result["problems"] += unlike(json.loads(self._lab.run(inside[0], COMPARE)))

    def _judge_history(self, inside: list[str], result: dict[str, Any]) -> None:
        """What earlier rounds have written must still be there, on all."""
        if result["fault"] == "empty":
            self._history = None
        if self._history:
            before, digest = self._history
            for name, seen in self._scene.table.digest(inside, before).items():
                if seen != digest:
                    result["problems"].append(
                        f"{name} has {seen[0]} ids of earlier rounds, {digest[0]} were there"
                    )
        below = max(self._writers.ledger.attempted) + 1
        digests = self._scene.table.digest(inside, below)
        if len(set(digests.values())) > 1:
            result["problems"].append(f"members differ in all they have: {digests}")
        self._history = (below, next(iter(digests.values())))

    def _count(self, result: dict[str, Any]) -> None:
        ledger = self._writers.ledger
        count_splits(self._monitor, result)
        result["attempted"] = len(ledger.attempted)
        result["acknowledged"] = len(ledger.acknowledged)
        result["errors"] = dict(ledger.errors)
        result["balancer_errors"] = ledger.balancer_errors

    def _keep_evidence(self, one: Round, problems: list[str], when: str = "after") -> Path:
        """Keep what would tell why: what all say of themselves, the journals, the servers' logs."""
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%H%M%S")
        place = self._evidence / f"{stamp}-{one.number}-{one.fault}-{when}"
        place.mkdir(parents=True, exist_ok=True)
        place.joinpath("result.txt").write_text(
            f"{one}\n" + "\n".join(problems) + f"\n{self._monitor.states()}\n"
        )
        place.joinpath("samples.txt").write_text(
            "".join(f"{sample}\n" for sample in self._monitor.samples)
        )
        for call in ("mysql_gr.status", "mysql_gr.decide"):
            with contextlib.suppress(Exception):
                answer = self._lab.salt(",".join(self._lab.databases), f"-L {call}", timeout=20)
                place.joinpath(call + ".txt").write_text(
                    "".join(f"{name}: {said}\n" for name, said in sorted(answer.items()))
                )
        for name in self._lab.databases:
            with contextlib.suppress(Exception):
                place.joinpath(f"{name}.log").write_text(
                    self._lab.run(
                        name,
                        "journalctl --no-pager -n 300 -o short-iso -u mysql-gr-keeper -u mysql"
                        " -u salt-minion -u mysql-gr-health\n"
                        "echo; tail -n 300 /var/log/mysql/error.log\n"
                        "echo; mysql -e 'SHOW FULL PROCESSLIST'\n"
                        "for table in group_members connection_status applier_status_by_worker\n"
                        'do echo; echo "SELECT * FROM replication_$table\\\\G"'
                        " | mysql performance_schema\ndone",
                        check=False,
                    )
                )
        return place


def show(result: dict[str, Any]) -> str:
    """Return a round's result in a line, and its problems in lines below."""
    errors = sum(result["errors"].values())
    outage, online = (
        "    -" if result[key] is None else f"{result[key]:5.1f}" for key in ("outage", "online")
    )
    line = (
        f"{result['round']:4} {result['fault']:13} {','.join(result['victims']):15} "
        f"outage {outage} s  online {online} s  took {result['took']:5.1f} s  "
        f"acknowledged {result['acknowledged']:5}  "
        f"errors {errors:3} ({result['balancer_errors']} through the balancer)  "
        f"lost {result['lost']}  {'FAILED' if result['problems'] else 'ok'}"
    )
    return "\n".join([line, *(f"       {problem}" for problem in result["problems"])])

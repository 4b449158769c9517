"""Racing bootstraps: a group without a past, let go on all members at one moment."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from chaos.plan import Race
from chaos.run import begun, count_splits
from chaos.scene import ChaosScene
from tests.support.lab import Lab

PROGRAM = Path(__file__).with_name("racer.py")
PLACE = "/run/chaos-racer.py"
ONLINE_SECONDS = 90
# From the order to the start: enough to have it on all machines.
AHEAD_SECONDS = 0.5


class Racer:
    """The program on one machine, at the other end of a connection that stays."""

    def __init__(self, lab: Lab, machine: str) -> None:
        self._machine = machine
        lab.run(machine, f"cat > {PLACE} <<'END'\n{PROGRAM.read_text()}END\n")
        python = lab.run(
            machine,
            "systemctl show -p ExecStart mysql-gr-keeper | sed 's/.*path=\\([^ ]*\\) .*/\\1/'",
        ).strip()
        # Without compiled files beside the library: Salt keeps its folder as it is on the master.
        self._process = lab.talk(machine, f"{python} -B {PLACE}")

    def tell(self, **order: Any) -> Any:
        """Give an order and wait for what comes of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"failed": "it has ended"}
        if "failed" in answer:
            raise AssertionError(f"{self._machine}: {order['do']}: {answer['failed']}")
        return answer["ok"]

    def end(self) -> None:
        """Let it end, and with it all that it holds."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(90)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Races:
    """A lab whose group is bootstrapped again and again."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._scene = ChaosScene(lab)
        self._monitor = self._scene.monitor
        self._racers: dict[str, Racer] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which races can be run; at its end the application is there again."""
        self._monitor.start()
        try:
            self._racers = {name: Racer(self._lab, name) for name in self._lab.databases}
            yield
        finally:
            for racer in self._racers.values():
                racer.end()
            self._scene.wait_whole(ONLINE_SECONDS)
            self._monitor.stop()
            self._scene.restore_application()

    def _all(self, question: Callable[[str], Any]) -> dict[str, Any]:
        names = self._lab.databases
        with ThreadPoolExecutor(2 * len(names)) as pool:
            return dict(zip(names, pool.map(question, names), strict=True))

    def round(self, one: Race, seed: int) -> dict[str, Any]:
        """Run one race and return its result, in the form of a fault's."""
        begin = time.monotonic()
        result = begun(one.number, seed, "reboot" if one.past else "bootstrap")
        result["victims"] = list(one.delays)
        result["runs"], result["delays"] = one.runs, one.delays
        problems: list[str] = result["problems"]
        self._monitor.forget()
        self._scene.wait_whole(ONLINE_SECONDS)
        try:
            self._all(lambda name: self._racers[name].tell(do="hold"))
            if not one.past:
                self._all(lambda name: self._racers[name].tell(do="empty"))
            self._race(one, result)
        except Exception as err:
            problems.append(f"{type(err).__name__}: {err}")
        count_splits(self._monitor, result)
        result["took"] = round(time.monotonic() - begin, 1)
        return result

    def _race(self, one: Race, result: dict[str, Any]) -> None:
        at = time.time() + AHEAD_SECONDS
        since = time.monotonic() + AHEAD_SECONDS
        with ThreadPoolExecutor() as pool:
            highstates = [
                pool.submit(self._scene.apply, name, "mysql.group")
                for name in self._lab.databases
                if one.highstates
            ]
            racing = pool.submit(
                self._all,
                lambda name: self._racers[name].tell(
                    do="race", at=at + one.delays[name], runs=one.runs
                ),
            )
            self._scene.wait("all ONLINE", lambda: self._monitor.whole(since), ONLINE_SECONDS)
            result["online"] = round(time.monotonic() - since, 2)
            said = racing.result()
            for highstate in highstates:
                highstate.result()
        for name, ends in said.items():
            for end in ends:
                # Each run is told to make the member ONLINE; it has to have seen that.
                if " is ONLINE in group " not in end:
                    result["errors"][end[:200]] = result["errors"].get(end[:200], 0) + 1
                    result["problems"].append(f"a run on {name} ended with: {end}")
        origins = {sample.origin for sample in self._monitor.samples if sample.asked > since}
        origins -= {""}
        if len(origins) != 1:
            result["problems"].append(f"views of {len(origins)} origins: {', '.join(origins)}")

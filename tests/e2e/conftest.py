"""The fixtures of the tests that need the running lab (tests/lab.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.lab import Lab, opened


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with opened() as one:
        yield one


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Ask again until the answer is what is wanted, and fail with the last one."""

    def ask(question: Callable[[], Any], seconds: float = 120) -> float:
        begin, last = time.monotonic(), None
        while time.monotonic() - begin < seconds:
            try:
                if question():
                    return time.monotonic() - begin
            except (AssertionError, requests.RequestException, ValueError, KeyError) as err:
                last = err
            time.sleep(1)
        raise AssertionError(f"not so within {seconds} s; last: {last}")

    return ask


@pytest.fixture
def all_online(lab: Lab, eventually: Callable[..., float]) -> Callable[[float], float]:
    """Wait until every member's own view has all of them ONLINE."""

    def whole() -> bool:
        return all(
            isinstance(status, dict)
            and [row["state"] for row in status["members"]] == ["ONLINE"] * len(lab.databases)
            for status in lab.status().values()
        )

    return lambda seconds=180: eventually(whole, seconds)


NO_RESTART = "/run/systemd/system/mysql.service.d/no-restart.conf"


class Killer:
    """Kills a mysqld and keeps its unit from starting it again, until that is undone."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.killed: list[str] = []

    def __call__(self, machine: str) -> None:
        self.killed.append(machine)
        self._lab.run(
            machine,
            f"mkdir -p $(dirname {NO_RESTART})\n"
            f"printf '[Service]\\nRestart=no\\n' > {NO_RESTART}\n"
            "systemctl daemon-reload\nsystemctl kill --signal=KILL mysql",
        )

    def undo(self, machine: str) -> None:
        self._lab.run(
            machine, f"rm -f {NO_RESTART}\nsystemctl daemon-reload\nsystemctl start mysql"
        )
        self.killed.remove(machine)


@pytest.fixture
def mysqld_down(lab: Lab) -> Iterator[Killer]:
    """Kill a mysqld and keep its unit from starting it again; undone afterwards."""
    killer = Killer(lab)
    yield killer
    for machine in [*killer.killed]:
        killer.undo(machine)

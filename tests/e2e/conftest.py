"""The fixtures of the tests that need the running lab (tests/support/lab.py)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_client import counted, failed
from tests.support.lab import MODES, ROOT, TABLE, Lab, declared, nodes, opened
from tests.support.visitors import Crowd

# What takes minutes and is shown in part by other tests runs with LONG=1; what is marked `repeated`
# does its thing many times then.
LONG = bool(os.environ.get("LONG"))
long_only = pytest.mark.skipif(not LONG, reason="LONG=1 runs it")
CONVERGE = "salt-run state.orchestrate orch.cluster"
# What a file leaves behind, least first: the order in which they run (CONTRIBUTING.md).
DAMAGE = ("reads", "restores", "restarts_machines", "changes_machines")
# So long is waited for a group that did not come back for the test before.
BROKEN_SECONDS = 20
# A crowd of so many visitors, and the seconds between two requests of one.
FEW, PAUSE = 4, 0.8


def damage_of(name: str, markers: Iterable[str]) -> int:
    """Return a test's place in the order of damage; refuse one that says none, or two."""
    found = [place for place, damage in enumerate(DAMAGE) if damage in markers]
    if len(found) != 1:
        raise pytest.UsageError(
            f"{name} has {len(found)} of the markers {', '.join(DAMAGE)}; expected one"
        )
    return found[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what leaves more behind later, and first what waits; else the order stays."""
    folder = Path(__file__).parent

    def place(item: pytest.Item) -> tuple[int, bool]:
        if folder not in item.path.parents:
            return -1, False
        markers = {marker.name for marker in item.iter_markers()}
        # While machines are waited for, the tests that need no lab have the processors.
        return damage_of(item.nodeid, markers), "waits" not in markers

    places = {item.nodeid: place(item) for item in items}
    items.sort(key=lambda item: places[item.nodeid])


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
            asked = time.monotonic()
            try:
                if question():
                    return time.monotonic() - begin
            # Also where there is a sentence in place of what is looked into.
            except (AssertionError, OSError, LookupError, TypeError, ValueError) as err:
                last = err
            # What takes long to answer takes the processors from what is waited for.
            time.sleep(max(0.3, time.monotonic() - asked))
        raise AssertionError(f"not so within {seconds} s; last: {last}")

    return ask


class Group:
    """The lab's group, waited for until it is whole."""

    def __init__(self, lab: Lab, eventually: Callable[..., float]) -> None:
        self._lab, self._eventually = lab, eventually
        self._patient = True

    def _views(self) -> dict[str, list[str]]:
        # By SQL: a tenth of what it costs to ask Salt.
        return {name: self._lab.view_of(name) for name in self._lab.databases}

    def all_online(self, seconds: float = 180) -> float:
        """Wait until every member's own view has all of them ONLINE.

        A group that did not come back for one test is not waited for as long by each later one.
        """
        whole = ["ONLINE"] * len(self._lab.databases)
        try:
            patience = seconds if self._patient else min(seconds, BROKEN_SECONDS)
            took = self._eventually(
                lambda: all(view == whole for view in self._views().values()), patience
            )
        except AssertionError as err:
            self._patient = False
            raise AssertionError(f"the members see {self._views()}: {err}") from err
        self._patient = True
        return took


@pytest.fixture(scope="session")
def group(lab: Lab, eventually: Callable[..., float]) -> Group:
    return Group(lab, eventually)


@pytest.fixture
def all_online(group: Group) -> Callable[[float], float]:
    """Wait until every member's own view has all of them ONLINE."""
    return group.all_online


def salt(lab: Lab, targets: list[str], call: str) -> dict[str, Any]:
    """Call a function on minions; those that were added here are known to the master alone."""
    answers = lab.salt(",".join(targets), f"-L {call}", 120)
    assert sorted(answers) == sorted(targets), answers
    return answers


def check_nothing_left_to_do(lab: Lab) -> None:
    """A highstate of any machine would change nothing."""
    assert lab.apply(lab.address, "test=True") == set()


def check_auto_increment(lab: Lab, databases: list[str]) -> None:
    """All members have one step, and no two give out the same values."""
    query = 'mysql -N -e "SELECT @@auto_increment_increment, @@auto_increment_offset"'
    answers = salt(lab, databases, f"cmd.run '{query}'")
    pairs = {name: tuple(map(int, answer.split())) for name, answer in answers.items()}
    assert len({step for step, _ in pairs.values()}) == 1, pairs
    assert all(1 <= offset <= step for step, offset in pairs.values()), pairs
    assert len({offset % step for step, offset in pairs.values()}) == len(databases), pairs


@contextmanager
def unnoticed(lab: Lab) -> Iterator[Crowd]:
    """Return a context with a crowd that notices nothing of what is done there."""
    with Crowd([f"http://{lab.address[lab.web]}"], FEW, PAUSE).there() as one:
        yield one
    assert not failed(one.answers()), counted(one.answers())
    assert len(one.answers()) > FEW
    assert one.lost() == []


@pytest.fixture
def crowd(lab: Lab) -> Iterator[Crowd]:
    """A crowd that notices nothing of what a test does."""
    with unnoticed(lab) as one:
        yield one


@pytest.fixture
def switch_mode(lab: Lab, all_online: Callable[..., float]) -> Iterator[Callable[[str], Any]]:
    """A function that switches the group's mode; it is multi-primary again afterwards."""
    all_online()
    yield lab.switch_mode
    lab.switch_mode(MODES[0])
    all_online()


@pytest.fixture
def mode(request, switch_mode: Callable[[str], Any]) -> str:
    """The group's mode, for a test that is to be so in each: by `indirect=True`."""
    switch_mode(request.param)
    return request.param


def highest_address(text: str) -> Any:
    """The highest address of a node in a text of the table."""
    return max(ip_address(node["ip"]) for node in nodes(text).values())


def with_second(text: str, role: str) -> str:
    """A text of the table with a second machine of a role, beyond the highest address."""
    first = declared(role, text)[0]
    start = f"{first}: {{ip:"
    line = next(line for line in text.splitlines(keepends=True) if line.strip().startswith(start))
    # The name alone: its role may be the same word.
    second = line.replace(f"{first}:", f"{first}2:", 1)
    second = second.replace(nodes(text)[first]["ip"], str(highest_address(text) + 1))
    return text.replace(line, line + second)


@contextmanager
def grown_to(lab: Lab, text: str) -> Iterator[Lab]:
    """Return a context with the lab as another table has it; as it was, whatever happens."""
    before = TABLE.read_text()
    TABLE.write_text(text)
    try:
        up = subprocess.run(
            ["vagrant", "up"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert up.returncode == 0, up.stdout + up.stderr
        with opened(beside=lab) as grown:
            yield grown
    finally:
        if TABLE.read_text() != before:
            TABLE.write_text(before)
            # Where a test ended early they leave first, or the rest would have to miss them.
            lab.run(lab.master, CONVERGE, check=False)
        added = nodes(text).keys() - nodes(before).keys()
        # Without a name it would be all of them.
        assert added
        for name in added:
            # What is thrown away needs no time to stop; it may not have come so far.
            with suppress(AssertionError):
                lab.power_off(name)
        subprocess.run(["vagrant", "destroy", "-f", "--parallel", *added], cwd=ROOT, check=False)


class Killer:
    """Kills a service and keeps its unit from starting it again, until that is undone."""

    def __init__(self, lab: Lab, unit: str) -> None:
        self._lab, self._unit = lab, unit
        self._no_restart = f"/run/systemd/system/{unit}.service.d/no-restart.conf"
        self.killed: list[str] = []

    def __call__(self, machine: str) -> None:
        self.killed.append(machine)
        self._lab.run(
            machine,
            f"mkdir -p $(dirname {self._no_restart})\n"
            f"printf '[Service]\\nRestart=no\\n' > {self._no_restart}\n"
            f"systemctl daemon-reload\nsystemctl kill --signal=KILL {self._unit}",
        )

    def undo(self, machine: str) -> None:
        self._lab.run(
            machine,
            f"rm -f {self._no_restart}\nsystemctl daemon-reload\nsystemctl start {self._unit}",
        )
        self.killed.remove(machine)


@contextmanager
def kept_down(lab: Lab, unit: str) -> Iterator[Killer]:
    """Return a context with a killer of a service; what it killed is started afterwards."""
    killer = Killer(lab, unit)
    try:
        yield killer
    finally:
        for machine in [*killer.killed]:
            killer.undo(machine)


@pytest.fixture
def mysqld_down(lab: Lab) -> Iterator[Killer]:
    """Kill a mysqld and keep its unit from starting it again; undone afterwards."""
    with kept_down(lab, "mysql") as killer:
        yield killer

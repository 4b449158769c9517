"""The members are restarted one after the other, by one call, beside writers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql
import pytest
import yaml

from tests.e2e.conftest import long_only
from tests.support.lab import ROOT, Lab
from tests.support.orchestration import orchestrated

pytestmark = [pytest.mark.restores, pytest.mark.waits]

PILLAR = ROOT / "pillar/mysql.sls"
OPTION = "table_open_cache_instances"
UNDER_WAY = "rolling restart of pending members by the master on master"
TABLE = "restart_trial"
# Between two rows of a writer.
PAUSE_SECONDS = 0.1
# Read only: a session that was there before its member left, which tries the row again.
READ_ONLY = (1290, 1836, 3100, 3101)


def restart(lab: Lab, test: bool = False, **given: Any) -> tuple[dict[str, Any], str]:
    """Call the orchestration and return its one state on the master's minion, and all it said."""
    return orchestrated(lab, "restart", test, settle=1, **given)


def pending(lab: Lab) -> dict[str, Any]:
    # Functions see the pillar that a minion holds in memory.
    lab.salt("db*", "saltutil.refresh_pillar wait=True")
    answers = lab.salt("db*", "mysql_gr.status extended=True")
    return {name: answers[name]["pending_restart"] for name in lab.databases}


def started(lab: Lab) -> dict[str, str]:
    query = "SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE FROM performance_schema.global_status"
    return {
        name: lab.sql(name, f"{query} WHERE VARIABLE_NAME = 'Uptime'") for name in lab.databases
    }


@pytest.fixture
def option(lab: Lab, all_online) -> Iterator[int]:
    """Another value of an option that waits for a restart; afterwards the old one waits."""
    all_online()
    before = PILLAR.read_text()
    pillar = yaml.safe_load(before)
    running = {int(lab.sql(name, f"SELECT @@{OPTION}")) for name in lab.databases}
    value = next(one for one in (8, 4, 2, 12) if one not in running)
    pillar["mysql"].setdefault("options", {})[OPTION] = value
    PILLAR.write_text(yaml.safe_dump(pillar, sort_keys=False))
    try:
        yield value
    finally:
        # Without the line the server's own default is what it was.
        PILLAR.write_text(before)
        lab.apply(lab.databases)


class Writer(threading.Thread):
    """Inserts rows through the balancer, a connection for each or for all; counts what failed."""

    def __init__(self, lab: Lab, password: str, port: int, kept: bool) -> None:
        super().__init__(daemon=True)
        self._lab, self._password, self._port, self._kept = lab, password, port, kept
        self._over = threading.Event()
        self.acknowledged = 0
        self.failed: list[str] = []
        # Sessions that ended with their member, and whose row was tried again.
        self.again = 0
        self.longest = 0.0

    def run(self) -> None:
        last = time.monotonic()
        while not self._over.is_set():
            try:
                with self._lab.session(
                    port=self._port, password=self._password, patience=30, connecting=15
                ) as session:
                    while not self._over.is_set():
                        with session.cursor() as cursor:
                            cursor.execute(f"INSERT INTO {TABLE} (a) VALUES (1)")
                        now = time.monotonic()
                        self.longest, last = max(self.longest, now - last), now
                        self.acknowledged += 1
                        if not self._kept:
                            break
                        time.sleep(PAUSE_SECONDS)
            except pymysql.Error as err:
                code = err.args[0] if err.args else 0
                if self._kept and code in (*READ_ONLY, 2006, 2013):
                    self.again += 1
                else:
                    self.failed.append(str(err))
            time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        self._over.set()


@pytest.fixture
def writers(lab: Lab, all_online) -> Iterator[list[Writer]]:
    all_online()
    lab.sql("db1", f"DROP TABLE IF EXISTS realworld.{TABLE}; CREATE TABLE realworld.{TABLE}"
            " (id INT AUTO_INCREMENT PRIMARY KEY, a INT)")  # fmt: skip
    password = lab.secret("application_database", "password")
    found = [Writer(lab, password, port, kept) for port in (3306, 3307) for kept in (False, True)]
    for one in found:
        one.start()
    yield found
    for one in found:
        one.stop()
        one.join(60)
    lab.sql("db1", f"DROP TABLE realworld.{TABLE}")


@pytest.mark.slow
def test_an_option_is_brought_in_by_a_rolling_restart(
    lab: Lab, option: int, writers: list[Writer], all_online, eventually
):
    applied = lab.salt("db*", "state.apply mysql")
    for name in lab.databases:
        (state,) = [
            one for one in applied[name].values() if one["__id__"] == "mysql-options-current"
        ]
        assert f"Waiting for a restart of mysqld: {OPTION} is" in state["comment"], state
    waiting = pending(lab)
    for name in lab.databases:
        assert waiting[name][OPTION]["class"] == "restart"
        assert waiting[name][OPTION]["file"] == str(option)
    before = started(lab)

    # The plan: an order, all that is asked, and nothing done.
    predicted, said = restart(lab, test=True, only="pending")
    assert predicted["result"] is None, said
    order = predicted["changes"]["restarted"]
    assert sorted(order) == sorted(lab.databases)
    assert "no other operation: yes" in predicted["comment"]
    assert f"{OPTION} is" in predicted["comment"]
    assert started(lab) == before

    eventually(lambda: all(one.acknowledged > 5 for one in writers), 30)
    with ThreadPoolExecutor() as pool:
        run = pool.submit(restart, lab, only="pending")
        first, last = order[0], order[-1]
        step = "SELECT step FROM mysql_gr.operation"
        eventually(lambda: f"restart {first}" in lab.sql(last, step))
        assert f"(restart {first}" in lab.status()[last]["operation"]
        # What would disturb it is refused, in a sentence.
        for call in (
            "mysql_maintenance.pause trial",
            f"mysql_maintenance.drain member={last} reason=trial",
            f"mysql_maintenance.leave member={last} reason=trial",
            "mysql_gr.switch_mode single-primary",
        ):
            answer = str(lab.salt(last, call).get(last))
            assert f"{UNDER_WAY} is under way" in answer, answer
        # Another one is refused, too.
        refused, said = restart(lab, test=True)
        assert refused["result"] is False, said
        assert UNDER_WAY in refused["comment"]
        done, said = run.result()
    assert done["result"] is True, said
    assert sorted(done["changes"]["restarted"]) == sorted(lab.databases)
    # The writer's member was the last, unless it changed meanwhile, when another one went.
    assert done["changes"]["restarted"][-1] == last
    all_online()
    for one in writers:
        one.stop()
        one.join(60)
    for one in writers:
        print(f"{one.acknowledged} rows, {one.again} again, longest wait {one.longest:.2f} s")
    assert [one.failed for one in writers] == [[]] * len(writers)
    count = int(lab.sql("db2", "SET SESSION group_replication_consistency = 'BEFORE';"
                        f" SELECT COUNT(*) FROM realworld.{TABLE}").split()[-1])  # fmt: skip
    assert count >= sum(one.acknowledged for one in writers)
    assert set(pending(lab)["db1"]) == set()
    assert {lab.sql(name, f"SELECT @@{OPTION}") for name in lab.databases} == {str(option)}
    after = started(lab)
    assert all(after[name] != before[name] for name in lab.databases)
    assert {status["operation"] for status in lab.status().values()} == {""}

    # A second run finds nothing to do.
    again, said = restart(lab, only="pending")
    assert (again["result"], again["changes"]) == (True, {}), said
    assert started(lab) == after


@pytest.mark.repeated
@long_only
def test_in_single_primary_mode_the_primary_hands_over_first(lab: Lab, switch_mode, all_online):
    switch_mode("single-primary")
    (primary,) = [name for name, status in lab.status().items() if status["writable"]]
    done, said = restart(lab)
    assert done["result"] is True, said
    assert done["changes"]["restarted"][-1] == primary
    all_online()
    (now,) = [name for name, status in lab.status().items() if status["writable"]]
    assert now != primary


def test_a_member_that_is_out_keeps_all_from_being_restarted(lab: Lab, all_online):
    all_online()
    before = started(lab)
    lab.salt("db3", "mysql_maintenance.leave member=db3 reason=trial")
    try:
        for test in (True, False):
            refused, said = restart(lab, test=test)
            assert refused["result"] is False, said
            assert "No member is restarted: db3 is OFFLINE" in refused["comment"]
    finally:
        lab.salt("db3", "mysql_gr.join")
        all_online()
    assert started(lab) == before


def test_members_told_at_once_restart_one_after_the_other(lab: Lab, all_online, eventually):
    """Whoever tells them: here systemctl, on both in the same second."""
    all_online()
    *told, witness = lab.databases
    before = started(lab)
    begin = int(time.time())
    for name in told:
        lab.run(name, "systemctl restart --no-block mysql")
    fewest = len(lab.databases)

    def both_are_back() -> bool:
        nonlocal fewest
        states = lab.view_of(witness)
        fewest = min(fewest, states.count("ONLINE"))
        return states == ["ONLINE"] * len(lab.databases) and all(
            one != before[name] for name, one in started(lab).items() if name in told
        )

    eventually(both_are_back, 150)
    assert fewest == len(lab.databases) - 1
    # Either may be the first.
    said = {name: lab.run(name, f"journalctl -u mysql --since @{begin} -o cat") for name in told}
    waited = [name for name in told if f"{name} waits for its turn to restart" in said[name]]
    assert len(waited) == 1, said
    assert not any("out of turn" in text for text in said.values()), said

"""Runs that meet, and runs that are killed in the middle: the next one completes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import long_only
from tests.support.lab import Lab

pytestmark = pytest.mark.restores

CONVERGE = "salt-run --log-level=critical state.orchestrate orch.cluster"


@pytest.fixture
def outside(lab: Lab, all_online: Callable[..., float]) -> Iterator[str]:
    """A member that is outside and that no keeper brings back; whole again afterwards."""
    all_online()
    lab.run("db3", "systemctl stop mysql-gr-keeper\nmysql -e 'STOP GROUP_REPLICATION'")
    yield "db3"
    lab.run("db3", "systemctl start mysql-gr-keeper salt-minion")
    all_online(240)


def converge(lab: Lab) -> str:
    return lab.run("master", f"{CONVERGE} > /tmp/converge.$$ 2>&1; echo $?").strip()


def bootstraps_left(lab: Lab) -> set[str]:
    return {lab.sql(name, "SELECT @@group_replication_bootstrap_group") for name in lab.databases}


def views(lab: Lab) -> set[str]:
    return {(status["view_id"] or "").partition(":")[0] for status in lab.status().values()}


@long_only
def test_two_orchestrations_at_once_both_converge(lab: Lab, outside):
    before = views(lab) - {""}
    with ThreadPoolExecutor() as pool:
        codes = list(pool.map(lambda _: converge(lab), range(2)))
    assert codes == ["0", "0"]
    assert lab.status()[outside]["member"]["state"] == "ONLINE"
    assert views(lab) <= before
    assert bootstraps_left(lab) == {"0"}


def test_keeper_highstates_and_operator_at_once_make_one_join(lab: Lab, outside):
    """All hold the member's own lock in turn; nobody undoes or repeats what another did."""
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(lab.salt, outside, "state.single mysql_gr.member_online name=db3"),
            pool.submit(lab.salt, outside, "mysql_gr.join"),
            pool.submit(lab.run, outside, "systemctl start mysql-gr-keeper"),
        ]
        applied, joined, _ = [run.result() for run in runs]
    assert next(iter(applied[outside].values()))["result"] is True, applied
    assert joined[outside]["verdict"] in ("join", "member", "recovering"), joined
    assert lab.status()[outside]["member"]["state"] == "ONLINE"


def test_a_minion_that_is_killed_in_the_middle(lab: Lab, outside, eventually):
    lab.run("master", f"salt --async {outside} state.apply mysql.group")
    # A start that gets no view takes a minute, and is tried once more.
    eventually(lambda: lab.state_of(outside) != "OFFLINE", 120)
    # systemd starts it again.
    lab.run(outside, "systemctl kill --signal=KILL salt-minion")
    eventually(lambda: lab.salt(outside, "test.ping", timeout=2)[outside] is True, 60)
    states = lab.salt(outside, "state.apply mysql.group")[outside]
    assert all(state["result"] is True for state in states.values()), states
    assert lab.status()[outside]["member"]["state"] == "ONLINE"
    assert bootstraps_left(lab) == {"0"}


@long_only
def test_a_master_that_is_killed_in_the_middle(lab: Lab, outside, eventually):
    with ThreadPoolExecutor() as pool:
        first = pool.submit(converge, lab)
        eventually(lambda: lab.state_of(outside) != "OFFLINE", 120)
        lab.run(
            "master",
            "pkill -KILL -f 'salt-run.*orch.cluster'\nsystemctl kill --signal=KILL salt-master",
        )
        first.result()
    eventually(lambda: lab.salt("*", "test.ping", timeout=2).keys() == lab.address.keys(), 90)
    assert converge(lab) == "0"
    assert lab.status()[outside]["member"]["state"] == "ONLINE"
    assert bootstraps_left(lab) == {"0"}

"""Who is asked for an operation, who writes its row, and what is done where nobody answers."""

from __future__ import annotations

import pytest
from group_replication.operation import Operation
from group_replication.operation_run import OperationRun, row_of
from minion_calls import Answer
from salt.exceptions import CommandExecutionError

from tests.unit.group import HOSTS, Clock, gone, one, online

NODES = {name: HOSTS[name] for name in ("db1", "db2", "db3")}
WHOLE = {name: online(name, *(n for n in NODES if n != name)) for name in NODES}
ROW = Operation("token", "m1", "rolling restart", "restart db1", "{}", "10:00", "10:02", 9, 111)


class Group:
    """Minions that answer from what each member says; a member may refuse to write."""

    def __init__(self, **facts: dict) -> None:
        self.facts = {**WHOLE, **facts}
        self.silent: set[str] = set()
        self.refuses: dict[str, list[str]] = {}
        self.written: list[tuple[str, str, dict]] = []

    def __call__(self, names, function, arguments):
        found = {}
        for name in names:
            if name in self.silent:
                continue
            if function == "mysql_operation.readiness":
                found[name] = Answer(self.facts[name])
            elif self.refuses.get(name):
                found[name] = Answer(None, self.refuses[name].pop(0))
            else:
                self.written.append((name, function, dict(arguments)))
                found[name] = Answer("done")
        return found


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def test_a_minion_that_does_not_answer_is_a_member_that_does_not(clock):
    group = Group()
    group.silent.add("db2")
    facts = OperationRun(group, NODES, "m1")._facts()
    assert facts["db2"]["answers"] is False
    assert "no answer from db2's minion" in facts["db2"]["error"]
    with pytest.raises(CommandExecutionError, match="db2: no answer from db2's minion"):
        OperationRun(group, NODES, "m1")._ask("db2", "mysql_gr.status", {})


def test_the_row_is_written_by_the_first_declared_that_takes_writes(clock):
    group = Group(db1=one("db1"), db2=online("db2", "db3"), db3=online("db3", "db2"))
    assert OperationRun(group, NODES, "m1")._write("mysql_operation.begin", purpose="x") == "done"
    assert group.written == [("db2", "mysql_operation.begin", {"purpose": "x", "owner": "m1"})]


@pytest.mark.parametrize(
    ("refusals", "done"),
    [
        (["mysqld said: read only (1290)"] * 2, True),
        (["mysqld said: read only (1290)"] * 9, False),
        # Another operation is no reason to ask once more.
        (["another operation is under way"], False),
    ],
)
def test_a_writer_that_leaves_just_now_is_asked_again(clock, refusals, done):
    group = Group()
    group.refuses["db1"] = [*refusals]
    run = OperationRun(group, NODES, "m1")
    if done:
        run._proceed("restart db1")
        assert group.written[0][1] == "mysql_operation.proceed"
        assert clock.now > 0
        return
    with pytest.raises(CommandExecutionError, match=refusals[0][:12]):
        run._proceed("restart db1")
    assert group.written == []


def test_without_a_majority_nobody_writes_and_giving_up_raises_nothing(clock):
    group = Group(**dict.fromkeys(NODES, gone()))
    with pytest.raises(CommandExecutionError, match="no declared member takes writes"):
        OperationRun(group, NODES, "m1")._proceed("restart db1")
    OperationRun(group, NODES, "m1")._give_up()


def test_of_several_rows_the_one_with_the_last_deadline_counts():
    late = ROW._replace(deadline="10:05")
    told = {name: {"operation": row._asdict()} for name, row in (("db1", ROW), ("db2", late))}
    assert row_of({**told, "db3": gone()}) == late
    assert row_of({"db1": gone(), "db2": {"operation": None}}) is None

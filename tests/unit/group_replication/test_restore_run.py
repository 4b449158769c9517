"""A group that begins anew: whom the run tells what, in which order, and what it leaves."""

from __future__ import annotations

import pytest
from group_replication.restore_run import begin, is_member
from minion_calls import Answer
from salt.exceptions import CommandExecutionError

POINT = {"gtids": "a:1-9", "member": "db1", "donor": "backup1"}
ANSWERS = {
    "backup_restore.offer_point": Answer({**POINT, "fingerprint": "ab"}),
    "mysql_restore.receive": Answer({"gtids": "a:1-9", "given_up": "a:1-2", "changed": True}),
    "mysql_gr.recover": Answer({"verdict": "member", "why": "db1 is ONLINE"}),
    "backup_restore.drop_instance": Answer(True),
}
DROPPED = ("backup1", "backup_restore.drop_instance", {"name": "offered"})


class Minions:
    """Minions that answer, but for what a test says otherwise; and what they were asked."""

    def __init__(self, **others):
        self.answers = {**ANSWERS, **{k.replace("__", "."): v for k, v in others.items()}}
        self.asked = []

    def __call__(self, targets, function, arguments):
        (machine,) = targets
        self.asked.append((machine, function, dict(arguments)))
        answer = self.answers[function]
        return {} if answer is None else {machine: answer}


def test_it_is_offered_cloned_begun_and_withdrawn():
    minions = Minions()
    found = begin(minions, "db1", "backup1", {"point": "latest", "keep_name": True}, "db1")
    assert found == {**POINT, "given_up": "a:1-2"}
    told = {"member": "db1", "donor": "backup1", "fingerprint": "ab", "overwrite": "db1"}
    assert minions.asked == [
        (
            "backup1",
            "backup_restore.offer_point",
            {"point": "latest", "keep_name": True, "member": "db1"},
        ),
        ("db1", "mysql_restore.receive", told),
        ("db1", "mysql_gr.recover", {"force_member": "db1"}),
        DROPPED,
    ]


def test_a_plan_asks_the_backup_machine_alone_and_restores_nothing():
    minions = Minions(backup_restore__offer_point=Answer(POINT))
    assert begin(minions, "db1", "backup1", {"point": "latest"}, test=True)["gtids"] == "a:1-9"
    (asked,) = minions.asked
    assert asked[2] == {"point": "latest", "member": "db1", "test": True}


@pytest.mark.parametrize(
    ("function", "answer", "words", "last"),
    [
        ("backup_restore__offer_point", Answer("", "db2 is ONLINE"), "backup1: db2 is ONLINE", 1),
        ("backup_restore__offer_point", None, "minion of backup1 does not answer", 1),
        ("mysql_restore__receive", Answer("", "not empty"), "db1: not empty", 3),
        ("mysql_restore__receive", None, "minion of db1 does not answer", 3),
        ("mysql_gr__recover", Answer({"verdict": "paused", "why": "kept"}), "no group: kept", 4),
    ],
)
def test_what_is_refused_ends_it_and_no_offer_stays(function, answer, words, last):
    minions = Minions(**{function: answer})
    with pytest.raises(CommandExecutionError, match=words):
        begin(minions, "db1", "backup1", {})
    assert len(minions.asked) == last
    assert last == 1 or minions.asked[-1] == DROPPED


@pytest.mark.parametrize(
    ("state", "quorum", "member"), [("ONLINE", True, True), ("ONLINE", False, False),
                                    ("OFFLINE", False, False)],
)  # fmt: skip
def test_a_group_that_is_there(state, quorum, member):
    status = Answer({"member": {"state": state}, "quorum": quorum})
    assert is_member(Minions(mysql_gr__status=status), "db1") is member

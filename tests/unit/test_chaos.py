"""The pure parts of the fault harness: what is planned, how it is judged, what is shown."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos import report
from chaos.faults import FAULTS
from chaos.judgements import numbered_twice, spans, splits, unlike
from chaos.plan import FAULTS as PLANNED
from chaos.plan import plan, races
from tests.support import result_file, scene
from tests.support.lab import changes_of
from tests.support.ledger import judge, longest_gap
from tests.support.monitor import Sample, whole
from tests.support.scene import Members

MEMBERS = ("db1", "db2", "db3")


def test_every_fault_can_be_planned_and_done():
    assert tuple(FAULTS) == PLANNED


def test_an_id_that_two_transactions_inserted_is_told():
    logs = {"db1": [("a:1", 7), ("a:2", 8)], "db2": [("a:1", 7), ("a:3", 8)], "db3": []}
    assert numbered_twice({"db1": logs["db1"], "db3": []}) == []
    assert numbered_twice(logs) == ["id 8 was inserted by a:2 on db1 and a:3 on db2"]
    many = {"db1": [(f"a:{n}", 7 + n // 2) for n in range(10)]}
    assert numbered_twice(many)[3:] == ["2 other ids were inserted by several transactions"]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**40), rounds=st.integers(0, 60))
def test_a_plan_is_the_same_each_time(seed, rounds):
    assert plan(seed, rounds, MEMBERS) == plan(seed, rounds, MEMBERS)
    assert races(seed, rounds, MEMBERS) == races(seed, rounds, MEMBERS)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**40), rounds=st.integers(1, 60), more=st.integers(0, 60))
def test_a_longer_plan_begins_as_a_shorter_one(seed, rounds, more):
    """So a round that failed can be run alone, whatever the number of rounds was."""
    assert plan(seed, rounds + more, MEMBERS)[:rounds] == plan(seed, rounds, MEMBERS)


def test_another_seed_is_another_plan():
    assert len({tuple(plan(seed, 10, MEMBERS)) for seed in range(20)}) == 20
    assert len({one.fault for seed in range(50) for one in plan(seed, 1, MEMBERS)}) > 10


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**40))
def test_many_rounds_cover_every_fault_evenly(seed):
    counts = Counter(one.fault for one in plan(seed, 10 * len(FAULTS), MEMBERS))
    assert set(counts) == set(FAULTS)
    assert min(counts.values()) >= 10
    assert max(counts.values()) - min(counts.values()) <= 1


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**40), size=st.integers(3, 9))
def test_a_round_names_members_of_the_group(seed, size):
    members = [f"db{n}" for n in range(1, size + 1)]
    for one in plan(seed, len(FAULTS), members):
        assert sorted(one.victims + one.others) == sorted(members)
        assert one.victims
        assert 0 <= one.seconds <= 60
        if one.fault.startswith("quorum"):
            assert len(one.others) * 2 <= size
        elif one.fault not in ("kill-all", "kill-behind", "empty"):
            assert len(one.victims) == 1


def test_a_freeze_is_mostly_short():
    frozen = [one.seconds for one in plan(1, 400, MEMBERS, ["freeze"])]
    assert all(1 <= seconds <= 60 for seconds in frozen)
    assert 0.6 < sum(seconds <= 12 for seconds in frozen) / len(frozen) < 0.9


def test_faults_can_be_chosen():
    assert {one.fault for one in plan(1, 9, MEMBERS, ["kill", "freeze"])} == {"kill", "freeze"}
    with pytest.raises(ValueError, match=r"FAULTS names 'flood'; expected some of kill, freeze"):
        plan(1, 9, MEMBERS, ["kill", "flood"])


def test_all_that_was_acknowledged_is_everywhere():
    rows = {member: {1, 2, 3} for member in MEMBERS}
    # 3 had no answer and is there, 4 had none and is not: both are right.
    assert judge({1, 2}, {1, 2, 3, 4}, rows) == ({}, [])


def test_an_acknowledged_id_that_is_missing_is_lost():
    found = judge({1, 2}, {1, 2}, {"db1": {1, 2}, "db2": {1}, "db3": {1, 2}})
    assert found.lost == {"db2": [2]}
    assert found.problems == ["db2 lacks acknowledged ids: 2"]


def test_a_lost_id_is_lost_where_nobody_has_it():
    found = judge({1, 2}, {1, 2}, {member: {1} for member in MEMBERS})
    assert found.lost == {member: [2] for member in MEMBERS}


def test_members_must_agree_on_what_had_no_answer():
    found = judge({1}, {1, 2}, {"db1": {1, 2}, "db2": {1}})
    assert found == ({}, ["db2 lacks ids that another member has: 2"])


def test_an_id_that_nobody_wrote_is_a_problem():
    found = judge({1}, {1}, {"db1": {1, 9}, "db2": {1, 9}})
    assert found.problems == [
        "db1 has ids that nobody wrote: 9",
        "db2 has ids that nobody wrote: 9",
    ]


def test_many_missing_ids_are_not_all_listed():
    found = judge(set(range(100)), set(range(100)), {"db1": set()})
    assert found.problems == ["db1 lacks acknowledged ids: 0, 1, 2, 3, 4 and 95 more"]


ALIKE = {"differences": [], "definitions": [], "undecided": 0}
CHANGED = {
    "table": "realworld.users",
    "from": {"id": 7},
    "to": {"id": 9},
    "rows": 2,
    "members": {"db2": {"changed": 2, "missing": 0, "extra": 0}},
}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ALIKE, []),
        ({**ALIKE, "differences": [CHANGED]}, ["2 rows of realworld.users differ"]),
        (
            {**ALIKE, "definitions": [{"kind": "view", "name": "v", "members": {"db1": "absent"}}]},
            ["view v differs: {'db1': 'absent'}"],
        ),
        ({**ALIKE, "undecided": 3}, ["3 rows or definitions changed although nobody wrote"]),
        ("no other member is ONLINE", ["not compared: no other member is ONLINE"]),
        (None, ["not compared: None"]),
    ],
)
def test_what_members_hold_apart_is_a_problem(found, words):
    problems = unlike(found)
    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


@pytest.mark.parametrize(
    ("times", "gap"),
    [([], 10), ([1, 2, 9], 7), ([4], 6), ([-5, 50], 10), ([9, 1, 5], 4)],
)
def test_the_longest_gap_counts_from_the_fault_to_the_end(times, gap):
    assert longest_gap(times, 0, 10) == gap


def sample(member, at, origin="1", state="ONLINE", quorum=True, view=None, states=("ONLINE",) * 3):
    return Sample(at, at + 0.1, member, state, origin, view or f"{origin}:3", quorum, states, False)


def test_two_origins_at_one_time_are_a_split():
    samples = [sample("db1", t, "1") for t in range(5)] + [sample("db2", t, "2") for t in range(5)]
    assert splits(samples) == ["db1 in 1 and db2 in 2 for 3.9 s"]


def test_one_origin_after_the_other_is_none():
    before = [sample(m, t, "1") for m in MEMBERS for t in range(5)]
    after = [sample(m, t, "2") for m in MEMBERS for t in range(10, 15)]
    assert splits(before + after) == []
    assert {(one.origin, one.begin, one.end) for one in spans(before + after)} == {
        ("1", 0.1, 4),
        ("2", 10.1, 14),
    }


@pytest.mark.parametrize("out", [{"state": "ERROR"}, {"state": "UNKNOWN"}, {"quorum": False}])
def test_a_member_that_is_out_is_in_no_group(out):
    old = [sample("db1", t, "1") for t in range(3)] + [
        sample("db1", t, "1", **out) for t in range(3, 9)
    ]
    assert splits(old + [sample("db2", t, "2") for t in range(4, 9)]) == []


def test_whole_is_all_in_one_view_asked_since():
    latest = {member: sample(member, 5) for member in MEMBERS}
    assert whole(latest, MEMBERS, since=5)
    assert not whole(latest, MEMBERS, since=5.05)
    assert not whole({**latest, "db2": sample("db2", 5, view="1:4")}, MEMBERS, since=5)
    assert not whole({**latest, "db2": sample("db2", 5, states=("ONLINE",) * 2)}, MEMBERS, since=5)
    assert not whole({"db1": latest["db1"]}, MEMBERS, since=5)


def result(fault, **more):
    return {
        "fault": fault,
        "outage": 1.0,
        "online": 5.0,
        "errors": {},
        "balancer_errors": 0,
        "acknowledged": 10,
        "lost": 0,
        "splits": 0,
        "problems": [],
        **more,
    }


def test_the_table_has_a_row_a_fault_in_order():
    rounds = [
        result("freeze", outage=2.0),
        result("kill", errors={"2013": 3, "1290": 1}, balancer_errors=3),
        result("kill", outage=3.0, online=9.0),
        result("kill", outage=None, online=None, lost=2, problems=["db1 lacks …"]),
    ]
    assert report.table(rounds, ["kill", "freeze", "stop"]) == (
        "| fault | rounds | failed | write outage, s | errors (through the balancer) "
        "| acknowledged | lost | splits | all ONLINE after, s |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| kill | 3 | 1 | 1.0 / 2.0 / 3.0 | 4 (3) | 30 | 2 | 0 | 7.0 / 9.0 |\n"
        "| freeze | 1 | 0 | 2.0 / 2.0 / 2.0 | 0 (0) | 10 | 0 | 0 | 5.0 / 5.0 |\n"
        "| all | 4 | 1 | 1.0 / 2.0 / 3.0 | 4 (3) | 40 | 2 | 0 | 5.0 / 9.0 |\n"
    )


def test_results_of_several_files_add_up(tmp_path):
    for name in ("one", "two"):
        result_file.append(tmp_path / "sub" / name, result("kill"))
        result_file.append(tmp_path / "sub" / name, result("freeze"))
    read = result_file.read([tmp_path / "sub/one", tmp_path / "sub/two"])
    assert [one["fault"] for one in read] == ["kill", "freeze", "kill", "freeze"]


class Watch:
    """Stands for the monitor of members that are together, or never are."""

    def __init__(self, together: bool) -> None:
        self._together = together
        self.latest: dict[str, str] = {}
        self.asks = False

    def start(self) -> None:
        self.latest.update(dict.fromkeys(MEMBERS, "ONLINE"))
        self.asks = True

    def stop(self) -> None:
        self.asks = False

    def whole(self, since: float) -> bool:
        return self._together

    def states(self) -> str:
        return "db3 ERROR"


def test_members_are_watched_once_they_are_together(monkeypatch):
    monkeypatch.setattr(scene, "Monitor", lambda lab: Watch(together=True))
    members = Members(SimpleNamespace(databases=MEMBERS))
    with members.watched(1):
        assert members.monitor.asks
    assert not members.monitor.asks


def test_members_that_are_not_together_in_time_are_watched_no_more(monkeypatch):
    monkeypatch.setattr(scene, "Monitor", lambda lab: Watch(together=False))
    members = Members(SimpleNamespace(databases=MEMBERS))
    with (
        pytest.raises(AssertionError, match="all ONLINE in one view: not within 0 s; db3 ERROR"),
        members.watched(0),
    ):
        raise AssertionError("they are not together")
    assert not members.monitor.asks


HELD = {"__id__": "a", "result": True, "comment": "It is so.", "changes": {}}
CHANGED = {"__id__": "b", "result": True, "comment": "Done.", "changes": {"live": {}, "pruned": []}}
FAILED = {"__id__": "c", "result": False, "comment": "It broke.", "changes": {}}
# As Salt has it: without an id of its own.
UNMET = {"result": False, "comment": "One or more requisite failed", "changes": {}}


def test_what_states_changed_is_told():
    assert changes_of("web", {"1": HELD, "2": CHANGED}) == {"live", "pruned"}


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ({"1": HELD, "2": FAILED}, "states of web: c: It broke."),
        ({"1": FAILED, "cmd_|-d": UNMET}, r"c: It broke.; cmd_\|-d: One or more"),
        (["Rendering failed"], r"states of web: \['Rendering failed'\]"),
        (None, "states of web: None"),
        ({"1": {**CHANGED, "result": None}}, "b: Done."),
    ],
)
def test_a_state_that_does_not_hold_is_named(states, words):
    with pytest.raises(AssertionError, match=words):
        changes_of("web", states)

"""The oldest releases go."""

from __future__ import annotations

import pytest
from laravel_deploy import pruning
from laravel_deploy.pruning import prune, surplus
from laravel_deploy.releases import known
from salt.exceptions import CommandExecutionError, SaltInvocationError


def test_pruning_keeps_what_serves_and_what_served_before(machine):
    names = []
    for number in range(5):
        machine.change(f"<?php // {number}")
        names.append(machine.deploy())
    machine.rollback(names[0])
    predicted = surplus(machine.root, 2, machine.run_all)
    assert prune(machine.root, 2, machine.run_all, machine.user) == predicted
    left = {one["release"] for one in known(machine.root)}
    # The one that serves, the one that is next, and the last that served and was not taken back.
    assert left == {names[0], names[4]} | ({names[3]} - set(predicted))
    assert (machine.root / "current").resolve().is_dir()


def test_what_goes_with_a_release_that_is_to_come_is_predicted(machine):
    names = []
    for number in range(3):
        machine.change(f"<?php // {number}")
        names.append(machine.deploy())
    machine.change("<?php // new")
    coming = machine.plan().release
    predicted = surplus(machine.root, 2, machine.run_all, live=coming)
    assert machine.deploy() == coming
    assert prune(machine.root, 2, machine.run_all, machine.user) == predicted == names[:2]


def test_a_release_that_a_worker_runs_in_stays(machine, monkeypatch):
    names = []
    for number in range(4):
        machine.change(f"<?php // {number}")
        names.append(machine.deploy())
    monkeypatch.setattr(pruning, "occupied", lambda _releases, _run_all: {names[0]})
    assert prune(machine.root, 2, machine.run_all, machine.user) == [names[1]]


def test_where_nobody_can_see_who_runs_what_is_whole_stays_and_that_is_said(
    machine, monkeypatch, caplog
):
    for number in range(3):
        machine.change(f"<?php // {number}")
        machine.deploy()
    (machine.root / "releases/half").mkdir()

    def unseen(_releases, _run_all):
        raise CommandExecutionError("Nobody can see it.")

    monkeypatch.setattr(pruning, "occupied", unseen)
    assert surplus(machine.root, 2, machine.run_all) == ["half"]
    assert prune(machine.root, 2, machine.run_all, machine.user) == ["half"]
    assert f"{machine.root} keeps its old releases: Nobody can see it." in caplog.text
    # Nothing is too much: nobody has to see anything.
    assert prune(machine.root, 3, machine.run_all, machine.user) == []


@pytest.mark.parametrize("keep", [1, 0, "3"])
def test_too_few_to_keep_is_refused(machine, keep):
    with pytest.raises(SaltInvocationError, match=f"keep is {keep!r}"):
        surplus(machine.root, keep, machine.run_all)

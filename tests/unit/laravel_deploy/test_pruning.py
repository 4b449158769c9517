"""The oldest releases go."""

from __future__ import annotations

import pytest
from laravel_deploy.pruning import prune, surplus
from laravel_deploy.releases import known
from salt.exceptions import SaltInvocationError


def test_pruning_keeps_what_serves_and_what_served_before(machine):
    names = []
    for number in range(5):
        machine.change(f"<?php // {number}")
        names.append(machine.deploy())
    machine.rollback(names[0])
    predicted = surplus(machine.root, keep=2)
    assert prune(machine.root, keep=2) == predicted
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
    predicted = surplus(machine.root, keep=2, live=coming)
    assert machine.deploy() == coming
    assert prune(machine.root, keep=2) == predicted == names[:2]


@pytest.mark.parametrize("keep", [1, 0, "3"])
def test_too_few_to_keep_is_refused(machine, keep):
    with pytest.raises(SaltInvocationError, match=f"keep is {keep!r}"):
        surplus(machine.root, keep=keep)

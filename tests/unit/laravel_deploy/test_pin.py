"""A pinned release stays, whatever the source makes by now."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from laravel_deploy.pin import LIVE, check_made, kept_plan, taken
from laravel_deploy.sources import Source
from salt.exceptions import CommandExecutionError, SaltInvocationError

SOURCE = Source("salt://app")


@pytest.mark.parametrize(
    ("pin", "live", "found"),
    [
        ("", "a", ""),
        ("a", "b", "a"),
        ("b", "b", "b"),
        # Not here: the source has to make it.
        ("c", "b", ""),
        (LIVE, "b", "b"),
        # None serves yet.
        (LIVE, "", ""),
        # What serves was taken away by hand.
        (LIVE, "c", ""),
    ],
)
def test_a_release_that_is_here_is_taken(pin, live, found):
    assert taken(pin, live, ["a", "b"]) == found


@pytest.mark.parametrize("pin", ["../a", "a/b", "-a", "a b"])
def test_what_is_no_name_is_refused(pin):
    with pytest.raises(SaltInvocationError, match="expected a release's name, or live"):
        taken(pin, "a", ["a"])


@pytest.mark.parametrize("pin", ["", LIVE, "a"])
def test_a_source_may_make_it(pin):
    check_made(pin, "a", SOURCE)


def test_a_source_that_makes_another_is_refused():
    with pytest.raises(CommandExecutionError, match=r"release is 'b', .* salt://app makes a now"):
        check_made("b", "a", SOURCE)


def test_the_one_that_serves_stays_and_is_next_again(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    second = machine.build()["release"]
    assert (machine.root / "next").readlink().name == second
    found = kept_plan(machine.root, SOURCE, LIVE)
    assert (found.release, found.complete) == (first, True)
    assert found.fingerprint.startswith(first)
    assert found.migrations == ["2026_01_01_000001_create_a"]
    machine.plan = lambda **_: SimpleNamespace(release=first, complete=True)
    assert machine.build() == {"release": first, "before": second, "built": False}
    assert (machine.root / "next").readlink().name == first
    assert kept_plan(machine.root, SOURCE, second).release == second
    assert kept_plan(machine.root, SOURCE, "") is None
    assert kept_plan(machine.root, SOURCE, "another") is None

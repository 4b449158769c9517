"""The lock that one build made is what the others build by."""

from __future__ import annotations

import pytest
from laravel_deploy.composer import LOCKS
from laravel_deploy.one_lock import packed_lock, take_lock

OTHER = "from another web server"


@pytest.fixture
def made(machine):
    """A release whose lock was made by its build, as the second of two web servers has it."""
    return machine, machine.build()["release"]


def kept(machine):
    return [(machine.root / "shared" / name).read_text() for name in LOCKS]


def test_a_lock_is_handed_on(made):
    machine, release = made
    for name in ("shared/composer.lock", f"releases/{release}/composer.lock"):
        (machine.root / name).write_text(OTHER)
    packed = packed_lock(machine.root, release)
    for name in LOCKS:
        (machine.root / "shared" / name).unlink()
    assert take_lock(machine.root, packed) is True
    assert kept(machine) == ["{}", OTHER]
    assert take_lock(machine.root, packed) is False
    machine.change("<?php // 2")
    second = machine.build()["release"]
    assert (machine.root / "releases" / second / "composer.lock").read_text() == OTHER


def test_a_lock_that_comes_with_the_code_is_not(machine):
    (machine.source / "composer.lock").write_text("of the code")
    assert packed_lock(machine.root, machine.build()["release"]) == ""


def test_nor_one_of_another_release(made):
    machine, release = made
    (machine.root / "shared/composer.lock").write_text(OTHER)
    assert packed_lock(machine.root, release) == ""
    assert packed_lock(machine.root, "nothing") == ""


def test_nor_one_with_credentials(made):
    machine, release = made
    for name in ("shared/composer.lock", f"releases/{release}/composer.lock"):
        (machine.root / name).write_text('{"url": "https://jane:secret@git.example.com/x"}')
    assert packed_lock(machine.root, release) == ""

"""Packages that were tried before."""

from __future__ import annotations


def test_the_next_release_has_the_packages_of_the_one_before(machine):
    def lock() -> str:
        name = machine.build()["release"]
        return (machine.root / "releases" / name / "composer.lock").read_text()

    assert lock() == "made here"
    (machine.root / "shared/composer.lock").write_text("of the release before")
    machine.change("<?php // 2")
    assert lock() == "of the release before"
    # Another composer.json is resolved anew, and a lock that came with the code is obeyed.
    (machine.source / "composer.json").write_text('{"name": "another/one"}')
    assert lock() == "made here"
    (machine.source / "composer.lock").write_text("shipped")
    assert lock() == "shipped"
    assert (machine.root / "shared/composer.lock").read_text() == "made here"

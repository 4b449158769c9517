"""Packages that were tried before."""

from __future__ import annotations

from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError


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


@pytest.mark.parametrize("name", ["composer.lock", "composer.json"])
def test_a_link_in_the_place_of_a_lock_is_not_followed(machine, tmp_path, name):
    """A script of a package may put one there: what it leads to would be readable for all."""
    (tmp_path / "secret").write_text("of root")
    honest = machine.run_all

    def run_all(command, **options):
        done = honest(command, **options)
        (Path(options["cwd"]) / name).unlink()
        (Path(options["cwd"]) / name).symlink_to(tmp_path / "secret")
        return done

    machine.run_all = run_all
    with pytest.raises(CommandExecutionError, match=f"{name} cannot be read"):
        machine.build()
    assert not (machine.root / "shared" / name).exists()

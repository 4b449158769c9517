"""Assets are built by npm where a lock file asks for it; what builds them does not stay."""

from __future__ import annotations

import re

import pytest
from laravel_deploy.npm import KEY, wants_assets
from laravel_deploy.releases import known
from salt.exceptions import CommandExecutionError, SaltInvocationError

LOCKED = ["artisan", "package-lock.json", "package.json"]


@pytest.mark.parametrize(
    ("there", "npm", "wanted"),
    [
        (LOCKED, True, True),
        (LOCKED, False, False),
        (["artisan", "package.json"], None, False),
        (["artisan"], False, False),
    ],
)
def test_assets_are_built_where_the_pillar_and_a_lock_file_say_so(there, npm, wanted):
    assert wants_assets(there, npm) is wanted


@pytest.mark.parametrize(
    ("there", "npm", "said"),
    [
        (LOCKED, None, f"has a package-lock.json, and {KEY} is null; expected true"),
        (["package.json"], True, f"{KEY} is true, and the source has no package-lock.json"),
        (LOCKED, "yes", f"{KEY} is 'yes'; expected true, false or null"),
    ],
)
def test_what_only_a_person_can_tell_is_asked(there, npm, said):
    with pytest.raises((CommandExecutionError, SaltInvocationError), match=re.escape(said)):
        wants_assets(there, npm)


def test_a_release_has_the_assets_and_not_what_they_were_built_with(machine):
    (machine.source / "package-lock.json").write_text("{}")
    name = machine.build(npm=True)["release"]
    assert [(*command[:2], command[-1]) for command in machine.ran[2:]] == [
        ("npm", "ci", "--ignore-scripts"),
        ("npm", "ci", "--offline"),
        ("npm", "run", "build"),
    ]
    # Its cache is the build user's own, beside Composer's.
    assert machine.npm_env["npm_config_cache"] == "/var/cache/laravel-build/npm"
    path = machine.root / "releases" / name
    assert (path / "public/build/app.js").read_text() == "built"
    assert not (path / "node_modules").exists()


def test_a_build_that_lacks_a_word_of_the_pillar_takes_no_time(machine):
    (machine.source / "package-lock.json").write_text("{}")
    with pytest.raises(SaltInvocationError, match=re.escape(f"{KEY} is null")):
        machine.build()
    assert (machine.ran, known(machine.root)) == ([], [])


def test_a_build_that_npm_fails_leaves_no_release(machine):
    (machine.source / "package-lock.json").write_text("{}")
    machine.npm = 1
    with pytest.raises(CommandExecutionError, match=r"npm ci failed .*Missing script"):
        machine.build(npm=True)
    assert known(machine.root) == []

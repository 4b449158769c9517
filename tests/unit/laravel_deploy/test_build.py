"""A release is built once, and aside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from laravel_deploy.composer import PROXIES
from laravel_deploy.env_file import update_env
from laravel_deploy.releases import known, next_release
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import unconfined


def test_a_release_is_built_once_and_aside(machine):
    built = machine.build()
    path = machine.root / "releases" / built["release"]
    assert built["built"] is True
    assert (machine.root / "next").resolve() == path
    assert not (machine.root / "current").is_symlink()
    assert (path / ".env").read_text() == "A=1\n"
    assert (path / "storage").resolve() == machine.root / "shared/storage"
    assert not [*(machine.root / "shared/storage").rglob("*")]
    assert (path / "vendor/autoload.php").read_text() == "<?php"
    again = {"release": built["release"], "before": built["release"], "built": False}
    assert machine.build() == again
    assert [command[0] for command in machine.ran] == ["composer", "composer"]


def test_files_are_on_the_disk_before_the_mark_that_all_are(machine, monkeypatch):
    seen = []

    def sync() -> None:
        (release,) = (machine.root / "releases").iterdir()
        # Nothing else waits to be written.
        assert not list(machine.root.glob(".build-*"))
        seen.append(((release / "vendor/autoload.php").exists(), known(machine.root)))

    monkeypatch.setattr("laravel_deploy.build.os.sync", sync)
    machine.build()
    ((files, (before,)),) = seen
    assert (files, before["complete"]) == (True, False)
    assert known(machine.root)[0]["complete"] is True


def test_what_would_be_built_is_told_and_not_done(machine):
    predicted = machine.build(test=True)
    assert (predicted["before"], predicted["built"]) == ("", True)
    assert (known(machine.root), machine.ran) == ([], [])
    coming = next_release(str(machine.root), machine.plan().told())
    assert coming["migrations"] == ["2026_01_01_000001_create_a"]
    assert machine.build() == predicted


def test_a_source_is_read_once(machine):
    """What it is named by and what is copied are the same."""
    machine.build()
    assert machine.read == 1


def test_a_release_that_was_broken_off_is_built_anew(machine):
    machine.composer = 1
    with pytest.raises(CommandExecutionError, match="composer install failed"):
        machine.build()
    assert (known(machine.root), [*machine.root.glob(".build-*")]) == ([], [])
    # As if the power had gone while it was copied.
    (machine.root / "releases" / machine.plan().release).mkdir(parents=True)
    (half,) = known(machine.root)
    assert (half["complete"], half["next"]) == (False, False)
    (machine.root / "releases" / half["release"] / "left-behind").write_text("")
    machine.composer = 0
    assert machine.build()["built"] is True
    (whole,) = known(machine.root)
    assert (whole["complete"], whole["next"]) == (True, True)
    assert not (machine.root / "releases" / half["release"] / "left-behind").exists()


def test_composer_runs_as_the_builder_without_secrets_and_what_it_leaves_is_not_served(
    machine, monkeypatch
):
    update_env(
        machine.root / "shared/.env",
        {"APP_ENV": "production", "MAIL_URL": "smtp://me:pw@host"},
        {"MAIL_DSN": "a"},
        {"user": machine.user, "group": machine.group, "mode": "0640"},
        {"a": "a secret"},
        test=False,
        only=True,
    )
    seen = []
    honest = machine.run_all
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")

    def run_all(command, **options):
        home = Path(options["cwd"])
        _, user, online = unconfined(command)
        env, clean = sorted(options["env"]), options["clean_env"]
        seen.append((user, (home / ".env").read_text(), env, clean, online))
        for name in (".env.local", "auth.json", "public/hot", ".release.json"):
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).write_text("of the build")
        return honest(command, **options)

    machine.run_all = run_all
    path = machine.root / "releases" / machine.build()["release"]
    own = (str(os.geteuid()), "APP_ENV=production\n")
    variables = ["COLUMNS", "COMPOSER_CACHE_DIR", "COMPOSER_HOME", "HOME", "PATH"]
    # The way to packages is told to the one that fetches them.
    assert seen == [
        (*own, [*variables, "https_proxy"], True, True),
        (*own, variables, True, False),
    ]
    assert "a secret" in (path / ".env").read_text()
    for name in (".env.local", "auth.json", "public/hot"):
        assert not (path / name).exists()
    assert json.loads((path / ".release.json").read_text())["source"] == "salt://app"
    assert not [*machine.root.glob(".build-*")]


def test_what_a_broken_off_build_left_is_taken_away(machine):
    (machine.root / ".build-left").mkdir(parents=True)
    machine.build()
    assert not [*machine.root.glob(".build-*")]


def test_a_narrow_umask_makes_no_release_that_nobody_can_enter(machine):
    before = os.umask(0o077)
    try:
        path = machine.root / "releases" / machine.build()["release"]
    finally:
        os.umask(before)
    modes = {one.stat().st_mode & 0o777 for one in [path, *path.rglob("*")] if not one.is_symlink()}
    assert modes == {0o755, 0o644}
    assert path.parent.stat().st_mode & 0o777 == 0o755

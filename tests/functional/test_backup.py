"""A machine of role backup gets its states and its secrets, and members get none of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import salt.pillar
import yaml

from tests.functional.conftest import ROOT
from tests.functional.test_render import highstate

NAME = "backup1"


@pytest.fixture
def with_backup(checkout: Path, with_cluster) -> Any:
    """A maker of a machine's options, where the table has a machine of role backup."""
    table = yaml.safe_load((checkout / "pillar/cluster.sls").read_text())["cluster"]
    nodes = {**table["nodes"], NAME: {"ip": "172.28.17.70", "role": "backup"}}
    return lambda minion: with_cluster(minion, nodes=nodes)


def pillar_of(options: dict[str, Any]) -> dict[str, Any]:
    """What a minion is given."""
    return salt.pillar.Pillar(options, options["grains"], options["id"], "base").compile_pillar()


def test_its_highstate_renders(with_backup):
    chunks = highstate(with_backup(NAME))[0]
    called = {f"{chunk['state']}.{chunk['fun']}" for chunk in chunks}
    assert {"backup.following", "backup.repository_present", "backup.drilled"} <= called
    assert not {one for one in called if one.startswith("mysql_gr.")}
    for chunk in chunks:
        folder = chunk["__sls__"].split(".")[0]
        assert chunk["__id__"].startswith(f"{folder}-"), chunk["__id__"]
    timers = {c["name"] for c in chunks if c["state"] == "service" and c["fun"] == "running"}
    assert {f"mysql-gr-backup@{one}.timer" for one in ("full", "logs", "watch")} <= timers


def test_its_program_gets_all_that_it_imports(with_backup, tmp_path):
    library = "/usr/local/lib/mysql-gr/"
    target = tmp_path / "library"
    target.mkdir()
    for chunk in highstate(with_backup(NAME))[0]:
        if chunk["state"] == "file" and chunk["name"].startswith(library):
            source = chunk["source"].removeprefix("salt://")
            found = next(path for path in (ROOT / source, ROOT / "salt" / source) if path.exists())
            copy = shutil.copytree if chunk["fun"] == "recurse" else shutil.copy
            copy(found, target / chunk["name"].removeprefix(library))
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import backup_run"
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_member_gets_the_account_and_not_the_repository(with_backup):
    member, own = pillar_of(with_backup("db1")), pillar_of(with_backup(NAME))
    password = member["mysql"]["accounts"]["backup"]["password"]
    assert password == own["mysql"]["accounts"]["backup"]["password"]
    assert "backup" not in member
    assert own["backup"]["repository"]["password"]
    assert set(own["mysql"]["accounts"]) == {"backup"}


def test_without_such_a_machine_nobody_gets_an_account(minion_opts):
    assert "backup" not in pillar_of(minion_opts("db1"))["mysql"]["accounts"]

"""Root's own files are reached by nothing that somebody else can lead elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from laravel_deploy import files
from laravel_deploy.files import read_text, trusted, write_text
from salt.exceptions import CommandExecutionError


def test_links_of_our_own_are_followed(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/.env").write_text("A=1")
    (tmp_path / "releases/a").mkdir(parents=True)
    (tmp_path / "releases/a/.env").symlink_to("../../shared/.env")
    (tmp_path / "current").symlink_to(tmp_path / "releases/a")
    assert trusted(tmp_path / "current/.env") == tmp_path / "shared/.env"
    assert trusted(tmp_path / "current/new/file") == tmp_path / "releases/a/new/file"


def test_links_that_lead_round_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(CommandExecutionError, match="is reached by the link"):
        trusted(tmp_path / "a")


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_folder_that_others_may_change_is_refused(tmp_path, mine, mode):
    (tmp_path / "app").mkdir()
    (tmp_path / "app/.env").write_text("A=1")
    (tmp_path / "app").chmod(mode)
    for act in (read_text, lambda path: write_text(path, "B=2", {**mine, "mode": "0640"})):
        with pytest.raises(CommandExecutionError, match="a folder that root alone can change"):
            act(tmp_path / "app/.env")
    # As /tmp: nobody can take another one's entries away.
    (tmp_path / "app").chmod(mode | 0o1000)
    assert read_text(tmp_path / "app/.env") == "A=1"


@pytest.mark.parametrize("name", ["app", "app/.env"])
def test_a_folder_or_link_of_another_user_is_refused(tmp_path, monkeypatch, name):
    (tmp_path / "app").mkdir()
    (tmp_path / "real").write_text("A=1")
    (tmp_path / "app/.env").symlink_to("../real")
    real = Path.lstat

    def lstat(path):
        info = real(path)
        if path != tmp_path / name:
            return info
        return os.stat_result((*info[:4], 4711, *info[5:10]))

    monkeypatch.setattr(files.Path, "lstat", lstat)
    with pytest.raises(CommandExecutionError, match="user 4711"):
        read_text(tmp_path / "app/.env")

"""Small files in folders that everybody may look into."""

from __future__ import annotations

import os
import stat

import pytest
from group_replication.files import write_whole


def test_a_file_is_whole_or_the_old_one(tmp_path, monkeypatch):
    file = tmp_path / "file"
    write_whole(file, "old", 0o640)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_whole(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o644)
    # The file and its directory's entry.
    assert len(synced) == 2

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, "newer")
    assert file.read_text() == "new"


def test_its_folder_is_made_for_everybody_to_look_into(tmp_path):
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "state" / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "state" / "file").stat().st_mode) == 0o644

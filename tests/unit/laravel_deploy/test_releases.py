"""What the disk says of releases: which are whole, which serves, which must not serve again."""

from __future__ import annotations

from pathlib import Path

import pytest
from laravel_deploy.layout import set_link
from laravel_deploy.releases import (
    MARKER,
    RECORD,
    complete,
    complete_path,
    known,
    mark,
    marked,
    next_release,
    record,
    stop,
)
from salt.exceptions import CommandExecutionError


@pytest.fixture
def root(tmp_path: Path, machine) -> Path:
    """Three releases: the newest one is not whole, the middle one serves."""
    for name, built in (("old", "2026-01-01"), ("live", "2026-01-02"), ("broken", "")):
        (tmp_path / "releases" / name).mkdir(parents=True)
        if built:
            mark(tmp_path / "releases" / name, {"built": built, "fingerprint": name * 3})
    set_link(tmp_path / "current", "releases/live")
    set_link(tmp_path / "next", "releases/old")
    return tmp_path


def test_the_newest_is_first_and_what_is_not_whole_before_all(root):
    assert [one["release"] for one in known(root)] == ["broken", "live", "old"]
    assert complete(root) == ["live", "old"]
    (serves,) = (one for one in known(root) if one["live"])
    assert (serves["release"], serves["next"], serves["revision"]) == ("live", False, "live" * 3)


def test_one_that_is_not_there_is_named_with_those_that_are(root):
    assert complete_path(root, "old") == root / "releases/old"
    for name in ("broken", "nowhere"):
        with pytest.raises(CommandExecutionError, match=f"no complete release '{name}'; it has li"):
            complete_path(root, name)


def test_one_that_was_stopped_says_why_and_by_whom(root):
    stop(root, "old", "check", "it answers with 500")
    assert record(root)["stopped"] == {"old": {"by": "check", "reason": "it answers with 500"}}
    found = next_release(str(root))
    assert (found["release"], found["complete"]) == ("old", True)
    assert (found["stopped"], found["stopped_by"]) == ("it answers with 500", "check")


def test_what_a_source_makes_is_next_before_it_is_made(root):
    found = next_release(str(root), {"release": "coming", "migrations": ["a"]})
    assert (found["release"], found["complete"], found["migrations"]) == ("coming", False, ["a"])
    assert found["path"] == str(root / "releases/coming")


def test_an_application_without_releases_has_no_name(tmp_path):
    (tmp_path / "artisan").write_text("<?php")
    found = next_release(str(tmp_path))
    assert (found["release"], found["path"], found["complete"]) == ("", str(tmp_path), False)


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_file_that_is_not_whole_counts_for_nothing(root, content):
    (root / "releases/live" / MARKER).write_text(content)
    (root / RECORD).write_text(content)
    assert marked(root / "releases/live") == {}
    assert record(root) == {"history": [], "stopped": {}, "server": {}}

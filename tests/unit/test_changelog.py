"""The version stands in one place, and CHANGELOG is by release (keepachangelog.com)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
RELEASE = re.compile(r"\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d{2}-\d{2}")


def problems(version, changelog):
    """Say what is not as it should be in a text of VERSION and one of CHANGELOG."""
    found = []
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    if headings[:1] != ["[Unreleased]"]:
        found.append("[Unreleased] is not the first heading")
    releases = [RELEASE.fullmatch(heading) for heading in headings[1:]]
    numbers = [tuple(map(int, release.groups())) for release in releases if release]
    if None in releases:
        found.append("a release is not [X.Y.Z] - YYYY-MM-DD")
    if numbers != sorted(set(numbers), reverse=True):
        found.append("the newest release is not the first")
    if not re.fullmatch(r"\d+\.\d+\.\d+\n", version):
        found.append("VERSION is not X.Y.Z")
    elif numbers and version != "{}.{}.{}\n".format(*numbers[0]):
        found.append("VERSION is not the newest release")
    for release in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        names = re.findall(r"^### (.+)$", release, re.MULTILINE)
        if names != [name for name in SECTIONS if name in names]:
            found.append(f"{release.splitlines()[0]} has not each section once, in order")
    return found


def test_the_changelog_and_the_version_agree():
    read = {name: (ROOT / name).read_text() for name in ("VERSION", "CHANGELOG.md")}
    assert problems(read["VERSION"], read["CHANGELOG.md"]) == []


CUT = "## [Unreleased]\n## [1.1.0] - 2026-12-01\n### Fixed\n## [1.0.0] - 2026-11-28\n### Added\n"


@pytest.mark.parametrize(
    ("version", "changelog", "expected"),
    [
        ("1.0.0\n", "## [Unreleased]\n### Added\n", []),
        ("1.1.0\n", CUT, []),
        ("1.0.0\n", CUT, ["VERSION is not the newest release"]),
        ("1.1\n", CUT, ["VERSION is not X.Y.Z"]),
        ("1.0.0\n", "## [1.0.0] - 2026-11-28\n", ["[Unreleased] is not the first heading"]),
        ("1.0.0\n", "## [Unreleased]\n## 1.0.0\n", ["a release is not [X.Y.Z] - YYYY-MM-DD"]),
        ("1.1.0\n", f"{CUT}## [1.2.0] - 2026-01-01\n", ["the newest release is not the first"]),
        (
            "1.0.0\n",
            "## [Unreleased]\n### Fixed\n### Added\n",
            ["[Unreleased] has not each section once, in order"],
        ),
        (
            "1.0.0\n",
            "## [Unreleased]\n### Mended\n",
            ["[Unreleased] has not each section once, in order"],
        ),
    ],
)
def test_what_is_wrong_is_named(version, changelog, expected):
    assert problems(version, changelog) == expected


def test_the_version_stands_nowhere_else():
    conf = (ROOT / "docs/conf.py").read_text()
    assert '"VERSION").read_text' in conf
    assert "versionadded" not in "".join(
        path.read_text()
        for folder in ("_modules", "_states")
        for path in ROOT.glob(f"{folder}/*.py")
    )

"""A file of end-to-end tests says by one marker what it leaves behind, and runs in that order."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.e2e.conftest import DAMAGE, damage_of, pytest_collection_modifyitems

FOLDER = Path(__file__).parents[1] / "e2e"
FILES = sorted(FOLDER.glob("test_*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_one_marker_and_its_name_the_number_of_it(path):
    text = path.read_text()
    assigned = re.search(r"^pytestmark = (.*?)\n(?=\S|\n)", text, re.MULTILINE | re.DOTALL)
    found = re.findall(r"pytest\.mark\.(\w+)", assigned[1]) if assigned else []
    assert "waits" not in found or "restores" in found
    assert re.match(r"test_(\d)_", path.name)[1] == str(damage_of(path.name, found) + 1)


@pytest.mark.parametrize("markers", [(), ("repeated",), ("reads", "restores")])
def test_another_number_of_markers_is_refused(markers):
    with pytest.raises(pytest.UsageError, match=r"test_x has [02] of the markers reads, .* one"):
        damage_of("test_x", markers)


def test_what_leaves_more_behind_runs_later_and_the_order_within_stays():
    def item(name, *markers):
        marked = [SimpleNamespace(name=marker) for marker in markers]
        return SimpleNamespace(nodeid=name, path=FOLDER / name, iter_markers=lambda: marked)

    order = [item(str(place), marker) for place, marker in enumerate([*DAMAGE[::-1], "reads"])]
    order += [item("5", "restores", "waits"), item("6", "restores")]
    pytest_collection_modifyitems(order)
    assert [one.nodeid for one in order] == ["3", "4", "5", "2", "6", "1", "0"]

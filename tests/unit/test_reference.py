"""Every module and every set of states has its page in the reference, and no page is left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.stem: path.read_text() for path in ROOT.joinpath("docs/reference").glob("*.md")}
FILES = {
    folder: {path.stem for path in ROOT.joinpath(folder).glob("*.py")}
    for folder in ("_modules", "_states")
}


def test_there_is_a_page_for_each():
    assert PAGES.keys() == FILES["_modules"] | FILES["_states"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_shows_what_there_is(name):
    shown = re.findall(r"automodule:: (\w+)\.(\w+)", PAGES[name])
    assert shown == [(folder, name) for folder, names in FILES.items() if name in names]

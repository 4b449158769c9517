"""State files are in one dialect."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path
    for folder in ("salt", "pillar")
    for path in ROOT.joinpath(folder).rglob("*")
    if path.suffix in (".sls", ".yaml") and "secrets" not in path.parts
)
OTHER_BOOLEAN = re.compile(r"^[^#\n]*[:-] +(True|False|yes|no|on|off)[ ]*(#.*)?$", re.MULTILINE)


def other_booleans(text: str) -> list[str]:
    """Return the lines with a boolean that is not true or false."""
    return [found.group(0).strip() for found in OTHER_BOOLEAN.finditer(text)]


def test_booleans_are_true_and_false():
    assert FILES
    found = {path.name: other_booleans(path.read_text()) for path in FILES}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_another_spelling_is_found():
    text = "a:\n  - enable: True\n  - b: yes  # of YAML 1.1\n  - c: true\n  # d: True\n"
    assert other_booleans(text) == ["- enable: True", "- b: yes  # of YAML 1.1"]

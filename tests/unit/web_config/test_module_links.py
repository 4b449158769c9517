"""A module goes when the configuration does without it, and stays when not."""

from __future__ import annotations

from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError
from web_config.module_links import disable_module

from tests.unit.web_config.test_judge import run, tree  # noqa: F401

# Refuses a site that needs a module which is not loaded.
CHECK = [
    *("/bin/sh", "-c", '[ -e "$1/mods-enabled/ssl.load" ] || ! grep -r SSLEngine "$1/conf.d"'),
    *("sh", "{tree}"),
]


def enabled(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "mods-enabled").iterdir())


@pytest.fixture
def loaded(tree):  # noqa: F811
    (tree / "mods-available/ssl.conf").write_text("ssl\n")
    for name in ("ssl.load", "ssl.conf", "other.load"):
        (tree / f"mods-enabled/{name}").symlink_to(f"../mods-available/{name}")
    return tree


def test_its_links_go_and_no_others(loaded):
    gone = ["mods-enabled/ssl.load", "mods-enabled/ssl.conf"]
    assert disable_module("ssl", str(loaded), CHECK, run, test=True) == gone
    assert enabled(loaded) == ["other.load", "ssl.conf", "ssl.load"]
    assert disable_module("ssl", str(loaded), CHECK, run, test=False) == gone
    assert enabled(loaded) == ["other.load"]
    assert disable_module("ssl", str(loaded), CHECK, run, test=False) == []


def test_a_site_that_needs_it_keeps_it_and_is_told_how(loaded):
    (loaded / "conf.d/a.conf").write_text("SSLEngine On\n")
    with pytest.raises(CommandExecutionError, match="needs ssl in pillar apache:modules") as caught:
        disable_module("ssl", str(loaded), CHECK, run, test=False)
    assert f"{loaded}/conf.d/a.conf:SSLEngine On" in str(caught.value)
    assert "ssl.load" in enabled(loaded)
    # What a run would make before is not there in a dry one.
    assert disable_module("ssl", str(loaded), CHECK, run, test=True)

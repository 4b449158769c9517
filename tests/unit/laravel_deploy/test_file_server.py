"""A folder of the file server: what is taken of it, and what is never fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from laravel_deploy.file_server import (
    NOT_DEPLOYED,
    FileServer,
    copy_files,
    fingerprint_of,
)
from salt.exceptions import CommandExecutionError

TAKEN = ["artisan", "app/Models/User.php", ".env.example", "public/index.php", "storage.md"]
LEFT = ["vendor/autoload.php", "storage/logs/a.log", "bootstrap/cache/config.php", "tests/a.php"]
NEVER = [".env", ".env.production", "auth.json", "public/hot"]


def served(names: list[str], lost: str = "") -> FileServer:
    """A file server with these files, one of which it does not give."""
    return FileServer(
        lambda prefix: [f"app/{name}" for name in names],
        lambda paths: ["" if path.endswith(lost or " ") else f"/cache/{path}" for path in paths],
    )


def test_a_developer_s_own_is_not_deployed():
    found = served([*TAKEN, *LEFT, *NEVER]).files("salt://app", NOT_DEPLOYED)
    assert sorted(found) == sorted(TAKEN)
    assert found["artisan"] == "/cache/salt://app/artisan"


def test_settings_and_secrets_are_never_fetched_whatever_is_chosen():
    found = served([*TAKEN, *LEFT, *NEVER]).files("salt://app/", "none-of-them")
    assert sorted(found) == sorted([*TAKEN, *LEFT])


def test_what_is_no_application_or_not_given_is_named():
    with pytest.raises(CommandExecutionError, match="holds no Laravel application: it has no arti"):
        served(["README.md"]).files("salt://app", NOT_DEPLOYED)
    with pytest.raises(CommandExecutionError, match=r"does not give app/Models/User\.php"):
        served(TAKEN, lost="User.php").files("salt://app", NOT_DEPLOYED)


@pytest.fixture
def copies(tmp_path: Path) -> dict[str, str]:
    """Two files in the minion's cache."""
    found = {}
    for name, text in (("artisan", "<?php"), ("app/a.php", "a")):
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        found[name] = str(path)
    return found


def test_the_fingerprint_is_of_names_and_contents(copies):
    before = fingerprint_of(copies)
    assert fingerprint_of(dict(reversed(copies.items()))) == before
    assert fingerprint_of({"other": copies["artisan"], "app/a.php": copies["app/a.php"]}) != before
    Path(copies["app/a.php"]).write_text("b")
    assert fingerprint_of(copies) != before


def test_copies_may_be_read_by_the_web_server(copies, tmp_path):
    copy_files(copies, tmp_path / "release")
    made = tmp_path / "release/app/a.php"
    assert (made.read_text(), made.stat().st_mode & 0o777) == ("a", 0o644)

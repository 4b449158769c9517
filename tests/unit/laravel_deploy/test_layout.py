"""Where an application's parts are, with releases and without."""

from __future__ import annotations

from pathlib import Path

from laravel_deploy.layout import env_path, home, installed, linked, root_of, set_link


def released(root: Path, name: str = "a") -> Path:
    """A release that serves."""
    path = root / "releases" / name
    (path / "vendor").mkdir(parents=True)
    set_link(root / "current", f"releases/{name}")
    return path


def test_an_application_without_releases_is_its_folder(tmp_path):
    assert home(str(tmp_path)) == tmp_path.resolve()
    assert env_path(str(tmp_path)) == tmp_path.resolve() / ".env"
    assert root_of(tmp_path) == tmp_path
    assert linked(tmp_path / "current") == ""


def test_one_with_releases_is_the_one_that_serves(tmp_path):
    path = released(tmp_path)
    (tmp_path / "shared").mkdir()
    assert home(str(tmp_path)) == path.resolve()
    assert env_path(str(tmp_path)) == tmp_path / "shared/.env"
    assert (linked(tmp_path / "current"), root_of(path)) == ("a", tmp_path)


def test_it_is_installed_with_its_dependencies(tmp_path):
    path = released(tmp_path)
    assert not installed(str(tmp_path))
    (path / "artisan").write_text("<?php")
    assert not installed(str(tmp_path))
    (path / "vendor/autoload.php").write_text("<?php")
    assert installed(str(tmp_path))


def test_a_link_changes_in_one_step_also_after_a_run_that_was_killed(tmp_path):
    link = tmp_path / "current"
    set_link(link, "releases/a")
    (tmp_path / ".current.aside").symlink_to("releases/of-a-killed-run")
    set_link(link, "releases/b")
    assert linked(link) == "b"
    assert not (tmp_path / ".current.aside").is_symlink()

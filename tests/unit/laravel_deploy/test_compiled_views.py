"""Compiled views go with their release, and no other file does."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from unittest.mock import Mock

import pytest
from laravel_deploy import accounts, compiled_views
from laravel_deploy.compiled_views import REMOVE, remove_views
from laravel_deploy.pruning import prune
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.laravel_deploy.machine import answer

PHP = shutil.which("php")
real_php = pytest.mark.skipif(not PHP, reason="no php here: the web servers have it")


def by_php(command, **options):
    """Run php as Salt would, as the user of the test."""
    done = subprocess.run(
        [PHP, *command[1:]], input=options["stdin"], capture_output=True, text=True, check=False
    )
    return answer(done.stdout, done.stderr, done.returncode)


@pytest.fixture
def root(tmp_path):
    """An application whose release ``now`` is there."""
    (tmp_path / "releases/now").mkdir(parents=True)
    (tmp_path / "shared/storage/framework/views").mkdir(parents=True)
    return tmp_path


def compiled(root, view, name=None, end="<?php /**PATH {} ENDPATH**/ ?>", folder=None):
    """Compile a view as Laravel does, for all that counts here, and return the file."""
    # Laravel 10 and 11 name it by SHA-1.
    name = name or hashlib.sha1(f"v2{view}".encode()).hexdigest()
    file = (folder or root / "shared/storage/framework/views") / f"{name}.php"
    file.write_text("x" * 9000 + end.format(view))
    return file


@real_php
def test_a_view_of_a_release_that_is_gone_goes(root):
    gone = compiled(root, f"{root}/releases/gone/resources/views/a.blade.php")
    kept = [
        compiled(root, f"{root}/releases/now/resources/views/a.blade.php"),
        # Releases share it, or it is nobody's of ours.
        compiled(root, f"{root}/releases/gone/resources/views/b.blade.php", name="0" * 40),
        compiled(root, "/srv/other/releases/gone/resources/views/a.blade.php"),
        compiled(root, f"{root}/shared/storage/framework/views/c.blade.php"),
        compiled(root, f"{root}/releases/gone"),
        compiled(root, f"{root}/releases/gone/resources/views/d.blade.php", end="<?php // {} ?>"),
    ]
    assert remove_views(root, "www-data", by_php) == 1
    assert not gone.exists()
    assert [file for file in kept if not file.exists()] == []
    assert remove_views(root, "www-data", by_php) == 0


@real_php
def test_newer_names_are_known(root):
    view = f"{root}/releases/gone/resources/views/a.blade.php"
    printed = subprocess.run(
        [PHP, "-r", "echo hash('xxh128', 'v2'.$argv[1]);", view], capture_output=True, check=True
    )
    file = compiled(root, view, name=printed.stdout.decode())
    assert remove_views(root, "www-data", by_php) == 1
    assert not file.exists()


@real_php
@pytest.mark.parametrize("link", ["views", "file"])
def test_no_link_is_followed(root, tmp_path, link):
    view = f"{root}/releases/gone/resources/views/a.blade.php"
    (tmp_path / "elsewhere").mkdir()
    file = compiled(root, view, folder=tmp_path / "elsewhere")
    views = root / "shared/storage/framework/views"
    if link == "views":
        views.rmdir()
        views.symlink_to(file.parent)
    else:
        (views / file.name).symlink_to(file)
    assert remove_views(root, "www-data", by_php) == 0
    assert file.exists()


@real_php
def test_where_no_release_is_seen_all_views_stay(root, caplog):
    file = compiled(root, f"{root}/releases/gone/resources/views/a.blade.php")
    (root / "releases").rename(root / "hidden")
    assert remove_views(root, "www-data", by_php) == 0
    assert file.exists()
    assert "releases or " in caplog.text
    assert "cannot be used" in caplog.text


@pytest.mark.parametrize(
    "said", [CommandExecutionError("php is not there."), answer("", "it broke", 255)]
)
def test_a_failure_is_logged_and_no_more(root, caplog, said):
    run_all = Mock(side_effect=said if isinstance(said, Exception) else lambda *_, **__: said)
    assert remove_views(root, "www-data", run_all) == 0
    assert "The next switch removes the views of old releases: " in caplog.text
    assert "php is not there." in caplog.text or "it broke" in caplog.text


def test_the_web_server_s_user_removes_them_and_root_never_does(root, monkeypatch):
    run_all = Mock(return_value=answer("removed 3\n"))
    assert remove_views(root, "www-data", run_all) == 3
    assert run_all.call_args.kwargs["runas"] == "www-data"
    assert run_all.call_args.kwargs["stdin"] == REMOVE
    monkeypatch.setattr(compiled_views, "unprivileged_ids", accounts.unprivileged_ids)
    with pytest.raises(SaltInvocationError, match="expected another user than root"):
        remove_views(root, "root", run_all)
    assert run_all.call_count == 1


@real_php
def test_they_go_with_the_releases_that_are_pruned(machine):
    names = []
    views = machine.root / "shared/storage/framework/views"
    views.mkdir(parents=True)
    for number in range(3):
        machine.change(f"<?php // {number}")
        names.append(machine.deploy())
    root = machine.root.resolve()
    paths = [f"{root}/releases/{name}/resources/views/a.blade.php" for name in names]
    files = [compiled(root, path) for path in paths]

    def run_all(command, **options):
        own = options.get("stdin") == REMOVE
        return by_php(command, **options) if own else machine.run_all(command, **options)

    assert prune(machine.root, 2, run_all, "www-data") == names[:1]
    assert [file.exists() for file in files] == [False, True, True]

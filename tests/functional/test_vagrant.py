"""What this Vagrantfile mends in Vagrant itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.functional.conftest import ROOT

RUBY = "/usr/bin/ruby"
FAKE = ROOT / "tests/functional/vagrant"


def looked(place: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Kill threads that look at a machine of a copy of the checkout."""
    if subprocess.run([RUBY, "-e", 'require "vagrant"'], capture_output=True).returncode != 0:
        pytest.skip("the Vagrant of this host is none of the distribution's Ruby")
    return subprocess.run(
        [RUBY, str(FAKE / "killed_looks.rb"), str(tmp_path), *arguments],
        cwd=place,
        env={**os.environ, "PATH": f"{FAKE}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.mark.parametrize("mended", [True, False])
def test_a_look_that_is_killed_leaves_no_machine_locked(checkout, tmp_path, mended):
    place = tmp_path / "checkout"
    shutil.copytree(checkout, place)
    if not mended:
        vagrantfile = place / "Vagrantfile"
        whole = vagrantfile.read_text()
        vagrantfile.write_text(whole.replace("Vagrant::Machine.prepend(WholeLook)\n", ""))
        assert vagrantfile.read_text() != whole
    answer = looked(place, tmp_path)
    if mended:
        assert (answer.returncode, answer.stdout) == (0, "not created\n"), answer.stderr
    elif answer.returncode == 0:
        pytest.skip("this Vagrant has no such fault")
    else:
        assert "MachineLocked" in answer.stderr


def test_a_thread_that_lives_on_does_not_keep_vagrant_from_its_end(checkout, tmp_path):
    answer = looked(checkout, tmp_path, "survivor")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "not created\n", "")

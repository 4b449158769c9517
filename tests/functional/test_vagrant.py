"""What this Vagrantfile mends in Vagrant itself."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.functional.conftest import ROOT

RUBY = "/usr/bin/ruby"
FAKE = ROOT / "tests/functional/vagrant"


@pytest.mark.parametrize("mended", [True, False])
def test_a_look_that_is_killed_leaves_no_machine_locked(checkout, tmp_path, mended):
    if subprocess.run([RUBY, "-e", 'require "vagrant"'], capture_output=True).returncode != 0:
        pytest.skip("the Vagrant of this host is none of the distribution's Ruby")
    place = tmp_path / "checkout"
    shutil.copytree(checkout, place)
    if not mended:
        vagrantfile = place / "Vagrantfile"
        whole = vagrantfile.read_text()
        vagrantfile.write_text(whole.replace("Vagrant::Machine.prepend(WholeLook)\n", ""))
        assert vagrantfile.read_text() != whole
    answer = subprocess.run(
        [RUBY, str(FAKE / "killed_looks.rb"), str(tmp_path)],
        cwd=place,
        env={**os.environ, "PATH": f"{FAKE}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    if mended:
        assert (answer.returncode, answer.stdout) == (0, "not created\n"), answer.stderr
    elif answer.returncode == 0:
        pytest.skip("this Vagrant has no such fault")
    else:
        assert "MachineLocked" in answer.stderr

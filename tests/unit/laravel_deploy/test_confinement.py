"""A confined command has its user, no network, and no process that outlives it."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from laravel_deploy.confinement import confined

from tests.unit.laravel_deploy.machine import unconfined

LOOK = "id -u; nice; cat /proc/self/status | grep -E 'NoNewPrivs|^Groups'; tail -n +3 /proc/net/dev"


@pytest.mark.parametrize("network", [True, False])
def test_it_is_run_by_its_user_with_the_network_that_it_needs(network):
    command = confined(["composer", "install"], 990, 990, network=network)
    assert unconfined(command) == (["composer", "install"], "990", network)


@pytest.mark.skipif(os.geteuid() != 0, reason="it is root who confines")
def test_it_gains_nothing_and_reaches_itself_alone():
    done = subprocess.run(
        confined(["sh", "-c", LOOK], "nobody", "nogroup"),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    user, priority, groups, rights, *networks = done.stdout.splitlines()
    assert int(priority) == min(19, os.nice(0) + 10)
    assert (user, groups.split(), rights.split()) == ("65534", ["Groups:"], ["NoNewPrivs:", "1"])
    assert [line.split(":")[0].strip() for line in networks] == ["lo"]


@pytest.mark.skipif(os.geteuid() != 0, reason="it is root who confines")
def test_what_it_started_ends_with_it(tmp_path):
    tmp_path.chmod(0o777)
    script = f"(sleep 1; touch {tmp_path}/late) > /dev/null 2>&1 &"
    subprocess.run(confined(["sh", "-c", script], "root", "root"), check=True, timeout=30)
    time.sleep(1.5)
    assert not (tmp_path / "late").exists()

"""The machines are stopped and started, and nothing secret was left anywhere on the way."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.support.lab import FIRST_USER, ROOT, Lab
from vagrant import prepare

pytestmark = pytest.mark.restarts_machines

PLACES = "/var/log /var/cache/salt/master/jobs /var/cache/salt/minion/proc /etc/systemd /tmp"
PLANTED = "/tmp/planted-"
# What lies beside the secrets and is none: a name, and a time.
OPEN = ("group:name", "jwt_accepted_until")


def lying_about(lab: Lab, secrets: Iterable[str], machine: str) -> str:
    """What shows one of the secrets: files, command lines and journal of a machine."""
    # Told by a descriptor, so that the search itself has none in its arguments.
    given = "3<<'END'\n{}\nEND\n".format("\n".join(secrets))
    return lab.run(
        machine,
        f"grep -rlaF -f /dev/fd/3 {PLACES} 2>/dev/null {given}"
        "for line in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $line; echo; done 2>/dev/null"
        f" | grep -F -f /dev/fd/3 {given}"
        f"journalctl --no-pager 2>/dev/null | grep -F -f /dev/fd/3 {given}"
        "true",
    )


def test_no_secret_lies_about(lab: Lab):
    """Not in a log, a job cache, a command line or a unit: only where it is read from."""
    hidden = {name: one for name, one in lab.secrets().items() if not name.endswith(OPEN)}
    made = {f"{file}:{key}" for file, recipe in prepare.SECRETS.items() for key in recipe}
    assert {name for name in made if not name.endswith(OPEN)} <= {*hidden}
    assert all(hidden.values())
    look = partial(lying_about, lab, hidden.values())
    with ThreadPoolExecutor() as pool:
        found = dict(zip(lab.address, pool.map(look, lab.address), strict=True))
    assert found == dict.fromkeys(lab.address, "")
    # The control: each of them is seen where it does lie about.
    planted = {f"{PLANTED}{n}": value for n, value in enumerate(hidden.values())}
    for path, value in planted.items():
        lab.run(lab.web, f"cat > {path} <<'END'\nbefore {value} after\nEND")
    try:
        assert sorted(look(lab.web).splitlines()) == sorted(planted)
    finally:
        lab.run(lab.web, f"rm {' '.join(planted)}")


def test_files_with_secrets_are_private(lab: Lab):
    for machine, path, expected in [
        ("db1", "/etc/mysql-gr/settings.json", "600 root root"),
        ("proxy", "/etc/haproxy/haproxy.cfg", "640 root haproxy"),
        ("web", "/srv/conduit/shared/.env", "640 root www-data"),
    ]:
        assert lab.run(machine, f"stat -c '%a %U %G' {path}").strip() == expected, path


@pytest.mark.slow
def test_halt_and_up_come_back_to_a_served_api(lab: Lab, all_online):
    def vagrant(*words: str) -> None:
        done = subprocess.run(
            ["vagrant", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    # Side by side, as Vagrant itself does not: a minion takes nine seconds to stop.
    with ThreadPoolExecutor() as pool:
        list(pool.map(partial(vagrant, "halt"), lab.address))
    vagrant("up")
    all_online()
    headers = {"Authorization": f"Token {lab.log_in()}"}
    assert lab.api("GET", "/api/user", headers=headers).json()["user"]["email"] == FIRST_USER

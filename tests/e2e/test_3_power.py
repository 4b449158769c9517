"""The machines are stopped and started, and nothing secret was left anywhere on the way."""

from __future__ import annotations

import subprocess

from tests.lab import FIRST_USER, ROOT, Lab


def test_no_secret_lies_about(lab: Lab):
    """Not in a log, a job cache, a command line or a unit: only where it is read from."""
    hidden = {
        name: value for name, value in lab.secrets().items() if not name.endswith("group:name")
    }
    assert len(hidden) == 7
    places = "/var/log /var/cache/salt/master/jobs /var/cache/salt/minion/proc /etc/systemd /tmp"
    for machine in lab.address:
        for name, value in hidden.items():
            found = lab.run(
                machine,
                f"read -r secret <<'END'\n{value}\nEND\n"
                f'grep -rlaF -e "$secret" {places} 2>/dev/null\n'
                "for line in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $line; echo; done 2>/dev/null"
                ' | grep -F -e "$secret" | grep -v grep\n'
                'journalctl --no-pager 2>/dev/null | grep -F -e "$secret" | grep -v grep\ntrue',
            )
            assert not found.strip(), f"{name} on {machine}: {found}"


def test_files_with_secrets_are_private(lab: Lab):
    for machine, path, expected in [
        ("db1", "/etc/mysql-gr/settings.json", "600 root root"),
        ("proxy", "/etc/haproxy/haproxy.cfg", "640 root haproxy"),
        ("web", "/srv/conduit/shared/.env", "640 root www-data"),
    ]:
        assert lab.run(machine, f"stat -c '%a %U %G' {path}").strip() == expected, path


def test_halt_and_up_come_back_to_a_served_api(lab: Lab, all_online):
    for command in (["vagrant", "halt"], ["vagrant", "up"]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    all_online()
    headers = {"Authorization": f"Token {lab.log_in()}"}
    assert lab.api("GET", "/api/user", headers=headers).json()["user"]["email"] == FIRST_USER

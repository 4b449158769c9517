"""The running lab: machines by ssh, Salt by its master, the API and the balancer by HTTP."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

ROOT = Path(__file__).resolve().parents[2]
FIRST_USER = "jane@conduit.example"


class Lab:
    """What a person at the keyboard can do with the lab."""

    def __init__(self, ssh_config: Path) -> None:
        self._ssh_config = ssh_config
        cluster = yaml.safe_load((ROOT / "pillar/cluster.sls").read_text())["cluster"]
        self.address = {name: node["ip"] for name, node in cluster["nodes"].items()}
        self.databases = [name for name, node in cluster["nodes"].items() if node["role"] == "db"]

    def run(self, machine: str, command: str, check: bool = True) -> str:
        """Run a command as root on a machine and return what it prints."""
        done = subprocess.run(
            ["ssh", "-F", str(self._ssh_config), machine, "sudo sh -s"],
            input=command,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{machine}: {command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def salt(self, target: str, call: str, timeout: int = 300) -> dict[str, Any]:
        """Call a function on minions and return what each answers."""
        text = self.run(
            "master",
            f"salt --out=json --static --timeout={timeout} '{target}' {call} 2>/dev/null",
            check=False,
        )
        assert text.strip(), f"salt '{target}' {call} printed nothing"
        return json.loads(text)

    def sql(self, machine: str, statement: str) -> str:
        """Run SQL as root on a database machine's own server."""
        return self.run(machine, f"mysql -N <<'SQL'\n{statement}\nSQL").strip()

    def state_of(self, machine: str) -> str:
        """What a member says of itself, asked without Salt."""
        return self.sql(
            machine,
            "SELECT COALESCE(MAX(member_state), 'OFFLINE')"
            " FROM performance_schema.replication_group_members WHERE member_id = @@server_uuid",
        )

    def new_disk(self, machine: str) -> None:
        """What the administrator of a machine with a new disk does; no state ever would."""
        self.run(
            machine,
            "systemctl stop mysql\nfind /var/lib/mysql -mindepth 1 -delete\n"
            "DEBIAN_FRONTEND=noninteractive dpkg-reconfigure mysql-server > /dev/null 2>&1",
        )

    def status(self) -> dict[str, Any]:
        return self.salt("db*", "mysql_gr.status", timeout=20)

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(
            method, f"http://{self.address['web']}{path}", timeout=90, **options
        )

    def log_in(self) -> str:
        """Log in as the first seeded user and return the token."""
        answer = self.api(
            "POST",
            "/api/users/login",
            json={
                "user": {"email": FIRST_USER, "password": self.secret("laravel", "seed_password")}
            },
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["user"]["token"]

    def secret(self, file: str, key: str) -> str:
        """Read one generated secret, as a person would look it up."""
        return _find(yaml.safe_load((ROOT / f"pillar/secrets/{file}.sls").read_text()), key)

    def secrets(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for path in (ROOT / "pillar/secrets").glob("*.sls"):
            _collect(yaml.safe_load(path.read_text()), path.stem, found)
        return found


def _find(tree: dict[str, Any], key: str) -> str:
    for name, value in tree.items():
        if name == key:
            return value
        if isinstance(value, dict):
            return _find(value, key)
    raise KeyError(key)


def _collect(tree: dict[str, Any], prefix: str, found: dict[str, str]) -> None:
    for name, value in tree.items():
        if isinstance(value, dict):
            _collect(value, f"{prefix}:{name}", found)
        else:
            found[f"{prefix}:{name}"] = value


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    shown = subprocess.run(
        ["vagrant", "ssh-config"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, f"the lab is not up, `make up` brings it up: {shown.stderr}"
    config = tmp_path_factory.mktemp("ssh") / "config"
    sockets = tmp_path_factory.mktemp("control")
    # One connection a machine, kept: most of a remote command's time would be the login.
    config.write_text(
        "Host *\n  ControlMaster auto\n  ControlPersist 600\n"
        f"  ControlPath {sockets}/%n\n  ConnectTimeout 20\n" + shown.stdout
    )
    lab = Lab(config)
    yield lab
    for name in lab.address:
        subprocess.run(
            ["ssh", "-F", str(config), "-O", "exit", name], capture_output=True, check=False
        )


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Ask again until the answer is what is wanted, and fail with the last one."""

    def ask(question: Callable[[], Any], seconds: float = 120) -> float:
        begin, last = time.monotonic(), None
        while time.monotonic() - begin < seconds:
            try:
                if question():
                    return time.monotonic() - begin
            except (AssertionError, requests.RequestException, ValueError, KeyError) as err:
                last = err
            time.sleep(1)
        raise AssertionError(f"not so within {seconds} s; last: {last}")

    return ask


@pytest.fixture
def all_online(lab: Lab, eventually: Callable[..., float]) -> Callable[[float], float]:
    """Wait until every member's own view has all of them ONLINE."""

    def whole() -> bool:
        return all(
            isinstance(status, dict)
            and [row["state"] for row in status["members"]] == ["ONLINE"] * len(lab.databases)
            for status in lab.status().values()
        )

    return lambda seconds=180: eventually(whole, seconds)


NO_RESTART = "/run/systemd/system/mysql.service.d/no-restart.conf"


class Killer:
    """Kills a mysqld and keeps its unit from starting it again, until that is undone."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.killed: list[str] = []

    def __call__(self, machine: str) -> None:
        self.killed.append(machine)
        self._lab.run(
            machine,
            f"mkdir -p $(dirname {NO_RESTART})\n"
            f"printf '[Service]\\nRestart=no\\n' > {NO_RESTART}\n"
            "systemctl daemon-reload\nsystemctl kill --signal=KILL mysql",
        )

    def undo(self, machine: str) -> None:
        self._lab.run(
            machine, f"rm -f {NO_RESTART}\nsystemctl daemon-reload\nsystemctl start mysql"
        )
        self.killed.remove(machine)


@pytest.fixture
def mysqld_down(lab: Lab) -> Iterator[Killer]:
    """Kill a mysqld and keep its unit from starting it again; undone afterwards."""
    killer = Killer(lab)
    yield killer
    for machine in [*killer.killed]:
        killer.undo(machine)

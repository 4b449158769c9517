"""The running lab: machines by ssh, Salt by its master, the API and the balancer by HTTP."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import requests
import yaml

from tests.support.salt_client import COMMAND, SaltClient

ROOT = Path(__file__).resolve().parents[2]
FIRST_USER = "jane@conduit.example"
DATABASE = "realworld"
APPLICATION = "/srv/conduit"
# Of several primaries, and of one.
MODES = ("multi-primary", "single-primary")


class NotUp(Exception):
    """There is no lab to work with."""


TABLE = ROOT / "pillar/cluster.sls"


def cluster(text: str | None = None) -> dict[str, Any]:
    """Return what a text of the table says of the cluster, or the table as it is now."""
    return yaml.safe_load(text or TABLE.read_text())["cluster"]


def nodes(text: str | None = None) -> dict[str, dict[str, str]]:
    """Return the nodes by name, of a text of the table or of the table as it is now."""
    return cluster(text)["nodes"]


def declared(role: str, text: str | None = None) -> list[str]:
    """Return the names of the nodes of one role, in declared order."""
    return [name for name, node in nodes(text).items() if node["role"] == role]


def changes_of(machine: str, states: Any) -> set[str]:
    """Return what a run of states on a machine changed; each of them has to hold."""
    if not isinstance(states, dict):
        raise AssertionError(f"states of {machine}: {states}")
    failed = [
        # A state whose requisite failed has no id of its own.
        f"{one.get('__id__', key)}: {one['comment']}"
        for key, one in states.items()
        if one["result"] is not True
    ]
    if failed:
        raise AssertionError(f"states of {machine}: {'; '.join(failed)}")
    return {what for one in states.values() for what in one["changes"]}


class Lab:
    """What a person at the keyboard can do with the lab."""

    def __init__(self, ssh_config: Path) -> None:
        self._ssh_config = ssh_config
        # What Vagrant says of how to reach them.
        self.ways = ""
        self._salt = SaltClient(lambda: self.talk(self.master, COMMAND))
        self.address = {name: node["ip"] for name, node in nodes().items()}
        self.databases = declared("db")
        (self.master,) = declared("master")
        self.webs = declared("web")
        self.proxy, self.web = declared("proxy")[0], self.webs[0]
        # Where the application finds the databases.
        self.balancer = cluster().get("virtual_address") or self.address[self.proxy]

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

    def talk(self, machine: str, command: str) -> subprocess.Popen[str]:
        """Start a program as root on a machine, with a line to it and one from it."""
        return subprocess.Popen(
            ["ssh", "-F", str(self._ssh_config), machine, f"sudo {command}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def salt(self, target: str, call: str, timeout: int = 300) -> dict[str, Any]:
        """Call a function on minions and return what each answers."""
        return self._salt.call(target, call, timeout)

    def orchestrate(self, name: str, pillar: dict[str, Any], test: bool) -> Any:
        """Run an orchestration on the master and return what it returns."""
        return self._salt.run("state.orchestrate", mods=name, pillar=pillar, test=test)

    def apply(self, machines: Iterable[str], states: str = "") -> set[str]:
        """Run states on machines at once, the highstate unless told otherwise; each has to hold.

        Returns what changed on any of them.
        """
        names = list(machines)
        answers = self.salt(",".join(names), f"-L state.apply {states} queue=5")
        return {what for name in names for what in changes_of(name, answers.get(name))}

    def sql(self, machine: str, statement: str) -> str:
        """Run SQL as root on a database machine's own server."""
        return self.run(machine, f"mysql -N <<'SQL'\n{statement}\nSQL").strip()

    @contextmanager
    def session(
        self,
        host: str = "",
        port: int = 3306,
        patience: float = 10,
        connecting: float = 3,
        password: str = "",
        schema: bool = False,
        flags: int = 0,
    ) -> Iterator[Any]:
        """Return a context with a session as the application has it: by the balancer, or a host.

        Who opens many gives the password, which is otherwise looked up for each. With schema it is
        one of the account that changes the schema. The flags are the client's, as PyMySQL has them.
        """
        user, secret = "haproxy_root", "application_database"
        if schema:
            user, secret = "schema_change", "schema_database"
        connection = pymysql.connect(
            host=host or self.balancer,
            port=port,
            user=user,
            password=password or self.secret(secret, "password"),
            database=DATABASE,
            autocommit=True,
            connect_timeout=min(connecting, patience),
            read_timeout=patience,
            write_timeout=patience,
            client_flag=flags,
            # As the application: and PyMySQL would read all certificates of the host for each one,
            # 30 ms of processor time that a crowd of clients waits for.
            ssl_disabled=True,
        )
        try:
            yield connection
        finally:
            connection.close()

    def state_of(self, machine: str) -> str:
        """What a member says of itself, asked without Salt."""
        return self.sql(
            machine,
            "SELECT COALESCE(MAX(member_state), 'OFFLINE')"
            " FROM performance_schema.replication_group_members WHERE member_id = @@server_uuid",
        )

    def view_of(self, machine: str) -> list[str]:
        """The members' states as a member sees them, asked without Salt; none where it is away."""
        query = "SELECT member_state FROM performance_schema.replication_group_members"
        return self.run(machine, f'mysql -N -e "{query}"', check=False).split()

    def new_disk(self, machine: str) -> None:
        """A new and empty disk below a machine's databases, and a server on it."""
        self.run(machine, "systemctl stop mysql\nfind /var/lib/mysql -mindepth 1 -delete")
        # Without this the machine takes its disk for missing.
        forgotten = self.salt(machine, f"-L mysql_maintenance.forget member={machine}")[machine]
        assert isinstance(forgotten, dict), forgotten
        self.apply([machine], "mysql.data")
        self.run(machine, "systemctl start mysql")

    @contextmanager
    def tunnel(self, machine: str, port: int) -> Iterator[str]:
        """Return a context with a local HOST:PORT that leads to a port of a machine's address.

        Whoever comes by it comes from the machine itself.
        """
        # The kept connection carries it: here it is made, if it is not there yet.
        self.run(machine, "true")
        with socket.create_server(("127.0.0.1", 0)) as free:
            here = f"127.0.0.1:{free.getsockname()[1]}"
        way = ("-L", f"{here}:{self.address[machine]}:{port}")
        self._kept("forward", machine, *way).check_returncode()
        try:
            yield here
        finally:
            self._kept("cancel", machine, *way)

    def forget(self, machine: str) -> None:
        """Close the kept connection to a machine, which is gone or about to go."""
        if machine == self.master:
            self._salt.close()
        self._kept("exit", machine)

    def _kept(
        self, command: str, machine: str, *arguments: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Tell the kept connection to a machine something."""
        return subprocess.run(
            ["ssh", "-F", str(self._ssh_config), "-O", command, *arguments, machine],
            capture_output=True,
            check=False,
            timeout=60,
        )

    def power_off(self, machine: str) -> None:
        """Take a machine's power away."""
        self.forget(machine)
        container = self._container(machine)
        if container:
            _host("docker", "kill", container)
        else:
            _host("vagrant", "halt", "--force", machine)

    def power_on(self, machine: str) -> None:
        """Give it back."""
        container = self._container(machine)
        if container:
            _host("docker", "start", container)
        else:
            _host("vagrant", "up", "--no-provision", machine)

    @contextmanager
    def firmware(self, machines: Iterable[str]) -> Iterator[None]:
        """Return a context in which a machine that reboots starts again, as its firmware does it.

        A container ends where a machine would reboot. A virtual machine needs no help.
        """
        over = threading.Event()
        kept = [name for name in machines if self._container(name)]

        def watch(name: str) -> None:
            container = self._container(name)
            while not over.wait(0.3):
                if _host("docker", "inspect", "-f", "{{.State.Running}}", container) == "false":
                    self.forget(name)
                    self.power_on(name)

        watchers = [threading.Thread(target=watch, args=(name,), daemon=True) for name in kept]
        for watcher in watchers:
            watcher.start()
        try:
            yield
        finally:
            over.set()
            for watcher in watchers:
                watcher.join()

    @staticmethod
    def _container(machine: str) -> str:
        known = ROOT / ".vagrant/machines" / machine / "docker/id"
        return known.read_text().strip() if known.exists() else ""

    def status(self) -> dict[str, Any]:
        """Ask each declared database for its status; a sentence stands for one that has none."""
        answers = self.salt(",".join(self.databases), "-L mysql_gr.status", timeout=20)
        return {name: answers.get(name, "no answer") for name in self.databases}

    def switch_mode(self, mode: str) -> dict[str, Any]:
        """Switch the group's mode, as an operator does it; return what every member says to it."""
        answers = self.salt(",".join(self.databases), f"-L mysql_gr.switch_mode {mode}")
        for name in self.databases:
            answer = answers.get(name)
            if not isinstance(answer, dict) or answer["new"] != mode:
                raise AssertionError(f"salt {name} mysql_gr.switch_mode {mode}: {answer}")
        return answers

    def api(self, method: str, path: str, web: str = "", **options: Any) -> requests.Response:
        """Ask a web server, the first if none is named."""
        base = f"http://{self.address[web or self.web]}"
        return requests.request(method, f"{base}{path}", timeout=90, **options)

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


def _host(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()


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


def ways_to(machines: Iterable[str]) -> str:
    """Return what ssh has to know of machines, as Vagrant says it: a second for each."""
    shown = subprocess.run(
        ["vagrant", "ssh-config", *machines], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if shown.returncode != 0:
        raise NotUp(f"the lab is not up, `make up` brings it up: {shown.stderr}")
    return shown.stdout


@contextmanager
def opened(beside: Lab | None = None) -> Iterator[Lab]:
    """Return a context with the lab, one kept connection to each machine.

    beside
        A lab with some of the machines, of which Vagrant needs not be asked again.
    """
    known = beside.ways if beside else ""
    known += ways_to(name for name in nodes() if beside and name not in beside.address)
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch, "config")
        # One connection a machine, kept: most of a remote command's time would be the login.
        config.write_text(
            "Host *\n  ControlMaster auto\n  ControlPersist 600\n"
            f"  ControlPath {scratch}/%n\n  ConnectTimeout 20\n"
            "  ServerAliveInterval 5\n  ServerAliveCountMax 6\n" + known
        )
        lab = Lab(config)
        lab.ways = known
        try:
            yield lab
        finally:
            for name in lab.address:
                lab.forget(name)


def exit_code(work: Callable[[], int]) -> int:
    """Do what a program does on the lab and return its exit code; say why where it is not done."""
    # Broken off by a signal it heals, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return min(work(), 1)
    except KeyboardInterrupt:
        print("broken off; what had come was healed", file=sys.stderr)
        return 130
    except (AssertionError, NotUp, ValueError, OSError) as err:
        print(err, file=sys.stderr)
        return 2

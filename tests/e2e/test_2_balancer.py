"""The balancer under load: what is planned costs nobody a connection, and a dead member is left."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pymysql
import pytest
import requests

from tests.e2e.conftest import LONG
from tests.support.balancer import asked, servers
from tests.support.health import agent_says
from tests.support.lab import APPLICATION, FIRST_USER, Lab

pytestmark = pytest.mark.restores


class Visitor(threading.Thread):
    """Connects for each statement, as a web request does; keeps what went wrong."""

    def __init__(self, lab: Lab, port: int, statement: str = "SELECT @@report_host") -> None:
        super().__init__(daemon=True)
        self._lab, self._port, self._statement = lab, port, statement
        self._over = threading.Event()
        self.served = 0
        self.failed: list[str] = []

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with self._lab.session(port=self._port, patience=20) as session:
                    asked(session, self._statement)
                self.served += 1
            except pymysql.Error as err:
                self.failed.append(str(err))

    def stop(self) -> None:
        self._over.set()
        self.join(30)
        assert not self.is_alive()


@pytest.mark.repeated
def test_a_reload_costs_no_connection(lab: Lab, all_online):
    all_online()
    visitors = [Visitor(lab, port) for port in (3306, 3306, 3307, 3308)]
    with lab.session() as session:
        for visitor in visitors:
            visitor.start()
        for _ in range(20 if LONG else 5):
            lab.run(lab.proxy, "systemctl reload haproxy")
            time.sleep(0.2)
            assert asked(session, "SELECT 'served'") == "served"
        for visitor in visitors:
            visitor.stop()
    assert [visitor.failed for visitor in visitors] == [[]] * 4
    assert min(visitor.served for visitor in visitors) > 20


def test_an_agent_that_cannot_begin_leaves_the_old_one_in_place(lab: Lab):
    """A highstate that brings it fails, and no session ends with its member."""
    name, path = lab.databases[0], "/usr/local/lib/mysql-gr/health.py"
    running = "systemctl show -P MainPID mysql-gr-health"
    before, downs = lab.run(name, running), servers(lab, "chkdown")
    try:
        said = lab.run(
            name,
            f"cp -p {path} {path}.whole && echo 'raise SystemExit(7)' > {path}"
            " && systemctl reload mysql-gr-health 2>&1; echo code $?",
        )
        assert "code 1" in said, said
        log = lab.run(name, "journalctl -u mysql-gr-health -n 20 -o cat")
        assert "The new agent does not take over: it ended with status 7" in log
        assert agent_says(lab, name, "writable") == "ONLINE, with a majority, role PRIMARY"
        assert lab.run(name, running) == before
    finally:
        lab.run(name, f"mv {path}.whole {path} && systemctl reload mysql-gr-health")
    assert lab.run(name, running) != before
    assert agent_says(lab, name, "writable") == "ONLINE, with a majority, role PRIMARY"
    assert servers(lab, "chkdown") == downs


def writer(lab: Lab) -> str:
    with lab.session(port=3307) as session:
        address = asked(session, "SELECT @@report_host")
    return next(name for name in lab.databases if lab.address[name] == address)


def test_a_writer_that_comes_back_waits_for_its_turn(lab: Lab, all_online, eventually):
    all_online()
    first = writer(lab)
    lab.salt(first, f"mysql_maintenance.drain member={first} reason=trial")
    eventually(lambda: writer(lab) != first, 20)
    second = writer(lab)
    lab.salt(first, "mysql_maintenance.undrain")
    eventually(lambda: all(status == "UP" for status in servers(lab).values()), 20)
    assert [writer(lab) for _ in range(10)] == [second] * 10


WRITE = "INSERT INTO balancer_trial VALUES ()"


@pytest.fixture
def single_primary(lab: Lab, switch_mode) -> Iterator[None]:
    """The group in single-primary mode, with a table to write to."""
    switch_mode("single-primary")
    with lab.session(port=3307, patience=20, schema=True) as session:
        asked(session, "CREATE TABLE balancer_trial (id INT AUTO_INCREMENT PRIMARY KEY)")
    yield
    with lab.session(port=3307, patience=20, schema=True) as session:
        asked(session, "DROP TABLE balancer_trial")


def test_no_new_connection_fails_while_a_primary_hands_over(lab: Lab, single_primary):
    visitors = [Visitor(lab, port, WRITE) for port in (3306, 3306, 3307, 3307)]
    old = writer(lab)
    new = next(name for name in lab.databases if name != old)
    for visitor in visitors:
        visitor.start()
    time.sleep(0.5)
    assert lab.salt(old, f"mysql_gr.set_primary {new} drain=5")[old] == {"old": old, "new": new}
    time.sleep(1)
    for visitor in visitors:
        visitor.stop()
    assert [visitor.failed for visitor in visitors] == [[]] * 4
    assert writer(lab) == new


def test_a_new_connection_waits_until_a_primary_is_elected(
    lab: Lab, single_primary, all_online, eventually, mysqld_down
):
    old = writer(lab)
    mysqld_down(old)
    server = f"mysql-{lab.databases.index(old) + 1}"
    eventually(lambda: servers(lab)["mysql-writer", server] == "DOWN", 10)
    assert "UP" not in {servers(lab)["mysql-writer", f"mysql-{n}"] for n in (1, 2, 3)}
    with lab.session(port=3307, patience=20) as session:
        asked(session, WRITE)
    assert writer(lab) != old
    mysqld_down.undo(old)
    all_online()


def served(lab: Lab) -> str:
    with lab.session(port=3307) as session:
        return asked(session, "SELECT 'served'")


def test_who_comes_on_top_waits_for_a_place(lab: Lab, all_online):
    """More sessions than a section may have at one member: the member itself refuses nobody."""
    all_online()
    counter = (
        "SELECT VARIABLE_VALUE FROM performance_schema.global_status"
        " WHERE VARIABLE_NAME = 'Connection_errors_max_connections'"
    )
    refused = {name: lab.sql(name, counter) for name in lab.databases}
    with ThreadPoolExecutor() as pool, contextlib.ExitStack() as held:
        for _ in range(150):
            held.enter_context(lab.session(port=3307))
        with pytest.raises(pymysql.OperationalError):
            served(lab)
        waiting = pool.submit(served, lab)
        time.sleep(1)
        assert not waiting.done()
        held.close()
        assert waiting.result(30) == "served"
    assert {name: lab.sql(name, counter) for name in lab.databases} == refused


def logged_in(base: str, password: str, **headers: str) -> int:
    """Log in as the first user and return the status."""
    user = {"user": {"email": FIRST_USER, "password": password}}
    return requests.post(
        f"{base}/api/users/login", json=user, headers=headers, timeout=30
    ).status_code


def counter_of(lab: Lab, address: str) -> str:
    """Where the application counts the failed logins of a client's address (LoginLimits)."""
    secret = lab.secret("laravel", "jwt_secret").encode()
    digest = hmac.new(secret, f"address {address}".encode(), "sha256").hexdigest()
    name = hashlib.sha1(f"logins:address:{int(digest[:8], 16) % 4096}".encode()).hexdigest()
    return f"{APPLICATION}/shared/storage/framework/cache/data/{name[:2]}/{name[2:4]}/{name}"


def test_the_api_is_served_by_the_balancer_which_says_who_asks(lab: Lab):
    base = f"http://{lab.balancer}"
    assert logged_in(base, lab.secret("laravel", "seed_password")) == 200
    with socket.create_connection((lab.balancer, 80), 10) as one:
        own = one.getsockname()[0]
    liar = "198.51.100.7"
    files = {address: counter_of(lab, address) for address in (own, liar, lab.address[lab.proxy])}
    for web in lab.webs:
        lab.run(web, f"rm -f {' '.join(files.values())}")
    assert logged_in(base, "a wrong one", **{"X-Forwarded-For": liar}) == 401
    counted = {
        address
        for address, file in files.items()
        for web in lab.webs
        if lab.run(web, f"test ! -e {file} || echo counted")
    }
    assert counted == {own}
    lab.run(lab.webs[0], f"rm -f {files[own]}")
    page = f"http://{lab.address[lab.proxy]}:9201/"
    shown = requests.get(page, auth=("admin", lab.secret("haproxy", "password")), timeout=10)
    assert "web/web-1" in shown.text

"""The balancer's section of the web servers: a real HAProxy before real HTTP servers."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from haproxy_config import runtime
from haproxy_config.defaults import NO_TLS, SETTINGS, Web, default_sections
from haproxy_config.sections import configuration
from salt.exceptions import CommandExecutionError

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
NODES = {"web": {"ip": FIRST, "role": "web"}, "web2": {"ip": SECOND, "role": "web"}}
# Some looks, and what a busy machine takes.
NOTICED = 60


class Server(ThreadingHTTPServer):
    """A web server that can be drained, and that can end without an answer."""

    daemon_threads = True
    # As long as one that was here before is still being closed.
    allow_reuse_address = True

    def __init__(self, address: str, port: int) -> None:
        super().__init__((address, port), Handler)
        self.address = address
        self.health = 200
        self.speechless = False
        self.asked: list[str] = []
        self.held = threading.Event()
        self.held.set()
        self._connections: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, peer = super().get_request()
        self._connections.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def kill(self) -> None:
        """End as a process that is killed: nobody is heard any more, and nobody answered."""
        self.shutdown()
        self.server_close()
        for connection in [*self._connections]:
            # The other side may have ended it, or its own thread may have closed it meanwhile.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was asked; its health page is asked by HAProxy alone."""

    protocol_version = "HTTP/1.1"
    # An answer goes out as one: half of one cannot be had again.
    wbufsize = -1
    server: Server

    def log_message(self, *words: Any) -> None:
        """Print nothing."""

    def answer(self) -> None:
        body = self.body()
        if self.path == "/up":
            return self.send(self.server.health, {"host": self.headers["Host"]})
        self.server.asked.append(f"{self.command} {self.path}")
        if self.server.speechless:
            self.close_connection = True
            return None
        self.server.held.wait(4 * NOTICED)
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = {"by": self.server.address, "headers": headers, "body": len(body)}
        return self.send(200, told)

    do_GET = do_POST = do_DELETE = answer

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while not parts or parts[-1]:
            size = int(self.rfile.readline(), 16)
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(parts)

    def send(self, status: int, what: dict[str, Any]) -> None:
        text = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def free_ports(count: int) -> list[int]:
    """Return ports that no connection gets by itself until somebody listens on them."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    for port in random.sample(range(5000, max(lowest, 15000)), 1000):
        with closing(socket.socket()) as one, suppress(OSError):
            one.bind(("", port))
            found.append(port)
        if len(found) == count:
            break
    return found


class Balancer:
    """A HAProxy with the default sections of the web servers, and the servers behind it."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.port, self._behind, statistics = free_ports(3)
        self.socket = str(folder / "admin.sock")
        settings = {
            **SETTINGS,
            "haproxy:ports:web": self.port,
            "haproxy:ports:stats": statistics,
            "haproxy:stats:password": "trial",
        }
        sections = default_sections(False, Web(NO_TLS, "/up", "app.example"))
        kept = {h: d for h, d in sections.items() if "mysql" not in h}
        kept["global"] = [d for d in kept["global"] if d.split()[0] not in ("user", "group")]
        text = configuration(kept, NODES, settings.get).text
        text = text.replace("/run/haproxy/admin.sock", self.socket)
        text = text.replace("/etc/haproxy/wait.lua", str(ROOT / "salt/haproxy/files/wait.lua"))
        self.text = text.replace(":80 check", f":{self._behind} check")
        self.file = folder / "haproxy.cfg"
        self.file.write_text(self.text)
        # Another one than the host's, if told.
        self.command = [*shlex.split(os.environ.get("HAPROXY", binary)), "-f", str(self.file)]
        shown = subprocess.check_output([*self.command[:-2], "-v"], text=True)
        version = re.search(r"version ([0-9]+)\.([0-9]+)", shown)
        assert version, shown
        self.can_wait = tuple(map(int, version.groups())) >= (2, 8)

    def server(self, address: str) -> Server:
        """Return a web server that runs."""
        one = Server(address, self._behind)
        threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
        return one

    def ask(
        self, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Make a request on a connection of its own; return the status and what was answered."""
        with closing(HTTPConnection(FIRST, self.port, timeout=30)) as connection:
            return asked(connection, method, body, headers)

    def states(self) -> dict[str, str]:
        """Return the state of each web server, as HAProxy has it."""
        return {
            one["server"]: one["state"]
            for one in runtime.servers(self.socket)
            if one["section"] == "web"
        }


def asked(
    connection: HTTPConnection, method: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, "/api", body, named)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if answer.status == 200 and text else {}


def until(question: Callable[[], Any], seconds: float = NOTICED) -> None:
    begin = time.monotonic()
    while True:
        # A HAProxy that is about to start answers nobody yet.
        with suppress(CommandExecutionError):
            if question():
                return
        assert time.monotonic() - begin < seconds, "not so in time"
        time.sleep(0.02)


@pytest.fixture
def balancer(tmp_path: Path, haproxy: str) -> Iterator[Balancer]:
    one = Balancer(tmp_path, haproxy)
    with subprocess.Popen([*one.command, "-db"]) as process:
        try:
            until(lambda: Path(one.socket).exists())
            yield one
        finally:
            process.kill()


@pytest.fixture
def servers(balancer: Balancer) -> Iterator[dict[str, Server]]:
    """Both web servers, in use."""
    found = {address: balancer.server(address) for address in (FIRST, SECOND)}
    until(lambda: balancer.states() == {"web-1": "up", "web-2": "up"})
    yield found
    for one in found.values():
        one.held.set()
        if one.socket.fileno() != -1:
            one.kill()


def test_haproxy_takes_the_section_without_a_warning(balancer):
    done = subprocess.run([*balancer.command, "-c"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr


def test_all_web_servers_are_in_turn_and_the_statistics_show_them(balancer, servers):
    assert {balancer.ask()[1]["by"] for _ in range(4)} == {FIRST, SECOND}
    rows = [row for row in runtime.stats(balancer.socket) if row["pxname"] == "web"]
    assert {row["svname"] for row in rows} == {"FRONTEND", "web-1", "web-2", "BACKEND"}


def test_the_application_is_told_of_the_client_by_the_balancer_alone(balancer, servers):
    lies = {
        "X_Forwarded_For": "192.0.2.66",
        "X_Forwarded_Host": "evil.example",
        "X_Forwarded_Port": "1",
        "X_Forwarded_Prefix": "/evil",
        "X_Forwarded_Proto": "https",
        "X_Real_IP": "192.0.2.66",
        "Forwarded": "for=192.0.2.66",
    }
    for headers in ({}, lies):
        _, told = balancer.ask(**headers)
        found = {
            name: value
            for name, value in told["headers"].items()
            if "forwarded" in name or "real" in name
        }
        assert found == {"x-forwarded-for": FIRST, "x-forwarded-proto": "http"}


def test_the_health_page_is_asked_for_by_the_name_that_is_chosen(balancer):
    seen = []

    class Noted(Handler):
        def answer(self) -> None:
            seen.append((self.command, self.path, self.headers["Host"], self.request_version))
            super().answer()

        do_GET = answer

    one = balancer.server(FIRST)
    one.RequestHandlerClass = Noted
    until(lambda: seen)
    one.kill()
    assert seen[0] == ("GET", "/up", "app.example", "HTTP/1.1")


@contextmanager
def clients(balancer: Balancer, *methods: str, count: int = 4) -> Iterator[list[Any]]:
    """Return a context with clients that ask all the time, and what they were answered."""
    over, answers = threading.Event(), []

    def work(number: int) -> None:
        # The one half keeps its connection, as browsers do; the other makes one for each.
        kept = HTTPConnection(FIRST, balancer.port, timeout=NOTICED)
        while not over.is_set():
            method = methods[len(answers) % len(methods)]
            body = b"x" * 2000 if method == "POST" else None
            try:
                status, _ = (
                    asked(kept, method, body, {}) if number % 2 else balancer.ask(method, body)
                )
            except OSError as err:
                answers.append((f"{method} {err!r}", 0))
                kept.close()
            else:
                answers.append((method, status))
            time.sleep(0.005)
        kept.close()

    with ThreadPoolExecutor(count) as pool:
        done = [pool.submit(work, number) for number in range(count)]
        try:
            yield answers
        finally:
            over.set()
            for one in done:
                one.result(2 * NOTICED)


def test_a_web_server_that_is_killed_costs_no_request_that_only_reads(balancer, servers):
    with clients(balancer, "GET") as answers:
        until(lambda: len(answers) > 50)
        servers[FIRST].kill()
        until(lambda: balancer.states()["web-1"] == "down")
    assert {status for _, status in answers} == {200}, answers


def test_a_web_server_that_is_away_and_comes_back_costs_no_request(balancer, servers):
    servers[FIRST].kill()
    # Before HAProxy has seen it: what has not been sent is another's.
    with clients(balancer, "GET", "POST") as answers:
        until(lambda: balancer.states()["web-1"] == "down")
        until(lambda: len(answers) > 50)
        back = balancer.server(FIRST)
        until(lambda: balancer.states()["web-1"] == "up" and back.asked)
    back.kill()
    assert {status for _, status in answers} == {200}, answers


def test_a_drained_web_server_ends_what_it_is_at_and_gets_nobody_new(balancer, servers):
    first = servers[FIRST]
    with ThreadPoolExecutor() as pool:
        first.held.clear()
        waiting = [pool.submit(balancer.ask, "POST", b"x") for _ in range(2)]
        until(lambda: first.asked)
        first.health = 404
        until(lambda: balancer.states()["web-1"] == "stopping")
        taken = len(first.asked)
        with clients(balancer, "GET", "POST") as answers:
            time.sleep(0.5)
        assert len(first.asked) == taken
        assert {status for _, status in answers} == {200}
        first.held.set()
        assert [one.result(NOTICED)[0] for one in waiting] == [200, 200]
    first.health = 200
    until(lambda: balancer.states()["web-1"] == "up")
    until(lambda: balancer.ask()[1]["by"] == FIRST)


@pytest.mark.parametrize(
    ("method", "statuses"), [("GET", [200, 200]), ("POST", [200, 502]), ("DELETE", [200, 502])]
)
def test_what_got_no_answer_is_sent_again_if_it_only_reads(balancer, servers, method, statuses):
    servers[FIRST].speechless = True
    # One of the two at least is sent to the one that says nothing, and again if that does no harm.
    assert sorted(balancer.ask(method)[0] for _ in range(2)) == statuses
    assert servers[FIRST].asked
    assert len(servers[SECOND].asked) == statuses.count(200)


def test_a_client_that_sends_slowly_holds_no_web_server(balancer, servers):
    with ExitStack() as stack:
        slow = stack.enter_context(socket.create_connection((FIRST, balancer.port), NOTICED))
        slow.sendall(b"POST /api HTTP/1.1\r\nHost: app\r\nContent-Length: 5000\r\n\r\n{")
        time.sleep(0.5)
        assert servers[FIRST].asked == servers[SECOND].asked == []
        assert balancer.ask()[0] == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_long_body_arrives_whole(balancer, servers, chunked):
    size = 3_000_000
    body: Any = b"x" * size
    if chunked:
        with closing(HTTPConnection(FIRST, balancer.port, timeout=NOTICED)) as connection:
            parts = (b"x" * 1000 for _ in range(3000))
            connection.request("POST", "/api", parts, encode_chunked=True)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["body"]) == (200, size)
    else:
        assert balancer.ask("POST", body)[1]["body"] == size


def test_a_request_waits_while_no_web_server_is_there(balancer):
    if not balancer.can_wait:
        pytest.skip("this HAProxy cannot say whether a section has a server")
    until(lambda: set(balancer.states().values()) == {"down"})
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(balancer.ask)
        time.sleep(1)
        assert not waiting.done()
        one = balancer.server(FIRST)
        assert waiting.result(NOTICED)[0] == 200
    one.kill()

"""Answer over HTTP whether the local member can be written to or read, from memory.

    GET /writable         200 if it takes writes now, else 503; 404 for two seconds first where it
                          is healthy: what is being committed there is answered
    GET /readable         200 if it may be read now, else 503
    GET /readable?lag=N   503, too, with more than N transactions of other members to be applied
    GET /readable?behind=N
                          404 with more than N of them, while another ONLINE member has no more
    GET /live             200 if mysqld answers, whatever its member's state is, else 503
    GET /                 JSON: all that was seen, and the reason in words; a page for a browser
    GET /metrics          the same for Prometheus

A member that takes nobody new, since it is leaving or was drained, answers 404 instead of 200 to
the first three: who is there may finish. Nobody is answered but the addresses in a file: others get
no thread, and nothing that they send is read.

One thread watches mysqld on one connection that stays open; what it saw counts for a second, so a
server that hangs, or a watch that died, is a no. Two others look for what would keep the first one
waiting: a stop of Group Replication, and whether the group still agrees on messages.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from group_replication.certificates import ends_in_file
from group_replication.comparison import numbers
from group_replication.connection import connect
from group_replication.consensus import Watched
from group_replication.facts import (
    hands_over,
    is_stopping,
    places_written,
    readable_by,
    serving,
    writable_by,
)
from group_replication.maintenance import fenced, last_look, not_for_new, within_limits
from group_replication.member_page import code_of, shown, wanted
from group_replication.model import ONLINE, UNKNOWN
from group_replication.take_over import begin, refuse, replace
from salt.exceptions import CommandExecutionError

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    HAS_PROMETHEUS = True
except ImportError:
    # The balancer's questions are answered all the same.
    HAS_PROMETHEUS = False

INTERVAL_SECONDS = 0.1
# Between two looks for a stop: from its beginning on every commit fails.
STOP_INTERVAL_SECONDS = 0.05
# A member's own messages are agreed on once a second.
AGREEMENT_INTERVAL_SECONDS = 1.0
# A statement that takes longer is a server that does not answer.
DEADLINE_SECONDS = 0.8
STALE_SECONDS = 1.0
# With less than this left a commit may find the disk full; it then waits, and mysqld looks for room
# again only once a minute.
FREE_BYTES = 16 * 1024**2
FULL_SECONDS = 60.0


def wait_for_next_look(connection: Any, seconds: float) -> None:
    """Wait for the next look: until then a server says nothing but that it goes."""
    select.select([connection._sock], [], [], seconds)


class Watch:
    """What was last seen of the local member, and when."""

    def __init__(self, path: str, user: str) -> None:
        self._where: dict[str, Any] = {"unix_socket": path, "user": user}
        self._seen: dict[str, Any] = {}
        self._error = "mysqld was not asked yet"
        self._at = time.monotonic()
        self._draining = ""
        self._stopping = False
        self._halted = False
        self._full_at = -math.inf
        self._written_at = -math.inf
        self.asked = threading.Event()

    def run(self) -> None:
        """Watch for ever; connect again whenever the connection is lost."""
        while True:
            # Any fault of the watch itself is a no until it has looked again, never an old yes.
            try:
                with connect(DEADLINE_SECONDS, **self._where) as connection:
                    places = places_written(connection)
                    while True:
                        self._look_for_room(places)
                        # Asked first: who has just left or handed over takes nobody new until that
                        # is seen, though the flag is gone by then.
                        draining = not_for_new()
                        self._seen, self._error = serving(connection, self._seen), ""
                        self._draining = draining
                        self._at = time.monotonic()
                        if writable_by(self._seen):
                            self._written_at = self._at
                        self.asked.set()
                        wait_for_next_look(connection, INTERVAL_SECONDS)
            except Exception as err:
                said = str(err) if isinstance(err, CommandExecutionError) else repr(err)
                self._error, self._at = said, time.monotonic()
                self.asked.set()
            time.sleep(INTERVAL_SECONDS)

    def look_for_stops(self) -> None:
        """Look for a stop of Group Replication for ever, on another connection.

        A look of the other kind that was under way when the stop began is answered after it.
        """
        while True:
            # Whatever is wrong with the server is the other look's to say.
            with (
                contextlib.suppress(Exception),
                connect(DEADLINE_SECONDS, **self._where) as connection,
            ):
                while True:
                    self._stopping = is_stopping(connection)
                    wait_for_next_look(connection, STOP_INTERVAL_SECONDS)
            self._stopping = False
            time.sleep(INTERVAL_SECONDS)

    def look_for_agreement(self) -> None:
        """Look for ever whether the group still agrees on messages, on a connection of its own."""
        while True:
            with (
                contextlib.suppress(Exception),
                connect(DEADLINE_SECONDS, **self._where) as connection,
            ):
                watched = Watched()
                while True:
                    self._halted = watched.look(connection, time.monotonic())
                    wait_for_next_look(connection, AGREEMENT_INTERVAL_SECONDS)
            self._halted = False
            time.sleep(AGREEMENT_INTERVAL_SECONDS)

    def _look_for_room(self, places: list[str]) -> None:
        for place in places:
            # One that is not this user's to look at says nothing.
            with contextlib.suppress(OSError):
                disk = os.statvfs(place)
                if disk.f_bavail * disk.f_frsize < FREE_BYTES:
                    self._full_at = time.monotonic()

    def sees(self) -> bool:
        """Tell whether mysqld answers."""
        return bool(self.answer()["live"])

    def answer(self) -> dict[str, Any]:
        """Return the verdicts, what they are made of, and the reason in words."""
        age = time.monotonic() - self._at
        seen, error = self._seen, self._error
        if not error and age > STALE_SECONDS:
            error = f"mysqld last answered {age:.1f} s ago"
        if seen and self._stopping:
            seen = {**seen, "stopping": True}
        answer: dict[str, Any] = {
            "name": socket.gethostname(),
            "host": "" if error else seen["host"],
            "live": not error,
            "writable": not error and writable_by(seen),
            "readable": not error and readable_by(seen),
            "draining": not_for_new() or self._draining,
            "handing_over": False,
            "state": UNKNOWN if error else seen["state"],
            "role": None if error else seen["role"],
            "quorum": not error and seen["quorum"],
            "queued": 0 if error else seen["queued"],
            "least_queued": None if error else seen["least_queued"],
            "disk_full": time.monotonic() - self._full_at < FULL_SECONDS,
            "halted": not error and seen["state"] == ONLINE and self._halted,
            "fenced": False,
            "age": round(age, 2),
            "reason": error,
            "members": [] if error else seen["members"],
        }
        if error:
            return answer
        if not answer["writable"]:
            answer["handing_over"] = hands_over(seen, time.monotonic() - self._written_at)
        if answer["disk_full"] or answer["halted"]:
            answer["writable"] = False
        fence = fenced()
        if fence:
            # What it has is not what the other group has.
            answer.update(writable=False, readable=False, handing_over=False, fenced=True)
        answer["reason"] = ", ".join(
            words
            for words in (
                seen["state"],
                f"{'with' if seen['quorum'] else 'without'} a majority",
                f"role {seen['role']}" if seen["role"] else "",
                "super_read_only" if seen["super_read_only"] else "",
                "offline_mode" if seen["offline_mode"] else "",
                "Group Replication is being stopped" if seen["stopping"] else "",
                "disk full" if answer["disk_full"] else "",
                "the group agrees on nothing" if answer["halted"] else "",
                f"fenced: {fence}" if fence else "",
                answer["draining"],
            )
            if words
        )
        return answer


def page(path: str, answer: Mapping[str, Any], accept: str = "") -> tuple[int, str, str]:
    """Return code, type and text of a page, for a client that accepts these types."""
    parts = urlsplit(path)
    name, text = parts.path.strip("/"), answer["reason"] + "\n"
    if name == "" and wanted(accept, "text/html") > wanted(accept, "application/json"):
        return 200, "text/html; charset=utf-8", shown(answer)
    if name == "":
        return 200, "application/json", json.dumps(answer) + "\n"
    if name == "metrics" and HAS_PROMETHEUS:
        return 200, CONTENT_TYPE_LATEST, metrics(answer)
    if name == "metrics":
        return 501, "text/plain", "Salt's Python has no prometheus_client\n"
    if name == "live":
        return 200 if answer["live"] else 503, "text/plain", text
    if name not in ("writable", "readable"):
        known = "/writable, /readable, /live, /metrics or /"
        return 404, "text/plain", f"no such page; try {known}\n"
    try:
        limits = parse_qs(parts.query, keep_blank_values=True)
        yes, nobody_new, text = within_limits(answer, name, limits)
    except ValueError as err:
        return 400, "text/plain", f"{err}\n"
    if name == "writable" and answer["handing_over"]:
        yes, nobody_new = True, text
    return code_of(yes, nobody_new), "text/plain", f"{text}\n"


class Gauges:
    """What was seen, as Prometheus collects it."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self._answer = answer

    def collect(self) -> Iterator[GaugeMetricFamily]:
        answer = self._answer
        for name, meaning in (
            ("live", "mysqld answers"),
            ("writable", "The member takes writes"),
            ("readable", "The member may be read"),
            ("draining", "The balancer is to send nobody new"),
            ("quorum", "The member's view has a majority"),
            ("fenced", "Another group has this one's name, and goes on"),
            ("halted", "The group agrees on no message: commits hang"),
            ("disk_full", "A disk that commits need is full, or was a minute ago"),
        ):
            yield GaugeMetricFamily(f"mysql_gr_{name}", meaning, value=bool(answer[name]))
        yield GaugeMetricFamily(
            "mysql_gr_applier_queue", "Transactions to be applied", value=answer["queued"]
        )
        state = GaugeMetricFamily("mysql_gr_member", "State and role", labels=["state", "role"])
        state.add_metric([answer["state"], answer["role"] or ""], 1)
        yield state
        for name, when, meaning in (
            ("certificate_not_after", ends_in_file(), "Until when its certificate is good"),
            ("keeper_look", last_look(), "When the keeper last looked"),
        ):
            if when:
                full = f"mysql_gr_{name}_timestamp_seconds"
                yield GaugeMetricFamily(full, f"{meaning}, since 1970", value=when)
        compared = numbers()
        for name, key, meaning in (
            ("differences", "differences", "Rows and definitions that differ between the members"),
            (
                "comparison_timestamp_seconds",
                "timestamp",
                "When the members were last compared, to the end, since 1970",
            ),
            ("comparison_success", "success", "No comparison has failed since"),
        ):
            # A number that is not known is none.
            if key in compared:
                yield GaugeMetricFamily(f"mysql_gr_{name}", meaning, value=compared[key])


def metrics(answer: Mapping[str, Any]) -> str:
    """Return what was seen in Prometheus' text form."""
    registry = CollectorRegistry()
    registry.register(Gauges(answer))
    return generate_latest(registry).decode()


class Handler(BaseHTTPRequestHandler):
    """One request; all answers are of what the watch saw last."""

    watch: Watch
    protocol_version = "HTTP/1.1"
    server_version = "mysql-gr-health"
    sys_version = ""
    timeout = 5

    def do_GET(self) -> None:
        accept = self.headers.get("Accept", "")
        code, kind, text = page(self.path, self.watch.answer(), accept)
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            # A balancer that has read the status line may hang up before the rest.
            with contextlib.suppress(OSError):
                self.wfile.write(body)

    do_HEAD = do_GET
    do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: several requests come in every second."""


# Far more than a balancer's checks have open at a time.
OPEN_MAX = 32
# Addresses of which is kept whether they may ask.
KNOWN_MAX = 1000


class Clients:
    """Who may ask: addresses and networks from a file, which is read anew when it has changed.

    So a balancer that is added costs no restart: agents of all members that start anew at once
    leave the balancers without an answer.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = -1
        self._networks: list[IPv4Network] = []

        self._known: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        # What cannot be read changes nothing: who was known stays known.
        with contextlib.suppress(OSError, ValueError):
            changed = self._path.stat().st_mtime_ns
            if changed != self._read:
                lines = self._path.read_text(encoding="ascii").split()
                self._networks = [IPv4Network(line) for line in lines]
                self._read = changed
                self._known.clear()
        # A stranger that asks again and again is to cost as little as can be.
        if address not in self._known:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[address] = any(IPv4Address(address) in one for one in self._networks)
        return self._known[address]


class Server(ThreadingHTTPServer):
    """Listens on a socket that is open already, and answers only whom it knows."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, clients: Clients) -> None:
        super().__init__(listening.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        # Two processes accept while one takes over: a connection that the other one got is none.
        listening.setblocking(False)
        self._clients = clients
        self._open: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._replacing = threading.Lock()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return client_address[0] in self._clients

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; whoever has too many open gets no more."""
        host = client_address[0]
        with self._counting:
            crowded = self._open[host] >= OPEN_MAX
            self._open[host] += not crowded
        if crowded:
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._closed(host)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one request, and count it off."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._closed(client_address[0])

    def _closed(self, host: str) -> None:
        with self._counting:
            self._open[host] -= 1
            # Of those who are not there nothing is kept.
            self._open += Counter()

    def replace(self, watch: Watch) -> None:
        """Have a new process take over; end to accept once it answers."""
        # Whoever asks for it twice gets it once.
        if not self._replacing.acquire(blocking=False):
            return
        why = replace(watch.sees, [self.fileno()])
        if why:
            self._replacing.release()
            said = f"The new agent does not take over: {why}"
            print(said, file=sys.stderr)
            refuse(said)
        else:
            self.shutdown()

    def finish(self) -> None:
        """Wait until whoever is being answered has the answer."""
        deadline = time.monotonic() + Handler.timeout
        while self._open and time.monotonic() < deadline:
            time.sleep(0.01)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hangs up, as a balancer may; all else is a fault."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


# The first descriptor that systemd hands over (sd_listen_fds(3)).
FIRST_DESCRIPTOR = 3


def main(mysqld: str, user: str, clients: str) -> None:
    """Watch and answer on the port that systemd holds open, until a new agent does.

    SIGHUP starts one, which takes over once it sees as much as this one.

    mysqld, user
        The server's socket and the account that asks it.

    clients
        The file that says who may ask.
    """
    watch = Watch(mysqld, user)
    for look in (watch.run, watch.look_for_stops, watch.look_for_agreement):
        threading.Thread(target=look, daemon=True).start()
    # Who has asked meanwhile gets an answer, and not that mysqld was not asked yet.
    watch.asked.wait(DEADLINE_SECONDS)
    Handler.watch = watch
    with socket.socket(fileno=FIRST_DESCRIPTOR) as listening:
        server = Server(listening, Clients(Path(clients)))

        def take_over(*_: Any) -> None:
            threading.Thread(target=server.replace, args=[watch], daemon=True).start()

        signal.signal(signal.SIGHUP, take_over)
        begin(watch.sees)
        server.serve_forever()
        server.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])

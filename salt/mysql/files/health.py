"""Answer over HTTP whether the local member can be written to or read, from memory.

    GET /writable   200 if it takes writes now, else 503
    GET /readable   200 if it may be read now, else 503
    GET /           JSON: both answers, whether it is leaving, and the reason in words

A member that is leaving answers 404 instead of 200: a balancer sends nobody new, and who is there
may finish.

One thread watches mysqld on one connection that stays open; what it saw counts for a second, so a
server that hangs, or a watch that died, is a no.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import mysql_gr
from salt.exceptions import CommandExecutionError

INTERVAL_SECONDS = 0.25
# A statement that takes longer is a server that does not answer.
DEADLINE_SECONDS = 0.8
STALE_SECONDS = 1.0
# With less than this left a commit may find the disk full; it then waits, and mysqld looks for room
# again only once a minute.
FREE_BYTES = 16 * 1024**2
FULL_SECONDS = 60.0


class Watch:
    """What was last seen of the local member, and when."""

    def __init__(self, socket: str, user: str) -> None:
        self._where = {"unix_socket": socket, "user": user}
        self._seen: dict[str, Any] = {}
        self._error = "mysqld was not asked yet"
        self._at = 0.0
        self._full_at = -math.inf
        self.asked = threading.Event()

    def run(self) -> None:
        """Watch for ever; connect again whenever the connection is lost."""
        while True:
            # Any fault of the watch itself must end in a no, never in an old yes.
            try:
                with mysql_gr.connect(DEADLINE_SECONDS, **self._where) as connection:
                    places = mysql_gr.places_written(connection)
                    while True:
                        self._look_for_room(places)
                        self._seen, self._error = mysql_gr.observe(connection), ""
                        self._at = time.monotonic()
                        self.asked.set()
                        time.sleep(INTERVAL_SECONDS)
            except CommandExecutionError as err:
                self._error, self._at = str(err), time.monotonic()
                self.asked.set()
            time.sleep(INTERVAL_SECONDS)

    def _look_for_room(self, places: list[str]) -> None:
        for place in places:
            # One that is not this user's to look at says nothing.
            with contextlib.suppress(OSError):
                disk = os.statvfs(place)
                if disk.f_bavail * disk.f_frsize < FREE_BYTES:
                    self._full_at = time.monotonic()

    def answer(self) -> dict[str, Any]:
        """Return both verdicts, whether the member is leaving, and the reason in words."""
        age = time.monotonic() - self._at
        seen, error = self._seen, self._error
        if not error and age > STALE_SECONDS:
            error = f"mysqld last answered {age:.1f} s ago"
        if error:
            return {"writable": False, "readable": False, "draining": False, "reason": error}
        writable, readable = mysql_gr.writable_by(seen), mysql_gr.readable_by(seen)
        reason = (
            f"{seen['state']}, {'with' if seen['quorum'] else 'without'} a majority"
            f"{', role ' + seen['role'] if seen['role'] else ''}"
            f"{', super_read_only' if seen['super_read_only'] else ''}"
            f"{', offline_mode' if seen['offline_mode'] else ''}"
        )
        if time.monotonic() - self._full_at < FULL_SECONDS:
            writable = False
            reason += ", disk full"
        draining = mysql_gr.draining()
        if draining:
            reason += ", leaving"
        return {"writable": writable, "readable": readable, "draining": draining, "reason": reason}


class Handler(BaseHTTPRequestHandler):
    """The three pages; anything else is a 404."""

    watch: Watch
    protocol_version = "HTTP/1.1"
    server_version = "mysql-gr-health"
    sys_version = ""
    timeout = 5

    def do_GET(self) -> None:
        answer = self.watch.answer()
        path = self.path.partition("?")[0].strip("/")
        if path == "":
            self._send(200, json.dumps(answer) + "\n", "application/json")
        elif path in ("writable", "readable"):
            yes = 404 if answer["draining"] else 200
            self._send(yes if answer[path] else 503, answer["reason"] + "\n", "text/plain")
        else:
            self._send(404, "no such page; try /writable, /readable or /\n", "text/plain")

    do_HEAD = do_GET
    do_OPTIONS = do_GET

    def _send(self, code: int, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            # A balancer that has read the status line may hang up before the rest.
            with contextlib.suppress(OSError):
                self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: several requests come in every second."""


# The first descriptor that systemd hands over (sd_listen_fds(3)).
FIRST_DESCRIPTOR = 3


def main(mysqld: str, user: str) -> None:
    """Watch and answer for ever, on the port that systemd holds open."""
    watch = Watch(mysqld, user)
    threading.Thread(target=watch.run, daemon=True).start()
    # Who has asked meanwhile gets an answer, and not that mysqld was not asked yet.
    watch.asked.wait(DEADLINE_SECONDS)
    Handler.watch = watch
    with socket.socket(fileno=FIRST_DESCRIPTOR) as listening:
        server = ThreadingHTTPServer(listening.getsockname(), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

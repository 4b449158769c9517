"""Runs on a database machine with Salt's Python: holds the member, empties it, and lets it go.

Reads a JSON order a line and answers with a JSON line; ends with its input. What empties the member
is SQL of its own, what races is the library that the keeper runs.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from contextlib import ExitStack
from typing import Any

sys.path.insert(0, "/usr/local/lib/mysql-gr")

import pymysql
from group_replication import lock, memory
from group_replication.membership import converge_by
from group_replication.model import SYSTEM_SCHEMAS
from group_replication.settings import SETTINGS_FILE, settings_from_json


def connected(socket: str) -> Any:
    """Return a connection as root."""
    return pymysql.connect(unix_socket=socket, user="root", autocommit=True)


class Held:
    """A connection and the lock under which a member is moved: nobody starts anything."""

    def __init__(self, socket: str) -> None:
        self._stack = ExitStack()
        if not self._stack.enter_context(lock.held(60)):
            raise RuntimeError("the lock was not to be had within 60 s")
        self.connection = self._stack.enter_context(connected(socket))

    def close(self) -> None:
        """Let everybody go."""
        self._stack.close()


def hold(socket: str) -> Held:
    """Take the lock, and the member out of its group."""
    found = Held(socket)
    with found.connection.cursor() as cursor:
        cursor.execute("STOP GROUP_REPLICATION")
    return found


def empty(connection: Any) -> str:
    """Let the server forget every transaction, and the data that none would account for."""
    with connection.cursor() as cursor:
        cursor.execute("SET GLOBAL super_read_only = OFF")
        cursor.execute("SET SESSION sql_log_bin = OFF")
        cursor.execute(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN %s",
            (SYSTEM_SCHEMAS,),
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP DATABASE `{name}`")
        cursor.execute("RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'")
        cursor.execute("RESET BINARY LOGS AND GTIDS")
        cursor.execute("SET GLOBAL super_read_only = ON")
        # Or the machine would take its disk for missing.
        memory.MEMBER_FILE.unlink(missing_ok=True)
        cursor.execute("SELECT @@GLOBAL.gtid_executed")
        return cursor.fetchone()[0]


def converge(at: float, answer: int) -> None:
    """Do in a process of its own what a highstate does, and say how it ended."""
    time.sleep(max(0.0, at + random.uniform(0, 0.2) - time.time()))
    try:
        settings = settings_from_json(SETTINGS_FILE.read_text())
        said = converge_by(settings, timeout=60, patience=30)["why"]
    except Exception as err:
        said = f"{type(err).__name__}: {err}"
    os.write(answer, (said.replace("\n", " ") + "\n").encode())
    os._exit(0)


def race(held: Held, at: float, runs: int) -> list[str]:
    """Let everybody go at a moment; return what each run said in the end."""
    reading, writing = os.pipe()
    for _ in range(runs):
        if os.fork() == 0:
            converge(at, writing)
    os.close(writing)
    time.sleep(max(0.0, at - time.time()))
    # The keeper goes on with the rest.
    held.close()
    with os.fdopen(reading) as stream:
        said = stream.read().splitlines()
    for _ in range(runs):
        os.wait()
    return said


def main() -> None:
    """Obey until there are no more orders."""
    settings = json.loads(SETTINGS_FILE.read_text())
    held: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order["do"] == "hold":
                held = hold(settings["socket"])
                answer: Any = "held"
            elif order["do"] == "empty":
                answer = empty(held.connection)
            else:
                answer = race(held, order["at"], order["runs"])
            print(json.dumps({"ok": answer}), flush=True)
        except Exception as err:
            print(json.dumps({"failed": f"{type(err).__name__}: {err}"}), flush=True)


if __name__ == "__main__":
    main()

"""A monitor that asks every member over its admin port, and what one answer says."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pymysql

from tests.support.lab import Lab

LOOK_SECONDS = 0.2
ADMIN_PORT = 33062
QUESTION = """
SELECT m.MEMBER_STATE, s.VIEW_ID, @@GLOBAL.group_replication_bootstrap_group,
  (SELECT GROUP_CONCAT(MEMBER_STATE) FROM performance_schema.replication_group_members)
FROM performance_schema.replication_group_members m
LEFT JOIN performance_schema.replication_group_member_stats s USING (MEMBER_ID)
WHERE m.MEMBER_ID = @@server_uuid
"""


class Sample(NamedTuple):
    """What one member said of itself, or that it did not answer."""

    asked: float
    answered: float
    member: str
    state: str
    # The part of the view id that is the same in all views of one group's life.
    origin: str
    view: str
    quorum: bool
    # The states of all members in this one's view.
    states: tuple[str, ...]
    bootstrap: bool


def whole(latest: Mapping[str, Sample], members: Sequence[str], since: float) -> bool:
    """Tell whether every member said, asked after a moment, that all are ONLINE in one view."""
    said = [latest.get(member) for member in members]
    return (
        all(
            one is not None
            and one.asked >= since
            and one.states == ("ONLINE",) * len(members)
            and one.quorum
            for one in said
        )
        and len({one.view for one in said if one is not None}) == 1
    )


class Monitor:
    """Asks every member several times a second over its admin port, and keeps the answers."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._over = threading.Event()
        self._password = lab.secret("mysql", "password")
        self.samples: list[Sample] = []
        self.latest: dict[str, Sample] = {}
        # Encrypted, not verified: each server made its certificate itself.
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._threads = [
            threading.Thread(target=self._watch, args=(name,), daemon=True)
            for name in lab.databases
        ]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        for thread in self._threads:
            thread.join(10)

    def forget(self) -> None:
        """Begin a new record."""
        self.samples = []

    def _watch(self, member: str) -> None:
        while not self._over.is_set():
            asked = time.monotonic()
            try:
                connection = pymysql.connect(
                    host=self._lab.address[member],
                    port=ADMIN_PORT,
                    user="mysql_gr_admin",
                    password=self._password,
                    ssl=self._tls,
                    autocommit=True,
                    connect_timeout=2,
                    read_timeout=2,
                )
                with connection, connection.cursor() as cursor:
                    while not self._over.is_set():
                        asked = time.monotonic()
                        cursor.execute(QUESTION)
                        self._keep(member, asked, cursor.fetchone())
                        self._over.wait(LOOK_SECONDS)
            # As for the clients: a broken connection shows itself in many ways.
            except Exception:
                self._keep(member, asked, None)
                self._over.wait(LOOK_SECONDS)

    def _keep(self, member: str, asked: float, row: tuple[Any, ...] | None) -> None:
        state, view, bootstrap, states = row or ("UNKNOWN", "", 0, "")
        inside = tuple((states or "").split(","))
        present = sum(one in ("ONLINE", "RECOVERING") for one in inside)
        sample = Sample(
            asked,
            time.monotonic(),
            member,
            state,
            (view or "").partition(":")[0],
            view or "",
            present * 2 > present + inside.count("UNREACHABLE"),
            inside,
            bool(bootstrap),
        )
        self.samples.append(sample)
        self.latest[member] = sample

    def whole(self, since: float) -> bool:
        """Tell whether all said, asked after a moment, that all are ONLINE in one view."""
        return whole(self.latest, self._lab.databases, since)

    def states(self) -> str:
        """Return what each said last, in a line."""
        return ", ".join(
            f"{name} {one.state}"
            + ("" if not one.view else f" ({one.view}: {','.join(one.states)})")
            for name, one in sorted(self.latest.items())
        )

"""A declared group and what its members say of themselves, for the tests of pure functions."""

from __future__ import annotations

import copy
import time

from hypothesis import strategies as st

GROUP = "8f6a2c1e-5b0d-4d7e-9a51-0c3f5d7e9b11"
OTHER = "11111111-2222-3333-4444-555555555555"
UUIDS = {f"db{n}": f"0000000{n}-e7b8-11f1-958a-0242ac11000a" for n in range(1, 10)}
HOSTS = {f"db{n}": f"172.28.17.{52 + n}" for n in range(1, 10)}
HOSTS_OF_THREE = {name: HOSTS[name] for name in ("db1", "db2", "db3")}


def pillar(databases: int = 3) -> dict:
    nodes = {
        "master": {"ip": "172.28.17.50", "role": "master"},
        "proxy": {"ip": "172.28.17.52", "role": "proxy"},
    }
    nodes |= {
        f"db{n}": {"ip": f"172.28.17.{52 + n}", "role": "db"} for n in range(1, databases + 1)
    }
    return {
        "cluster": {"subnet": "172.28.17.0/24", "nodes": nodes},
        "mysql": {
            "group": {"name": GROUP, "mode": "multi-primary"},
            "accounts": {
                "admin": {"password": "a-long-password-1"},
                "recovery": {"password": "a-long-password-2"},
                "application": {"password": "a-long-password-3"},
                "schema": {"password": "a-long-password-4"},
            },
        },
    }


def set_key(tree: dict, key: str, value: object) -> dict:
    tree = copy.deepcopy(tree)
    *parents, last = key.split(":")
    branch = tree
    for parent in parents:
        branch = branch.setdefault(parent, {})
    if value is None:
        branch.pop(last, None)
    else:
        branch[last] = value
    return tree


def member(name: str, state: str = "ONLINE", role: str = "PRIMARY") -> dict:
    return {
        "id": UUIDS[name],
        "host": HOSTS[name],
        "port": 3306,
        "state": state,
        "role": role if state == "ONLINE" else None,
        "version": "9.7.4",
    }


def one(name: str, state: str = "OFFLINE", gtids: str = "", **more) -> dict:
    """What a member says of itself; ONLINE, its view holds itself alone unless told otherwise."""
    facts = {
        "answers": True,
        "error": "",
        "paused": "",
        "applier_error": "",
        "remembered": {},
        "schemas": [],
        "running": state != "OFFLINE",
        "server_uuid": UUIDS[name],
        "server_id": int(name[2:]),
        "alike": {},
        "version": "9.7.4",
        "host": HOSTS[name],
        "port": 3306,
        "super_read_only": state != "ONLINE",
        "offline_mode": False,
        "stopping": False,
        "group": GROUP,
        "declared": None,
        "mode": "multi-primary",
        "state": state,
        "role": "PRIMARY" if state == "ONLINE" else None,
        "members": [member(name, state)],
        "quorum": state in ("ONLINE", "RECOVERING"),
        "view_id": "17954915269696091:3" if state == "ONLINE" else None,
        "gtid_executed": gtids,
        "gtid_purged": "",
        "gtid_received": "",
    }
    return {**facts, **more}


def gone(error: str = "cannot connect") -> dict:
    return {"answers": False, "error": error, "state": "UNKNOWN", "paused": ""}


def online(name: str, *view: str, gtids: str = "", **more) -> dict:
    return one(name, "ONLINE", gtids, members=[member(n) for n in (name, *view)], **more)


STATES = st.sampled_from(["OFFLINE", "OFFLINE", "OFFLINE", "ONLINE", "RECOVERING", "ERROR", "gone"])
HISTORIES = st.sampled_from(["", f"{GROUP}:1-3", f"{GROUP}:1-5", f"{GROUP}:1-4:6", f"{OTHER}:1"])


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


VERSIONS = ["8.0.35", "8.0.46", "8.4.0", "8.4.9", "9.0", "9.5", "9.7.4", "26.7.0", "26.10.0"]


LAST = one(
    "db1",
    "ONLINE",
    quorum=False,
    members=[member("db1"), member("db2", "UNREACHABLE"), member("db3", "UNREACHABLE")],
)


ALONE = {"db1": LAST, "db2": gone(), "db3": gone()}


FOUR = ("db1", "db2", "db3", "db4")


def whole(**changes) -> dict:
    """Four members ONLINE, db4 no longer declared."""
    facts = {name: online(name, *[n for n in FOUR if n != name]) for name in FOUR}
    return {**facts, **changes}

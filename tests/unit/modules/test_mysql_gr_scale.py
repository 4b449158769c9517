"""What changes when the table of nodes or the options do: leaving, removal, a running server."""

from __future__ import annotations

import contextlib
import time

import pytest
import yaml
from group_replication import lock, maintenance, schema_check, settings
from group_replication.files import write_whole
from group_replication.maintenance import flag_leaving, kept_out, leaving, not_for_new
from group_replication.settings import REMOVED, settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.haproxy_cfg as haproxy_cfg
import _modules.mysql_gr as mysql_gr
from tests.functional.conftest import ROOT
from tests.unit.group import (
    FOUR,
    HOSTS,
    UUIDS,
    gone,
    member,
    online,
    pillar,
    whole,
)


@pytest.mark.parametrize("count", [3, 5, 9])
def test_the_balancer_has_a_server_for_each(count, monkeypatch):
    sections = yaml.safe_load((ROOT / "pillar/haproxy.sls").read_text())["haproxy"]["sections"]
    settings = {
        "haproxy:sections": sections,
        "haproxy:stats:user": "admin",
        "haproxy:stats:password": "a-long-password",
        "cluster:health_port": 9200,
        "cluster:nodes": pillar(count)["cluster"]["nodes"],
    }
    monkeypatch.setattr(
        haproxy_cfg,
        "__salt__",
        {"config.get": lambda key, default=None, **_: settings.get(key, default)},
        raising=False,
    )
    found = haproxy_cfg.parse(haproxy_cfg.render())
    for name in ("cluster", "writer", "read"):
        lines = [line for line in found[f"listen mysql-{name}"] if line.startswith("server ")]
        each = [f"{HOSTS[f'db{n}']}:3306" for n in range(1, count + 1)]
        # The writer's are there for two versions of HAProxy.
        assert [line.split()[2] for line in lines] == each * (2 if name == "writer" else 1)


@pytest.fixture
def minion(monkeypatch, tmp_path):
    """A minion db4 with its keeper's file; returns a function that gives it a pillar."""
    monkeypatch.setattr(settings, "SETTINGS_FILE", tmp_path / "settings.json")
    monkeypatch.setattr(maintenance, "PAUSE_FILE", tmp_path / "paused")
    monkeypatch.setattr(maintenance, "LEAVING_FILE", tmp_path / "run" / "leaving")
    monkeypatch.setattr(maintenance, "DRAINED_FILE", tmp_path / "run" / "drained")
    monkeypatch.setattr(mysql_gr, "__opts__", {"id": "db4"}, raising=False)

    def give(declared: dict) -> None:
        monkeypatch.setattr(mysql_gr, "__pillar__", declared, raising=False)

    give(pillar(4))
    mysql_gr.store_settings()
    return give


def test_removal_ends_when_it_is_declared_again_and_an_operators_pause_does_not(minion):
    mysql_gr.pause("memory is replaced")
    minion(pillar(3))
    assert mysql_gr.settings_differ()
    mysql_gr.store_settings()
    mysql_gr.unpause()
    assert kept_out(mysql_gr._settings()) == REMOVED
    mysql_gr.pause("memory is replaced")
    minion(pillar(4))
    assert mysql_gr.settings_differ()
    mysql_gr.store_settings()
    assert kept_out(mysql_gr._settings()) == "memory is replaced"
    mysql_gr.unpause()
    assert kept_out(mysql_gr._settings()) == ""


def test_a_declared_member_is_not_removed_by_a_call(minion):
    with pytest.raises(SaltInvocationError, match=r"declares db4.*mysql_gr\.leave"):
        mysql_gr.remove("db4")


def test_a_stranger_is_told_what_is_missing(minion):
    settings.SETTINGS_FILE.unlink()
    minion(pillar(3))
    with pytest.raises(SaltInvocationError, match="a node 'db4' with role db"):
        mysql_gr.removal()


def test_a_server_that_does_not_answer_is_removed_for_when_it_does(minion, monkeypatch):
    minion(pillar(3))
    monkeypatch.setattr(mysql_gr, "facts_of", lambda settings: whole(db4=gone()))
    assert mysql_gr.removal() == {"state": "UNKNOWN", "settled": False, "problem": ""}
    assert mysql_gr.remove("db4") == {"old": "UNKNOWN", "new": "UNKNOWN"}
    assert mysql_gr.removal()["settled"] is True


def test_a_refused_removal_touches_nothing(minion, monkeypatch):
    minion(pillar(3))
    before = settings.SETTINGS_FILE.read_text()
    facts = {**dict.fromkeys(FOUR[:3], gone()), "db4": online("db4")}
    monkeypatch.setattr(mysql_gr, "facts_of", lambda settings: facts)
    with pytest.raises(CommandExecutionError, match="no majority"):
        mysql_gr.remove("db4")
    assert settings.SETTINGS_FILE.read_text() == before


def test_a_drain_that_nobody_ended_is_over_some_time(minion):
    assert not leaving()
    flag_leaving(60)
    assert leaving()
    assert kept_out(mysql_gr._settings()) == "it is leaving just now"
    assert maintenance.LEAVING_FILE.stat().st_mode & 0o777 == 0o644
    flag_leaving(-0.01)
    assert not leaving()
    maintenance.LEAVING_FILE.write_text("what is this\n")
    assert not leaving()


@pytest.mark.parametrize(
    ("change", "heir"),
    [
        ({}, None),
        ({"mode": "single-primary"}, UUIDS["db2"]),
        ({"mode": "single-primary", "role": "SECONDARY"}, None),
        ({"mode": "single-primary", "quorum": False}, None),
        (
            {
                "mode": "single-primary",
                "members": [
                    member("db1"),
                    member("db2", "RECOVERING"),
                    member("db3", role="SECONDARY"),
                ],
            },
            UUIDS["db3"],
        ),
        ({"mode": "single-primary", "members": [member("db1")]}, None),
    ],
)
def test_who_is_primary_after_it(change, heir):
    settings = settings_from(pillar(), "db1")
    assert mysql_gr.heir_of(settings, {**online("db1", "db3", "db2"), **change}) == heir


class Leaving:
    """A server that is asked to let its member go; what it was told, and when clients were done."""

    def __init__(self, monkeypatch, state="ONLINE", busy=(0,)):
        self.said, self.busy = [], list(busy)
        self.flag_seen = []
        monkeypatch.setattr(mysql_gr, "NOTICE_SECONDS", 0.1)
        monkeypatch.setattr(
            mysql_gr, "observe", lambda connection: {**online("db4"), "state": state}
        )
        monkeypatch.setattr(mysql_gr, "_busy", self._busy)
        monkeypatch.setattr(mysql_gr, "execute", self._do)

    def _busy(self, settings, connection):
        self.flag_seen.append(leaving())
        return self.busy.pop(0) if len(self.busy) > 1 else self.busy[0]

    def _do(self, connection, sql, values=()):
        self.said.append(sql)


READ_ONLY, STOP = "SET GLOBAL super_read_only = ON", "STOP GROUP_REPLICATION"


def test_it_leaves_as_soon_as_no_client_is_in_a_transaction(minion, monkeypatch):
    server = Leaving(monkeypatch, busy=(2, 1, 0))
    begin = time.monotonic()
    mysql_gr._leave(mysql_gr._settings(), server, 30)
    assert 0.1 < time.monotonic() - begin < 10
    assert server.flag_seen == [True, True, True]
    assert server.said.index(READ_ONLY) < server.said.index(STOP)
    assert not leaving()


def test_clients_that_never_end_hold_it_up_no_longer_than_told(minion, monkeypatch):
    server = Leaving(monkeypatch, busy=(1,))
    begin = time.monotonic()
    mysql_gr._leave(mysql_gr._settings(), server, 1)
    assert 1 <= time.monotonic() - begin < 5
    assert STOP in server.said


@pytest.mark.parametrize(("state", "seconds"), [("RECOVERING", 30), ("ERROR", 30), ("ONLINE", 0)])
def test_there_is_nothing_to_drain(minion, monkeypatch, state, seconds):
    server = Leaving(monkeypatch, state=state, busy=(1,))
    mysql_gr._leave(mysql_gr._settings(), server, seconds)
    assert STOP in server.said
    assert server.flag_seen == []


def test_a_member_outside_only_stays_read_only(minion, monkeypatch):
    server = Leaving(monkeypatch, state="OFFLINE")
    mysql_gr._leave(mysql_gr._settings(), server, 30)
    assert server.said == [READ_ONLY]


def test_a_stop_keeps_the_keeper_away_until_the_server_is_down(minion, monkeypatch):
    server = Leaving(monkeypatch)
    monkeypatch.setattr(mysql_gr, "local", lambda *_: contextlib.nullcontext(server))
    # Another run holds the lock: the stop goes on.
    monkeypatch.setattr(lock, "held", lambda *_: contextlib.nullcontext(False))
    mysql_gr.leave_before_stop(mysql_gr._settings())
    assert STOP in server.said
    assert leaving()


def test_a_drained_member_stays_in_its_group_and_takes_nobody_new(minion, monkeypatch):
    server = Leaving(monkeypatch, busy=(1, 1, 0))
    monkeypatch.setattr(mysql_gr, "exclusive", lambda *_: contextlib.nullcontext(server))
    with pytest.raises(SaltInvocationError, match="member is 'db1', but this is db4"):
        mysql_gr.drain("db1", "a kernel")
    with pytest.raises(SaltInvocationError, match="reason is empty"):
        mysql_gr.drain("db4", " ")
    assert not_for_new() == ""
    assert mysql_gr.drain("db4", "a kernel ") == {"old": "", "new": "a kernel", "busy": 0}
    assert server.said == []
    assert mysql_gr.drained() == "a kernel"
    assert not_for_new() == "drained: a kernel"
    assert kept_out(mysql_gr._settings()) == ""
    server.busy = [2]
    assert mysql_gr.drain("db4", "a disk", seconds=0) == {
        "old": "a kernel",
        "new": "a disk",
        "busy": 2,
    }
    flag_leaving(60)
    assert not_for_new() == "leaving"
    assert mysql_gr.undrain() == {"old": "a disk", "new": ""}
    assert mysql_gr.undrain() == {"old": "", "new": ""}


@pytest.mark.parametrize("before", ["", "since May"])
@pytest.mark.parametrize("what", ["leave", "drain"])
def test_a_call_that_fails_leaves_no_reason_behind(minion, monkeypatch, what, before):
    reasons = {"leave": (mysql_gr.paused, maintenance.PAUSE_FILE),
               "drain": (mysql_gr.drained, maintenance.DRAINED_FILE)}  # fmt: skip
    reason, file = reasons[what]
    if before:
        write_whole(file, before + "\n")
    seen = []

    def lost(connection):
        seen.append(reason())
        raise CommandExecutionError("mysqld said: Lost connection to MySQL server (2013)")

    @contextlib.contextmanager
    def busy(*_):
        raise CommandExecutionError("another run on db4 is at it; nothing was done")
        yield

    act = getattr(mysql_gr, what)
    monkeypatch.setattr(mysql_gr, "exclusive", busy)
    with pytest.raises(CommandExecutionError, match="another run"):
        act("db4", "tonight")
    assert reason() == before
    monkeypatch.setattr(mysql_gr, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(mysql_gr, "observe", lost)
    with pytest.raises(CommandExecutionError, match="Lost connection"):
        act("db4", "tonight")
    # It was there while the member was about to leave.
    assert seen == ["tonight"]
    assert reason() == before


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: mysql_gr.switch_mode("multi-primary", dry_run=True), "multi-primary cannot take"),
        (lambda: mysql_gr.set_primary("db3", dry_run=True), "member is 'db3', which is not ONLINE"),
    ],
)
def test_a_dry_run_refuses_what_a_run_does(minion, monkeypatch, call, sentence):
    seen = online("db4", "db1", mode="single-primary")
    problem = {"table": "shop.t", "problem": "engine", "detail": "MyISAM, not InnoDB"}
    monkeypatch.setattr(mysql_gr, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(mysql_gr, "observe", lambda connection: seen)
    monkeypatch.setattr(schema_check, "check_schema", lambda *_: [problem])
    with pytest.raises((CommandExecutionError, SaltInvocationError), match=sentence):
        call()
    monkeypatch.setattr(schema_check, "check_schema", lambda *_: [])
    assert mysql_gr.switch_mode("multi-primary", dry_run=True)["new"] == "multi-primary"
    assert mysql_gr.set_primary("db1", dry_run=True)["new"] == "db1"

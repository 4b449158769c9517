"""A rolling restart as the master's minion offers it: whom it asks, and one run at a time."""

from __future__ import annotations

import contextlib

import pytest
import salt.client
from group_replication import lock
from minion_calls import Answer
from salt.exceptions import SaltInvocationError

import _modules.mysql_rolling as module
from tests.unit.group import pillar
from tests.unit.group_replication.test_rolling_run import Group

GIVEN = {
    "only": "all", "machines": None, "settle": 5, "roles": None, "outage": None, "window": "",
}  # fmt: skip


class Client:
    """What a master's client hears of its minions."""

    def __init__(self, *answers):
        self.answers, self.asked = answers, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def cmd_iter(self, targets, function, kwarg, tgt_type, timeout):
        self.asked.append((targets, function, kwarg, tgt_type))
        yield from self.answers


@pytest.fixture
def minion(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "__pillar__", pillar(), raising=False)
    opts = {"id": "master", "conf_file": "/etc/salt/minion"}
    monkeypatch.setattr(module, "__opts__", opts, raising=False)
    monkeypatch.setattr(module, "LOCK_FILE", tmp_path / "operation")
    monkeypatch.setattr(module, "FLEET_LOCK", tmp_path / "deployment")
    monkeypatch.setattr(module, "LOOK_SECONDS", 0)


def test_it_asks_by_the_masters_configuration(minion, monkeypatch):
    client = Client(
        {"db1": {"ret": {"a": 1}, "retcode": 0}},
        {"db2": {"ret": "ERROR: why", "retcode": 1}},
        {"db3": {"failed": True}},
    )
    paths = []
    monkeypatch.setattr(salt.client, "get_local_client", lambda path: paths.append(path) or client)
    told = module._call(["db1", "db2", "db3"], "mysql_gr.status", {"extended": True})
    assert told == {"db1": Answer({"a": 1}), "db2": Answer("ERROR: why", "ERROR: why")}
    assert paths == ["/etc/salt/master"]
    asked = (["db1", "db2", "db3"], "mysql_gr.status", {"extended": True}, "list")
    assert client.asked == [asked]


def test_members_are_those_of_the_table_of_nodes(minion, monkeypatch):
    group = Group()
    monkeypatch.setattr(module, "_call", group)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    planned = module.plan("pending")
    assert (planned["machines"], planned["writer"]) == (["db2", "db3", "db1"], "db1")
    done = module.restart(only="pending", settle=0)
    assert done == {"restarted": ["db2", "db3", "db1"], "gave_up": "", "problem": ""}


def test_machines_are_not_begun_anew_beside_a_deployment(minion, monkeypatch):
    group = Group()
    monkeypatch.setattr(module, "_call", group)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with lock.held(0, module.FLEET_LOCK):
        planned, done = module.plan("all"), module.restart(settle=0)
        assert planned["refused"] == planned["gates"]["no deployment"] == module.DEPLOYING
        assert done == {"restarted": [], "gave_up": "", "problem": module.DEPLOYING}
        assert group.calls == []
    held = []
    monkeypatch.setattr(
        module.Rolling, "run", lambda self: held.append(_is_held(module.FLEET_LOCK)) or {}
    )
    assert module.plan("all")["gates"]["no deployment"] == ""
    module.restart(settle=0)
    # And nothing is deployed meanwhile.
    assert held == [True]


def _is_held(path) -> bool:
    with lock.held(0, path) as free:
        return not free


def test_a_run_of_this_machine_that_lives_is_not_continued(minion, monkeypatch):
    """What has died holds the lock no more, and is."""
    group = Group()
    monkeypatch.setattr(module, "_call", group)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with contextlib.ExitStack() as alive:
        alive.enter_context(lock.held(0, module.LOCK_FILE))
        assert module.restart()["problem"] == "another run has just begun here"
        group._begin("db1", "rolling restart of all members", "the master on master", {})
        group.row["step"] = "restart db2"
        sentence = "rolling restart of all members by the master on master is under way"
        assert sentence in module.restart()["problem"]
        assert sentence in module.plan()["refused"]
        assert group.calls == []
    group.row["began"] = '{"db1": 100, "db2": 100, "db3": 100}'
    assert module.restart(settle=0)["restarted"] == ["db2", "db3", "db1"]


def test_a_reboot_is_for_the_whole_table_of_nodes(minion, monkeypatch):
    table = pillar()
    table["cluster"]["nodes"] |= {
        "web": {"ip": "172.28.17.51", "role": "web"},
        "proxy2": {"ip": "172.28.17.62", "role": "proxy"},
    }
    table["cluster"] |= {"virtual_address": "172.28.17.60", "web": {"balanced": True}}
    monkeypatch.setattr(module, "__pillar__", table, raising=False)
    site = module._site()
    assert site.roles == {name: node["role"] for name, node in table["cluster"]["nodes"].items()}
    assert site.addresses["web"] == "172.28.17.51"
    assert (site.balanced, site.virtual_address) == (True, "172.28.17.60")


def test_a_minion_that_has_started_is_heard_by_the_masters_configuration(minion, monkeypatch):
    asked = []

    class Bus:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def get_event(self, wait, tag, match_type):
            asked.append((wait, tag))
            return {"id": "db1"}

    monkeypatch.setattr("salt.config.client_config", lambda path: asked.append(path) or {})
    monkeypatch.setattr("salt.utils.event.get_event", lambda node, opts, listen: Bus())
    assert module._listen("db1", 5) is True
    assert asked == ["/etc/salt/master", (5, "salt/minion/db1/start")]


def test_a_restart_of_others_is_asked_of_the_whole_table(minion, monkeypatch):
    monkeypatch.setattr(module, "_call", Group())
    assert type(module._rolling(True, **GIVEN)) is module.Rolling
    assert type(module._rolling(True, **{**GIVEN, "machines": ["db1"]})) is module.Rolling
    for more in ({"roles": ["proxy"]}, {"machines": ["db1", "proxy"]}):
        assert type(module._rolling(True, **{**GIVEN, **more})) is module.Restart
    with pytest.raises(SaltInvocationError, match="machines is 'db1'"):
        module._rolling(True, **{**GIVEN, "machines": "db1"})


@pytest.mark.parametrize("asked", [module.plan, module.upgrade_plan, module.reboot_plan])
def test_a_window_is_checked(minion, asked):
    with pytest.raises(SaltInvocationError, match="window is 'now'; expected two different times"):
        asked(window="now")

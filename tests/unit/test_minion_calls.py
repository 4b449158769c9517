"""What minions answer to the master's minion: a value, a failure, or nothing."""

from __future__ import annotations

from contextlib import contextmanager

import minion_calls
import pytest
from minion_calls import Answer


class Client:
    """Salt's client, with what its minions return."""

    def __init__(self, *answers: dict) -> None:
        self._answers = answers
        self.asked: list[tuple] = []

    def cmd_iter(self, targets, function, kwarg, tgt_type, timeout):
        self.asked.append((targets, function, kwarg, tgt_type, timeout))
        yield from self._answers


@pytest.fixture
def client(monkeypatch):
    """A maker of a client that is had by the master's configuration."""

    def make(*answers: dict) -> Client:
        one = Client(*answers)

        @contextmanager
        def had(path):
            assert path == "/etc/salt/master"
            yield one

        monkeypatch.setattr(minion_calls.salt.client, "get_local_client", had)
        return one

    return make


def test_each_answer_is_a_value_or_says_why_not(client):
    one = client(
        {"db1": {"ret": {"a": 1}, "retcode": 0}},
        {"db2": {"ret": "mysqld said: no", "retcode": 1}},
        {"db3": {"ret": "", "success": False}},
    )
    found = minion_calls.call(
        "/etc/salt/minion", ("db1", "db2", "db3"), "mysql_gr.status", {"x": 2}
    )
    assert found == {
        "db1": Answer({"a": 1}),
        "db2": Answer("mysqld said: no", "mysqld said: no"),
        "db3": Answer("", "it failed"),
    }
    targets = ["db1", "db2", "db3"]
    assert one.asked == [(targets, "mysql_gr.status", {"x": 2}, "list", minion_calls.TIMEOUT)]


def test_one_that_does_not_answer_is_left_out(client):
    client({"db1": {"failed": True}}, {"db2": {"ret": True}})
    assert minion_calls.call("/etc/salt/minion", ("db1", "db2"), "test.ping", {}) == {
        "db2": Answer(True)
    }


def test_nobody_is_waited_for_once_all_have_answered(client):
    def late():
        yield {"db1": {"ret": True}}
        pytest.fail("the answer that is there is all")

    one = client()
    one.cmd_iter = lambda *_, **__: late()
    assert minion_calls.call("/etc/salt/minion", ("db1",), "test.ping", {}) == {"db1": Answer(True)}


@pytest.mark.parametrize(("event", "started"), [({"tag": "x"}, True), (None, False)])
def test_a_minion_that_starts_says_so(monkeypatch, event, started):
    class Bus:
        def get_event(self, wait, tag, match_type):
            assert (wait, tag) == (9, "salt/minion/db1/start")
            return event

    @contextmanager
    def heard(role, opts, listen):
        assert (role, opts, listen) == ("master", "options of /etc/salt/master", True)
        yield Bus()

    monkeypatch.setattr(
        minion_calls.salt.config, "client_config", lambda path: f"options of {path}"
    )
    monkeypatch.setattr(minion_calls.salt.utils.event, "get_event", heard)
    assert minion_calls.listen("/etc/salt/minion", "db1", 9) is started

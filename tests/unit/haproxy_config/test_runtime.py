"""The running HAProxy, at the other end of a socket."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from haproxy_config import runtime
from salt.exceptions import CommandExecutionError, SaltInvocationError

SOCKET = "/run/a.sock"
SERVERS = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port
3 mysql 1 mysql-1 192.0.2.11 2 0 1 3306
3 mysql 2 mysql-2 192.0.2.12 0 1 1 3306
3 mysql 3 mysql-3 192.0.2.13 2 8 100 3306

"""

STATS = """# pxname,svname,scur,status,-,h1sess,
mysql,FRONTEND,2,OPEN,-,5,
mysql,mysql-1,,no check,-,,

"""


@pytest.fixture
def answering(tmp_path):
    """A runtime socket that answers one question with a prepared text, or not at all."""
    path = str(tmp_path / "admin.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    asked = []
    threads = []

    def answer(text):
        def serve():
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(100).decode())
                if text is None:
                    connection.recv(1)
                else:
                    connection.sendall(text.encode())

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return path

    yield answer, asked
    for thread in threads:
        thread.join(timeout=60)
    listener.close()


def test_servers_are_read_from_the_running_haproxy(answering):
    answer, asked = answering
    rows = runtime.servers(answer(SERVERS), timeout=60)
    assert asked == ["show servers state\n"]
    assert rows[0] == {
        "section": "mysql",
        "server": "mysql-1",
        "address": "192.0.2.11",
        "port": 3306,
        "state": "up",
        "admin": "ready",
        "weight": 1,
    }
    assert [(row["state"], row["admin"]) for row in rows[1:]] == [
        ("down", "maint"),
        ("up", "drain"),
    ]


def test_stats_are_read_from_the_running_haproxy(answering):
    answer, asked = answering
    assert runtime.stats(answer(STATS), timeout=60) == [
        {"pxname": "mysql", "svname": "FRONTEND", "scur": 2, "status": "OPEN"},
        {"pxname": "mysql", "svname": "mysql-1", "status": "no check"},
    ]
    assert asked == ["show stat\n"]


@pytest.fixture
def told(monkeypatch):
    """A running HAProxy with mysql-1 ready, mysql-2 in maintenance and mysql-3 drained."""
    said, admin = [], {"mysql-1": "ready", "mysql-2": "maint", "mysql-3": "drain"}

    def ask(command, socket, timeout):
        said.append(command)
        _, _, place, _, state = command.split()
        if place.endswith("mysql-3"):
            return "No such server.\n"
        admin[place.partition("/")[2]] = state
        return "\n"

    monkeypatch.setattr(runtime, "ask", ask)
    monkeypatch.setattr(
        runtime,
        "servers",
        lambda socket: [{"section": "mysql", "server": k, "admin": v} for k, v in admin.items()],
    )
    return said


def test_a_server_is_told_once(told):
    assert runtime.set_server("mysql", "mysql-1", "drain", SOCKET, test=True) == {
        "old": "ready",
        "new": "drain",
    }
    assert told == []
    for old in ("ready", "drain"):
        change = runtime.set_server("mysql", "mysql-1", "drain", SOCKET)
        assert change == {"old": old, "new": "drain"}
    assert told == ["set server mysql/mysql-1 state drain"]


@pytest.mark.parametrize(
    ("server", "admin", "error", "words"),
    [
        ("mysql-1", "down", SaltInvocationError, "admin is 'down'; expected one of ready, drain"),
        ("mysql-7", "ready", SaltInvocationError, "server is 'mysql/mysql-7'; expected .*mysql-2"),
        ("mysql-3", "ready", CommandExecutionError, "leaves mysql/mysql-3 drain: No such server"),
    ],
)
def test_what_cannot_be_told_a_server_is_an_error(told, server, admin, error, words):
    with pytest.raises(error, match=words):
        runtime.set_server("mysql", server, admin, SOCKET)


def test_a_haproxy_that_does_not_answer_is_an_error(answering, tmp_path):
    answer, _ = answering
    with pytest.raises(CommandExecutionError, match=r"timed out.*is it running"):
        runtime.servers(answer(None), timeout=0.1)
    with pytest.raises(CommandExecutionError, match="does not answer on"):
        runtime.stats(str(tmp_path / "nowhere.sock"))


@pytest.mark.parametrize(
    ("told", "ago"),
    [
        ("Uptime_sec: 100\nStart_time_sec: 1700000000\n", None),
        ("Uptime: 0d\nUptime_sec: 100\n", 100),
    ],
    ids=["a start", "an uptime alone"],
)
def test_a_process_tells_when_it_began_at_the_latest(answering, told, ago):
    answer, asked = answering
    before = time.time()
    found = runtime.started(answer(told))
    if ago is None:
        assert found == 1700000001
    else:
        assert before - ago <= found <= time.time() - ago
    assert asked == ["show info\n"]


def test_nobody_that_answers_has_not_begun(tmp_path):
    assert runtime.started(str(tmp_path / "nowhere.sock")) is None

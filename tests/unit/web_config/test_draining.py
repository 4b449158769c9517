"""A web server that is drained: who is refused, what is waited for, and what is left behind."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from web_config import draining

OTHERS = {"web": "192.0.2.1", "web3": "192.0.2.3"}


class Clock:
    """Goes on when somebody sleeps."""

    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def mark(monkeypatch, tmp_path):
    """A machine at rest, on which no time passes."""
    path = tmp_path / "web-server" / "drained"
    clock = Clock()
    monkeypatch.setattr(draining, "MARK", path)
    monkeypatch.setattr(draining, "open_now", lambda peers: 0)
    monkeypatch.setattr(draining, "time", clock)
    return path


def drain(reason="a new kernel", *, seconds=10, others=OTHERS, serving=("192.0.2.3",), test=False):
    return draining.drain(reason, seconds, others, ["192.0.2.9"], serving.__contains__, test)


def test_the_mark_has_the_reason_and_is_to_be_seen_by_apache(mark):
    assert draining.drained() == ""
    assert drain() == {"old": "", "new": "a new kernel", "busy": 0}
    assert draining.drained() == "a new kernel"
    assert mark.stat().st_mode & 0o777 == 0o644
    assert mark.parent.stat().st_mode & 0o777 == 0o755
    assert drain("another")["old"] == "a new kernel"
    assert draining.undrain(10, lambda: True) == {"old": "another", "new": ""}
    assert not mark.exists()
    assert draining.undrain(10, lambda: False) == {"old": "", "new": ""}


def test_a_test_run_changes_nothing(mark):
    assert drain(test=True) == {"old": "", "new": "a new kernel", "busy": 0}
    assert not mark.parent.exists()


@pytest.mark.parametrize("reason", ["", "  ", None, "a\nb", 3])
def test_a_drain_has_a_reason(mark, reason):
    with pytest.raises(SaltInvocationError, match="expected a few words"):
        drain(reason)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("others", "serving", "error"),
    [
        (OTHERS, (), r"its health page \(web, web3\): nobody would be served"),
        ({}, ("192.0.2.3",), r"\(there is no other one\)"),
    ],
)
def test_the_last_one_that_serves_is_not_drained(mark, others, serving, error):
    for test in (True, False):
        with pytest.raises(CommandExecutionError, match=error):
            drain(others=others, serving=serving, test=test)
    assert not mark.exists()


def test_requests_are_waited_for_and_those_that_last_longer_are_told(mark, monkeypatch):
    left = [3, 2, 1, 0]
    monkeypatch.setattr(draining, "open_now", lambda peers: left.pop(0))
    assert drain()["busy"] == 0
    assert left == []
    monkeypatch.setattr(draining, "open_now", lambda peers: 2)
    begin = draining.time.monotonic()
    assert drain(seconds=10)["busy"] == 2
    took = draining.time.monotonic() - begin
    assert draining.NOTICED + 10 <= took < draining.NOTICED + 11


def test_who_does_not_answer_after_a_drain_is_told_so_and_not_drained(mark):
    drain()
    with pytest.raises(CommandExecutionError, match="not answer its health page within 10 s"):
        draining.undrain(10, lambda: False)
    assert draining.drained() == ""


def test_one_that_has_booted_is_waited_for(mark):
    answers = iter([False, False, True])
    draining.await_health(10, lambda: next(answers))
    assert next(answers, None) is None
    with pytest.raises(CommandExecutionError, match="its health page within 10 s"):
        draining.await_health(10, lambda: False)


HEAD = "  sl  local_address rem_address   st tx_queue\n"
V6 = "00000000000000000000000000000000"


@pytest.mark.parametrize(
    ("row", "counted"),
    [
        # 192.0.2.1:80 from 192.0.2.9.
        ("0: 010200C0:0050 090200C0:A001 01 0", True),
        ("0: 010200C0:01BB 090200C0:A001 01 0", True),
        # Closed on this side, listening, another port, another peer.
        ("0: 010200C0:0050 090200C0:A001 06 0", False),
        ("0: 00000000:0050 00000000:0000 0A 0", False),
        ("0: 010200C0:0016 090200C0:A001 01 0", False),
        ("0: 010200C0:0050 080200C0:A001 01 0", False),
        # Apache listens on a socket of IPv6, which has IPv4's addresses in it.
        ("0: 0000000000000000FFFF0000010200C0:0050 0000000000000000FFFF0000090200C0:A 01 0", True),
        (f"0: {V6}:0050 B80D0120000000000000000009000000:A 01 0", False),
    ],
)
def test_connections_of_balancers_to_apache_are_counted(row, counted):
    assert draining.connections([HEAD + row + "\n"], ["192.0.2.9"]) == int(counted)


def test_a_peer_of_ipv6_is_known():
    row = "0: 0:0050 B80D0120000000000000000009000000:A 01 0\n"
    assert draining.connections([HEAD + row], ["2001:db8::9"]) == 1


@pytest.fixture
def server():
    """A web server that answers with a status, and notes the name that it is asked by."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            one.hosts.append((self.path, self.headers["Host"]))
            self.send_response(one.status)
            if one.status == 308:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *words):
            pass

    one = HTTPServer(("127.0.0.1", 0), Handler)
    one.status, one.hosts = 200, []
    threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
    yield one
    one.shutdown()
    one.server_close()


@pytest.mark.parametrize(
    ("status", "well"), [(200, True), (404, False), (308, False), (503, False)]
)
def test_only_a_good_answer_of_the_health_page_is_one(server, status, well, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.status = status
    address = f"127.0.0.1:{server.server_port}"
    assert draining.answers(address, "http", "/up", "app.example") is well
    assert server.hosts == [("/up", "app.example")]
    assert draining.answers(address, "https", "/up", "app.example") is False


def test_who_is_not_there_does_not_answer():
    assert draining.answers("127.0.0.1:1", "http", "/up", "app.example") is False

"""The health agent fails closed: what it does not know is a no."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from html.parser import HTMLParser
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from types import SimpleNamespace

import pytest
from group_replication import facts, maintenance
from group_replication.facts import serving
from prometheus_client.parser import text_string_to_metric_families
from salt.exceptions import CommandExecutionError

from tests.unit.programs import loaded

health = loaded("health")

GOOD = {
    "state": "ONLINE",
    "role": "PRIMARY",
    "quorum": True,
    "super_read_only": False,
    "offline_mode": False,
    "stopping": False,
    "queued": 3,
    "least_queued": 2,
    "host": "10.0.0.1",
    "members": [
        {"host": host, "port": 3306, "state": state, "role": "PRIMARY", "version": "9.7.4"}
        for host, state in (("10.0.0.1", "ONLINE"), ("10.0.0.2", "UNREACHABLE"))
    ],
}


FORK = {"origin": "2", "others": ["1"], "fenced": True, "why": "two groups with one name"}


# What must happen does, however little processor time there is.
PATIENCE = 60


def until(question) -> None:
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.005)


class Still(health.Watch):
    """What it saw stays as old as it is told, however long a test takes."""

    age = 0.0

    @property
    def _at(self) -> float:
        return time.monotonic() - self.age

    @_at.setter
    def _at(self, at: float) -> None:
        """It looks at nothing."""


def watching(seen: dict | None, age: float = 0.0, error: str = ""):
    watch = Still("/nonexistent", "nobody")
    watch.age = age
    if seen is not None:
        watch._seen, watch._error = seen, error
    return watch


@pytest.mark.parametrize(
    ("change", "writable", "readable"),
    [
        ({}, True, True),
        ({"role": "SECONDARY", "super_read_only": True}, False, True),
        ({"role": "SECONDARY"}, False, True),
        ({"super_read_only": True}, False, True),
        ({"offline_mode": True}, False, False),
        ({"stopping": True}, False, True),
        ({"quorum": False}, False, False),
        ({"state": "RECOVERING", "role": None}, False, False),
        ({"state": "OFFLINE", "role": None, "quorum": False}, False, False),
        ({"state": "ERROR", "role": None}, False, False),
    ],
)
def test_verdicts(change, writable, readable):
    answer = watching({**GOOD, **change}).answer()
    assert (answer["writable"], answer["readable"]) == (writable, readable)
    assert answer["reason"].startswith(change.get("state", "ONLINE"))


@pytest.mark.parametrize(
    ("change", "since", "code"),
    [
        ({"super_read_only": True}, 0.1, 404),
        ({"role": "SECONDARY", "super_read_only": True}, 1.9, 404),
        ({"role": "SECONDARY", "super_read_only": True}, 2.1, 503),
        # It was not writable since the agent is there.
        ({"role": "SECONDARY", "super_read_only": True}, None, 503),
        ({"stopping": True}, 0.1, 503),
        ({"quorum": False}, 0.1, 503),
        ({"offline_mode": True}, 0.1, 503),
        ({"state": "ERROR", "role": None, "super_read_only": True}, 0.1, 503),
        ({}, 0.1, 200),
    ],
)
def test_a_healthy_member_that_takes_no_writes_any_more_ends_what_it_is_at(
    change, since, code, monkeypatch
):
    now = time.monotonic()
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now))
    watch = watching({**GOOD, **change})
    if since is not None:
        watch._written_at = now - since
    answer = watch.answer()
    assert health.page("/writable", answer)[0] == code
    assert answer["handing_over"] is (code == 404)
    assert answer["writable"] is (code == 200)


def test_a_fenced_member_hands_nothing_over(monkeypatch, tmp_path):
    monkeypatch.setattr(maintenance, "FORK_FILE", tmp_path / "fork.json")
    maintenance.FORK_FILE.write_text(json.dumps(FORK))
    watch = watching({**GOOD, "super_read_only": True})
    watch._written_at = time.monotonic()
    assert health.page("/writable", watch.answer())[0] == 503


def test_a_full_disk_takes_no_writes_until_mysqld_has_looked_again(monkeypatch, tmp_path):
    watch = watching(GOOD)
    watch._look_for_room([str(tmp_path), "/nonexistent"])
    assert watch.answer()["writable"] is True
    monkeypatch.setattr(health, "FREE_BYTES", 2**63)
    watch._look_for_room([str(tmp_path)])
    answer = watch.answer()
    assert (answer["writable"], answer["readable"]) == (False, True)
    assert answer["reason"].endswith("disk full")
    monkeypatch.setattr(health, "FREE_BYTES", 0)
    watch._look_for_room([str(tmp_path)])
    assert watch.answer()["writable"] is False
    watch._full_at -= health.FULL_SECONDS
    assert watch.answer()["writable"] is True


def test_a_member_whose_group_agrees_on_nothing_takes_no_writes(monkeypatch):
    """And no longer than the connection that it was seen on."""
    watch, told = watching(GOOD), []

    class Watched:
        def look(self, connection, now):
            if told:
                raise CommandExecutionError("mysqld said: gone away")
            return True

    def between(*_):
        answer = watch.answer()
        told.append((answer["writable"], answer["readable"], answer["halted"], answer["reason"]))
        if len(told) > 1:
            raise SystemExit

    monkeypatch.setattr(health, "connect", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(health, "Watched", Watched)
    monkeypatch.setattr(health, "wait_for_next_look", between)
    monkeypatch.setattr(health.time, "sleep", between)
    with pytest.raises(SystemExit):
        watch.look_for_agreement()
    healthy = "ONLINE, with a majority, role PRIMARY"
    assert told == [
        (False, True, True, f"{healthy}, the group agrees on nothing"),
        (True, True, False, healthy),
    ]
    # Who is outside agrees on nothing by right.
    watch._halted, watch._seen = True, {**GOOD, "state": "RECOVERING"}
    assert watch.answer()["halted"] is False


@pytest.mark.parametrize(
    ("text", "serves"),
    [
        (None, True),
        (json.dumps(FORK), False),
        # The elder of the two goes on.
        (json.dumps({**FORK, "fenced": False}), True),
        ("{", False),
    ],
)
def test_a_member_of_the_younger_of_two_groups_serves_nobody(monkeypatch, tmp_path, text, serves):
    monkeypatch.setattr(maintenance, "FORK_FILE", tmp_path / "fork.json")
    if text:
        maintenance.FORK_FILE.write_text(text)
    answer = watching(GOOD).answer()
    assert (answer["writable"], answer["readable"]) == (serves, serves)
    assert answer["fenced"] is not serves
    assert ("fenced: " in answer["reason"]) is not serves
    assert health.page("/readable", answer)[0] == (200 if serves else 503)


def test_a_member_that_is_being_stopped_is_asked_nothing_else(monkeypatch):
    monkeypatch.setattr(facts, "is_stopping", lambda connection: True)
    monkeypatch.setattr(facts, "rows", None)
    answer = watching(serving(None, GOOD)).answer()
    assert (answer["writable"], answer["readable"]) == (False, True)
    assert answer["reason"].endswith("Group Replication is being stopped")


def test_a_stop_counts_that_the_look_under_way_does_not_see(monkeypatch):
    """And no longer than the connection that it was seen on."""
    watch = watching(GOOD)
    told = []

    def is_stopping(connection):
        if told:
            raise CommandExecutionError("mysqld said: gone away")
        return True

    def between(*_):
        told.append((watch.answer()["writable"], watch.answer()["reason"]))
        if len(told) > 1:
            raise SystemExit

    monkeypatch.setattr(health, "connect", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(health, "is_stopping", is_stopping)
    monkeypatch.setattr(health, "wait_for_next_look", between)
    monkeypatch.setattr(health.time, "sleep", between)
    with pytest.raises(SystemExit):
        watch.look_for_stops()
    assert told == [
        (False, "ONLINE, with a majority, role PRIMARY, Group Replication is being stopped"),
        (True, "ONLINE, with a majority, role PRIMARY"),
    ]


def test_who_handed_over_takes_nobody_new_until_that_is_seen(monkeypatch):
    """The flag goes when it has been done; what was seen before that is no longer so."""
    flag = ["leaving"]
    looks = iter([GOOD, {**GOOD, "role": "SECONDARY", "super_read_only": True}])
    told, known = [], []

    def serving(connection, before):
        known.append(before)
        try:
            return next(looks)
        except StopIteration:
            raise SystemExit from None

    def between(connection, seconds):
        flag[0] = ""
        answer = watch.answer()
        told.append(health.code_of(answer["writable"], answer["draining"]))

    monkeypatch.setattr(health, "connect", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(health, "places_written", lambda connection: [])
    monkeypatch.setattr(health, "serving", serving)
    monkeypatch.setattr(health, "not_for_new", lambda: flag[0])
    monkeypatch.setattr(health, "wait_for_next_look", between)
    watch = health.Watch("/nonexistent", "nobody")
    with pytest.raises(SystemExit):
        watch.run()
    assert told == [404, 503]
    # What is asked of a server whose group communication is being stopped is answered too late.
    assert known[:2] == [{}, GOOD]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"seen": None}, "not asked yet"),
        ({"seen": GOOD, "age": 1.5}, "last answered 1.5 s ago"),
        ({"seen": GOOD, "error": "cannot connect"}, "cannot connect"),
    ],
)
def test_what_is_not_known_is_a_no(known, reason):
    answer = watching(**known).answer()
    assert (answer["writable"], answer["readable"]) == (False, False)
    assert reason in answer["reason"]


def test_a_fault_of_the_watch_is_a_no_until_it_has_looked_again(monkeypatch):
    mended, over = threading.Event(), threading.Event()

    def serving(connection, before):
        if over.is_set():
            raise SystemExit
        if not mended.is_set():
            raise KeyError("a column")
        return GOOD

    monkeypatch.setattr(health, "connect", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(health, "places_written", lambda connection: [])
    monkeypatch.setattr(health, "serving", serving)
    monkeypatch.setattr(health, "INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(
        health, "wait_for_next_look", lambda connection, seconds: time.sleep(seconds)
    )
    watch = health.Watch("/nonexistent", "nobody")

    def run() -> None:
        with contextlib.suppress(SystemExit):
            watch.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert watch.asked.wait(PATIENCE)
    assert (watch.answer()["writable"], watch.answer()["reason"]) == (False, "KeyError('a column')")
    mended.set()
    until(lambda: watch.answer()["writable"])
    over.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_server_that_goes_ends_the_wait():
    mine, servers = socket.socketpair()
    with mine:
        begin = time.monotonic()
        threading.Timer(0.05, servers.close).start()
        health.wait_for_next_look(SimpleNamespace(_sock=mine), 600)
        assert 0.04 < time.monotonic() - begin < 100


@contextlib.contextmanager
def served(clients):
    """A context with the agent's pages, really served; returns a function of path."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = health.Server(listening, health.Clients(clients))
    # It looks so often whether it is to end.
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def get(path: str, watch=None, source: str = "127.0.0.1", accept="*/*") -> tuple[int, str]:
        health.Handler.watch = watch or watching(GOOD)
        connection = HTTPConnection(
            "127.0.0.1", get.port, timeout=PATIENCE, source_address=(source, 0)
        )
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Accept": accept})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    get.port = listening.getsockname()[1]
    get.server = server
    yield get
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(tmp_path):
    """The agent's pages, really served; returns a function of path to (code, text)."""
    clients = tmp_path / "clients"
    clients.write_text("127.0.0.1\n")
    with served(clients) as get:
        yield get


SECONDARY = {**GOOD, "role": "SECONDARY", "super_read_only": True}


def test_pages(ask):
    assert ask("/writable") == (200, "ONLINE, with a majority, role PRIMARY\n")
    assert ask("/readable")[0] == 200
    assert ask("/writable", watching(SECONDARY))[0] == 503
    assert ask("/readable", watching(SECONDARY))[0] == 200
    code, text = ask("/", watching(GOOD, error="cannot connect"))
    assert (code, json.loads(text)["reason"]) == (200, "cannot connect")
    assert ask("/anything") == (
        404,
        "no such page; try /writable, /readable, /live, /metrics or /\n",
    )


def test_what_was_seen_is_said_with_its_age(ask):
    seen = json.loads(ask("/", watching(GOOD, age=0.5))[1])
    assert (seen["name"], seen["host"]) == (socket.gethostname(), "10.0.0.1")
    assert seen["members"] == GOOD["members"]
    assert 0.5 <= seen["age"] < 1
    # What was seen before mysqld went away is not said of it now.
    seen = json.loads(ask("/", watching(GOOD, error="cannot connect"))[1])
    assert (seen["host"], seen["members"]) == ("", [])


@pytest.mark.parametrize(
    ("accept", "person"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", True),
        ("Text/HTML; charset=utf-8; q=0.5, application/json; q=0.4", True),
        ("text/*, */*;q=0.1", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("application/json, text/html", False),
        ("application/json, text/plain, */*", False),
        ("text/html;q=0.2, */*", False),
        ("text/html;q=0", False),
        ("text/html;q=much", False),
        (",;,q=1", False),
    ],
)
def test_a_browser_gets_a_page_and_a_program_json(ask, accept, person):
    code, text = ask("/", accept=accept)
    assert code == 200
    assert text.startswith("<!DOCTYPE html>") is person
    assert person or json.loads(text)["state"] == "ONLINE"
    assert ask("/writable", accept=accept) == (200, "ONLINE, with a majority, role PRIMARY\n")


class Reader(HTMLParser):
    """What a browser shows of a page: its rows, its text, and all that it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.text, self.tags = "", set()
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not {"src", "href"} & dict(attributes).keys()
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag):
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data):
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data


def read(watch) -> Reader:
    return Reader(health.page("/", watch.answer(), "text/html")[2])


def test_a_person_reads_state_verdicts_and_the_group():
    seen = read(watching(GOOD, age=0.3))
    assert f"{socket.gethostname()} ONLINE" in seen.text
    assert "ONLINE, with a majority, role PRIMARY" in seen.text
    assert seen.rows == [
        ["writable", "yes"],
        ["readable", "yes"],
        ["mysqld answers", "yes"],
        ["role", "PRIMARY"],
        ["to be applied", "3 transactions"],
        ["last look", "0.3 s ago"],
        ["10.0.0.1:3306", "this one", "ONLINE", "PRIMARY", "9.7.4"],
        ["10.0.0.2:3306", "", "UNREACHABLE", "PRIMARY", "9.7.4"],
    ]
    seen = read(watching(GOOD, error="cannot connect"))
    assert "UNKNOWN" in seen.text
    assert "cannot connect" in seen.text
    assert seen.rows[:3] == [["writable", "no"], ["readable", "no"], ["mysqld answers", "no"]]
    assert [row[0] for row in seen.rows[3:]] == ["last look"]


def test_nothing_that_is_seen_becomes_markup(monkeypatch):
    evil = "<script src=//evil>&\"'</td>"
    monkeypatch.setattr(health, "not_for_new", lambda: f"drained: {evil}")
    monkeypatch.setattr(socket, "gethostname", lambda: evil)
    members = [dict.fromkeys(("host", "port", "state", "role", "version"), evil)]
    seen = {**GOOD, "host": evil, "role": evil, "members": members}
    for watch in (watching(seen), watching(seen, error=evil)):
        found = read(watch)
        assert evil in found.text
        assert "script" not in found.tags
    assert read(watching(GOOD)).rows[:2] == [["writable", "nobody new"], ["readable", "nobody new"]]


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("lag=3", 200, "ONLINE"),
        ("lag=2", 503, "3 transactions behind"),
        ("lag=0", 503, "3 transactions behind"),
        ("lag=", 400, "lag is ''; expected a number of transactions"),
        ("lag=-1", 400, "lag is '-1'"),
        ("lag=5&lag=2", 503, "behind"),
        ("other=1", 200, "ONLINE"),
        # Nobody new, where another member has no more to apply than that.
        ("behind=3", 200, "ONLINE"),
        ("behind=2", 404, "3 transactions behind, another member 2"),
        # All are behind.
        ("behind=1", 200, "3 transactions behind"),
        ("behind=2&lag=2", 503, "3 transactions behind"),
        ("behind=", 400, "behind is ''; expected a number of transactions"),
    ],
)
def test_a_reader_may_say_how_far_behind_is_too_far(ask, query, code, words):
    seen = ask(f"/readable?{query}", watching(SECONDARY))
    assert (seen[0], words in seen[1]) == (code, True)
    assert [ask(f"/writable?{key}=9")[0] for key in ("lag", "behind")] == [400, 400]


def test_a_server_that_answers_is_live_whatever_its_member_is(ask):
    outside = {**GOOD, "state": "OFFLINE", "role": None, "quorum": False}
    assert ask("/live", watching(outside))[0] == 200
    assert ask("/live", watching(GOOD, age=1.5))[0] == 503
    assert ask("/live", watching(GOOD, error="cannot connect")) == (503, "cannot connect\n")


FLAGS = ("live", "writable", "readable", "draining", "quorum", "fenced", "disk_full", "halted")


def test_prometheus_reads_what_was_seen(ask, monkeypatch):
    def read(**watched) -> dict[str, float]:
        code, text = ask("/metrics", watching(**watched))
        assert code == 200
        return {
            sample.name + "".join(sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    monkeypatch.setattr(health, "numbers", lambda: {})
    seen = read(seen=SECONDARY)
    assert (seen["mysql_gr_writable"], seen["mysql_gr_readable"]) == (0, 1)
    assert (seen["mysql_gr_live"], seen["mysql_gr_quorum"]) == (1, 1)
    assert (seen["mysql_gr_applier_queue"], seen["mysql_gr_draining"]) == (3, 0)
    assert (seen["mysql_gr_fenced"], seen["mysql_gr_disk_full"]) == (0, 0)
    assert seen["mysql_gr_memberONLINESECONDARY"] == 1
    # Each that is 0 or 1 stands in the page for operators, and each there is served.
    page = Path(__file__).resolve().parents[2].joinpath("docs/mysql_gr.md").read_text()
    (line,) = [one for one in page.splitlines() if one.startswith("| `mysql_gr_live`, `_")]
    told = {one.removeprefix("mysql_gr").lstrip("_") for one in line.split("`")[1::2]}
    assert told == {*FLAGS}
    assert {seen[f"mysql_gr_{name}"] for name in FLAGS} <= {0, 1}
    seen = read(seen=GOOD, error="cannot connect")
    assert (seen["mysql_gr_writable"], seen["mysql_gr_live"]) == (0, 0)
    assert seen["mysql_gr_memberUNKNOWN"] == 1
    assert "mysql_gr_differences" not in seen
    monkeypatch.setattr(health, "HAS_PROMETHEUS", False)
    assert ask("/metrics")[0] == 501
    assert ask("/writable")[0] == 200


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({}, {}),
        (
            {"differences": 2.0, "timestamp": 1795867401.0, "success": 1.0},
            {
                "mysql_gr_differences": 2,
                "mysql_gr_comparison_timestamp_seconds": 1795867401,
                "mysql_gr_comparison_success": 1,
            },
        ),
        # The first comparison of all failed.
        ({"success": 0.0}, {"mysql_gr_comparison_success": 0}),
    ],
)
def test_prometheus_reads_what_a_comparison_has_found(ask, monkeypatch, numbers, expected):
    """Also of a member that does not answer: nobody is asked for it."""
    monkeypatch.setattr(health, "numbers", lambda: numbers)
    code, text = ask("/metrics", watching(GOOD, error="cannot connect"))
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "compar" in sample.name or "differ" in sample.name
    }
    assert (code, found) == (200, expected)


@pytest.mark.parametrize("ends", [0.0, 1798471801.0])
def test_prometheus_reads_until_when_a_certificate_is_good(ask, monkeypatch, ends):
    monkeypatch.setattr(health, "ends_in_file", lambda: ends)
    text = ask("/metrics")[1]
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "mysql_gr_certificate_not_after_timestamp_seconds"
    ]
    # One that is not there has no end.
    assert found == ([ends] if ends else [])


def test_nobody_else_is_answered(ask):
    assert ask("/live")[0] == 200
    for path in ("/", "/writable", "/metrics"):
        with pytest.raises((RemoteDisconnected, ConnectionError)):
            ask(path, source="127.0.0.2")


def test_a_client_that_is_added_is_answered_without_a_restart(ask, tmp_path):
    clients = tmp_path / "clients"
    for text in ("127.0.0.1\n127.0.0.2\n", "127.0.0.0/30\n"):
        clients.write_text(text)
        assert ask("/writable", source="127.0.0.2")[0] == 200
    # What nobody can read, or that is no list of addresses, leaves it as it was.
    clients.write_text("nonsense\n")
    assert ask("/writable", source="127.0.0.2")[0] == 200
    clients.unlink()
    assert ask("/writable", source="127.0.0.2")[0] == 200


def test_a_stranger_gets_no_thread(ask, monkeypatch):
    monkeypatch.setattr(ask.server, "process_request", None)
    with socket.create_connection(("127.0.0.1", ask.port), source_address=("127.0.0.2", 0)) as it:
        it.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            assert it.recv(1) == b""


def test_of_many_strangers_not_all_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "KNOWN_MAX", 3)
    (tmp_path / "clients").write_text("10.0.0.0/30\n")
    clients = health.Clients(tmp_path / "clients")
    assert [f"10.0.0.{n}" in clients for n in range(8)] == [True] * 4 + [False] * 4
    assert len(clients._known) <= 3


def test_a_client_that_hangs_crowds_out_nobody_else(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(health, "OPEN_MAX", 3)
    monkeypatch.setattr(health.Handler, "timeout", PATIENCE)
    (tmp_path / "clients").write_text("127.0.0.0/30\n")
    source = ("127.0.0.2", 0)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            it = socket.create_connection(("127.0.0.1", ask.port), source_address=source)
            stack.enter_context(it)
        until(lambda: ask.server._open["127.0.0.2"] == 3)
        with pytest.raises((RemoteDisconnected, ConnectionError)):
            ask("/live", source="127.0.0.2")
        assert ask("/live")[0] == 200
    until(lambda: not ask.server._open)
    assert ask("/live", source="127.0.0.2")[0] == 200
    until(lambda: not ask.server._open)


def test_whoever_is_being_answered_gets_the_answer_from_an_agent_that_ends(ask, monkeypatch):
    monkeypatch.setattr(health.Handler, "timeout", PATIENCE)
    with socket.create_connection(("127.0.0.1", ask.port), timeout=PATIENCE) as client:
        client.sendall(b"GET /live HTTP/1.1\r\nHos")
        # It is accepted: a later one is answered.
        ask("/live")
        ask.server.shutdown()
        ending = threading.Thread(target=ask.server.finish, daemon=True)
        ending.start()
        assert ending.is_alive()
        client.sendall(b"t: a\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        ending.join(PATIENCE)
        assert not ending.is_alive()


def test_a_client_that_hangs_up_is_no_news_and_a_fault_is(ask, capfd):
    with socket.create_connection(("127.0.0.1", ask.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHos")
        until(lambda: ask.server._open)
        # A reset instead of an end.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: not ask.server._open)
    assert ask("/live")[0] == 200
    assert capfd.readouterr().err == ""

    def broken():
        raise RuntimeError("a fault")

    with pytest.raises((RemoteDisconnected, ConnectionError)):
        ask("/live", SimpleNamespace(answer=broken))
    until(lambda: not ask.server._open)
    assert "a fault" in capfd.readouterr().err


@pytest.mark.parametrize("why", ["leaving", "drained: a new kernel"])
def test_a_member_that_is_leaving_or_drained_takes_nobody_new(ask, monkeypatch, why):
    """404 where it was 200; what was a no stays one, so that its sessions are closed."""
    monkeypatch.setattr(health, "not_for_new", lambda: why)
    assert ask("/writable") == (404, f"ONLINE, with a majority, role PRIMARY, {why}\n")
    assert ask("/readable")[0] == 404
    secondary = watching(SECONDARY)
    assert (ask("/writable", secondary)[0], ask("/readable", secondary)[0]) == (503, 404)
    assert ask("/readable?lag=2", secondary)[0] == 503
    assert ask("/readable", watching({**GOOD, "state": "OFFLINE", "quorum": False}))[0] == 503
    assert ask("/readable", watching(GOOD, error="cannot connect"))[0] == 503
    assert ask("/live")[0] == 200
    assert json.loads(ask("/")[1])["draining"] == why

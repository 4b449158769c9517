"""A server is verified before anybody says who he is."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from pathlib import Path

import pymysql
import pytest
from group_replication import connection, tls
from group_replication.certificates import showing_issued
from group_replication.connection import UnreachableError, connect
from salt.exceptions import CommandExecutionError

from tests.unit.group_replication.test_certificates import make_certificate

GREETING = b"\x0a9.7.4\x00" + struct.pack("<I", 7) + b"abcdefgh\x00" + struct.pack("<H", 0xFFFF)
GREETING += b"\xff" + struct.pack("<HH", 2, 0xCFFF) + b"\x15" + bytes(10) + b"ijklmnopqrst\x00"
GREETING += b"caching_sha2_password\x00"

# What must happen does, however little processor time there is.
PATIENCE = 60


class Server:
    """A server of MySQL as far as the end of the handshake, which keeps what it is told then."""

    def __init__(self, folder: Path, name: str, greeting: bytes = GREETING) -> None:
        self.told = b""
        # What came before TLS was spoken.
        self.asked = b""
        self._greeting = greeting
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        plain, _ = self._listening.accept()
        plain.settimeout(PATIENCE)
        try:
            plain.sendall(len(self._greeting).to_bytes(3, "little") + b"\x00" + self._greeting)
            self.asked = plain.recv(36)
            if len(self.asked) < 36:
                return
            with self._context.wrap_socket(plain, server_side=True) as secured:
                self.told = secured.recv(1000)
        except OSError:
            pass
        finally:
            plain.close()

    def end(self) -> bytes:
        self._thread.join(PATIENCE)
        self._listening.close()
        return self.told


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    for name in ("ca", "other"):
        make_certificate(made, name)
    make_certificate(made, "good", "ca", san="127.0.0.1")
    make_certificate(made, "elsewhere", "ca", san="10.0.0.9")
    make_certificate(made, "evil", "other", san="127.0.0.1")
    make_certificate(made, "old", "ca", san="127.0.0.1", days=-1)
    return made


@pytest.mark.parametrize(
    ("shows", "why"),
    [
        ("elsewhere", "IP address mismatch"),
        ("evil", "unable to get local issuer certificate"),
    ],
)
def test_a_server_that_cannot_be_verified_is_told_no_account(shows, why, folder):
    server = Server(folder, shows)
    with (
        pytest.raises(UnreachableError, match=why),
        connect(
            connect_seconds=PATIENCE,
            host="127.0.0.1",
            port=server.port,
            user="mysql_gr_admin",
            password="an-admin-password",
            ssl=connection.tls(str(folder / "ca.pem")),
        ),
    ):
        pytest.fail("connected")
    assert server.end() == b""


@pytest.mark.parametrize(("shows", "ca"), [("good", "ca.pem"), ("evil", "")])
def test_one_that_is_verified_or_need_not_be_is_told_who_logs_in(shows, ca, folder):
    server = Server(folder, shows)
    with (
        pytest.raises((UnreachableError, pymysql.Error)),
        connect(
            connect_seconds=PATIENCE,
            host="127.0.0.1",
            port=server.port,
            user="mysql_gr_admin",
            password="an-admin-password",
            ssl=connection.tls(str(folder / ca) if ca else ""),
        ),
    ):
        pytest.fail("it says nothing more")
    assert b"mysql_gr_admin" in server.end()


@pytest.mark.parametrize(
    ("shows", "why"),
    [("good", ""), ("elsewhere", "IP address mismatch"), ("evil", "unable to get local issuer")],
)
def test_who_cannot_be_verified_is_named(shows, why, folder):
    server = Server(folder, shows)
    found = tls.not_verified({"db2": "127.0.0.1"}, server.port, str(folder / "ca.pem"))
    assert set(found) == ({"db2"} if why else set())
    assert why in found.get("db2", "")
    assert server.end() == b""


@pytest.mark.parametrize(
    ("shows", "found"),
    # One that is too old, or names another address, is the authority's all the same.
    [("good", ["db2"]), ("elsewhere", ["db2"]), ("old", ["db2"]), ("evil", [])],
)
def test_who_shows_a_certificate_of_the_authority_is_named(shows, found, folder):
    server = Server(folder, shows)
    peers = {"db1": "127.0.0.9", "db2": "127.0.0.1"}
    assert showing_issued(peers, server.port, str(folder / "ca.pem")) == found
    assert server.end() == b""


def test_what_is_shown_is_the_file_s(folder):
    server = Server(folder, "good")
    text = (folder / "good.pem").read_text()
    assert tls.shown("127.0.0.1", server.port, seconds=PATIENCE) == ssl.PEM_cert_to_DER_cert(text)
    server.end()


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        (b"\xff\x10\x04Too many connections", "Too many connections"),
        (GREETING.replace(b"\xff\xff", b"\x00\x00", 1), "speaks no TLS"),
        (b"HTTP", "greets as no server"),
    ],
)
def test_a_server_that_is_no_such_is_away(greeting, why, folder):
    server = Server(folder, "good", greeting)
    with pytest.raises(OSError, match=why):
        tls.shown("127.0.0.1", server.port, seconds=PATIENCE)
    server.end()
    assert tls.not_verified({"db2": "127.0.0.1"}, server.port, str(folder / "ca.pem")) == {}


@pytest.mark.parametrize("verified", [True, False])
def test_no_password_is_told_to_a_server_without_tls(verified, folder):
    """Whoever is on the way to a server can have it offer none."""
    server = Server(folder, "good", GREETING.replace(b"\xff\xff", b"\x00\x00", 1))
    ssl = connection.tls(str(folder / "ca.pem") if verified else "")
    where = {"host": "127.0.0.1", "port": server.port, "user": "somebody", "password": "secret"}
    with (
        pytest.raises(connection.UnreachableError, match="SSL"),
        connection.connect(PATIENCE, PATIENCE, **where, ssl=ssl),
    ):
        pass
    server.end()
    assert server.asked == b""


def test_a_library_that_would_tell_it_is_refused(monkeypatch):
    monkeypatch.setattr(pymysql, "VERSION", (1, 1, 3, "final"))
    with (
        pytest.raises(CommandExecutionError, match=r"has PyMySQL 1\.1\.3.*expected 1\.2 or newer"),
        connection.connect(host="127.0.0.1", port=1, ssl=connection.tls()),
    ):
        pass


def test_an_authority_that_is_not_there_is_a_sentence(tmp_path):
    for ask in (tls.context, connection.tls):
        with pytest.raises(CommandExecutionError, match="by which servers are verified"):
            ask(str(tmp_path / "ca.pem"))


def test_dates_are_the_server_s_own():
    rows = [
        {"CHANNEL": "mysql_main", "VALUE": "Dec 28 15:30:01 2026 GMT"},
        {"CHANNEL": "mysql_admin", "VALUE": ""},
    ]
    assert tls.expires_of(rows) == {"mysql_main": 1798471801.0}


def test_each_channel_is_reloaded():
    told: list[str] = []
    tls.reload(told.append)
    assert told == [
        "ALTER INSTANCE RELOAD TLS",
        "ALTER INSTANCE RELOAD TLS FOR CHANNEL mysql_admin",
    ]

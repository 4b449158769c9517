"""Certificate and key fit, and what the server shows is what the file has."""

from __future__ import annotations

import datetime
import re
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import suppress

import pytest
from salt.exceptions import CommandExecutionError
from web_config import certificate


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two pairs of a certificate and its key, and a key that asks for a passphrase."""
    root = tmp_path_factory.mktemp("pairs")
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    for name, protect in (("a", ["-nodes"]), ("b", ["-nodes"]), ("c", ["-passout", "pass:x"])):
        subprocess.run(
            [
                *("openssl", "req", "-x509", *ec, *protect, "-subj", f"/CN={name}", "-days", "2"),
                *("-keyout", root / f"{name}.key", "-out", root / f"{name}.pem"),
            ],
            check=True,
            capture_output=True,
        )
    return root


@pytest.fixture
def server(pairs, tmp_path):
    """A TLS server with a pair of its own, which it reads anew when it is reloaded."""
    for end in ("pem", "key"):
        shutil.copy(pairs / f"a.{end}", tmp_path / f"own.{end}")
    pem, key = str(tmp_path / "own.pem"), str(tmp_path / "own.key")
    listener = socket.create_server(("127.0.0.1", 0))
    state = {}

    def reload():
        state["context"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        state["context"].load_cert_chain(pem, key)
        return True

    def serve():
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            # A client that has gone meanwhile is not the end.
            with plain, suppress(OSError):
                state["context"].wrap_socket(plain, server_side=True).close()

    reload()
    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    yield pem, listener.getsockname()[1], reload
    listener.shutdown(socket.SHUT_RDWR)
    serving.join(60)
    listener.close()


def test_a_pair_that_fits_is_good(pairs):
    certificate.check_pair(str(pairs / "a.pem"), str(pairs / "a.key"))


@pytest.mark.parametrize(
    ("days", "words"),
    [
        # It was made for two days.
        (-20, ""),
        (-11, "in 12 days; expected what renews it to have run"),
        (0, "in a day;"),
        (3, "has ended on .* UTC: clients refuse it"),
    ],
)
def test_a_certificate_that_ends_soon_is_told(pairs, days, words):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    told = certificate.end_warning(str(pairs / "a.pem"), now)
    assert re.search(words, told)
    assert bool(told) is bool(words)


@pytest.mark.parametrize(
    ("pem", "key", "words"),
    [
        ("a.pem", "b.key", "a.pem and .*b.key are no certificate with its key: .*MISMATCH"),
        ("c.pem", "c.key", "the key has a passphrase"),
        ("a.key", "a.key", "are no certificate with its key"),
        ("none.pem", "a.key", "none.pem is not there"),
    ],
)
def test_a_pair_that_apache_would_not_start_with_is_refused(pairs, pem, key, words):
    with pytest.raises(CommandExecutionError, match=words):
        certificate.check_pair(str(pairs / pem), str(pairs / key))


def test_a_renewed_certificate_is_taken_once(server, pairs):
    pem, port, reload = server
    assert not certificate.is_old(pem, "web", port)
    for end in ("pem", "key"):
        shutil.copy(pairs / f"b.{end}", pem.replace("pem", end))
    assert certificate.is_old(pem, "web", port)
    certificate.take(pem, "web", port, reload)
    assert not certificate.is_old(pem, "web", port)


def test_a_reload_that_changes_nothing_is_an_error(server, pairs, monkeypatch):
    pem, port, _ = server
    monkeypatch.setattr(certificate, "RELOAD_TIMEOUT", 0.2)
    shutil.copy(pairs / "b.pem", pem)
    with pytest.raises(CommandExecutionError, match="does not show"):
        certificate.take(pem, "web", port, lambda: True)
    with pytest.raises(CommandExecutionError, match="did not reload"):
        certificate.take(pem, "web", port, lambda: False)


def test_nobody_that_answers_has_nothing_old(pairs):
    # Bound, so that nobody else has the port meanwhile, and not listened on.
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert not certificate.is_old(str(pairs / "a.pem"), "web", port)

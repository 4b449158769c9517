"""Secrets with any character reach a real HAProxy as they are, wherever a directive has them."""

from __future__ import annotations

import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse

import pytest
from haproxy_config.sections import configuration

from tests.integration.test_web_section import free_ports

# Each of them means something to HAProxy somewhere: a format, a quote, a comment, a variable.
SECRET = "a%b %[src] \"c\" 'd' \\e #f ${HOME} {g}"
# A path, and what is answered there; the secret is the header X-Tok or the body.
ANSWERS = {
    "/header": "return status 200 hdr X-Tok ${pillar:tok}",
    "/text": "return status 200 content-type text/plain string ${pillar:tok}",
    "/format": "return status 200 content-type text/plain lf-string ${pillar:tok}",
    "/variable": "return status 200 hdr X-Tok %[var(txn.tok)]",
    "/request": "return status 200 hdr X-Tok %[req.hdr(X-Asked)]",
}


@pytest.fixture(scope="module")
def port(haproxy: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a HAProxy that tells the secret."""
    (one,) = free_ports(1)
    sections = {
        "defaults": ["mode http", "timeout client 5s", "timeout server 5s", "timeout connect 5s"],
        "userlist known": ["user admin insecure-password ${pillar:tok}"],
        "frontend told": [
            f"bind 127.0.0.1:{one}",
            "http-request set-header X-Asked ${pillar:tok}",
            "http-request set-var-fmt(txn.tok) ${pillar:tok}",
            *(f"http-request {what} if {{ path {path} }}" for path, what in ANSWERS.items()),
            "http-request auth unless { http_auth(known) }",
            "http-request return status 200",
        ],
    }
    file = tmp_path_factory.mktemp("haproxy") / "haproxy.cfg"
    file.write_text(configuration(sections, {}, {"tok": SECRET}.get).text)
    with subprocess.Popen([haproxy, "-db", "-f", str(file)]) as process:
        try:
            _await(one, process)
            yield one
        finally:
            process.kill()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            asked(port, "/text")
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def asked(port: int, path: str, **headers: str) -> tuple[HTTPResponse, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read().decode()


@pytest.mark.parametrize("path", ANSWERS)
def test_a_secret_is_answered_as_it_is(port, path):
    answer, text = asked(port, path)
    assert answer.status == 200
    assert (text or answer.getheader("X-Tok")) == SECRET


@pytest.mark.parametrize(("password", "status"), [(SECRET, 200), ("a%%b", 401)])
def test_a_password_is_the_one_that_is_asked_for(port, password, status):
    basic = b64encode(f"admin:{password}".encode()).decode()
    answer, _ = asked(port, "/", Authorization=f"Basic {basic}")
    assert answer.status == status

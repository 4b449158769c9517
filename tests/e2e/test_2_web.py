"""What the web server takes from clients, and what it refuses before it is in its configuration."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from tests.support.lab import Lab

pytestmark = pytest.mark.restores


@pytest.fixture(scope="module")
def site(lab: Lab) -> str:
    return f"http://{lab.address[lab.web]}"


def chunks(size: int) -> Iterator[bytes]:
    """An article as a body in chunks, its text of so many bytes."""
    yield b'{"article": {"title": "in chunks", "description": "x", "body": "'
    for _ in range(size // 1000):
        yield b"y" * 1000
    yield b'"}}'


@pytest.mark.parametrize("size", [1_000, 20_000, 60_000])
def test_a_body_in_chunks_arrives_whole(lab: Lab, site: str, size: int):
    headers = {"Authorization": f"Token {lab.log_in()}", "Content-Type": "application/json"}
    made = requests.post(f"{site}/api/articles", data=chunks(size), headers=headers, timeout=20)
    assert made.status_code == 201, made.text
    assert len(made.json()["article"]["body"]) == size


def test_a_body_that_is_too_long_is_refused(site: str):
    answer = requests.post(f"{site}/api/users", data=b"x" * 1_100_000, timeout=20)
    assert answer.status_code == 413


def test_clients_that_send_slowly_keep_nobody_waiting(lab: Lab, site: str):
    with ExitStack() as stack:
        for _ in range(60):
            one = stack.enter_context(socket.create_connection((lab.address[lab.web], 80), 10))
            one.sendall(b"POST /api/users HTTP/1.1\r\nHost: web\r\nContent-Length: 5000\r\n\r\n{")
        time.sleep(0.5)
        begin = time.monotonic()
        assert requests.get(f"{site}/up", timeout=20).status_code == 200
        assert time.monotonic() - begin < 3


@pytest.mark.parametrize(
    ("path", "status"),
    [("/.env", 403), ("/.well-known/.env", 403), ("/.well-known/security.txt", 404)],
)
def test_only_the_well_known_of_what_begins_with_a_dot_is_asked_for(site: str, path, status):
    assert requests.get(f"{site}{path}", timeout=20).status_code == status

"""What the web server takes from clients, and what it refuses before it is in its configuration."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.e2e.conftest import long_only
from tests.support.application import health, ports
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


@long_only
def test_other_settings_serve_at_once_where_php_looks_at_no_file_twice(lab: Lab):
    pillar = json.dumps({"php": {"ini": {"opcache.validate_timestamps": 0}}})
    try:
        assert lab.apply([lab.web], f"php pillar='{pillar}'")
        for port, some in (("3307", 1), ("3306", len(lab.databases)), ("3307", 1)):
            with ports(lab, port, port):
                writers = {one["database"]["write"]["host"] for one in health(lab, 9)}
            assert len(writers) == some, port
    finally:
        lab.apply([lab.web], "php")


def test_a_body_that_is_too_long_is_refused(site: str):
    answer = requests.post(f"{site}/api/users", data=b"x" * 1_100_000, timeout=20)
    assert answer.status_code == 413


def test_a_body_in_chunks_that_is_too_long_is_refused(site: str):
    """It says no length before, so PHP finds out."""
    headers = {"Content-Type": "application/json"}
    answer = requests.post(
        f"{site}/api/articles", data=chunks(1_200_000), headers=headers, timeout=20
    )
    assert answer.status_code == 413, answer.text


@pytest.mark.parametrize(
    ("sls", "state", "wrong", "said"),
    [
        (
            "apache.config",
            "apache-config-hardening-managed",
            {"apache": {"limit_request_body": "1\nNonsense On"}},
            "Invalid command 'Nonsense'",
        ),
        (
            "php.config",
            "php-config-pool-managed",
            {"fpm": {"max_children": "many"}},
            "is not a valid number",
        ),
    ],
)
def test_what_apache_or_php_fpm_refuses_stays_nowhere(
    lab: Lab, site: str, sls: str, state: str, wrong: dict[str, dict[str, str]], said: str
):
    """The state as the formula has it, with a value that its checks would not let through."""
    chunks: list[dict[str, Any]] = lab.salt(lab.web, f"state.show_low_sls {sls}")[lab.web]
    (low,) = [one for one in chunks if one["__id__"] == state]
    for key, values in wrong.items():
        low["context"][key] |= values
    for key in ("require", "watch", "order"):
        low.pop(key, None)
    before = lab.run(lab.web, f"sha256sum {low['name']}")
    for test in (True, False):
        answer = lab.salt(lab.web, f"state.low data='{json.dumps(low)}' test={test}")[lab.web]
        assert (answer["result"], answer["changes"]) == (False, {}), answer
        assert said in answer["comment"]
    assert lab.run(lab.web, f"sha256sum {low['name']}") == before
    assert requests.get(f"{site}/up", timeout=20).status_code == 200


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

"""The web server answers by TLS when the pillar says so, and by HTTP again when it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from tests.support.lab import APPLICATION, Lab

pytestmark = pytest.mark.restores

TLS = {"apache": {"tls": {"self_signed": True}}}


@pytest.fixture
def encrypted(lab: Lab) -> Iterator[str]:
    """The base of what the web server answers by TLS; as before at the end."""

    def apply(pillar: dict) -> None:
        call = f"state.apply apache,laravel pillar='{json.dumps(pillar)}'"
        for state in lab.salt(lab.web, call)[lab.web].values():
            assert state["result"] is True, state

    apply(TLS)
    try:
        yield f"https://{lab.address[lab.web]}"
    finally:
        apply({})
        lab.run(
            lab.web,
            "rm -f /etc/ssl/certs/apache-self-signed.pem /etc/ssl/private/apache-self-signed.key",
        )
        # Nothing is left of it, and port 443 answers nobody.
        assert "ssl" not in lab.run(lab.web, "ls /etc/apache2/mods-enabled")
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"http://{lab.address[lab.web]}:443/", timeout=20)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_the_web_server_answers_by_tls(lab: Lab, encrypted: str):
    answer = requests.get(f"{encrypted}/api/tags?x=1", timeout=20, verify=False)
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{encrypted}/api/tags", timeout=20)
    led = lab.api("POST", "/api/users/login?x=1", json={}, allow_redirects=False)
    assert (led.status_code, led.headers["Location"]) == (308, f"{encrypted}/api/users/login?x=1")
    key = "stat -c '%a %U' /etc/ssl/private/apache-self-signed.key"
    assert lab.run(lab.web, key).split() == ["600", "root"]
    assert f"APP_URL={encrypted}" in lab.run(lab.web, f"cat {APPLICATION}/shared/.env")

"""Apache's pillar: what it says is taken as it is, or refused; nothing becomes a directive."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from salt.exceptions import SaltInvocationError
from web_config.apache import header_value, settings

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "salt/apache/defaults.yaml").read_text())["apache"]
NEEDED = DEFAULTS["modules"]
TLS = {"certificate": "/etc/ssl/a.pem", "key": "/etc/ssl/a.key", "self_signed": False}


def merged(**chosen):
    return settings({**DEFAULTS, **chosen}, NEEDED, "web.example.com")


def test_the_defaults_are_good():
    found = merged()
    assert found["server_name"] == "web.example.com"
    assert found["scheme"] == "http"
    assert found["headers"]["X-Frame-Options"] == '"DENY"'


@pytest.mark.parametrize(
    ("chosen", "tls", "expected"),
    [
        (NEEDED, {}, NEEDED),
        (["http2"], {}, [*NEEDED, "http2"]),
        (["http2", "headers"], {}, [*NEEDED, "http2"]),
        (["http2"], TLS, [*NEEDED, "http2", "ssl"]),
        (["ssl"], TLS, [*NEEDED, "ssl"]),
        ([], {**TLS, "self_signed": True}, [*NEEDED, "ssl"]),
    ],
)
def test_modules_of_the_pillar_are_added_and_its_list_stays_as_it_is(chosen, tls, expected):
    given = list(chosen)
    found = merged(modules=given, tls={**DEFAULTS["tls"], **tls})
    assert found["modules"] == expected
    assert given == chosen
    assert found["scheme"] == ("https" if tls else "http")


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("DENY", '"DENY"'),
        (
            'geolocation=(self "https://shop.example.com")',
            '"geolocation=(self \\"https://shop.example.com\\")"',
        ),
        ("50%", '"50%%"'),
        ("a %t b", '"a %%t b"'),
        ("back\\", '"back\\\\"'),
        (0, '"0"'),
    ],
)
def test_a_header_is_sent_as_it_stands(value, spelled):
    assert header_value("apache:headers:X", value) == spelled


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"headers": {"X-A": "a\nInclude /etc/shadow"}}, "apache:headers:X-A is .*one line"),
        ({"headers": {"X-A": "${HOME}"}}, "apache:headers:X-A is .*takes for a variable"),
        ({"headers": {"X A": "b"}}, "apache:headers is 'X A'; expected the name of an HTTP"),
        ({"headers": {"X-A": True}}, "apache:headers:X-A is 'True'; expected text"),
        ({"server_name": "web\nInclude x"}, "apache:server_name is .*a host's name"),
        ({"modules": "http2"}, "apache:modules is 'http2'; expected a list"),
        ({"modules": ["http2 -f"]}, "apache:modules is 'http2 -f'; expected modules as"),
        ({"limit_request_body": "1M"}, "apache:limit_request_body is '1M'; expected bytes"),
        ({"limit_request_body": 0}, "apache:limit_request_body is '0'; expected bytes"),
        ({"request_workers": 10}, "apache:request_workers is '10'; expected 25 to"),
        (
            {"read_timeout": {"header": "10 body=0", "body": 10}},
            "apache:read_timeout:header is '10 body=0'; expected seconds",
        ),
        ({"tls": {**TLS, "key": ""}}, "apache:tls:key is missing; expected the file beside"),
        ({"tls": {**TLS, "key": '/a" b'}}, "apache:tls:key is .*the absolute path"),
    ],
)
def test_what_would_be_another_directive_is_refused_by_its_key(chosen, words):
    with pytest.raises(SaltInvocationError, match=words):
        merged(**chosen)


def test_a_default_header_can_be_left_out():
    found = merged(headers={**DEFAULTS["headers"], "X-Frame-Options": None})
    assert "X-Frame-Options" not in found["headers"]

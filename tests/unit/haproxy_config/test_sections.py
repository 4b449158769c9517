"""The form of the data, as tables."""

from __future__ import annotations

import pytest
from haproxy_config.sections import expand, fill, loaded_files, runtime_socket
from haproxy_config.syntax import parse
from hypothesis import given
from salt.exceptions import SaltInvocationError

from tests.unit.haproxy import NODES, configurations


@given(configurations)
def test_what_is_rendered_is_parsed_again(sections):
    parsed = parse(fill(expand(sections, {}), {}).text)
    assert list(parsed.items()) == list(sections.items())


@given(configurations)
def test_what_is_shown_is_parsed_again(sections):
    parsed = parse(fill(expand(sections, {}), {}).shown)
    assert list(parsed.items()) == list(sections.items())


@pytest.mark.parametrize(
    ("servers", "lines"),
    [
        (
            {"prefix": "w", "port": 3306, "params": "check", "standby": "backup"},
            ["server w-1 192.0.2.12:3306 check", "server w-2 192.0.2.11:3306 check backup"],
        ),
        (
            {"prefix": "w", "port": "3306"},
            ["server w-1 192.0.2.12:3306", "server w-2 192.0.2.11:3306"],
        ),
        (
            {"prefix": "r", "port": 3306, "role": "replica", "standby": "backup"},
            ["server r-1 [2001:db8::1]:3306"],
        ),
    ],
)
def test_servers_come_from_the_table_of_nodes(servers, lines):
    sections = {"listen x": ["bind :1", {"servers": servers}, "mode tcp"]}
    assert expand(sections, NODES) == {"listen x": ["bind :1", *lines, "mode tcp"]}


def test_null_leaves_a_section_out_and_an_empty_list_does_not():
    sections = {"global": [], "listen x": None}
    assert expand(sections, {}) == {"global": []}


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({}, "haproxy:sections is missing or no mapping"),
        (["global"], "haproxy:sections is missing or no mapping"),
        ({"lisen x": []}, "'lisen x' begins with 'lisen'"),
        ({"": []}, "begins with ''"),
        ({5: []}, "5 is no section header"),
        ({"listen": []}, "'listen' has no name: write 'listen NAME'"),
        ({"listen  x": []}, "write it 'listen x'"),
        ({"listen x ": []}, "write it 'listen x'"),
        ({"listen x\nglobal": []}, "stray blanks"),
        ({"listen x#y": []}, "may hold only letters"),
        ({"listen x": "bind :1"}, "'listen x' is no list"),
        ({"listen x": {"bind": ":1"}}, "'listen x' is no list"),
        ({"listen x": [""]}, "section 'listen x', directive '' is empty"),
        ({"listen x": [" \t"]}, "is empty"),
        ({"listen x": ["bind :1\nbind :2"]}, "holds a line break"),
        ({"listen x": [" bind :1"]}, "begins or ends with a blank"),
        ({"listen x": ["bind :1\r"]}, "begins or ends with a blank"),
        ({"listen x": ["bind\x00:1"]}, "holds a control character"),
        ({"listen x": ["backend y"]}, "would begin a section of its own"),
        ({"listen x": ["global"]}, "would begin a section of its own"),
        ({"listen x": [5]}, "directive int is not text"),
        ({"listen x": [None]}, "directive NoneType is not text"),
        ({"listen x": [{"acl a": "b"}]}, "the mapping of 'acl a': only 'servers'"),
        ({"listen x": ["bind ${pillar:port"]}, "unfinished reference"),
        ({"listen x": ["bind ${plain}"]}, "unfinished reference"),
        ({"listen x": [{"servers": []}]}, "'servers' takes a mapping"),
        ({"listen x": [{"servers": {"prefix": "m"}}]}, "'servers' needs port"),
        ({"listen x": [{"servers": {}}]}, "'servers' needs prefix and port"),
        (
            {"listen x": [{"servers": {"prefix": "m", "port": 1, "parms": ""}}]},
            "does not know parms: it takes params, port",
        ),
        (
            {"listen x": [{"servers": {"prefix": "m", "port": 1, "role": "dbs"}}]},
            "no node with the role 'dbs'",
        ),
    ],
)
def test_what_is_no_configuration_is_refused_by_name(sections, words):
    with pytest.raises(SaltInvocationError) as caught:
        expand(sections, NODES)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({"db1": {"role": "db"}}, "cluster:nodes:db1:ip is None"),
        ({"db1": {"role": "db", "ip": "a b"}}, "cluster:nodes:db1:ip is 'a b'"),
        ({"db1": "192.0.2.1"}, "must map each node's id"),
        ([], "must map each node's id"),
        ({}, "no node with the role 'db'"),
    ],
)
def test_a_table_without_addresses_is_refused(nodes, words):
    sections = {"listen x": [{"servers": {"prefix": "m", "port": 1}}]}
    with pytest.raises(SaltInvocationError) as caught:
        expand(sections, nodes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("directives", "path"),
    [
        (
            ["user haproxy", "stats socket /run/a.sock mode 660", "stats socket /run/b.sock"],
            "/run/a.sock",
        ),
        (["stats socket unix@/run/a.sock"], "/run/a.sock"),
        (["stats socket ipv4@127.0.0.1:9999"], ""),
        ([], ""),
    ],
)
def test_the_runtime_socket_is_the_one_the_configuration_opens(directives, path):
    assert runtime_socket({"global": directives}) == path


@pytest.mark.parametrize(
    ("sections", "files"),
    [
        ({}, []),
        ({"global": ["lua-load /etc/a.lua", "lua-load", "user x"]}, ["/etc/a.lua"]),
        (
            {
                "global": ["lua-load /a"],
                "listen w": ["bind :80", "bind :443 ssl crt /b.pem alpn h2"],
            },
            ["/a", "/b.pem"],
        ),
        ({"listen w": ["bind :443 ssl crt", "# bind :443 ssl crt /c"]}, []),
    ],
)
def test_the_files_that_a_process_has_loaded_are_found(sections, files):
    assert loaded_files(sections) == files

"""What a machine's disk says of the cluster that it served in, whatever is there."""

from __future__ import annotations

import json

import pytest
from group_replication import traces
from group_replication.settings import settings_as_json, settings_from

from tests.unit.group import GROUP, OTHER, pillar

HAPROXY = """
global
    server-state-base /tmp
listen mysql-cluster
    # server mysql-9 192.0.2.9:3306 check
    default-server port 9200 inter 100ms
    server mysql-1 172.28.17.53:3306 check
    server mysql-2 172.28.17.54:3306 check
listen mysql-writer
    server mysql-1 172.28.17.53:3306 check
"""


@pytest.mark.parametrize(
    ("settings", "member", "expected"),
    [
        (None, None, ""),
        (settings_as_json(settings_from(pillar(), "db1")), None, GROUP),
        (json.dumps({"group": GROUP.upper()}), None, GROUP),
        # A highstate that came no further than the keeper's file counts more than a past.
        (json.dumps({"group": GROUP}), OTHER, GROUP),
        (None, OTHER, OTHER),
        ("no JSON", OTHER, OTHER),
        ("[]", None, ""),
        ("{}", None, ""),
        ('{"group": null}', None, ""),
    ],
)
def test_the_group_is_the_keepers_or_the_remembered_one(tmp_path, settings, member, expected):
    files = tmp_path / "settings.json", tmp_path / "member.json"
    if settings is not None:
        files[0].write_text(settings)
    if member is not None:
        known = {"server_uuid": "", "view_id": "", "members": [], "seen": []}
        files[1].write_text(json.dumps({"group": member, **known}))
    assert traces.group_of(*files) == expected


@pytest.mark.parametrize(
    ("haproxy", "keepalived", "expected"),
    [
        (HAPROXY, traces.KEEPALIVED_HEAD + " one address", ["172.28.17.53", "172.28.17.54"]),
        # An application's own HAProxy, and a keepalived of somebody else's.
        (HAPROXY, None, []),
        (HAPROXY, "vrrp_instance site {}", []),
        (None, traces.KEEPALIVED_HEAD, []),
        ("", traces.KEEPALIVED_HEAD, []),
        ("server a db.example:3306\n", traces.KEEPALIVED_HEAD, []),
    ],
)
def test_servers_are_those_of_a_balancer_made_here(tmp_path, haproxy, keepalived, expected):
    files = tmp_path / "haproxy.cfg", tmp_path / "keepalived.conf"
    for file, text in zip(files, (haproxy, keepalived), strict=True):
        if text is not None:
            file.write_text(text)
    assert traces.servers_of(*files) == expected

"""What a machine remembers of its membership, and what it tells of a missing disk."""

from __future__ import annotations

import json
import stat

import pytest
from group_replication import memory

from tests.unit.group import GROUP, HOSTS, OTHER, UUIDS, one, online

HELD = f"{GROUP}:1-9"


def test_a_member_is_remembered_for_root_alone(tmp_path):
    file = tmp_path / "state" / "member.json"
    memory.remember(online("db1", "db2", gtids=HELD), file)
    assert memory.remembered(file) == {
        "group": GROUP,
        "server_uuid": UUIDS["db1"],
        "view_id": "17954915269696091:3",
        "members": [HOSTS["db1"], HOSTS["db2"]],
        "seen": [HOSTS["db1"], HOSTS["db2"]],
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["member.json"]
    memory.remember(online("db1", "db3", gtids=HELD), file)
    again = memory.remembered(file)
    assert again["members"] == [HOSTS["db1"], HOSTS["db3"]]
    assert again["seen"] == [HOSTS["db1"], HOSTS["db2"], HOSTS["db3"]]
    memory.remember(online("db1", gtids=f"{OTHER}:1", group=OTHER), file)
    assert memory.remembered(file)["seen"] == [HOSTS["db1"]]


def test_what_is_no_news_is_not_written(tmp_path):
    file = tmp_path / "member.json"
    memory.remember(online("db1", gtids=HELD), file)
    before = file.stat().st_ino
    memory.remember(online("db1", gtids=f"{GROUP}:1-10"), file)
    assert file.stat().st_ino == before


@pytest.mark.parametrize(
    "facts",
    [
        one("db1", "RECOVERING", HELD),
        online("db1", gtids=HELD, quorum=False),
        one("db1", gtids=HELD),
        # A group that holds nothing yet is lost without harm.
        online("db1", gtids=""),
        online("db1", gtids=f"{UUIDS['db1']}:1-3"),
    ],
)
def test_what_is_no_member_of_a_group_with_data_is_not_remembered(facts, tmp_path):
    memory.remember(facts, tmp_path / "member.json")
    assert memory.remembered(tmp_path / "member.json") == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"group": GROUP})])
def test_a_file_that_cannot_be_read_says_that_there_was_a_member(text, tmp_path):
    file = tmp_path / "member.json"
    file.write_text(text)
    found = memory.remembered(file)
    assert found == memory.UNREADABLE
    assert "was a member of group (unreadable)" in memory.lost("db1", found)
    assert not memory.never_seen(found, GROUP, HOSTS["db4"])


@pytest.mark.parametrize(
    ("group", "host", "expected"),
    [
        (GROUP, HOSTS["db4"], True),
        (GROUP, HOSTS["db2"], False),
        (GROUP, None, False),
        (OTHER, HOSTS["db4"], False),
    ],
)
def test_who_was_never_seen(group, host, expected):
    known = memory.memory_of(online("db1", "db2", gtids=HELD), {})
    assert memory.never_seen(known, group, host) is expected
    assert memory.never_seen({}, group, host) is False

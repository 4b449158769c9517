"""What pillar had and no longer has goes back to the server's default, or waits for a restart."""

from __future__ import annotations

import pytest
from group_replication import left_options
from group_replication.left_options import left, named

FILE = "/etc/mysql/mysql.conf.d/zz-group-replication.cnf"
ONLINE = ("max_connections", "group_replication_member_weight", "ssl_ca")
# What an operator set by hand, or another file, is none of pillar's.
NOTHING = {"online": [], "restart": []}


@pytest.mark.parametrize(
    ("source", "path", "before", "expected"),
    [
        # The server was started with it.
        ("EXPLICIT", FILE, (), {"online": ["max_connections"], "restart": []}),
        ("GLOBAL", FILE, (), {"online": ["max_connections"], "restart": []}),
        # It was set in the running server, from the file of then.
        ("DYNAMIC", "", ("max_connections",), {"online": ["max_connections"], "restart": []}),
        ("DYNAMIC", "", ("wait_timeout",), NOTHING),
        ("GLOBAL", "/etc/mysql/my.cnf", ("max_connections",), NOTHING),
    ],
)
def test_what_is_left_is_known_by_whence_it_came(source, path, before, expected):
    sources = {"max_connections": (source, path)}
    assert left((), before, sources, ONLINE, FILE) == expected
    assert left(("max_connections",), before, sources, ONLINE, FILE) == NOTHING


def test_what_takes_a_restart_waits_for_it():
    sources = {
        "table_open_cache_instances": ("GLOBAL", FILE),
        # All members give certificates up at once.
        "ssl_ca": ("GLOBAL", FILE),
        "admin_port": ("DYNAMIC", ""),
    }
    assert left((), ("admin_port",), sources, ONLINE, FILE) == {
        "online": [],
        "restart": ["ssl_ca", "table_open_cache_instances"],
    }


@pytest.mark.parametrize(
    ("older", "name"),
    [
        # As MySQL 9.7.4 shows it of a server that was started with the newer one.
        ("slave_preserve_commit_order", "replica_preserve_commit_order"),
        ("sync_master_info", "sync_source_info"),
    ],
)
def test_an_older_name_is_no_other_option(older, name):
    assert left((name,), (), {older: ("GLOBAL", FILE)}, ONLINE, FILE) == NOTHING
    assert left((), (), {older: ("GLOBAL", FILE)}, ONLINE, FILE)["restart"] == [older]


def test_an_option_is_the_variable_of_its_name():
    options = {"loose_group_replication_member_weight": 70, "Max-Connections": 7}
    assert named(options) == {"group_replication_member_weight", "max_connections"}


def test_names_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(left_options, "RECORD", tmp_path / "gr" / "options.json")
    assert left_options.noted() == set()
    left_options.note(["b", "a"])
    assert left_options.noted() == {"a", "b"}
    made = left_options.RECORD.stat().st_mtime_ns
    left_options.note(["a", "b"])
    assert left_options.RECORD.stat().st_mtime_ns == made
    left_options.RECORD.write_text('["c"]')
    # As an older version wrote it.
    assert (left_options.noted(), left_options.made()) == ({"c"}, {})
    for text in ("no JSON", '{"made": ["a"]}', "3"):
        left_options.RECORD.write_text(text)
        assert (left_options.noted(), left_options.made()) == (set(), {})


def test_what_became_of_a_value_is_remembered_as_long_as_it_is_declared(tmp_path, monkeypatch):
    monkeypatch.setattr(left_options, "RECORD", tmp_path / "gr" / "options.json")
    left_options.note(["a", "b"], {"a": ["traditional", "STRICT,TRADITIONAL"]})
    left_options.note(["a", "b"], {"b": ["1500", "1024"]})
    assert left_options.made() == {
        "a": ["traditional", "STRICT,TRADITIONAL"],
        "b": ["1500", "1024"],
    }
    left_options.note(["b"])
    assert left_options.made() == {"b": ["1500", "1024"]}

"""Options of the server that follows, and of an instance beside it."""

from __future__ import annotations

from pathlib import Path

from group_backup.model import Settings
from group_backup.options import aside_options, log_bin_of, options_of
from group_backup.settings import OWN_OPTIONS
from group_replication.model import Account

SETTINGS = Settings("b", "10.0.0.9", "g", {}, Account("a"), archive_days=2, options={"a": 1})


def test_it_serves_nobody_and_writes_nothing_of_its_own():
    found = options_of(SETTINGS)
    assert found["bind_address"] == "127.0.0.1"
    assert found["super_read_only"] == "ON"
    assert found["server_id"] == 167772169
    assert found["binlog_expire_logs_seconds"] == 2 * 86400
    assert found["a"] == 1
    assert log_bin_of(SETTINGS) == "/var/lib/mysql-backup/archive/binlog"


def test_what_makes_it_that_is_not_for_pillar_to_say():
    assert set(options_of(SETTINGS)) & set(OWN_OPTIONS) >= {"server_id", "super_read_only"}


def test_an_instance_aside_reaches_nobody_and_passes_over_nothing():
    found = aside_options(Path("/x"), {"innodb_page_size": 4096, "version": "9"})
    assert {"--skip-networking", "--skip-replica-start=ON", "--disable-log-bin"} <= {*found}
    # A transaction of a member whose server id were the same would be left out without a word.
    assert "--replicate-same-server-id=ON" in found
    assert "--innodb-page-size=4096" in found
    assert not any("version" in one for one in found)


def test_what_may_be_cloned_shows_its_own_certificate_at_one_address():
    found = aside_options(Path("/x"), {}, ("10.0.0.9", 3307))
    assert "--skip-networking" not in found
    assert {"--bind-address=10.0.0.9", "--port=3307", "--ssl-cert=ca.pem"} <= {*found}
    # Nobody comes in without TLS, and nothing is written there.
    assert {"--require-secure-transport=ON", "--super-read-only=ON"} <= {*found}

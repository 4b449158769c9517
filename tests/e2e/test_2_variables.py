"""Each variable of a real server has one class; what is set online can be set, and set back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from group_replication.dynamic_variables import BLOCKS, ONLINE
from group_replication.option_classes import classified
from group_replication.running_options import option_as_running

from tests.e2e.conftest import long_only
from tests.support import variable_trial
from tests.support.lab import Lab

pytestmark = [pytest.mark.restores, long_only]

PLACE = "/var/lib/mysql-variables"
# A server and a group of its own, beside the member of this machine.
BEGIN = f"""set -e
rm -rf {PLACE}; mkdir {PLACE}; chown mysql: {PLACE}
mysqld --no-defaults --user=mysql --datadir={PLACE}/data --initialize-insecure \
    --log-error={PLACE}/error.log
mysqld --no-defaults --user=mysql --datadir={PLACE}/data --log-error={PLACE}/error.log --daemonize \
    --pid-file={PLACE}/pid --socket={PLACE}/socket --port=3398 --bind-address=127.0.0.1 \
    --mysqlx-port=3397 --mysqlx-socket={PLACE}/mysqlx --server-id=98 --innodb-buffer-pool-size=64M \
    --gtid-mode=ON --enforce-gtid-consistency=ON --plugin-load-add=mysql_clone.so \
    --plugin-load-add=group_replication.so --group-replication-start-on-boot=OFF \
    --group-replication-group-name=6b0a1c2e-8f6e-4c53-9d3e-2f1d9a7c4b10 \
    --group-replication-communication-stack=XCOM \
    --group-replication-local-address=127.0.0.1:3396 \
    --group-replication-group-seeds=127.0.0.1:3396
mysql --no-defaults --socket={PLACE}/socket --user=root -e \
    "SET GLOBAL group_replication_bootstrap_group = ON; START GROUP_REPLICATION; \
     SET GLOBAL group_replication_bootstrap_group = OFF"
"""
# What a statement sets, but is read when replication, the group's communication or TLS starts.
READ_AT_START = re.compile(
    "(replica|slave|source|master|relay_log|max_relay_log|rpl|init_replica|init_slave|sync_(source"
    "|master|relay)|group_replication_(recovery|local_address|ip_allowlist|ssl|tls)"
    "|(admin_)?(ssl|tls))_?"
)
# Whole chunks in each instance, which the comparison knows.
POOL = "innodb_buffer_pool_size"
# Actions, and what needs a keyring or is rounded to a power of two.
NO_SETTING = {
    "innodb_buffer_pool_dump_now",
    "innodb_buffer_pool_load_abort",
    "innodb_buffer_pool_load_now",
    "innodb_log_write_ahead_size",
    "innodb_redo_log_encrypt",
    "innodb_undo_log_encrypt",
}
TRY = f"/opt/salt/bin/python3 - {PLACE}/socket <<'END'\n{{program}}\nEND\n"
END = f"kill $(cat {PLACE}/pid); while [ -e {PLACE}/pid ]; do sleep 0.2; done; rm -rf {PLACE}"


@pytest.fixture(scope="module")
def tried(lab: Lab) -> Any:
    """What came of setting each variable of a server that is the only member of its group."""
    database = lab.databases[-1]
    try:
        lab.run(database, BEGIN)
        program = Path(variable_trial.__file__).read_text()
        return json.loads(lab.run(database, TRY.format(program=program)))
    finally:
        lab.run(database, END, check=False)


def test_each_variable_has_one_class(tried: dict[str, Any]):
    assert len(tried) > 600
    assert {*ONLINE} <= {*tried}
    for name, one in tried.items():
        kind = classified(name)["class"]
        read_only = one["said"].startswith(f"{variable_trial.READ_ONLY} ")
        assert not (read_only and kind == "online"), name
        # What the server sets and no table knows is new: it belongs into one of them.
        if not one["said"] and kind == "restart":
            assert READ_AT_START.match(name) or name in NO_SETTING, name


def wrong(name: str, one: dict[str, Any]) -> bool:
    """Whether a variable is not set to another value and back, in the form that is expected."""
    if one["said"] or one["back_said"] or one["back"] != one["old"]:
        return True
    if one["asked"] is not None and one["new"] == one["old"] and name not in (*BLOCKS, POOL):
        return True
    # As the comparison with the option file has it.
    wanted = option_as_running(one["asked"], one["old"], BLOCKS.get(name, 1))
    return one["kind"] == "Integer" and name != POOL and wanted != one["new"]


def test_what_is_set_online_is_set_and_set_back(tried: dict[str, Any]):
    assert {name: tried[name] for name in ONLINE if wrong(name, tried[name])} == {}

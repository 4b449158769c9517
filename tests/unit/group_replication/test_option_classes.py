"""Each option has one class."""

from __future__ import annotations

import pytest
from group_replication.option_classes import classified

import _modules.mysql_server as mysql_server


@pytest.mark.parametrize(
    ("option", "kind", "why"),
    [
        ("innodb_buffer_pool_size", "online", "in the running server"),
        ("Max-Connections", "online", "in the running server"),
        ("loose_group_replication_member_weight", "online", "in the running server"),
        ("sql_mode", "online", "in the running server"),
        ("innodb_buffer_pool_instances", "restart", "orch.restart"),
        ("replica_parallel_workers", "restart", "orch.restart"),
        # Of a newer server: nothing is known of it.
        ("no_such_option", "restart", "orch.restart"),
        ("group_replication_gtid_assignment_block_size", "group", "all members"),
        ("default_table_encryption", "group", "all members"),
        ("group_replication_paxos_single_leader", "group", "all members"),
        ("lower_case_table_names", "initial", "was made with it"),
        ("super_read_only", "refused", "only ON or 1 or TRUE: a member outside"),
        ("offline_mode", "kept by the group", "in its members"),
        ("server_id", "refused", "it follows from the member's address"),
        ("gtid_mode", "refused", "only ON: the group is made of GTIDs"),
        ("group_replication_force_members", "refused", "keeps a member out"),
        ("replicate_do_db", "refused", "no filters"),
    ],
)
def test_an_option_has_a_class(option, kind, why):
    found = mysql_server.option_class(option)
    assert found == classified(option)
    assert found["class"] == kind
    assert why in found["why"]

"""What is set in a running server is nothing that the group decides or is made of."""

from __future__ import annotations

from group_replication.dynamic_variables import BLOCKS, ONLINE
from group_replication.option_classes import classified
from group_replication.pending import AT_INITIALIZATION, GROUP_WIDE
from group_replication.running_options import GROUPS_OPTIONS


def test_what_is_set_online_is_in_no_other_class():
    assert not ONLINE & {*GROUPS_OPTIONS, *GROUP_WIDE, *AT_INITIALIZATION}
    assert {classified(name)["class"] for name in ONLINE} == {"online"}
    assert {*BLOCKS} <= ONLINE

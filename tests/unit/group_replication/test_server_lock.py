"""A lock in a server is none that another account can name."""

from __future__ import annotations

from group_replication.server_lock import lock_name
from group_replication.settings import settings_from

from tests.unit.group import pillar


def test_the_group_s_members_alone_can_name_it():
    ours = settings_from(pillar(), "db2")
    other = ours._replace(admin=ours.admin._replace(password="another one"))
    assert lock_name(ours, "turn") == lock_name(ours._replace(me="db3"), "turn")
    assert lock_name(ours, "turn") != lock_name(other, "turn")
    assert lock_name(ours, "turn") != lock_name(ours, "comparison")
    # The server takes no longer ones.
    assert len(lock_name(ours, "comparison")) <= 64

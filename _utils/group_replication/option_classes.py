"""What brings an option of the server in: each of them has one class."""

from __future__ import annotations

from group_replication.dynamic_variables import ONLINE
from group_replication.options import DERIVED, FILTERS, NEEDS, OFF, ON
from group_replication.pending import GROUP, INITIAL, RESTART, class_of
from group_replication.running_options import GROUPS_OPTIONS
from group_replication.versions import today

NOW, REFUSED, BY_GROUP = "online", "refused", "kept by the group"
WHY = {
    NOW: "a highstate sets it in the running server",
    RESTART: "mysqld reads it when it starts: orch.restart",
    GROUP: "all members have the same: they leave the group at once, and one begins it anew",
    INITIAL: "the data directory was made with it",
    BY_GROUP: "Group Replication sets it in its members",
}


def classified(option: str) -> dict[str, str]:
    """
    Return what brings an option in.

    option
        Its name, as an option file or a statement has it.

    Returns a dict: ``class`` (``online``, ``restart``, ``group``, ``initial``, ``kept by the
    group`` or ``refused``) and ``why``.
    """
    name = today(option.lower().replace("-", "_").removeprefix("loose_"))
    if name in DERIVED and name not in ONLINE:
        return {"class": REFUSED, "why": f"it follows from {DERIVED[name]}"}
    if name.startswith(FILTERS):
        return {"class": REFUSED, "why": "the group takes no filters"}
    right, why = NEEDS.get(name, ((), ""))
    if why and name not in ONLINE and not {*ON, *OFF} <= {*right}:
        fixed = f"only {' or '.join(right)}: " if right else ""
        return {"class": REFUSED, "why": f"{fixed}{why}"}
    if name in GROUPS_OPTIONS and class_of(name) != GROUP:
        return {"class": BY_GROUP, "why": WHY[BY_GROUP]}
    kind = NOW if name in ONLINE else class_of(name)
    return {"class": kind, "why": WHY[kind]}

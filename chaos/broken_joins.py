"""Joins that break off: a mysqld is killed while its START GROUP_REPLICATION is under way."""

from __future__ import annotations

from chaos.plan import Round
from chaos.scene import ChaosScene

# A keeper or a highstate joins soon after a member has left.
UNTIL_JOIN = (
    "end=$(( $(date +%s) + 90 ))\n"
    "until mysql -N -e \"SELECT 'now' FROM performance_schema.processlist"
    " WHERE INFO LIKE 'START GROUP%'\" | grep -q now\n"
    "do [ $(date +%s) -lt $end ] || { echo 'no join was seen' >&2; exit 1; }; done"
)


def kill_in_join(scene: ChaosScene, one: Round) -> None:
    """Take the victim out of the group, and kill it when its keeper brings it back.

    With the first coin all members but one leave. A group of one takes the joiner in and has lost
    its majority at once, before the view that would say so.
    """
    victim = one.victims[0]
    leaving = [victim, *one.others[1:]] if one.coins[0] else [victim]
    scene.all(leaving, "mysql -e 'STOP GROUP_REPLICATION'")
    scene.lab.run(victim, f"{UNTIL_JOIN}\nsleep {one.seconds}\nsystemctl kill --signal=KILL mysql")

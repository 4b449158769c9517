"""Outages in which the only copy of an acknowledged row is one that was received, not applied."""

from __future__ import annotations

import time
from contextlib import ExitStack

from chaos.plan import Round
from chaos.scene import ChaosScene
from tests.support.lab import DATABASE
from tests.support.ledger_table import TABLE
from tests.support.read_lock import read_locked

# Longer than any round holds it; the kill ends it.
HELD_SECONDS = 120


def kill_behind(scene: ChaosScene, one: Round) -> None:
    """Block the appliers of all members but one, kill all, and wipe the disk of that one."""
    committing, *behind = one.victims
    with ExitStack() as held:
        for member in behind:
            held.enter_context(read_locked(scene.lab, member, f"{DATABASE}.{TABLE}", HELD_SECONDS))
        time.sleep(one.seconds)
        kill = "systemctl stop mysql-gr-keeper\nsystemctl kill --signal=KILL mysql"
        scene.all(one.victims, kill)
    scene.lab.new_disk(committing)


def keepers_begin(scene: ChaosScene, one: Round) -> None:
    """Let the keepers of those that received begin, and build the other one again."""
    committing, *behind = one.victims
    scene.all(behind, "systemctl start mysql-gr-keeper")
    scene.lab.apply([committing], "mysql")

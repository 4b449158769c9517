"""Faults of one member, as every harness brings them about: each with what undoes it."""

from __future__ import annotations

from typing import Protocol

from tests.support.scene import Scene

NO_RESTART = "/run/systemd/system/mysql.service.d/no-restart.conf"


class Target(Protocol):
    """Whom a fault meets."""

    @property
    def victims(self) -> tuple[str, ...]:
        """The members that it meets."""

    @property
    def others(self) -> tuple[str, ...]:
        """The other members."""

    @property
    def seconds(self) -> float:
        """How long it stays."""

    @property
    def coins(self) -> tuple[bool, bool]:
        """Which of several kinds; the first of a partition: from the balancer, too."""


def nothing(scene: Scene, one: Target) -> None:
    """Nothing to heal: it heals itself."""


def kill(scene: Scene, one: Target) -> None:
    scene.all(one.victims, "systemctl kill --signal=KILL mysql")


def kill_for_good(scene: Scene, one: Target) -> None:
    scene.all(
        one.victims,
        f"mkdir -p $(dirname {NO_RESTART})\nprintf '[Service]\\nRestart=no\\n' > {NO_RESTART}\n"
        "systemctl daemon-reload\nsystemctl kill --signal=KILL mysql",
    )


def start_again(scene: Scene, one: Target) -> None:
    scene.all(one.victims, f"rm -f {NO_RESTART}\nsystemctl daemon-reload\nsystemctl start mysql")


def freeze(scene: Scene, one: Target) -> None:
    scene.all(one.victims, "kill -STOP $(systemctl show -p MainPID --value mysql)")


def thaw(scene: Scene, one: Target) -> None:
    scene.all(one.victims, "kill -CONT $(systemctl show -p MainPID --value mysql)")


def stop(scene: Scene, one: Target) -> None:
    scene.all(one.victims, "systemctl stop mysql")


def start(scene: Scene, one: Target) -> None:
    scene.all(one.victims, "systemctl start mysql")


def _cut_off(one: Target, scene: Scene) -> list[str]:
    return [*one.others, scene.lab.proxy] if one.coins[0] else list(one.others)


def partition(scene: Scene, one: Target) -> None:
    peers = _cut_off(one, scene)
    scene.cut(one.victims[0], peers)
    for peer in peers:
        scene.cut(peer, one.victims)


def partition_over(scene: Scene, one: Target) -> None:
    peers = _cut_off(one, scene)
    scene.mend(one.victims[0], peers)
    for peer in peers:
        scene.mend(peer, one.victims)

"""How each event comes about and is undone: faults of a member, and what operators do."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.support import faults
from tests.support.scene import Scene


class Story(NamedTuple):
    """Whom an event meets, as the faults of a member want to be told of it."""

    victims: tuple[str, ...]
    others: tuple[str, ...]
    seconds: float
    # The first coin: a partition is from the balancer, too.
    coins: tuple[bool, bool] = (True, False)


def story(victim: str, members: list[str], seconds: float) -> Story:
    """Return what there is to tell of one member's event."""
    return Story((victim,), tuple(name for name in members if name != victim), seconds)


def own_address(peer: str) -> str:
    """Return the address that this machine talks to another one from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        # Nothing is sent: the port is of no importance.
        one.connect((str(ipaddress.ip_address(peer)), 9))
        return one.getsockname()[0]


def isolate(scene: Scene, one: Story) -> None:
    (victim,) = one.victims
    scene.cut(victim, [own_address(scene.lab.address[victim])])
    faults.partition(scene, one)


def isolate_over(scene: Scene, one: Story) -> None:
    (victim,) = one.victims
    faults.partition_over(scene, one)
    scene.mend(victim, [own_address(scene.lab.address[victim])])


def leave(scene: Scene, one: Story) -> None:
    """By SQL, so that nothing drains it; its keeper would take it in again."""
    scene.all(one.victims, "systemctl stop mysql-gr-keeper\nmysql -e 'STOP GROUP_REPLICATION'")


def come_back(scene: Scene, one: Story) -> None:
    scene.all(one.victims, "systemctl start mysql-gr-keeper")


def _salt(scene: Scene, machine: str, call: str) -> dict[str, Any]:
    answer = scene.lab.salt(machine, call, timeout=60).get(machine)
    if not isinstance(answer, dict):
        raise AssertionError(f"salt {machine} {call}: {answer}")
    return answer


def drain(scene: Scene, one: Story) -> None:
    (victim,) = one.victims
    _salt(scene, victim, f"mysql_maintenance.drain member={victim} reason=bench")


def undrain(scene: Scene, one: Story) -> None:
    _salt(scene, one.victims[0], "mysql_maintenance.undrain")


def switchover(scene: Scene, one: Story) -> None:
    _salt(scene, one.victims[0], f"mysql_gr.set_primary {one.others[0]} drain=5")


def reload(scene: Scene, one: Story) -> None:
    scene.lab.run(scene.lab.proxy, "systemctl reload haproxy")


class Event(NamedTuple):
    """One row of the table: what is done, and how it is undone."""

    does: str
    inject: Callable[[Scene, Story], None]
    heal: Callable[[Scene, Story], None] = faults.nothing
    # How long it stays, from its beginning: longer than the election of a primary takes.
    seconds: float = 12


EVENTS: dict[str, Event] = {
    "none": Event("nothing", faults.nothing),
    "kill": Event("kill -9 of the mysqld for good", faults.kill_for_good, faults.start_again),
    "crash": Event("kill -9 of the mysqld, which its unit starts anew", faults.kill),
    "freeze": Event("SIGSTOP of the mysqld", faults.freeze, faults.thaw),
    "partition": Event("nothing passes between the member and anybody", isolate, isolate_over),
    "stop": Event("`systemctl stop mysql`", faults.stop, faults.start),
    "leave": Event("`STOP GROUP_REPLICATION`", leave, come_back),
    "drain": Event("`mysql_maintenance.drain`, and `undrain`", drain, undrain, 5),
    "switchover": Event("`mysql_gr.set_primary OTHER drain=5`", switchover, seconds=5),
    "reload": Event("`systemctl reload haproxy`", reload, seconds=5),
}

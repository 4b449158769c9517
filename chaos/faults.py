"""What can be done to the members: how each fault comes, how it is healed, what is to happen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pymysql

from chaos.broken_joins import UNTIL_JOIN, kill_in_join
from chaos.outages import keepers_begin, kill_behind
from chaos.plan import Round
from chaos.scene import ChaosScene
from chaos.schema_changes import begin_change, change_ended, changed, kill_in_change
from tests.support.faults import (
    freeze,
    kill,
    kill_for_good,
    nothing,
    partition,
    partition_over,
    start,
    start_again,
    stop,
    thaw,
)

DATA = "/var/lib/mysql"
TRIAL_DATABASE = "chaos_errant"


def leave(scene: ChaosScene, one: Round) -> None:
    """Stop where the stop is not the fault: out of the group first, which takes seconds.

    A server that is shut down while clients write waits a minute for the transactions under way.
    """
    scene.all(one.victims, "mysql -e 'STOP GROUP_REPLICATION'\nsystemctl stop mysql")


def power_off(scene: ChaosScene, one: Round) -> None:
    scene.lab.power_off(one.victims[0])


def power_on(scene: ChaosScene, one: Round) -> None:
    scene.lab.power_on(one.victims[0])


def oneway(scene: ChaosScene, one: Round) -> None:
    _oneway(scene.cut, one)


def oneway_over(scene: ChaosScene, one: Round) -> None:
    _oneway(scene.mend, one)


def _oneway(change: Callable[[str, Iterable[str]], None], one: Round) -> None:
    peers = one.others if one.coins[1] else one.others[:1]
    if one.coins[0]:
        change(one.victims[0], peers)
        return
    for peer in peers:
        change(peer, one.victims)


def _every_other(scene: ChaosScene, change: Callable[[str, Iterable[str]], None]) -> None:
    members = scene.lab.databases
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: change(name, [m for m in members if m != name]), members))


def scatter(scene: ChaosScene, one: Round) -> None:
    _every_other(scene, scene.cut)


def gather(scene: ChaosScene, one: Round) -> None:
    _every_other(scene, scene.mend)


def nothing_written(scene: ChaosScene, one: Round) -> None:
    """What was in flight may have been acknowledged at first, and nothing after that."""
    silent = time.monotonic() - max(scene.writers.ledger.acknowledged.values())
    if silent < one.seconds - 1.5:
        raise AssertionError(f"without a majority, acknowledged {silent:.1f} s ago")


def empty(scene: ChaosScene, one: Round) -> None:
    # What was written is judged by the round before; here it is wiped on purpose.
    scene.writers.stop()
    scene.writers.ledger.forget()
    scene.emptied = True
    with ThreadPoolExecutor() as pool:
        list(pool.map(scene.lab.new_disk, one.victims))


def highstates(scene: ChaosScene, one: Round) -> None:
    scene.lab.apply(one.victims, "mysql")
    scene.table.prepare()
    scene.writers.start()


def minion(scene: ChaosScene, one: Round) -> None:
    victim = one.victims[0]
    scene.lab.run(victim, "systemctl stop mysql-gr-keeper\nmysql -e 'STOP GROUP_REPLICATION'")
    scene.lab.run(scene.lab.master, f"salt --async {victim} state.apply mysql.group")
    scene.lab.run(victim, f"{UNTIL_JOIN}\nsystemctl kill --signal=KILL salt-minion")


def next_run(scene: ChaosScene, one: Round) -> None:
    victim = one.victims[0]
    # systemd may be at it by itself just now: what counts is that the minion answers.
    scene.lab.run(victim, "systemctl start salt-minion", check=False)
    try:
        scene.wait(
            f"the minion of {victim} answers",
            lambda: scene.lab.salt(victim, "test.ping", timeout=5).get(victim) is True,
            60,
        )
        scene.lab.apply(one.victims, "mysql.group")
    finally:
        # Whatever came of it, later rounds find a keeper.
        scene.lab.run(victim, "systemctl start mysql-gr-keeper")


def wipe(scene: ChaosScene, one: Round) -> None:
    leave(scene, one)
    scene.lab.new_disk(one.victims[0])


def highstate(scene: ChaosScene, one: Round) -> None:
    scene.lab.apply(one.victims, "mysql")


def errant(scene: ChaosScene, one: Round) -> None:
    victim = one.victims[0]
    scene.lab.run(victim, "systemctl stop mysql-gr-keeper")
    scene.lab.sql(
        victim,
        "STOP GROUP_REPLICATION; SET GLOBAL super_read_only = OFF;"
        f" CREATE DATABASE {TRIAL_DATABASE}; SET GLOBAL super_read_only = ON",
    )
    scene.lab.run(victim, "systemctl start mysql-gr-keeper")


def errant_refused(scene: ChaosScene, one: Round) -> None:
    victim = one.victims[0]
    scene.refused(victim, f"{victim} has transactions that the group does not have: ")
    if TRIAL_DATABASE not in scene.lab.sql(victim, "SHOW DATABASES"):
        raise AssertionError(f"{victim} was refused, and its data is gone")


def errant_given(scene: ChaosScene, one: Round) -> None:
    """Give the group the same transactions, empty; then they are nobody's alone."""
    victim, other = one.victims[0], one.others[0]
    scene.lab.sql(
        victim,
        "SET GLOBAL super_read_only = OFF; SET sql_log_bin = OFF;"
        f" DROP DATABASE IF EXISTS {TRIAL_DATABASE}; SET GLOBAL super_read_only = ON",
    )
    theirs = scene.lab.sql(other, "SELECT @@gtid_executed").replace("\\n", "")
    alone = scene.lab.sql(victim, f"SELECT GTID_SUBTRACT(@@gtid_executed, '{theirs}')")
    for gtid in filter(None, alone.replace("\\n", "").split(",")):
        if not gtid.rpartition(":")[2].isdigit():
            raise AssertionError(f"more than the one errant transaction: {alone}")
        scene.lab.sql(other, f"SET GTID_NEXT = '{gtid}'; BEGIN; COMMIT; SET GTID_NEXT = AUTOMATIC")


def _purge(scene: ChaosScene, one: Round) -> None:
    """Let the group go on without the victim, and forget what it would need."""
    scene.wait_gone(one.victims[0], one.others[0])
    since = time.monotonic()
    balanced = scene.writers.ledger.through_balancer
    scene.wait("writes go on", lambda: balanced and balanced[-1] > since + 1, 60)
    for name in one.others:
        scene.lab.sql(name, "FLUSH BINARY LOGS")
        last = scene.lab.sql(name, "SHOW BINARY LOG STATUS").split()[0]
        scene.lab.sql(name, f"PURGE BINARY LOGS TO '{last}'")


def purged(scene: ChaosScene, one: Round) -> None:
    leave(scene, one)
    _purge(scene, one)
    start(scene, one)


def purged_refused(scene: ChaosScene, one: Round) -> None:
    scene.refused(one.victims[0], "every ONLINE member has purged binary logs that ")


def clone_over(scene: ChaosScene, one: Round) -> None:
    victim = one.victims[0]
    joined = scene.lab.salt(victim, f"mysql_gr.join method=clone clone_over={victim}")[victim]
    if not isinstance(joined, dict):
        raise AssertionError(f"mysql_gr.join method=clone clone_over={victim}: {joined}")


def purged_empty(scene: ChaosScene, one: Round) -> None:
    leave(scene, one)
    _purge(scene, one)
    scene.lab.new_disk(one.victims[0])


def small_disk(scene: ChaosScene, one: Round) -> None:
    """Put a copy of the data on a disk of its own that is nearly full; no part of the fault."""
    scene.lab.run(
        one.victims[0],
        f"set -e\nsystemctl stop mysql\nmkdir -p /mnt/chaos\n"
        f"size=$(du -sm {DATA} | cut -f1)\n"
        "mount -t tmpfs -o size=$((size + 64))m,mode=0700 tmpfs /mnt/chaos\n"
        f"cp -a {DATA}/. /mnt/chaos/\nchown mysql:mysql /mnt/chaos\n"
        f"mount --bind /mnt/chaos {DATA}\nsystemctl start mysql",
    )
    scene.wait_whole(120)


def disk_full(scene: ChaosScene, one: Round) -> None:
    scene.lab.run(one.victims[0], f"dd if=/dev/zero of={DATA}/filler bs=4k 2> /dev/null || true")


def disk_freed(scene: ChaosScene, one: Round) -> None:
    scene.lab.run(one.victims[0], f"rm -f {DATA}/filler")


def disk_given_back(scene: ChaosScene, one: Round) -> None:
    """Put the data back to where it was; no part of the fault."""
    scene.lab.run(
        one.victims[0],
        f"set -e\nmountpoint -q {DATA} || exit 0\nsystemctl stop mysql\numount {DATA}\n"
        f"find {DATA} -mindepth 1 -delete\ncp -a /mnt/chaos/. {DATA}/\n"
        "umount /mnt/chaos\nsystemctl start mysql",
    )
    scene.wait_whole(120)


def connections(scene: ChaosScene, one: Round) -> None:
    crowded = one.others[0]
    address = scene.lab.address[crowded]
    before = scene.lab.sql(crowded, "SELECT @@GLOBAL.max_connections")
    scene.held.callback(scene.lab.sql, crowded, f"SET GLOBAL max_connections = {before}")
    scene.lab.sql(crowded, "SET GLOBAL max_connections = 40")
    refused = 0
    for _ in range(200):
        try:
            scene.held.enter_context(scene.lab.session(address))
        except pymysql.Error as err:
            if err.args[0] != 1040:
                raise
            refused += 1
            if refused == 3:
                break
    else:
        raise AssertionError(f"{crowded} takes connections without end")
    kill(scene, one)


def admin_port_answers(scene: ChaosScene, one: Round) -> None:
    """The killed member comes back while the other one has no connection left."""
    crowded, since = one.others[0], time.monotonic()
    scene.wait_gone(one.victims[0], one.others[-1])
    scene.wait_whole(120)
    silent = [
        sample
        for sample in scene.monitor.samples
        if sample.member == crowded and sample.asked > since and sample.state == "UNKNOWN"
    ]
    if silent:
        raise AssertionError(f"the admin port of {crowded} did not answer {len(silent)} times")


def connections_freed(scene: ChaosScene, one: Round) -> None:
    scene.held.close()


class Fault(NamedTuple):
    """One row of the table: what is done, how it is undone, and what has to come of it."""

    does: str
    expected: str
    inject: Callable[[ChaosScene, Round], None]
    heal: Callable[[ChaosScene, Round], None] = nothing
    # What has to be so before it is healed.
    observe: Callable[[ChaosScene, Round], None] = nothing
    # What the harness sets up before any client writes, and puts back afterwards.
    prepare: Callable[[ChaosScene, Round], None] = nothing
    clean: Callable[[ChaosScene, Round], None] = nothing
    # Nothing has to be undone for the members to come back: the time to that counts from the fault.
    heals_itself: bool = False


ALONE = "the member comes back alone"

FAULTS: dict[str, Fault] = {
    "kill": Fault("kill -9 of a mysqld; systemd starts it again", ALONE, kill, heals_itself=True),
    "freeze": Fault("SIGSTOP of a mysqld for 1 to 60 s, mostly up to 12", ALONE, freeze, thaw),
    "stop": Fault("`systemctl stop mysql`, and start up to 20 s later", ALONE, stop, start),
    "power": Fault(
        "a machine loses its power, and gets it back up to 20 s later", ALONE, power_off, power_on
    ),
    "partition": Fault(
        "nothing passes between a member and the others (and the balancer, every other time) for "
        "1 to 30 s",
        ALONE,
        partition,
        partition_over,
    ),
    "oneway": Fault(
        "what a member sends to one or all others is lost, or what they send to it, for 1 to 30 s",
        ALONE,
        oneway,
        oneway_over,
    ),
    "quorum-kill": Fault(
        "a majority is killed with -9 and stays down for 3 to 25 s",
        "nothing is written meanwhile; all come back alone",
        kill_for_good,
        start_again,
        nothing_written,
    ),
    "quorum-cut": Fault(
        "every member is cut off from every other for 3 to 25 s",
        "nothing is written meanwhile; all come back alone",
        scatter,
        gather,
        nothing_written,
    ),
    "kill-all": Fault("kill -9 of all at once", "all come back alone", kill, heals_itself=True),
    "kill-behind": Fault(
        "kill -9 of all while the appliers of all but one are behind, whose disk is wiped; then "
        "the keepers, and `state.apply mysql` on that one",
        "every state holds, and the members have all that they had received",
        kill_behind,
        keepers_begin,
    ),
    "empty": Fault(
        "all data directories are wiped; then `state.apply mysql` on all at once, beside the "
        "keepers",
        "every state holds, and there is one group",
        empty,
        highstates,
    ),
    "minion": Fault(
        "a member leaves; kill -9 of its salt-minion in the middle of the highstate's join",
        "the next run completes",
        minion,
        next_run,
    ),
    "wipe": Fault(
        "a member's data directory is wiped and made anew; then `state.apply mysql`",
        "every state holds, and the member has all",
        wipe,
        highstate,
    ),
    "errant": Fault(
        "a transaction on a member that is outside; then the group gets the same GTID, empty",
        "refused: `has transactions that the group does not have`, its data kept; then it comes "
        "back alone",
        errant,
        errant_given,
        errant_refused,
    ),
    "purged": Fault(
        "the others purge their binary logs while a member is down; then "
        "`mysql_gr.join method=clone clone_over=NAME`",
        "refused: `every ONLINE member has purged binary logs that NAME needs`; then cloned",
        purged,
        clone_over,
        purged_refused,
    ),
    "purged-empty": Fault(
        "the same, and the member is wiped; then `state.apply mysql`",
        "every state holds, and the member has all",
        purged_empty,
        highstate,
    ),
    "disk-full": Fault(
        "a member's disk is full for up to 20 s",
        ALONE,
        disk_full,
        disk_freed,
        prepare=small_disk,
        clean=disk_given_back,
    ),
    "connections": Fault(
        "one member has no connection left (`max_connections`); another is killed with -9",
        "the admin port answers, and the member comes back alone while it is so",
        connections,
        connections_freed,
        admin_port_answers,
        heals_itself=True,
    ),
    "alter": Fault(
        "`mysql_schema.change` of the table that is written to, and back: a column, a type, a key",
        "both hold",
        changed,
        heals_itself=True,
    ),
    "alter-kill": Fault(
        "kill -9 of a mysqld up to 9 s after such a call has begun",
        "the window is closed, the table is as before, and the member comes back alone",
        begin_change,
        change_ended,
        kill_in_change,
    ),
    "join-kill": Fault(
        "kill -9 of a mysqld up to 3 s after its join has begun; every other time one member alone "
        "is left, and may be halted by it",
        ALONE,
        kill_in_join,
        heals_itself=True,
    ),
}

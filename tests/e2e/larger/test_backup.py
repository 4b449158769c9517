"""A machine of role backup follows the group, and gives back what was deleted, or all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import check_nothing_left_to_do, salt
from tests.e2e.larger.conftest import BACKUP as NAME
from tests.support.lab import DATABASE, Lab
from tests.support.orchestration import orchestrated

pytestmark = [pytest.mark.changes_machines, pytest.mark.slow]

TRIAL, DUMPED = "backup_trial", "backup_dumped"


@pytest.fixture(scope="module", autouse=True)
def trials(grown: Lab) -> Iterator[None]:
    """Tables that nothing else writes to are gone afterwards."""
    yield
    names = [f"{DATABASE}.{TRIAL}{more}" for more in ("", "_before", "_late")]
    grown.sql(
        grown.databases[0],
        f"DROP TABLE IF EXISTS {', '.join(names)}; DROP DATABASE IF EXISTS {DUMPED}",
    )


def call(lab: Lab, function: str) -> Any:
    """What the backup machine answers; a sentence in its place is an error."""
    answer = salt(lab, [NAME], function)[NAME]
    assert not isinstance(answer, str), answer
    return answer


def test_it_follows_and_is_no_member(grown: Lab):
    channel = call(grown, "backup.status")["channel"]
    assert (channel["receiver"], channel["applier"], channel["error"]) == ("ON", "ON", "")
    assert channel["source"] in grown.databases
    for status in salt(grown, grown.databases, "mysql_gr.status").values():
        assert {row["name"] for row in status["members"]} == {*grown.databases}
    check_nothing_left_to_do(grown)


def test_what_was_deleted_comes_back_beside_the_living_table(
    grown: Lab, eventually: Callable[..., float]
):
    database = grown.databases[0]
    grown.sql(database, f"CREATE TABLE {DATABASE}.{TRIAL} (id INT PRIMARY KEY)")
    taken = call(grown, "backup.take")
    assert taken["drill"]["tables"] > 1
    assert taken["drill"]["rows"] > 0
    assert (taken["dumps"], taken["undumped"]) == ([DATABASE], "")

    grown.sql(database, f"INSERT INTO {DATABASE}.{TRIAL} VALUES (1), (2), (3)")
    point = grown.sql(database, "SELECT UTC_TIMESTAMP(6)")
    grown.sql(database, f"DO SLEEP(1); DELETE FROM {DATABASE}.{TRIAL}")

    def applied() -> bool:
        return grown.sql(NAME, f"SELECT COUNT(*) FROM {DATABASE}.{TRIAL}") == "0"

    eventually(applied, 30)
    call(grown, "backup.save_logs")
    arguments = f"{DATABASE}.{TRIAL} {TRIAL}_before '{point}'"
    seen = call(grown, f"backup_restore.restore_table {arguments} test=True")
    assert seen["before"][-1]["changes"] == [f"insert {DATABASE}.{TRIAL}"]
    assert f"delete {DATABASE}.{TRIAL}" in [c for one in seen["after"] for c in one["changes"]]

    found = call(grown, f"backup_restore.restore_table {arguments}")
    assert found["rows"] == 3
    dump = grown.run(NAME, f"cat {found['file']}")
    assert "DROP" not in dump
    grown.run(database, f"mysql {DATABASE} <<'SQL'\n{dump}\nSQL")
    rows = f"SELECT GROUP_CONCAT(id ORDER BY id) FROM {DATABASE}.{TRIAL}_before"
    assert grown.sql(database, rows) == "1,2,3"

    last = seen["before"][-1]["gtid"]
    whole = call(grown, f"backup_restore.restore_point trial {last}")
    assert whole["gtids"] == seen["gtids"]
    count = f"mysql --socket={whole['socket']} -N -e 'SELECT COUNT(*) FROM {DATABASE}.{TRIAL}'"
    assert grown.run(NAME, count) == "3\n"
    assert call(grown, "backup_restore.drop_instance trial") is True
    assert call(grown, "backup_restore.instances") == []
    assert [one["drill"] for one in call(grown, "backup.list")] == ["equal"]


def test_a_dump_is_loaded_under_any_name(grown: Lab):
    (listed,) = call(grown, "backup.list kind=dump")
    assert listed["schemas"] == [DATABASE]
    assert listed["gtids"] == call(grown, "backup.list")[0]["gtids"]
    found = call(grown, f"backup_restore.fetch_dump {DATABASE} {listed['snapshot'][:8]}")
    assert (found["gtids"], found["snapshot"]) == (listed["gtids"], listed["snapshot"])
    assert grown.run(NAME, f"stat -c %a:%U {found['file']}") == "600:root\n"
    said = salt(grown, [NAME], "backup_restore.fetch_dump shop")[NAME]
    assert (
        f"expected one of a dump in the repository: {listed['snapshot'][:8]} of {DATABASE}" in said
    )
    dump, database = grown.run(NAME, f"cat {found['file']}"), grown.databases[0]
    grown.sql(database, f"CREATE DATABASE {DUMPED}")
    grown.run(database, f"mysql {DUMPED} <<'SQL'\n{dump}\nSQL")
    count = "SELECT COUNT(*) FROM {}.articles"
    assert grown.sql(database, count.format(DUMPED)) == grown.sql(database, count.format(DATABASE))


def empty_disk(lab: Lab, machine: str) -> None:
    """A member's mysqld dies, and its disk is lost."""
    lab.run(
        machine,
        "systemctl kill --signal=KILL mysql\nsystemctl stop mysql\n"
        "find /var/lib/mysql -mindepth 1 -delete",
    )


def test_a_group_whose_disks_are_all_lost_begins_anew(
    grown: Lab, eventually: Callable[..., float], all_online: Callable[..., float]
):
    first, *others = grown.databases
    table, late = f"{DATABASE}.{TRIAL}_late", "SELECT GROUP_CONCAT(id ORDER BY id) FROM"
    grown.sql(
        first, f"CREATE TABLE {table} (id INT PRIMARY KEY); INSERT INTO {table} VALUES (1), (2)"
    )
    eventually(lambda: grown.sql(NAME, f"{late} {table}") == "1,2", 30)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: empty_disk(grown, name), grown.databases))

    # The first alone becomes a new machine: the others' disks may only be missing.
    grown.new_disk(first)
    refused, _ = orchestrated(grown, "restore", test=True, member=first)
    assert refused["result"] is False
    assert "say keep_name=True" in refused["comment"]
    given = {"member": first, "keep_name": True}
    planned, said = orchestrated(grown, "restore", test=True, **given)
    assert planned["result"] is None, said
    assert grown.state_of(first) == "OFFLINE"
    done, said = orchestrated(grown, "restore", **given)
    assert done["result"] is True, said
    assert done["changes"] == planned["changes"]
    again, said = orchestrated(grown, "restore", **given)
    assert (again["result"], again["changes"]) == (True, {}), said
    assert call(grown, "backup_restore.instances") == []
    assert grown.sql(first, f"{late} {table}") == "1,2"

    with ThreadPoolExecutor() as pool:
        list(pool.map(grown.new_disk, others))
    grown.apply(grown.databases)
    all_online()
    with grown.session() as session, session.cursor() as cursor:
        cursor.execute(f"{late} {table}")
        assert cursor.fetchall() == (("1,2",),)
    assert grown.api("GET", "/api/tags").status_code == 200
    assert grown.log_in()
    grown.apply([NAME])
    check_nothing_left_to_do(grown)
    # What mysqld said to systemd as it stopped would have been taken for the minion's word.
    assert grown.run(NAME, "systemctl show --value -p NRestarts salt-minion") == "0\n"

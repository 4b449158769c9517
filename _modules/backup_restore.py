"""
Restore a point in time, a table or a schema beside what lives, from the repository alone.
==========================================================================================

Nothing here writes to the group or to the backup machine's own server: what is restored runs as an
instance of its own, without a network, or lies in a file. docs/backup.md leads through it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from group_backup import aside, dump, logical, offer, restore
from group_backup import settings as of_pillar
from group_backup.model import LOCK_FILE, LOCK_SECONDS, Settings
from group_replication import lock
from salt.exceptions import SaltInvocationError

__virtualname__ = "backup_restore"

# Of a table's or a schema's restore: taken away at its end.
PASSING = "passing"


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return of_pillar.settings_from(__pillar__, __opts__["id"])


def restore_point(
    name: str, point: str, snapshot: str | None = None, around: int = 5, test: bool = False
) -> dict[str, Any]:
    """
    Restore a point in time to an instance beside the living server, which runs afterwards.

    The full backup and the logs come from the repository alone. The instance's own applier replays
    the logs and stops at the point, to the transaction. Logs up to now are saved by
    ``backup.save_logs``.

    name
        What the instance is called: small letters, digits and ``-``.

    point
        A time in UTC such as ``2026-11-28 14:03:00``: what stands in the archive before the first
        transaction that was committed after it. Or a GTID: that transaction is the last one. Or
        ``latest``: all that was saved.

    snapshot
        The full backup to begin with, by its id. Default: the newest before the point.

    around
        How many transactions before and after the point are returned, 1 to 100. Default 5.

    test
        Find the point, return it with the transactions around, and restore nothing. Default False.

    Returns a dict: ``full`` and ``full_at``, ``gtids`` (the set at that point), ``stops_before`` (a
    GTID, or a sentence), ``before`` and ``after`` (lists of dicts: ``gtid``, ``committed``,
    ``changes``), and unless ``test`` is given ``name``, ``socket`` and ``seconds``. Raises
    CommandExecutionError when the repository does not have the point or has a gap before it, or the
    replay stops elsewhere; SaltInvocationError for wrong settings or arguments.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.restore_point noon '2026-11-28 12:00:00' test=True
        salt backup1 backup_restore.restore_point noon '2026-11-28 12:00:00'
    """
    settings = _settings()
    aside.place_of(settings, name)
    _check_around(around)
    with lock.alone(LOCK_SECONDS, LOCK_FILE):
        if test:
            return restore.preview(settings, point, around, snapshot)
        return restore.restore_point(settings, name, point, around, snapshot)


def _check_around(around: int) -> None:
    if isinstance(around, bool) or not isinstance(around, int) or not 1 <= around <= 100:
        raise SaltInvocationError(f"around is '{around}'; expected a number from 1 to 100")


def offer_point(
    member: str,
    point: str = "latest",
    snapshot: str | None = None,
    around: int = 5,
    keep_name: bool = False,
    test: bool = False,
) -> dict[str, Any]:
    """
    Restore a point in time and let one database machine clone it, to begin the group anew with it.

    The instance listens at this machine's address, on the members' port, and shows a certificate of
    its own. ``mysql_restore.receive`` on the named machine clones it; ``drop_instance offered``
    ends the offer. It is refused while a declared member serves.

    member
        The declared name of the machine that is to begin the group.

    point
        As for :py:func:`restore_point`; with ``latest`` (default) what this machine has received is
        applied and saved first.

    snapshot, around
        As for :py:func:`restore_point`.

    keep_name
        Whether the group may have the name that it had: all of its old disks are lost for good.
        Default False: pillar ``mysql:group:name`` has to be new.

    test
        Find the point, return it with the transactions around, and restore nothing; what was not
        saved yet is in ``gtids`` alone. Default False.

    Returns what :py:func:`restore_point` does but for ``socket``, and ``member``; unless ``test``
    is given also ``donor`` (this machine's name) and ``fingerprint`` (of its certificate). Raises
    as that does, and CommandExecutionError where a member serves or the group's name would number
    transactions a second time; SaltInvocationError for a name that is no database machine.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.offer_point db1 test=True
        salt backup1 backup_restore.offer_point db1 '2026-11-28 14:02:59'
    """
    settings = _settings()
    offer.check_member(settings, member)
    _check_around(around)
    with lock.alone(LOCK_SECONDS, LOCK_FILE):
        if test:
            return offer.preview(settings, member, point, around, snapshot, keep_name)
        return offer.offer(settings, member, point, around, snapshot, keep_name)


def instances() -> list[str]:
    """
    Return the names of the instances that were restored beside the living server.

    Returns a list of str. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.instances
    """
    return aside.names(_settings())


def executed(name: str) -> str:
    """
    Return the GTID set that an instance has.

    name
        Its name.

    Returns str. Raises SaltInvocationError where no instance has that name, CommandExecutionError
    when it does not answer.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.executed noon
    """
    settings = _settings()
    place = aside.place_of(settings, name)
    if not place.exists():
        there = ", ".join(aside.names(settings)) or "there is none"
        raise SaltInvocationError(f"name is '{name}'; expected an instance's: {there}")
    with aside.session(place) as connection:
        return dump.executed(connection)


def drop_instance(name: str) -> bool:
    """
    Stop an instance that was restored, and take its folder away.

    name
        Its name.

    Returns whether it was there. Raises CommandExecutionError where it does not stop or another run
    is at it, SaltInvocationError for wrong settings or a wrong name.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.drop_instance noon
    """
    place = aside.place_of(_settings(), name)
    with lock.alone(LOCK_SECONDS, LOCK_FILE):
        found = place.exists()
        aside.remove(place)
    return found


def restore_table(
    table: str, into: str, point: str, snapshot: str | None = None, test: bool = False
) -> dict[str, Any]:
    """
    Write a table as it was at a point in time to a file of SQL, under another name.

    The file is on the backup machine, readable by root alone. It drops and replaces nothing: a
    server that has the new name already refuses it. docs/backup.md says how it is loaded.

    table
        ``SCHEMA.TABLE``.

    into
        The new name, in the same schema.

    point, snapshot
        As for :py:func:`restore_point`.

    test
        Find the point, return it, and write nothing. Default False.

    Returns what :py:func:`restore_point` does, and unless ``test`` is given ``file``, ``rows`` and
    ``left_out``: foreign keys, checks and triggers, whose names are the living table's. Raises as
    that does, and SaltInvocationError for a table that was not there, or the old name.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.restore_table realworld.users users_before '2026-11-28 14:02:59'
    """
    schema, name = dump.check_names(table, into)
    return _passing(
        lambda settings, place: dump.dump_table(settings, place, schema, name, into),
        *(point, snapshot, test),
    )


def restore_schema(
    schema: str, into: str, point: str, snapshot: str | None = None, test: bool = False
) -> dict[str, Any]:
    """
    Write the tables of a schema as they were at a point to a file of SQL, as another schema.

    schema
        The schema.

    into
        The new schema's name.

    point, snapshot, test
        As for :py:func:`restore_table`.

    Returns what :py:func:`restore_point` does, and unless ``test`` is given ``file``, ``tables``,
    ``rows`` and ``left_out``: views, triggers, routines and events. Raises as
    :py:func:`restore_table` does.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.restore_schema realworld realworld_noon '2026-11-28 12:00:00'
    """
    dump.check_schema(schema, into)
    return _passing(
        lambda settings, place: dump.dump_schema(settings, place, schema, into),
        *(point, snapshot, test),
    )


def written(name: str) -> dict[str, str]:
    """
    Return the file that a table or a schema was restored to, and the point that it was taken at.

    name
        The new name: ``SCHEMA.TABLE``, or ``SCHEMA``.

    Returns a dict: ``file`` and ``gtids``; an empty one where there is no such file. Raises
    SaltInvocationError for wrong settings, or what is no name.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.written realworld.users_before
    """
    return dump.written(_settings(), name)


def fetch_dump(schema: str, snapshot: str | None = None) -> dict[str, Any]:
    """
    Write a schema's dump out of the repository to a file of SQL, readable by root alone.

    Pillar ``backup:dumps`` names the schemas that are dumped with each full backup, with views,
    triggers, routines and events. The file makes no schema and drops nothing: it is loaded into a
    schema of any name, of this version or another.

    schema
        The schema's name.

    snapshot
        The snapshot's id, as ``backup.list kind=dump`` has it, or its beginning. Default: the
        newest that has the schema.

    Returns a dict: ``file``, ``snapshot``, ``at`` (UTC) and ``gtids`` (what the dump has). Raises
    SaltInvocationError where no dump is of that schema, CommandExecutionError when the repository
    does not answer or another run is at it.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup_restore.fetch_dump realworld
    """
    with lock.alone(LOCK_SECONDS, LOCK_FILE):
        return logical.fetch(_settings(), schema, snapshot)


def _passing(
    write: Callable[[Settings, Path], dict[str, Any]],
    point: str,
    snapshot: str | None,
    test: bool,
) -> dict[str, Any]:
    """Restore an instance, let something be written out of it, and take it away."""
    settings = _settings()
    with lock.alone(LOCK_SECONDS, LOCK_FILE):
        if test:
            return restore.preview(settings, point, 5, snapshot)
        place = aside.place_of(settings, PASSING)
        # What a run that was killed left.
        aside.remove(place)
        found = restore.restore_point(settings, PASSING, point, 5, snapshot)
        try:
            told = write(settings, place)
        finally:
            aside.remove(place)
    del found["name"], found["socket"]
    return {**found, **told}

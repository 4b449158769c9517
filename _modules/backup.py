"""
Back a group up on a machine beside it, and say what became of it.
==================================================================

The machine has role ``backup`` in the table of nodes. It follows the group by a channel, keeps what
it applies as the archive, saves full backups and the archive to a repository of restic, and drills
each full backup. Restoring is in :py:mod:`backup_restore <_modules.backup_restore>`; docs/backup.md
has the concept. Settings come from pillar ``backup``, ``mysql`` and ``cluster``.
"""

from __future__ import annotations

import time
from typing import Any

from group_backup import archive, channel, full, options, priority, record, restic, restore, space
from group_backup import drill as drills
from group_backup import settings as of_pillar
from group_backup.model import DUMP, FULL, LOCK_FILE, LOCK_SECONDS, LOGS, Settings
from group_replication import lock
from salt.exceptions import SaltInvocationError

__virtualname__ = "backup"
__func_alias__ = {"list_": "list"}


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return of_pillar.settings_from(__pillar__, __opts__["id"])


def server_options() -> dict[str, Any]:
    """
    Return the options of the machine's own server, in the order of its option file.

    Returns a dict of option to value, ``log_bin`` among them. Raises SaltInvocationError for wrong
    settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.server_options
    """
    settings = _settings()
    return {**options.options_of(settings), "log_bin": options.log_bin_of(settings)}


def layout() -> dict[str, str]:
    """
    Return the machine's folders and when its timers run.

    Returns a dict: ``directory``, ``archive``, ``full`` and ``logs`` (in systemd's words; the empty
    text for never). Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.layout
    """
    settings = _settings()
    return {
        "directory": settings.directory,
        "archive": str(settings.archive),
        "full": settings.full,
        "logs": settings.logs,
    }


def settings_differ() -> list[str]:
    """
    Return the names of the files that do not say what pillar declares, or that others may read.

    They are the settings, the repository's place and its password.

    Returns a list of str. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.settings_differ
    """
    password = of_pillar.repository_password(__pillar__)
    return of_pillar.files_differ(of_pillar.files_of(_settings(), password))


def store_settings(test: bool = False) -> None:
    """
    Write the files that the program and restic read, each whole or not at all, for root alone.

    test
        Check whether pillar has another password than the group, and do nothing. Default False.

    Returns nothing. Raises CommandExecutionError when the password of pillar is another one than
    the group's, with the call that changes it everywhere; SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.store_settings
    """
    password, settings = of_pillar.repository_password(__pillar__), _settings()
    channel.refuse_unrotated(settings, of_pillar.account_before())
    if not test:
        of_pillar.write_files(of_pillar.files_of(settings, password))


def repository_present() -> bool:
    """
    Tell whether there is a repository, and the password opens it.

    Returns bool. Raises CommandExecutionError where it cannot be asked or the password is another
    one; SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.repository_present
    """
    return restic.is_there(_settings())


def make_repository() -> None:
    """
    Make the repository, encrypted; one that is there is an error.

    Returns nothing. Raises CommandExecutionError where restic refuses, SaltInvocationError for
    wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.make_repository
    """
    restic.make(_settings())


def decide(overwrite: str | None = None) -> dict[str, str]:
    """
    Return what :py:func:`follow` would do, and why; nothing is changed.

    overwrite
        As for :py:func:`follow`.

    Returns a dict: ``verdict`` (``follows``: nothing; ``connect``; ``clone``; ``refused``) and
    ``why``. Raises CommandExecutionError when mysqld does not answer, SaltInvocationError for wrong
    settings or a name that is not this machine's.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.decide
    """
    return channel.decide(_settings(), _overwrites(overwrite))._asdict()


def _overwrites(overwrite: str | None) -> bool:
    if overwrite not in (None, __opts__["id"]):
        raise SaltInvocationError(
            f"overwrite is '{overwrite}'; expected '{__opts__['id']}', this machine's minion id"
        )
    return overwrite is not None


def follow(overwrite: str | None = None) -> dict[str, str]:
    """
    Make the machine follow its group; a server that holds nothing yet clones a member first.

    The channel changes its source by itself when that leaves the group.

    overwrite
        This machine's minion id: its data may be replaced by the group's, where it has transactions
        that the group does not have, or lacks some that no member has any more. A clone ends its
        binary logs, so they are saved to the repository before. Default: it may not.

    Returns a dict: ``verdict`` and ``why``, as :py:func:`decide`. Raises CommandExecutionError
    where it is refused, no member is ONLINE or the channel does not run; SaltInvocationError for
    wrong settings or a name that is not this machine's.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.follow
        salt backup1 backup.follow overwrite=backup1
    """
    with lock.alone(LOCK_SECONDS, LOCK_FILE):
        if _overwrites(overwrite):
            return full.replace(_settings())._asdict()
        return channel.follow(_settings())._asdict()


def status() -> dict[str, Any]:
    """
    Say how far the machine is behind its group, and what became of the last backups and drills.

    Returns a dict: ``channel`` (``receiver``, ``applier``, ``source``, ``error``, ``executed``,
    ``not_received`` and ``not_applied`` in transactions, ``seconds``: the age of the last applied
    transaction while one is outstanding, or else 0), ``full``, ``logs`` and ``drill`` (what the
    last of each said, empty where there was none; ``error`` where it failed, ``gap`` where the logs
    begin too late) and ``problem`` (as :py:func:`drill_problem`). Raises CommandExecutionError when
    mysqld does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.status
    """
    settings = _settings()
    found = record.read(settings)
    return {
        "channel": channel.behind(settings),
        "full": found.get(FULL, {}),
        "logs": found.get(LOGS, {}),
        "drill": found.get("drill", {}),
        "problem": _problem(settings, found),
    }


def _problem(settings: Settings, found: dict[str, Any]) -> str:
    # The cause first: what is full takes no record, either.
    return space.problem(settings) or record.drill_problem(
        found, settings.drill_hours, time.time(), settings.location
    )


def running() -> bool:
    """
    Tell whether a backup, a drill or a restore is under way on this machine.

    Returns bool.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.running
    """
    with lock.held(0, LOCK_FILE) as free:
        return not free


def drill_problem() -> str:
    """
    Return what is wrong with the last full backup, its drill or the logs, or the empty text.

    A drill that failed is wrong, and so is one that is older than pillar ``backup:drill_hours``.
    Wrong is a repository that the last full backup is not in. Wrong are archived logs that were not
    saved, as where the repository is full or away, and logs that begin after what the newest full
    backup has. So is a file system with too little space for what the group writes.

    Returns str. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.drill_problem
    """
    settings = _settings()
    return _problem(settings, record.read(settings))


def list_(kind: str = "full") -> list[dict[str, Any]]:
    """
    Return the backups that the repository has, the oldest first.

    kind
        ``full`` (default), ``logs``: the archived logs, or ``dump``: schemas as SQL.

    Returns a list of dicts: ``snapshot``, ``at`` (UTC), of a full backup ``gtids`` and ``drill``
    (``equal``, ``not drilled``, or what was wrong), of a dump ``gtids`` and ``schemas``. Raises
    CommandExecutionError when the repository does not answer, SaltInvocationError for wrong
    settings or another kind.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.list
    """
    if kind not in (FULL, LOGS, DUMP):
        raise SaltInvocationError(f"kind is '{kind}'; expected {FULL}, {LOGS} or {DUMP}")
    settings = _settings()
    known = record.read(settings).get("drills", {})
    found = []
    for one in restic.snapshots(settings, kind):
        row: dict[str, Any] = {
            "snapshot": one.id,
            "at": archive.as_time(int(one.said("at") or 0) * 1_000_000),
        }
        if kind == FULL:
            last = known.get(one.id)
            row["gtids"] = one.gtids
            row["drill"] = "not drilled" if last is None else last.get("error") or "equal"
        if kind == DUMP:
            row |= {"gtids": one.gtids, "schemas": one.all_said("schema")}
        found.append(row)
    return found


def age() -> int | None:
    """
    Return how old the newest full backup of the repository is.

    Returns seconds, or None where there is none. Raises CommandExecutionError when the repository
    does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.age
    """
    found = restic.snapshots(_settings(), FULL)
    return int(time.time()) - int(found[-1].said("at") or 0) if found else None


def verify(part: str = "10%") -> str:
    """
    Check the repository's structure, and read a part of its data.

    part
        How much is read: a part of it such as ``10%`` (default) or ``1/7``, or all: ``100%``.

    Returns the empty text. Raises CommandExecutionError for whatever is damaged,
    SaltInvocationError for wrong settings or another part.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.verify 100%
    """
    of_pillar.check_part(part)
    with lock.alone(LOCK_SECONDS, LOCK_FILE), priority.lowered():
        restic.check(_settings(), part)
    return ""


def save_logs() -> dict[str, Any]:
    """
    Save the archived logs up to now, so that each point up to now can be restored.

    Returns a dict: ``snapshot``, ``gtids``, ``at`` (seconds since 1970), ``files``, ``added``
    (bytes) and ``gap`` (what neither they nor the newest full backup has, or the empty text).
    Raises CommandExecutionError when mysqld or the repository does not answer or another run is at
    it, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.save_logs
    """
    settings = _settings()
    with lock.alone(LOCK_SECONDS, LOCK_FILE), priority.lowered():
        return full.run_logs(settings)


def take(drilled: bool = True) -> dict[str, Any]:
    """
    Take a full backup now, as the timer does, and drill it.

    drilled
        Whether it is drilled; the timer's next run drills what was not. Default True.

    Returns a dict: ``snapshot``, ``gtids``, ``at`` (seconds since 1970), ``seconds``, ``bytes``,
    ``added``, ``dumps`` (schemas), ``undumped`` (why others of pillar ``backup:dumps`` were not, or
    the empty text), ``logs``, and ``drill`` (``point``, ``transactions``, ``tables``, ``rows``,
    ``at``, ``seconds``). Raises CommandExecutionError where it or its drill fails or another run is
    at it, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.take
    """
    settings = _settings()
    with lock.alone(LOCK_SECONDS, LOCK_FILE), priority.lowered():
        full.clean(settings)
        found = full.run_full(settings)
        if drilled:
            newest = restore.newest(settings, found["snapshot"])
            found["drill"] = drills.run(settings, newest)
    return found


def drill(snapshot: str | None = None) -> dict[str, Any]:
    """
    Drill a full backup: restore it beside the living server, and compare the two.

    The living server's applier stands still meanwhile; what the group writes is received and waits.

    snapshot
        Its id. Default: the newest.

    Returns a dict: ``snapshot``, ``point`` (the transaction that it was brought to at first, or the
    empty text), ``transactions`` (replayed), ``tables``, ``rows``, ``at`` and ``seconds``. Raises
    CommandExecutionError for whatever is not equal, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt backup1 backup.drill
    """
    settings = _settings()
    with lock.alone(LOCK_SECONDS, LOCK_FILE), priority.lowered():
        full.clean(settings)
        return drills.run(settings, restore.newest(settings, snapshot))

"""Dumps of schemas that pillar names, as SQL: for other versions, and for single tables."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from group_replication.connection import rows
from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_backup import archive, aside, restic, space
from group_backup.model import DUMP, Settings


def folder_of(settings: Settings) -> Path:
    """Return where dumps lie until they are saved."""
    return settings.place / "dumps"


def mysqldump(file: Path, place: Path, words: list[str], head: str = "") -> None:
    """
    Write what mysqldump says of an instance to a file, whole or not at all, for root alone.

    file, head
        The file, and what comes before.

    place
        The instance's folder.

    words
        What is dumped, and how, in mysqldump's words. Nothing that it writes drops anything.
    """
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(head.encode())
            stream.flush()
            done = subprocess.run(  # noqa: S603
                [
                    *("mysqldump", "--no-defaults", f"--socket={aside.socket_of(place)}"),
                    *("--user=root", "--single-transaction", "--set-gtid-purged=OFF"),
                    *("--hex-blob", "--skip-add-drop-table", "--no-tablespaces"),
                    *("--skip-lock-tables", "--skip-add-locks", *words),
                ],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.PIPE,
                check=False,
            )
            stream.flush()
            os.fsync(stream.fileno())
        if done.returncode != 0:
            said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            raise CommandExecutionError(f"mysqldump failed: {said}")
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write(settings: Settings, place: Path) -> str:
    """
    Write each declared schema of an instance to a file; return what is wrong, or the empty text.

    settings
        The machine's settings.

    place
        The folder of the instance, which answers.

    A dump that fails is no reason to save nothing at all.
    """
    folder, wrong = folder_of(settings), []
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for schema in settings.dumps:
        try:
            with aside.session(place) as connection:
                _check(connection, settings, schema)
            mysqldump(folder / f"{schema}.sql", place, ["--routines", "--events", schema])
        except CommandExecutionError as err:
            wrong.append(f"{schema}: {err}")
    return "; ".join(wrong)


def _check(connection: Any, settings: Settings, schema: str) -> None:
    """Refuse a schema that is not there, or for which there is no space."""
    found = rows(
        connection,
        "SELECT SCHEMA_NAME AS name, (SELECT SUM(DATA_LENGTH) FROM information_schema.tables"
        " WHERE TABLE_SCHEMA = SCHEMA_NAME) AS bytes FROM information_schema.schemata"
        " WHERE SCHEMA_NAME = %s",
        (schema,),
    )
    if not found:
        raise CommandExecutionError("the group has no such schema (pillar backup:dumps)")
    space.check(settings.place, int(found[0]["bytes"] or 0), f"the dump of {schema}")


def save(settings: Settings, gtids: str, at: int) -> list[str]:
    """
    Save what was written as one snapshot, and take it away; return the schemas that it has.

    settings
        The machine's settings.

    gtids, at
        What the instance held, and when, in seconds since 1970.
    """
    folder = folder_of(settings)
    schemas = sorted(path.stem for path in folder.glob("*.sql"))
    try:
        if schemas:
            tags = [DUMP, f"at={at}", *(f"schema={name}" for name in schemas)]
            restic.save(settings, [folder], [*tags, *restic.gtid_tags(gtids)])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return schemas


def fetch(settings: Settings, schema: str, snapshot: str | None = None) -> dict[str, Any]:
    """
    Write a schema's dump out of the repository to a file that root alone reads.

    settings
        The machine's settings.

    schema
        The schema's name.

    snapshot
        The snapshot's id, or its beginning. Default: the newest that has the schema.

    Returns a dict: ``file``, ``snapshot``, ``at`` and ``gtids``.
    """
    known = restic.snapshots(settings, DUMP)
    found = [
        one
        for one in known
        if f"schema={schema}" in one.tags and (snapshot is None or one.id.startswith(snapshot))
    ]
    if not found:
        there = ", ".join(f"{one.id[:8]} of {', '.join(one.all_said('schema'))}" for one in known)
        raise SaltInvocationError(
            f"schema is '{schema}'"
            + (f" and snapshot is '{snapshot}'" if snapshot else "")
            + f"; expected one of a dump in the repository: {there or 'there is none'}"
        )
    one, folder = found[-1], settings.place / "output"
    aside.make_folders(settings)
    folder.mkdir(mode=0o700, exist_ok=True)
    restic.restore(settings, one.id, str(folder_of(settings)), folder, [f"{schema}.sql"])
    return {
        "file": str(folder / f"{schema}.sql"),
        "snapshot": one.id,
        "at": archive.as_time(int(one.said("at")) * 1_000_000),
        "gtids": one.gtids,
    }

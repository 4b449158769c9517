"""Close the applier's newest relay log before mysqld starts, so that mysqld keeps what it received.

At its start mysqld 9.7 reads the newest relay log that has a transaction, and cuts it off at the
first one that it takes for damaged. It takes one for damaged whose ``Xid`` is in the file already,
and the numbers of two writing members can be equal. A file that holds nothing but a rotation of the
source is whole to mysqld, and it reads no older one. So such a file is put behind the newest one. A
transaction that did not arrive whole is cut off here, as mysqld would do it.

This runs before mysqld and needs nothing beyond the standard library. The format is MySQL's: an
event has a header of 19 bytes, and the first event of a file describes the others.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from whole_file import write_whole

MAGIC = b"\xfebin"
HEADER = struct.Struct("<IBIIIH")
"""Of an event: its time, kind, server, size, the position behind it, and flags."""

QUERY, ROTATE, FORMAT, XID, XA_PREPARE, COMPRESSED = 2, 4, 15, 16, 38, 40
GTIDS = (33, 42)
"""What begins a transaction; that of the second kind has a tag."""

OF_THE_RELAY_LOG = 0x40
"""Flag of an event that the server wrote for itself, and did not receive."""

BASE_NAME = "relay-bin"
"""Option ``relay_log`` of the members."""

CHANNEL = "group_replication_applier"

FILE_MODE = 0o640
"""Permissions of the relay logs that mysqld makes."""

SOURCE_FILE = b"FIRST"
"""The source's log of a channel of the group, as mysqld has it; such a channel has no source."""

CHECKSUM, CRC32 = 4, 1
"""Bytes of a checksum. A format event ends in one, behind a byte that is 1 where all others do."""


class UnreadableError(Exception):
    """A file does not begin as a relay log does."""


class Event(NamedTuple):
    """Where an event of a relay log lies, and of which kind it is."""

    kind: int
    flags: int
    start: int
    end: int


class Contents(NamedTuple):
    """What a relay log holds."""

    transactions: int
    """How many are whole."""
    whole: int
    """Bytes in front of the one that is not."""
    closed: bool
    """Whether it is one that ``closing_file`` made."""


def _events(data: memoryview) -> Iterator[Event]:
    """Give the whole events of a relay log."""
    start = len(MAGIC)
    while start + HEADER.size <= len(data):
        _, kind, _, size, _, flags = HEADER.unpack_from(data, start)
        event = Event(kind, flags, start, start + size)
        if size < HEADER.size or event.end > len(data):
            return
        yield event
        start = event.end


def _format_event(data: memoryview) -> Event:
    """Return the first event of a relay log, or raise UnreadableError."""
    first = next(_events(data), None) if bytes(data[: len(MAGIC)]) == MAGIC else None
    if first is None or first.kind != FORMAT:
        raise UnreadableError("it does not begin as a relay log that is not encrypted")
    return first


def _statement(data: memoryview, event: Event) -> bytes:
    """Return the statement of a query event, with the checksum; or nothing if it is none."""
    body = event.start + HEADER.size
    if event.end < body + 13:
        return b""
    database, _, variables = struct.unpack_from("<BHH", data, body + 8)
    return bytes(data[body + 13 + variables + database + 1 : event.end])


def _is_last(data: memoryview, event: Event, is_first: bool) -> bool:
    """Return whether an event ends its transaction, of which it may be the first one."""
    if event.kind in (XID, XA_PREPARE, COMPRESSED):
        return True
    if event.kind != QUERY:
        return False
    statement = _statement(data, event)
    if is_first and statement:
        # Any other statement commits by itself, as one does that changes the schema.
        return not statement.startswith((b"BEGIN", b"XA START"))
    return statement[:6] == b"COMMIT" or (
        # Not to a savepoint.
        statement[:8] == b"ROLLBACK" and len(statement) <= len(b"ROLLBACK") + CHECKSUM
    )


def contents(data: memoryview) -> Contents:
    """
    Return what a relay log holds, or raise UnreadableError.

    data
        All of the file.
    """
    transactions, whole, closed = 0, _format_event(data).end, False
    begun: int | None = None
    is_first = False
    for event in _events(data):
        if event.kind in GTIDS:
            begun, is_first, closed = event.start, True, False
            continue
        if begun is not None:
            if _is_last(data, event, is_first):
                transactions, begun = transactions + 1, None
            is_first = False
        elif event.kind == ROTATE and not event.flags & OF_THE_RELAY_LOG:
            closed = transactions == 0
        if begun is None:
            whole = event.end
    return Contents(transactions, whole, closed)


def closing_file(data: memoryview) -> bytes:
    """
    Return a relay log that mysqld takes for whole, and in which there is nothing to apply.

    data
        All of a relay log of that server. UnreadableError is raised where it does not begin as one.
    """
    first = _format_event(data)
    described = bytes(data[first.start : first.end])
    checksum = CHECKSUM if described[-CHECKSUM - 1] == CRC32 else 0
    size = HEADER.size + 8 + len(SOURCE_FILE) + checksum
    # What a server wrote itself is no rotation of a source.
    other = HEADER.unpack_from(described)[2] ^ 1
    rotation = HEADER.pack(0, ROTATE, other, size, first.end + size, 0)
    rotation += len(MAGIC).to_bytes(8, "little") + SOURCE_FILE
    if checksum:
        rotation += zlib.crc32(rotation).to_bytes(CHECKSUM, "little")
    return MAGIC + described + rotation


def _put_behind(newest: Path, index: Path, content: bytes) -> Path:
    """Put a relay log behind the newest one, and return its path."""
    numbers = [int(file.suffix[1:]) for file in newest.parent.glob(f"{newest.stem}.[0-9]*")]
    behind = newest.with_suffix(f".{max(numbers) + 1:06}")
    write_whole(behind, content.decode("utf-8", "surrogateescape"), FILE_MODE)
    # Last, so that mysqld finds what the index names.
    listed = index.read_text(encoding="utf-8")
    write_whole(index, f"{listed}./{behind.name}\n", FILE_MODE)
    return behind


def close_newest(directory: Path) -> Iterator[str]:
    """
    Close the newest relay log of the applier, and say in sentences what was done.

    directory
        The server's data directory. mysqld must not run.

    Does nothing where there is no transaction to keep. Raises UnreadableError for a file that does
    not begin as a relay log does, and OSError.
    """
    index = directory / f"{BASE_NAME}-{CHANNEL}.index"
    if not index.exists():
        return
    files = [directory / name for name in index.read_text(encoding="utf-8").splitlines()]
    for file in reversed(files):
        with (
            file.open("rb") as opened,
            mmap(opened.fileno(), 0, access=ACCESS_READ) as mapped,
            memoryview(mapped) as data,
        ):
            size, found, closing = len(data), contents(data), closing_file(data)
        if found.whole < size:
            os.truncate(file, found.whole)
            yield (
                f"{file.name}: the last {size - found.whole} of {size} bytes are cut off:"
                " the transaction that begins there did not arrive whole"
            )
        if found.closed:
            return
        if found.transactions:
            behind = _put_behind(files[-1], index, closing)
            yield (
                f"{file.name}: holds {found.transactions} transactions;"
                f" {behind.name} is put behind it, so that mysqld keeps them"
            )
            return

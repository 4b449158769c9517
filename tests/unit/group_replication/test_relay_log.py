"""The newest relay log is closed so that mysqld cuts nothing off: files of its format as tables."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from group_replication import relay_log
from group_replication.relay_log import (
    FORMAT,
    GTIDS,
    MAGIC,
    OF_THE_RELAY_LOG,
    QUERY,
    ROTATE,
    XA_PREPARE,
    XID,
    UnreadableError,
    close_newest,
    closing_file,
    contents,
)

from tests.unit.programs import loaded

ROWS, PREVIOUS = 30, 35
SERVER = 2887520567
INDEX = "relay-bin-group_replication_applier.index"


def event(kind: int, body: bytes = b"", checksum: bool = False, flags: int = 0) -> bytes:
    size = 19 + len(body) + 4 * checksum
    head = struct.pack("<IBIIIH", 0, kind, SERVER, size, 0, flags)
    return head + body + (zlib.crc32(head + body).to_bytes(4, "little") if checksum else b"")


def begin(checksum: bool = False) -> bytes:
    """The first two events of a file, as mysqld writes them."""
    described = event(FORMAT, bytes(99) + bytes([checksum]), True, OF_THE_RELAY_LOG)
    return MAGIC + described + event(PREVIOUS, bytes(8), checksum, 0x80 | OF_THE_RELAY_LOG)


def query(statement: str, checksum: bool = False) -> bytes:
    variables, database = b"\x00" * 5, b"std"
    head = bytes(8) + struct.pack("<BHH", len(database), 0, len(variables))
    return event(QUERY, head + variables + database + b"\0" + statement.encode(), checksum)


GTID = event(GTIDS[0], bytes(60))
TAGGED = event(GTIDS[1], bytes(60))
END = event(XID, bytes(8))
INSERT = GTID + query("BEGIN") + event(ROWS, bytes(40)) + END
OPEN = GTID + query("BEGIN") + event(ROWS, bytes(40))
OWN_ROTATION = event(ROTATE, bytes(8) + b"relay-bin.000002", flags=OF_THE_RELAY_LOG)


@pytest.mark.parametrize(
    ("whole", "torn", "transactions"),
    [
        (b"", b"", 0),
        (INSERT, b"", 1),
        # Two servers' numbers may be equal: that makes neither of them less whole.
        (INSERT + INSERT, b"", 2),
        (INSERT, GTID, 1),
        (INSERT, OPEN, 1),
        (INSERT, INSERT[:-1], 1),
        (INSERT, GTID[:10], 1),
        (b"", OPEN, 0),
        # A disk that lost its power gives zeros.
        (INSERT, bytes(4096), 1),
        (INSERT, GTID + event(QUERY, b"short"), 1),
        (INSERT, GTID + event(QUERY, b"\xff" * 20), 1),
        (TAGGED + query("BEGIN") + END, OPEN, 1),
        (GTID + query("ALTER TABLE t ADD c INT"), b"", 1),
        (GTID + query("XA COMMIT X'31'"), b"", 1),
        (GTID + query("XA START X'31'") + event(XA_PREPARE), b"", 1),
        (b"", GTID + query("XA START X'31'"), 0),
        (GTID + query("BEGIN") + query("COMMIT"), b"", 1),
        (GTID + query("BEGIN") + query("ROLLBACK"), b"", 1),
        (b"", OPEN + query("SAVEPOINT `a`") + query("ROLLBACK TO `a`"), 0),
        (GTID + event(40, bytes(90)), b"", 1),
        # What mysqld adds between them.
        (INSERT + OWN_ROTATION, b"", 1),
        (event(FORMAT, bytes(104)) + INSERT + event(3), b"", 1),
    ],
)
def test_a_relay_log_ends_behind_its_last_whole_transaction(whole, torn, transactions):
    found = contents(memoryview(begin() + whole + torn))
    assert found == (transactions, len(begin() + whole), False)


def test_events_with_a_checksum_are_read_as_well():
    commit = event(GTIDS[0], bytes(60), True) + query("BEGIN", True) + query("COMMIT", True)
    torn = event(GTIDS[0], bytes(60), True) + query("BEGIN", True)
    data = begin(True) + commit
    assert contents(memoryview(data + torn)) == (1, len(data), False)


@pytest.mark.parametrize(
    "data", [b"", b"\xfdbin" + bytes(600), MAGIC, begin()[:50], MAGIC + INSERT]
)
def test_what_is_no_relay_log_is_refused(data):
    with pytest.raises(UnreadableError, match="does not begin as a relay log"):
        contents(memoryview(data))


@pytest.mark.parametrize("checksum", [False, True])
def test_a_closing_file_holds_a_rotation_of_another_server(checksum):
    data = closing_file(memoryview(begin(checksum) + INSERT))
    assert contents(memoryview(data)) == (0, len(data), True)
    described = begin()[4:127] if not checksum else begin(True)[4:127]
    assert data.startswith(MAGIC + described[:119])
    rotation = data[4 + len(described) :]
    _, kind, server, size, end, flags = struct.unpack_from("<IBIIIH", rotation)
    assert (kind, size, end, flags) == (ROTATE, len(rotation), len(data), 0)
    assert server not in (0, SERVER)
    assert rotation[19:32] == (4).to_bytes(8, "little") + b"FIRST"
    if checksum:
        assert zlib.crc32(rotation[:-4]).to_bytes(4, "little") == rotation[-4:]


@pytest.fixture
def directory(tmp_path):
    """A data directory with the relay logs of the applier that a test names."""

    def make(*files: bytes) -> Path:
        names = [f"relay-bin-group_replication_applier.{n:06}" for n in range(8, 8 + len(files))]
        for name, data in zip(names, files, strict=True):
            (tmp_path / name).write_bytes(data)
        (tmp_path / INDEX).write_text("".join(f"./{name}\n" for name in names))
        return tmp_path

    return make


def listed(directory: Path) -> list[tuple[str, int]]:
    lines = (directory / INDEX).read_text().splitlines()
    return [(line[-6:], (directory / line).stat().st_size) for line in lines]


CLOSING = closing_file(memoryview(begin()))
FULL = begin() + INSERT


@pytest.mark.parametrize(
    ("files", "sizes"),
    [
        ([FULL], [len(FULL), len(CLOSING)]),
        ([FULL + OPEN], [len(FULL), len(CLOSING)]),
        # A rotation, or a start without the group, leaves empty ones behind.
        ([FULL, begin()], [len(FULL), len(begin()), len(CLOSING)]),
        ([FULL, begin() + OPEN], [len(FULL), len(begin()), len(CLOSING)]),
        # Nothing to keep, or it is closed: nothing is added at the next start.
        ([begin()], [len(begin())]),
        ([begin() + OPEN], [len(begin())]),
        ([FULL, CLOSING], [len(FULL), len(CLOSING)]),
        ([FULL, CLOSING, begin()], [len(FULL), len(CLOSING), len(begin())]),
        ([FULL, CLOSING, FULL], [len(FULL), len(CLOSING), len(FULL), len(CLOSING)]),
    ],
)
def test_a_file_is_put_behind_what_is_to_be_kept(directory, files, sizes):
    path = directory(*files)
    said = list(close_newest(path))
    expected = [(f"{number:06}", size) for number, size in enumerate(sizes, start=8)]
    assert listed(path) == expected
    assert bool(said) == (len(sizes) != len(files) or sum(sizes) != sum(map(len, files)))
    # A second time there is nothing to do.
    assert list(close_newest(path)) == []
    assert listed(path) == expected
    assert not list(path.glob("*.unfinished"))


def test_what_is_done_is_said_and_goes_to_the_journal(directory, capsys):
    path = directory(FULL + INSERT + OPEN)
    program = loaded("close_relay_log")
    assert program.main(str(path)) == 0
    first, second = capsys.readouterr().out.splitlines()
    total = len(FULL + INSERT + OPEN)
    assert f"000008: the last {len(OPEN)} of {total} bytes are cut off" in first
    assert "000008: holds 2 transactions; relay-bin-group_replication_applier.000009" in second


def test_a_number_that_a_file_has_without_the_index_is_not_taken(directory):
    path = directory(FULL)
    (path / "relay-bin-group_replication_applier.000009").write_bytes(b"of mysqld")
    (path / "relay-bin-group_replication_applier.unfinished").write_bytes(b"of a run that was cut")
    list(close_newest(path))
    assert listed(path) == [("000008", len(FULL)), ("000010", len(CLOSING))]
    assert (path / "relay-bin-group_replication_applier.000009").read_bytes() == b"of mysqld"


@pytest.mark.parametrize("data", [b"", b"\xfdbin" + bytes(600)])
def test_a_file_that_is_not_understood_stays_and_the_start_goes_on(directory, capsys, data):
    path = directory(data)
    program = loaded("close_relay_log")
    assert program.main(str(path)) == 1
    assert "the applier's relay log stays as it is" in capsys.readouterr().err
    assert listed(path) == [("000008", len(data))]


def test_a_server_that_never_was_a_member_has_none(tmp_path):
    assert list(close_newest(tmp_path)) == []
    assert loaded("close_relay_log").main(str(tmp_path)) == 0
    assert relay_log.BASE_NAME == "relay-bin"

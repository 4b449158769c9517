"""What an archived log says, and where in it a point in time is."""

from __future__ import annotations

import pytest
from group_backup import archive
from group_backup.model import Transaction
from salt.exceptions import CommandExecutionError, SaltInvocationError

A = "aaaaaaaa-0000-0000-0000-000000000001"
# As mysqlbinlog 9.7 prints it with --base64-output=DECODE-ROWS.
PRINTED = f"""\
#261128 16:00:00 server id 2  end_log_pos 244 CRC32 0x1 \tGTID\tlast_committed=0\
\tsequence_number=1\trbr_only=yes\toriginal_committed_timestamp=1795881600039640\
\timmediate_commit_timestamp=1795881600041000\ttransaction_length=321
# original_commit_timestamp=1795881600039640 (2026-11-28 16:00:00.039640 UTC)
/*!80014 SET @@session.original_commit_timestamp=1795881600039640*//*!*/;
SET @@SESSION.GTID_NEXT= '{A}:905'/*!*/;
# at 244
#261128 16:00:00 server id 2  end_log_pos 318 CRC32 0x2 \tQuery\tthread_id=9\texec_time=0
SET TIMESTAMP=1795881600/*!*/;
SET @@session.sql_mode=1168113696/*!*/;
BEGIN
/*!*/;
# at 318
#261128 16:00:00 server id 2  end_log_pos 370 CRC32 0x3 \tTable_map: `shop`.`t` mapped to number 95
# at 370
#261128 16:00:00 server id 2  end_log_pos 420 CRC32 0x4 \tUpdate_rows: table id 95 flags: STMT_END_F
# at 420
#261128 16:00:00 server id 2  end_log_pos 451 CRC32 0x5 \tXid = 77
COMMIT/*!*/;
# at 451
#261128 16:00:01 server id 2  end_log_pos 530 CRC32 0x1 \tGTID\tlast_committed=1\
\tsequence_number=2\trbr_only=no\toriginal_committed_timestamp=1795881601000000\
\timmediate_commit_timestamp=1795881601000001\ttransaction_length=200
SET @@SESSION.GTID_NEXT= '{A}:906'/*!*/;
# at 530
#261128 16:00:01 server id 2  end_log_pos 651 CRC32 0x7 \tQuery\tthread_id=9\texec_time=0
use `shop`/*!*/;
SET TIMESTAMP=1795881601/*!*/;
/*!80013 SET @@session.sql_require_primary_key=1*//*!*/;
ALTER USER 'x'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '$A$secret'
/*!*/;
SET @@SESSION.GTID_NEXT= 'AUTOMATIC' /* added by mysqlbinlog */ /*!*/;
"""


def test_transactions_and_nothing_of_their_rows():
    assert list(archive.parse(PRINTED.splitlines(keepends=True))) == [
        Transaction(f"{A}:905", 1795881600039640, ("update shop.t",)),
        Transaction(f"{A}:906", 1795881601000000, ("ALTER USER",)),
    ]


def some(*numbers: int) -> list[Transaction]:
    """Transactions that were committed at their number, in seconds."""
    return [Transaction(f"{A}:{n}", n * 1_000_000, ()) for n in numbers]


def test_a_time_stops_before_the_first_that_is_later():
    # The third was committed on another member before the second arrived.
    found = archive.find("1970-01-01 00:00:03", f"{A}:1", some(2, 4, 3, 5))
    assert found.gtids == f"{A}:1-2"
    assert found.stop_before == f"{A}:4"
    assert [one.gtid[-1] for one in found.before] == ["2"]
    assert [one.gtid[-1] for one in found.after] == ["4", "3", "5"]


def test_a_gtid_is_the_last_one():
    found = archive.find(f"{A}:4", f"{A}:1", some(2, 4, 3, 5), around=1)
    assert found.gtids == f"{A}:1-2:4"
    assert found.stop_before == f"{A}:3"
    assert len(found.before) == len(found.after) == 1


def test_the_end_stops_before_nothing():
    assert archive.find("2030-01-01T00:00:00Z", "", some(1, 2)).stop_before == ""


def test_latest_is_all():
    found = archive.find("latest", f"{A}:1", some(2, 4, 3))
    assert (found.gtids, found.stop_before, found.after) == (f"{A}:1-4", "", ())


@pytest.mark.parametrize("point", ["yesterday", "", f"{A}:9", "14:03"])
def test_a_point_that_is_none_is_refused(point):
    with pytest.raises(SaltInvocationError, match="point is"):
        archive.find(point, f"{A}:1", some(2, 3))


LOGS = [
    {"name": "b.1", "previous": ""},
    {"name": "b.2", "previous": f"{A}:1-4"},
    {"name": "b.3", "previous": f"{A}:1-8"},
]


@pytest.mark.parametrize(
    ("have", "names"),
    [
        ("", ["b.1", "b.2", "b.3"]),
        (f"{A}:1-4", ["b.2", "b.3"]),
        (f"{A}:1-7", ["b.2", "b.3"]),
        (f"{A}:1-9", ["b.3"]),
    ],
)
def test_logs_that_are_needed(have, names):
    assert [one["name"] for one in archive.needed(LOGS, have)] == names


def test_a_gap_is_no_point_in_time():
    read = {"b.1": some(1, 2, 3, 4), "b.2": some(5, 6, 7), "b.3": some(9)}
    with pytest.raises(CommandExecutionError, match=rf"gap before b\.3: 1 .*{A}:8"):
        list(archive.after("", LOGS, read.__getitem__))
    with pytest.raises(CommandExecutionError, match=r"gap before b\.2"):
        list(archive.after("", LOGS[1:], read.__getitem__))
    read["b.2"] = some(5, 6, 7, 8)
    found = archive.after(f"{A}:1-5", LOGS[1:], read.__getitem__)
    assert [one.gtid for one in found] == [f"{A}:{n}" for n in (6, 7, 8, 9)]

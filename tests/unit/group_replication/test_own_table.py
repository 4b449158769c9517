"""A table of the group's own: without it there is no row."""

from __future__ import annotations

import contextlib

import pytest
from group_replication.own_table import has_table, one_row

ROW, QUERY = {"token": "a"}, "SELECT token FROM mysql_gr.operation"


class Server:
    """A server that has the table or not, and so many rows; it keeps what it was asked."""

    def __init__(self, table, row):
        self.table, self.row, self.asked = table, row, []

    def cursor(self):
        return contextlib.nullcontext(self)

    def execute(self, statement, values=()):
        self.asked.append((statement, values))

    def fetchall(self):
        return [{"1": 1}] if self.table else []

    def fetchone(self):
        return self.row


@pytest.mark.parametrize(
    ("table", "row", "expected", "asked"),
    [(True, ROW, ROW, 2), (True, None, None, 2), (False, ROW, None, 1)],
)
def test_the_row_of_a_table_that_may_not_be_there(table, row, expected, asked):
    server = Server(table, row)
    assert one_row(server, "operation", QUERY) == expected
    assert len(server.asked) == asked
    assert server.asked[0][1] == ("mysql_gr", "operation")
    assert asked == 1 or server.asked[1][0] == QUERY


@pytest.mark.parametrize("table", [True, False])
def test_whether_the_table_is_there(table):
    assert has_table(Server(table, ROW), "operation") is table

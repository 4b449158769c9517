"""PyMySQL may come when the library is loaded already."""

from __future__ import annotations

import sys

import pymysql
import pytest
from group_replication import connection, driver
from salt.exceptions import CommandExecutionError


def test_what_pymysql_has_is_had_by_its_name():
    assert driver.is_there()
    assert driver.OperationalError is pymysql.OperationalError
    assert driver.cursors.DictCursor is pymysql.cursors.DictCursor
    with pytest.raises(AttributeError):
        _ = driver.no_such_thing


def test_without_it_no_error_is_caught_and_its_absence_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymysql", None)
    assert not driver.is_there()
    # It stands where an error is caught, and nothing raises it.
    assert driver.Error is driver.OperationalError is driver.MissingError
    with (
        pytest.raises(CommandExecutionError, match=r"no PyMySQL; .*state\.apply mysql\.python"),
        connection.connect(unix_socket="/nowhere", user="root"),
    ):
        pytest.fail("it connects")
    # Installed meanwhile, by a state of the same run.
    monkeypatch.delitem(sys.modules, "pymysql")
    assert driver.is_there()

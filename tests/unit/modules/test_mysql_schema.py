"""What the module does beside its library: modes that are wrong."""

from __future__ import annotations

import pytest
from salt.exceptions import SaltInvocationError

import _modules.mysql_schema as mysql_schema
from tests.unit.group import pillar


def test_a_wrong_mode_is_named(monkeypatch):
    monkeypatch.setattr(mysql_schema, "__pillar__", pillar(), raising=False)
    monkeypatch.setattr(mysql_schema, "__opts__", {"id": "db1"}, raising=False)
    with pytest.raises(SaltInvocationError, match="mode is 'both'; expected multi-primary or"):
        mysql_schema.check("both")


def test_a_dump_is_one_text():
    dump = "SET @@SESSION.SQL_LOG_BIN= 0;\nCREATE TABLE `log` (`at` datetime) ENGINE=MyISAM;\n"
    for given in (dump, [dump]):
        found = mysql_schema.check_statements(given, "single-primary")
        assert [one["problem"] for one in found] == ["SQL_LOG_BIN", "no primary key", "engine"]

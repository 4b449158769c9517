"""Which accounts with a name of the group's own nothing declares."""

from __future__ import annotations

import pytest
from group_replication import stray_accounts
from group_replication.settings import settings_from
from group_replication.stray_accounts import strays

from tests.unit.group import pillar, set_key

HOST = "172.28.17.0/255.255.255.0"
OLD = "10.99.0.0/255.255.0.0"


def test_one_of_an_old_subnet_is_named_with_what_ends_it():
    declared = {"mysql_gr_admin": HOST, "mysql_gr_recovery": HOST}
    known = [{"user": name, "host": HOST} for name in declared]
    assert strays(declared, known) == []
    (told,) = strays(declared, [*known, {"user": "mysql_gr_recovery", "host": OLD}])
    assert told.startswith(f"account mysql_gr_recovery@{OLD} is declared with host {HOST} alone")
    assert told.endswith(f"DROP USER 'mysql_gr_recovery'@'{OLD}' ends that")


@pytest.mark.parametrize(("backup", "asked"), [(None, 3), ("a-long-password-5", 4)])
def test_only_the_group_s_own_names_are_asked_for(monkeypatch, backup, asked):
    told = []

    def rows(connection, statement, values):
        told.append((statement.count("%s"), values))
        return [{"user": values[1], "host": "localhost"}]

    monkeypatch.setattr(stray_accounts, "rows", rows)
    settings = settings_from(set_key(pillar(), "mysql:accounts:backup:password", backup), "db1")
    (found,) = stray_accounts.look(settings, None)
    assert "mysql_gr_recovery@localhost" in found
    ((marks, names),) = told
    assert marks == len(names) == asked
    assert settings.application.name not in names

"""Which accounts with a name of the group's own nothing declares."""

from __future__ import annotations

import pytest
from group_replication import stray_accounts
from group_replication.settings import settings_from
from group_replication.stray_accounts import renamed, strays

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

    def rows(connection, statement, values=()):
        if not values:
            return []
        told.append((statement.count("%s"), values))
        return [{"user": values[1], "host": "localhost"}]

    monkeypatch.setattr(stray_accounts, "rows", rows)
    settings = settings_from(set_key(pillar(), "mysql:accounts:backup:password", backup), "db1")
    (found,) = stray_accounts.look(settings, None)
    assert "mysql_gr_recovery@localhost" in found
    ((marks, names),) = told
    assert marks == len(names) == asked
    assert settings.application.name not in names


RECOVERY = ("REPLICATION SLAVE", "BACKUP_ADMIN", "CONNECTION_ADMIN", "GROUP_REPLICATION_STREAM")


@pytest.mark.parametrize(
    ("account", "privileges", "told"),
    [
        ("'mysql_gr_recovery'@'10.0.0.0/8'", RECOVERY, False),
        ("'recovery_of_old'@'10.0.0.0/8'", RECOVERY, True),
        # A person's own account may more, or something else.
        ("'dba'@'%'", (*RECOVERY, "SELECT"), False),
        ("'dba'@'%'", RECOVERY[:2], False),
        ("'app'@'%'", ("USAGE",), False),
    ],
)
def test_an_account_of_an_old_name_is_known_by_what_it_may(monkeypatch, account, privileges, told):
    def rows(connection, statement, values=()):
        return [] if values else [{"account": account, "privilege": one} for one in privileges]

    monkeypatch.setattr(stray_accounts, "rows", rows)
    found = stray_accounts.look(settings_from(pillar(), "db1"), None)
    assert len(found) == told
    if told:
        assert found[0].startswith(f"account {account} may what mysql_gr_recovery may")
        assert found[0].endswith(f"DROP USER {account} ends that")
    assert renamed({}, {account: frozenset(privileges)}) == []

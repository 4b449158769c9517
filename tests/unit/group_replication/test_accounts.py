"""Accounts with the least that they need, made by one member."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import accounts
from group_replication.accounts import (
    SCOPES,
    Grantee,
    attributes_lacking,
    coordinator_of,
    grantees,
    is_granted,
    parse_grants,
    surplus,
)
from group_replication.settings import settings_from
from salt.exceptions import SaltInvocationError

from tests.unit.group import (
    HOSTS,
    member,
    pillar,
    set_key,
)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([member("db3"), member("db2")], "db2"),
        ([member("db1", role="SECONDARY"), member("db3")], "db3"),
        ([member("db1", "RECOVERING"), member("db2")], "db2"),
        ([member("db1", "UNREACHABLE")], None),
        ([], None),
        # Those above the lowest version are read only while a group is upgraded.
        ([{**member("db1"), "version": "9.7.4"}, {**member("db2"), "version": "8.4.5"}], "db2"),
        ([{**member("db1"), "version": None}, {**member("db2"), "version": "8.4.5"}], "db1"),
    ],
)
def test_the_coordinator_is_the_first_declared_primary(rows, expected):
    assert coordinator_of(rows, HOSTS) == expected


def test_grants_are_read_as_mysql_prints_them():
    lines = [
        "GRANT REPLICATION SLAVE ON *.* TO `r`@`172.28.17.0/255.255.255.0`",
        "GRANT BACKUP_ADMIN,CONNECTION_ADMIN ON *.* TO `r`@`172.28.17.0/255.255.255.0`",
        "GRANT SELECT, INSERT ON `realworld`.* TO `r`@`%`",
    ]
    assert parse_grants(lines) == {
        ("REPLICATION SLAVE", "*.*"),
        ("BACKUP_ADMIN", "*.*"),
        ("CONNECTION_ADMIN", "*.*"),
        ("SELECT", "`realworld`.*"),
        ("INSERT", "`realworld`.*"),
    }


@pytest.mark.parametrize(
    ("line", "privilege", "target", "expected"),
    [
        ("GRANT SELECT ON `a`.* TO", "SELECT", "`a`.*", True),
        ("GRANT SELECT ON `a`.* TO", "INSERT", "`a`.*", False),
        ("GRANT ALL PRIVILEGES ON `a`.* TO", "INSERT", "`a`.*", True),
        ("GRANT ALL PRIVILEGES ON `a`.* TO", "INSERT", "`b`.*", False),
        ("GRANT ALL PRIVILEGES ON `a`.* TO", "SUPER", "*.*", False),
        ("GRANT SELECT, INSERT ON *.* TO", "INSERT", "`a`.*", True),
        ("GRANT ALL PRIVILEGES ON *.* TO", "INSERT", "`a`.`t`", True),
        ("GRANT SELECT (c) ON `a`.`t` TO", "SELECT", "`a`.`t`", False),
    ],
)
def test_a_privilege_may_be_held_by_a_wider_one(line, privilege, target, expected):
    granted = parse_grants([f"{line} `u`@`h`"])
    assert is_granted(privilege, target, granted) is expected


def test_an_underscore_in_a_database_stands_for_itself():
    declared = set_key(pillar(), "mysql:accounts:application:database", "a_shop")
    application, schema = grantees(settings_from(declared, "db1"), "application")
    assert list(application.grants) == [r"`a\_shop`.*"]
    assert list(schema.grants) == [r"`a\_shop`.*", "`mysql_gr`.`schema_change`"]


def test_the_application_changes_no_schema_and_gets_what_pillar_adds():
    key = "mysql:accounts:application:grants"
    added = {"re_ports.*": ["SELECT"], "re_ports.t": ["INSERT"], "realworld.*": ["EXECUTE"]}
    application, _ = grantees(settings_from(set_key(pillar(), key, added), "db1"), "application")
    assert application.grants == {
        r"`re\_ports`.*": ("SELECT",),
        "`re_ports`.`t`": ("INSERT",),
        "`realworld`.*": ("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"),
    }
    for wrong in ({"shop.*": ["ALTER"]}, {"shop": ["SELECT"]}, {"mysql.user": ["SELECT"]}, ["x"]):
        with pytest.raises(SaltInvocationError, match=f"pillar {key}"):
            settings_from(set_key(pillar(), key, wrong), "db1")


def test_a_further_application_s_accounts_reach_its_own_database_alone():
    passwords = {role: {"password": f"of-the-shop-{role}"} for role in ("application", "schema")}
    declared = set_key(pillar(), "mysql:accounts:applications", {"my_shop": passwords})
    first, schema, *further = grantees(settings_from(declared, "db1"), "application")
    # The first one's are what they were.
    assert [first, schema] == grantees(settings_from(pillar(), "db1"), "application")
    assert [str(one) for one in further] == [
        "my_shop@172.28.17.0/255.255.255.0",
        "my_shop_schema@172.28.17.0/255.255.255.0",
    ]
    assert [list(one.grants) for one in further] == [
        [r"`my\_shop`.*"],
        [r"`my\_shop`.*", "`mysql_gr`.`schema_change`"],
    ]
    assert further[0].grants[r"`my\_shop`.*"] == first.grants["`realworld`.*"]
    assert [one.password for one in further] == ["of-the-shop-application", "of-the-shop-schema"]


def test_what_an_account_does_not_need_is_named():
    settings = settings_from(pillar(), "db1")
    application, _ = grantees(settings, "application")
    shown = [
        "GRANT USAGE ON *.* TO `haproxy_root`@`h`",
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `realworld`.* TO `haproxy_root`@`h`",
        "GRANT SELECT (`a`, `b`), INSERT ON `shop`.`t` TO `haproxy_root`@`h`",
    ]
    assert surplus(application, parse_grants(shown)) == [
        ("CREATE", "`realworld`.*"),
        ("INSERT", "`shop`.`t`"),
        ("SELECT (`a`, `b`)", "`shop`.`t`"),
    ]
    assert surplus(application, parse_grants(shown[:1])) == []
    # What stands for all is taken away as such, and what is needed is given again.
    everything = parse_grants(["GRANT ALL PRIVILEGES ON `realworld`.* TO `haproxy_root`@`h`"])
    assert surplus(application, everything) == [("ALL PRIVILEGES", "`realworld`.*")]


def test_no_account_is_an_administrator():
    settings = settings_from(pillar(), "db1")
    for scope in SCOPES:
        for account in grantees(settings, scope):
            privileges = {p for granted in account.grants.values() for p in granted}
            assert not privileges & {"ALL", "ALL PRIVILEGES", "SUPER", "GRANT OPTION"}
            assert account.host in ("localhost", "172.28.17.0/255.255.255.0")


def test_the_admin_account_reads_all_and_changes_nothing():
    admin = grantees(settings_from(pillar(), "db1"), "members")[0]
    assert list(admin.grants) == ["*.*"]
    assert set(admin.grants["*.*"]) == {
        *("SERVICE_CONNECTION_ADMIN", "CONNECTION_ADMIN"),
        *("SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "SESSION_VARIABLES_ADMIN"),
    }


def test_the_backup_s_account_is_made_where_it_has_a_password_and_writes_nothing():
    assert len(grantees(settings_from(pillar(), "db1"), "application")) == 2
    declared = set_key(pillar(), "mysql:accounts:backup:password", "b" * 16)
    found = grantees(settings_from(declared, "db1"), "application")[-1]
    assert (found.name, found.tls, found.password) == ("mysql_gr_backup", True, "b" * 16)
    assert found.grants == {
        "*.*": ("REPLICATION SLAVE", "BACKUP_ADMIN"),
        "`performance_schema`.*": ("SELECT",),
    }


AS_MADE = {
    "plugin": "caching_sha2_password",
    "locked": "N",
    "expired": "N",
    "lifetime": 0,
    "attempts": None,
    "tls": "ANY",
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"plugin": "sha256_password"}, ["plugin caching_sha2_password"]),
        ({"locked": "Y"}, ["an account that is not locked"]),
        ({"expired": "Y"}, ["a password that has not expired"]),
        ({"lifetime": 90}, ["a password that does not expire"]),
        # As default_password_lifetime says, which may be changed.
        ({"lifetime": None}, ["a password that does not expire"]),
        ({"attempts": "0"}, []),
        ({"attempts": "3"}, ["no lock after failed logins"]),
        ({"tls": ""}, ["REQUIRE SSL"]),
    ],
)
def test_what_keeps_an_account_from_its_use_is_named(change, expected):
    admin = grantees(settings_from(pillar(), "db1"), "members")[0]
    assert attributes_lacking(admin, {**AS_MADE, **change}) == expected


def test_an_unknown_scope_is_named():
    with pytest.raises(
        SaltInvocationError, match="scope is 'all'; expected members or application"
    ):
        grantees(settings_from(pillar(), "db1"), "all")


class Quoting:
    """A session of a server with ANSI_QUOTES, where the account has all that it needs."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._rows: list[dict[str, str]] = []
        self._quote = '"'

    def cursor(self):
        return contextlib.nullcontext(self)

    def execute(self, statement, values=None):
        self.said.append(statement.split()[0])
        if "ANSI_QUOTES" in statement:
            self._quote = "`"
        on = "`shop`.*".replace("`", self._quote)
        self._rows = [
            {"Grants": "GRANT USAGE ON *.* TO `shop`@`%`"},
            {"Grants": f"GRANT SELECT, INSERT ON {on} TO `shop`@`%`"},
        ]

    def fetchall(self):
        return self._rows


def test_an_account_in_use_loses_nothing_where_names_are_shown_in_other_quotes(monkeypatch):
    session = Quoting()
    monkeypatch.setattr(accounts, "_differences_of", lambda *_: {})
    accounts._make_account(session, Grantee("shop", "%", {"`shop`.*": ("SELECT", "INSERT")}))
    assert "REVOKE" not in session.said
    assert session.said.count("GRANT") == 1

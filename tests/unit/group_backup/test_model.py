"""What all of the library speaks of shows no secret."""

from __future__ import annotations

from pathlib import Path

from group_backup.model import Settings, quoted
from group_replication.model import Account

SETTINGS = Settings(
    me="backup1",
    address="192.0.2.70",
    group="g",
    nodes={},
    account=Account("b", "a password of the account"),
    environment={"AWS_SECRET_ACCESS_KEY": "a secret of the site"},
)


def test_settings_in_a_log_show_neither_password_nor_environment():
    assert repr(SETTINGS) == f"{SETTINGS}" == "Settings('backup1')"


def test_places_follow_from_the_folder():
    one = SETTINGS._replace(directory="/data/backup")
    assert (one.place, one.archive) == (Path("/data/backup"), Path("/data/backup/archive"))


def test_members_are_verified_only_where_that_is_declared():
    assert SETTINGS.trusted == ""
    assert SETTINGS._replace(verify=True).trusted.endswith("ca.pem")


def test_a_name_ends_where_sql_ends_it():
    assert quoted("shop`; DROP DATABASE shop") == "`shop``; DROP DATABASE shop`"

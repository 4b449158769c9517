"""Settings of the backup machine: what pillar may say, and the files that hold them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from group_backup import settings
from group_backup.settings import (
    as_json,
    check_part,
    files_differ,
    from_json,
    repository_password,
    settings_from,
    write_files,
)
from salt.exceptions import SaltInvocationError

SECRET = "0123456789abcdef0123456789abcdef"
PILLAR: dict[str, Any] = {
    "cluster": {
        "subnet": "10.0.0.0/24",
        "nodes": {
            "db1": {"ip": "10.0.0.1", "role": "db"},
            "db2": {"ip": "10.0.0.2", "role": "db"},
            "backup1": {"ip": "10.0.0.9", "role": "backup"},
        },
    },
    "mysql": {
        "group": {"name": "8F6A2C1E-5b0d-4d7e-9a51-0c3f5d7e9b11"},
        "accounts": {"backup": {"password": SECRET}},
    },
    "backup": {"repository": {"password": SECRET}},
}


def changed(key: str, value: Any) -> dict[str, Any]:
    """The pillar with another value at a key."""
    pillar = copy.deepcopy(PILLAR)
    *parents, last = key.split(":")
    branch = pillar
    for parent in parents:
        branch = branch.setdefault(parent, {})
    branch[last] = value
    return pillar


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("shop", "'shop'"),
        (["shop", "Shop"], "'Shop'"),
        (["mysql"], "'mysql'"),
        (["-r"], "'-r'"),
        (["../shop"], "'../shop'"),
        ([{"shop": 1}], "a dict"),
    ],
)
def test_dumps_are_of_schemas(value, shown):
    with pytest.raises(SaltInvocationError, match=f"pillar backup:dumps is {shown}; expected a li"):
        settings_from(changed("backup:dumps", value), "backup1")


def test_defaults():
    found = settings_from(PILLAR, "backup1")
    assert found.nodes == {"db1": "10.0.0.1", "db2": "10.0.0.2"}
    assert found.group == "8f6a2c1e-5b0d-4d7e-9a51-0c3f5d7e9b11"
    assert found.account.name == "mysql_gr_backup"
    assert (found.full, found.logs, found.keep_days, found.archive_days) == (
        *("daily", "hourly"),
        *(7, 8),
    )
    assert settings_from(changed("backup:full", False), "backup1").full == ""
    assert found.dumps == []
    named = settings_from(changed("backup:dumps", ["shop", "my-shop"]), "backup1")
    assert from_json(as_json(named)).dumps == ["shop", "my-shop"]


def test_a_repository_may_only_grow():
    assert settings_from(PILLAR, "backup1").append_only is False
    assert settings_from(changed("backup:keep", False), "backup1").append_only is True


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("backup:keep", True, "pillar backup:keep is a bool; expected a mapping with days"),
        ("backup:fulls", "daily", "pillar backup:fulls is a key that nothing reads"),
        ("backup:full", "often", "backup:full is 'often'; expected daily, hourly"),
        ("backup:keep:days", 0, "backup:keep:days is '0'"),
        ("backup:archive_days", True, "backup:archive_days is 'True'"),
        ("backup:directory", "relative", "backup:directory is 'relative'"),
        ("backup:options", {"gtid_mode": False}, "backup:options:gtid_mode is 'False'"),
        ("backup:options", {"Log-Bin": "x"}, "backup:options:log_bin is 'x'"),
        ("backup:options", {"a": "x\ny"}, "backup:options:a is"),
        ("backup:repository:environment", {"LD_PRELOAD": "x"}, "LD_PRELOAD"),
        ("backup:repository:location", "a\nb", "backup:repository:location is not that"),
        ("backup:repository:location", "rest:https://u:p@h:8000/", "location holds a password"),
        ("mysql:accounts:backup:password", "short", "password is not that"),
        ("cluster:nodes:backup1:role", "db", "a node 'backup1' with role backup"),
    ],
)
def test_what_is_wrong_is_named(key, value, said):
    with pytest.raises(SaltInvocationError) as err:
        settings_from(changed(key, value), "backup1")
    assert said in str(err.value)


@pytest.mark.parametrize("value", [None, "short", 7, "x" * 20 + "\n"])
def test_a_wrong_password_of_the_repository_is_never_shown(value):
    with pytest.raises(SaltInvocationError) as err:
        repository_password(changed("backup:repository:password", value))
    assert "short" not in str(err.value)


def test_what_is_stored_is_read_again_and_shows_no_secret():
    found = settings_from(changed("backup:repository:environment", {"KEY": SECRET}), "backup1")
    assert from_json(as_json(found)) == found
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("tls", "verify"),
    [({}, False), ({"source": "ca"}, True), ({"source": "ca", "verify": False}, False)],
)
def test_members_are_verified_where_they_have_certificates(tls, verify):
    found = settings_from(changed("cluster:tls", tls), "backup1")
    assert found.verify is verify
    assert found.trusted == ("/etc/mysql/tls/ca.pem" if verify else "")
    assert from_json(as_json(found)) == found


def test_the_account_before_is_that_of_the_file(tmp_path, monkeypatch):
    file = tmp_path / "backup.json"
    monkeypatch.setattr(settings.model, "SETTINGS_FILE", file)
    assert settings.account_before() is None
    file.write_text("{")
    assert settings.account_before() is None
    found = settings_from(PILLAR, "backup1")
    file.write_text(as_json(found))
    assert settings.account_before() == found.account


def test_files_are_for_their_owner_alone(tmp_path, monkeypatch):
    for name in ("SETTINGS_FILE", "LOCATION_FILE", "PASSWORD_FILE"):
        monkeypatch.setattr(settings.model, name, tmp_path / "etc" / name)
    files = settings.files_of(settings_from(PILLAR, "backup1"), SECRET)
    assert len(files_differ(files)) == 3
    write_files(files)
    assert files_differ(files) == []
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    (tmp_path / "etc/PASSWORD_FILE").chmod(0o640)
    assert files_differ(files) == ["PASSWORD_FILE"]


@pytest.mark.parametrize("part", ["10%", "100%", "1/7"])
def test_a_part_that_can_be_read(part):
    check_part(part)


@pytest.mark.parametrize("part", ["", "0%", "101%", "10", "-1/7", "10% --password-command=x"])
def test_a_part_that_is_none(part):
    with pytest.raises(SaltInvocationError, match="part is"):
        check_part(part)

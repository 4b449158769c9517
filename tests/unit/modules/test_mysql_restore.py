"""Which machine is cloned, and that only a call that names this member begins a group."""

from __future__ import annotations

import pytest
from group_replication import receiving
from salt.exceptions import SaltInvocationError

import _modules.mysql_restore as module
from tests.unit.group import pillar, set_key

BACKUP = {"ip": "172.28.17.59", "role": "backup"}
PASSWORD = "mysql:accounts:backup:password"
DECLARED = set_key(
    set_key(pillar(), "cluster:nodes:backup1", BACKUP), PASSWORD, "a-long-password-5"
)


@pytest.fixture(autouse=True)
def minion(monkeypatch):
    monkeypatch.setattr(module, "__pillar__", DECLARED, raising=False)
    monkeypatch.setattr(module, "__opts__", {"id": "db1"}, raising=False)


def test_the_donor_is_a_declared_backup_machine(monkeypatch):
    told = []
    monkeypatch.setattr(receiving, "receive", lambda _, *more: told.append(more))
    module.receive("db1", "backup1", "ab", test=True)
    assert told == [("db1", "172.28.17.59", "ab", None, 60, True)]
    with pytest.raises(SaltInvocationError, match=r"donor is 'db2'; expected .*backup1"):
        module.receive("db1", "db2", "ab")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"member": "db2"}, "expected member=db1"),
        ({"member": "db1", "overwrite": "db2"}, "expected overwrite=db1"),
        ({"member": "db1", "overwrite": ""}, "expected overwrite=db1"),
    ],
)
def test_only_a_call_that_names_this_member(monkeypatch, given, words):
    monkeypatch.setattr(receiving, "certificate_of", None)
    with pytest.raises(SaltInvocationError, match=words):
        module.receive(donor="backup1", fingerprint="ab", **given)


def test_without_the_account_of_the_backups_there_is_nobody_to_clone_as(monkeypatch):
    monkeypatch.setattr(module, "__pillar__", set_key(DECLARED, PASSWORD, None))
    with pytest.raises(SaltInvocationError, match=PASSWORD):
        module.receive("db1", "backup1", "ab")

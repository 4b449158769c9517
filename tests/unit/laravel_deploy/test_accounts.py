"""Nothing of the application runs as root."""

from __future__ import annotations

import grp
import pwd

import pytest
from laravel_deploy import accounts
from laravel_deploy.accounts import owner_of, runs_as, unprivileged_ids
from salt.exceptions import CommandExecutionError, SaltInvocationError


def test_a_user_is_known_by_its_numbers():
    entry = pwd.getpwnam("nobody")
    assert unprivileged_ids("nobody", "builds") == (entry.pw_uid, entry.pw_gid)


@pytest.mark.parametrize("user", [None, "", "root", pwd.getpwuid(0).pw_name])
def test_root_is_refused(user):
    with pytest.raises(SaltInvocationError, match=r"wanted for builds; expected .* than root"):
        unprivileged_ids(user, "builds")


def test_a_user_that_is_not_there_is_named():
    with pytest.raises(CommandExecutionError, match="'no-such-user', wanted for builds"):
        unprivileged_ids("no-such-user", "builds")


def test_an_application_runs_as_the_owner_of_its_storage(tmp_path, monkeypatch):
    assert owner_of(str(tmp_path)) == ("www-data", "www-data")
    storage = tmp_path / "shared/storage"
    storage.mkdir(parents=True)
    info = storage.lstat()
    mine = (pwd.getpwuid(info.st_uid).pw_name, grp.getgrgid(info.st_gid).gr_name)
    # One that is root's by mistake is the web server's, as ever.
    expected = mine if info.st_uid else ("www-data", "www-data")
    assert owner_of(str(tmp_path)) == expected
    release = tmp_path / "releases/3f2a9c01be77"
    assert owner_of(str(release)) == expected
    monkeypatch.setattr(accounts, "REFUSED_UID", -1)
    assert runs_as(str(release), "") == mine
    assert runs_as(str(release), "", "readers") == (mine[0], "readers")
    # What a call says counts, also what is refused then.
    assert runs_as(str(release), "jane") == ("jane", mine[1])
    assert runs_as(str(release), None)[0] is None

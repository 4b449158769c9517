"""Nothing of the application runs as root."""

from __future__ import annotations

import pwd

import pytest
from laravel_deploy.accounts import unprivileged_ids
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

"""The folders that the web server writes to."""

from __future__ import annotations

import stat

import pytest
from laravel_deploy.files import ownership
from laravel_deploy.storage import FOLDERS, update_storage
from salt.exceptions import CommandExecutionError


@pytest.fixture
def wanted(tmp_path) -> dict[str, str]:
    owner = ownership(tmp_path)
    return {"user": owner["user"], "group": owner["group"], "mode": "0750"}


def test_a_storage_is_made_as_it_was_predicted_and_then_left(tmp_path, wanted):
    path = tmp_path / "storage"
    predicted = update_storage(path, wanted, test=True)
    assert not path.exists()
    assert len(predicted) == len(FOLDERS)
    assert update_storage(path, wanted, test=False) == predicted
    assert {stat.S_IMODE((path / name).stat().st_mode) for name in FOLDERS} == {0o750}
    assert update_storage(path, wanted, test=False) == {}
    (path / "framework/views").chmod(0o777)
    (path / "logs").rmdir()
    aim = f"{wanted['user']}:{wanted['group']} 0750"
    assert update_storage(path, wanted, test=False) == {
        f"{path}/framework/views": {"old": aim.replace("0750", "0777"), "new": aim},
        f"{path}/logs": {"old": "", "new": aim},
    }


def test_a_web_server_of_another_group_reaches_what_is_stored_for_all_and_no_more(tmp_path, wanted):
    path = tmp_path / "storage"
    made = update_storage(path, wanted, test=False, public=True)
    modes = {name: stat.S_IMODE((path / name).stat().st_mode) for name in FOLDERS}
    others = {name: mode & 0o007 for name, mode in modes.items() if mode & 0o007}
    assert others == {"": 0o001, "app": 0o001, "app/public": 0o005}
    assert {mode & 0o770 for mode in modes.values()} == {0o750}
    assert made[f"{path}/app/public"]["new"].endswith(" 0755")
    assert update_storage(path, wanted, test=False, public=True) == {}


@pytest.mark.parametrize("name", ["framework", "framework/cache", "logs"])
@pytest.mark.parametrize("test", [True, False])
def test_a_link_is_named_and_not_followed(tmp_path, wanted, name, test):
    path, victim = tmp_path / "storage", tmp_path / "victim"
    update_storage(path, wanted, test=False)
    victim.mkdir(mode=0o700)
    (path / name).rename(tmp_path / "real")
    (path / name).symlink_to(victim)
    with pytest.raises(CommandExecutionError) as err:
        update_storage(path, wanted, test)
    assert f"{path}/{name} is a link or no folder" in str(err.value)
    assert ([*victim.iterdir()], stat.S_IMODE(victim.stat().st_mode)) == ([], 0o700)


def test_a_user_that_is_to_be_made_yet_is_predicted(tmp_path, wanted):
    coming = {**wanted, "user": "no-such-user"}
    assert len(update_storage(tmp_path / "storage", coming, test=True)) == len(FOLDERS)
    with pytest.raises(CommandExecutionError, match="no-such-user"):
        update_storage(tmp_path / "storage", coming, test=False)

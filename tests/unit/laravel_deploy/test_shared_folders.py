"""Folders of the code that outlive a release."""

from __future__ import annotations

import re

import pytest
from laravel_deploy.shared_folders import (
    parse_shared_folders,
    served,
    storage_folders,
    suffix,
)
from laravel_deploy.storage import update_storage
from salt.exceptions import SaltInvocationError

FOLDERS = ["public/uploads", "var/data"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, []),
        ([], []),
        (["var/data", "public/uploads", "var/data"], FOLDERS),
        (["public/a", "public/a-b", "public/a.b"], ["public/a", "public/a-b", "public/a.b"]),
    ],
)
def test_folders_are_listed_once(given, found):
    assert parse_shared_folders(given) == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("public/uploads", "is 'public/uploads'; expected a list of folders of the code"),
        ({}, "is a dict; expected a list"),
        ([1], "is '1'; expected a folder's path"),
        (["/srv/uploads"], "is '/srv/uploads'; expected a folder's path in the code"),
        (["public/../.env"], "is 'public/../.env'; expected a folder's path"),
        (["public/.well-known"], "is 'public/.well-known'; expected a folder's path"),
        (["public/"], "is 'public/'; expected a folder's path"),
        (['public/a"b'], "is 'public/a\"b'; expected a folder's path"),
        (["public"], "is 'public'; expected a folder that holds no code"),
        (["public/storage"], "is 'public/storage'; expected a folder that holds no code"),
        (["storage/app"], "is 'storage/app'; expected a folder that holds no code"),
        (["vendor"], "is 'vendor'; expected a folder that holds no code"),
        (["a", "a-b", "a/c"], "is 'a/c'; expected a folder outside of a, which is shared"),
    ],
)
def test_what_can_be_no_shared_folder_is_named(given, said):
    with pytest.raises(
        SaltInvocationError, match=re.escape(f"laravel:shared_folders {said}")
    ) as at:
        parse_shared_folders(given)
    with pytest.raises(SaltInvocationError, match="laravel:applications:shop:shared_folders is"):
        parse_shared_folders(given, "laravel:applications:shop")
    assert at.value


def test_they_are_in_the_storage_behind_those_above_them():
    assert storage_folders([*FOLDERS, "public/a/b"]) == [
        "app/public/a",
        "app/public/a/b",
        "app/public/uploads",
        "app/var",
        "app/var/data",
    ]
    assert storage_folders([]) == []
    assert served(FOLDERS) == ["uploads"]


def test_releases_that_share_others_have_other_names():
    assert suffix([]) == ""
    assert suffix(FOLDERS) == suffix(FOLDERS[::-1]) != suffix(FOLDERS[:1])


def test_a_release_has_links_in_their_place(machine):
    (machine.source / "public/uploads").mkdir(parents=True)
    (machine.source / "public/uploads/old.png").write_text("of the source")
    (machine.source / "public/index.php").write_text("<?php")
    plain = machine.build()["release"]
    name = machine.build(shared_folders=FOLDERS)["release"]
    assert name == f"{plain}-{suffix(FOLDERS)}"
    owner = {"user": machine.user, "group": machine.group, "mode": "0750"}
    update_storage(machine.root / "shared/storage", owner, False, shared_folders=FOLDERS)
    for path in FOLDERS:
        (machine.root / f"shared/storage/app/{path}/new").write_text("kept")
        assert (machine.root / "releases" / name / path).is_symlink()
        assert (machine.root / "releases" / name / path / "new").read_text() == "kept"
    assert (machine.root / "releases" / name / "public/index.php").is_file()
    assert (machine.root / "releases" / plain / "public/uploads/old.png").is_file()
    # The source's own files are not deployed.
    shared = machine.root / "releases" / name / "public/uploads"
    assert [one.name for one in shared.iterdir()] == ["new"]


def test_the_web_server_may_read_those_that_it_serves(machine):
    owner = {"user": machine.user, "group": machine.group, "mode": "0750"}
    storage = machine.root / "shared/storage"
    changed = update_storage(storage, owner, False, True, FOLDERS)
    modes = {key.removeprefix(f"{storage}/app/"): one["new"][-4:] for key, one in changed.items()}
    assert (modes["public/uploads"], modes["var/data"]) == ("0755", "0750")
    assert update_storage(storage, owner, False, True, FOLDERS) == {}

"""The release functions of the execution module: what they hand to their library and back."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from laravel_deploy import lock
from laravel_deploy.lock import locked
from salt.exceptions import CommandExecutionError

import _modules.laravel_release as laravel_release
from tests.unit.laravel_deploy.conftest import anybody, machine  # noqa: F401

URL = "https://git.example.com/shop.git"


@pytest.fixture
def salt(monkeypatch, machine, tmp_path):  # noqa: F811
    """Give the module what Salt would; returns the functions."""
    functions = {
        "cmd.run_all": Mock(side_effect=machine.run_all),
        "cp.list_master": machine.list_master,
        "cp.cache_files": machine.cache_files,
    }
    monkeypatch.setattr(laravel_release, "__salt__", functions, raising=False)
    monkeypatch.setattr(laravel_release, "__context__", {}, raising=False)
    monkeypatch.setattr(laravel_release, "__opts__", {"cachedir": str(tmp_path)}, raising=False)
    return functions


def test_a_release_is_built_switched_to_taken_back_and_taken_away(machine, salt):  # noqa: F811
    root, as_whom = str(machine.root), {"user": None, "group": machine.group}
    names = []
    for text in ("1", "2", "3"):
        machine.change(text)
        told = laravel_release.source_release(root, "salt://app")
        made = laravel_release.build(root, "salt://app")
        assert (made["release"], made["built"]) == (told["release"], True)
        before = names[-1] if names else ""
        changed = laravel_release.switch(root, server=machine.server, **as_whom)
        names.append(made["release"])
        assert changed == {"old": before, "new": names[-1]}
    assert laravel_release.served(root) == names[2]
    assert laravel_release.served(root, {**machine.server, "host": "other"}) == ""
    assert laravel_release.cached(root) is True
    assert laravel_release.cache(root, **as_whom) is False
    assert [one["release"] for one in laravel_release.releases(root)] == names[::-1]
    assert laravel_release.rollback(root, names[1], **as_whom)["new"] == names[1]
    assert laravel_release.next_release(root)["stopped_by"] == "operator"
    gone = laravel_release.surplus(root, keep=2, live=names[2])
    assert gone == laravel_release.surplus(root, keep=2) == names[:1]
    assert laravel_release.prune(root, keep=2) == gone


def test_a_pinned_release_is_kept_and_who_let_it_serve_is_noted(machine, salt):  # noqa: F811
    root, as_whom = str(machine.root), {"user": None, "group": machine.group}
    first = laravel_release.build(root, "salt://app")["release"]
    laravel_release.switch(root, server=machine.server, by="sudo_jane", **as_whom)
    machine.change("2")
    second = laravel_release.build(root, "salt://app")["release"]
    for pin in ("live", first):
        told = laravel_release.source_release(root, "salt://app", release=pin)
        assert (told["release"], told["complete"]) == (first, True)
        assert laravel_release.next_release(root, predicted=True)["release"] == first
    made = laravel_release.build(root, "salt://app", release="live")
    assert made == {"release": first, "before": second, "built": False}
    machine.change("3")
    for call in (laravel_release.build, laravel_release.source_release):
        with pytest.raises(CommandExecutionError, match=r"release is 'nothing', .* makes"):
            call(root, "salt://app", release="nothing")
    laravel_release.switch(root, second, by="joe", **as_whom)
    laravel_release.rollback(root, by="jane", reason="web2 did not switch", **as_whom)
    found = {one["release"]: one for one in laravel_release.releases(root)}
    assert [told["by"] for told in found[first]["deployments"]] == ["sudo_jane", "jane"]
    assert [told["by"] for told in found[second]["deployments"]] == ["joe"]
    assert found[second]["stopped"] == "web2 did not switch"


def test_what_is_asked_of_a_build_reaches_it(machine, salt):  # noqa: F811
    root = str(machine.root)
    options = {"exclude": "vendor/*", "dev": True, "build": "2", "identity": "key"}
    made = laravel_release.build(
        root, "salt://app", **options, composer_home="/c", cache="/d", timeout=3
    )
    assert (
        made["release"] == laravel_release.source_release(root, "salt://app", **options)["release"]
    )
    assert made["release"].endswith("-dev-2")
    for composer in salt["cmd.run_all"].call_args_list:
        assert "--no-dev" not in composer.args[0]
        told = composer.kwargs["env"]
        assert (told["COMPOSER_HOME"], told["COMPOSER_CACHE_DIR"]) == ("/c", "/d")
        assert composer.kwargs["timeout"] == 3


def test_a_repository_is_asked_with_its_revision_and_key(machine, salt):  # noqa: F811
    refused = {"retcode": 128, "stdout": "", "stderr": "no such host"}
    salt["cmd.run_all"] = Mock(return_value=refused)
    with pytest.raises(CommandExecutionError, match="no such host"):
        laravel_release.build(str(machine.root), URL, rev="v1", identity="/root/.ssh/shop")
    asked = salt["cmd.run_all"].call_args
    assert asked.args[0] == ["git", "ls-remote", "--", URL, "v1", "v1^{}"]
    assert "-i /root/.ssh/shop" in asked.kwargs["env"]["GIT_SSH_COMMAND"]


def test_the_release_that_would_be_built_is_known_in_the_same_run(machine, salt):  # noqa: F811
    root = str(machine.root)
    first = laravel_release.build(root, "salt://app")["release"]
    machine.change("<?php // 2")
    told = laravel_release.build(root, "salt://app", test=True)
    coming = laravel_release.next_release(root, predicted=True)
    assert (coming["release"], coming["complete"]) == (told["release"], False)
    assert coming["migrations"] == ["2026_01_01_000001_create_a"]
    assert laravel_release.next_release(root)["release"] == first
    # Of another application nothing was told.
    assert laravel_release.next_release(f"{root}/other", predicted=True)["release"] == ""


def test_a_build_that_fails_is_known_all_the_same(machine, salt):  # noqa: F811
    machine.composer = 1
    with pytest.raises(CommandExecutionError, match="composer install failed"):
        laravel_release.build(str(machine.root), "salt://app")
    assert laravel_release.next_release(str(machine.root), predicted=True)["release"]


def test_a_build_waits_for_another_deployment_and_a_test_does_not(machine, salt, monkeypatch):  # noqa: F811
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.05)
    with locked(str(machine.root), lock.BUILD_LOCK):
        assert laravel_release.build(str(machine.root), "salt://app", test=True)["built"] is True
        with pytest.raises(CommandExecutionError, match="Another call"):
            laravel_release.build(str(machine.root), "salt://app")


def test_without_a_web_server_none_is_told(machine, salt):  # noqa: F811
    name = laravel_release.build(str(machine.root), "salt://app")["release"]
    laravel_release.switch(str(machine.root), user=None, group=machine.group)
    assert laravel_release.served(str(machine.root)) == name
    assert machine.forgotten == []


def test_a_release_is_rehearsed(machine, salt):  # noqa: F811
    laravel_release.build(str(machine.root), "salt://app")
    as_whom = {"user": None, "group": machine.group}
    assert laravel_release.rehearse(str(machine.root), pages=["/up"], **as_whom) is True
    assert laravel_release.rehearse(str(machine.root), **as_whom) is False

"""The host's own programs: secrets, keys, certificates, the network check, the Vagrantfile."""

from __future__ import annotations

import base64
import os
import re
import shlex
import stat
import subprocess
import uuid
from pathlib import Path

import pytest
import yaml

from tests.functional.conftest import ROOT
from vagrant import prepare
from vagrant.lab import box, containers, engine
from vagrant.lab import checkout as pins


def test_secrets_are_private_random_and_made_once(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    made = prepare.make_pillar(first)
    assert {path.stem for path in made} == set(prepare.SECRETS)
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    texts = {path.name: path.read_text() for path in made}
    assert prepare.make_pillar(first) == []
    assert {path.name: path.read_text() for path in first.iterdir()} == texts
    prepare.make_pillar(second)
    assert all((second / name).read_text() != text for name, text in texts.items())


def test_secrets_are_what_their_readers_take(tmp_path):
    prepare.make_pillar(tmp_path)
    pillar = {path.stem: yaml.safe_load(path.read_text()) for path in tmp_path.iterdir()}
    uuid.UUID(pillar["group"]["mysql"]["group"]["name"])
    key = pillar["laravel"]["laravel"]["secrets"]["app_key"]
    assert len(base64.b64decode(key.removeprefix("base64:"))) == 32
    assert len(pillar["mysql"]["mysql"]["accounts"]["recovery"]["password"]) == 32


def values(tree, place=()):
    """The values of a pillar by their keys."""
    if not isinstance(tree, dict):
        return {":".join(place): tree}
    return {
        key: value
        for one, below in tree.items()
        for key, value in values(below, (*place, one)).items()
    }


@pytest.mark.parametrize("name", [name for name in prepare.ROTATED if name != "jwt_secret"])
def test_a_rotated_secret_is_another_one_and_the_file_before_is_kept(tmp_path, name):
    prepare.make_pillar(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    key, _ = prepare.ROTATED[name]
    kept = {prepare.rotate(name, tmp_path) for _ in range(2)}
    assert len(kept) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())
    (changed,) = [one for one, text in before.items() if (tmp_path / one).read_text() != text]
    # The first that was kept is the file as it was; Salt reads no file with such a name.
    assert before[changed] in {path.read_text() for path in kept}
    assert all(path.suffix != ".sls" and path.name.startswith(changed) for path in kept)
    old, new = (
        yaml.safe_load(text) for text in (before[changed], (tmp_path / changed).read_text())
    )

    assert {one for one, value in values(old).items() if values(new)[one] != value} == {key}
    assert len(values(new)[key]) == len(values(old)[key])


def test_a_secret_of_tokens_is_rotated_and_the_one_before_counts_for_a_week(tmp_path, monkeypatch):
    prepare.make_pillar(tmp_path)
    file = tmp_path / "laravel.sls"
    before = values(yaml.safe_load(file.read_text()))
    monkeypatch.setattr(prepare.time, "time", lambda: 1796472000)
    kept = prepare.rotate("jwt_secret", tmp_path)
    after = values(yaml.safe_load(file.read_text()))
    assert {key: after[key] for key in before.keys() - {"laravel:secrets:jwt_secret"}} == {
        key: before[key] for key in before.keys() - {"laravel:secrets:jwt_secret"}
    }
    assert {key: after[key] for key in after.keys() - before.keys()} == {
        "laravel:secrets:jwt_accepted": before["laravel:secrets:jwt_secret"],
        "laravel:jwt_accepted_until": "2026-12-12 12:00",
    }
    assert len(after["laravel:secrets:jwt_secret"]) == 64
    # Again: refused while the one before counts, and its place is used then.
    with pytest.raises(SystemExit, match="jwt_accepted_until is 2026-12-12 12:00: tokens of"):
        prepare.rotate("jwt_secret", tmp_path)
    assert values(yaml.safe_load(file.read_text())) == after
    monkeypatch.setattr(prepare.time, "time", lambda: 1796472000 + prepare.TOKEN_SECONDS)
    assert prepare.rotate("jwt_secret", tmp_path) != kept
    last = values(yaml.safe_load(file.read_text()))
    assert last.keys() == after.keys()
    assert last["laravel:secrets:jwt_accepted"] == after["laravel:secrets:jwt_secret"]


def test_what_cannot_be_rotated_is_refused(tmp_path):
    prepare.make_pillar(tmp_path)
    with pytest.raises(SystemExit, match="rotate is 'group'; expected one of admin, recovery"):
        prepare.rotate("group", tmp_path)
    (tmp_path / "haproxy.sls").write_text("haproxy: {stats: {password: x}}\n")
    with pytest.raises(SystemExit, match="there is no haproxy:stats:password in the file"):
        prepare.rotate("statistics", tmp_path)


def test_salt_keys_are_pairs_and_kept(tmp_path):
    (private,) = prepare.make_keys(["db1"], tmp_path)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert prepare.make_keys(["db1"], tmp_path) == []
    public = (tmp_path / "db1.pub").read_text()
    assert public == prepare.openssl("rsa", "-pubout", stdin=private.read_text())
    assert public.startswith("-----BEGIN PUBLIC KEY-----")


def certificate(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n"


def test_only_a_sites_own_certificates_are_carried(tmp_path):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "known.crt").write_text(certificate("known"))
    bundle, target = tmp_path / "bundle", tmp_path / "site.crt"
    bundle.write_text(certificate("known") + "# site\n" + certificate("own") + certificate("own"))
    prepare.carry_certificates(bundle, shipped, target)
    assert target.read_text() == certificate("own")
    prepare.carry_certificates(tmp_path / "none", shipped, target)
    assert target.read_text() == ""


@pytest.mark.parametrize(("text", "stale"), [("999999999", True), ("1", True), (None, False)])
def test_only_a_pid_file_of_another_program_is_stale(tmp_path, text, stale):
    path = tmp_path / f"{Path('/proc/self/comm').read_text().strip()}.pid"
    assert not engine.is_stale(path)
    path.write_text(text or str(os.getpid()))
    assert engine.is_stale(path) is stale


def test_git_ignores_every_secret():
    for name in (
        "pillar/secrets/mysql.sls",
        ".lab/keys/master.pem",
        ".vagrant/machines",
        ".venv/x",
    ):
        ignored = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False)
        assert ignored.returncode == 0, name


def test_one_version_of_salt():
    for path in ROOT.glob("vagrant/**/*.py"):
        assert not re.search(r"\b300[0-9]\.[0-9]\b(?! or)", path.read_text()), path.name
    assert pins.salt_version() == __import__("salt.version").version.__version__


def test_the_box_is_told_what_the_modules_need():
    (hook,) = [hook for hook in box.box_hooks() if "bootstrap.sh -N" in hook]
    words = shlex.split(hook)
    told = [words[at + 1] for at, word in enumerate(words) if word == "-p"]
    assert told == pins.packages()
    assert {re.split(r"[<>=]", package)[0] for package in told} == {"PyMySQL", "prometheus_client"}
    assert words[-2:] == ["pip", pins.salt_version()]


def test_the_bootstrap_script_refuses_what_it_does_not_know():
    script = str(ROOT / "vagrant/bootstrap.sh")
    for arguments, words in [
        (["-Z"], "option -Z is not known"),
        (["-j", "{}"], "process list"),
        (["-x", "python3.9", "pip", "3008.3"], "python3 is used"),
        (["stable", "3008.3"], "only 'pip' is known"),
    ]:
        answer = subprocess.run(["bash", script, *arguments], capture_output=True, text=True)
        assert answer.returncode == 1
        assert words in answer.stderr


def test_only_bridges_that_docker_forgot_are_removed():
    routes = (
        "172.28.17.0/24 dev br-07aa0fc1483a proto kernel scope link src 172.28.17.1\n"
        "172.28.17.0/24 dev br-77a7c17a999b proto kernel scope link src 172.28.17.1\n"
        "172.28.17.0/24 dev br-office proto kernel scope link src 172.28.17.1\n"
        "172.28.17.0/24 dev vboxnet0 proto kernel scope link src 172.28.17.1\n"
    )
    assert engine.stale_bridges(routes, "77a7c17a999b\n57c187c03496\n") == ["br-07aa0fc1483a"]
    assert engine.stale_bridges("", "77a7c17a999b\n") == []


def test_machines_of_another_checkout_are_in_the_way_by_name_or_address():
    table = {"subnet": "172.28.17.0/24", "nodes": {"db1": {}, "web": {}}}
    rows = [
        ("/a_db1_1", str(ROOT), "db1", "172.17.0.2 172.28.17.53 "),
        ("/b_db1_1", "/elsewhere", "db1", "172.17.0.3 172.28.18.53 "),
        ("/c_db7_1", "/elsewhere", "db7", "172.17.0.4 172.28.17.59 "),
        ("/d_db8_1", "/elsewhere", "db8", "172.17.0.5 172.28.18.60 "),
        ("/e_db9_1", "/elsewhere", "db9", ""),
    ]
    assert containers.in_the_way(table, rows) == ["b_db1_1 of /elsewhere", "c_db7_1 of /elsewhere"]

"""`make up` and its kin on hosts that lack something: messages, logs, whose the files are."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.conftest import ROOT
from vagrant.lab import commands, host, programs
from vagrant.lab.errors import LabError

# What a host has in any case; what is tested is put beside these.
BASE = (
    *("bash", "sh", "env", "id", "dirname", "mkdir", "chmod", "chown", "tail", "sed", "cat", "tee"),
    *("openssl", "ssh-keygen", "grep", "true", "rm"),
)
DOCKER = """#!/bin/sh
case $1 in
    info) echo '{"DockerRootDir": "/", "ServerVersion": "28.0.1"}' ;;
    network) [ "$2" = ls ] && echo 1 ||
        echo '[{"Name": "office", "IPAM": {"Config": [{"Subnet": "172.28.0.0/16"}]}}]' ;;
    *) exit 1 ;;
esac
"""


@pytest.fixture
def a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """A PATH of its own, with some programs that do as they are told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in BASE:
        (folder / name).symlink_to(str(shutil.which(name)))
    (folder / "python3").symlink_to("/usr/bin/python3")

    def make(**scripts: str) -> dict[str, str]:
        for name, text in scripts.items():
            program = folder / name.replace("_", "-")
            program.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        return {"PATH": str(folder), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}

    monkeypatch.setattr(programs, "which", lambda name: shutil.which(name, path=str(folder)))
    monkeypatch.setattr(host, "which", programs.which)
    return make


@pytest.fixture
def judged(a_host, monkeypatch) -> Callable[..., str]:
    """A maker of what `make up` says of a host with some programs, before it does anything."""

    def judge(table: dict[str, object] | None = None, **scripts: str) -> str:
        for key, value in a_host(**scripts).items():
            monkeypatch.setenv(key, value)
        monkeypatch.setattr("vagrant.lab.docker.which", programs.which)
        monkeypatch.setattr("vagrant.lab.docker.connects", lambda _: False)
        monkeypatch.delenv("DOCKER_HOST", raising=False)
        nodes = {"one": {"ip": "172.28.17.50", "role": "master"}}
        try:
            lacking = host.judge(
                {"subnet": "172.28.17.0/24", "nodes": nodes, **(table or {})}, "docker"
            )
        except LabError as err:
            return str(err)
        return "to install: " + " ".join(need.what for need in lacking)

    return judge


NEW, OLD = "echo Vagrant 2.4.9", "echo Vagrant 2.2.19"
QUIET = DOCKER.replace("172.28.0.0/16", "10.99.0.0/16")


def test_an_engine_that_answers_is_used_whosever_it_is(judged):
    said = judged(docker=QUIET, vagrant=NEW, apt_get="true")
    assert said.startswith("to install: ")
    assert not {"docker", "dockerd", "iptables", "vagrant"} & {*said.split()}


def test_docker_is_installed_where_there_is_neither_program_nor_engine(judged):
    assert {"docker", "dockerd", "iptables"} <= {*judged(vagrant=NEW, apt_get="true").split()}


def test_a_host_without_apt_is_told_all_that_is_missing_at_once(judged):
    said = judged()
    assert "no apt-get to install it: vagrant, docker, ip, dockerd, iptables, mmdebstrap" in said
    assert programs.VAGRANT_FROM in said


def test_a_host_without_apt_that_has_all_is_ready(judged, monkeypatch):
    monkeypatch.setattr(host, "box_is_there", lambda: True)
    assert judged(docker=QUIET, vagrant=NEW, ip="true") == "to install: "


def test_all_that_is_in_the_way_is_in_one_message(judged):
    table = {"nodes": {"one": {"ip": "172.28.99.50", "role": "master"}}}
    said = judged(table, docker=DOCKER, vagrant=OLD, apt_get="true")
    assert said.startswith("this host is not ready:\n  - `vagrant --version` says 'Vagrant 2.2.19'")
    assert "cluster:nodes:one:ip is 172.28.99.50, outside cluster:subnet" in said
    assert "overlaps with docker's network office" in judged(docker=DOCKER, vagrant=OLD)


def host_sh(environment: dict[str, str], checkout: Path, *words: str, **more: str):
    return subprocess.run(
        ["bash", str(checkout / "vagrant/host.sh"), *words],
        env={**environment, **more},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout of which only the script matters."""
    target = tmp_path / "checkout"
    (target / "vagrant").mkdir(parents=True)
    shutil.copy(ROOT / "vagrant/host.sh", target / "vagrant")
    return target


WANTED = ("git", "no-such=its-package", "import:no_such_module=python3-no-such", "file:/no/such*=x")


def test_the_bootstrap_looks_for_programs_modules_and_files(a_host, place):
    environment = a_host(git="true")
    answer = host_sh(environment, place, "git", "import:json=x", "file:/etc/pass*=x")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_the_bootstrap_names_all_at_once_where_there_is_no_apt(a_host, place):
    answer = host_sh(a_host(), place, *WANTED, "--", "vagrant-no-such", "openssl")
    assert answer.returncode == 1
    assert answer.stderr == (
        "missing on this host, which has no apt-get to install it: "
        "git no-such import:no_such_module file:/no/such* vagrant-no-such\n"
    )
    assert not (place / ".lab").exists()


APT = 'echo "apt-get $*"; echo "E: it has reasons" >&2; [ "$1" != install ] || exit 100'


def test_a_failed_installation_shows_the_end_of_its_log(a_host, place):
    environment = a_host(apt_get=APT, sudo='[ "$1" = -v ] || exec "$@"', stat="echo 0")
    answer = host_sh(environment, place, *WANTED)
    log = place / ".lab/log/packages.log"
    assert answer.returncode == 1
    assert "the end of .lab/log/packages.log:\n" in answer.stderr
    assert "    E: it has reasons\n" in answer.stderr
    assert "apt-get" not in answer.stdout
    assert (
        "install -q -y --no-install-recommends git its-package python3-no-such x" in log.read_text()
    )
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    answer = host_sh(environment, place, *WANTED, VERBOSE="1")
    assert answer.returncode != 0
    assert "E: it has reasons" in answer.stdout


def lab(checkout: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-m", "vagrant.lab", *words],
        cwd=checkout,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def own(tmp_path: Path, checkout: Path) -> Path:
    """A checkout with the programs of the host, in which logs may be made."""
    target = tmp_path / "own"
    shutil.copytree(ROOT / "vagrant", target / "vagrant")
    shutil.copytree(
        checkout / "pillar", target / "pillar", ignore=shutil.ignore_patterns("secrets")
    )
    return target


SPEAKS = ("sh", "-c", "echo spoken; echo of; exit $0")


def test_a_commands_output_goes_to_a_private_log(own):
    answer = lab(own, "logged", "a thing", *SPEAKS, "0")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("==> a thing: done in ")
    assert len(answer.stdout.splitlines()) == 1
    log = own / ".lab/log/a-thing.log"
    assert log.read_text().endswith("\nspoken\nof\n")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_command_that_fails_is_shown_with_its_log(own):
    answer = lab(own, "logged", "a thing", *SPEAKS, "3")
    assert answer.returncode == 1
    assert "a thing failed after" in answer.stderr
    assert "failed with 3" in answer.stderr
    assert answer.stderr.endswith(
        "the end of .lab/log/a-thing.log:\n"
        + commands.tail((own / ".lab/log/a-thing.log").read_text(), None)
        + "\n"
    )


def test_verbose_shows_all_of_it_once(own):
    answer = lab(own, "logged", "a thing", *SPEAKS, "3", VERBOSE="1")
    assert "\nspoken\nof\n" in answer.stdout
    assert "spoken\n    of" not in answer.stderr
    assert (own / ".lab/log/a-thing.log").read_text().endswith("spoken\nof\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for another user")
def test_what_root_makes_in_a_users_checkout_is_the_users(own):
    nobody = pwd.getpwnam("nobody")
    for path in [own, *own.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    for parent in own.parents[:3]:
        parent.chmod(0o755)
    answer = lab(own, "logged", "a thing", "sh", "-c", "id -un; touch made; ls /root")
    assert answer.returncode == 1, "root's own folder is readable"
    assert "\n    nobody\n" in answer.stderr
    assert {path.stat().st_uid for path in own.rglob("*")} == {nobody.pw_uid}
    assert (own / "made").exists()
    answer = lab(own, "as-worker", "sh", "-c", "id -u; id -g; id -G; echo $HOME; touch too; exit 7")
    assert answer.returncode == 7
    assert answer.stdout.splitlines()[:2] == [str(nobody.pw_uid), str(nobody.pw_gid)]
    assert "0" not in answer.stdout.splitlines()[2].split()
    assert answer.stdout.splitlines()[3] == nobody.pw_dir
    assert (own / "too").stat().st_uid == nobody.pw_uid


FILE = """
import pytest, warnings
def test_good(): print("said in passing")
def test_warns(): warnings.warn("old")
def test_bad(): assert 6 * 9 == 42
@pytest.mark.skip(reason="no moon")
def test_skipped(): pass
@pytest.fixture
def broken(): raise RuntimeError("fixture broke")
def test_error(broken): pass
"""


def group(own: Path, name: str, text: str, **more: str) -> subprocess.CompletedProcess[str]:
    support = own / "tests/support"
    support.mkdir(parents=True, exist_ok=True)
    for folder in (support, support.parent):
        (folder / "__init__.py").touch()
    shutil.copy(ROOT / "tests/support/progress.py", support)
    (own / "tests/test_it.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.progress", "--group", name, "tests"],
        cwd=own,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_group_of_tests_shows_how_far_it_is_and_failures_whole(own):
    answer = group(own, "mine", FILE)
    assert answer.returncode == 1
    lines = answer.stdout.splitlines()
    assert lines[:2] == [
        "    failed: tests/test_it.py::test_bad: assert (6 * 9) == 42",
        "    error: tests/test_it.py::test_error: RuntimeError: fixture broke",
    ]
    assert lines[2].startswith("    tests/test_it.py: 2 passed, 1 failed, 1 error, 1 skipped in ")
    assert "assert (6 * 9) == 42" in answer.stdout
    assert "RuntimeError: fixture broke" in answer.stdout
    assert "warnings summary" not in answer.stdout
    assert "test_good" not in answer.stdout
    assert lines[-2].startswith("=")
    assert "1 failed, 2 passed, 1 skipped, 1 warning, 1 error in" in lines[-2]
    assert lines[-1].startswith("==> mine tests: 2 passed, 1 failed, 1 error, 1 skipped in ")
    log = own / ".lab/log/test-mine.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    for words in ("test_good PASSED", "warnings summary", "assert (6 * 9) == 42"):
        assert words in log.read_text()


def test_a_good_group_of_tests_is_short_and_closes_with_pytests_line(own):
    answer = group(own, "mine", "def test_a(): pass\n")
    assert answer.returncode == 0
    lines = [line for line in answer.stdout.splitlines() if line]
    assert len(lines) <= 5
    assert "1 passed in" in lines[-2]
    answer = group(own, "mine", "def test_a(): pass\n", VERBOSE="1")
    assert "tests/test_it.py::test_a PASSED" in answer.stdout
    assert "1 passed in" in answer.stdout


def test_tests_that_cannot_be_collected_are_shown(own):
    answer = group(own, "mine", "import no_such_module\n")
    assert answer.returncode == 2
    assert "No module named 'no_such_module'" in answer.stdout
    assert "1 error in" in answer.stdout

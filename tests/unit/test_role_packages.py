"""What machines serve with, and how a program that is not installed judges what is configured."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import role_packages
import server_packages
from haproxy_config.judge import judge
from haproxy_config.sections import fill, of_text
from role_packages import INSTALLED, Service
from salt.exceptions import CommandExecutionError

import _modules.haproxy_cfg as haproxy_cfg

HAPROXY = shutil.which("haproxy")
PHP = "php8.4-fpm"


def run(command, **_):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"retcode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def never(program):
    raise AssertionError(program)


@pytest.mark.parametrize(
    ("role", "there", "units"),
    [
        ("proxy", ["haproxy", "keepalived", "apache2"], ["haproxy", "keepalived"]),
        ("proxy", ["haproxy"], ["haproxy"]),
        ("web", ["apache2", PHP, "php8.4-cli", "php-fpm"], [PHP, "apache2"]),
        ("web", ["apache2", "php8.3-fpm", PHP], ["php8.3-fpm", PHP, "apache2"]),
        ("db", ["mysql-server", "haproxy"], []),
        ("", ["haproxy"], []),
    ],
)
def test_a_role_serves_with_what_is_installed(role, there, units):
    assert [one.unit for one in role_packages.services(role, {}, there)] == units


def test_other_names_are_the_pillars():
    pillar = {
        "haproxy": {"package": "haproxy-x", "service": "lb", "config": {"path": "/x"}},
        "apache": {"package": "httpd", "service": "httpd", "config": "/etc/httpd", "hold": False},
    }
    (proxy,) = role_packages.services("proxy", pillar, ["haproxy-x"])
    assert proxy == Service("haproxy", "haproxy-x", "lb", "/x")
    (web,) = role_packages.services("web", pillar, ["httpd"])
    assert web == Service("apache", "httpd", "httpd", "/etc/httpd")
    assert role_packages.is_held("haproxy", pillar)
    assert not role_packages.is_held("apache", pillar)


def test_a_process_says_that_its_program_was_replaced(tmp_path):
    program = tmp_path / "sleep"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([str(program), "60"]) as process:
        try:
            assert not role_packages.runs_old_files(process.pid)
            # As dpkg puts a new one in its place.
            shutil.copy("/bin/sleep", tmp_path / "new")
            (tmp_path / "new").rename(program)
            assert role_packages.runs_old_files(process.pid)
            assert role_packages.runs_old_files(process.pid, libraries=False)
        finally:
            process.kill()
    assert not role_packages.runs_old_files(0)


def test_libraries_count_for_a_restart_alone(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/exe").symlink_to("/usr/sbin/apache2")
    for end, old in (
        ("libssl.so.3 (deleted)", True),
        ("libssl.so.3", False),
        ("x (deleted)", False),
    ):
        (tmp_path / "7/maps").write_text(f"7f-8f r-xp 00 08:01 1   /usr/lib/{end}\n7f-8f rw-p\n")
        assert role_packages.runs_old_files(7, proc=tmp_path) is old
        assert not role_packages.runs_old_files(7, libraries=False, proc=tmp_path)


# ---- a program that is unpacked beside ----

FAKE = """#!/bin/sh
case "$1" in -v) exit {starts};; esac
echo "$0 $*"
exit {refuses}
"""


def program(root: Path, name: str, refuses: int = 0, starts: int = 0) -> None:
    path = root / "usr/sbin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FAKE.format(refuses=refuses, starts=starts))
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("service", "name", "more", "words"),
    [
        (Service("keepalived", "keepalived", "k", "/k.conf"), "keepalived", "",
         "--config-test --use-file=/k.conf"),
        (Service("php", PHP, PHP, "/etc/php/8.4/fpm"), "php-fpm8.4", "usr/lib/php/20240924/a.so",
         "--test -d extension_dir={root}/usr/lib/php/20240924"),
        (Service("php", PHP, PHP, "/etc/php/8.4/fpm"), "php-fpm8.4", "", "--test"),
    ],
)  # fmt: skip
def test_a_new_program_is_asked_where_it_lies(tmp_path, service, name, more, words):
    if more:
        (tmp_path / more).parent.mkdir(parents=True)
        (tmp_path / more).touch()
    program(tmp_path, name, refuses=1)
    why = role_packages.refused(service, tmp_path, run, never)
    assert why.endswith(f"/{name} {words.format(root=tmp_path)}")
    program(tmp_path, name)
    assert role_packages.refused(service, tmp_path, run, never) == ""


def test_a_program_whose_library_is_still_to_come_is_not_asked(tmp_path):
    service = Service("keepalived", "keepalived", "k", "/k.conf")
    program(tmp_path, "keepalived", refuses=1, starts=127)
    assert role_packages.refused(service, tmp_path, run, never) == ""


def test_a_program_that_does_not_answer_has_refused(tmp_path):
    def silent(command, **_):
        return {"retcode": None, "stdout": "", "stderr": ""}

    service = Service("php", PHP, PHP, "/etc/php/8.4/fpm")
    why = role_packages.refused(service, INSTALLED, silent, never)
    assert why == "/usr/sbin/php-fpm8.4 did not answer within 30 s"


# ---- the real HAProxy, as a package ----


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with this machine's HAProxy in it."""
    if not HAPROXY or not shutil.which("dpkg-deb"):
        pytest.skip("haproxy and dpkg-deb are not installed")
    (tmp_path / "made/DEBIAN").mkdir(parents=True)
    (tmp_path / "made/usr/sbin").mkdir(parents=True)
    shutil.copy(HAPROXY, tmp_path / "made/usr/sbin/haproxy")
    (tmp_path / "made/DEBIAN/control").write_text(
        "Package: haproxy\nVersion: 9-1\nArchitecture: all\nMaintainer: a <a@example.com>\n"
        "Description: a trial\n"
    )
    archive = tmp_path / "haproxy_9-1_all.deb"
    build = ["dpkg-deb", "--build", "-Znone", str(tmp_path / "made"), str(archive)]
    subprocess.run(build, check=True, capture_output=True)
    monkeypatch.setattr(server_packages, "SCRATCH", str(tmp_path))
    return archive


@pytest.mark.parametrize(
    ("line", "why"),
    [("retries 2", ""), ("no-such-word", "unknown keyword 'no-such-word' in 'defaults' section")],
)
def test_the_new_haproxy_judges_the_file_in_place(package, tmp_path, line, why, monkeypatch):
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        f"defaults\n    mode tcp\n    {line}\n    timeout connect 1s\n    timeout client 1s\n"
        "    timeout server 1s\n\nlisten a\n    bind 127.0.0.1:1\n"
    )
    asked = []

    def check(program):
        asked.append(program)
        functions = {"cmd.run_all": run, "config.get": lambda key, default=None: default}
        monkeypatch.setattr(haproxy_cfg, "__salt__", functions, raising=False)
        return haproxy_cfg.check(path=str(config), program=program)

    services = [Service("haproxy", "haproxy", "haproxy", str(config))]
    found = role_packages.refused_by_new(services, {"haproxy": [package]}, run, check)
    assert why in found
    assert bool(found) is bool(why)
    # It was unpacked beside, and is gone.
    (used,) = asked
    assert used.startswith(f"{tmp_path}/mysql-gr-")
    assert not Path(used).exists()


def test_a_package_of_which_apt_keeps_no_copy_is_asked_once_it_is_installed():
    services = [Service("haproxy", "haproxy", "haproxy", "/x")]
    assert role_packages.refused_by_new(services, {"haproxy": []}, never, never) == ""


@pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed")
def test_a_named_haproxy_judges(tmp_path):
    text = "defaults\n    no-such-word\n"
    with pytest.raises(CommandExecutionError, match="unknown keyword 'no-such-word'"):
        judge(str(tmp_path / "x"), of_text(text, fill({}, {})), run, HAPROXY)

"""PHP's pillar: limits that agree, values that stay values, a version that there is."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import jinja2
import pytest
import yaml
from salt.exceptions import SaltInvocationError
from web_config.php import ini_value, limits, settings, version

FPM = {"process_control_timeout": "20s", "max_children": 40}
MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("ini", "expected"),
    [
        ({}, (MEGABYTE, MEGABYTE)),
        ({"post_max_size": "512K"}, ("512K", "512K")),
        ({"upload_max_filesize": "100k"}, (MEGABYTE, "100k")),
        ({"post_max_size": "1M", "upload_max_filesize": 10}, ("1M", 10)),
    ],
)
def test_php_s_limits_follow_apache_s(ini, expected):
    found = limits(ini, MEGABYTE)
    assert (found["post_max_size"], found["upload_max_filesize"]) == expected


@pytest.mark.parametrize(
    ("ini", "words"),
    [
        ({"post_max_size": "8M"}, "php:ini:post_max_size is '8M'.*apache:limit_request_body"),
        ({"post_max_size": 0}, "php:ini:post_max_size is '0'"),
        ({"upload_max_filesize": "2M"}, "upload_max_filesize is '2M'; expected at most post_max"),
        ({"post_max_size": "1 MB"}, "php:ini:post_max_size is '1 MB'; expected bytes"),
    ],
)
def test_a_limit_that_another_makes_useless_is_refused(ini, words):
    with pytest.raises(SaltInvocationError, match=words):
        limits(ini, MEGABYTE)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (30, "30"),
        (False, "Off"),
        ("Off", "Off"),
        ("256M", "256M"),
        ("E_ALL & ~E_DEPRECATED", "E_ALL & ~E_DEPRECATED"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("a; b", "'a; b'"),
        ('say "x" ${HOME} \\', "'say \"x\" ${HOME} \\'"),
        ("it's", '"it\'s"'),
        ("", "''"),
    ],
)
def test_a_value_stays_a_value(value, spelled):
    assert ini_value("php:ini:x", value) == spelled


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"ini": {"a": "1\nauto_prepend_file=/tmp/x"}}, "php:ini:a is .*one line"),
        ({"ini": {"a": "it's ${HOME}"}}, "php:ini:a is .*has not both"),
        ({"ini": {"a": ["b"]}}, "php:ini:a is a list; expected text"),
        ({"ini": {"a = 1": "b"}}, "php:ini is 'a = 1'; expected the name"),
        ({"fpm": {**FPM, "max_children": "many"}}, "php:fpm:max_children is 'many'; expected 3 to"),
        (
            {"fpm": {**FPM, "process_control_timeout": "20s\n[x]"}},
            "php:fpm:process_control_timeout is .*seconds, such as 20s",
        ),
    ],
)
def test_what_would_be_another_setting_is_refused_by_its_key(chosen, words):
    with pytest.raises(SaltInvocationError, match=words):
        settings({"ini": {}, "fpm": FPM, **chosen}, MEGABYTE)


PACKAGES = ["php-fpm", "php-cli", "php-uuid"]


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("8.4", {"php-fpm": "2:8.4+101", "php8.4-fpm": "8.4.27-1"}),
        ("8.3", {"php-fpm": "2:8.4+101", "php8.3-fpm": "8.3.1-1"}),
        ("8.4", {"php-fpm": "2:8.4+101"}),
        # Its lists were never read: apt is to say it.
        ("8.3", {}),
    ],
)
def test_a_version_that_there_is_is_put_into_the_names(wanted, there):
    found = version(wanted, PACKAGES, lambda name: there.get(name, ""))
    assert found == (wanted, [f"php{wanted}-fpm", f"php{wanted}-cli", f"php{wanted}-uuid"])


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("8.3", "php:version is '8.3'; expected '8.4', which this system has.*php8.3-fpm"),
        (8.4, "php:version is '8.4'; expected a version in quotes"),
        ("8", "php:version is '8'; expected a version in quotes"),
        ("8.4;x", "php:version is '8.4;x'; expected a version in quotes"),
    ],
)
def test_a_version_that_there_is_not_is_refused(wanted, words):
    there = {"php-fpm": "2:8.4+101", "php8.4-fpm": "8.4.27-1"}
    with pytest.raises(SaltInvocationError, match=words):
        version(wanted, PACKAGES, lambda name: there.get(name, ""))


def test_no_process_is_ended_for_being_idle():
    """php-fpm would kill one that does not go in time, and the request that it has taken."""
    template = Path(__file__).parents[3] / "salt/php/files/fpm.conf.jinja"
    written = configparser.ConfigParser()
    fpm = {"process_control_timeout": "7s", "max_children": 12}
    written.read_string(jinja2.Template(template.read_text()).render(fpm=fpm))
    assert dict(written["www"]) == {"pm.max_children": "12", "pm.max_spare_servers": "12"}
    assert dict(written["global"]) == {"process_control_timeout": "7s"}


@pytest.mark.parametrize("variable", ["DB_WAITING", "PASSWORDS_AT_ONCE", "PASSWORDS_WAITING"])
def test_what_takes_long_leaves_processes_to_the_others(variable):
    root = Path(__file__).parents[3]
    conduit = (root / "app/config/conduit.php").read_text()
    at_once = re.search(rf"'\w+' => .*'{variable}'.* : (\d+),", conduit)
    fpm = yaml.safe_load((root / "salt/php/defaults.yaml").read_text())["php"]["fpm"]
    assert int(at_once[1]) < fpm["max_children"]

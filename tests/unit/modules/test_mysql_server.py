"""What the module does beside its library: packages that are wrong."""

from __future__ import annotations

import pytest
from salt.exceptions import SaltInvocationError

import _modules.mysql_server as mysql_server


@pytest.mark.parametrize(
    ("package", "installed", "candidate", "expected"),
    [
        ("mysql-server", "", "8.0.46-0ubuntu0.24.04.1", "8.0.46"),
        ("mysql-server", "1:8.4.6+really8.4.5-1", "9.7.4-2", "8.4.6"),
        ("mysql-server", "", "", ""),
        ("mysql-server", "", {"mysql-server": ""}, ""),
        ("default-mysql-server", "1.1.1", "", ""),
    ],
)
def test_the_packages_version_counts(package, installed, candidate, expected, monkeypatch):
    packages = {
        "pkg.version": lambda name: installed,
        "pkg.latest_version": lambda name, **more: candidate,
    }
    monkeypatch.setattr(mysql_server, "__salt__", packages, raising=False)
    assert mysql_server._package_version(package) == expected


@pytest.mark.parametrize("version", ["8.0.34-1", "1:11.8.3-1", "5.7.42-0ubuntu1"])
def test_a_package_that_is_too_old_or_another_server_is_refused(version, monkeypatch):
    packages = {"pkg.version": lambda name: version}
    monkeypatch.setattr(mysql_server, "__salt__", packages, raising=False)
    with pytest.raises(SaltInvocationError, match=f"package mysql-server has version '{version}'"):
        mysql_server._package_version("mysql-server")

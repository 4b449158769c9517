"""Which packages make a server, and which of them apt leaves alone: dpkg's words as tables."""

from __future__ import annotations

import pytest
import server_packages
from salt.exceptions import CommandExecutionError

# As dpkg-query writes it on a database machine.
LISTED = """\
adduser\t3.154\tadduser\tinstalled\tinstall
libmysqlclient24\t9.7.4-2\tmysql-9.7\tconfig-files\tdeinstall
mysql-client\t9.7.4-2\tmysql-9.7\tinstalled\thold
mysql-client-core\t9.7.4-2\tmysql-9.7\tunpacked\tinstall
mysql-common\t5.8+1.1.1\tmysql-defaults\tinstalled\tinstall
mysql-server\t9.7.4-2\tmysql-9.7\tinstalled\thold
mysql-server-8.0\t\t\tnot-installed\tunknown
"""


def test_those_of_one_source_are_meant():
    assert server_packages.of_source(LISTED, "mysql-server") == {
        "mysql-client": {"version": "9.7.4-2", "whole": True, "held": True},
        "mysql-client-core": {"version": "9.7.4-2", "whole": False, "held": False},
        "mysql-server": {"version": "9.7.4-2", "whole": True, "held": True},
    }


@pytest.mark.parametrize("name", ["haproxy", "libmysqlclient24", "mysql-server-8.0"])
def test_what_is_not_there_has_none(name):
    assert server_packages.of_source(LISTED, name) == {}


def test_dpkgs_own_words_are_told():
    def run(command, **_):
        return {"retcode": 2, "stdout": "", "stderr": "dpkg-query: error: parsing file"}

    with pytest.raises(CommandExecutionError, match="dpkg-query: dpkg-query: error: parsing file"):
        server_packages.installed(run, "mysql-server")


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"/a": 1, "/b": 1}, ""),
        ({"/a": 600 << 20, "/b": 1}, ""),
        # Two folders of one file system want their room together.
        ({"/a": 500 << 20, "/b": 500 << 20}, "/a and /b: 1000 MiB are free, 1256 MiB are wanted"),
        ({"/a": 1, "/c": 1}, "/c: 100 MiB are free, 256 MiB are wanted"),
    ],
)
def test_room_is_counted_by_file_system(needs, said):
    free = {"/a": (1, 1000 << 20), "/b": (1, 1000 << 20), "/c": (2, 100 << 20)}
    assert server_packages.lacking_room(needs, free) == said


def test_an_archive_is_found_by_its_version(tmp_path):
    for name in ("a_1%3a9.7-1_amd64.deb", "a_9.7-2_amd64.deb", "ab_9.7-3_all.deb"):
        (tmp_path / name).touch()
    found = {
        version: server_packages.archive("a", version, tmp_path)
        for version in ("1:9.7-1", "9.7-2", "9.7-3")
    }
    assert [path and path.name for path in found.values()] == [
        "a_1%3a9.7-1_amd64.deb", "a_9.7-2_amd64.deb", None
    ]  # fmt: skip

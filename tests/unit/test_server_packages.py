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

"""The larger lab: a backup machine, two balancers with a virtual address, and two web servers.

One `vagrant up` adds them all. Names come from the roles in pillar/cluster.sls, which is edited
here and put back.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import grown_to, highest_address, with_second
from tests.support.lab import TABLE, Lab, cluster, declared

BACKUP = "backup1"


def larger(text: str) -> str:
    """The table with a backup machine, a proxy and a web server more, and a virtual address."""
    two = with_second(with_second(text, "proxy"), "web")
    free = highest_address(two) + 1
    added = f"    {BACKUP}: {{ip: {free + 1}, role: backup}}\n"
    return two.replace("  nodes:\n", f"  virtual_address: {free}\n  nodes:\n{added}")


@pytest.fixture(scope="package")
def table() -> str:
    """The table as it is."""
    text = TABLE.read_text()
    if cluster(text).get("virtual_address") or declared("backup", text):
        pytest.skip("the table of nodes has a virtual address or a backup machine of its own")
    return text


@pytest.fixture(scope="package")
def grown(lab: Lab, table: str) -> Iterator[Lab]:
    """The lab with all of them."""
    with grown_to(lab, larger(table)) as one:
        yield one
    database = lab.databases[0]
    for user in lab.sql(
        database,
        "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user"
        " WHERE user = 'mysql_gr_backup'",
    ).splitlines():
        lab.sql(database, f"DROP USER {user}")

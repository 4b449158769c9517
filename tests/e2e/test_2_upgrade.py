"""MySQL's packages are held, and upgraded on one member after the other by one call."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql
import pytest

from tests.e2e.conftest import long_only
from tests.support.lab import Lab
from tests.support.orchestration import orchestrated

pytestmark = pytest.mark.restores

TABLE = "upgrade_trial"
REPOSITORY, SOURCE = "/srv/upgrade-trial", "/etc/apt/sources.list.d/upgrade-trial.list"
LISTED = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status} ${db:Status-Want}\\n'"
# The distribution's own packages under a higher revision: the scripts are real, and the binaries.
REPACK = f"""set -e
rm -rf {REPOSITORY} && mkdir -p {REPOSITORY} && cd {REPOSITORY}
version=$(apt-cache madison mysql-server | awk '{{print $3; exit}}')
names='mysql-server mysql-server-core mysql-client mysql-client-core'
for name in $names; do apt-get -q download $name=$version >/dev/null; done
for file in *.deb; do
  dpkg-deb -R $file unpacked && rm $file
  sed -i "s/$version/$version+trial$1/g" unpacked/DEBIAN/control
  # Uncompressed: it is read once.
  dpkg-deb -b -Znone unpacked . >/dev/null && rm -r unpacked
done
for file in *.deb; do
  dpkg-deb -f $file
  printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' \\
    $file $(stat -c %s $file) $(sha256sum $file | cut -d' ' -f1)
done > Packages
echo 'deb [trusted=yes] copy:{REPOSITORY} ./' > {SOURCE}
apt-get -qq -o Dir::Etc::sourcelist={SOURCE} -o Dir::Etc::sourceparts=- \\
  -o APT::Get::List-Cleanup=0 update
echo $version+trial$1
"""


def upgrade(lab: Lab, test: bool = False, **given: Any) -> tuple[dict[str, Any], str]:
    """Call the orchestration and return its one state on the master's minion, and all it said."""
    return orchestrated(lab, "upgrade", test, settle=1, **given)


def packages(lab: Lab, machine: str, word: str) -> dict[str, tuple[str, str]]:
    """Version and selection of the packages that are installed and named so."""
    rows = [line.split() for line in lab.run(machine, LISTED).splitlines()]
    return {
        row[0]: (row[1], row[3])
        for row in rows
        if len(row) == 4 and row[0].startswith(word) and row[2] == "installed"
    }


def versions(lab: Lab) -> dict[str, str]:
    return {name: packages(lab, name, "mysql-server")["mysql-server"][0] for name in lab.databases}


def test_packages_are_held_and_nothing_is_to_be_done(lab: Lab, all_online):
    all_online()
    for name in lab.databases:
        found = packages(lab, name, "mysql-")
        # Of another source, which asks nobody.
        found.pop("mysql-common")
        assert {"mysql-server", "mysql-server-core", "mysql-client-core"} <= set(found)
        assert {selection for _, selection in found.values()} == {"hold"}, found
    assert packages(lab, lab.proxy, "haproxy")["haproxy"][1] == "hold"
    rules = lab.run(lab.proxy, "cat /etc/needrestart/conf.d/haproxy.conf")
    assert "$nrconf{override_rc}{qr'^haproxy\\.service$'} = 0;" in rules
    planned, said = upgrade(lab, test=True)
    # Where the distribution has moved on there is something to do.
    assert planned["result"] in (True, None), said
    assert bool(planned["changes"]) is (planned["result"] is None), said


def test_what_cannot_be_is_refused_before_anything_is_touched(lab: Lab, all_online):
    all_online()
    before = versions(lab)
    for version, test, why in (
        ("8.0.11-1", False, "would be a downgrade"),
        (f"{before[lab.databases[0]]}+none", True, "apt has no mysql-"),
    ):
        refused, said = upgrade(lab, test=test, version=version)
        assert refused["result"] is False, said
        assert refused["comment"].startswith("No member is upgraded: "), said
        assert why in refused["comment"], said
    assert versions(lab) == before
    assert {status["operation"] for status in lab.status().values()} == {""}


class Writer(threading.Thread):
    """Inserts a row by a connection of its own each time, through the balancer."""

    def __init__(self, lab: Lab, password: str) -> None:
        super().__init__(daemon=True)
        self._lab, self._password, self.over = lab, password, threading.Event()
        self.acknowledged, self.longest, self.failed = 0, 0.0, []

    def run(self) -> None:
        last = time.monotonic()
        while not self.over.wait(0.05):
            try:
                with (
                    self._lab.session(
                        port=3306, password=self._password, patience=30, connecting=15
                    ) as session,
                    session.cursor() as cursor,
                ):
                    cursor.execute(f"INSERT INTO {TABLE} (a) VALUES (1)")
                self.acknowledged += 1
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now
            except pymysql.Error as err:
                self.failed.append(str(err))


@pytest.fixture
def newer(lab: Lab, all_online) -> Iterator[str]:
    """A version that apt has on all members; afterwards what was installed of it stays."""
    all_online()
    number = int(time.time())
    try:
        with ThreadPoolExecutor() as pool:
            script = REPACK.replace("$1", str(number))
            made = list(pool.map(lambda name: lab.run(name, script), lab.databases))
        (version,) = {one.split()[-1] for one in made}
        yield version
    finally:
        for name in lab.databases:
            lab.run(name, f"rm -rf {REPOSITORY} {SOURCE}; rm -f /var/cache/apt/archives/*+trial*")


@pytest.fixture
def writers(lab: Lab, all_online) -> Iterator[list[Writer]]:
    all_online()
    lab.sql("db1", f"DROP TABLE IF EXISTS realworld.{TABLE}; CREATE TABLE realworld.{TABLE}"
            " (id INT AUTO_INCREMENT PRIMARY KEY, a INT)")  # fmt: skip
    found = [Writer(lab, lab.secret("application_database", "password")) for _ in range(3)]
    for one in found:
        one.start()
    yield found
    for one in found:
        one.over.set()
        one.join(60)
    lab.sql("db1", f"DROP TABLE realworld.{TABLE}")


@pytest.mark.repeated
@long_only
def test_members_are_upgraded_beside_writers(
    lab: Lab, newer: str, writers: list[Writer], all_online, eventually
):
    before = versions(lab)
    planned, said = upgrade(lab, test=True)
    assert planned["result"] is None, said
    order = planned["changes"]["upgraded"]
    assert sorted(order) == sorted(lab.databases)
    assert planned["changes"]["version"] == newer
    assert f"db1 has {before['db1']}, and would get {newer}" in planned["comment"]
    assert versions(lab) == before

    eventually(lambda: all(one.acknowledged > 5 for one in writers), 30)
    done, said = upgrade(lab)
    assert done["result"] is True, said
    assert sorted(done["changes"]["upgraded"]) == sorted(lab.databases)
    assert done["changes"]["upgraded"][-1] == order[-1]
    all_online()
    for one in writers:
        one.over.set()
        one.join(60)
        print(f"{one.acknowledged} rows, longest wait {one.longest:.2f} s")
    assert [one.failed for one in writers] == [[]] * len(writers)
    count = int(lab.sql("db2", "SET SESSION group_replication_consistency = 'BEFORE';"
                        f" SELECT COUNT(*) FROM realworld.{TABLE}").split()[-1])  # fmt: skip
    assert count >= sum(one.acknowledged for one in writers)
    for name in lab.databases:
        found = packages(lab, name, "mysql-")
        found.pop("mysql-common")
        assert set(found.values()) == {(newer, "hold")}
        assert lab.run(name, "systemctl is-enabled mysql").strip() == "enabled"
        # mysqld runs from the file that is there.
        program = lab.run(name, "readlink /proc/$(systemctl show -P MainPID mysql)/exe").strip()
        assert program == "/usr/sbin/mysqld"
    assert {status["operation"] for status in lab.status().values()} == {""}
    again, said = upgrade(lab)
    assert (again["result"], again["changes"]) == (True, {}), said

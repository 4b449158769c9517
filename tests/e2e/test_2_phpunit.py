"""The application's own tests, on the web server, against the group, in a database of their own."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
from collections.abc import Iterator

import pytest

from tests.support.lab import APPLICATION, DATABASE, ROOT, Lab
from tests.support.packages import installed

pytestmark = pytest.mark.restores

# As app/phpunit.xml has it.
TRIAL = "realworld_test"
# What is done on one member is there on all of them, before the answer comes.
EVERYWHERE = "SET SESSION group_replication_consistency = 'AFTER';"


@pytest.fixture
def database(lab: Lab) -> Iterator[None]:
    """An empty database, with which the application's account may do anything."""
    member = lab.databases[0]
    accounts = lab.sql(
        member,
        "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.db"
        f" WHERE db = '{DATABASE}' AND user = 'haproxy_root'",
    ).splitlines()
    assert accounts
    # Its tests make their tables themselves.
    grants = [f"GRANT ALL ON `{TRIAL}`.* TO {account}" for account in accounts]
    drop = f"DROP DATABASE IF EXISTS {TRIAL};"
    try:
        made = ";".join([f"CREATE DATABASE {TRIAL}", *grants])
        lab.sql(member, f"{EVERYWHERE}{drop}{made}")
        yield
    finally:
        revoked = ";".join(
            line.replace("GRANT ", "REVOKE IF EXISTS ", 1).replace(" TO ", " FROM ")
            for line in grants
        )
        lab.sql(member, f"{EVERYWHERE}{drop}{revoked}")


def archive() -> str:
    """Return app/ as it is in this checkout, its tests included, as text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "app"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in listed.stdout.splitlines():
            if (ROOT / name).exists():
                tar.add(ROOT / name, name.removeprefix("app/"))
    return base64.encodebytes(packed.getvalue()).decode()


@pytest.fixture
def copy(lab: Lab) -> Iterator[str]:
    """The application in a folder of the web server's user, with what is deployed around it."""
    place = lab.run(lab.web, "mktemp --directory /var/tmp/conduit-tests.XXXXXX").strip()
    try:
        lab.run(
            lab.web,
            f"base64 --decode <<'END' | tar --extract --gzip --directory {place}\n{archive()}END\n"
            f"cp --archive {APPLICATION}/current/vendor {place}/vendor\n"
            f"cp --dereference --preserve=mode,ownership {APPLICATION}/shared/.env {place}/.env\n"
            f"find {place} -not -name .env -exec chown www-data: {{}} +",
        )
        yield place
    finally:
        lab.run(lab.web, f"rm -rf {place}")


def test_phpunit(lab: Lab, database, copy):
    with installed(lab, lab.web, "phpunit"):
        printed = lab.run(
            lab.web,
            f"cd {copy}\nrunuser -u www-data --"
            " php -d mysqlnd.net_read_timeout=30 /usr/bin/phpunit --colors=never",
        )
    print(printed)

"""A further application of the lab's web servers: in pillar and in the group, and gone again."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from tests.support.application import put_repository
from tests.support.lab import ROOT, Lab

SETTINGS, PASSWORDS = ROOT / "pillar/laravel.sls", ROOT / "pillar/secrets/application_database.sls"
# By a person, as docs/laravel.md (An application comes, and goes) has it.
REMOVAL = """set -e
systemctl list-units --plain --no-legend 'laravel-{name}-*' | cut -d ' ' -f 1 \
    | xargs -r systemctl disable -q --now
rm -f /etc/systemd/system/laravel-{name}-*
systemctl daemon-reload
a2dissite -q laravel-{name}
rm -f /etc/apache2/sites-available/laravel-{name}.conf /etc/php/*/fpm/pool.d/zz-laravel-{name}.conf
systemctl reload apache2 'php*-fpm.service'
rm -rf /srv/{name} /srv/{name}.git /etc/composer-{name} /etc/apache2/release-{name}.map
rm -rf /var/cache/laravel-build-{name} /var/lib/laravel-build-{name} /var/lib/laravel-{name}
for _ in $(seq 150); do pgrep -u laravel-{name} >/dev/null || break; sleep 0.2; done
userdel laravel-{name}
userdel laravel-build-{name}
"""


@contextmanager
def declared(lab: Lab, name: str, settings: Mapping[str, Any]) -> Iterator[set[str]]:
    """
    Return a context in which the pillar has an application, and the group its database.

    name, settings
        Its name, which is that of a folder in tests/applications, too; and what the pillar has of
        it beside its source and its key.

    The context is what was changed of the group. At its end nothing is left of the application.
    """
    put_repository(lab, name, f"/srv/{name}.git", lab.webs)
    before = {path: path.read_text() for path in (SETTINGS, PASSWORDS)}
    kept, passwords = (yaml.safe_load(text) for text in before.values())
    kept["laravel"]["applications"] = {
        name: {
            "source": f"file:///srv/{name}.git",
            "rev": "main",
            "secrets": {"app_key": "base64:" + base64.b64encode(os.urandom(32)).decode()},
            **settings,
        }
    }
    passwords["mysql"]["accounts"]["applications"] = {
        name: {one: {"password": os.urandom(12).hex()} for one in ("application", "schema")}
    }
    try:
        SETTINGS.write_text(yaml.safe_dump(kept, sort_keys=False))
        PASSWORDS.write_text(yaml.safe_dump(passwords, sort_keys=False))
        yield lab.apply(lab.databases)
    finally:
        for path, text in before.items():
            path.write_text(text)
        for web in lab.webs:
            removed(lab, web, name)
        _forgotten(lab, name)
        lab.salt("*", "saltutil.refresh_pillar wait=True")
        # The setting that the first further application brought, among others.
        lab.apply(lab.webs)


def removed(lab: Lab, machine: str, name: str) -> None:
    """Take an application from a web server; what is not there any more is in nobody's way."""
    lab.run(machine, REMOVAL.format(name=name), check=False)


def _forgotten(lab: Lab, name: str) -> None:
    database = lab.databases[0]
    lab.sql(database, f"DROP DATABASE IF EXISTS {name}")
    for account in (name, f"{name}_schema"):
        hosts = lab.sql(database, f"SELECT host FROM mysql.user WHERE user = '{account}'")
        for host in hosts.split():
            lab.sql(database, f"DROP USER '{account}'@'{host}'")

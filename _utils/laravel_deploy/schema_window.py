"""What a schema change of an application needs of the group: its mode, and a window."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from group_replication import connection, schema_change
from salt.exceptions import SaltInvocationError

from laravel_deploy.artisan import ASKING, Application, uncached
from laravel_deploy.env_file import shown_env
from laravel_deploy.layout import env_path
from laravel_deploy.pillar import pillar_text

log = logging.getLogger(__name__)

SCHEMA_USER = "schema_change"
SCHEMA_PASSWORD_FROM = "mysql:accounts:schema:password"  # noqa: S105
# How long a window for a schema change is waited for.
WINDOW_SECONDS = 120

# Handed to php on its standard input: what a group asks of a schema depends on its mode, and on
# whether its members make keys themselves.
GROUP = r"""<?php
require 'vendor/autoload.php';
$app = require 'bootstrap/app.php';
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();
try {
    $rows = $app->make('db')->connection()->select(
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
        ." ('group_replication_single_primary_mode', 'sql_generate_invisible_primary_key')"
    );
    echo json_encode((object) array_column($rows, 'Value', 'Variable_name'));
} catch (Throwable $e) {
    fwrite(STDERR, $e->getMessage());
    exit(1);
}
"""


@dataclass(frozen=True)
class SchemaAccount:
    """The account that may change the schema, and who asks for it."""

    name: str
    # The pillar key of its password, read when a window is wanted.
    password_from: str
    pillar: Mapping[str, Any] = field(repr=False)
    # The minion's id.
    minion: str


@dataclass(frozen=True)
class Group:
    """What of a group decides which tables it can write to."""

    mode: str
    # Whether a table that is made without a key gets an invisible one.
    generated_keys: bool


def group_of(app: Application) -> Group | None:
    """Return the group that the database is in, or None."""
    asked = app.php([*ASKING, "--"], GROUP)
    if asked["retcode"]:
        raise app.failure("asking for the group's mode", asked)
    values = json.loads(str(asked["stdout"]).rpartition("\n")[2] or "{}")
    single = values.get("group_replication_single_primary_mode")
    if single is None:
        return None
    return Group(
        "single-primary" if single == "ON" else "multi-primary",
        values.get("sql_generate_invisible_primary_key") == "ON",
    )


@contextlib.contextmanager
def window(directory: str, account: SchemaAccount) -> Iterator[dict[str, str]]:
    """
    Return a context in which the schema may be changed, with artisan's variables for that.

    directory
        The application, whose .env file says where the database is.

    account
        The account that may change the schema.

    Raises SaltInvocationError if the pillar has no password for it, CommandExecutionError if the
    group opens no window.
    """
    password = pillar_text(
        account.pillar, account.password_from, "the account that may change the schema"
    )
    if not password:
        raise SaltInvocationError(
            f"Pillar {account.password_from} is missing; expected the password of {account.name}, "
            "the account that may change the schema, as vagrant/prepare.py makes it."
        )
    values = shown_env(env_path(directory))

    def ask() -> contextlib.AbstractContextManager[Any]:
        return connection.connect(
            host=values.get("DB_HOST", ""),
            port=int(values.get("DB_PORT") or 3306),
            user=account.name,
            password=password,
            # As the application does.
            ssl=connection.tls(values.get("MYSQL_ATTR_SSL_CA") or ""),
        )

    owner = f"laravel.migrate {directory} on {account.minion}"
    with schema_change.window(ask, owner, account.name, WINDOW_SECONDS):
        # A cached configuration would know the application's account alone.
        yield {"DB_USERNAME": account.name, "DB_PASSWORD": password, **uncached(directory)}
    if not schema_change.await_closed(ask, WINDOW_SECONDS):
        log.warning("The window for the schema change is still open; a keeper closes it")

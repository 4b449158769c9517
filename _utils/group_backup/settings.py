"""Settings of the backup machine: from pillar, and in the file that its program reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from group_replication import pillar as of_pillar
from group_replication.certificates import declared as declared_tls
from group_replication.model import DATA_DIRECTORY, SYSTEM_SCHEMAS, Account
from group_replication.settings import PASSWORD_MAX, PASSWORD_MIN
from pillar_check import check_keys, invalid, is_number, walk
from salt.exceptions import SaltInvocationError
from whole_file import write_whole

from group_backup import model
from group_backup.model import INTERVALS, Settings

# Every key that is read here, so that a misspelt one is no silent default. None: a value.
KEYS: dict[str, Any] = {
    "directory": None,
    "repository": {"location": None, "password": None, "environment": None},
    "full": None,
    "logs": None,
    "dumps": None,
    "keep": {"days": None, "weeks": None, "months": None},
    "archive_days": None,
    "drill_hours": None,
    "options": None,
}
# What makes the machine what it is.
OWN_OPTIONS = (
    *("server_id", "gtid_mode", "enforce_gtid_consistency", "super_read_only", "read_only"),
    *("log_bin", "log_replica_updates", "replica_preserve_commit_order", "relay_log", "datadir"),
    *("bind_address", "socket", "binlog_expire_logs_seconds", "binlog_format"),
)
PASSWORD_KEY = "backup:repository:password"  # noqa: S105
LOCATION_PATTERN = r"[A-Za-z0-9/][\x21-\x7e]{1,500}"


def settings_from(pillar: Mapping[str, Any], me: str) -> Settings:
    """
    Check the pillar and return what it declares of the backup machine.

    pillar
        The minion's pillar, with ``cluster``, ``mysql`` and ``backup``.

    me
        The minion's id, which must be a declared node of role ``backup``.

    Returns a :py:class:`Settings`. Raises SaltInvocationError naming the key, its value and what
    would be right.
    """
    check_keys(pillar.get("cluster"), of_pillar.KEYS["cluster"], "cluster")
    check_keys(pillar.get("mysql"), of_pillar.KEYS["mysql"], "mysql")
    append_only = walk(pillar, "backup:keep") is False
    # The keys below it are none then.
    check_keys(pillar.get("backup"), {**KEYS, "keep": None} if append_only else KEYS, "backup")
    machines = of_pillar.declared_nodes(pillar, "backup")
    if me not in machines:
        raise invalid(
            "cluster:nodes", ", ".join(machines) or None, f"a node '{me}' with role backup"
        )
    return Settings(
        me=me,
        address=machines[me],
        group=_group(pillar),
        nodes=of_pillar.declared_nodes(pillar, "db"),
        account=_account(pillar),
        port=of_pillar.port(pillar, "mysql:port", 3306),
        socket=of_pillar.path(pillar, "mysql:socket", "/run/mysqld/mysqld.sock"),
        data_directory=of_pillar.path(pillar, "mysql:lookup:data_directory", DATA_DIRECTORY),
        directory=of_pillar.path(pillar, "backup:directory", model.DIRECTORY),
        location=_location(pillar),
        environment=_environment(pillar),
        full=_interval(pillar, "backup:full", "daily"),
        logs=_interval(pillar, "backup:logs", "hourly"),
        dumps=_dumps(pillar),
        keep_days=_number(pillar, "backup:keep:days", 7, 1, 3660),
        keep_weeks=_number(pillar, "backup:keep:weeks", 4, 0, 520),
        keep_months=_number(pillar, "backup:keep:months", 6, 0, 120),
        append_only=append_only,
        archive_days=_number(pillar, "backup:archive_days", 8, 2, 3660),
        drill_hours=_number(pillar, "backup:drill_hours", 48, 1, 24 * 366),
        options=_options(pillar),
        verify=declared_tls(pillar).verify,
    )


def repository_password(pillar: Mapping[str, Any]) -> str:
    """Return the repository's password, of at least 20 characters; its value is never shown."""
    value = walk(pillar, PASSWORD_KEY)
    if not isinstance(value, str) or len(value) < 20 or not value.isprintable():
        shown = "missing" if value is None else "not that"
        raise SaltInvocationError(
            f"pillar {PASSWORD_KEY} is {shown}; expected text of 20 characters at least, as "
            "vagrant/prepare.py makes it"
        )
    return value


def check_part(part: str) -> None:
    """Refuse what is no part of a repository's data."""
    if not re.fullmatch(r"(100|[1-9][0-9]?)%|[1-9][0-9]?/[1-9][0-9]{0,2}", str(part)):
        raise SaltInvocationError(f"part is '{part}'; expected a part such as 10% or 1/7")


def _group(pillar: Mapping[str, Any]) -> str:
    value = walk(pillar, "mysql:group:name")
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Fa-f-]{36}", value):
        raise invalid("mysql:group:name", value, "a UUID as uuidgen prints it")
    return value.lower()


def _account(pillar: Mapping[str, Any]) -> Account:
    key = "mysql:accounts:backup"
    name, password = walk(pillar, f"{key}:name"), walk(pillar, f"{key}:password")
    if not isinstance(password, str) or not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        shown = "missing" if password is None else "not that"
        raise SaltInvocationError(
            f"pillar {key}:password is {shown}; expected a password of {PASSWORD_MIN} to "
            f"{PASSWORD_MAX} characters, as vagrant/prepare.py makes it"
        )
    return Account(str(name or of_pillar.BACKUP_ACCOUNT), password)


def _location(pillar: Mapping[str, Any]) -> str:
    value = walk(pillar, "backup:repository:location")
    if value is None:
        return model.LOCATION
    if not isinstance(value, str) or not re.fullmatch(LOCATION_PATTERN, value):
        # It may hold a password.
        raise SaltInvocationError(
            "pillar backup:repository:location is not that; expected an absolute path or what "
            "else restic takes, such as rest:https://host:8000/backup1/"
        )
    if re.search(r"//[^/@]*:[^/@]*@", value):
        raise SaltInvocationError(
            "pillar backup:repository:location holds a password; expected one without it, and the "
            "variables RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD in "
            "backup:repository:environment"
        )
    return value


def _environment(pillar: Mapping[str, Any]) -> dict[str, str]:
    value = walk(pillar, "backup:repository:environment")
    right = "names of variables such as AWS_ACCESS_KEY_ID with their values"
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid("backup:repository:environment", value, right)
    for name in value:
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", str(name)) or str(name).startswith("LD_"):
            raise invalid("backup:repository:environment", name, right)
    return {str(name): str(one) for name, one in value.items()}


def _interval(pillar: Mapping[str, Any], key: str, default: str) -> str:
    value = walk(pillar, key)
    if value is None:
        return default
    if value is False:
        return ""
    if not isinstance(value, str) or value not in INTERVALS:
        raise invalid(key, value, f"{', '.join(INTERVALS)}, or false for never")
    return value


def _dumps(pillar: Mapping[str, Any]) -> list[str]:
    value = walk(pillar, "backup:dumps")
    if value is None:
        return []
    right = "a list of schemas, each once, none of them the server's own"
    if not isinstance(value, list):
        raise invalid("backup:dumps", value, right)
    names = [str(one) for one in value]
    for number, name in enumerate(names):
        before = [one.lower() for one in (*names[:number], *SYSTEM_SCHEMAS)]
        if not re.fullmatch(model.NAME, name) or name.lower() in before:
            raise invalid("backup:dumps", value[number], right)
    return names


def _number(pillar: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    value = walk(pillar, key)
    if value is None:
        return default
    if not is_number(value, least, most):
        raise invalid(key, value, f"a whole number from {least} to {most}")
    return value


def _options(pillar: Mapping[str, Any]) -> dict[str, Any]:
    value = walk(pillar, "backup:options")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid("backup:options", value, "options of mysqld with their values")
    found = {}
    for name, one in value.items():
        bare = str(name).replace("-", "_").lower()
        key = f"backup:options:{bare}"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", bare):
            raise invalid("backup:options", name, "an option's name")
        if bare.removeprefix("loose_") in OWN_OPTIONS:
            raise invalid(key, one, "it to be left out: it follows from what the machine is")
        if not isinstance(one, str | int | float) or not str(one).isprintable():
            raise invalid(key, one, "text, a number, ON or OFF")
        # YAML reads ON and OFF as booleans.
        found[bare] = ("ON" if one else "OFF") if isinstance(one, bool) else one
    return found


def as_json(settings: Settings) -> str:
    """Return the settings as :py:func:`from_json` reads them; the repository's password is not."""
    return json.dumps({**settings._asdict(), "account": settings.account._asdict()}, indent=2)


def from_json(text: str) -> Settings:
    """Return the settings that :py:func:`as_json` wrote."""
    data = json.loads(text)
    data["account"] = Account(**data["account"])
    # A file of a later version says more than this one reads.
    return Settings(**{name: value for name, value in data.items() if name in Settings._fields})


def stored() -> Settings:
    """Return what the program's file says."""
    return from_json(model.SETTINGS_FILE.read_text(encoding="utf-8"))


def account_before() -> Account | None:
    """Return the account that the program's file has; None without one that can be read."""
    try:
        return stored().account
    except (OSError, KeyError, TypeError, ValueError):
        # A highstate writes it anew.
        return None


def files_of(settings: Settings, password: str) -> dict[Path, str]:
    """Return the files that the program and restic read, with what each has to hold."""
    return {
        model.SETTINGS_FILE: as_json(settings) + "\n",
        model.LOCATION_FILE: settings.location + "\n",
        model.PASSWORD_FILE: password + "\n",
    }


def files_differ(files: Mapping[Path, str]) -> list[str]:
    """Return the names of those files that do not hold what they have to; none is shown."""
    return [
        path.name
        for path, text in files.items()
        if not path.exists()
        or path.stat().st_mode & 0o077
        or path.read_text(encoding="utf-8") != text
    ]


def write_files(files: Mapping[Path, str]) -> None:
    """Write them, each whole or not at all, readable by root alone."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text, 0o600)

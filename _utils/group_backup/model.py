"""What all of the library speaks of: settings, places, and a transaction of the archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from group_replication.model import DATA_DIRECTORY, Account
from group_replication.tls import CA_FILE

# The channel by which the machine follows the group.
CHANNEL = "backup"
# The channel by which a restored instance replays archived logs.
REPLAY_CHANNEL = "replay"
FULL, LOGS, DUMP = "full", "logs", "dump"
# A schema's or a table's name, as it may be a part of a file's.
NAME = r"[A-Za-z0-9_$][A-Za-z0-9_$-]{0,63}"
DIRECTORY = "/var/lib/mysql-backup"
LOCATION = "/srv/mysql-gr-backup"

SETTINGS_FILE = Path("/etc/mysql-gr/backup.json")
# What restic reads: where the repository is, and its password.
LOCATION_FILE = Path("/etc/mysql-gr/backup-repository.location")
PASSWORD_FILE = Path("/etc/mysql-gr/backup-repository.password")
LOCK_FILE = Path("/run/mysql-gr/backup.lock")
# How long a call waits for another run, as one that a timer started.
LOCK_SECONDS = 30
RECORD_LOCK_FILE = Path("/run/mysql-gr/backup-record.lock")

# How often a full backup is taken and archived logs are saved, in systemd's words, and the hours
# that are at most between two.
INTERVALS = {"daily": 24, "hourly": 1, "weekly": 7 * 24, "monthly": 31 * 24}


class Settings(NamedTuple):
    """All that is declared of the backup machine, checked; ``pillar.example`` has each key."""

    me: str
    address: str
    group: str
    # The group's declared members: name and address.
    nodes: Mapping[str, str]
    account: Account
    port: int = 3306
    socket: str = "/run/mysqld/mysqld.sock"
    data_directory: str = DATA_DIRECTORY
    directory: str = DIRECTORY
    location: str = LOCATION
    environment: Mapping[str, str] = {}
    full: str = "daily"
    logs: str = "hourly"
    # Schemas that are dumped as SQL with each full backup.
    dumps: Sequence[str] = ()
    keep_days: int = 7
    keep_weeks: int = 4
    keep_months: int = 6
    # Nothing is given up by this machine: the repository takes what is new, and no more.
    append_only: bool = False
    archive_days: int = 8
    drill_hours: int = 48
    options: Mapping[str, Any] = {}
    # Whether members have to show a certificate of the declared authority with their address.
    verify: bool = False

    def __repr__(self) -> str:
        # The environment holds secrets.
        return f"Settings({self.me!r})"

    @property
    def place(self) -> Path:
        """The folder that all of this machine's backups work in."""
        return Path(self.directory)

    @property
    def trusted(self) -> str:
        """The file of the certificates that members are verified by, or the empty text."""
        return CA_FILE if self.verify else ""

    @property
    def archive(self) -> Path:
        """Where the server writes its binary logs."""
        return self.place / "archive"


class Transaction(NamedTuple):
    """What an archived log says of one transaction; nothing of its rows."""

    gtid: str
    # When its origin committed it, in microseconds since 1970.
    committed: int
    # What it wrote to: ``insert shop.items``, or the kind of a statement, such as ``CREATE TABLE``.
    changes: tuple[str, ...]


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return f"`{name.replace('`', '``')}`"

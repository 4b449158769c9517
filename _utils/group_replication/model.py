"""What all of the library speaks of: states and modes in MySQL's words, accounts, and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MODES = ("multi-primary", "single-primary")
# How long an unreachable member is waited for (pillar mysql:group:timings); the first is the
# default. After 5 s without a word a member is UNREACHABLE, and these say what follows;
# docs/measurements.md has what each took for dead.
TIMINGS: dict[str, dict[str, int]] = {
    # For one LAN: a member that is gone is out within seconds.
    "fast": {
        # It is expelled at once. Any value from 1 to 14 costs 15 s more, since the server looks at
        # a suspicion again only after that time.
        "member_expel_timeout": 0,
        # A member without majority gives up after this many seconds instead of never: its clients
        # are told, and the others may reboot the group.
        "unreachable_majority_timeout": 10,
        # What was said in those seconds is kept for who comes back; the server's default of 1 GiB
        # is more than a small machine has.
        "message_cache_size": 128 * 1024**2,
    },
    # For networks and machines with pauses: a member may be unreachable for 20 s and stays.
    "tolerant": {
        # The longest time that costs no more than the shortest above 0.
        "member_expel_timeout": 14,
        # Above the 20 s after which a member is out: a pause that ends in time puts nobody out.
        "unreachable_majority_timeout": 30,
        # Four times as long a silence to make up for.
        "message_cache_size": 512 * 1024**2,
    },
}
# How many messages a group agrees on at once, where pillar mysql:group:write_concurrency does not
# say; docs/measurements.md has what each costs.
WRITE_CONCURRENCY = {
    # With 10, the server's own default, members that write a lot wait for a place behind an
    # unreachable one; the server takes that for a slow network, and waits longer for that member.
    "multi-primary": 50,
    # The primary is the single Paxos leader. Where it is lost, the survivors propose so many
    # no-ops, some at a time.
    "single-primary": 10,
}
# What the server takes.
WRITE_CONCURRENCY_RANGE = (10, 200)
# How often the members are compared (pillar mysql:compare:interval), in systemd's words, and the
# seconds that are at most between two; the first is the default.
COMPARE_INTERVALS = {
    "daily": 24 * 3600,
    "hourly": 3600,
    "weekly": 7 * 24 * 3600,
    "monthly": 31 * 24 * 3600,
}
MEMBERS_MIN, MEMBERS_MAX = 3, 9
# Group Replication's own word for a member's state, and ours for one that cannot be asked.
ONLINE, RECOVERING, OFFLINE, ERROR = "ONLINE", "RECOVERING", "OFFLINE", "ERROR"
UNREACHABLE, UNKNOWN = "UNREACHABLE", "UNKNOWN"
PRESENT = (ONLINE, RECOVERING)
# Why a member stays out that nobody paused.
REMOVED = "pillar cluster:nodes no longer declares it"
LEAVING = "it is leaving just now"

# Where the server's package has it.
DATA_DIRECTORY = "/var/lib/mysql"
# Read behind those of the package (salt/mysql/defaults.yaml).
CONFIG_FILE = "/etc/mysql/mysql.conf.d/zz-group-replication.cnf"

SYSTEM_SCHEMAS = ("mysql", "sys", "information_schema", "performance_schema")

# Decided when a group is bootstrapped or rebooted: a member that joins takes it from the group.
SINGLE_LEADER = "group_replication_paxos_single_leader"


class Account(NamedTuple):
    """A MySQL account: its name and, where it has one, its password."""

    name: str
    password: str = ""

    def __repr__(self) -> str:
        return f"Account({self.name!r})"


class Application(NamedTuple):
    """What the group has for an application beside the first one, by its name in pillar."""

    name: str
    application: Account
    # Changes the application's schema, which the application itself cannot.
    schema: Account
    database: str
    grants: Mapping[str, tuple[str, ...]] = {}


class Settings(NamedTuple):
    """All that is declared about the group, checked; see ``pillar.example`` for each key."""

    me: str
    group: str
    mode: str
    nodes: dict[str, str]
    subnet: str
    admin: Account
    recovery: Account
    application: Account
    # Changes the application's schema, which the application itself cannot.
    schema: Account = Account("schema_change")
    # Follows the group from beside it; without a password there is none.
    backup: Account = Account("")
    database: str = ""
    # What the application may beside its own database: privileges by object.
    grants: Mapping[str, tuple[str, ...]] = {}
    # Further ones, each with accounts and a database of its own.
    applications: tuple[Application, ...] = ()
    port: int = 3306
    admin_port: int = 33062
    health_port: int = 9200
    socket: str = "/run/mysqld/mysqld.sock"
    health_user: str = "mysql-gr-health"
    health_clients: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}
    version: str = ""
    drain: int = 10
    timings: str = "fast"
    write_concurrency: int | None = None
    data_directory: str = DATA_DIRECTORY
    config_file: str = CONFIG_FILE
    # One of COMPARE_INTERVALS, or the empty text where the members are not compared by themselves.
    compare_interval: str = "daily"
    # The part of the time that such a comparison spends in queries.
    compare_load: float = 0.1
    # Whether members have certificates of the declared CA, and whether servers are verified by it.
    certificates: bool = False
    verify: bool = False
    # Why this member is none of the declared ones any more, or the empty text.
    removed: str = ""


def joined(names: Iterable[str]) -> str:
    """Return names with commas between."""
    return ", ".join(names)


def write_concurrency_for(settings: Settings, mode: str) -> int:
    """
    Return how many messages the group is to agree on at once.

    settings
        The group's settings.

    mode
        What the group is, whatever is declared.
    """
    return settings.write_concurrency or WRITE_CONCURRENCY[mode]

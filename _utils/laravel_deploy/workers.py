"""Queue workers and the scheduler: what the pillar asks for, and the units of systemd it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pillar_check import check_keys, invalid, is_number

from laravel_deploy.applications import FIRST, place_of, prefix_of
from laravel_deploy.caches import CACHED_ENV, cache_folder

# Of whatever application: a worker's unit, and those of a scheduler.
WORKERS = "laravel-*worker-*@*.service"
# What a worker may say, and what counts where it does not. Three tries: a job that met a fault of
# one member has another chance.
DEFAULTS: dict[str, Any] = {
    "queue": "default",
    "connection": "",
    "processes": 1,
    "tries": 3,
    "backoff": 3,
    "timeout": 60,
    "memory": 128,
    "sleep": 3,
    "max_time": 3600,
    "nodes": "all",
}
# Least and most of the numbers: seconds, MiB, and counts.
BOUNDS = {
    "processes": (1, 64),
    "tries": (0, 1000),
    "backoff": (0, 86400),
    "timeout": (0, 86400),
    "memory": (32, 65536),
    "sleep": (1, 3600),
    "max_time": (0, 604800),
}
NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")
QUEUE = re.compile(r"[A-Za-z0-9_.:-]+")
# A job gets its own timeout to end in, and a worker this much more to see to that.
ENDING_SECONDS = 30
# Seconds without a word from the database after which one that waits for jobs gives up.
READ_SECONDS = 30
# How much longer than any job may take the queue keeps it from others.
RETRY_MARGIN = 30

# As much as the application's code needs that runs without a web server. Memory that is written and
# run is not forbidden: PHP compiles regular expressions into it.
HARDENING = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateDevices=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
"""


@dataclass(frozen=True)
class Names:
    """What an application's units are called."""

    # What a worker's name comes behind.
    prefix: str
    schedule: str

    @property
    def ours(self) -> tuple[str, ...]:
        """Return the patterns of all of them; no other application's units fit one."""
        return (f"{self.prefix}*@*.service", f"{self.schedule}.service", f"{self.schedule}.timer")


def names_of(application: str) -> Names:
    """Return what the units of an application are called, by its name."""
    own = prefix_of(application)
    return Names(f"{own}-worker-", f"{own}-schedule")


@dataclass(frozen=True)
class Site:
    """Where the application is, and as whom it runs."""

    directory: str
    user: str
    group: str
    # The minion's id, and those of all web servers, the first first.
    node: str
    nodes: Sequence[str]
    # Its name: units and messages have it.
    application: str = FIRST

    @property
    def names(self) -> Names:
        """Return what its units are called."""
        return names_of(self.application)


@dataclass(frozen=True)
class Units:
    """Units of an application as they should be on this machine."""

    names: Names
    # File name to text.
    files: dict[str, str] = field(default_factory=dict)
    # What of them is enabled and runs; a template's file is none, its instances are.
    running: list[str] = field(default_factory=list)
    # What a worker reads when it starts, beside its unit: one that is older runs what was before.
    reads: list[str] = field(default_factory=list)


def wanted_units(site: Site, workers: Any, schedule: Any) -> Units:
    """
    Return the units that the pillar asks for on this machine.

    site
        The application.

    workers
        Pillar ``workers``: a name to its settings, those of :py:data:`DEFAULTS`.

    schedule
        Pillar ``schedule``: true for the first web server, ``all``, or a list of minion ids.

    Raises SaltInvocationError that names the key that is wrong.
    """
    # The link to the release that serves, and the stamp of its cached configuration.
    current = f"{site.directory}/current"
    names, pillar = site.names, place_of(site.application)
    units = Units(names, reads=[current, str(cache_folder(Path(current)) / CACHED_ENV)])
    for name, worker in worker_settings(workers, pillar).items():
        place = f"{pillar}:workers:{name}:nodes"
        if _is_here(site, place, worker["nodes"]):
            units.files[f"{names.prefix}{name}@.service"] = _worker_unit(site, name, worker)
            numbers = range(1, worker["processes"] + 1)
            units.running.extend(f"{names.prefix}{name}@{number}.service" for number in numbers)
    first = list(site.nodes)[:1] or [site.node]
    if schedule and _is_here(site, f"{pillar}:schedule", first if schedule is True else schedule):
        units.files[f"{names.schedule}.service"] = _schedule_unit(site)
        units.files[f"{names.schedule}.timer"] = TIMER.format(schedule=names.schedule)
        units.running.append(f"{names.schedule}.timer")
    return units


def worker_settings(workers: Any, pillar: str = FIRST) -> dict[str, dict[str, Any]]:
    """Return all settings of each worker, checked; see :py:func:`wanted_units`.

    pillar: where the application's settings are.
    """
    place = f"{pillar}:workers"
    if workers is not None and not isinstance(workers, Mapping):
        raise invalid(place, workers, "a mapping of names to settings")
    return {
        str(name): _settings(place, str(name), worker) for name, worker in (workers or {}).items()
    }


def _settings(workers: str, name: str, given: Any) -> dict[str, Any]:
    place = f"{workers}:{name}"
    if not NAME.fullmatch(name):
        raise invalid(workers, name, "names of small letters, digits and underscores")
    check_keys(given, dict.fromkeys(DEFAULTS), place)
    worker = {**DEFAULTS, **(given or {})}
    for key, (least, most) in BOUNDS.items():
        if not is_number(worker[key], least, most):
            raise invalid(f"{place}:{key}", worker[key], f"a number, {least} to {most}")
    queues = worker["queue"] if isinstance(worker["queue"], list) else [worker["queue"]]
    if not queues or not all(isinstance(one, str) and QUEUE.fullmatch(one) for one in queues):
        raise invalid(f"{place}:queue", worker["queue"], "a queue's name, or a list of names")
    connection = worker["connection"] or ""
    if not isinstance(connection, str) or (connection and not QUEUE.fullmatch(connection)):
        raise invalid(f"{place}:connection", connection, "a connection's name of config/queue.php")
    return {**worker, "queue": queues, "connection": connection}


def _is_here(site: Site, place: str, chosen: Any) -> bool:
    """Tell whether something is wanted on this machine."""
    if chosen == "all":
        return True
    if not isinstance(chosen, list) or not chosen:
        raise invalid(place, chosen, "all, or a list of minion ids")
    unknown = [str(one) for one in chosen if one not in (*site.nodes, site.node)]
    if unknown:
        raise invalid(place, ", ".join(unknown), f"web servers: {', '.join(site.nodes)}")
    return site.node in chosen


def queue_variables(workers: Any, env: Mapping[str, Any], pillar: str = FIRST) -> dict[str, Any]:
    """
    Return the variables of .env that workers need and the pillar does not give.

    workers, env
        Pillar ``workers`` and ``env``.

    pillar
        Where the application's settings are.

    Jobs wait in the database unless said otherwise, and are given to another worker only after
    every worker would have ended them: else a job that takes long runs twice. Raises
    SaltInvocationError for values that no worker can do with.
    """
    settings = worker_settings(workers, pillar)
    if not settings:
        return {}
    asked = [name for name, worker in settings.items() if not worker["connection"]]
    if asked and env.get("QUEUE_CONNECTION") == "sync":
        raise invalid(
            f"{pillar}:env:QUEUE_CONNECTION", "sync", f"a queue that the worker {asked[0]} can ask"
        )
    longest = max(worker["timeout"] for worker in settings.values())
    retry = {"DB_QUEUE_RETRY_AFTER", "REDIS_QUEUE_RETRY_AFTER", "BEANSTALKD_QUEUE_RETRY_AFTER"}
    for name in sorted(retry & env.keys()):
        if str(env[name]).isdigit() and int(env[name]) <= longest:
            raise invalid(
                f"{pillar}:env:{name}", env[name], f"seconds above the longest timeout, {longest}"
            )
    made = {"QUEUE_CONNECTION": "database", **dict.fromkeys(sorted(retry), longest + RETRY_MARGIN)}
    return {name: value for name, value in made.items() if name not in env}


def _quoted(text: str) -> str:
    """Return a text as systemd takes it for one word, and for itself."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _worker_unit(site: Site, name: str, worker: Mapping[str, Any]) -> str:
    flags = ("tries", "backoff", "timeout", "memory", "sleep")
    command = [
        *("/usr/bin/php", "artisan", "queue:work"),
        *([worker["connection"]] if worker["connection"] else []),
        *(f"--name={name}", f"--queue={','.join(worker['queue'])}"),
        *(f"--{flag}={worker[flag]}" for flag in flags),
        *(f"--max-time={worker['max_time']}", "--no-interaction", "--no-ansi"),
    ]
    timeout = worker["timeout"]
    if timeout:
        # PHP itself would wait for a day for a database that says nothing, job or none.
        command[1:1] = ["-d", f"mysqlnd.net_read_timeout={max(READ_SECONDS, timeout)}"]
    return WORKER.format(
        name=name,
        command=" ".join(command),
        ending=timeout + ENDING_SECONDS if timeout else "infinity",
        **_common(site),
    )


def _schedule_unit(site: Site) -> str:
    return SCHEDULE_SERVICE.format(**_common(site))


def _common(site: Site) -> dict[str, str]:
    return {
        "directory": site.directory.replace("%", "%%"),
        "storage": _quoted(f"{site.directory}/shared/storage"),
        "user": site.user,
        "group": site.group,
        "hardening": HARDENING,
    }


WORKER = """\
# Managed by Salt.
[Unit]
Description=Laravel worker {name} of {directory}, process %i
After=network-online.target
Wants=network-online.target
# Without its database it ends, and is started until that is there again.
StartLimitIntervalSec=0

[Service]
User={user}
Group={group}
# Where the link leads when it starts: a worker keeps its release until it is told to end.
WorkingDirectory={directory}/current
ExecStart={command}
Restart=always
RestartSec=2
# Told to end, it ends the job under way first: so it alone is told, and nothing that the job has
# started. After the job's own timeout nothing is left to wait for.
KillMode=mixed
TimeoutStopSec={ending}
PrivateTmp=yes
ReadWritePaths={storage}
{hardening}
[Install]
WantedBy=multi-user.target
"""

SCHEDULE_SERVICE = """\
# Managed by Salt.
[Unit]
Description=Laravel tasks of {directory} that are due
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
User={user}
Group={group}
WorkingDirectory={directory}/current
# Not waited for, as with cron: a task of ten minutes keeps none from the nine minutes after it.
# What goes on is left alone, and needs its temporary files, so that /tmp is everybody's.
ExecStart=/bin/sh -c "/usr/bin/php artisan schedule:run --no-interaction --no-ansi &"
KillMode=process
ReadWritePaths={storage} /tmp /var/tmp
{hardening}"""

TIMER = """\
# Managed by Salt.
[Unit]
Description=When Laravel tasks may be due: each minute

[Timer]
OnCalendar=minutely
AccuracySec=1s
Unit={schedule}.service

[Install]
WantedBy=timers.target
"""

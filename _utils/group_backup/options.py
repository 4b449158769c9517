"""Options of the backup machine's server, and of an instance that is restored aside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from group_replication.options import server_id_of

from group_backup.model import Settings

# What a data directory was made with, which a server must be told to open it.
MADE_WITH = ("innodb_page_size", "lower_case_table_names", "innodb_data_file_path")


def options_of(settings: Settings) -> dict[str, Any]:
    """
    Return the option file of the server that follows the group, without ``log_bin``.

    settings
        The backup machine's settings.
    """
    return {
        "server_id": server_id_of(settings.address),
        # Nobody comes here: it asks.
        "bind_address": "127.0.0.1",
        "port": settings.port,
        "socket": settings.socket,
        "datadir": settings.data_directory,
        "mysqlx": "OFF",
        "skip_name_resolve": "ON",
        "super_read_only": "ON",
        "gtid_mode": "ON",
        "enforce_gtid_consistency": "ON",
        # What it says that it has applied is on disk.
        "sync_binlog": 1,
        "innodb_flush_log_at_trx_commit": 1,
        # The archive has one order, in which each point is one that the group could have been at.
        "replica_preserve_commit_order": "ON",
        "replica_parallel_workers": 4,
        "log_replica_updates": "ON",
        "binlog_expire_logs_seconds": settings.archive_days * 24 * 3600,
        "relay_log": "relay-bin",
        "relay_log_recovery": "ON",
        "event_scheduler": "OFF",
        "plugin_load_add": "mysql_clone.so",
        **settings.options,
    }


def log_bin_of(settings: Settings) -> str:
    """Return the base name of the binary logs, which are the archive."""
    return str(settings.archive / "binlog")


def aside_options(
    place: Path, made_with: Mapping[str, Any], network: tuple[str, int] | None = None
) -> list[str]:
    """
    Return the command line of an instance that is restored aside: no log of its own.

    place
        Its folder, with ``data``, ``run`` and ``logs``.

    made_with
        What its data directory was made with: a value for each of ``MADE_WITH``.

    network
        The address and the port where it can be cloned; None: it has no network. There it shows a
        certificate that it made for itself, which who clones it knows beforehand: one that is
        signed by none but itself.
    """
    run = place / "run"
    reached = ["--skip-networking"]
    if network:
        reached = [
            *(f"--bind-address={network[0]}", f"--port={network[1]}"),
            *("--ssl-cert=ca.pem", "--ssl-key=ca-key.pem", "--require-secure-transport=ON"),
            "--plugin-load-add=mysql_clone.so",
        ]
    return [
        "mysqld",
        "--no-defaults",
        "--user=mysql",
        f"--datadir={place / 'data'}",
        f"--socket={run / 'mysqld.sock'}",
        f"--pid-file={run / 'mysqld.pid'}",
        f"--log-error={run / 'error.log'}",
        f"--relay-log={place / 'logs' / 'relay'}",
        "--relay-log-recovery=OFF",
        "--relay-log-purge=OFF",
        *reached,
        "--mysqlx=OFF",
        "--skip-replica-start=ON",
        "--disable-log-bin",
        "--gtid-mode=ON",
        "--enforce-gtid-consistency=ON",
        "--super-read-only=ON",
        "--event-scheduler=OFF",
        "--replica-parallel-workers=4",
        "--replica-preserve-commit-order=ON",
        # None that a member has, whose ids are addresses; and of none is anything passed over.
        "--server-id=1",
        "--replicate-same-server-id=ON",
        *(
            f"--{name.replace('_', '-')}={made_with[name]}"
            for name in MADE_WITH
            if name in made_with
        ),
        "--daemonize",
    ]

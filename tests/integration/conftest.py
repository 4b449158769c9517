"""A real Salt master and a real minion over this checkout, with secrets of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from saltfactories.utils import random_string

from tests.functional.conftest import checkout  # noqa: F401

PASSWORD = "an-integration-password"


@pytest.fixture(scope="session")
def salt_factories_config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    # Sockets live below the root directory, and their paths must stay short.
    # Daemons, too, start with what others leave of the processors.
    return {"root_dir": tmp_path_factory.mktemp("s"), "start_timeout": 180}


@pytest.fixture(scope="session")
def master(salt_factories: Any, checkout: Path) -> Iterator[Any]:  # noqa: F811
    # One database more, with what other roles have, so that every module has settings.
    minion_id = random_string("mysql-")
    pillar = checkout / "pillar"
    with (pillar / "cluster.sls").open("a") as table:
        table.write(f"    {minion_id}: {{ip: 172.28.17.99, role: db}}\n")
    (pillar / "trial.sls").write_text(
        f"mysql:\n  socket: /nonexistent/mysqld.sock\n"
        f"haproxy:\n  stats:\n    password: {PASSWORD}\n"
        f"laravel:\n  secrets:\n    trial: {PASSWORD}\n"
    )
    with (pillar / "top.sls").open("a") as top:
        top.write(f"  '{minion_id}*':\n    - haproxy\n    - trial\n")
    daemon = salt_factories.salt_master_daemon(
        random_string("master-"),
        overrides={
            "file_roots": {"base": [str(checkout / "salt"), str(checkout)]},
            "pillar_roots": {"base": [str(pillar)]},
            "interface": "127.0.0.1",
            "worker_threads": 3,
        },
        extra_cli_arguments_after_first_start_failure=["--log-level=info"],
    )
    daemon.minion_id = minion_id
    with daemon.started():
        yield daemon


@pytest.fixture(scope="session")
def minion(master: Any) -> Iterator[Any]:
    daemon = master.salt_minion_daemon(
        master.minion_id, extra_cli_arguments_after_first_start_failure=["--log-level=info"]
    )
    with daemon.started():
        # It runs with what others leave of the processors.
        answer = master.salt_cli().run("saltutil.sync_all", minion_tgt=daemon.id, _timeout=180)
        assert {
            "modules.cluster",
            "modules.laravel_release",
            "modules.mysql_gr",
            "modules.mysql_maintenance",
            "modules.mysql_operation",
            "modules.mysql_rolling",
            "modules.mysql_schema",
            "modules.mysql_server",
        } <= set(answer.data["modules"]), answer
        assert {
            "states.laravel_release",
            "states.mysql_gr",
            "states.mysql_rolling",
            "states.mysql_server",
        } <= set(answer.data["states"]), answer
        assert {
            "utils.group_replication.gtid",
            "utils.haproxy_config.sections",
            "utils.laravel_deploy.switch",
            "utils.minion_calls",
            "utils.pillar_check",
            "utils.state_report",
        } <= set(answer.data["utils"]), answer
        yield daemon


@pytest.fixture
def stranger(master: Any) -> Iterator[Any]:
    """A minion with an accepted key, and an id like a role, that the table does not name."""
    daemon = master.salt_minion_daemon(
        random_string("db-"), extra_cli_arguments_after_first_start_failure=["--log-level=info"]
    )
    with daemon.started():
        yield daemon


@pytest.fixture
def call(master: Any, minion: Any) -> Any:
    """Call a function on the minion through the master and return the answer."""

    def run(function: str, *arguments: Any, **options: Any) -> Any:
        return master.salt_cli().run(
            function, *arguments, minion_tgt=minion.id, _timeout=120, **options
        )

    return run


@pytest.fixture(scope="session")
def haproxy() -> str:
    found = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    assert found, "haproxy is not installed; `make test-integration` installs it"
    return found

"""Another application beside the first: its jobs are done once, whatever serves meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.application import ENV, put_repository
from tests.support.lab import Lab

pytestmark = pytest.mark.restores

DIRECTORY, REPOSITORY = "/srv/bureau", "/srv/bureau.git"
UNIT = "laravel-worker-paper@1.service"
WORKERS = {"paper": {"timeout": 60, "sleep": 1}}
# As the first application has them, and none of its secrets but one.
TAKEN = ("APP_ENV", "DB_CONNECTION", "DB_HOST", "DB_PORT", "DB_DATABASE", "DB_USERNAME")
TABLES = ("jobs", "failed_jobs", "cache", "cache_locks", "done", "ticks")


def ask(lab: Lab, call: str) -> Any:
    """Call a function on the web machine; a sentence in place of an answer is a failure."""
    answer = lab.salt(lab.web, call)[lab.web]
    assert not isinstance(answer, str) or not answer.startswith(("ERROR", "Error")), answer
    return answer


def units(lab: Lab, wanted: dict[str, Any], schedule: bool = False, test: bool = False) -> Any:
    given = f"workers='{json.dumps(wanted)}' schedule={schedule} test={test}"
    return ask(lab, f"laravel_worker.update {DIRECTORY} {given}")


def commit(lab: Lab, change: str) -> str:
    """Change the application, build it, and return the release."""
    lab.run(lab.web, f"set -e\ncd {REPOSITORY}\n{change}\ngit add -A\ngit commit -q -m trial")
    made = ask(lab, f"laravel_release.build {DIRECTORY} file://{REPOSITORY} rev=main")
    return str(made["release"])


def papers(lab: Lab, job: str) -> list[list[str]]:
    """What was done of a job: the release, and whether it was the end."""
    query = f"SELECT `release`, whole FROM realworld.done WHERE job = '{job}' ORDER BY id"
    return [line.split() for line in lab.sql("db1", query).splitlines()]


def put(lab: Lab, job: str, seconds: int) -> None:
    ask(lab, f'laravel.artisan {DIRECTORY} paper:put args=\'["{job}", "{seconds}"]\'')


@pytest.fixture(scope="module")
def bureau(lab: Lab) -> Iterator[str]:
    """The application with a queue, deployed; its first release."""
    put_repository(lab, "bureau", REPOSITORY)
    lab.run(
        lab.web,
        f"rm -rf {DIRECTORY} && mkdir -p {DIRECTORY}/releases {DIRECTORY}/shared",
    )
    try:
        before = ask(lab, f"laravel.env {ENV}")
        values = {name: before[name] for name in TAKEN}
        secrets = '{"DB_PASSWORD": "mysql:accounts:application:password"}'
        given = f"values='{json.dumps(values)}' secrets='{secrets}'"
        ask(lab, f"laravel.env_update {DIRECTORY}/shared/.env {given}")
        ask(lab, f"laravel_storage.update {DIRECTORY}/shared/storage")
        release = commit(lab, "touch first")
        ask(lab, f"laravel.key_update {DIRECTORY} APP_KEY commands='[\"key:generate\"]'")
        ask(lab, f"laravel.migrate {DIRECTORY}/releases/{release}")
        ask(lab, f"laravel_release.switch {DIRECTORY}")
        yield release
    finally:
        units(lab, {})
        lab.run(lab.web, f"rm -rf {REPOSITORY} {DIRECTORY}")
        names = ", ".join(f"realworld.{table}" for table in TABLES)
        ours = " OR ".join(f"migration LIKE '%create_{one}_table%'" for one in ("jobs", "done"))
        lab.sql(
            "db1",
            f"DROP TABLE IF EXISTS {names};\nDELETE FROM realworld.migrations "
            f"WHERE {ours} OR migration LIKE '%create_cache_table%';",
        )


@pytest.fixture(scope="module")
def working(lab: Lab, bureau: str) -> str:
    """The application with a worker and a scheduler."""
    predicted = units(lab, WORKERS, True, test=True)
    assert units(lab, WORKERS, True) == predicted
    assert {UNIT, "laravel-schedule.timer"} <= predicted.keys()
    assert units(lab, WORKERS, True) == {}
    return bureau


def worker(lab: Lab) -> dict[str, Any]:
    (one,) = (u for u in ask(lab, f"laravel_worker.status {DIRECTORY}") if u["unit"] == UNIT)
    return dict(one)


def test_a_build_has_the_functions_of_its_packages(lab: Lab, bureau: str):
    """Those that upstream's `files` define; without the first any deprecation ends a request."""
    wanted = (
        "trigger_deprecation",
        "collect",
        "dump",
        "env",
        "Illuminate\\Support\\enum_value",
    )
    program = f"""setpriv --reuid=www-data --regid=www-data --clear-groups php <<'PHP'
<?php
require '{DIRECTORY}/releases/{bureau}/vendor/autoload.php';
foreach ({json.dumps(list(wanted))} as $name) {{
    echo function_exists($name) ? '' : "$name ";
}}
PHP"""
    assert lab.run(lab.web, program) == ""


def test_a_job_under_way_at_a_switch_is_done_exactly_once(
    lab: Lab, working: str, eventually: Callable[..., float]
):
    following = commit(lab, "touch second")
    before = worker(lab)
    assert (before["release"], before["state"]) == (working, "active (running)")
    put(lab, "long", 25)
    eventually(lambda: papers(lab, "long") == [[working, "0"]], 30)
    put(lab, "next", 0)
    assert ask(lab, f"laravel_release.switch {DIRECTORY}") == {"old": working, "new": following}
    # Nobody waited for it.
    assert papers(lab, "long") == [[working, "0"]]
    eventually(lambda: papers(lab, "next") == [[following, "0"], [following, "1"]], 60)
    assert papers(lab, "long") == [[working, "0"], [working, "1"]]
    now = worker(lab)
    assert (now["release"], now["state"]) == (following, "active (running)")
    assert now["pid"] != before["pid"]
    assert lab.sql("db1", "SELECT COUNT(*) FROM realworld.failed_jobs") == "0"


def test_due_tasks_are_run_by_the_timer_s_service(
    lab: Lab, working: str, eventually: Callable[..., float]
):
    lab.run(lab.web, "systemctl is-active laravel-schedule.timer")
    lab.run(lab.web, "systemctl start laravel-schedule.service")
    eventually(lambda: int(lab.sql("db1", "SELECT COUNT(*) FROM realworld.ticks")) > 0, 90)
    left = lab.run(lab.web, "journalctl -u laravel-schedule.service -q --no-pager")
    assert "paper:tick" in left


def test_what_a_killed_run_did_not_tell_is_told_by_the_next(
    lab: Lab, working: str, eventually: Callable[..., float]
):
    file = "/etc/systemd/system/laravel-worker-paper@.service"
    # As if a run had been killed before systemd read the file, and before the workers were told.
    for left, changed in (
        (f"sleep 1.1; touch {file}", {file: {"old": "present, not loaded", "new": "present"}}),
        (
            f"sleep 1.1; touch -h {DIRECTORY}/current",
            {UNIT: {"old": "running what was before", "new": "running"}},
        ),
    ):
        before = worker(lab)["pid"]
        lab.run(lab.web, left)
        assert units(lab, WORKERS, True, test=True) == changed
        assert units(lab, WORKERS, True) == changed
        assert units(lab, WORKERS, True) == {}
        eventually(lambda old=before: worker(lab)["pid"] not in (0, old), 30)


def test_a_hook_that_fails_leaves_what_serves(lab: Lab, working: str):
    before = lab.run(lab.web, f"readlink {DIRECTORY}/current")
    commit(lab, "touch third")
    hooks = '{"before_switch": [["paper:refuse"]]}'
    refused = lab.salt(lab.web, f"laravel_release.switch {DIRECTORY} hooks='{hooks}'")[lab.web]
    assert "before_switch: artisan paper:refuse failed" in str(refused)
    assert lab.run(lab.web, f"readlink {DIRECTORY}/current") == before


def test_what_the_pillar_loses_goes_after_its_job(
    lab: Lab, working: str, eventually: Callable[..., float]
):
    serving = lab.run(lab.web, f"readlink {DIRECTORY}/current").strip().rpartition("/")[2]
    put(lab, "last", 5)
    lab.run(
        lab.web,
        "for i in $(seq 100); do journalctl -u 'laravel-worker-paper@*' -q --no-pager -n 1"
        " | grep -q RUNNING && exit 0; sleep 0.2; done; exit 1",
    )
    predicted = units(lab, {}, test=True)
    assert units(lab, {}) == predicted
    # By now it is done; another member may be a moment behind.
    eventually(lambda: papers(lab, "last") == [[serving, "0"], [serving, "1"]], 5)
    assert ask(lab, f"laravel_worker.status {DIRECTORY}") == []
    files = lab.run(lab.web, "ls /etc/systemd/system | grep laravel- || true")
    assert files == ""

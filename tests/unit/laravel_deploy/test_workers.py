"""What the pillar may say of workers and the scheduler, and the units that come of it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from laravel_deploy.workers import Site, queue_variables, wanted_units
from salt.exceptions import SaltInvocationError

SITE = Site("/srv/shop", "www-data", "www-data", "web1", ["web1", "web2"])
SECOND = Site("/srv/shop", "www-data", "www-data", "web2", ["web1", "web2"])
TIMER = ["laravel-schedule.timer"]


def lines(site=SITE, **worker):
    (text,) = wanted_units(site, {"mail": worker}, False).files.values()
    return text.splitlines()


def test_a_further_application_s_units_and_errors_have_its_name():
    shop = Site("/srv/shop", "laravel-shop", "laravel-shop", "web1", ["web1"], "shop")
    units = wanted_units(shop, {"mail": {}}, True)
    assert sorted(units.files) == [
        "laravel-shop-schedule.service",
        "laravel-shop-schedule.timer",
        "laravel-shop-worker-mail@.service",
    ]
    assert units.running == ["laravel-shop-worker-mail@1.service", "laravel-shop-schedule.timer"]
    assert "Unit=laravel-shop-schedule.service" in units.files["laravel-shop-schedule.timer"]
    assert "User=laravel-shop" in units.files["laravel-shop-worker-mail@.service"]
    place = "laravel:applications:shop"
    with pytest.raises(SaltInvocationError, match=f"{place}:workers:mail:tries is"):
        wanted_units(shop, {"mail": {"tries": -1}}, False)
    with pytest.raises(SaltInvocationError, match=f"{place}:schedule is"):
        wanted_units(shop, {}, "some")
    with pytest.raises(SaltInvocationError, match=f"{place}:env:QUEUE_CONNECTION is 'sync'"):
        queue_variables({"mail": {}}, {"QUEUE_CONNECTION": "sync"}, place)


def test_nothing_is_wanted_unless_it_is_asked_for():
    assert wanted_units(SITE, {}, False) == wanted_units(SITE, None, None)
    assert wanted_units(SITE, {}, False).files == {}


def test_a_worker_is_a_unit_for_each_of_its_processes():
    units = wanted_units(SITE, {"mail": {"processes": 2}, "big": None}, False)
    assert sorted(units.files) == ["laravel-worker-big@.service", "laravel-worker-mail@.service"]
    assert units.running == [
        "laravel-worker-mail@1.service",
        "laravel-worker-mail@2.service",
        "laravel-worker-big@1.service",
    ]


def test_a_worker_s_settings_are_its_arguments():
    (command,) = [
        line
        for line in lines(queue=["high", "low"], connection="redis", tries=1)
        if line.startswith("ExecStart=")
    ]
    assert command == (
        "ExecStart=/usr/bin/php -d mysqlnd.net_read_timeout=60 artisan queue:work redis --name=mail"
        " --queue=high,low --tries=1 --backoff=3 --timeout=60 --memory=128 --sleep=3"
        " --max-time=3600 --no-interaction --no-ansi"
    )


@pytest.mark.parametrize(("timeout", "stop"), [(60, "90"), (600, "630"), (0, "infinity")])
def test_a_job_under_way_ends_before_its_worker_is_killed(timeout, stop):
    unit = lines(timeout=timeout)
    assert {f"TimeoutStopSec={stop}", "KillMode=mixed", "Restart=always"} <= set(unit)
    assert any("net_read_timeout" in line for line in unit) is bool(timeout)


@pytest.mark.parametrize(
    ("on", "first", "second"),
    [("all", 1, 1), (["web1"], 1, 0), (["web2"], 0, 1), (["web1", "web2"], 1, 1)],
)
def test_a_worker_is_where_it_is_wanted(on, first, second):
    for site, count in ((SITE, first), (SECOND, second)):
        assert len(wanted_units(site, {"mail": {"nodes": on}}, False).running) == count


@pytest.mark.parametrize(
    ("schedule", "first", "second"),
    [(True, TIMER, []), (False, [], []), ("all", TIMER, TIMER), (["web2"], [], TIMER)],
)
def test_tasks_are_looked_for_on_the_first_web_server_unless_said_otherwise(
    schedule, first, second
):
    assert wanted_units(SITE, {}, schedule).running == first
    assert wanted_units(SECOND, {}, schedule).running == second


def test_a_web_server_that_no_table_names_is_the_first():
    alone = Site("/srv/shop", "www-data", "www-data", "web", [])
    assert wanted_units(alone, {}, True).running == TIMER


@pytest.mark.parametrize(
    ("workers", "schedule", "said"),
    [
        (["mail"], False, "laravel:workers is a list; expected a mapping"),
        ({"Mail": {}}, False, "laravel:workers is 'Mail'; expected names"),
        ({"a-b": {}}, False, "laravel:workers is 'a-b'"),
        (
            {"mail": {"procesess": 2}},
            False,
            "mail:procesess .* expected laravel:workers:mail:proce",
        ),
        ({"mail": 3}, False, "laravel:workers:mail is a int"),
        ({"mail": {"processes": 0}}, False, "mail:processes is '0'; expected a number, 1 to 64"),
        ({"mail": {"timeout": "60"}}, False, "mail:timeout is '60'"),
        ({"mail": {"timeout": True}}, False, "mail:timeout is 'True'"),
        ({"mail": {"queue": "a b"}}, False, "mail:queue is 'a b'; expected a queue"),
        ({"mail": {"queue": ["a", "--once"]}}, False, None),
        ({"mail": {"queue": []}}, False, "mail:queue is a list"),
        ({"mail": {"connection": "a b"}}, False, "mail:connection is 'a b'"),
        ({"mail": {"nodes": "web1"}}, False, "mail:nodes is 'web1'; expected all, or a list"),
        (
            {"mail": {"nodes": ["web3"]}},
            False,
            "mail:nodes is 'web3'; expected web servers: web1, web2",
        ),
        ({}, "web1", "laravel:schedule is 'web1'; expected all, or a list"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(workers, schedule, said):
    if said is None:
        # One word of an argument, whatever it looks like.
        assert "--queue=a,--once " in next(
            iter(wanted_units(SITE, workers, schedule).files.values())
        )
        return
    with pytest.raises(SaltInvocationError, match=said):
        wanted_units(SITE, workers, schedule)


RETRIES = ("BEANSTALKD_QUEUE_RETRY_AFTER", "DB_QUEUE_RETRY_AFTER", "REDIS_QUEUE_RETRY_AFTER")


def test_a_job_is_given_to_another_only_after_its_worker_would_have_ended_it():
    made = queue_variables({"a": {"timeout": 300}, "b": {}}, {})
    assert made == {"QUEUE_CONNECTION": "database", **dict.fromkeys(RETRIES, 330)}
    assert queue_variables({}, {}) == queue_variables(None, {}) == {}
    given = {"QUEUE_CONNECTION": "redis", **dict.fromkeys(RETRIES, 301)}
    assert queue_variables({"a": {"timeout": 300}}, given) == {}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (
            {"QUEUE_CONNECTION": "sync"},
            "QUEUE_CONNECTION is 'sync'; expected a queue that the work",
        ),
        ({"DB_QUEUE_RETRY_AFTER": 60}, "RETRY_AFTER is '60'; expected seconds above .* 60"),
        ({"REDIS_QUEUE_RETRY_AFTER": "30"}, "RETRY_AFTER is '30'"),
    ],
)
def test_a_queue_that_loses_or_doubles_jobs_is_refused(env, said):
    with pytest.raises(SaltInvocationError, match=said):
        queue_variables({"a": {}}, env)
    assert queue_variables({"a": {"connection": "redis"}}, {"QUEUE_CONNECTION": "sync"})


def test_the_units_are_systemds(tmp_path):
    """As its own judge takes them, where there is one."""
    site = Site("/srv/my %shop", "www-data", "www-data", "web", ["web"])
    units = wanted_units(site, {"mail": {}}, True)
    assert (
        'ReadWritePaths="/srv/my %%shop/shared/storage"'
        in units.files["laravel-worker-mail@.service"].splitlines()
    )
    for name, text in units.files.items():
        assert "User=www-data" in text or name.endswith(".timer")
        # An instance of the template is what can be judged.
        (tmp_path / name.replace("@.", "@1.")).write_text(text)
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd here")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line for line in done.stderr.splitlines() if "laravel-" in line]
    # Not every machine has PHP.
    assert [line for line in wrong if "/usr/bin/php" not in line] == []

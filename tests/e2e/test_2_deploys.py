"""The application is deployed, taken back and given other keys while a crowd uses it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import long_only, unnoticed
from tests.support.application import health, rollback, undeployed
from tests.support.lab import APPLICATION, Lab
from tests.support.orchestration import orchestrated
from tests.support.visitors import Crowd
from vagrant import prepare

pytestmark = pytest.mark.restores

# A small crowd, that leaves the processors to what is tested; bench/web.py has a large one.
REPOSITORY = "/srv/trial.git"


def releases(lab: Lab) -> list[dict[str, Any]]:
    return lab.salt(lab.web, f"laravel_release.releases {APPLICATION}")[lab.web]


def live(lab: Lab) -> str:
    (one,) = [one["release"] for one in releases(lab) if one["live"]]
    return one


def answering(lab: Lab) -> str:
    """Which release answers requests."""
    return health(lab)[0]["release"]


@pytest.fixture(scope="module", autouse=True)
def as_before(lab: Lab) -> Iterator[None]:
    """Let the release serve at the end that the pillar names."""
    yield
    undeployed(lab)


def test_a_release_is_where_an_operator_looks_for_it(lab: Lab):
    now = live(lab)
    assert answering(lab) == now
    facts = lab.run(
        lab.web,
        f"cd {APPLICATION}\nreadlink -f current/.env current/storage\n"
        "stat -c '%a %U %G %n' shared/.env shared/storage current/public/index.php"
        " current/bootstrap/cache/config.php\n"
        "cat /etc/apache2/release.map\n",
    )
    assert facts.splitlines() == [
        f"{APPLICATION}/shared/.env",
        f"{APPLICATION}/shared/storage",
        "640 root www-data shared/.env",
        "750 www-data www-data shared/storage",
        "644 root root current/public/index.php",
        "640 root www-data current/bootstrap/cache/config.php",
        "# Kept by Salt.",
        f"live {now}",
        f"home {APPLICATION}/releases/{now}",
    ]
    assert "X-Release" not in lab.api("GET", "/up").headers


def test_a_deployment_and_a_rollback_are_predicted_and_cost_no_request(lab: Lab, crowd: Crowd):
    before = live(lab)
    build = f"{time.time_ns()}"
    pillar = json.dumps({"laravel": {"build": build}})

    def applied(call: str) -> dict[str, Any]:
        states = lab.salt(lab.web, f"state.apply laravel {call} pillar='{pillar}'")[lab.web]
        return {one["__id__"]: one for one in states.values()}

    predicted, made = (
        {name: one["changes"] for name, one in applied(call).items()}
        for call in ("test=True", "test=False")
    )
    assert predicted == made
    assert [name for name, one in made.items() if one] == [
        "laravel-release-built",
        "laravel-rehearse-answers",
        "laravel-live-release",
    ]
    assert answering(lab) == live(lab)
    assert live(lab).endswith(f"-{build}")
    rollback(lab)
    assert answering(lab) == live(lab) == before
    # The next run leaves it so, and says why.
    said = applied("")["laravel-live-release"]
    assert (said["result"], said["changes"]) == (True, {})
    assert "rolled back" in said["comment"]
    assert answering(lab) == live(lab) == before


SLOW = (
    'echo \'Route::get("/slow/{s}", fn (int $s) => [sleep($s), config("conduit.release")]);\''
    " >> routes/api.php"
)


@pytest.mark.slow
def test_a_long_request_lives_through_a_switch_and_keeps_nobody_waiting(lab: Lab, slow: str):
    assert live(lab) == slow
    with ThreadPoolExecutor() as pool:
        long = pool.submit(lab.api, "GET", "/api/slow/26")
        time.sleep(1)
        switching = pool.submit(rollback, lab)
        seconds = []
        while not switching.done():
            begin = time.monotonic()
            assert lab.api("GET", "/up").status_code == 200
            seconds.append(time.monotonic() - begin)
            time.sleep(0.1)
        switching.result()
        assert answering(lab) == live(lab) != slow
        lab.salt(lab.web, f"laravel_release.switch {APPLICATION} {slow}")
        assert answering(lab) == live(lab) == slow
        answer = long.result()
    assert (answer.status_code, answer.json()[1]) == (200, slow)
    assert max(seconds) < 3, seconds


@pytest.fixture(scope="module")
def repository(lab: Lab) -> Iterator[Callable[[str], dict[str, Any]]]:
    """A repository of the application on the web machine: deploys it with a change, or as is."""
    lab.salt(lab.web, "pkg.install git")
    lab.run(
        lab.web,
        f"set -e\nrm -rf {REPOSITORY}\n"
        f"cp -RL {APPLICATION}/current {REPOSITORY}\ncd {REPOSITORY}\n"
        "rm -rf vendor storage .env bootstrap/cache composer.lock .release.json\n"
        "git init -q -b main\ngit config user.name trial\ngit config user.email trial@localhost",
    )

    def commit(change: str) -> dict[str, Any]:
        if change:
            lab.run(
                lab.web,
                f"set -e\ncd {REPOSITORY}\n{change}\ngit add -A\ngit commit -q -m trial",
            )
        pillar = json.dumps({"laravel": {"source": f"file://{REPOSITORY}", "rev": "main"}})
        states = lab.salt(lab.web, f"state.apply laravel pillar='{pillar}'")[lab.web]
        return {one.get("__id__", key): one for key, one in states.items()}

    yield commit
    lab.run(lab.web, f"rm -rf {REPOSITORY}")


@pytest.fixture(scope="module")
def slow(lab: Lab, repository: Callable[[str], dict[str, Any]]) -> str:
    """A release out of the repository that serves, and answers slowly where it is asked to."""
    states = repository(SLOW)
    assert {one["result"] for one in states.values()} == {True}, states
    return live(lab)


CASCADING = """<?php

use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Database\\Schema\\Blueprint;
use Illuminate\\Support\\Facades\\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::create('trials', function (Blueprint $table): void {
            $table->id();
            $table->foreignId('user_id')->constrained()->cascadeOnDelete();
        });
    }
};
"""


@pytest.mark.slow
def test_a_release_that_does_not_answer_or_migrate_never_serves(
    lab: Lab, crowd: Crowd, repository: Callable[[str], dict[str, Any]], slow: str
):
    good = live(lab)
    assert answering(lab) == good == slow

    states = repository("sed -i 's/<?php/<?php broken(/' app/Providers/AppServiceProvider.php")
    assert states["laravel-release-built"]["result"] is False
    # What it had to say of that, as root, is not in the way of what the web server writes.
    strangers = f"find {APPLICATION}/shared/storage/ ! -user www-data"
    assert lab.run(lab.web, strangers) == ""
    assert answering(lab) == live(lab) == good

    # It boots, and does not answer.
    states = repository(
        "git checkout -q HEAD~1 -- app\n"
        "sed -i \"s|health: '/up'|health: '/down'|\" bootstrap/app.php"
    )
    refused = states["laravel-rehearse-answers"]
    assert refused["result"] is False
    assert "answers /up with 404" in refused["comment"]
    assert states["laravel-migrate-migrated"]["result"] is False
    assert answering(lab) == live(lab)

    states = repository(
        "git checkout -q HEAD~1 -- bootstrap\n"
        f"cat > database/migrations/2027_01_01_000001_create_trials.php <<'PHP'\n{CASCADING}PHP"
    )
    refused = states["laravel-migrate-migrated"]
    assert refused["result"] is False
    assert "create_trials: trials: on delete cascade, in multi-primary mode" in refused["comment"]
    assert lab.sql("db1", "SHOW TABLES FROM realworld LIKE 'trials'") == ""
    assert states["laravel-live-release"]["result"] is False
    assert answering(lab) == live(lab)


HALF = """<?php

use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Database\\Schema\\Blueprint;
use Illuminate\\Support\\Facades\\DB;
use Illuminate\\Support\\Facades\\Schema;

return new class extends Migration
{
    public function up(): void
    {
        Schema::table('tags', fn (Blueprint $table) => $table->string('half')->nullable());
        DB::statement('this is no SQL');
    }
};
"""


@long_only
def test_a_migration_that_fails_half_way_is_named_until_it_has_run(
    lab: Lab, repository: Callable[[str], dict[str, Any]], slow: str
):
    name, committed = "2027_01_01_000002_half", "committed: alter table `tags` add `half`"
    file = f"database/migrations/{name}.php"
    try:
        states = repository(
            "git rm -q --ignore-unmatch database/migrations/2027_*\n"
            f"cat > {file} <<'PHP'\n{HALF}PHP"
        )
        failed = states["laravel-migrate-migrated"]
        assert failed["result"] is False
        assert f"{name} is half done, {committed}" in failed["comment"]
        assert states["laravel-live-release"]["result"] is False
        assert answering(lab) == live(lab) == slow
        seen = lab.salt(lab.web, f"laravel.check_migrations {APPLICATION}/next")[lab.web]
        assert next(one["problem"] for one in seen if one["migration"] == name) == "half done"
        assert lab.sql("db2", "SHOW COLUMNS FROM realworld.tags LIKE 'half'") != ""
    finally:
        lab.sql("db1", "ALTER TABLE realworld.tags DROP COLUMN half")
        journal = f"{APPLICATION}/shared/storage/framework/migrations.journal"
        lab.run(lab.web, f"rm -f {journal}")


def test_a_release_that_answers_badly_once_it_serves_is_switched_back_from(
    lab: Lab, repository: Callable[[str], dict[str, Any]]
):
    before = live(lab)
    # In php itself it answers well: Apache and php-fpm alone go by this file.
    broken = (
        "git rm -q --ignore-unmatch database/migrations/2027_*\n"
        "sed -i 's/<?php/<?php exit(http_response_code(500));/' public/index.php"
    )
    refused = repository(broken)["laravel-live-release"]
    assert refused["result"] is False
    (bad,) = [one["release"] for one in releases(lab) if one["next"]]
    assert f"status 500, by {bad}" in refused["comment"]
    assert f"{before} serves again" in refused["comment"]
    assert answering(lab) == live(lab) == before
    # And it stays so: the next run does not try it on the clients once more.
    again = repository("")["laravel-live-release"]
    assert again["result"] is False
    assert f"{before} serves; {bad} is left alone" in again["comment"]


def tokens_work(lab: Lab, *tokens: str) -> bool:
    """Tell whether the API knows the first user by each of some tokens."""
    asked = [lab.api("GET", "/api/user", headers={"Authorization": f"Token {t}"}) for t in tokens]
    return [one.status_code for one in asked] == [200] * len(tokens)


@pytest.mark.slow
def test_a_secret_of_tokens_is_rotated_and_tokens_of_before_stay_valid(lab: Lab):
    before, kept = lab.log_in(), prepare.rotate("jwt_secret")
    file = kept.with_name("laravel.sls")
    try:
        with unnoticed(lab):
            predicted, told = orchestrated(lab, "rotate_key", test=True, key="JWT_SECRET")
            assert predicted["result"] is None, told
            done, told = orchestrated(lab, "rotate_key", key="JWT_SECRET")
            assert done["result"] is True, told
            assert done["changes"] == predicted["changes"]
            assert not [one for one in lab.secrets().values() if len(one) > 20 and one in told]
            after = lab.log_in()
            assert tokens_work(lab, before, after)
            again, told = orchestrated(lab, "rotate_key", key="JWT_SECRET")
            assert (again["result"], again["changes"]) == (True, {}), told
    finally:
        text = prepare.replaced(file.read_text(), prepare.UNTIL, "2000-01-01 00:00")
        prepare.write_private(file, text)
        kept.unlink()
    # Its time is over: tokens of before are void, those of the new one are not.
    changed = lab.apply([lab.web], "laravel.keys")
    assert {one for one in changed if "JWT" in one} == {"JWT_ACCEPTED_SECRET", "JWT_ACCEPTED_UNTIL"}
    assert lab.salt(lab.web, f"laravel_release.cache {APPLICATION}")[lab.web] is True
    time.sleep(3)
    assert tokens_work(lab, after)
    assert not tokens_work(lab, before)
    lines = file.read_text().splitlines(keepends=True)
    prepare.write_private(file, "".join(one for one in lines if "jwt_accepted" not in one))
    assert lab.apply([lab.web], "laravel.keys") == set()


def test_a_key_is_rotated_and_the_old_one_still_reads(lab: Lab, crowd: Crowd):
    tinker = (
        f"cd {APPLICATION}/current && php -r '"
        'require "vendor/autoload.php"; $app = require "bootstrap/app.php";'
        " $app->make(Illuminate\\Contracts\\Console\\Kernel::class)->bootstrap();"
        " echo {};'"
    )
    sealed = lab.run(lab.web, tinker.replace("{}", 'encrypt("a letter")'))
    rotate = f"laravel.rotate_key {APPLICATION} secret="
    # A pillar key that is not there: the application makes a new one itself.
    changed = lab.salt(lab.web, f"{rotate}laravel:secrets:nothing")[lab.web]["changes"]
    assert sorted(changed) == ["APP_KEY", "APP_PREVIOUS_KEYS"]
    assert lab.secret("laravel", "app_key") not in json.dumps(changed)
    try:
        assert lab.run(lab.web, tinker.replace("{}", f'decrypt("{sealed}")')) == "a letter"
        assert lab.api("GET", "/api/tags").status_code == 200
        states = lab.salt(lab.web, "state.apply laravel.keys test=True")[lab.web]
        (kept,) = [one for one in states.values() if one["__id__"] == "laravel-keys-app"]
        assert (kept["result"], kept["changes"]) == (True, {})
        assert "it was kept" in kept["comment"]
    finally:
        lab.salt(lab.web, f"{rotate}laravel:secrets:app_key")
    again = lab.salt(lab.web, f"{rotate}laravel:secrets:app_key")[lab.web]
    assert again == {"changes": {}}

"""What the application and its packages may not do: become root, or have root act for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.application import ENV, undeployed
from tests.support.lab import APPLICATION, ROOT, Lab

pytestmark = pytest.mark.restores

VICTIM = "/opt/victim"
REPOSITORY = "/srv/hostile.git"
STORAGE = f"{APPLICATION}/shared/storage"
CACHE = f"{APPLICATION}/current/bootstrap/cache"
# As www-data: a link in the place of each cache that is made.
SWAP = f"""cd {CACHE} && end=$(($(date +%s) + 120))
while [ "$(date +%s)" -lt $end ]; do
    for file in .aside-*/config.php; do
        [ -f "$file" ] && [ ! -L "$file" ] && ln -sf {VICTIM}/secret "$file" && echo hit && exit
    done
done"""
# What a package does at a build: it says who it is, what it reads and reaches, and leaves a process
# behind.
REACH = (
    """php -r 'echo @fsockopen("{address}", 80, $n, $m, 5) ? "reached" : "no network", PHP_EOL;'"""
)
SCRIPT = """#!/bin/sh
{{ id -un; id -Gn; cat .env; env; cat {env}; {reach}; }} > /tmp/hostile-build 2>&1
chmod 04777 artisan
(exec 3>> public/index.php; sleep 2; echo '// late' >&3; touch /tmp/hostile-late) > /dev/null 2>&1 &
"""
# What a migration does whose statements are asked for: it says so by the name of a table.
MIGRATION = """<?php
use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Support\\Facades\\DB;

return new class extends Migration
{{
    public function up(): void
    {{
        $env = @file_get_contents("{env}") ? "secrets" : "no_secrets";
        $net = @fsockopen("{address}", 80, $n, $m, 5) ? "network" : "no_network";
        $log = @file_put_contents("{storage}/logs/hostile", "x") ? "file" : "no_file";
        $who = trim(`id -un`);
        DB::statement("create table {{$who}}_{{$env}}_{{$net}}_{{$log}} (a int)");
    }}
}};
"""


@pytest.fixture(autouse=True)
def as_before(lab: Lab) -> Iterator[None]:
    """Give the machine a folder of root's that nobody else may touch, and mend all at the end."""
    lab.run(
        lab.web,
        f"mkdir -p {VICTIM}/cache && chmod 700 {VICTIM}/cache\n"
        f'echo \'<?php return ["x" => "of root"];\' > {VICTIM}/secret && chmod 600 {VICTIM}/secret',
    )
    yield
    lab.run(
        lab.web,
        f"rm -rf {VICTIM} {REPOSITORY} /tmp/hostile-*\n"
        f"cd {STORAGE}\n[ ! -L framework ] || {{ rm framework && mv framework.real framework; }}",
    )
    undeployed(lab)


def applied(lab: Lab, call: str) -> dict[str, Any]:
    states = lab.salt(lab.web, f"state.apply {call} queue=5")[lab.web]
    return {one["__id__"]: one for one in states.values()}


def as_web_server(lab: Lab, script: str) -> str:
    lab.run(lab.web, f"cat > /tmp/hostile-script <<'SH'\n{script}\nSH")
    return lab.run(lab.web, "su -s /bin/sh www-data -c 'sh /tmp/hostile-script'")


def test_a_link_below_storage_leads_root_nowhere(lab: Lab):
    as_web_server(lab, f"cd {STORAGE} && mv framework framework.real && ln -s {VICTIM} framework")
    before = lab.run(lab.web, f"stat -c '%n %U %a' {VICTIM} {VICTIM}/*")
    for test in ("True", "False"):
        refused = applied(lab, f"laravel.shared test={test}")["laravel-shared-storage"]
        assert (refused["result"], refused["changes"]) == (False, {})
        assert f"{STORAGE}/framework is a link" in refused["comment"]
    assert lab.run(lab.web, f"stat -c '%n %U %a' {VICTIM} {VICTIM}/*") == before


def test_a_link_in_the_place_of_a_cache_is_not_followed(lab: Lab):
    served = lab.run(lab.web, f"sha256sum {CACHE}/config.php")
    lab.run(lab.web, f"cat > /tmp/hostile-script <<'SH'\n{SWAP}\nSH")
    swapping = "su -s /bin/sh www-data -c 'sh /tmp/hostile-script' > /tmp/hostile-hit"
    lab.run(lab.web, f"nohup {swapping} 2> /dev/null < /dev/null &")
    values = json.dumps({"HOSTILE_PROBE": "1"})
    lab.salt(lab.web, f"laravel.env_update {ENV} values='{values}'")
    try:
        answer = lab.salt(lab.web, f"laravel_release.cache {APPLICATION}")[lab.web]
        assert lab.run(lab.web, "cat /tmp/hostile-hit").strip() == "hit"
        # The next command of artisan meets the link, or root does, whichever is first.
        said = str(answer)
        assert "config.php cannot be read" in said or "artisan event:cache failed" in said, said
        assert lab.run(lab.web, f"sha256sum {CACHE}/config.php") == served
        assert lab.api("GET", "/api/tags").status_code == 200
    finally:
        lab.run(lab.web, f"sed -i /HOSTILE_PROBE/d {ENV}")
    assert lab.run(lab.web, f"ls -A {CACHE} | grep -c aside || true").strip() == "0"


def committed(lab: Lab, changes: str) -> None:
    """Make a repository of the application as it is deployed, with some changes."""
    lab.salt(lab.web, "pkg.install git")
    lab.run(
        lab.web,
        f"set -e\nrm -rf {REPOSITORY}\ncp -RL {APPLICATION}/current {REPOSITORY}\n"
        f"cd {REPOSITORY}\n"
        "rm -rf vendor storage .env bootstrap/cache composer.lock .release.json\n"
        f"{changes}\n"
        "git init -q -b main\ngit config user.name trial\ngit config user.email trial@localhost\n"
        "git add -A -f\ngit commit -q -m trial",
    )


def test_a_package_builds_as_nobody_who_matters(lab: Lab):
    reach = REACH.format(address=lab.address[lab.proxy])
    assert lab.run(lab.web, reach).strip() == "reached"
    script = SCRIPT.format(env=ENV, reach=reach)
    committed(
        lab,
        f"cat > build.sh <<'SH'\n{script}SH\n"
        'sed -i \'s|"@php artisan package:discover --ansi"|&, "sh build.sh"|\' composer.json\n'
        "echo APP_KEY=of-the-source > .env.production\necho '{}' > auth.json\n"
        "echo http://elsewhere > public/hot",
    )
    pillar = json.dumps({"laravel": {"source": f"file://{REPOSITORY}", "rev": "main"}})
    states = applied(lab, f"laravel pillar='{pillar}'")
    assert {one["result"] for one in states.values()} == {True}, states
    said = lab.run(lab.web, "cat /tmp/hostile-build")
    assert said.splitlines()[:2] == ["laravel-build", "laravel-build"]
    assert "Permission denied" in said
    assert said.splitlines()[-1] == "no network"
    assert not [name for name, value in lab.secrets().items() if value in said]
    odd = lab.run(
        lab.web,
        f"sleep 3\nls /tmp/hostile-late 2>/dev/null\ncd {APPLICATION}\n"
        "find releases ! -user root\nfind releases ! -type l -perm /6022\n"
        "ls -d current/.env.production current/auth.json current/public/hot .build-* 2>/dev/null\n"
        "grep -l late current/public/index.php\n",
        check=False,
    )
    assert odd == ""
    assert applied(lab, f"laravel pillar='{pillar}'")["laravel-release-built"]["changes"] == {}
    assert lab.api("GET", "/api/tags").status_code == 200


def test_a_migration_that_is_asked_for_its_statements_has_no_effect(lab: Lab):
    code = MIGRATION.format(env=ENV, address=lab.address[lab.proxy], storage=STORAGE)
    name = "database/migrations/2030_01_01_000000_hostile.php"
    committed(lab, f"cat > {name} <<'PHP'\n{code}PHP")
    built = lab.salt(lab.web, f"laravel_release.build {APPLICATION} file://{REPOSITORY} rev=main")
    path = f"{APPLICATION}/releases/{built[lab.web]['release']}"
    (problem,) = lab.salt(lab.web, f"laravel.check_migrations {path}")[lab.web]
    assert problem["table"] == "nobody_no_secrets_no_network_no_file", problem
    assert lab.run(lab.web, f"ls {STORAGE}/logs/hostile", check=False) == ""
    assert "no_secrets" not in lab.sql("db1", "SHOW TABLES IN realworld")


def test_secrets_beside_the_application_are_sent_to_no_machine(lab: Lab):
    """The application is served to all machines: what else a developer has in its folder is not."""
    given = ("app/.env", "app/.env.production", "app/auth.json", "app/public/hot")
    made = [ROOT / name for name in given if not (ROOT / name).exists()]
    assert made
    for path in made:
        path.write_text("of a developer\n")
    try:
        # The master's list of files is some seconds old.
        lab.run(lab.master, "salt-run --out=quiet fileserver.clear_file_list_cache")
        for machine in (lab.web, lab.databases[0]):
            for path in made:
                url = f"salt://{path.relative_to(ROOT)}"
                assert lab.salt(machine, f"cp.get_file_str {url}")[machine] is False, url
            there = lab.salt(machine, "cp.get_file_str salt://app/.env.example")[machine]
            assert "APP_NAME" in there
    finally:
        for path in made:
            path.unlink()


def test_the_application_is_never_run_by_root(lab: Lab):
    answer = lab.salt(lab.web, f"laravel.artisan {APPLICATION} about user=root")[lab.web]
    assert "nothing of the application runs as root" in str(answer)

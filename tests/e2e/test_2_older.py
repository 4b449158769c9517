"""An application of Laravel 10: built, migrated, served, and its jobs done, as newer ones are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.e2e.conftest import long_only
from tests.support import further_application
from tests.support.lab import Lab
from tests.support.orchestration import orchestrated

pytestmark = [pytest.mark.restores, long_only]

NAME, HOST, DIRECTORY = "archive", "archive.example.com", "/srv/archive"
# Debian 13 has Laravel 10. Nothing of it is installed: a second repository is made of its packages.
PACKAGES = "/srv/composer-repository-older"
APT = "/srv/trixie"
REPOSITORY = f"""set -e
mkdir -p {APT}/lists/partial {APT}/cache/archives/partial
cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null \
    | sed -n 's/\\bsid\\b/trixie/p' > {APT}/sources.list
cat > {APT}/apt.conf <<'END'
Dir::Etc::sourcelist "{APT}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
Dir::State::lists "{APT}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{APT}/cache";
END
export APT_CONFIG={APT}/apt.conf
apt-get -qq update
python3 /usr/local/lib/composer/debian_composer_repository.py {PACKAGES} php-laravel-framework
"""
KEYLESS = r"""<?php
return new class extends Illuminate\Database\Migrations\Migration {
    public function up(): void
    {
        Illuminate\Support\Facades\Schema::create('loose', fn ($table) => $table->string('text'));
    }
};
"""
SETTINGS = {
    "server_name": HOST,
    # It has no /up.
    "health": "/alive",
    "env": {"SESSION_DRIVER": "file"},
    "workers": {"note": {"sleep": 1}},
    "schedule": True,
}


def ask(lab: Lab, call: str) -> Any:
    answer = lab.salt(lab.web, call)[lab.web]
    assert not isinstance(answer, str) or not answer.startswith(("ERROR", "Error")), answer
    return answer


@pytest.fixture(scope="module")
def archive(lab: Lab) -> Iterator[requests.Session]:
    """The application, deployed by a highstate; a visitor of it."""
    try:
        for web in lab.webs:
            lab.run(web, REPOSITORY)
        with further_application.declared(lab, NAME, SETTINGS):
            lab.apply(lab.webs)
            assert not lab.apply(lab.webs)
            visitor = requests.Session()
            visitor.headers["Host"] = HOST
            yield visitor
    finally:
        for web in lab.webs:
            lab.run(web, f"rm -rf {APT} {PACKAGES}")


def page(lab: Lab, visitor: requests.Session, path: str = "/") -> dict[str, Any]:
    answer = visitor.get(f"http://{lab.address[lab.web]}{path}", timeout=30)
    assert answer.status_code == 200, answer.text[:500]
    return dict(answer.json())


def test_it_is_served_with_its_sessions(lab: Lab, archive: requests.Session):
    first, second = page(lab, archive), page(lab, archive)
    assert first["framework"].startswith("10.")
    assert (first["seen"], second["seen"]) == (1, 2)


def test_its_jobs_and_its_tasks_are_done(
    lab: Lab, archive: requests.Session, eventually: Callable[..., float]
):
    page(lab, archive, "/put/one")
    eventually(lambda: "one" in page(lab, archive)["notes"], 30)
    lab.run(lab.web, f"systemctl start laravel-{NAME}-schedule.service")
    eventually(lambda: "by the scheduler" in page(lab, archive)["notes"], 30)


def test_a_migration_is_judged_before_it_runs(lab: Lab, archive: requests.Session):
    lab.run(
        lab.web,
        f"set -e\ncd /srv/{NAME}.git\n"
        f"cat > database/migrations/2026_02_01_000001_make_loose.php <<'PHP'\n{KEYLESS}PHP\n"
        "git checkout -q -b loose\ngit add -A\ngit commit -q -m loose\ngit checkout -q main",
    )
    made = ask(lab, f"laravel_release.build {DIRECTORY} file:///srv/{NAME}.git rev=loose")
    (problem,) = ask(lab, f"laravel.check_migrations {DIRECTORY}/releases/{made['release']}")
    assert (problem["table"], problem["problem"]) == ("loose", "no primary key")


def test_it_is_deployed_and_taken_back(lab: Lab, archive: requests.Session):
    before = page(lab, archive)["seen"]
    for event, given in (("deploy", {"build": "second"}), ("rollback", {})):
        done, said = orchestrated(lab, event, application=NAME, **given)
        assert done["result"] is True, said
    # The visitor's session lives through it.
    assert page(lab, archive)["seen"] == before + 1


def test_its_key_is_not_rotated_as_it_knows_no_previous_one(lab: Lab, archive: requests.Session):
    before = lab.run(lab.web, f"cat {DIRECTORY}/shared/.env")
    call = f"laravel.rotate_key {DIRECTORY} secret=laravel:secrets:app_key"
    assert "knows no APP_PREVIOUS_KEYS" in str(lab.salt(lab.web, call)[lab.web])
    assert lab.run(lab.web, f"cat {DIRECTORY}/shared/.env") == before

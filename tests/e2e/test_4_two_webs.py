"""A second web server: both serve one release with one set of keys, and one of them migrates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import grown_to, with_second
from tests.e2e.test_4_scale import salt
from tests.lab import APPLICATION, DATABASE, ROOT, TABLE, Lab
from tests.visitors import Crowd, counted, failed

FEW, PAUSE = 8, 0.3
MIGRATION = ROOT / "app/database/migrations/2099_01_01_000001_create_trials_table.php"
MIGRATES = """<?php

use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Database\\Schema\\Blueprint;
use Illuminate\\Support\\Facades\\Schema;

return new class extends Migration
{
    public function up(): void
    {
        sleep(3);
        Schema::create('trials', fn (Blueprint $table) => $table->id());
    }
};
"""


@pytest.fixture
def two(lab: Lab) -> Iterator[Lab]:
    """The lab with two web servers."""
    with grown_to(lab, with_second(TABLE.read_text(), "web")) as grown:
        yield grown


@pytest.fixture
def migration(lab: Lab) -> Iterator[str]:
    """A migration more in the application; it and its table are gone afterwards."""
    MIGRATION.write_text(MIGRATES)
    try:
        yield MIGRATION.stem
    finally:
        MIGRATION.unlink()
        lab.sql(
            "db1",
            f"USE {DATABASE}; DROP TABLE IF EXISTS trials;"
            f" DELETE FROM migrations WHERE migration = '{MIGRATION.stem}'",
        )


def test_two_web_servers_are_one_application(lab: Lab, two: Lab, migration: str):
    first, second = two.webs
    bases = [f"http://{two.address[name]}" for name in two.webs]
    # The seeds were there, and came no second time.
    seeded = f"SELECT COUNT(*) FROM {DATABASE}.seed_runs"
    assert lab.sql("db1", seeded) == "1"
    addresses = f"SELECT COUNT(*), COUNT(DISTINCT email) FROM {DATABASE}.users"
    assert len({*lab.sql("db1", addresses).split()}) == 1

    with Crowd(bases, FEW, PAUSE).there() as crowd:
        states = salt(two, two.webs, "state.apply laravel")
        for name, one in states.items():
            assert {state["result"] for state in one.values()} == {True}, (name, one)
        ran = {
            name: next(s for s in one.values() if s["__id__"] == "laravel-migrate-migrated")
            for name, one in states.items()
        }
        assert ran[first]["changes"] == {"migrations": [migration]}
        assert ran[second]["changes"] == {}
        live = salt(two, two.webs, f"laravel.served {APPLICATION}")
        assert live[first] == live[second] != ""
    assert not failed(crowd.answers()), counted(crowd.answers())
    assert crowd.lost() == []
    # A token of one is good at the other.
    token = {"Authorization": f"Token {two.log_in()}"}
    assert two.api("GET", "/api/user", web=second, headers=token).status_code == 200

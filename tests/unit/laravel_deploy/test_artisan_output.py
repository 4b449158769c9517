"""What artisan prints."""

from __future__ import annotations

import pytest
from laravel_deploy.artisan_output import pretended

from tests.unit.laravel_deploy.machine import NEW

OLD = """CreateB: create table `b` (`id` bigint unsigned not null auto_increment primary key)
CreateC: create table `c` (`note` varchar(255) not null)
"""


@pytest.mark.parametrize(
    ("printed", "names"),
    [
        (
            NEW,
            ["2026_01_02_000001_create_b"] * 2 + ["2026_01_02_000002_create_c"],
        ),
        (OLD, ["CreateB", "CreateC"]),
    ],
)
def test_pretended_statements_are_read(printed, names):
    found = pretended(printed)
    assert [name for name, _ in found] == names
    assert all(sql.startswith(("create table", "alter table")) for _, sql in found)

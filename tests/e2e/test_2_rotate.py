"""Passwords are rotated on all machines by one call, while a crowd uses the application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.e2e.conftest import long_only
from tests.support.lab import Lab
from tests.support.orchestration import orchestrated
from tests.support.visitors import Crowd
from vagrant import prepare

pytestmark = [pytest.mark.restores, pytest.mark.waits, pytest.mark.slow]

ACCOUNTS = ("admin", "recovery", "application", "schema")
DENIED = 1045
RETAINED = (
    "SELECT COUNT(*) FROM mysql.user WHERE User_attributes->>'$.additional_password' IS NOT NULL"
)


@pytest.fixture
def rotated(lab: Lab, all_online) -> Iterator[dict[str, str]]:
    """Each account has another password in pillar; the old ones, by file and key."""
    all_online()
    old = lab.secrets()
    kept = [prepare.rotate(name) for name in ACCOUNTS]
    try:
        yield old
    finally:
        for path in kept:
            path.unlink()
        if {
            one["current"] for part in looked(lab).values() for one in part["accounts"].values()
        } != {"pillar"}:
            orchestrated(lab, "rotate")


def refused(lab: Lab, address: str, password: str, schema: bool) -> bool:
    try:
        with lab.session(host=address, password=password, schema=schema):
            return False
    except pymysql.Error as err:
        return bool(err.args[0] == DENIED)


def looked(lab: Lab) -> dict[str, dict[str, Any]]:
    """What each member knows of the passwords; never one of them."""
    answers = lab.salt("db*", "mysql_rotation.look")
    return {name: answers[name] for name in lab.databases}


def test_one_call_rotates_them_and_no_request_fails(
    lab: Lab, rotated: dict[str, str], crowd: Crowd, all_online
):
    lab.salt("*", "saltutil.refresh_pillar wait=True")
    # A highstate refuses them and says which call brings them; nobody is locked out.
    for machine, states in (("db2", "mysql.accounts"), (lab.web, "laravel.env")):
        said = str(lab.salt(machine, f"state.apply {states}").get(machine))
        assert "orch.rotate changes it on all machines" in said, said
    for part in looked(lab).values():
        assert {one["current"] for one in part["accounts"].values()} == {"other"}

    predicted, said = orchestrated(lab, "rotate", test=True)
    assert predicted["result"] is None, said
    assert sorted(predicted["changes"]["changed"]) == sorted(ACCOUNTS)
    assert {*lab.databases, lab.web} <= {*predicted["changes"]["told"]}
    assert "no other operation: yes" in predicted["comment"]

    done, told = orchestrated(lab, "rotate")
    assert done["result"] is True, told
    assert done["changes"] == predicted["changes"]
    new = lab.secrets()
    changed = [name for name in rotated if new[name] != rotated[name]]
    assert len(changed) == len(ACCOUNTS)
    for name in changed:
        assert rotated[name] not in said + told
        assert new[name] not in said + told

    all_online()
    for name, part in looked(lab).items():
        assert (part["keeper"], part["channel"]) == (True, True), name
        for one in part["accounts"].values():
            assert (one["current"], one["retained"]) == ("pillar", ""), (name, one)
        assert lab.sql(name, RETAINED) == "0"
        for schema, file in ((False, "application_database"), (True, "schema_database")):
            key = next(one for one in changed if one.startswith(file))
            assert refused(lab, lab.address[name], rotated[key], schema), (name, key)
            assert not refused(lab, lab.address[name], new[key], schema), (name, key)
    again, told = orchestrated(lab, "rotate")
    assert (again["result"], again["changes"]) == (True, {}), told


@pytest.mark.repeated
@long_only
def test_a_member_that_was_left_out_joins_after_its_highstate(lab: Lab, all_online):
    all_online()
    lab.run("db3", "systemctl stop mysql-gr-keeper mysql")
    kept = prepare.rotate("recovery")
    try:
        refusal, told = orchestrated(lab, "rotate")
        assert refusal["result"] is False, told
        assert "db3: " in refusal["comment"], told
        done, told = orchestrated(lab, "rotate", without=["db3"])
        assert done["result"] is True, told
        assert done["changes"]["changed"] == ["recovery"]
        assert done["comment"].endswith("Left out: db3; each needs a highstate")
    finally:
        lab.run("db3", "systemctl start mysql")
        lab.apply(["db3"], "mysql")
        kept.unlink()
    all_online()
    assert looked(lab)["db3"]["channel"] is True

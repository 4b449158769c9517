"""The words of a decision: each has all its fields, and each verdict that acts is known."""

from __future__ import annotations

import pytest
from group_replication.gtid import format_gtids
from group_replication.model import LEAVING, REMOVED
from group_replication.verdicts import (
    ACTIONS,
    BOOTSTRAPS,
    PENDING,
    STARTS,
    as_verdict,
    because,
    held_by,
    paused_verdict,
    unreachable_verdict,
    view_of,
)

from tests.unit.group import GROUP


def test_a_decision_has_all_fields_whatever_is_known():
    plain = as_verdict("wait", "for db1")
    assert plain == {
        "verdict": "wait",
        "why": "for db1",
        "bootstrap_member": None,
        "donor": None,
        "errant": "",
        "harmless": False,
        "received": "",
        "override": "",
    }
    assert as_verdict("clone", "it is empty", donor="db3") == {
        **plain,
        "verdict": "clone",
        "why": "it is empty",
        "donor": "db3",
    }
    assert unreachable_verdict("db1", "refused")["why"] == "mysqld on db1 does not answer: refused"


@pytest.mark.parametrize(
    ("why", "ends"), [("a new disk", True), (REMOVED, False), (LEAVING, False)]
)
def test_who_is_paused_is_told_what_ends_that(why, ends):
    said = paused_verdict("db1", why)["why"]
    assert said.startswith(f"db1 stays out of the group: {why}")
    assert said.endswith("(mysql_maintenance.unpause ends that)") is ends


def test_what_bootstraps_starts_and_what_starts_acts():
    assert set(BOOTSTRAPS) < set(STARTS) < set(ACTIONS)
    assert not set(ACTIONS) & set(PENDING)


def test_what_was_received_is_held_too():
    facts = {"gtid_executed": f"{GROUP}:1-3", "gtid_received": f"{GROUP}:5"}
    assert format_gtids(held_by(facts)) == f"{GROUP}:1-3:5"


@pytest.mark.parametrize(("view", "origin"), [("17:3", "17"), ("17:40", "17"), (None, "None")])
def test_views_of_one_group_have_one_origin(view, origin):
    assert view_of({"view_id": view}) == origin


def test_the_applier_s_words_end_a_sentence():
    assert because({"applier_error": ""}) == ""
    assert because({"applier_error": "x (1062)"}) == " (its applier said: x (1062))"

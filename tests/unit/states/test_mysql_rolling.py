"""What the state of a rolling restart reports."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import SaltInvocationError

import _states.mysql_rolling as states

GATES = {"all declared members are ONLINE": "", "no schema change": ""}


def plan(*machines, refused="", continues="", **pending):
    return Mock(
        return_value={
            "purpose": "rolling restart of pending members",
            "machines": list(machines),
            "pending": pending,
            "writer": "db1",
            "gates": {**GATES, "no other operation": refused},
            "refused": refused,
            "continues": continues,
        }
    )


def done(*machines, problem="", gave_up=""):
    return Mock(return_value={"restarted": list(machines), "problem": problem, "gave_up": gave_up})


def test_what_a_run_does_is_predicted(salted):
    waits = {"a": {"running": "16", "file": "8", "class": "restart"}}
    functions = {
        "mysql_rolling__plan": plan("db2", "db1", db2=waits),
        "mysql_rolling__restart": done("db2", "db1"),
    }
    salted(True, **functions)
    predicted = states.members_restarted("pending", ["db1", "db2"], 3)
    functions["mysql_rolling__restart"].assert_not_called()
    assert predicted["comment"].splitlines() == [
        "Would be restarted, in this order: db2, db1",
        "The writer's member is db1",
        "db2: a is 16, the file says 8 (restart)",
        "all declared members are ONLINE: yes",
        "no schema change: yes",
        "no other operation: yes",
    ]
    salted(False, **functions)
    ret = states.members_restarted("pending", ["db1", "db2"], 3)
    functions["mysql_rolling__restart"].assert_called_once_with(
        only="pending", machines=["db1", "db2"], settle=3
    )
    assert (predicted["result"], ret["result"]) == (None, True)
    assert predicted["changes"] == ret["changes"] == {"restarted": ["db2", "db1"]}
    assert ret["comment"] == "Restarted: db2, db1"


@pytest.mark.parametrize("test", [True, False])
def test_a_second_run_does_nothing(salted, test):
    restart = Mock()
    salted(test, mysql_rolling__plan=plan(), mysql_rolling__restart=restart)
    ret = states.members_restarted("pending")
    assert (ret["result"], ret["changes"]) == (True, {})
    restart.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
def test_what_a_run_refuses_is_predicted_as_refused(salted, test):
    restart = Mock()
    refused = plan("db2", refused="a restart by m2 is under way")
    salted(test, mysql_rolling__plan=refused, mysql_rolling__restart=restart)
    ret = states.members_restarted("all")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "No member is restarted: a restart by m2 is under way"
    restart.assert_not_called()


def test_what_was_restarted_before_the_end_is_reported(salted):
    salted(
        mysql_rolling__plan=plan("db2", "db3"),
        mysql_rolling__restart=done("db2", problem="db3 does not come back"),
    )
    ret = states.members_restarted("all")
    assert (ret["result"], ret["changes"]) == (False, {"restarted": ["db2"]})
    assert ret["comment"] == "Restarted: db2. It ended early: db3 does not come back"


def test_what_was_broken_off_is_brought_to_its_end(salted):
    """Also where no member is left to restart: the row is."""
    functions = {
        "mysql_rolling__plan": plan(continues="a restart by m1 was broken off"),
        "mysql_rolling__restart": done(gave_up="a trial by m2 was broken off"),
    }
    salted(True, **functions)
    predicted = states.members_restarted("all")
    assert predicted["result"] is None
    assert "Continues: a restart by m1 was broken off" in predicted["comment"]
    salted(False, **functions)
    ret = states.members_restarted("all")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"] == "Restarted: none. Given up: a trial by m2 was broken off"


def test_wrong_arguments_become_a_comment(salted):
    salted(mysql_rolling__plan=Mock(side_effect=SaltInvocationError("only is 'some'")))
    ret = states.members_restarted("some")
    assert (ret["result"], ret["comment"]) == (False, "only is 'some'")


def upgrade_plan(*machines, **more):
    told = {**plan(*machines, **more).return_value, "version": "9.7.5-1"}
    return Mock(return_value={**told, "installed": {"db1": "9.7.4-2", "db2": "9.7.4-2"}})


def upgraded(*machines, problem=""):
    return Mock(return_value={"upgraded": list(machines), "problem": problem, "gave_up": ""})


def test_what_an_upgrade_does_is_predicted(salted):
    functions = {
        "mysql_rolling__upgrade_plan": upgrade_plan("db2", "db1"),
        "mysql_rolling__upgrade": upgraded("db2", "db1"),
    }
    salted(True, **functions)
    predicted = states.members_upgraded("newest", None, 3)
    functions["mysql_rolling__upgrade"].assert_not_called()
    assert predicted["comment"].splitlines()[:3] == [
        "Would be upgraded, in this order: db2, db1",
        "db1 has 9.7.4-2, and would get 9.7.5-1",
        "db2 has 9.7.4-2, and would get 9.7.5-1",
    ]
    salted(False, **functions)
    ret = states.members_upgraded("newest", None, 3)
    # What was planned, whatever comes to apt meanwhile.
    functions["mysql_rolling__upgrade"].assert_called_once_with(
        version="9.7.5-1", machines=None, settle=3
    )
    assert (predicted["result"], ret["result"]) == (None, True)
    assert predicted["changes"] == ret["changes"]
    assert ret["changes"] == {"upgraded": ["db2", "db1"], "version": "9.7.5-1"}
    assert ret["comment"] == "Upgraded: db2, db1"


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("planned", "result", "comment"),
    [
        (upgrade_plan(), True, "All members have 9.7.5-1"),
        (upgrade_plan("db2", refused="a downgrade"), False, "No member is upgraded: a downgrade"),
    ],
)
def test_where_nothing_is_to_be_upgraded_nothing_is(salted, test, planned, result, comment):
    upgrade = Mock()
    salted(test, mysql_rolling__upgrade_plan=planned, mysql_rolling__upgrade=upgrade)
    ret = states.members_upgraded("9.7.5-1")
    assert (ret["result"], ret["changes"], ret["comment"]) == (result, {}, comment)
    upgrade.assert_not_called()


def test_an_upgrade_that_ended_early_says_how_far_it_came(salted):
    salted(
        mysql_rolling__upgrade_plan=upgrade_plan("db2", "db1"),
        mysql_rolling__upgrade=upgraded("db2", problem="db1: no lock"),
    )
    ret = states.members_upgraded("newest")
    assert ret["changes"] == {"upgraded": ["db2"], "version": "9.7.5-1"}
    assert (ret["result"], ret["comment"]) == (False, "Upgraded: db2. It ended early: db1: no lock")


def reboot_plan(*machines, hand=True, **more):
    told = {**plan(*machines, **more).return_value, "writer": None}
    costs = {"proxy": "it is the only balancer"} if "proxy" in machines else {}
    by_hand = {"master": "call systemctl reboot on master"} if hand else {}
    return Mock(return_value={**told, "costs": costs, "by_hand": by_hand})


def rebooted(*machines, problem=""):
    return Mock(return_value={"rebooted": list(machines), "problem": problem, "gave_up": ""})


def test_what_a_reboot_does_is_predicted(salted):
    functions = {
        "mysql_rolling__reboot_plan": reboot_plan("db2", "proxy", db2="a kernel"),
        "mysql_rolling__reboot": rebooted("db2", "proxy"),
    }
    salted(True, **functions)
    predicted = states.machines_rebooted("pending", None, ["proxy"], 3)
    functions["mysql_rolling__reboot"].assert_not_called()
    assert predicted["comment"].splitlines() == [
        "Would be rebooted, in this order: db2, proxy",
        "db2: a kernel",
        "proxy costs: it is the only balancer",
        "all declared members are ONLINE: yes",
        "no schema change: yes",
        "no other operation: yes",
        "call systemctl reboot on master",
    ]
    salted(False, **functions)
    ret = states.machines_rebooted("pending", None, ["proxy"], 3)
    functions["mysql_rolling__reboot"].assert_called_once_with(
        only="pending", machines=None, outage=["proxy"], settle=3
    )
    assert (predicted["result"], ret["result"]) == (None, True)
    assert predicted["changes"] == ret["changes"] == {"rebooted": ["db2", "proxy"]}
    assert ret["comment"] == "Rebooted: db2, proxy\ncall systemctl reboot on master"


@pytest.mark.parametrize("test", [True, False])
def test_what_waits_for_a_person_alone_changes_nothing(salted, test):
    reboot = Mock()
    salted(test, mysql_rolling__reboot_plan=reboot_plan(), mysql_rolling__reboot=reboot)
    ret = states.machines_rebooted("pending")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"] == "No machine waits for a reboot\ncall systemctl reboot on master"
    reboot.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
def test_a_reboot_that_is_refused_is_predicted_as_refused(salted, test):
    reboot = Mock()
    refused = reboot_plan("proxy", refused="proxy: it is the only balancer")
    salted(test, mysql_rolling__reboot_plan=refused, mysql_rolling__reboot=reboot)
    ret = states.machines_rebooted("all")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "No machine is rebooted: proxy: it is the only balancer"
    reboot.assert_not_called()


def test_a_machine_that_does_not_come_back_fails_the_state(salted):
    salted(
        mysql_rolling__reboot_plan=reboot_plan("db2", "db3", hand=False),
        mysql_rolling__reboot=rebooted("db2", problem="db3 does not come back"),
    )
    ret = states.machines_rebooted("all")
    assert (ret["result"], ret["changes"]) == (False, {"rebooted": ["db2"]})
    assert ret["comment"] == "Rebooted: db2. It ended early: db3 does not come back"


def test_machines_beside_the_members_are_shown_with_what_comes_to_them(salted):
    told = {**plan("proxy1", "web1").return_value, "version": "", "installed": {}, "writer": None}
    told["packages"] = {"proxy1": "haproxy 1 to 2", "web1": ""}
    told["costs"] = {"proxy1": "its address moves once"}
    functions = {
        "mysql_rolling__upgrade_plan": Mock(return_value=told),
        "mysql_rolling__upgrade": upgraded("proxy1", "web1"),
    }
    given = {"roles": ["proxy", "web"], "outage": ["web1"], "window": "02:00-04:00"}
    salted(True, **functions)
    predicted = states.members_upgraded("newest", settle=3, **given)
    assert predicted["comment"].splitlines()[:3] == [
        "Would be upgraded, in this order: proxy1, web1",
        "proxy1: haproxy 1 to 2",
        "proxy1 costs: its address moves once",
    ]
    salted(False, **functions)
    ret = states.members_upgraded("newest", settle=3, **given)
    functions["mysql_rolling__upgrade"].assert_called_once_with(
        version="", machines=None, settle=3, **given
    )
    assert (ret["result"], ret["changes"]) == (True, {"upgraded": ["proxy1", "web1"]})
    assert predicted["changes"] == ret["changes"]


@pytest.mark.parametrize(
    ("refused", "result", "comment"),
    [
        ("", True, "All packages are those that apt would install"),
        ("no room", False, "No machine is upgraded: no room"),
    ],
)
def test_machines_of_which_nothing_is_to_be_upgraded(salted, refused, result, comment):
    told = {**plan(refused=refused).return_value, "version": "", "installed": {}, "packages": {}}
    upgrade = Mock()
    planned = Mock(return_value=told)
    salted(mysql_rolling__upgrade_plan=planned, mysql_rolling__upgrade=upgrade)
    ret = states.members_upgraded("newest", roles=["web"])
    assert (ret["result"], ret["changes"], ret["comment"]) == (result, {}, comment)
    upgrade.assert_not_called()


def test_services_are_restarted_where_they_are_asked_for(salted):
    told = {**plan("web1").return_value, "packages": {"web1": "x runs"}, "costs": {}}
    functions = {"mysql_rolling__plan": Mock(return_value=told), "mysql_rolling__restart": done()}
    salted(True, **functions)
    predicted = states.members_restarted("pending", roles=["web"], window="02:00-04:00")
    assert "web1: x runs" in predicted["comment"]
    functions["mysql_rolling__plan"].assert_called_once_with(
        only="pending", machines=None, settle=5, roles=["web"], window="02:00-04:00"
    )


def test_a_reboot_hands_its_window_on(salted):
    functions = {"mysql_rolling__reboot_plan": reboot_plan(hand=False)}
    salted(True, **functions)
    states.machines_rebooted("all", window="02:00-04:00")
    functions["mysql_rolling__reboot_plan"].assert_called_once_with(
        only="all", machines=None, outage=None, settle=5, window="02:00-04:00"
    )

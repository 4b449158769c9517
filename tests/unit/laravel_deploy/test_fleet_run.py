"""A deployment on all web servers: what is called in which order, and what a failure leaves."""

from __future__ import annotations

import pytest
from laravel_deploy.fleet_run import Fleet
from minion_calls import Answer
from salt.exceptions import SaltInvocationError

from tests.unit.laravel_deploy.test_fleet import keys, tokens

TOUCHES = {"state.apply", "laravel.migrate", "laravel.seed", "laravel_release.switch",
           "laravel_release.rollback", "laravel_release.prune", "laravel_release.rehearse",
           "laravel_machine.stop", "laravel_machine.take_lock",
           "laravel_machine.accept_key", "laravel_machine.sign_with_key",
           "laravel_machine.accept_jwt_secret", "laravel_machine.sign_with_jwt_secret"}  # fmt: skip
TOKENS = {"secret": "s", "accepted": "a", "until": "2026-12-05 12:00"}
FAILED = {
    "a_|-x": {"__id__": "laravel-env", "__run_num__": 0, "result": True, "comment": ""},
    "b_|-x": {
        "__id__": "laravel-release-built",
        "__run_num__": 1,
        "result": False,
        "comment": "composer install failed.",
    },
    "c_|-x": {"result": False, "comment": "One or more requisite failed: b", "__run_num__": 2},
}


class Machines:
    """Web servers that serve a, and whose source makes b."""

    def __init__(self, *names):
        self.one = {name: self._new() for name in names}
        self.calls, self.pillars, self.by, self.applications = [], [], set(), set()
        # Of which call on which machine what is answered in place of its own answer.
        self.wrong = {}
        self.dies_after = None
        self.migrations = ["m"]
        self.made_lock = "packed"

    def _new(self):
        return {"serves": "a", "whole": ["a"], "stopped": {}, "history": ["z", "a"],
                "lock": "l1", "keys": keys(), "tokens": tokens(), "source": "b"}  # fmt: skip

    def __call__(self, targets, function, arguments):
        if function in TOUCHES:
            self.calls.append((function.rpartition(".")[2], *targets))
        self.by |= {arguments["by"]} if "by" in arguments else set()
        self.applications |= {arguments["application"]} if "application" in arguments else set()
        if "pillar" in arguments:
            self.pillars.append(arguments["pillar"])
        told = {}
        for name in targets:
            wrong = self.wrong.get((name, function))
            if wrong == "gone":
                continue
            told[name] = wrong or Answer(self._answer(name, function, arguments))
        if self.dies_after == (function.rpartition(".")[2], *targets):
            raise KeyboardInterrupt
        return told

    def _answer(self, name, function, arguments):
        one = self.one[name]
        release = arguments.get("release")
        if function == "state.apply":
            one["whole"] = ["b", "a"]
        elif function == "laravel.migrate":
            ran, self.migrations = self.migrations, []
            return ran
        elif function in ("laravel_release.switch", "laravel_release.rollback"):
            if "rollback" in function:
                one["stopped"][one["serves"]] = arguments.get("reason", "")
            one["stopped"].pop(release, None)
            one["history"].append(release)
            one["serves"] = release
        elif function == "laravel_release.served":
            return one["serves"]
        elif function == "laravel_machine.stop":
            one["stopped"][release] = arguments["reason"]
        elif function == "laravel_machine.lock":
            return self.made_lock
        elif function == "laravel_machine.accept_key":
            one["keys"]["accepted"].append("new")
        elif function == "laravel_machine.sign_with_key":
            one["keys"]["APP_KEY"] = "new"
        elif function == "laravel_machine.accept_jwt_secret":
            assert arguments.items() >= TOKENS.items()
            one["tokens"]["accepted"].append("new")
        elif function == "laravel_machine.sign_with_jwt_secret":
            one["tokens"]["JWT_SECRET"] = "new"
        elif function == "laravel_machine.look":
            return self._look(one)
        return True

    def _look(self, one):
        live = {"server": {"map": "m"}, "keep": 5, "user": "www-data", "group": "www-data"}
        migrate = {"node": "web", "schema_user": "s", "schema_password_from": "p"}
        settings = {"directory": "/srv/conduit", "live": live, "migrate": migrate, "pages": ["/up"],
                    "seeder": "DatabaseSeeder", "app_key_from": "app_key",
                    "tokens_from": TOKENS}  # fmt: skip
        before = [name for name in one["history"] if name != one["serves"]][-1]
        complete = "b" in one["whole"]
        return {"settings": settings, "release": one["source"], "revision": "b0",
                "complete": complete, "stopped": one["stopped"].get("b", ""),
                "serves": one["serves"], "before": before, "releases": one["whole"],
                "migrations": self.migrations, "lock": one["lock"] if complete else "",
                "keys": one["keys"], "tokens": one["tokens"]}  # fmt: skip

    def serve(self):
        return {name: one["serves"] for name, one in self.one.items()}


@pytest.fixture
def machines():
    return Machines("web", "web2")


def test_another_application_is_deployed_and_rolled_back_alone(machines):
    shop = Fleet(machines, ["web"], "jane", {"rev": "v2"}, lambda seconds: None, "shop")
    assert shop.deploy()["problem"] == ""
    assert machines.applications == {"shop"}
    only = {"only": "shop", "applications": {"shop": {"release": "", "rev": "v2"}}}
    assert machines.pillars[0] == {"laravel": only}
    # What builds it says nothing of the first one but to leave it alone.
    assert machines.pillars[-1]["laravel"]["applications"]["shop"]["release"] == "b"
    assert {pillar["laravel"]["only"] for pillar in machines.pillars} == {"shop"}
    back = Fleet(machines, ["web"], "jane", None, lambda seconds: None, "shop")
    assert back.rollback("a")["switched"] == ["web"]
    assert machines.applications == {"shop"}


def fleet(machines, **given):
    return Fleet(machines, list(machines.one), "sudo_jane", given, lambda seconds: None)


SWITCH = [("switch", "web"), ("switch", "web2")]
BUILD = [("apply", "web"), ("take_lock", "web2"), ("apply", "web2")]
BEFORE = [*BUILD, ("rehearse", "web"), ("rehearse", "web2")]
MIGRATE = [("migrate", "web"), ("seed", "web")]
PRUNE = [("prune", "web"), ("prune", "web2")]


def test_all_is_built_and_tried_before_one_migrates_and_all_are_switched(machines):
    assert fleet(machines).plan()["build"] == ["web", "web2"]
    assert machines.calls == []
    done = fleet(machines).deploy()
    assert done == {"release": "b", "migrated": ["m"], "switched": ["web", "web2"], "problem": ""}
    assert machines.calls == [*BEFORE, *MIGRATE, *SWITCH, *PRUNE]
    assert machines.by == {"sudo_jane"}
    # It is built by the name that was planned.
    assert machines.pillars[-2] == {"laravel": {"only": "laravel", "release": "b"}}
    machines.calls.clear()
    again = fleet(machines).deploy()
    assert (again["switched"], again["problem"], machines.calls) == ([], "", [])


def test_another_build_of_the_call_is_what_is_built(machines):
    fleet(machines, build="b2").deploy()
    first = {"only": "laravel", "build": "b2"}
    assert machines.pillars[0] == {"laravel": {**first, "release": ""}}
    assert machines.pillars[-2] == {"laravel": {**first, "release": "b"}}
    with pytest.raises(SaltInvocationError):
        fleet(machines, source="salt://other")


@pytest.mark.parametrize(
    ("function", "answer", "calls", "problem"),
    [
        ("state.apply", Answer(FAILED, str(FAILED)), BUILD,
         "web2: laravel-release-built: composer install failed"),
        ("state.apply", Answer(["The function is running as PID 1"], "x"), BUILD,
         "web2: The function is running as PID 1"),
        ("state.apply", "gone", BUILD, "web2: no answer from its minion"),
        ("laravel_release.rehearse", Answer(None, "ERROR: b answers /up with 500: why."), BEFORE,
         "web2: b answers /up with 500: why"),
    ],
)  # fmt: skip
def test_one_that_does_not_come_through_keeps_all_as_they_were(
    machines, function, answer, calls, problem
):
    machines.wrong["web2", function] = answer
    done = fleet(machines).deploy()
    assert done["problem"] == f"{problem}. Nothing was switched"
    assert machines.calls == calls
    assert machines.serve() == {"web": "a", "web2": "a"}


def test_a_migration_that_fails_switches_nothing(machines):
    machines.wrong["web", "laravel.migrate"] = Answer(None, "ERROR: artisan migrate failed")
    done = fleet(machines).deploy()
    assert done["problem"] == "web: artisan migrate failed. Nothing was switched"
    assert machines.serve() == {"web": "a", "web2": "a"}


def test_locks_that_differ_after_the_build_switch_nothing(machines):
    machines.one["web2"]["lock"] = "l2"
    done = fleet(machines).deploy()
    assert "composer.lock has the digests l1 on web, l2 on web2" in done["problem"]
    # Nobody could know before the build.
    assert machines.calls == BUILD
    assert machines.serve() == {"web": "a", "web2": "a"}


def test_a_switch_that_fails_takes_all_back(machines):
    machines.wrong["web2", "laravel_release.switch"] = Answer(None, "ERROR: status 500.")
    done = fleet(machines).deploy()
    assert machines.serve() == {"web": "a", "web2": "a"}
    assert done["switched"] == []
    assert done["problem"] == (
        "web2: status 500. Every web server serves what it served before. Migrations stay: m"
    )
    assert machines.calls[-4:] == [*SWITCH, ("rollback", "web"), ("stop", "web2")]
    # Neither comes to it by its next highstate.
    reason = "taken back, since a switch failed: web2: status 500"
    assert {one["stopped"]["b"] for one in machines.one.values()} == {reason}
    assert "b was stopped (web: taken back" in fleet(machines).deploy()["problem"]
    machines.wrong.clear()
    assert fleet(machines, release="b").deploy()["switched"] == ["web", "web2"]


def test_one_that_cannot_be_taken_back_is_named(machines):
    machines.wrong["web2", "laravel_release.switch"] = "gone"
    machines.wrong["web2", "laravel_release.served"] = "gone"
    done = fleet(machines).deploy()
    assert machines.serve()["web"] == "a"
    assert "Not taken back: web2: no answer from its minion" in done["problem"]


def test_a_lock_that_comes_with_the_code_is_not_handed_on(machines):
    machines.made_lock = ""
    assert fleet(machines).deploy()["problem"] == ""
    assert machines.calls[:2] == [BUILD[0], BUILD[2]]


def test_one_web_server_is_a_deployment_too():
    alone = Machines("web")
    assert fleet(alone).deploy()["switched"] == ["web"]
    assert alone.calls[:2] == [("apply", "web"), ("rehearse", "web")]


@pytest.mark.parametrize("moment", [*BUILD, MIGRATE[0], MIGRATE[1], *SWITCH])
def test_a_run_that_was_killed_is_continued(machines, moment):
    machines.dies_after = moment
    with pytest.raises(KeyboardInterrupt):
        fleet(machines).deploy()
    machines.dies_after = None
    assert fleet(machines).deploy()["problem"] == ""
    assert machines.serve() == {"web": "b", "web2": "b"}


def test_a_run_that_was_killed_between_switches_still_goes_back_whole(machines):
    machines.dies_after = SWITCH[0]
    with pytest.raises(KeyboardInterrupt):
        fleet(machines).deploy()
    machines.dies_after = None
    machines.wrong["web2", "laravel_release.switch"] = Answer(None, "ERROR: status 500")
    fleet(machines).deploy()
    assert machines.serve() == {"web": "a", "web2": "a"}


def test_all_go_back_to_one_release_or_none_does(machines):
    fleet(machines).deploy()
    machines.calls.clear()
    assert fleet(machines).rollback_plan()["release"] == "a"
    missing = fleet(machines).rollback("c")
    assert missing["problem"].startswith("web: it has no complete release 'c'")
    assert machines.calls == []
    machines.wrong["web2", "laravel_release.rollback"] = Answer(None, "ERROR: status 500")
    done = fleet(machines).rollback("a")
    assert "Every web server serves what it served before" in done["problem"]
    assert (done["switched"], machines.serve()) == ([], {"web": "b", "web2": "b"})
    machines.wrong.clear()
    machines.wrong["web2", "laravel_release.rehearse"] = Answer(None, "ERROR: no answer")
    machines.calls.clear()
    assert fleet(machines).rollback("a")["problem"] == "web2: no answer. Nothing was switched"
    assert machines.calls == BEFORE[-2:]
    machines.wrong.clear()
    assert fleet(machines).rollback("a")["switched"] == ["web", "web2"]
    assert machines.serve() == {"web": "a", "web2": "a"}
    assert fleet(machines).rollback("a")["switched"] == []


ACCEPT = [("accept_key", "web"), ("accept_key", "web2")]
SIGN = [("sign_with_key", "web"), ("sign_with_key", "web2")]


@pytest.mark.parametrize(
    ("key", "steps"),
    [
        ("APP_KEY", [*ACCEPT, *SIGN]),
        ("JWT_SECRET", [(step.replace("key", "jwt_secret"), at) for step, at in [*ACCEPT, *SIGN]]),
    ],
)
def test_all_accept_a_key_before_one_signs_with_it(machines, key, steps):
    done = fleet(machines).rotate(key)
    assert done == {"accepted": ["web", "web2"], "signed": ["web", "web2"], "problem": ""}
    assert machines.calls == steps
    assert fleet(machines).rotate(key) == {"accepted": [], "signed": [], "problem": ""}


@pytest.mark.parametrize("moment", [*ACCEPT, *SIGN])
def test_a_rotation_that_was_killed_is_continued(machines, moment):
    machines.dies_after = moment
    with pytest.raises(KeyboardInterrupt):
        fleet(machines).rotate("APP_KEY")
    machines.dies_after = None
    assert fleet(machines).rotate("APP_KEY")["problem"] == ""
    assert machines.calls == [*ACCEPT, *SIGN]


def test_none_signs_while_one_does_not_accept(machines):
    machines.wrong["web2", "laravel_machine.accept_key"] = Answer(None, "ERROR: Laravel 10")
    done = fleet(machines).rotate("APP_KEY")
    assert done == {"accepted": [], "signed": [], "problem": "web2: Laravel 10"}
    assert machines.calls == ACCEPT

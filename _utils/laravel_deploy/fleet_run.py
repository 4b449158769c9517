"""A deployment on all web servers as a whole: built and tried everywhere, then switched or not.

It runs beside the Salt master. What was done stands on the web servers themselves, so that the same
call goes on where one that was killed had come to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minion_calls import Answer, Call
from salt.exceptions import CommandExecutionError

from laravel_deploy.applications import FIRST
from laravel_deploy.fleet import (
    built_refusal,
    check_rotated,
    deployment_plan,
    overrides,
    rollback_plan,
    rotation_plan,
    scope,
    way_back,
)

# What builds a release and what it needs, and switches nothing.
BUILD = "laravel.keys"
# php-fpm looks whether a file has changed every 2 s: until then the old key alone is accepted.
ACCEPTED_SECONDS = 3.0
NO_ANSWER = "no answer from its minion"
# By which functions a web server accepts a key, and signs with it.
STEPS = {
    "APP_KEY": ("laravel_machine.accept_key", "laravel_machine.sign_with_key"),
    "JWT_SECRET": ("laravel_machine.accept_jwt_secret", "laravel_machine.sign_with_jwt_secret"),
}


class Fleet:
    """All web servers."""

    def __init__(
        self,
        call: Call,
        names: Sequence[str],
        who: str,
        given: Mapping[str, Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        application: str = FIRST,
    ) -> None:
        """
        Check the arguments.

        call
            Calls a function on minions.

        names
            The web servers' minions.

        who
            Who does it, as it is noted with the release.

        given
            As for :py:func:`fleet.overrides`.

        sleep
            Waits some seconds.

        application
            The name of the one that this is about; the others are left alone.
        """
        self._call, self._names, self._who = call, list(names), who
        self._given, self._named = overrides(given or {}), "release" in (given or {})
        self._sleep, self._application = sleep, application

    # ---- what is asked ----

    def _facts(self, ask: bool = True, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What each web server says of itself, and why where it says nothing."""
        pillar = scope(self._application, given or {})
        asked = {"pillar": pillar, "ask": ask, "application": self._application}
        told = self._call(self._names, "laravel_machine.look", asked)
        found: dict[str, Any] = {}
        for name in self._names:
            answer = told.get(name, Answer(None, NO_ANSWER))
            found[name] = {"error": _told(answer)} if answer.error else answer.value
        return found

    def _refreshed(self) -> None:
        # A function that is called by itself goes by the pillar that its minion has in memory.
        self._call(self._names, "saltutil.refresh_pillar", {"wait": True})

    def _ask(
        self, names: Iterable[str], function: str, arguments: Callable[[str], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Call a function on each of some web servers; raise for all where it failed."""
        found, wrong = {}, []
        for name in names:
            answer = self._call([name], function, arguments(name)).get(name)
            if answer is None or answer.error:
                wrong.append(f"{name}: {_told(answer) if answer else NO_ANSWER}")
            else:
                found[name] = answer.value
        if wrong:
            raise CommandExecutionError("; ".join(wrong))
        return found

    def _one(self, name: str, function: str, arguments: Mapping[str, Any]) -> Any:
        return self._ask([name], function, lambda _: arguments)[name]

    # ---- a deployment ----

    def plan(self) -> dict[str, Any]:
        """Ask all that is asked before anything is touched, and do nothing."""
        self._refreshed()
        return deployment_plan(self._facts(given=self._given), self._named)

    def _lock_of(self, name: str, others: Sequence[str], plan: Mapping[str, Any]) -> None:
        """Have others build by the lock that the build on one web server made."""
        where = {one: {"directory": plan["directories"][one]} for one in [name, *others]}
        made = {**where[name], "release": plan["release"]}
        lock = self._one(name, "laravel_machine.lock", made)
        if lock:
            self._ask(
                others, "laravel_machine.take_lock", lambda one: {**where[one], "packed": lock}
            )

    def deploy(self) -> dict[str, Any]:
        """
        Build and try the release everywhere, migrate once, and switch all or none.

        Returns what ``laravel_deployment.deploy`` does.
        """
        plan = self.plan()
        release = plan["release"]
        done = {"release": release, "migrated": [], "switched": [], "problem": plan["refused"]}
        if plan["refused"] or not (plan["machines"] or plan["migrations"]):
            return done
        try:
            facts = self._built(plan)
            todo = [name for name, one in facts.items() if one["serves"] != release]
            self._ask(
                todo, "laravel_release.rehearse", lambda name: _rehearsal(facts[name], release)
            )
            done["migrated"] = self._migrated(plan["migrates"], facts, release)
        except CommandExecutionError as err:
            done["problem"] = f"{err}. Nothing was switched"
            return done
        self._switch(todo, facts, done)
        return done

    def _built(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Build a release everywhere, by one lock; return what each web server says then."""
        release, first = plan["release"], plan["migrates"]
        others = [name for name in self._names if name != first]
        given = {**self._given, "release": release}
        pillar = scope(self._application, given)
        self._build([first], pillar)
        if others:
            self._lock_of(first, others, plan)
            self._build(others, pillar)
        facts = self._facts(given=given)
        why = built_refusal(facts, release)
        if why:
            raise CommandExecutionError(why)
        return facts

    def _build(self, names: Sequence[str], pillar: Mapping[str, Any]) -> None:
        told = self._call(names, "state.apply", {"mods": BUILD, "pillar": pillar})
        wrong = {
            name: _told(told[name]) if name in told else NO_ANSWER
            for name in names
            if name not in told or told[name].error
        }
        if wrong:
            raise CommandExecutionError("; ".join(f"{name}: {why}" for name, why in wrong.items()))

    def _migrated(self, name: str, facts: Mapping[str, Any], release: str) -> list[str]:
        """Run what is pending, and the seeder, on one web server."""
        one = facts[name]
        settings, path = one["settings"], _path(one, release)
        account = {
            "user": settings["live"]["user"],
            **{name: value for name, value in settings["migrate"].items() if name != "node"},
        }
        ran: list[str] = []
        if one["migrations"]:
            arguments = {"directory": path, **account}
            ran = self._one(name, "laravel.migrate", arguments)
        if settings["seeder"]:
            arguments = {"directory": path, "seeder": settings["seeder"], **account}
            self._one(name, "laravel.seed", arguments)
        return ran

    def _switch(self, todo: Sequence[str], facts: Mapping[str, Any], done: dict[str, Any]) -> None:
        """Switch one after the other; where one fails, all go back."""
        for name in todo:
            arguments = {**_trial(facts[name], done["release"]), "by": self._who}
            if hooks := facts[name]["settings"]["live"].get("hooks"):
                arguments["hooks"] = hooks
            try:
                self._one(name, "laravel_release.switch", arguments)
            except CommandExecutionError as err:
                reason = f"taken back, since a switch failed: {err}"
                back = self._taken_back(facts, done["release"], reason, keep_off=True)
                done["problem"] = f"{err}. {back}"
                if done["migrated"]:
                    done["problem"] += f". Migrations stay: {', '.join(done['migrated'])}"
                done["switched"] = []
                return
            done["switched"].append(name)
        try:
            self._ask(facts, "laravel_release.prune", lambda name: _pruning(facts[name]))
        except CommandExecutionError as err:
            done["problem"] = f"{err}. All were switched"

    def _taken_back(
        self, facts: Mapping[str, Any], release: str, reason: str, keep_off: bool
    ) -> str:
        """Have web servers as they were; return a sentence about that.

        keep_off: where the release does not serve, it must not do so by the next highstate.
        """
        told = []
        for name, one in facts.items():
            try:
                told.append(self._back(name, one, release, reason, keep_off))
            except CommandExecutionError as err:
                told.append(f"Not taken back: {err}")
        return ". ".join(filter(None, told)) or "Every web server serves what it served before"

    def _back(
        self, name: str, one: Mapping[str, Any], release: str, reason: str, keep_off: bool
    ) -> str:
        settings, target = one["settings"], way_back(one, release)
        asked = {"directory": settings["directory"], "server": settings["live"]["server"]}
        if self._one(name, "laravel_release.served", asked) != release:
            if keep_off:
                stop = {**_named(one, release), "reason": reason}
                self._one(name, "laravel_machine.stop", stop)
            return ""
        if not target:
            return f"{name} had no release before: {release} goes on there"
        back = {**_as_whom(one, target), "by": self._who, "reason": reason}
        self._one(name, "laravel_release.rollback", back)
        return ""

    # ---- a way back ----

    def rollback_plan(self, release: str = "") -> dict[str, Any]:
        """Ask all that is asked before anything is touched, and do nothing."""
        self._refreshed()
        return rollback_plan(self._facts(ask=False), release)

    def rollback(self, release: str = "") -> dict[str, Any]:
        """
        Let one release serve again on all web servers, or on none.

        Returns what ``laravel_deployment.rollback`` does.
        """
        facts = self._facts(ask=False)
        plan = rollback_plan(facts, release)
        name = plan["release"]
        done = {"release": name, "switched": [], "problem": plan["refused"]}
        if plan["refused"]:
            return done
        try:
            self._ask(
                plan["machines"],
                "laravel_release.rehearse",
                lambda machine: _rehearsal(facts[machine], name),
            )
        except CommandExecutionError as err:
            done["problem"] = f"{err}. Nothing was switched"
            return done
        for machine in plan["machines"]:
            arguments = {**_as_whom(facts[machine], name), "by": self._who}
            try:
                self._one(machine, "laravel_release.rollback", arguments)
            except CommandExecutionError as err:
                reason = f"given up, since a way back failed: {err}"
                tried = {one: facts[one] for one in plan["machines"]}
                back = self._taken_back(tried, name, reason, keep_off=False)
                done["problem"], done["switched"] = f"{err}. {back}", []
                return done
            done["switched"].append(machine)
        return done

    # ---- a new key ----

    def rotation_plan(self, key: str) -> dict[str, Any]:
        """Ask all that is asked before anything is touched, and do nothing."""
        check_rotated(key)
        self._refreshed()
        return rotation_plan(self._facts(ask=False), key)

    def rotate(self, key: str) -> dict[str, Any]:
        """
        Have all web servers accept the pillar's APP_KEY or JWT_SECRET, and then all sign with it.

        Returns what ``laravel_deployment.rotate_key`` does.
        """
        check_rotated(key)
        accept, sign = STEPS[key]
        done: dict[str, Any] = {"accepted": [], "signed": [], "problem": ""}
        self._refreshed()
        facts = self._facts(ask=False)
        plan = rotation_plan(facts, key)
        try:
            if plan["accept"] and not plan["refused"]:
                self._ask(plan["accept"], accept, lambda name: _key(facts[name], key))
                done["accepted"] = plan["accept"]
                self._sleep(ACCEPTED_SECONDS)
                facts = self._facts(ask=False)
                plan = rotation_plan(facts, key)
            why = plan["refused"] or (plan["accept"] and "a key was changed meanwhile")
            if why:
                raise CommandExecutionError(why)
            self._ask(plan["sign"], sign, lambda name: _key(facts[name], key))
            done["signed"] = plan["sign"]
        except CommandExecutionError as err:
            done["problem"] = str(err)
        return done


def _told(answer: Answer) -> str:
    """Return why a minion failed: of states the first that did, else its own words."""
    value = answer.value
    if isinstance(value, Mapping):
        wrong = [one for one in value.values() if isinstance(one, Mapping) and not one["result"]]
        # A state whose requisite failed has no id of its own.
        causes = [one for one in wrong if "__id__" in one and "__run_num__" in one]
        for one in sorted(causes, key=lambda one: one["__run_num__"]):
            if one["result"] is False and "requisite failed" not in one["comment"]:
                return f"{one['__id__']}: {one['comment']}".rstrip(".")
    if isinstance(value, list):
        return "; ".join(str(one) for one in value)
    return answer.error.removeprefix("ERROR: ").rstrip(".")


def _path(one: Mapping[str, Any], release: str) -> str:
    return f"{one['settings']['directory']}/releases/{release}"


def _named(one: Mapping[str, Any], release: str) -> dict[str, Any]:
    return {"directory": one["settings"]["directory"], "release": release}


def _as_whom(one: Mapping[str, Any], release: str) -> dict[str, Any]:
    live = one["settings"]["live"]
    return {**_named(one, release), "user": live["user"], "group": live["group"]}


def _trial(one: Mapping[str, Any], release: str) -> dict[str, Any]:
    return {**_as_whom(one, release), "server": one["settings"]["live"]["server"]}


def _rehearsal(one: Mapping[str, Any], release: str) -> dict[str, Any]:
    return {**_as_whom(one, release), "pages": one["settings"]["pages"]}


def _pruning(one: Mapping[str, Any]) -> dict[str, Any]:
    live = one["settings"]["live"]
    return {
        "directory": one["settings"]["directory"],
        **{name: live[name] for name in ("keep", "user")},
    }


def _key(one: Mapping[str, Any], key: str) -> dict[str, Any]:
    settings, live = one["settings"], one["settings"]["live"]
    asked = settings["tokens_from"] if key == "JWT_SECRET" else {"secret": settings["app_key_from"]}
    return {
        "directory": settings["directory"],
        **asked,
        **{name: live[name] for name in ("user", "group")},
    }

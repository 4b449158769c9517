"""A rotation of passwords as a whole, over a group that is made of plain data."""

from __future__ import annotations

import pytest
from group_replication.model import OFFLINE
from group_replication.operation import Operation, claimed_over
from group_replication.rotation import NONE, OTHER, PILLAR
from group_replication.rotation_run import BOTH, PURPOSE, Rotation, _one_pillar
from minion_calls import Answer
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import Clock, gone
from tests.unit.group_replication.test_rolling import ready

OTHERS = {"web": ["web", "web2"], "backup": ["backup"]}
ROLES = ("admin", "recovery", "application", "schema", "backup")


class Killed(BaseException):
    """The program that runs it is gone, as by SIGKILL."""


class Group:
    """Members, web servers and a backup machine; each password is the number of a generation."""

    def __init__(self) -> None:
        self.pillar = 1
        # Of the accounts, which are the group's: the present password and the one before.
        self.accounts = dict.fromkeys(ROLES, (1, None))
        self.keeper = dict.fromkeys(NODES, 1)
        self.channel = dict.fromkeys(NODES, 1)
        self.web = dict.fromkeys(OTHERS["web"], 1)
        self.backup = 1
        self.row: dict | None = None
        self.down: set[str] = set()
        self.offline: set[str] = set()
        # Whose minion has an older pillar in memory.
        self.stale: dict[str, int] = {}
        self.calls: list[tuple[str, str]] = []
        self.kill_after = 0

    def __call__(self, targets, function, arguments):
        word = function.split(".")[1]
        found = {}
        for name in targets:
            if name in self.down and word != "readiness":
                continue
            try:
                found[name] = Answer(getattr(self, f"_{word}")(name, **arguments))
            except CommandExecutionError as err:
                found[name] = Answer(None, str(err))
            if word in ("retain", "use", "use_passwords", "apply", "discard", "begin", "end"):
                self.calls.append((word, name))
                self.everybody_gets_in()
                if len(self.calls) == self.kill_after:
                    raise Killed
        return found

    def everybody_gets_in(self):
        """Whoever answers has a password that its account accepts, at any moment."""
        for role, users in {
            "admin": {name: self.keeper[name] for name in set(NODES) - self.down},
            "recovery": {name: self.channel[name] for name in set(NODES) - self.down},
            "application": {one: self.web[one] for one in set(self.web) - self.down},
            "backup": {"backup": self.backup},
        }.items():
            for user, password in users.items():
                assert password in self.accounts[role], f"{user} is locked out as {role}"

    def _refresh_pillar(self, name, wait):
        return wait

    def _readiness(self, name, validate=False):
        if name in self.down:
            return gone(f"{name} does not answer")
        away = self.down | self.offline
        if name in self.offline:
            return {**ready(name), "state": OFFLINE, "quorum": False, "members": []}
        here = {NODES.get(one) for one in away}
        view = [one for one in ready(name)["members"] if one["host"] not in here]
        return ready(name, members=view, operation=self.row)

    def _whose(self, password):
        if password is None:
            return NONE
        return PILLAR if password == self.pillar else OTHER

    def _look(self, name, prints=False):
        return {
            "print": f"print{self.pillar}" if prints else "",
            "accounts": {
                role: {
                    "account": f"{role}@h",
                    "current": self._whose(one[0]),
                    "retained": self._whose(one[1]),
                    "plugin": "caching_sha2_password",
                }
                for role, one in self.accounts.items()
            },
            "keeper": self.keeper[name] == self.pillar,
            "channel": self.channel[name] == self.pillar,
        }

    def _passwords(self, name):
        known = self.stale.get(name, self.pillar)
        return {"current": self.web[name] == known, "print": f"print{known}"}

    def _begin(self, name, purpose, owner, began):
        claim = claimed_over(Operation(**self.row) if self.row else None, purpose, owner, began)
        self.row = {
            "token": f"token{len(self.calls)}", "owner": owner, "purpose": purpose,
            "step": claim["step"], "began": "{}", "since": "10:00", "deadline": "10:02",
            "age": 5, "seconds_left": 60,
        }  # fmt: skip
        return {**claim, "token": self.row["token"]}

    def _proceed(self, name, token, step, seconds):
        assert self.row["token"] == token
        self.row.update(step=step, seconds_left=seconds)

    def _break_off(self, name, token):
        self.row.update(seconds_left=-1)

    def _end(self, name, token):
        assert self.row["token"] == token
        self.row = None

    def _retain(self, name, token):
        assert self.row["token"] == token
        done = [role for role in ROLES if self.accounts[role][0] != self.pillar]
        for role in done:
            assert self.accounts[role][1] in (None, self.pillar), "a third password"
            self.accounts[role] = (self.pillar, self.accounts[role][0])
        return done

    def _use(self, name, token):
        if self.accounts["admin"][0] != self.pillar:
            raise CommandExecutionError("the new passwords are not accepted")
        told = [] if self.keeper[name] == self.pillar else ["keeper", "channel"]
        self.keeper[name] = self.channel[name] = self.pillar
        return told

    def _use_passwords(self, name):
        told = [] if self.web[name] == self.pillar else ["DB_PASSWORD"]
        self.web[name] = self.pillar
        return told

    def _apply(self, name, mods):
        assert (name, mods) == ("backup", "backup")
        self.backup = self.pillar
        return {"a state": {}}

    def _discard(self, name, token):
        done = [role for role in ROLES if self.accounts[role][1] is not None]
        self.accounts = {role: (one[0], None) for role, one in self.accounts.items()}
        return done


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def group() -> Group:
    """Each password of pillar is another one than the group's."""
    made = Group()
    made.pillar = 2
    return made


def run_of(group: Group, owner: str = "m1", without=()) -> Rotation:
    return Rotation(group, NODES, OTHERS, owner, without)


def is_rotated(group: Group, *left_out: str) -> bool:
    users = {**group.keeper, **group.web, "backup": group.backup}
    return (
        all(one == (group.pillar, None) for one in group.accounts.values())
        and {one for name, one in users.items() if name not in left_out} == {group.pillar}
        and group.row is None
    )


def test_two_are_accepted_then_everybody_is_told_then_one_is_left(group):
    planned = run_of(group).plan()
    assert (planned["change"], planned["discard"]) == ([*ROLES], [*ROLES])
    assert planned["tell"] == [*NODES, "web", "web2", "backup"]
    assert (planned["refused"], set(planned["gates"].values())) == ("", {""})
    assert group.calls == []
    done = run_of(group).run()
    assert done["problem"] == ""
    assert (done["changed"], done["discarded"]) == ([*ROLES], [*ROLES])
    assert done["told"] == [*NODES, "web", "web2", "backup"]
    assert is_rotated(group)
    assert [word for word, _ in group.calls] == [
        *("begin", "retain", "use", "use", "use", "use_passwords", "use_passwords"),
        *("apply", "discard", "end"),
    ]


def test_a_second_run_does_nothing(group):
    run_of(group).run()
    before = list(group.calls)
    planned = run_of(group).plan()
    assert (planned["change"], planned["tell"], planned["discard"]) == ([], [], [])
    assert run_of(group).run() == {
        "changed": [], "told": [], "discarded": [], "gave_up": "", "problem": ""
    }  # fmt: skip
    assert group.calls == before


@pytest.mark.parametrize("at", range(1, 11))
def test_a_run_that_is_killed_at_any_step_is_completed_by_the_next(group, at):
    group.kill_after = at
    with pytest.raises(Killed):
        run_of(group).run()
    done = run_of(group).run()
    assert (done["problem"], is_rotated(group)) == ("", True)


def test_one_account_alone(group):
    group.accounts = {**dict.fromkeys(ROLES, (2, None)), "application": (1, None)}
    group.keeper = group.channel = dict.fromkeys(NODES, 2)
    group.backup = 2
    planned = run_of(group).plan()
    assert (planned["change"], planned["tell"]) == (["application"], ["web", "web2"])
    assert run_of(group).run()["told"] == ["web", "web2"]
    assert ("apply", "backup") not in group.calls


def test_a_member_that_is_down_is_named_and_nothing_is_changed(group):
    group.down.add("db3")
    done = run_of(group).run()
    assert "db3 does not answer; it would keep the old passwords" in done["problem"]
    assert "without" in done["problem"]
    assert group.calls == []
    done = run_of(group, without=["db3"]).run()
    assert (done["problem"], is_rotated(group, "db3")) == ("", True)


def test_a_web_server_that_is_down_is_named(group):
    group.down.add("web2")
    assert "web2: no answer from its minion" in run_of(group).run()["problem"]
    assert run_of(group, without=["web2"]).run()["problem"] == ""
    assert is_rotated(group, "web2")


def test_a_web_server_with_an_older_pillar_is_named_before_it_is_locked_out(group):
    group.stale["web2"] = 1
    problem = run_of(group).run()["problem"]
    assert "the password of application in the pillar of web2 is another one" in problem
    assert group.calls == []


SHOP = "applications:shop:application"


def test_a_further_application_s_password_is_brought_to_the_web_servers(group):
    group.accounts = {**dict.fromkeys(ROLES, (2, None)), SHOP: (1, None)}
    group.keeper = group.channel = dict.fromkeys(NODES, 2)
    group.backup = 2
    planned = run_of(group).plan()
    assert (planned["change"], planned["tell"]) == ([SHOP], ["web", "web2"])
    # Its schema's account logs in once, with what pillar says then.
    group.accounts = {
        **dict.fromkeys(ROLES, (2, None)),
        SHOP.replace("application", "x"): (1, None),
    }
    group.web = dict.fromkeys(group.web, 2)
    assert run_of(group).plan()["tell"] == []


@pytest.mark.parametrize(
    ("of_databases", "of_the_web_server", "refused"),
    [
        ({"shop": "p1"}, {"shop": "p1"}, ""),
        ({"shop": "p1"}, {"shop": "p2"}, f"the password of {SHOP} in the pillar of web is another"),
        ({}, {"shop": "p2"}, f"the password of {SHOP} in the pillar of web is another one"),
        # An application whose database is elsewhere, and one that a web server has not.
        ({"shop": "p1"}, {"shop": ""}, ""),
        ({"shop": "p1"}, {}, ""),
    ],
)
def test_databases_and_web_servers_need_one_password_for_each_application(
    of_databases, of_the_web_server, refused
):
    parts = {name: {"print": "p", "prints": of_databases} for name in NODES}
    webs = {"web": {"print": "p", "prints": of_the_web_server}, "web2": {"print": "p"}}
    assert _one_pillar(parts, webs).startswith(refused)
    assert bool(_one_pillar(parts, webs)) is bool(refused)


def test_a_member_that_is_offline_is_told_too(group):
    group.offline.add("db2")
    assert (run_of(group).run()["problem"], is_rotated(group)) == ("", True)


def test_a_member_that_goes_in_the_middle_keeps_the_old_ones_accepted(group):
    used = group._use_passwords

    def use(name):
        group.down.add("db3")
        return used(name)

    group._use_passwords = use
    problem = run_of(group).run()["problem"]
    assert "db3: no answer from its minion" in problem
    assert problem.endswith(BOTH)
    assert group.accounts["admin"] == (2, 1)
    assert group.row["seconds_left"] < 0
    group.down.clear()
    group._use_passwords = used
    assert (run_of(group).run()["problem"], is_rotated(group)) == ("", True)


def test_a_third_password_is_refused_and_the_one_before_is_not(group):
    group.kill_after = 2
    with pytest.raises(Killed):
        run_of(group).run()
    group.pillar = 3
    problem = run_of(group).run()["problem"]
    assert "admin@h accepts two passwords, and pillar mysql:accounts:admin:password" in problem
    group.pillar = 1
    assert (run_of(group).run()["problem"], is_rotated(group)) == ("", True)


def test_another_operation_is_in_its_way(group):
    group._begin("db1", "rolling restart of all members", "m2", {})
    planned = run_of(group).plan()
    assert "rolling restart of all members by m2 is under way" in planned["refused"]
    assert run_of(group).run()["problem"] == planned["refused"]
    assert group.calls == []


def test_what_was_broken_off_is_told(group):
    group.kill_after = 2
    with pytest.raises(Killed):
        run_of(group).run()
    assert f"{PURPOSE} by m1 is under way" in run_of(group).plan()["continues"]


def test_a_plugin_that_takes_no_second_password_is_named(group):
    look = group._look

    def other(name, **told):
        found = look(name, **told)
        found["accounts"]["schema"]["plugin"] = "mysql_native_password"
        return found

    group._look = other
    assert "schema@h has plugin mysql_native_password" in run_of(group).plan()["refused"]


@pytest.mark.parametrize("without", ["db3", ["db9"], [3]])
def test_what_is_left_out_is_a_list_of_declared_names(without):
    with pytest.raises(SaltInvocationError, match="expected a list of db1, db2, db3, web"):
        run_of(Group(), without=without)

"""A replacement of the authority as a whole, over machines that are made of plain data."""

from __future__ import annotations

import pytest
from group_replication import authority
from group_replication.authority import Authority
from group_replication.authority_run import GOES_ON, PURPOSE, Home, Replacement
from group_replication.operation import Operation, claimed_over
from minion_calls import Answer
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import Clock, gone
from tests.unit.group_replication.test_rolling import ready

OTHERS = ["web", "backup"]
ALL = [*NODES, *OTHERS]
DAY = 86400


class Killed(BaseException):
    """The program that runs it is gone, as by SIGKILL."""


class Installation:
    """Machines and the files of the master's; an authority's certificate is its name here."""

    def __init__(self) -> None:
        self.has = Authority("A1")
        self.made = 1
        self.trusted = dict.fromkeys(ALL, ("A1",))
        self.issuer = dict.fromkeys(NODES, "A1")
        # The certificate of the file that a database's server does not show yet.
        self.unshown: set[str] = set()
        self.row: dict | None = None
        self.down: set[str] = set()
        self.steps: list[str] = []
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
            if word in ("trust", "renew", "begin", "end"):
                self.step(f"{word} {name}")
        return found

    def step(self, what: str) -> None:
        """What a database shows is trusted by all, at any moment; then the run may be killed."""
        self.steps.append(what)
        for name, trusted in self.trusted.items():
            # One that trusted nobody before is none the worse.
            refused = {*self.issuer.values()} - {*trusted} if trusted else set()
            assert not refused, f"{name} refuses a database: {what}"
        if len(self.steps) == self.kill_after:
            raise Killed

    def home(self) -> Home:
        def make() -> None:
            self.made += 1
            self.has = self.has._replace(next=f"A{self.made}")
            self.step("make")

        def sign_by_next() -> None:
            self.has = Authority(self.has.next, "", self.has.current)
            self.step("sign")

        return Home(lambda: self.has, make, sign_by_next)

    def _readiness(self, name, validate=False):
        return gone() if name in self.down else ready(name, operation=self.row)

    def _look(self, name):
        issuer, shown = self.issuer.get(name, ""), name not in self.unshown
        known = issuer if issuer in self.trusted[name] else ""
        return {"trusted": [*self.trusted[name]], "issuer": known, "shown": shown}

    def _trust(self, name, authorities):
        if self.issuer.get(name) not in (None, *authorities):
            raise CommandExecutionError("its own certificate is signed by none of those")
        self.trusted[name] = tuple(authorities)
        return True

    def _renew(self, name):
        self.issuer[name] = self.has.current
        self.unshown.discard(name)
        return "serial"

    def _begin(self, name, purpose, owner, began):
        claim = claimed_over(Operation(**self.row) if self.row else None, purpose, owner, began)
        self.row = {
            "token": f"token{len(self.steps)}", "owner": owner, "purpose": purpose,
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


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    # A name is its own serial number here, and good for ten years.
    monkeypatch.setattr(authority, "serial_of", str)
    monkeypatch.setattr(authority, "ends_of", lambda one: 3650.0 * DAY)

    def why_replaced(has, serial):
        if serial not in (None, has.current, has.previous):
            raise SaltInvocationError("another serial number")
        return "it was named" if serial == has.current else ""

    monkeypatch.setattr(authority, "why_replaced", why_replaced)
    return Clock(monkeypatch)


@pytest.fixture
def installation() -> Installation:
    return Installation()


def run_of(one: Installation, serial: str | None = None, owner: str = "m1") -> Replacement:
    return Replacement(one, NODES, OTHERS, owner, one.home(), serial)


def is_replaced(one: Installation, by: str = "A2") -> bool:
    return (
        one.has._replace(previous="") == Authority(by)
        and {*one.issuer.values()} == {by}
        and {*one.trusted.values()} == {(by,)}
        and one.row is None
    )


def test_all_trust_both_then_the_next_signs_then_one_is_left(installation):
    planned = run_of(installation, "A1").plan()
    assert (planned["authority"], planned["why"]) == ("A1", "it was named")
    assert (planned["refused"], set(planned["gates"].values())) == ("", {""})
    assert installation.steps == []
    done = run_of(installation, "A1").run()
    assert (done["problem"], done["replaced"]) == ("", "A1")
    for step, names in (("trust", ALL), ("renew", [*NODES]), ("narrow", ALL)):
        assert done[step] == planned[step] == names
    assert is_replaced(installation)
    assert installation.steps == [
        *("begin db1", "make", *(f"trust {name}" for name in ALL), "sign"),
        *(f"renew {name}" for name in NODES),
        *(f"trust {name}" for name in ALL),
        "end db1",
    ]


@pytest.mark.parametrize("serial", [None, "A1"])
def test_a_second_run_does_nothing(installation, serial):
    run_of(installation, "A1").run()
    before = list(installation.steps)
    planned = run_of(installation, serial).plan()
    assert not any(planned[step] for step in ("why", "trust", "renew", "narrow"))
    done = run_of(installation, serial).run()
    assert done == {
        "replaced": "", "trust": [], "renew": [], "narrow": [], "gave_up": "", "problem": ""
    }  # fmt: skip
    assert installation.steps == before


@pytest.mark.parametrize("serial", [None, "A1"])
@pytest.mark.parametrize("at", range(1, 18))
def test_a_run_that_is_killed_at_any_step_is_completed_by_the_next(installation, at, serial):
    installation.kill_after = at
    with pytest.raises(Killed):
        run_of(installation, "A1").run()
    begun = installation.made > 1
    done = run_of(installation, serial).run()
    assert done["problem"] == ""
    assert is_replaced(installation, "A2" if begun or serial else "A1")


def test_what_the_master_s_machine_lost_is_replaced_everywhere(installation):
    """It was made anew, and no machine trusts who signs now."""
    installation.has = Authority("B1")
    planned = run_of(installation).plan()
    assert (planned["why"], planned["trust"], planned["renew"]) == ("", ALL, [*NODES])
    assert planned["narrow"] == ALL
    assert run_of(installation).run()["problem"] == ""
    assert is_replaced(installation, "B1")


def test_a_machine_that_trusts_nobody_is_told(installation):
    installation.trusted["web"] = ()
    assert run_of(installation).plan()["trust"] == ["web"]
    done = run_of(installation).run()
    assert (done["trust"], done["renew"], done["narrow"]) == (["web"], [], [])
    assert is_replaced(installation, "A1")


def test_a_database_whose_server_does_not_show_its_file_is_told(installation):
    installation.unshown.add("db2")
    assert run_of(installation).run()["renew"] == ["db2"]


@pytest.mark.parametrize("name", ["db3", "web"])
def test_a_machine_that_is_away_is_named_and_nothing_is_changed(installation, name):
    installation.down.add(name)
    problem = run_of(installation, "A1").run()["problem"]
    assert f"{name}: no answer from its minion" in problem
    assert (installation.steps, installation.has) == ([], Authority("A1"))


def test_a_machine_that_goes_in_the_middle_ends_it_where_all_are_trusted(installation):
    def go(name):
        installation.down.add("web")
        return type(installation)._renew(installation, name)

    installation._renew = go
    problem = run_of(installation, "A1").run()["problem"]
    assert "web: no answer from its minion" in problem
    assert problem.endswith(GOES_ON)
    assert installation.row["seconds_left"] < 0
    installation.down.clear()
    del installation._renew
    assert run_of(installation).run()["problem"] == ""
    assert is_replaced(installation)


def test_another_operation_is_in_its_way(installation):
    installation._begin("db1", "rolling restart of all members", "m2", {})
    planned = run_of(installation, "A1").plan()
    assert "rolling restart of all members by m2 is under way" in planned["refused"]
    assert run_of(installation, "A1").run()["problem"] == planned["refused"]
    assert installation.steps == []


def test_what_was_broken_off_is_told(installation):
    installation.kill_after = 3
    with pytest.raises(Killed):
        run_of(installation, "A1").run()
    planned = run_of(installation).plan()
    assert f"{PURPOSE} by m1 is under way" in planned["continues"]
    assert planned["why"] == "it was begun"


def test_a_master_without_an_authority_is_told_how_to_make_one(installation):
    installation.has = Authority()
    with pytest.raises(CommandExecutionError, match="a highstate of the master's machine makes"):
        run_of(installation).run()

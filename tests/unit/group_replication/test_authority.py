"""The authority: its files, whom machines trust, and what is left of replacing it."""

from __future__ import annotations

from pathlib import Path

import pytest
from group_replication import authority
from group_replication.authority import Authority, Machine
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group_replication.test_certificates import make_certificate

DAY = 86400


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two authorities, a certificate of each for one key, and a further authority."""
    folder = tmp_path_factory.mktemp("authority")
    for name in ("old", "new", "third"):
        make_certificate(folder, name, days=30)
    for name, signer in (("db1", "old"), ("db2", "new")):
        make_certificate(folder, name, signer)
    return folder


@pytest.fixture(scope="module")
def pem(made):
    return {path.stem: authority.split(path.read_text())[0] for path in made.glob("*.pem")}


@pytest.fixture
def home(made, tmp_path) -> Path:
    """The folder of a master whose next authority is made."""
    for name, target in (("old", "ca"), ("new", "next")):
        for kind in ("pem", "key"):
            (tmp_path / f"{target}.{kind}").write_text((made / f"{name}.{kind}").read_text())
    return tmp_path


def test_a_master_without_an_authority_has_none(tmp_path):
    assert authority.read(tmp_path) == Authority()


def test_the_next_one_signs_and_the_one_before_is_remembered(home, made, pem):
    assert authority.read(home) == Authority(pem["old"], pem["new"])
    authority.sign_by_next(home)
    assert authority.read(home) == Authority(pem["new"], "", pem["old"])
    assert (home / "ca.key").read_text() == (made / "new.key").read_text()
    assert sorted(path.name for path in home.iterdir()) == ["ca.key", "ca.pem", "previous.pem"]


def test_a_run_that_was_killed_between_the_two_files_has_the_next_one_sign(home, pem):
    (home / "previous.pem").write_text(pem["old"])
    (home / "next.key").rename(home / "ca.key")
    seen = authority.read(home)
    assert seen == Authority(pem["new"], "", pem["old"])
    authority.finish(home)
    assert authority.read(home) == seen
    assert not (home / "next.pem").exists()


def test_a_key_without_its_certificate_is_no_next_one(home, pem):
    (home / "next.pem").unlink()
    assert authority.read(home) == Authority(pem["old"])
    authority.finish(home)
    assert authority.read(home) == Authority(pem["old"])


def test_a_file_that_is_none_is_named(home):
    (home / "ca.pem").write_text("nothing")
    with pytest.raises(CommandExecutionError, match=r"ca.pem is no certificate"):
        authority.read(home)


def test_one_is_replaced_that_is_named_or_near_its_end(pem):
    has = Authority(pem["new"], "", pem["old"])
    serials = {name: authority.serial_of(pem[name]) for name in ("old", "new", "third")}
    ends = authority.ends_of(pem["new"])
    assert authority.why_replaced(has, None) == ""
    assert authority.why_replaced(has, serials["new"]) == "it was named"
    assert authority.why_replaced(has, serials["new"].lower()) == "it was named"
    assert authority.why_replaced(has, serials["old"]) == ""
    assert "third of its time" in authority.why_replaced(has, None, ends - 5 * DAY)
    assert authority.why_replaced(has, None, ends - 15 * DAY) == ""
    for other in (serials["third"], "", 12, True):
        with pytest.raises(SaltInvocationError, match=f"replace is .*expected '{serials['new']}'"):
            authority.why_replaced(has, other)
    # Nothing was replaced before: the empty text names none.
    with pytest.raises(SaltInvocationError):
        authority.why_replaced(Authority(pem["new"]), "")


OLD, NEW, EVIL = "old", "new", "evil"


@pytest.mark.parametrize(
    ("has", "databases", "expected"),
    [
        (Authority(OLD), {}, [OLD]),
        (Authority(OLD, NEW), {}, [OLD, NEW]),
        (Authority(OLD), dict.fromkeys("abc", Machine((OLD,), OLD)), [OLD]),
        # The next one signs already, and certificates of the one before are shown.
        (Authority(NEW), dict.fromkeys("abc", Machine((OLD, NEW), OLD)), [NEW, OLD]),
        # The master's machine was made anew.
        (Authority(NEW), dict.fromkeys("abc", Machine((OLD,), OLD)), [NEW, OLD]),
        # One that says whom all have to trust is not heard.
        (
            Authority(OLD),
            {**dict.fromkeys("ab", Machine((OLD,), OLD)), "c": Machine((OLD, EVIL), EVIL)},
            [OLD],
        ),
    ],
)
def test_whom_all_have_to_trust(has, databases, expected):
    assert authority.bundle(has, databases) == expected


def test_which_machines_are_left():
    machines = {
        "db1": Machine((OLD,), OLD),
        "db2": Machine((OLD, NEW), NEW),
        "db3": Machine((NEW,), NEW, shown=False),
        "db4": Machine((NEW,), NEW),
        "web": Machine(()),
    }
    assert authority.trusting_less([OLD, NEW], machines) == ["db1", "db3", "db4", "web"]
    assert authority.trusting_more(NEW, machines) == ["db1", "db2", "web"]
    databases = {name: one for name, one in machines.items() if name != "web"}
    assert authority.showing_other(NEW, databases) == ["db1", "db3"]


def test_a_machine_says_whom_it_trusts_and_who_signed_its_own(made, pem, tmp_path):
    ca = tmp_path / "ca.pem"
    assert authority.machine(str(ca)) == Machine(())
    ca.write_text(pem["old"] + "a note\n" + pem["new"])
    trusted = (pem["old"], pem["new"])
    assert authority.machine(str(ca)) == Machine(trusted)
    found = authority.machine(str(ca), str(made / "db2.pem"), shown=False)
    assert found == Machine(trusted, pem["new"], False)
    ca.write_text(pem["third"])
    assert authority.machine(str(ca), str(made / "db2.pem")).issuer == ""


def test_a_machine_trusts_whom_it_is_told_and_nobody_else(made, pem, tmp_path):
    ca = tmp_path / "tls/ca.pem"
    own = str(made / "db1.pem")
    assert authority.trust([pem["old"], pem["new"]], str(ca), own) is True
    assert authority.trust([pem["old"], pem["new"]], str(ca), own) is False
    assert authority.machine(str(ca)).trusted == (pem["old"], pem["new"])
    assert ca.stat().st_mode & 0o777 == 0o644
    before = ca.read_text()
    with pytest.raises(CommandExecutionError, match="signed by none of those"):
        authority.trust([pem["new"]], str(ca), own)
    for wrong, words in (([pem["db1"]], "no authority's own"), ([], "authorities is empty")):
        with pytest.raises(SaltInvocationError, match=words):
            authority.trust(wrong, str(ca), own)
    with pytest.raises(CommandExecutionError, match="no certificates in PEM form"):
        authority.trust(["nothing"], str(ca), own)
    assert ca.read_text() == before
    assert authority.trust([pem["old"]], str(ca), own) is True

"""To whom a point is offered, and under which name its group may begin anew."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from group_backup import channel, full, offer
from group_backup.model import Settings
from group_replication.connection import UnreachableError
from group_replication.gtid import parse_gtids
from group_replication.model import Account
from salt.exceptions import CommandExecutionError, SaltInvocationError

OLD = "aaaaaaaa-0000-0000-0000-000000000001"
NEW = "bbbbbbbb-0000-0000-0000-000000000002"
NODES = {"db1": "10.0.0.1", "db2": "10.0.0.2"}
SETTINGS = Settings("b", "10.0.0.9", OLD, NODES, Account("a"))

# row: the group's name, the point, what there is beyond it, keep_name, and words of the sentence
NAMES = {
    "a new name": (NEW, f"{OLD}:1-9", f"{OLD}:10", False, []),
    "the old name, unsaid": (OLD, f"{OLD}:1-9", "", False, ["say keep_name=True", "uuidgen"]),
    "the old name, said": (OLD, f"{OLD}:1-9", "", True, []),
    "the old name of an earlier point": (
        OLD, f"{OLD}:1-9", f"{OLD}:10-12", True, ["3 transactions", f"{OLD}:10-12", "uuidgen"],
    ),
    "what others numbered comes later": (OLD, f"{OLD}:1-9", f"{NEW}:1", True, []),
    "a tag is of the name, too": (OLD, f"{OLD}:a:1", "", False, ["say keep_name=True"]),
}  # fmt: skip


@pytest.mark.parametrize(("group", "point", "later", "keep", "words"), NAMES.values(), ids=NAMES)
def test_no_transaction_is_numbered_a_second_time(group, point, later, keep, words):
    if not words:
        offer.check_name(group, point, parse_gtids(later), keep)
        return
    with pytest.raises(CommandExecutionError) as refused:
        offer.check_name(group, point, parse_gtids(later), keep)
    for word in words:
        assert word in str(refused.value)


def test_it_is_offered_to_a_declared_database_machine():
    with pytest.raises(SaltInvocationError, match=r"member is 'db9'; expected .*db1, db2"):
        offer.check_member(SETTINGS, "db9")
    offer.check_member(SETTINGS, "db2")


@pytest.mark.parametrize(
    ("point", "held", "gtids"),
    [
        # What is not saved yet is saved before the latest is offered.
        ("latest", f"{OLD}:1-10", f"{OLD}:1-10"),
        ("latest", "", f"{OLD}:1-9"),
        (f"{OLD}:9", f"{OLD}:1-9", f"{OLD}:1-9"),
        (f"{OLD}:9", f"{OLD}:1-10", None),
    ],
)
def test_a_preview_is_what_would_be_offered(monkeypatch, point, held, gtids):
    monkeypatch.setattr(offer, "check_no_group", lambda _: None)
    monkeypatch.setattr(offer, "local", lambda _settings: nullcontext())
    holds(monkeypatch, held, "")
    monkeypatch.setattr(offer.restic, "snapshots", lambda *_: [])
    monkeypatch.setattr(offer.restore, "preview", lambda *_: {"gtids": f"{OLD}:1-9"})
    if gtids:
        assert offer.preview(SETTINGS, "db1", point, 5, None, True)["gtids"] == gtids
        return
    with pytest.raises(CommandExecutionError, match="number others alike"):
        offer.preview(SETTINGS, "db1", point, 5, None, True)


@pytest.mark.parametrize(
    ("state", "refused"),
    [("ONLINE", True), ("RECOVERING", True), ("OFFLINE", False), (None, False), ("gone", False)],
)
def test_nothing_is_offered_beside_a_group_that_serves(monkeypatch, state, refused):
    def connected(host, **_):
        if state == "gone" or host == "10.0.0.1":
            raise UnreachableError("cannot connect")
        return nullcontext()

    monkeypatch.setattr(offer, "connect", connected)
    monkeypatch.setattr(offer, "rows", lambda *_: [{"state": state}] if state else [])
    if not refused:
        offer.check_no_group(SETTINGS)
        return
    with pytest.raises(CommandExecutionError, match=f"db2 is {state}: the group is there"):
        offer.check_no_group(SETTINGS)


def test_who_cannot_be_verified_may_serve(monkeypatch):
    monkeypatch.setattr(channel.server_tls, "not_verified", lambda *_: {"db2": "self-signed"})
    monkeypatch.setattr(offer, "connect", None)
    with pytest.raises(CommandExecutionError, match="db2 answers and cannot be verified: self-s"):
        offer.check_no_group(SETTINGS._replace(verify=True))


@pytest.fixture
def saved(monkeypatch) -> list[str]:
    """What was saved; the machine's own server answers what a test says."""
    found: list[str] = []
    monkeypatch.setattr(offer, "local", lambda _settings: nullcontext())
    monkeypatch.setattr(full, "run_logs", lambda _settings: found.append("logs"))
    monkeypatch.setattr(offer, "STALL_SECONDS", 0)
    return found


def holds(monkeypatch, executed: str, received: str) -> None:
    monkeypatch.setattr(offer, "rows", lambda *_: [{"executed": executed}])
    monkeypatch.setattr(channel, "state", lambda _connection: {"received": received})


def test_what_was_received_is_saved_first(monkeypatch, saved):
    holds(monkeypatch, f"{OLD}:1-9", f"{OLD}:5-9")
    offer.save_newest(SETTINGS)
    assert saved == ["logs"]


def test_what_was_received_and_is_not_applied_is_not_left_out(monkeypatch, saved):
    holds(monkeypatch, f"{OLD}:1-7", f"{OLD}:5-9")
    with pytest.raises(CommandExecutionError, match=f"2 transactions .*{OLD}:8-9"):
        offer.save_newest(SETTINGS)
    assert saved == []


def test_a_new_machine_saves_nothing(monkeypatch, saved):
    holds(monkeypatch, "", "")
    offer.save_newest(SETTINGS)
    assert saved == []

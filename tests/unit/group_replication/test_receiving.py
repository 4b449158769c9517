"""When a member may begin its group anew with what is offered, and by whose certificate."""

from __future__ import annotations

import hashlib

import pytest
from group_replication import receiving, tls
from group_replication.receiving import certificate_of, refusal
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import GROUP, HOSTS, OTHER, UUIDS, gone, one, online

OFFERED = {"gtid_executed": f"{OTHER}:1-900", "version": "9.7.4"}
OLD_NAME = {"gtid_executed": f"{GROUP}:1-900", "version": "9.7.4"}
ALONE = {"db1": one("db1"), "db2": gone(), "db3": gone()}
MEMORY = {"group": GROUP, "server_uuid": UUIDS["db1"], "view_id": "1:1", "members": [HOSTS["db1"]],
          "seen": [HOSTS["db1"]]}  # fmt: skip

# row: what is seen, what is offered, whether the call names the data, and words of the sentence
ROWS = {
    "an empty member alone": (ALONE, OFFERED, False, []),
    "empty members beside it": ({**ALONE, "db2": one("db2")}, OFFERED, False, []),
    "a group that is there": (
        {**ALONE, "db2": online("db2")}, OFFERED, True, ["db2 is ONLINE", "the group is there"],
    ),
    "one that recovers": (
        {**ALONE, "db3": one("db3", "RECOVERING")}, OFFERED, True, ["db3 is RECOVERING"],
    ),
    "itself in a group": ({**ALONE, "db1": online("db1")}, OFFERED, True, ["db1 is ONLINE"]),
    "a part in the old group that has not ended": (
        {**ALONE, "db2": one("db2", "ERROR")}, OFFERED, True, ["db2", "old group ends"],
    ),
    "a donor that holds nothing": (
        ALONE, {**OFFERED, "gtid_executed": ""}, True, ["holds no transaction"],
    ),
    "a donor of another series": (
        ALONE, {**OFFERED, "version": "8.4.3"}, True, ["9.7.4", "8.4.3"],
    ),
    "data, unnamed": (
        {**ALONE, "db1": one("db1", gtids=f"{OTHER}:1-3")}, OFFERED, False,
        [f"not empty ({OTHER}:1-3)", "only overwrite=db1"],
    ),
    "data, named": ({**ALONE, "db1": one("db1", gtids=f"{OTHER}:1-3")}, OFFERED, True, []),
    "databases without transactions": (
        {**ALONE, "db1": one("db1", schemas=["shop"])}, OFFERED, False, ["not empty (shop)"],
    ),
    "a disk that may be missing": (
        {**ALONE, "db1": one("db1", remembered=MEMORY)}, OFFERED, False, ["is a disk missing?"],
    ),
    # Equal numbers of other transactions: nobody would see it.
    "an old member with more, and the old name": (
        {**ALONE, "db2": one("db2", gtids=f"{GROUP}:1-905")}, OLD_NAME, True,
        [f"db2 has {GROUP}:901-905", "number others alike"],
    ),
    "an old member with less, and the old name": (
        {**ALONE, "db2": one("db2", gtids=f"{GROUP}:1-800")}, OLD_NAME, False, [],
    ),
    # It is refused as diverged when it comes.
    "an old member with more, and a new name": (
        {**ALONE, "db2": one("db2", gtids=f"{OTHER}:1-905")}, OFFERED, False, [],
    ),
    "an empty group that was begun meanwhile": (
        {**ALONE, "db2": one("db2", gtids=f"{GROUP}:1-7")}, OFFERED, False, [f"{GROUP}:1-7"],
    ),
    "what it received counts": (
        {**ALONE, "db2": one("db2", gtid_received=f"{GROUP}:901")}, OLD_NAME, True, ["901"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "offered", "overwrite", "words"), ROWS.values(), ids=ROWS)
def test_who_may_begin_the_group(facts, offered, overwrite, words):
    why = refusal("db1", GROUP, facts, offered, overwrite)
    assert bool(why) == bool(words), why
    for one_word in words:
        assert one_word in why


SHOWN = b"a certificate"
FINGERPRINT = hashlib.sha256(SHOWN).hexdigest()


def test_the_donor_is_the_one_whose_certificate_was_told(monkeypatch):
    monkeypatch.setattr(tls, "shown", lambda *_: SHOWN)
    assert "BEGIN CERTIFICATE" in certificate_of("10.0.0.9", 3306, FINGERPRINT)
    pairs = ":".join(FINGERPRINT[at : at + 2] for at in range(0, 64, 2)).upper()
    assert certificate_of("10.0.0.9", 3306, pairs)
    with pytest.raises(CommandExecutionError, match=f"fingerprint {FINGERPRINT}; expected 000"):
        certificate_of("10.0.0.9", 3306, "0" * 64)


def test_nothing_is_asked_where_the_fingerprint_is_none(monkeypatch):
    monkeypatch.setattr(tls, "shown", None)
    for wrong in ("", "ab", "g" * 64, None):
        with pytest.raises(SaltInvocationError, match="64 hexadecimal digits"):
            certificate_of("10.0.0.9", 3306, wrong)


def test_where_nothing_is_offered(monkeypatch):
    def refused(*_):
        raise ConnectionRefusedError("Connection refused")

    monkeypatch.setattr(tls, "shown", refused)
    with pytest.raises(CommandExecutionError, match=r"nothing is offered at 10\.0\.0\.9:3306"):
        certificate_of("10.0.0.9", 3306, FINGERPRINT)


def test_the_certificate_is_there_for_the_time_of_the_clone(monkeypatch, tmp_path):
    path = tmp_path / "donor.pem"
    monkeypatch.setattr(receiving, "CERTIFICATE", path)
    with receiving._certificate_there("text"):
        assert path.read_text() == "text"
        assert path.stat().st_mode & 0o777 == 0o644
    assert not path.exists()

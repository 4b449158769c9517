"""What the states of certificates report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from salt.exceptions import CommandExecutionError

from _states import mysql_tls

FILE = "/nonexistent/server.pem"


@pytest.fixture
def called(monkeypatch) -> Any:
    """Give the states functions that answer so, a list one by one; return what was called."""

    def make(test: bool, **answers: Any) -> list[str]:
        asked: list[str] = []

        def answering(name: str, answer: Any) -> Any:
            def run(*_: Any) -> Any:
                asked.append(name)
                found = (
                    answer.pop(0) if isinstance(answer, list) and name == "not_shown" else answer
                )
                if isinstance(found, Exception):
                    raise found
                return found

            return run

        functions = {f"mysql_tls.{name}": answering(name, one) for name, one in answers.items()}
        monkeypatch.setattr(mysql_tls, "__salt__", functions, raising=False)
        monkeypatch.setattr(mysql_tls, "__opts__", {"test": test, "id": "db1"}, raising=False)
        return asked

    return make


@pytest.mark.parametrize(
    ("test", "there", "why", "result", "said", "asked"),
    [
        (False, True, "", True, "is as declared", ["why_new"]),
        (False, True, "it ends", True, "has been made: it ends", ["why_new", "issue"]),
        (True, True, "it ends", None, "would be made: it ends", ["why_new"]),
        (True, False, "", None, "would be made: there is none", []),
    ],
)
def test_a_certificate_is_asked_for_where_it_is_needed(
    test, there, why, result, said, asked, called, tmp_path
):
    found = called(test, why_new=why, issue={"serial": "FF"})
    file = tmp_path / "server.pem"
    if there:
        file.touch()
    ret = mysql_tls.certificate_current(str(file))
    assert (ret["result"], found) == (result, asked)
    assert said in ret["comment"]
    assert bool(ret["changes"]) is (result is None or bool(why))


@pytest.mark.parametrize(
    ("test", "answers", "result", "said", "asked"),
    [
        (False, [[]], True, "mysqld shows", ["not_shown"]),
        (False, [["mysql_main"]], True, "has taken", ["not_shown", "reload"]),
        (True, [["mysql_admin"]], None, "would take", ["not_shown"]),
        (True, [CommandExecutionError("away")], None, "once mysqld runs: away", ["not_shown"]),
        (False, [CommandExecutionError("away")], False, "away", ["not_shown"]),
    ],
)
def test_a_server_is_told_to_take_what_it_does_not_show(test, answers, result, said, asked, called):
    found = called(test, not_shown=answers, reload=None)
    ret = mysql_tls.certificate_shown(FILE)
    assert (ret["result"], found) == (result, asked)
    assert said in ret["comment"]
    assert bool(ret["changes"]) is (result is not False and "taken" in ret["comment"]) or (
        test and "would take" in ret["comment"]
    )


def test_a_file_that_the_server_does_not_take_is_told(called):
    wrong = CommandExecutionError("shows another certificate on mysql_main")
    called(False, not_shown=[["mysql_main"]], reload=wrong)
    ret = mysql_tls.certificate_shown(FILE)
    assert ret["result"] is False
    assert "another certificate on mysql_main" in ret["comment"]


@pytest.mark.parametrize(
    ("test", "answer", "result", "said"),
    [
        (False, {}, True, "can be verified"),
        (False, {"db2": "self-signed"}, False, "db2: self-signed"),
        (True, {"db2": "self-signed"}, False, "orch.certificates"),
        (True, CommandExecutionError("no file"), None, "would be asked: no file"),
        (False, CommandExecutionError("no file"), False, "no file"),
    ],
)
def test_nobody_begins_to_verify_who_cannot_be(test, answer, result, said, called):
    called(test, in_the_way=answer)
    ret = mysql_tls.members_verifiable("members")
    assert (ret["result"], ret["changes"]) == (result, {})
    assert said in ret["comment"]


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize(
    ("answer", "result", "said"),
    [
        ([], True, "No member"),
        (["db1", "db3"], False, "source is none, and db1, db3 would be left"),
        (CommandExecutionError("no file"), False, "no file"),
    ],
)
def test_nobody_gives_up_a_certificate_beside_others(test, answer, result, said, called):
    called(test, in_use=answer)
    ret = mysql_tls.certificates_unused("certificates")
    assert (ret["result"], ret["changes"]) == (result, {})
    assert said in ret["comment"]


@pytest.mark.parametrize(
    ("answer", "result", "said"),
    [("", True, "can be verified"), ("self-signed", False, "10.0.0.1:3307 cannot be: self-signed")],
)
def test_the_application_waits_for_databases_that_can_be_verified(answer, result, said, called):
    called(False, not_verified=answer)
    ret = mysql_tls.server_verifiable("10.0.0.1", 3307, "/ca.pem")
    assert ret["result"] is result
    assert said in ret["comment"]


@pytest.mark.parametrize(
    ("test", "there", "result", "asked"),
    [(False, True, True, []), (True, False, None, []), (False, False, True, ["trust"])],
)
def test_an_authority_that_is_trusted_is_kept(test, there, result, asked, called, tmp_path: Path):
    found = called(test, trust="")
    file = tmp_path / "ca.pem"
    if there:
        file.touch()
    ret = mysql_tls.authority_trusted(str(file))
    assert (ret["result"], bool(ret["changes"]), found) == (result, not there, asked)

"""web_server on certificates: what is served is left, and what was renewed is taken."""

from __future__ import annotations

import pytest
from salt.exceptions import CommandExecutionError

import _states.web_server as state

FILES = ("/etc/ssl/a.pem", "/etc/ssl/a.key")


@pytest.fixture
def called(monkeypatch):
    """Run a state over functions that answer as told, or raise: called(state, answer, test)."""

    def run(function, answer, *, test, **more):
        asked = []

        def said(*args, **options):
            asked.append(options.get("test"))
            if isinstance(answer, Exception):
                raise answer
            return answer

        functions = {"web_server.check_pair": said, "web_server.take_certificate": said}
        monkeypatch.setattr(state, "__salt__", functions, raising=False)
        monkeypatch.setattr(state, "__opts__", {"test": test}, raising=False)
        return function(FILES[0], FILES[1], **more), asked

    return run


@pytest.mark.parametrize(
    ("old", "test", "result", "comment"),
    [
        (False, True, True, "web shows /etc/ssl/a.pem, or does not answer by TLS"),
        (False, False, True, "web shows /etc/ssl/a.pem, or does not answer by TLS"),
        (True, True, None, "apache2 would be reloaded"),
        (True, False, True, "apache2 has been reloaded, and shows /etc/ssl/a.pem"),
    ],
)
def test_a_renewed_certificate_is_taken(called, old, test, result, comment):
    more = {"host": "web", "service": "apache2"}
    ret, asked = called(state.certificate_served, old, test=test, **more)
    assert (ret["result"], ret["comment"]) == (result, comment)
    assert bool(ret["changes"]) is old
    assert asked == [test]


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("function", "more"),
    [
        (state.certificate_good, {}),
        (state.certificate_served, {"host": "web", "service": "apache2"}),
    ],
    ids=["good", "served"],
)
def test_what_is_not_good_fails_and_may_be_mended_before_by_a_run(called, function, more, test):
    ret, _ = called(function, CommandExecutionError("they do not fit"), test=test, **more)
    assert ret["result"] is (None if test else False)
    assert (ret["comment"], ret["changes"]) == ("they do not fit", {})


def test_a_pair_that_fits_is_good(called):
    ret, _ = called(state.certificate_good, None, test=False)
    assert (ret["result"], ret["comment"]) == (True, "/etc/ssl/a.pem and /etc/ssl/a.key fit")
    assert "warnings" not in ret


def test_a_certificate_that_ends_soon_is_a_warning(called):
    ret, _ = called(state.certificate_good, "it ends in 3 days", test=False)
    assert (ret["result"], ret["changes"], ret["warnings"]) == (True, {}, ["it ends in 3 days"])

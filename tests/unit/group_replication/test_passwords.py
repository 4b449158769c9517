"""An account's entry is told to be of a password; the entries were made by a real server."""

from __future__ import annotations

import pytest
from group_replication.passwords import is_made_of

MADE = {
    "a": "$A$00A$\x02|Q\x01O5\"}1G3\x11\\\x0ba8'6 \x17tLAuJmZMnpVQtVyoXtMD5gqgF0k2jDfjFh.k9zwmJL6",
    "a-long-password-1": (
        "$A$00A$`E2\t\x1ba^s!uc\x0fCoggN\x1d%~noGKFulFtKJQAggf.Ft95t4UqGUrmli3UrmlJ06cgH2"
    ),
    'päss\'wörd "quoted"': (
        "$A$00A$@dF\x1cZ\x13r8D{q;M-o|Y-X|cjl3s7cmpm1NZeLw2zUI/Ug8OXvfaXPseLSWJ1nrto9"
    ),
    "x" * 32: '$A$00A$y\x07G`"q*n+K7mY\x0c8|O\tG~vO7mSTs6e7NGoUbIcBZk3qsn2Kqx83bPs0HOuXachz/',
    "y"
    * 33: "$A$00A$Xni\x12J<o\x15|\r\x16\x0e,4s9z[|\x17WMLQuh8fp4WpZmIqL5X5ueAq5Jvgmn1YxBi65hd/gG3",
}


@pytest.mark.parametrize("password", MADE)
def test_an_entry_is_of_its_password_alone(password):
    assert [one for one in MADE if is_made_of(MADE[one], password)] == [password]
    assert not is_made_of(MADE[password], password + "x")
    assert not is_made_of(MADE[password][:-1] + "z", password)


@pytest.mark.parametrize("entry", ["", "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29", "$A$005$short"])
def test_an_entry_of_another_form_is_of_none(entry):
    assert not is_made_of(entry, "a")


def test_an_empty_password_is_none():
    assert not is_made_of(MADE["a"], "")

"""Secrets told apart without being shown: by a fingerprint, and by the entry of an account.

A login says less of an account: the password before succeeds, too, while the account retains it.
"""

from __future__ import annotations

import hashlib
import hmac
import re

PLUGIN = "caching_sha2_password"
# $A$, thousands of rounds in hexadecimal digits, $, a salt of 20 characters, and the digest.
ENTRY = re.compile(r"\$A\$([0-9A-Fa-f]{3})\$(.{20})([./0-9A-Za-z]{43})", re.DOTALL)
ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# A fingerprint is in a job's answer, and a secret that a person made may be short: it is costly to
# look for what has this one.
ROUNDS = 200_000


def fingerprint(value: str) -> str:
    """Return what tells one key from another and shows nothing of it; nothing of none."""
    if not value:
        return ""
    return hashlib.pbkdf2_hmac("sha256", value.encode(), b"laravel_deploy", ROUNDS).hex()[:12]


def is_made_of(entry: str, password: str) -> bool:
    """
    Tell whether an account's entry was made of a password.

    entry
        ``authentication_string`` of ``mysql.user``, or the ``additional_password`` beside it.

    password
        The password. An entry of another form is of none.
    """
    match = ENTRY.fullmatch(entry)
    if not match or not password:
        return False
    digest = _digest(password.encode(), match[2].encode(), int(match[1], 16) * 1000)
    return hmac.compare_digest(digest, match[3])


def _digest(password: bytes, salt: bytes, rounds: int) -> str:
    """Return the SHA-256 crypt of Unix, which the server makes with a longer salt."""
    inner = hashlib.sha256(password + salt + password).digest()
    mixed = hashlib.sha256(password + salt + _filled(inner, len(password)))
    length = len(password)
    while length:
        mixed.update(inner if length & 1 else password)
        length >>= 1
    result = mixed.digest()
    repeated = _filled(hashlib.sha256(password * len(password)).digest(), len(password))
    salted = _filled(hashlib.sha256(salt * (16 + result[0])).digest(), len(salt))
    for turn in range(rounds):
        parts = [repeated if turn & 1 else result]
        parts += [salted] if turn % 3 else []
        parts += [repeated] if turn % 7 else []
        parts += [result if turn & 1 else repeated]
        result = hashlib.sha256(b"".join(parts)).digest()
    return _encoded(result)


def _filled(block: bytes, length: int) -> bytes:
    """Return a block repeated to a length."""
    return (block * (length // len(block) + 1))[:length]


def _encoded(digest: bytes) -> str:
    """Return a digest in the crypt's own order of bytes and its own 64 characters."""
    places = [(0, 10, 20)]
    for _ in range(9):
        first, second, third = places[-1]
        places.append((third + 1, first + 1, second + 1))
    text = ""
    for one, two, three in places:
        text += _characters(digest[one] << 16 | digest[two] << 8 | digest[three], 4)
    return text + _characters(digest[31] << 8 | digest[30], 3)


def _characters(value: int, count: int) -> str:
    return "".join(ALPHABET[value >> 6 * place & 63] for place in range(count))

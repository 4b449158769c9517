"""Sends the API what nobody means to send, and tells what made the server fail."""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import time
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

FIELDS: dict[str, dict[str, Any]] = {
    "user": {
        "username": "n",
        "email": "n@fuzz.example",
        "password": "a password",
        "bio": "b",
        "image": "i",
    },
    "article": {"title": "t", "description": "d", "body": "b", "tagList": ["a"]},
    "comment": {"body": "b"},
}
# Method, path and subject of the body. {} is a name that is there, or any text.
OPERATIONS = [
    ("POST", "/api/users", "user"),
    ("POST", "/api/users/login", "user"),
    ("GET", "/api/user", ""),
    ("PUT", "/api/user", "user"),
    ("PATCH", "/api/user", "user"),
    ("GET", "/api/profiles/{}", ""),
    ("POST", "/api/profiles/{}/follow", ""),
    ("DELETE", "/api/profiles/{}/follow", ""),
    ("GET", "/api/articles", ""),
    ("GET", "/api/articles/feed", ""),
    ("POST", "/api/articles", "article"),
    ("GET", "/api/articles/{}", ""),
    ("PUT", "/api/articles/{}", "article"),
    ("DELETE", "/api/articles/{}", ""),
    ("POST", "/api/articles/{}/favorite", ""),
    ("DELETE", "/api/articles/{}/favorite", ""),
    ("GET", "/api/articles/{}/comments", ""),
    ("POST", "/api/articles/{}/comments", "comment"),
    ("DELETE", "/api/articles/{}/comments/{}", ""),
    ("GET", "/api/tags", ""),
    ("GET", "/api/health", ""),
    ("GET", "/api/{}", ""),
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# How often of a hundred something else is done than what the operation needs.
ODD = 8
LENGTHS = [1, 8, 63, 64, 65, 72, 73, 190, 191, 255, 256, 1024, 1025, 10_000, 10_001, 70_000]
LETTERS = [
    "a",
    "ä",
    "日",
    "😀",
    " ",
    "\u200d",
    "\u202e",
    "\0",
    "\n",
    "\x7f",
    "\u2028",
    "/",
    "\\",
    "%",
]
WORDS = [
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "a/b",
        "..",
        ".",
        "feed",
        "null",
        "NaN",
        "-1",
        "1e9",
        "0x1",
        "%",
        "%00",
    ),
    *(
        "' or 1=1 -- ",
        '"; drop table users; #',
        "{{7*7}}",
        "<script>",
        "a@b.example",
        "\ufeff",
        "\uffff",
    ),
    *(
        "$2y$10$abcdefghijklmnopqrstuv",
        "99999999999999999999",
        "\u0130",
        "ﷺ",
        "a\r\nSet-Cookie: b=c",
    ),
]
TYPES = [
    *(
        "application/json",
        "application/json; charset=utf-16",
        "text/plain",
        "",
        "application/vnd.api+json",
    ),
    *(
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "a/b;;;",
    ),
]
# Wrong passwords are counted by address, and the tests beside this log in from the same one.
WRONG_LOGINS = 50
# Of longer ones Apache says 414 itself.
LONGEST_PATH = 7000


class Fuzzer:
    """One client, whose requests follow from a number; `statuses` counts what was answered."""

    def __init__(self, host: str, port: int, seed: int) -> None:
        self._http = http.client.HTTPConnection(host, port, timeout=60)
        self._random = random.Random(seed)
        self._name = f"fuzz{time.time_ns()}"
        self._token = ""
        self._slugs: list[str] = []
        self._wrong = 0
        self.statuses: dict[int, int] = {}

    def run(self, requests: int) -> list[str]:
        """Return the requests that failed, with what was answered."""
        self._register()
        failures = []
        for _ in range(requests):
            method, path, headers, body = self._request()
            status, answer = self._send(method, path, headers, body)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status >= 500 or not status:
                failures.append(
                    f"{status} {method} {path} {headers} {body[:300]!r}: {answer[:300]!r}"
                )
            self._learn(path, status, answer)
        return failures

    def tidy(self) -> None:
        """Delete the articles that were written."""
        for slug in self._slugs:
            self._send("DELETE", f"/api/articles/{slug}", self._own(), b"")

    def _register(self) -> None:
        self._name += "x"
        user = {
            "username": self._name,
            "email": f"{self._name}@fuzz.example",
            "password": self._name,
        }
        headers = {"Content-Type": "application/json"}
        body = json.dumps({"user": user}).encode()
        status, answer = self._send("POST", "/api/users", headers, body)
        if status != 201:
            raise RuntimeError(f"POST /api/users: {status} {answer!r}")
        self._token = json.loads(answer)["user"]["token"]

    def _own(self) -> dict[str, str]:
        return {"Authorization": f"Token {self._token}"}

    def _learn(self, path: str, status: int, answer: bytes) -> None:
        if status == 401 and path.startswith("/api/users/login"):
            self._wrong += 1
        if path.split("?")[0] == "/api/user" and status == 200 and answer:
            # Another password is another token.
            self._token = json.loads(answer)["user"]["token"]
        if status in (200, 201) and answer.startswith(b'{"article":'):
            slug = json.loads(answer)["article"]["slug"]
            if slug not in self._slugs:
                self._slugs.append(slug)

    def _odd(self, percent: int = ODD) -> bool:
        return self._random.randrange(100) < percent

    def _text(self) -> str:
        if self._odd(50):
            return self._random.choice(WORDS)
        letters = self._random.choices(LETTERS, k=self._random.choice([1, 1, 3]))
        length = self._random.choice(LENGTHS)
        return ("".join(letters) * length)[:length]

    def _value(self, depth: int = 0) -> Any:
        pick = self._random.randrange(12 if depth < 3 else 9)
        if pick < 6:
            return self._text()
        if pick < 9:
            return self._random.choice([None, True, False, 0, -1, 1.5, 10**30, 1e308, [], {}])
        if pick < 11:
            return [self._value(depth + 1) for _ in range(self._random.randrange(25))]
        return {self._text(): self._value(depth + 1)}

    def _name_in_path(self) -> str:
        if self._slugs and self._odd(50):
            return self._random.choice(self._slugs)
        if self._odd(30):
            return self._name
        if self._odd(10):
            return quote_from_bytes(self._random.randbytes(5))
        return quote_from_bytes(self._text()[:2000].encode())

    def _query(self) -> str:
        names = [
            "limit",
            "offset",
            "tag",
            "author",
            "favorited",
            "_method",
            "user",
            "limit[]",
            "tag[a]",
        ]
        pairs = []
        for _ in range(self._random.randrange(4)):
            value: str | bytes = self._text()[:1000]
            if self._odd():
                value = self._random.randbytes(4)
            elif self._odd(40):
                value = str(
                    self._random.choice([0, 1, 20, 100, 101, -1, 2**31, 2**63 - 1, 2**63, 10**40])
                )
            pairs.append((self._random.choice(names), value))
        return f"?{urlencode(pairs)}" if pairs else ""

    def _fields(self, subject: str) -> Any:
        given: dict[str, Any] = {}
        for field, plain in FIELDS[subject].items():
            if not self._odd(15):
                given[field] = self._value() if self._odd(25) else plain
        if subject == "user" and self._odd(50):
            unique = f"{self._name}{self._random.randrange(10**9)}"
            given |= {"username": unique, "email": f"{unique}@fuzz.example"}
        if self._odd():
            given[self._text()[:100]] = self._value()
        return self._value() if self._odd() else given

    def _body(self, subject: str, headers: dict[str, str]) -> bytes:
        if not subject and not self._odd():
            return b""
        given = {subject or "user": self._fields(subject or "user")}
        if self._odd():
            given["_method"] = self._random.choice([*METHODS, "TRACE", "CONNECT", self._value()])
        headers["Content-Type"] = self._random.choice(TYPES) if self._odd() else "application/json"
        if self._odd(4):
            pairs = [
                (
                    f"{subject or 'user'}[{name}]",
                    self._random.choice([self._text()[:5000], b"\xff\xfe"]),
                )
                for name in FIELDS[subject or "user"]
            ]
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return urlencode(pairs).encode()
        body = json.dumps(given, ensure_ascii=self._odd(50)).encode(errors="replace")
        if self._odd(4):
            at = self._random.randrange(len(body))
            body = (
                body[:at] + self._random.choice([b"", b"\xff", b"\0", b"\\ud800"]) + body[at + 1 :]
            )
        if self._odd(2):
            body = b"[" * self._random.choice([10, 511, 513, 5000]) + body
        if self._odd(2):
            body = body[: self._random.randrange(len(body))]
        return body

    def _request(self) -> tuple[str, str, dict[str, str], bytes]:
        method, path, subject = self._random.choice(OPERATIONS)
        while self._wrong >= WRONG_LOGINS and path.endswith("/login"):
            method, path, subject = self._random.choice(OPERATIONS)
        while "{}" in path:
            path = path.replace("{}", self._name_in_path(), 1)
        if self._odd(4):
            method = self._random.choice(METHODS)
        headers = {} if self._odd() else self._own()
        if self._odd(3):
            headers["Authorization"] = self._random.choice(
                [
                    "Token",
                    "Token ..",
                    "Bearer a.b.c",
                    "Basic YTpi",
                    "Token \xff",
                    f"Token {self._token}x",
                ]
            )
        body = self._body(subject, headers)
        for name in (
            "X-HTTP-Method-Override",
            "X-Forwarded-For",
            "Accept",
            "Origin",
            "Content-Encoding",
            "Cookie",
        ):
            if self._odd(3):
                headers[name] = self._random.choice(
                    ["GET", "TRACE", "foo", "*/*", "gzip", "\xff", "a=b; c", ""]
                )
        path += self._query() if self._odd(40) else ""
        return method, path[:LONGEST_PATH], headers, body

    def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """Return status and body of the answer; 0 when there was none, twice."""
        said = ""
        for _ in range(2):
            try:
                self._http.request(method, path, body or None, headers)
                answer = self._http.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError) as err:
                # A connection that was kept may end between two requests.
                said = repr(err)
                self._http.close()
        return 0, said.encode()


def main() -> int:
    """Fuzz one server and print what it answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    given = parser.parse_args()
    host, _, port = given.address.partition(":")
    fuzzer = Fuzzer(host, int(port or 80), given.seed)
    failures = fuzzer.run(given.requests)
    fuzzer.tidy()
    print(f"seed {given.seed}:", dict(sorted(fuzzer.statuses.items())))
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

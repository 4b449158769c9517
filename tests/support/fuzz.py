"""Sends the API what nobody means to send, and tells what made the server fail."""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, urlencode

import yaml

SPECIFICATION = Path(__file__).resolve().parents[2] / "app/tests/openapi.yaml"
# What any request may be answered with, by what is wrong with it.
ANY = {400, 401, 404, 405, 413, 414, 415, 422}


class Operation(NamedTuple):
    """A request of the API: a {} in its path is a name that is there, or any text."""

    method: str
    path: str
    # The one field of the body that holds the others; nothing without a body.
    subject: str
    # Of each field of the body a value that is taken.
    fields: dict[str, Any]
    statuses: set[int]


def operations(specification: dict[str, Any]) -> list[Operation]:
    """Return the requests of an OpenAPI document."""
    found = []
    for path, item in specification["paths"].items():
        for method, told in item.items():
            if method != "parameters":
                subject, fields = _body_of(specification, told)
                name = re.sub(r"{\w+}", "{}", path)
                statuses = {int(status) for status in told["responses"]}
                found.append(Operation(method.upper(), name, subject, fields, statuses))
    return found


def _body_of(
    specification: dict[str, Any], operation: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    if "requestBody" not in operation:
        return "", {}
    name = operation["requestBody"]["$ref"].rpartition("/")[2]
    body = specification["components"]["requestBodies"][name]
    ((subject, schema),) = body["content"]["application/json"]["schema"]["properties"].items()
    return subject, {field: of["example"] for field, of in schema["properties"].items()}


OPERATIONS = [
    *operations(yaml.safe_load(SPECIFICATION.read_text())),
    # Nothing of ours.
    Operation("GET", "/api/{}", "", {}, set()),
]
# A body where none is needed.
ANY_FIELDS = next(one.fields for one in OPERATIONS if one.path == "/api/users")
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
        self.statuses: Counter[int] = Counter()

    def run(self, requests: int) -> list[str]:
        """
        Return the requests that failed, with what was answered.

        They are those without an answer, those of 5xx, and those of a status that the request has
        not by its specification.
        """
        self._register()
        failures = []
        for _ in range(requests):
            method, path, headers, body, statuses = self._request()
            status, answer = self._send(method, path, headers, body)
            self.statuses[status] += 1
            if status >= 500 or status not in statuses:
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

    def _fields(self, subject: str, fields: dict[str, Any]) -> Any:
        given: dict[str, Any] = {}
        for field, plain in fields.items():
            if not self._odd(15):
                given[field] = self._value() if self._odd(25) else plain
        if subject == "user" and self._odd(50):
            unique = f"{self._name}{self._random.randrange(10**9)}"
            given |= {"username": unique, "email": f"{unique}@fuzz.example"}
        if self._odd():
            given[self._text()[:100]] = self._value()
        return self._value() if self._odd() else given

    def _body(self, operation: Operation, headers: dict[str, str]) -> bytes:
        if not operation.subject and not self._odd():
            return b""
        subject, fields = operation.subject or "user", operation.fields or ANY_FIELDS
        given = {subject: self._fields(subject, fields)}
        if self._odd():
            given["_method"] = self._random.choice([*METHODS, "TRACE", "CONNECT", self._value()])
        headers["Content-Type"] = self._random.choice(TYPES) if self._odd() else "application/json"
        if self._odd(4):
            pairs = [
                (
                    f"{subject}[{name}]",
                    self._random.choice([self._text()[:5000], b"\xff\xfe"]),
                )
                for name in fields
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

    def _request(self) -> tuple[str, str, dict[str, str], bytes, set[int]]:
        operation = self._random.choice(OPERATIONS)
        while self._wrong >= WRONG_LOGINS and operation.path.endswith("/login"):
            operation = self._random.choice(OPERATIONS)
        method, path, statuses = operation.method, operation.path, operation.statuses | ANY
        while "{}" in path:
            path = path.replace("{}", self._name_in_path(), 1)
        if "/." in path:
            # Apache's own.
            statuses = statuses | {403}
        if self._odd(4):
            method = self._random.choice(METHODS)
        if method != operation.method or self._name_leads_elsewhere(operation.path, path):
            statuses = {*range(200, 500)}
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
        body = self._body(operation, headers)
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
        return method, path[:LONGEST_PATH], headers, body, statuses

    def _name_leads_elsewhere(self, template: str, path: str) -> bool:
        """Tell whether a name makes the path that of another request, as ``..`` and ``a/b`` do."""
        parts = path.split("/")
        return len(parts) != template.count("/") + 1 or bool({"", ".", "..", "feed"} & {*parts[2:]})

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
    """Fuzz one server with several clients at once, and print what it answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT")
    parser.add_argument("--requests", type=int, default=10_000, help="of all clients together")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    given = parser.parse_args()
    host, _, port = given.address.partition(":")
    seeds = range(given.seed, given.seed + given.clients)
    clients = [Fuzzer(host, int(port or 80), seed) for seed in seeds]
    shares = [len(range(at, given.requests, given.clients)) for at in range(given.clients)]
    with ThreadPoolExecutor(given.clients) as pool:
        failures = [*pool.map(Fuzzer.run, clients, shares)]
        [*pool.map(Fuzzer.tidy, clients)]
    statuses = sum((client.statuses for client in clients), Counter())
    print(f"seed {given.seed}:", dict(sorted(statuses.items())))
    print("\n".join(line for lines in failures for line in lines))
    return 1 if any(failures) else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Make what the machines need from this host: secrets, keys, and the site's own certificates.

Secrets and keys are made at first use; what exists is never changed. They are written with mode
0600 below two directories that git ignores: pillar/secrets (read by the Salt master) and .lab (the
keys that Vagrant hands to the machines). The Vagrantfile calls this; on a master without Vagrant,
call it once without arguments for the secrets alone. Needs only the standard library, openssl and,
for machines, ssh-keygen.

`prepare.py rotate NAME` puts a new password in the place of one; the file as it was is kept beside
it. The call that brings it to the machines is printed (docs/secrets.md).
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PILLAR = ROOT / "pillar" / "secrets"
KEYS = ROOT / ".lab" / "keys"
CERTIFICATES = ROOT / ".lab" / "site.crt"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
SHIPPED_CERTIFICATES = Path("/usr/share/ca-certificates")

HEADER = """\
# Made by vagrant/prepare.py at first use; ignored by git. Each file goes only to the minions that
# pillar/top.sls names for it. See pillar.example for what each key means.
"""


def password() -> str:
    """Return 128 random bits as text that no consumer quotes and a replication channel takes."""
    return secrets.token_hex(16)


def application_key() -> str:
    """Return a key as Laravel's `key:generate` writes it: 32 random bytes for AES-256."""
    return "base64:" + base64.b64encode(secrets.token_bytes(32)).decode()


# file below pillar/secrets -> pillar key -> how its value is made
SECRETS: dict[str, dict[str, Callable[[], str]]] = {
    "group": {"mysql:group:name": lambda: str(uuid.uuid4())},
    "mysql": {
        "mysql:accounts:admin:password": password,
        "mysql:accounts:recovery:password": password,
    },
    "application_database": {"mysql:accounts:application:password": password},
    "schema_database": {"mysql:accounts:schema:password": password},
    "backup_database": {"mysql:accounts:backup:password": password},
    "backup_repository": {"backup:repository:password": password},
    "haproxy": {"haproxy:stats:password": password},
    "laravel": {
        "laravel:secrets:app_key": application_key,
        "laravel:secrets:jwt_secret": lambda: secrets.token_hex(32),
        "laravel:secrets:seed_password": password,
    },
}


# What can be rotated, by the name that a person gives it: the pillar key, and the call after it.
ROTATED = {
    **{
        name: (f"mysql:accounts:{name}:password", "salt-run state.orchestrate orch.rotate")
        for name in ("admin", "recovery", "application", "schema", "backup")
    },
    "statistics": ("haproxy:stats:password", "salt 'proxy*' state.apply haproxy"),
    "app_key": ("laravel:secrets:app_key", "salt-run state.orchestrate orch.rotate_key"),
    "jwt_secret": (
        "laravel:secrets:jwt_secret",
        """salt-run state.orchestrate orch.rotate_key pillar='{"key": "JWT_SECRET"}'""",
    ),
}
# The secret before a JWT_SECRET counts for so long: the life of a token of app/.
ACCEPTED, UNTIL = "laravel:secrets:jwt_accepted", "laravel:jwt_accepted_until"
TOKEN_SECONDS = 7 * 24 * 3600


def as_yaml(values: dict[str, str]) -> str:
    """Return colon-separated keys as nested YAML: `a:b: x` becomes `a:` over `  b: "x"`."""

    def lines(tree: dict[str, Any], depth: int) -> Iterator[str]:
        for key, value in tree.items():
            indent = "  " * depth
            if isinstance(value, dict):
                yield f"{indent}{key}:"
                yield from lines(value, depth + 1)
            else:
                yield f'{indent}{key}: "{value}"'

    tree: dict[str, Any] = {}
    for path, value in values.items():
        *parents, last = path.split(":")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = value
    return HEADER + "\n".join(lines(tree, 0)) + "\n"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(text)
    aside.rename(path)


def make_pillar(directory: Path = PILLAR) -> list[Path]:
    """Write the secret pillar files that are missing and return their paths."""
    made = []
    for name, recipe in SECRETS.items():
        path = directory / f"{name}.sls"
        if not path.exists():
            write_private(path, as_yaml({key: make() for key, make in recipe.items()}))
            made.append(path)
    return made


def line_of(text: str, key: str) -> re.Match[str] | None:
    """Return the line of a key in a pillar file: its indent, name and value; None without one."""
    place: list[tuple[int, str]] = []
    for line in re.finditer(r'^( *)([A-Za-z_]+):(?: *"?(.*?)"?)$', text, re.MULTILINE):
        indent = len(line[1])
        place = [*(one for one in place if one[0] < indent), (indent, line[2])]
        if ":".join(name for _, name in place) == key:
            return line
    return None


def value_of(text: str, key: str) -> str:
    """Return the value of a key in a pillar file; the empty text without one."""
    line = line_of(text, key)
    return line[3] if line else ""


def needed_line(text: str, key: str) -> re.Match[str]:
    """Return the line of a key as :py:func:`line_of` does; end the program without one."""
    line = line_of(text, key)
    if not line:
        raise SystemExit(f"there is no {key} in the file; expected it as this program writes it")
    return line


def replaced(text: str, key: str, value: str) -> str:
    """Return the text of a pillar file with another value at a key, and all else as it was."""
    line = needed_line(text, key)
    return f'{text[: line.start()]}{line[1]}{line[2]}: "{value}"{text[line.end() :]}'


def added(text: str, key: str, value: str) -> str:
    """Return the text of a pillar file with a value at a key that need not be there yet."""
    if line_of(text, key):
        return replaced(text, key, value)
    above, _, name = key.rpartition(":")
    line = needed_line(text, above)
    return f'{text[: line.end()]}\n{line[1]}  {name}: "{value}"{text[line.end() :]}'


def with_accepted(text: str, before: str, now: float) -> str:
    """Return the text of a pillar file by which tokens of the JWT_SECRET before go on counting.

    Two such secrets would be too many: while one counts, there is no other.
    """
    until, secret = value_of(before, UNTIL), value_of(before, ROTATED["jwt_secret"][0])
    if until > utc(now):
        raise SystemExit(
            f"{UNTIL} is {until}: tokens of the secret before count until then; rotate it after "
            f"that time, or take {UNTIL} and {ACCEPTED} out of the file, which makes them void"
        )
    return added(added(text, ACCEPTED, secret), UNTIL, utc(now + TOKEN_SECONDS))


def utc(moment: float) -> str:
    """Return a time as pillar has it."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment))


def rotate(name: str, directory: Path = PILLAR) -> Path:
    """Put a new value in the place of one, and return where the file as it was is kept."""
    if name not in ROTATED:
        raise SystemExit(f"rotate is '{name}'; expected one of {', '.join(ROTATED)}")
    key, _ = ROTATED[name]
    file = next(file for file, recipe in SECRETS.items() if key in recipe)
    path = directory / f"{file}.sls"
    text = path.read_text(encoding="ascii")
    changed = replaced(text, key, SECRETS[file][key]())
    if name == "jwt_secret":
        changed = with_accepted(changed, text, time.time())
    # Salt reads no file whose name ends so; the time is in it, so that none is written over.
    kept = path.with_name(f"{file}.sls.{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    number = 1
    while kept.exists():
        kept, number = kept.with_name(f"{kept.name.partition('-')[0]}-{number}"), number + 1
    write_private(kept, text)
    write_private(path, changed)
    return kept


def openssl(*arguments: str, stdin: str = "") -> str:
    """Run openssl with the key on stdin and stdout, never on disk under another mode."""
    return subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, text=True, check=True
    ).stdout


def make_keys(names: list[str], directory: Path = KEYS) -> list[Path]:
    """Write the RSA key pairs that are missing (NAME.pem, NAME.pub) and return the private paths.

    Salt's own form: what `salt-key --gen-keys` writes, made without Salt on the host.
    """
    made = []
    for name in names:
        private, public = directory / f"{name}.pem", directory / f"{name}.pub"
        if not private.exists():
            write_private(private, openssl("genrsa", "2048"))
            made.append(private)
        if not public.exists():
            write_private(public, openssl("rsa", "-pubout", stdin=private.read_text()))
    return made


def make_ssh_key(directory: Path = KEYS) -> list[Path]:
    """Make the key by which Vagrant enters the docker provider's machines."""
    private = directory / "ssh"
    if private.exists():
        return []
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vagrant", "-f", str(private)],
        check=True,
    )
    return [private]


def certificates(bundle: str) -> list[str]:
    """Return the certificates of a PEM bundle, each once and in order."""
    found = re.findall(
        r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----\n", bundle, re.DOTALL
    )
    return list(dict.fromkeys(found))


def carry_certificates(
    bundle: Path = BUNDLE, shipped: Path = SHIPPED_CERTIFICATES, target: Path = CERTIFICATES
) -> None:
    """Write the certificates this host trusts beyond its distribution's: a site's TLS proxy, say.

    The machines get them, so that what the host can download, they can.
    """
    trusted = certificates(bundle.read_text()) if bundle.exists() else []
    known = {
        pem
        for path in shipped.rglob("*.crt")
        for pem in certificates(path.read_text(errors="ignore"))
    }
    text = "".join(pem for pem in trusted if pem not in known) if known else ""
    if not target.exists() or target.read_text() != text:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.write_text(text)


def main(machines: list[str]) -> int:
    """Make what is missing; MACHINES are those that Vagrant is to bring up."""
    if machines[:1] == ["rotate"]:
        if len(machines) != 2:
            raise SystemExit(f"rotate takes one name: {', '.join(ROTATED)}")
        kept = rotate(machines[1])
        print(f"kept {kept.relative_to(ROOT)}; now: {ROTATED[machines[1]][1]}")
        return 0
    made = make_pillar()
    if machines:
        made += make_keys(machines) + make_ssh_key()
        carry_certificates()
    for path in made:
        print(f"made {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

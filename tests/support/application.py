"""The deployed application: its releases, and by which ports it finds the databases."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.lab import APPLICATION, ROOT, Lab

ENV = f"{APPLICATION}/shared/.env"
# Of the same time a commit is the same on every machine.
COMMITTED = "2026-01-01T00:00:00Z"


@contextmanager
def ports(lab: Lab, write: str, read: str) -> Iterator[None]:
    """Return a context in which the application uses other ports; an empty one is the writer's."""
    before = lab.salt(lab.web, f"laravel.env {ENV}")[lab.web]
    try:
        _use(lab, {"DB_PORT": write, "DB_READ_PORT": read})
        yield
    finally:
        _use(lab, {name: before[name] for name in ("DB_PORT", "DB_READ_PORT")})


def _use(lab: Lab, values: dict[str, str]) -> None:
    given = json.dumps(values)
    changed = lab.salt(lab.web, f"laravel.env_update {ENV} values='{given}'")[lab.web]
    assert isinstance(changed, dict), changed
    # What is cached is what counts.
    assert lab.salt(lab.web, f"laravel_release.cache {APPLICATION}")[lab.web] is bool(changed)


def deploy(lab: Lab, build: str) -> None:
    """Deploy the application as another release, on all web servers at once."""
    pillar = json.dumps({"laravel": {"build": build}})
    changed = lab.apply(lab.webs, f"laravel pillar='{pillar}'")
    if "live" not in changed:
        raise AssertionError(f"nothing was deployed: {changed}")


def undeployed(lab: Lab) -> None:
    """Let the release serve that the pillar alone names."""
    lab.apply(lab.webs, "laravel")


def rollback(lab: Lab) -> None:
    """Go back by one release, on all web servers at once."""
    call = f"-L laravel_release.rollback {APPLICATION}"
    for name, answer in lab.salt(",".join(lab.webs), call).items():
        if not isinstance(answer, dict):
            raise AssertionError(f"{name}: {answer}")


def health(lab: Lab, times: int = 1) -> list[dict[str, Any]]:
    """Return what the application says of itself on its own machine; nobody else is told."""
    ask = (
        "import urllib.request as u\n"
        f"for _ in range({times}):\n"
        "    print(u.urlopen('http://127.0.0.1/api/health', timeout=30).read().decode())"
    )
    printed = lab.run(lab.web, f'python3 -c "{ask}"')
    return [json.loads(line) for line in printed.splitlines()]


def put_repository(lab: Lab, name: str, repository: str, machines: Sequence[str] = ()) -> None:
    """Make a Git repository with an application of tests/applications in it.

    machines: web servers, which get one of the same commit; the first one alone unless given.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(ROOT / "tests/applications" / name, arcname=".")
    for machine in machines or [lab.web]:
        lab.salt(machine, "pkg.install git")
        lab.run(
            machine,
            f"set -e\nrm -rf {repository}\nmkdir {repository}\ncd {repository}\n"
            f"echo {base64.b64encode(packed.getvalue()).decode()} | base64 -d"
            " | tar xz --no-same-owner\n"
            f"export GIT_AUTHOR_DATE={COMMITTED} GIT_COMMITTER_DATE={COMMITTED}\n"
            "git init -q -b main\ngit config user.name trial\n"
            "git config user.email trial@localhost\ngit add -A\ngit commit -q -m trial",
        )

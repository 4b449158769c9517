"""The deployed application: where it lies, and by which ports it finds the databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import Lab

DEPLOYMENT = "/srv/conduit"


def directory(lab: Lab) -> str:
    """Return where the application that is served lies on the web server."""
    found = lab.run(
        lab.web,
        f"test -e {DEPLOYMENT}/current && readlink -f {DEPLOYMENT}/current || echo {DEPLOYMENT}/app",
    )
    return found.strip()


@contextmanager
def ports(lab: Lab, write: str, read: str) -> Iterator[None]:
    """Return a context in which the application uses other ports; an empty one is the writer's."""
    place = directory(lab)
    before = lab.salt(lab.web, f"laravel.env {place}/.env")[lab.web]
    try:
        _use(lab, place, {"DB_PORT": write, "DB_READ_PORT": read})
        yield
    finally:
        _use(lab, place, {name: before[name] for name in ("DB_PORT", "DB_READ_PORT")})


def _use(lab: Lab, place: str, values: dict[str, str]) -> None:
    given = json.dumps(values)
    changed = lab.salt(lab.web, f"laravel.env_update {place}/.env values='{given}'")[lab.web]
    assert isinstance(changed, dict), changed
    # What is cached is what counts.
    cached = f"test -e {place}/bootstrap/cache/config.php && echo yes || true"
    if lab.run(lab.web, cached).strip():
        lab.salt(lab.web, f"laravel.cache {DEPLOYMENT}")

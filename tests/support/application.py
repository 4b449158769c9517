"""The deployed application: by which ports it finds the databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.lab import APPLICATION, Lab

ENV = f"{APPLICATION}/shared/.env"


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

"""Check the artisan commands that a deployment of a Laravel application runs beside its own."""

from __future__ import annotations

from typing import Any

from laravel_deploy.hooks import parse_hooks

__virtualname__ = "laravel_hooks"


def __virtual__() -> str:
    return __virtualname__


def check(hooks: dict[str, Any] | None = None, pillar: str = "laravel") -> bool:
    """
    Refuse hooks that are malformed.

    hooks
        Artisan commands, each a list of its name and its arguments: ``built``, in a build and as
        its user; ``before_switch``, in the release and as the web server's user; ``after_switch``,
        when it serves; ``timeout``, seconds for each: 300. Default: None, no command.

    pillar
        Where in the pillar the application's settings are. Default: laravel.

    Returns True. Raises SaltInvocationError that names the key, and what would be right.

    CLI Example:

    .. code-block:: bash

        salt web laravel_hooks.check '{before_switch: [[search:warm, --all]]}'
    """
    parse_hooks(hooks, pillar)
    return True

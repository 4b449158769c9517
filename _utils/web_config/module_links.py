"""A module of Apache's is disabled, unless the configuration needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from web_config.judge import refused

ENABLED = "mods-enabled"


def disable_module(
    name: str, tree: str, command: Sequence[str], run: Callable[..., Any], test: bool
) -> list[str]:
    """
    Take away the links by which Apache loads a module.

    name, tree
        The module as a2enmod names it, and the folder of the configuration.

    command
        Apache's check of a configuration, with ``{tree}`` for its folder.

    run
        Salt's ``cmd.run_all``.

    test
        Only tell which. Then nothing is judged: what needs the module may go before.

    Returns the links, below the folder. Raises CommandExecutionError with Apache's words where it
    refuses the configuration without them.
    """
    names = [f"{ENABLED}/{name}.{kind}" for kind in ("load", "conf")]
    links = [link for link in names if Path(tree, link).is_symlink()]
    if not links or test:
        return links
    why = refused(tree, {}, command, run, links)
    if why:
        raise CommandExecutionError(
            f"module {name} stays enabled, since Apache refuses its configuration without it; a "
            f"site that needs it needs {name} in pillar apache:modules, too: {why}"
        )
    for link in links:
        Path(tree, link).unlink(missing_ok=True)
    return links

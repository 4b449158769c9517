"""The assets of a release are built by npm, as its lock file asks for it."""

from __future__ import annotations

from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.composer import Composer

LOCK = "package-lock.json"
# What is needed to build alone, and is no part of a release.
MODULES = "node_modules"
# A build knows its folder, and not which application that is.
KEY = "laravel:npm (or laravel:applications:NAME:npm)"
INSTALL = ["npm", "ci", "--no-audit", "--no-fund"]
# What fetches packages runs no code of theirs; the scripts of packages run where they are installed
# a second time, from the cache.
FETCH = [*INSTALL, "--ignore-scripts"]
COMMANDS = ([*INSTALL, "--offline"], ["npm", "run", "build"])


def wants_assets(there: list[str], npm: bool | None) -> bool:
    """
    Tell whether assets are to be built.

    there
        What is in the folder of the code.

    npm
        ``laravel:npm``; None where the pillar says nothing.

    Raises SaltInvocationError where only a person can tell.
    """
    if npm not in (None, True, False):
        raise SaltInvocationError(f"{KEY} is {npm!r}; expected true, false or null.")
    if LOCK in there and npm is None:
        raise SaltInvocationError(
            f"The source has a {LOCK}, and {KEY} is null; expected true, to build its assets "
            "(npm run build), or false, where the source brings them or has none."
        )
    if npm and LOCK not in there:
        raise CommandExecutionError(f"{KEY} is true, and the source has no {LOCK}.")
    return bool(npm)


def build_assets(composer: Composer, root: Path, stage: Path) -> None:
    """
    Have npm build the assets in the folder of a build, as the user that builds.

    The packages come first, while no code of theirs runs; their code has no network.

    composer
        How commands of a build are run.

    root, stage
        The folder of the releases, and the one of the build, which is the user's.

    Raises CommandExecutionError with npm's own words if it fails.
    """
    cache = {"npm_config_cache": f"{composer.cache}/npm", "npm_config_update_notifier": "false"}
    composer.must(FETCH, stage, root, "npm ci", env=cache, fetches=True)
    for command in COMMANDS:
        what = " ".join(word for word in command if not word.startswith("-"))
        composer.must(command, stage, root, what, env=cache)

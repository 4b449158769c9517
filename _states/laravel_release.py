"""
Have releases of a Laravel application (10 or newer) built, and have the next one serve.

:mod:`laravel <_states.laravel>` says what stands between the two, and what all of these states have
in common. They compare and report; :mod:`laravel_release <_modules.laravel_release>` acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laravel_deploy.reports import changed, failed
from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    __opts__: dict[str, Any]
    __pillar__: dict[str, Any]
    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "laravel_release"


def __virtual__() -> str:
    return __virtualname__


def _failed(ret: dict[str, Any], err: Exception) -> dict[str, Any]:
    return failed(ret, err, partial=__pillar__.get("converge") == "partial")


def _changed(
    ret: dict[str, Any], changes: dict[str, Any], what: str, many: bool = False
) -> dict[str, Any]:
    return changed(ret, changes, what, __opts__["test"], many)


def built(
    name: str,
    source: str,
    rev: str = "",
    exclude: str | None = None,
    dev: bool = False,
    build: str = "",
    identity: str | None = None,
    composer_home: str = "/etc/composer",
    cache: str = "/var/cache/laravel-build",
    timeout: int = 900,
    build_user: str = "laravel-build",
    release: str = "",
    npm: bool | None = None,
    hooks: dict[str, Any] | None = None,
    shared_folders: list[str] | None = None,
    network: bool = False,
) -> dict[str, Any]:
    """
    Have the release that a source makes now built, complete with its dependencies, aside.

    name
        The folder of the releases, an absolute path.

    source, rev, exclude, dev, build, identity, release, shared_folders
        As for ``laravel_release.source_release``; exclude None means its default.

    composer_home, cache, timeout, build_user, npm, hooks, network
        As for ``laravel_release.build``.

    Returns the state's answer; changes: ``release`` with the one that was next before and now.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel_release.built /srv/conduit source=salt://app test=True
    """
    chosen: dict[str, Any] = {"rev": rev, "dev": dev, "build": build, "identity": identity}
    if exclude is not None:
        chosen["exclude"] = exclude
    chosen |= {"composer_home": composer_home, "cache": cache, "timeout": timeout}
    chosen |= {"build_user": build_user, "npm": npm, "hooks": hooks, "network": network}
    chosen["shared_folders"] = shared_folders
    ret = unchanged(name, "")
    try:
        made = __salt__["laravel_release.build"](
            name, source, **chosen, release=release, test=__opts__["test"]
        )
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    before, release = made["before"], made["release"]
    if not made["built"] and before == release:
        ret["comment"] = f"{release} is complete."
        return ret
    _changed(ret, {"release": {"old": before, "new": release}}, release)
    ret["comment"] += " built." if made["built"] else " chosen, it is complete."
    return ret


def storage_present(
    name: str,
    user: str = "www-data",
    group: str = "www-data",
    mode: str = "0750",
    public: bool = False,
    shared_folders: list[str] | None = None,
) -> dict[str, Any]:
    """
    Have the folders that Laravel writes to. None is reached by a link: the web server may put one.

    name
        The storage, an absolute path.

    user, group, mode, public, shared_folders
        As for ``laravel_storage.update``.

    Returns the state's answer; changes: each folder with owner and mode before and now.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel_release.storage_present /srv/conduit/shared/storage test=True
    """
    ret = unchanged(name, f"{name} is as it should be.")
    wanted = {"user": user, "group": group, "mode": mode, "public": public}
    wanted["shared_folders"] = shared_folders
    try:
        changes = __salt__["laravel_storage.update"](name, **wanted, test=__opts__["test"])
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    if changes:
        _changed(ret, changes, name)
        ret["comment"] += " put in order."
    return ret


def rehearsed(
    name: str,
    pages: list[str] | None = None,
    user: str = "www-data",
    group: str = "www-data",
) -> dict[str, Any]:
    """
    Have the release that is next answer in php itself, with its caches, before it counts.

    It comes before the migrations: what cannot serve changes no schema. A release that serves, or
    that was stopped, is left alone.

    name
        The folder of the releases, an absolute path.

    pages, user, group
        As for ``laravel_release.rehearse``.

    Returns the state's answer; changes: ``caches``, where they were made.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel_release.rehearsed /srv/conduit pages='[/up]' test=True
    """
    ret = unchanged(name, "")
    try:
        release = __salt__["laravel_release.next_release"](name, predicted=__opts__["test"])
        wanted = release["release"]
        if release["stopped"] or wanted == __salt__["laravel_release.served"](name):
            ret["comment"] = f"{wanted} {'was stopped' if release['stopped'] else 'serves'}."
            return ret
        made = not (release["complete"] and __salt__["laravel_release.cached"](release["path"]))
        if not __opts__["test"]:
            made = __salt__["laravel_release.rehearse"](name, wanted, pages or [], user, group)
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    answers = f"{wanted} answers {', '.join(pages or []) or 'nothing that was asked'}"
    ret["comment"] = f"{answers}."
    if made:
        _changed(ret, {"caches": {"old": "", "new": wanted}}, f"The caches of {wanted}", many=True)
        ret["comment"] += " made, and it answers." if pages else " made."
    return ret


def live(
    name: str,
    server: dict[str, str] | None = None,
    keep: int = 5,
    user: str = "www-data",
    group: str = "www-data",
    timeout: int = 600,
    hooks: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Have the release that is next serve, if it answers well; else the one before goes on.

    A release that the operator took back, or that did not answer well, is left alone until the
    source makes another one or ``laravel_release.switch`` names it.

    name
        The folder of the releases, an absolute path.

    server
        The web server, as for ``laravel_release.switch``. Default: as at the last switch.

    keep, user, group
        How many releases are kept, at least 2: 5. The web server's: www-data and www-data.

    timeout, hooks
        As for ``laravel_release.switch``; a hook that fails after the switch is told once.

    Returns the state's answer; changes: ``live`` with the releases before and now, ``caches`` if
    only they were made anew, and ``pruned``, the list of releases that are gone.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel_release.live /srv/conduit test=True
    """
    ret = unchanged(name, "")
    try:
        release = __salt__["laravel_release.next_release"](name, predicted=__opts__["test"])
        wanted, before = release["release"], __salt__["laravel_release.served"](name, server)
        if not wanted:
            raise CommandExecutionError(f"{name} has no release that could serve.")
        if release["stopped"] and before != wanted:
            return _left_alone(ret, release, before)
        ret["comment"] = f"{wanted} serves."
        changes = _differences(name, wanted, before, keep)
        if not changes:
            return ret
        if not __opts__["test"]:
            if "live" in changes:
                runtime = {"user": user, "group": group, "timeout": timeout, "hooks": hooks}
                __salt__["laravel_release.switch"](name, wanted, server, **runtime)
            elif "caches" in changes:
                __salt__["laravel_release.cache"](name, user, group)
            __salt__["laravel_release.prune"](name, keep=keep, user=user)
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    return _reported(ret, changes, wanted)


def _reported(ret: dict[str, Any], changes: dict[str, Any], wanted: str) -> dict[str, Any]:
    """Say that another release serves, or what was done around the one that does."""
    switched = "live" in changes
    _changed(ret, changes, wanted if switched else "The release's surroundings", many=not switched)
    ret["comment"] += " switched to." if "live" in changes else " put in order."
    return ret


def _left_alone(ret: dict[str, Any], release: dict[str, Any], before: str) -> dict[str, Any]:
    """Say that a release was stopped: right if the operator did it, else a failure."""
    wanted = release["release"]
    ret["result"] = release["stopped_by"] == "operator"
    ret["comment"] = (
        f"{before or 'Nothing'} serves; {wanted} is left alone: {release['stopped'].rstrip('.')}. "
        f"laravel_release.switch {ret['name']} {wanted} lets it serve."
    )
    return ret


def _differences(name: str, wanted: str, before: str, keep: int) -> dict[str, Any]:
    """Return what would change with the release that is to serve."""
    changes: dict[str, Any] = {}
    if before != wanted:
        changes["live"] = {"old": before, "new": wanted}
    elif not __salt__["laravel_release.cached"](name):
        changes["caches"] = {"old": "of another .env", "new": "of .env as it is"}
    gone = __salt__["laravel_release.surplus"](name, keep=keep, live=wanted)
    if gone:
        changes["pruned"] = gone
    return changes

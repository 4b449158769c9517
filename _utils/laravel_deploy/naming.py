"""How a release is named: by what its source is and holds."""

from __future__ import annotations

import re
from collections.abc import Mapping

from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.masking import MASK, URL_USERINFO

RELEASE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_git(source: str) -> bool:
    """Tell git repositories from folders; raises SaltInvocationError for what is neither."""
    if source.startswith("salt://"):
        return False
    if not re.match(r"(https?|ssh|git|file)://|[\w.-]+@[\w.-]+:", source):
        raise SaltInvocationError(
            f"source is {URL_USERINFO.sub(MASK, source)!r}; expected a folder such as salt://app, "
            "or the URL of a git repository."
        )
    if re.match(r"https?://[^/]*@", source):
        raise SaltInvocationError(
            "source holds credentials, which every user could see while git runs; use an SSH key "
            "(identity) instead."
        )
    return True


def named_commit(refs: Mapping[str, str], rev: str) -> str:
    """Return the commit that a branch or tag names, of what ls-remote said of it."""
    found = {
        refs.get(f"refs/tags/{rev}^{{}}") or refs.get(f"refs/tags/{rev}"),
        refs.get(f"refs/heads/{rev}"),
        refs.get(rev),
    } - {None}
    if len(found) != 1:
        raise CommandExecutionError(
            f"rev is {rev!r}, which names {'several commits' if found else 'nothing'} in this "
            "repository; expected a branch, a tag or a whole commit id."
        )
    return str(found.pop())


def release_name(fingerprint: str, dev: bool, build: str, shared: str = "") -> str:
    """Return a release's name: of the same name are those that are made of the same."""
    parts = (fingerprint[:12], "dev" if dev else "", shared, build)
    name = "-".join(part for part in parts if part)
    if not RELEASE_NAME.fullmatch(name):
        raise SaltInvocationError(
            f"build is {build!r}; expected letters, digits, dots, dashes and underscores."
        )
    return name

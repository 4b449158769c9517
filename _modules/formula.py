"""
Say what a formula is told: its settings, made of defaults and pillar, once the pillar is checked.
===================================================================================================

``map.jinja`` of a formula makes the settings, and has the pillar checked against its defaults,
which have every key that it reads. All SLS of a run have the settings from here, made once.
"""

from __future__ import annotations

import copy
import hashlib
import re
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pillar_check
from salt.exceptions import SaltInvocationError, SaltRenderError
from salt.utils import json

if typing.TYPE_CHECKING:
    __context__: dict[str, Any]
    __opts__: dict[str, Any]
    __pillar__: dict[str, Any]
    __salt__: dict[str, Callable[..., Any]]

SETTINGS = "formula.settings"
# How Salt quotes what a function said that a template called; the template and a traceback follow.
SAID = re.compile(
    r"Problem running salt function in Jinja template: (.*?); line \d+\n\n---", re.DOTALL
)


def settings(name: str) -> dict[str, Any]:
    """
    Return the settings of a formula, as its ``map.jinja`` makes them.

    name
        The formula's folder in the state tree: ``laravel``.

    Returns a dictionary: what the last line of ``map.jinja`` says, without secrets. Raises
    SaltInvocationError for a pillar that is wrong, SaltRenderError if ``map.jinja`` itself is.

    CLI Example:

    .. code-block:: bash

        salt web formula.settings php
    """
    # A call may stand pillar over the minion's own, and render in the process of another one.
    pillar = hashlib.sha256(json.dumps({**__pillar__}, default=str).encode()).hexdigest()
    made: dict[str, Any] = __context__.setdefault(SETTINGS, {})
    key = f"{name} {pillar}"
    if key not in made:
        made[key] = _made(name)
    found: dict[str, Any] = copy.deepcopy(made[key])
    return found


def _made(name: str) -> dict[str, Any]:
    try:
        made: dict[str, Any] = __salt__["slsutil.renderer"](
            f"salt://{name}/map.jinja",
            default_renderer="jinja|json",
            saltenv=__opts__.get("saltenv") or "base",
        )
    except SaltRenderError as err:
        said = SAID.search(str(err))
        if said:
            raise SaltInvocationError(said[1]) from None
        raise
    return made


def check_pillar(
    name: str, defaults: Mapping[str, Any], free: Collection[str] = (), own: Collection[str] = ()
) -> None:
    """
    Refuse a pillar that has a key that the formula does not read, or a value of another kind.

    name
        Where in the pillar the formula's settings are: ``apache`` or ``laravel:composer``.

    defaults
        The formula's defaults: every key that it reads. A key that a default or the pillar itself
        names as the place of a secret, such as ``laravel:secrets:app_key``, is read, too.

    free
        Keys of the defaults below which all keys are the site's own. Default: none.

    own
        Keys of the defaults whose values may be of several kinds, or are checked elsewhere. All
        others have to be text, a number, a list or true or false, as the default is. Default: none.

    Returns nothing. Raises SaltInvocationError that names the key, and what would be right.

    CLI Example:

    .. code-block:: bash

        salt web formula.check_pillar keepalived '{service: keepalived, user: keepalived_script}'
    """
    declared = pillar_check.walk(__pillar__, name)
    known = pillar_check.keys_of(defaults, free)
    known = pillar_check.with_named(known, [defaults, declared], name)
    pillar_check.check_keys(declared, known, name)
    pillar_check.check_kinds(declared, defaults, name, {*free, *own})

"""
What a formula asks before its states are rendered: whether its pillar is what it reads.
========================================================================================

``map.jinja`` of a formula calls it with the formula's defaults, which have every key that it reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pillar_check


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

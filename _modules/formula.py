"""
What a formula asks before its states are rendered: whether its pillar is spelled as it is read.
================================================================================================

``map.jinja`` of a formula calls it with the formula's defaults, which have every key that it reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pillar_check


def check_pillar(name: str, defaults: Mapping[str, Any], free: Collection[str] = ()) -> None:
    """
    Refuse a pillar that has a key that the formula does not read.

    name
        Where in the pillar the formula's settings are: ``apache`` or ``laravel:composer``.

    defaults
        The formula's defaults: every key that it reads. A key that a default or the pillar itself
        names as the place of a secret, such as ``laravel:secrets:app_key``, is read, too.

    free
        Keys of the defaults below which all keys are the site's own. Default: none.

    Returns nothing. Raises SaltInvocationError that names the key, and what would be right; it
    shows no value.

    CLI Example:

    .. code-block:: bash

        salt web formula.check_pillar keepalived '{service: keepalived, user: keepalived_script}'
    """
    declared = pillar_check.walk(__pillar__, name)
    known = pillar_check.keys_of(defaults, free)
    known = pillar_check.with_named(known, [defaults, declared], name)
    pillar_check.check_keys(declared, known, name)

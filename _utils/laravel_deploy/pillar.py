"""A value of the pillar by its path: a secret is named by its key, and read where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salt.exceptions import SaltInvocationError
from salt.utils.data import traverse_dict_and_list


def pillar_text(pillar: Mapping[str, Any], key: Any, wanted_for: str) -> str:
    """
    Return a pillar value as text, the empty text if there is none; no error shows it.

    pillar
        The pillar itself: ``pillar.get`` would answer with a mask when asked from a module.

    key
        Its path, e.g. ``mysql:accounts:application:password``.

    wanted_for
        What it is wanted for, in the words of the error.

    Raises SaltInvocationError if the key is no path, or leads to more than a text.
    """
    value = traverse_dict_and_list(pillar, key, None) if isinstance(key, str) else key
    if not isinstance(key, str) or isinstance(value, dict | list):
        raise SaltInvocationError(
            f"The pillar key for {wanted_for} leads to a {type(value).__name__}; "
            "expected the path of a text, such as mysql:accounts:application:password."
        )
    return "" if value is None else str(value)

"""A secret is named by its key; no error shows what is there."""

from __future__ import annotations

import pytest
from laravel_deploy.pillar import pillar_text
from salt.exceptions import SaltInvocationError

PILLAR = {"laravel": {"secrets": {"app_key": "base64:abc", "number": 7, "empty": None}}}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("laravel:secrets:app_key", "base64:abc"),
        ("laravel:secrets:number", "7"),
        ("laravel:secrets:empty", ""),
        ("laravel:secrets:none", ""),
        ("nothing:at:all", ""),
    ],
)
def test_a_value_is_text(key, text):
    assert pillar_text(PILLAR, key, "APP_KEY") == text


@pytest.mark.parametrize(
    ("key", "kind"), [("laravel:secrets", "dict"), (["a"], "list"), (None, "NoneType"), (3, "int")]
)
def test_what_is_no_path_of_a_text_is_refused_and_not_shown(key, kind):
    with pytest.raises(SaltInvocationError, match=f"for APP_KEY leads to a {kind}; ") as refused:
        pillar_text(PILLAR, key, "APP_KEY")
    assert "base64" not in str(refused.value)

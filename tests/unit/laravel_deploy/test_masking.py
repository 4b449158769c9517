"""What may be shown."""

from __future__ import annotations

import pytest
from laravel_deploy.masking import MASK, masked


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("APP_KEY", "base64:x", MASK),
        ("APP_PREVIOUS_KEYS", "x", MASK),
        ("DB_PASSWORD", "x", MASK),
        ("jwt_secret", "x", MASK),
        ("API_TOKEN", "x", MASK),
        ("DB_PASSWORD", "", ""),
        ("DB_HOST", "10.0.0.1", "10.0.0.1"),
        ("DB_URL", "mysql://u:p@h/d", f"mysql://{MASK}@h/d"),
    ],
)
def test_masks_secrets(name, value, shown):
    assert masked(name, value) == shown

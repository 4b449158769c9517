"""What the person at the keyboard has to know."""

from __future__ import annotations


class LabError(Exception):
    """Something the person at the keyboard has to know, in one sentence."""

"""PyMySQL, looked for at each use: a highstate may install it when this is loaded already."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


class MissingError(Exception):
    """Stands for PyMySQL's errors where there is no PyMySQL: nothing raises it."""


def is_there() -> bool:
    """Tell whether Salt's Python has PyMySQL."""
    try:
        importlib.import_module("pymysql")
    except ImportError:
        # What was installed a moment ago is not in what Python remembers of its folders.
        importlib.invalidate_caches()
        return importlib.util.find_spec("pymysql") is not None
    return True


def __getattr__(name: str) -> Any:
    """Return what PyMySQL has by a name."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return getattr(importlib.import_module("pymysql"), name)
    except ImportError:
        return MissingError

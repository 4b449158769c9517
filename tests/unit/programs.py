"""The programs beside mysqld and of timers, loaded as modules; they import the library."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

SALT = Path(__file__).resolve().parents[2] / "salt"


def loaded(name: str, formula: str = "mysql") -> ModuleType:
    """Load ``salt/<formula>/files/<name>.py``."""
    path = SALT / formula / "files" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

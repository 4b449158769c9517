"""The programs that run beside mysqld, loaded as modules; they import the library."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FILES = Path(__file__).resolve().parents[2] / "salt/mysql/files"


def loaded(name: str) -> ModuleType:
    """Load ``salt/mysql/files/<name>.py``."""
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

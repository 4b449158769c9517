"""The programs that run beside mysqld, loaded as modules; they import mysql_gr as a library."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import _modules.mysql_gr as mysql_gr

FILES = Path(__file__).resolve().parents[2] / "salt/mysql/files"


def loaded(name: str) -> ModuleType:
    """Load ``salt/mysql/files/<name>.py``."""
    sys.modules.setdefault("mysql_gr", mysql_gr)
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""Result files: a JSON line a round."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def append(path: Path, result: Mapping[str, Any]) -> None:
    """Add one round; what is in the file stays whatever happens next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(result) + "\n")


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the rounds of some files."""
    return [
        json.loads(line)
        for path in paths
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]

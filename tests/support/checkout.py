"""A copy of this checkout: tests that change its pillar run beside tests that read it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where `make test` has copied it to, before the first test began.
COPY = "CHECKOUT"


def copy(target: Path) -> None:
    """Copy the files that git knows or would."""
    made = os.environ.get(COPY)
    if made:
        shutil.copytree(made, target, dirs_exist_ok=True)
        return
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in listed:
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


if __name__ == "__main__":
    place = ROOT / sys.argv[1]
    shutil.rmtree(place, ignore_errors=True)
    copy(place)

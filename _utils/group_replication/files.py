"""Small files in folders of their own, which everybody may look into."""

from __future__ import annotations

from pathlib import Path

import whole_file

# What the keeper is to do, written by the highstate.
SETTINGS_FILE = Path("/etc/mysql-gr/settings.json")


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """
    Write a file whole or not at all, and make its folder where there is none.

    path, text, mode
        Where, what, and with which permissions, as for :py:func:`whole_file.write_whole`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    whole_file.write_whole(path, text, mode)

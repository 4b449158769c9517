"""Writing a file whole or not at all: who reads it finds the old one or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """
    Write a file whole or not at all; whatever ends it, a power cut too, leaves the old or the new.

    path
        The file, in a folder that is there. A link in its place is replaced, not followed.

    text
        What it is to hold, in UTF-8. What a file was read with ``surrogateescape`` is written back
        as it was.

    mode
        Its permissions, whatever the caller's umask is. They and the owner are set before there is
        anything to read.

    owner
        The ids of its user and group; None for the caller's.

    Raises OSError when it cannot be written; then nothing is left beside it.
    """
    # Readable by the caller alone until it is given away.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            if owner is not None:
                os.fchown(stream.fileno(), *owner)
            # After the owner: a change of that takes set-user-id bits away.
            os.fchmod(stream.fileno(), mode)
            stream.write(text.encode("utf-8", "surrogateescape"))
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

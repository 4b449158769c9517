"""Files below a folder that somebody else may change: root reaches them there and by no link."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from salt.exceptions import CommandExecutionError

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe in the place of a file must not keep who opens it waiting.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# No file that is read whole is larger.
LIMIT = 32 * 1024 * 1024
CHUNK = 1024 * 1024

Owner = tuple[int, int]


@contextlib.contextmanager
def folder(path: Path, relative: str = "") -> Iterator[int]:
    """
    Return a context with the descriptor of a folder.

    path
        Where nobody else can change anything above.

    relative
        The path from there on, none of whose parts may be a link.

    Raises CommandExecutionError if a part is not there, no folder, or a link.
    """
    at, so_far = -1, path
    try:
        at = os.open(path, FOLDER)
        for part in PurePosixPath(relative).parts:
            so_far = so_far / part
            below = os.open(part, FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at
    except NotADirectoryError as err:
        # What O_NOFOLLOW says of a link, too, when a folder is wanted.
        raise CommandExecutionError(f"{so_far} is a link or no folder; {_why()}.") from err
    except OSError as err:
        raise CommandExecutionError(f"{so_far} cannot be used: {err.strerror}.") from err
    finally:
        if at >= 0:
            os.close(at)


def _why() -> str:
    return "expected a folder, since root follows no link where others may put one"


def is_folder(at: int, name: str) -> bool:
    """Tell whether there is a folder of this name; raises CommandExecutionError for others."""
    try:
        mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(mode):
        raise CommandExecutionError(f"{name} is a link or no folder; {_why()}.")
    return True


def make_folders(at: int, relative: str, mode: int) -> None:
    """Make a folder and those above it, unless they are there."""
    here = os.dup(at)
    try:
        for part in PurePosixPath(relative).parts:
            made = not is_folder(here, part)
            if made:
                os.mkdir(part, mode, dir_fd=here)
            below = os.open(part, FOLDER, dir_fd=here)
            os.close(here)
            here = below
            if made:
                # The caller's umask has cut it.
                os.fchmod(here, mode)
    finally:
        os.close(here)


def read_file(at: int, name: str, uid: int) -> bytes:
    """
    Return what a file holds.

    at, name
        The descriptor of its folder, and its name there.

    uid
        Whose file it has to be: what others may not read, they could name here by another link.

    Raises CommandExecutionError if it is no plain file of this user, or larger than LIMIT.
    """
    with _plain(at, name, name, uid) as stream:
        content = stream.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise CommandExecutionError(f"{name} is larger than {LIMIT} bytes.")
    return content


@contextlib.contextmanager
def _plain(at: int, name: str, path: str, uid: int) -> Iterator[BinaryIO]:
    """Return a context with a plain file of a user, open for reading."""
    try:
        file = os.open(name, FILE, dir_fd=at)
    except OSError as err:
        raise CommandExecutionError(
            f"{path} cannot be read: {err.strerror}; expected a file, and no link to one."
        ) from err
    try:
        _check(os.fstat(file), path, uid)
        with os.fdopen(file, "rb", closefd=False) as stream:
            yield stream
    finally:
        os.close(file)


def _check(info: os.stat_result, name: str, uid: int) -> None:
    """Refuse what is no plain file, or of somebody else."""
    if not stat.S_ISREG(info.st_mode) or info.st_uid != uid:
        raise CommandExecutionError(
            f"{name} is no plain file of user {uid}, but of user {info.st_uid} with mode "
            f"{info.st_mode:o}; it is not taken."
        )


def write_file(at: int, name: str, content: bytes, mode: int, owner: Owner | None) -> None:
    """
    Write a file whole or not at all; a link in its place is replaced.

    at, name
        The descriptor of its folder, and its name there.

    content, mode, owner
        What it is to hold, its permissions, and the numbers of user and group; None for the
        caller's.
    """
    aside = f".{name}.{secrets.token_hex(8)}"
    file = os.open(aside, NEW, 0o600, dir_fd=at)
    try:
        with os.fdopen(file, "wb") as stream:
            if owner is not None:
                os.fchown(file, *owner)
            os.fchmod(file, mode)
            stream.write(content)
            stream.flush()
            os.fsync(file)
        os.replace(aside, name, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside, dir_fd=at)
        raise
    os.fsync(at)


def give(at: int, owner: Owner) -> None:
    """Give a folder away with all below it; a link itself, and not what it leads to."""
    for _, folders, files, here in os.fwalk(".", topdown=False, dir_fd=at):
        for name in (*folders, *files):
            os.chown(name, *owner, dir_fd=here, follow_symlinks=False)
    # Last: until now nobody else could come in.
    os.fchown(at, *owner)


def names(at: int) -> list[str]:
    """Return what is in a folder, in order."""
    return sorted(os.listdir(at))


def remove_files(at: int, unwanted: Callable[[str], bool]) -> None:
    """Take away the files and links in a folder whose names are unwanted."""
    for name in names(at):
        kind = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
        if unwanted(name) and not stat.S_ISDIR(kind):
            os.unlink(name, dir_fd=at)


def copy_tree(
    source: int, target: int, uid: int, skip: Callable[[str], bool], below: str = ""
) -> None:
    """
    Copy a folder into another one, as the caller's own files.

    Copied, and not given over: whoever made the source may still hold its files open for writing.

    source, target
        The descriptors of both folders.

    uid
        Whose the source's files have to be.

    skip
        Tells of a relative path whether it is left out.

    Files become 0644, or 0755 if their owner may run them, folders 0755; set-user-id bits are lost.
    A link stays the link that it is. Raises CommandExecutionError for everything else.
    """
    for name in names(source):
        path = f"{below}{name}"
        if skip(path):
            continue
        kind = os.stat(name, dir_fd=source, follow_symlinks=False).st_mode
        if stat.S_ISLNK(kind):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        elif stat.S_ISDIR(kind):
            make_folders(target, name, 0o755)
            with _inside(source, name) as inner, _inside(target, name) as outer:
                copy_tree(inner, outer, uid, skip, f"{path}/")
        else:
            _copy_file(source, target, name, path, uid)


@contextlib.contextmanager
def _inside(at: int, name: str) -> Iterator[int]:
    below = os.open(name, FOLDER, dir_fd=at)
    try:
        yield below
    finally:
        os.close(below)


def _copy_file(source: int, target: int, name: str, path: str, uid: int) -> None:
    with _plain(source, name, path, uid) as taken:
        made = os.open(name, NEW, 0o600, dir_fd=target)
        try:
            # By the kernel: a release has thousands of small files.
            while os.sendfile(made, taken.fileno(), None, CHUNK):
                pass
            mode = os.fstat(taken.fileno()).st_mode
            os.fchmod(made, 0o755 if mode & stat.S_IXUSR else 0o644)
        finally:
            os.close(made)

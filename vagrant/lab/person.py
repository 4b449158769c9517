"""For whom root works: what is made in a checkout belongs to the checkout's owner."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from vagrant.lab.checkout import ROOT
from vagrant.lab.errors import LabError

SOCKET = Path("/var/run/docker.sock")
# What sudo would leave out, and tests go by.
KEPT = ("CHECKOUT", "VERBOSE")


def worker(euid: int, owner: int) -> int:
    """Return the user who does what needs no root.

    euid
        Who runs this program.

    owner
        Whose the checkout is. Root in the checkout of another user works for that user.
    """
    return owner if euid == 0 else euid


def groups_of(user: pwd.struct_passwd, socket: Path = SOCKET) -> list[int]:
    """Return a user's groups and, for this run alone, the group that may use docker."""
    groups = {*os.getgrouplist(user.pw_name, user.pw_gid)}
    if socket.exists() and stat.S_ISSOCK(socket.stat().st_mode) and socket.stat().st_gid:
        groups.add(socket.stat().st_gid)
    return sorted(groups)


def may_use_docker(user: pwd.struct_passwd, socket: Path = SOCKET) -> bool:
    """Tell whether a user's own groups let that user use docker."""
    own = os.getgrouplist(user.pw_name, user.pw_gid)
    return not socket.exists() or socket.stat().st_gid in own


def account(uid: int) -> pwd.struct_passwd:
    """Return a user's account."""
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise LabError(
            f"the checkout {ROOT} belongs to user id {uid}, which has no account here; "
            "give it to one: `chown -R USER .`"
        ) from None


def become_worker() -> None:
    """Work for the checkout's owner from here on; root stays within reach of `as_root`.

    Docker may be installed meanwhile, and with it its group comes: call it again then.
    """
    if os.getuid() != 0:
        return
    os.seteuid(0)
    uid = worker(0, ROOT.stat().st_uid)
    if uid == 0:
        return
    user = account(uid)
    os.setgroups(groups_of(user))
    os.setegid(user.pw_gid)
    os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    os.seteuid(uid)


def ids(root: bool) -> dict[str, int]:
    """Return the user and group that a program is started with, as subprocess has them."""
    if os.getuid() != 0:
        return {}
    return {"user": 0, "group": 0} if root else {"user": os.geteuid(), "group": os.getegid()}


def as_root(command: Sequence[str]) -> list[str]:
    """Return a command as it has to be given so that root runs it."""
    return [*command] if os.getuid() == 0 else ["sudo", *command]


def ask_for_root(why: str) -> None:
    """Make sure that root can be had and say what for: sudo asks for a password now or not."""
    if os.getuid() == 0:
        return
    if not shutil.which("sudo"):
        raise LabError(f"root is needed for {why}, and there is no sudo: run this command as root")
    if subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return
    print(f"==> sudo is needed for {why}", flush=True)
    if not sys.stdin.isatty() or subprocess.run(["sudo", "-v"], check=False).returncode != 0:
        raise LabError(f"root is needed for {why}: run this command by sudo, or from a terminal")


def run_as_worker(command: Sequence[str]) -> NoReturn:
    """Become a command that the checkout's owner runs, without root."""
    become_worker()
    if os.getuid() == 0 and os.geteuid() != 0:
        uid, gid = os.geteuid(), os.getegid()
        os.seteuid(0)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    try:
        os.execvp(command[0], [*command])  # noqa: S606
    except FileNotFoundError:
        raise LabError(f"there is no program {command[0]}") from None


def rooted(command: Sequence[str], environ: Mapping[str, str], uid: int) -> list[str]:
    """Return a command as it has to be given so that root runs it on a user's checkout."""
    # To git the owner of a checkout is a stranger to root.
    trusted = {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": str(ROOT)}
    given = {name: environ[name] for name in KEPT if name in environ}
    given |= {f"GIT_CONFIG_{name}": value for name, value in trusted.items()}
    words = ["env", *(f"{name}={value}" for name, value in given.items()), *command]
    return words if uid == 0 else ["sudo", *words]


def run_as_root(command: Sequence[str]) -> NoReturn:
    """Become a command that root runs: tests of what gives files to other users."""
    uid = os.getuid()
    if uid == 0:
        os.seteuid(0)
        os.setegid(0)
    words = rooted(command, os.environ, uid)
    try:
        os.execvp(words[0], words)  # noqa: S606
    except FileNotFoundError:
        raise LabError(f"root is needed to run {command[0]}, and there is no sudo") from None

"""What keeps a member out of its group or clients from it: the marks, and how they are read."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import SaltInvocationError

from group_replication.files import write_whole
from group_replication.model import LEAVING, Settings

PAUSE_FILE = Path("/var/lib/mysql-gr/paused")
# That another group of this one's name was seen; it outlives a boot, as the other one's rows do.
FORK_FILE = Path("/var/lib/mysql-gr/fork.json")
# In /run: a machine that boots drains nothing. The first says until when, the second why.
LEAVING_FILE = Path("/run/mysql-gr/leaving")
DRAINED_FILE = Path("/run/mysql-gr/drained")
# When the keeper last looked is when this was last touched.
LOOKED_FILE = Path("/run/mysql-gr/looked")


def _reason(path: Path) -> str:
    """What an operator gave as the reason of a pause or a drain, or the empty text."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def paused() -> str:
    """Why this member is paused, or the empty text; a file that says nothing is a pause, too."""
    try:
        # Whoever kept it out meant it, though a full disk took the words.
        return PAUSE_FILE.read_text(encoding="utf-8").strip() or f"{PAUSE_FILE} gives no reason"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as err:
        return f"{PAUSE_FILE} cannot be read: {err}"


def given(reason: str) -> str:
    """Return an operator's reason, once it says something."""
    if not reason or not reason.strip():
        raise SaltInvocationError("reason is empty; expected a few words that others will read")
    return reason.strip()


def kept_out(settings: Settings) -> str:
    """Why this member stays out of the group, or the empty text."""
    return paused() or settings.removed or (LEAVING if leaving() else "")


@contextlib.contextmanager
def kept_if_done(path: Path, reason: str) -> Iterator[None]:
    """Write an operator's reason for what is done meanwhile; what fails leaves the old one."""
    old = path.read_text(encoding="utf-8") if path.exists() else None
    write_whole(path, reason + "\n")
    try:
        yield
    except BaseException:
        if old is None:
            path.unlink(missing_ok=True)
        else:
            write_whole(path, old)
        raise


def leaving() -> bool:
    """
    Tell whether the local member is leaving its group just now.
    """
    try:
        # The file says until when at the longest: one that a killed call left counts no more.
        return time.monotonic() < float(LEAVING_FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False


def flag_leaving(seconds: float) -> None:
    """Say for so many seconds at most that the local member is leaving."""
    write_whole(LEAVING_FILE, f"{time.monotonic() + seconds:.3f}\n")


def note_look() -> None:
    """
    Say that the keeper has looked just now.
    """
    # A full disk is no reason to look no more.
    with contextlib.suppress(OSError):
        LOOKED_FILE.touch()


def last_look() -> float:
    """
    Return when the keeper last looked, since 1970; 0 where it has not since the boot.
    """
    try:
        return LOOKED_FILE.stat().st_mtime
    except OSError:
        return 0.0


def not_for_new() -> str:
    """
    Say why a balancer should send the local member nobody new, or return the empty text.
    """
    why = drained()
    return "leaving" if leaving() else f"drained: {why}" if why else ""


def pause(reason: str) -> dict[str, str]:
    """
    Keep every automation here from taking this member into the group.

    Returns a dict: ``old`` and ``new`` reason. Raises SaltInvocationError without one.
    """
    old, new = paused(), given(reason)
    write_whole(PAUSE_FILE, new + "\n")
    return {"old": old, "new": new}


def unpause() -> dict[str, str]:
    """
    End a pause; return its reason as ``old``.
    """
    old = paused()
    PAUSE_FILE.unlink(missing_ok=True)
    return {"old": old, "new": ""}


def drained() -> str:
    """
    Return why the operator lets the balancer send this member nobody new, or the empty text.
    """
    return _reason(DRAINED_FILE)


def undrain() -> dict[str, str]:
    """
    End a drain; return its reason as ``old``.
    """
    old = drained()
    DRAINED_FILE.unlink(missing_ok=True)
    return {"old": old, "new": ""}


def fork() -> dict[str, Any]:
    """
    Return what was seen of another group with this one's name, or nothing.

    Returns a dict: ``origin`` of the view that this member was in; ``others``, the origins of the
    other views; ``apart``, the addresses of the other half's members, where a group was forced into
    two halves; ``fenced`` (bool: this member's group is the one that serves nobody); ``why``. A
    file that cannot be read fences: whoever wrote it meant something.
    """
    try:
        found = json.loads(FORK_FILE.read_text(encoding="utf-8"))
        return {
            "origin": str(found["origin"]),
            "others": [str(origin) for origin in found["others"]],
            # Not in a file of 1.0.0.
            "apart": [str(host) for host in found.get("apart", [])],
            "fenced": bool(found["fenced"]),
            "why": str(found["why"]),
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as err:
        why = f"{FORK_FILE} cannot be read: {err!r}"
        return {"origin": "", "others": [], "apart": [], "fenced": True, "why": why}


def fenced() -> str:
    """
    Say why this member serves nobody: its group gave way to another one. Or the empty text.
    """
    found = fork()
    return found["why"] if found and found["fenced"] else ""


def keep_fork(found: Mapping[str, Any]) -> None:
    """
    Keep what was seen of another group, if it is news; the health agent reads it, too.

    found
        As :py:func:`fork` returns it. Raises OSError where the file cannot be written.
    """
    if found != fork():
        write_whole(FORK_FILE, json.dumps(found, indent=2) + "\n")


def forget_fork() -> None:
    """Forget another group: what this member has now is one group's alone."""
    FORK_FILE.unlink(missing_ok=True)


def is_far_behind(facts: Mapping[str, Any], limit: int) -> bool:
    """
    Tell whether readers are better off elsewhere: a member has much to apply, and another has not.

    Where all are behind, none is: they serve old rows rather than nobody.

    facts
        What a member says of itself.

    limit
        The transactions of other members that may wait to be applied.
    """
    least = facts["least_queued"]
    return facts["queued"] > limit and least is not None and least <= limit


def within_limits(
    answer: Mapping[str, Any], name: str, limits: Mapping[str, Sequence[str]]
) -> tuple[bool, str, str]:
    """
    Return whether a member serves who has limits for its queue, why nobody new, and that in words.

    answer
        What the health agent says: ``queued``, ``least_queued``, ``draining``, ``reason``.

    name
        ``writable`` or ``readable``: what is asked for.

    limits
        As a query has them: ``lag``, above which the member is out, and ``behind``, above which it
        is where another is better; of readers alone. Raises ValueError where that is no number.
    """
    yes, nobody_new, text = bool(answer[name]), str(answer["draining"]), str(answer["reason"])
    for key in ("lag", "behind"):
        for limit in limits.get(key, ()):
            if name != "readable" or not re.fullmatch("[0-9]{1,9}", limit):
                right = "a number of transactions, of /readable alone"
                raise ValueError(f"{key} is '{limit}'; expected {right}")
            if answer["queued"] <= int(limit):
                continue
            text = f"{answer['reason']}, {answer['queued']} transactions behind"
            if key == "lag":
                yes = False
            elif is_far_behind(answer, int(limit)):
                text += f", another member {answer['least_queued']}"
                nobody_new = nobody_new or text
    return yes, nobody_new, text

"""What fails twice for the same lasting reason: when the keeper tries it again, and why not now."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from group_replication.files import write_whole
from group_replication.model import ONLINE
from group_replication.verdicts import Decide, as_verdict, view_of

# In /run: a machine that boots tries anew. For root's eyes: it has the server's words.
FAILURE_FILE = Path("/run/mysql-gr/failing.json")
# Seconds until the next try, after the second equal failure, the third, and so on: a network or a
# disk is mended without a word to this member.
PAUSES = (60, 120, 300, 600)
# A member that has been ONLINE for so long has not failed.
SUCCESS_SECONDS = 60

# The server's errors that another try does not change, whoever names them:
# a row, a table or a column that differs,
CONTENT = frozenset(
    (1007, 1008, 1032, 1049, 1050, 1051, 1054, 1060, 1061, 1062, 1091, 1118, 1146, 1451, 1452)
) | {1677, 13146}
# an account, or TLS,
ACCESS = frozenset((1045, 1130, 1227, 1862, 2026, 2061, 3118, 3159, 3955))
# two servers that are not alike enough for a clone, or no room for one.
CLONE = frozenset((3862, 3864, 3865, 3866, 3867, 3868, 3869, 3870, 3872, 3873))
LASTING = CONTENT | ACCESS | CLONE
# What the keeper may try in vain; to end what is left of an old group is no try.
TRIED = ("join", "clone", "bootstrap", "reboot", "apply")
# The same, where the server has no code for it in the text.
LASTING_WORDS = (
    # A recovery account or a certificate that its own server refuses.
    "failed to test connectivity to the local group communication engine",
    # An option that has to be equal in all members.
    "different from the group",
)
# What is said beside them and passes.
PASSING_WORDS = ("still has the stale member", "another member clones")

CODES = re.compile(r"Error_code: (?:MY-)?0*([0-9]+)|\(([0-9]{4,5})\)")
# What differs between two tries at the same thing.
VARYING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:[0-9:,-]+)?", re.IGNORECASE), "GTID"),
    (re.compile(r"\b[0-9]+(\.[0-9]+){3}(:[0-9]+)?\b"), "ADDRESS"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+Z?"), "TIME"),
    (re.compile(r"( at|; the event's)? source log \S+, end_log_pos [0-9]+"), ""),
    (re.compile(r"Worker [0-9]+"), "Worker"),
    (re.compile(r"\b[0-9.]+ (s|seconds?)\b"), "TIME"),
)


class Failure(NamedTuple):
    """An act that failed: what, why, how often in a row, when last, and what was so then."""

    verdict: str
    # What is the same in two tries; empty for what may pass by itself.
    reason: str
    said: str
    times: int
    # Seconds of a clock that only goes on.
    at: float
    surroundings: Mapping[str, Any]


def reason_of(said: str) -> str:
    """
    Return what is the same in two failures for one lasting reason, or the empty text.

    said
        The server's words, and those around them.

    A reason that nobody knows to last is none: a timeout, a seed that is not there yet, a member
    that the group has not expelled yet.
    """
    lasting = _codes(said) & LASTING or any(words in said for words in LASTING_WORDS)
    if not lasting or any(words in said for words in PASSING_WORDS):
        return ""
    for pattern, word in VARYING:
        said = pattern.sub(word, said)
    return said


def _codes(said: str) -> set[int]:
    return {int(code) for found in CODES.findall(said) for code in found if code}


def surroundings_of(
    me: str, facts: Mapping[str, Mapping[str, Any]], declared: str
) -> dict[str, Any]:
    """
    Return all that has to change for another try to have another outcome, as far as it is seen.

    me, facts
        As ``decide_by`` takes them.

    declared
        The settings, as they were read.
    """
    mine = facts[me]
    answering = {name: one for name, one in facts.items() if one["answers"]}
    return {
        "settings": declared,
        "online": {name: view_of(one) for name, one in answering.items() if one["state"] == ONLINE},
        "servers": {
            name: f"{one['server_uuid']} since {one['started']}" for name, one in answering.items()
        },
        "executed": mine["gtid_executed"],
        "received": mine["gtid_received"],
    }


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """
    Tell whether anything is so that a try may have another outcome.

    before, now
        What :py:func:`surroundings_of` returned. A member that does not answer is no news: only one
        that answers otherwise than before, or for the first time.
    """
    keys = ("settings", "online", "executed", "received")
    if any(before[key] != now[key] for key in keys):
        return True
    return any(before["servers"].get(name) != one for name, one in now["servers"].items())


def noted(
    before: Failure | None,
    verdict: str,
    words: Sequence[str],
    surroundings: Mapping[str, Any],
    now: float,
) -> Failure:
    """
    Return what is to be remembered of an act that has just failed.

    before
        What was remembered until now.

    verdict, words
        What failed, and what was said of it by whom: the nearest to the cause first.

    surroundings, now
        What is so after it, and the time.
    """
    reason = next((reason for reason in map(reason_of, words) if reason), "")
    again = (
        before is not None
        and reason
        and (before.verdict, before.reason) == (verdict, reason)
        # One that came further than the last one is not stuck.
        and before.surroundings["executed"] == surroundings["executed"]
    )
    times = before.times + 1 if before and again else 1
    said = "; ".join(text for text in words if text)
    return Failure(verdict, reason, said, times, now, surroundings)


def pause_of(failure: Failure) -> float:
    """Return the seconds after a failure in which nothing but news is a reason for a try."""
    if not failure.reason or failure.times < 2:
        return 0
    return PAUSES[min(failure.times - 2, len(PAUSES) - 1)]


def held_back(
    me: str, failure: Failure | None, surroundings: Mapping[str, Any], now: float
) -> dict[str, Any] | None:
    """
    Return the decision to try nothing now, or None where a try is due.

    me
        The member's declared name.

    failure
        What failed last, as it is remembered.

    surroundings, now
        What is so now, and the time.
    """
    if failure is None:
        return None
    left = failure.at + pause_of(failure) - now
    if left <= 0 or changed(failure.surroundings, surroundings):
        return None
    minutes = pause_of(failure) / 60
    return as_verdict(
        "refuse",
        f"{me} has failed {failure.times} times in a row to {failure.verdict}, for the same "
        f"reason: {failure.said}. {_way_out(me, failure)}. It is tried again when a member, "
        f"pillar or its transactions change, {minutes:.0f} min after the last try at the latest, "
        f"and at once by mysql_gr.{_call(failure)}",
        override="clone_over" if _differs(failure) else "",
    )


def _differs(failure: Failure) -> bool:
    return bool(_codes(failure.said) & CONTENT) and failure.verdict == "join"


def _call(failure: Failure) -> str:
    return "join" if failure.verdict in ("join", "clone") else "recover"


def _way_out(me: str, failure: Failure) -> str:
    """What an operator does about it."""
    if failure.verdict == "apply":
        return f"Mend its rows, or mysql_gr.recover force_member={me} gives up what it received"
    if _differs(failure):
        return (
            f"{me}'s rows or tables differ from the group's: mend them by hand, with "
            f"sql_log_bin=0, or mysql_gr.join method=clone clone_over={me}"
        )
    return f"salt {me} mysql_server.check_instance names what keeps it out"


def own_words(facts: Mapping[str, Any]) -> str:
    """
    Return what the channels say for an act that came to nothing, or the empty text.

    facts
        What the member says of itself after it.
    """
    for name in ("applier", "recovery"):
        if facts[f"{name}_error"]:
            return f"its {name} said: {facts[f'{name}_error']}"
    return ""


class Attempts:
    """What the keeper has tried: it decides as others do, and lets no useless try through."""

    def __init__(self, decided: Decide, declared: str = "") -> None:
        self._decided = decided
        # The settings, as they were read last.
        self.declared = declared
        # What was let through and has not succeeded yet, and what was raised first meanwhile.
        self._trying = ""
        self._raised = ""
        self._failure: Failure | None = None
        self._online_since: float | None = None

    def decide(self, me: str, group: str, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Decide, and refuse an act that has failed twice while nothing has changed."""
        decision = self._decided(me, group, facts)
        verdict = decision["verdict"]
        if verdict in ("unreachable", "member", "recovering"):
            return decision
        self._online_since = None
        if verdict not in TRIED:
            # What comes between two tries leaves the first one to be judged.
            self.say(None)
            return decision
        around, now = surroundings_of(me, facts, self.declared), time.monotonic()
        if verdict == self._trying:
            words = own_words(facts[me])
            self._failure = noted(self._failure, verdict, (words, self._raised), around, now)
        # A clone is followed by a join, and has not failed then.
        self._trying = self._raised = ""
        if self._failure and self._failure.verdict == verdict:
            held = held_back(me, self._failure, around, now)
            if held:
                self.say(held)
                return held
        self._trying = verdict
        return decision

    def failed(self, said: str) -> None:
        """Take down what was raised; what the member says of it is asked at the next decision."""
        if self._trying:
            self._raised = self._raised or said

    def succeeded(self) -> None:
        """Take down that the member is ONLINE; after a minute of that nothing has failed."""
        now = time.monotonic()
        if self._online_since is None:
            self._online_since = now
        if now - self._online_since >= SUCCESS_SECONDS:
            self._trying = self._raised = ""
            self._failure = None
        self.say(None)

    def say(self, held: Mapping[str, Any] | None) -> None:
        """Let others see what is held back."""
        # Where it cannot be written it is held back all the same.
        with contextlib.suppress(OSError):
            keep(held, FAILURE_FILE)


def keep(held: Mapping[str, Any] | None, path: Path = FAILURE_FILE) -> None:
    """
    Let other programs of this machine see what is held back.

    held
        A decision, or None where nothing is held back any more.

    path
        The file. Raises OSError where it cannot be written.
    """
    if held is None:
        path.unlink(missing_ok=True)
        return
    text = json.dumps({"why": held["why"]}) + "\n"
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except (OSError, ValueError):
        pass
    write_whole(path, text, 0o600)


def failing(path: Path = FAILURE_FILE) -> str:
    """
    Return why the keeper of this machine tries nothing now, or the empty text.

    path
        The file.
    """
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["why"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""

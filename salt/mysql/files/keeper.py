"""Bring the local member back into its group after a boot, a crash or an expulsion.

Runs as a service on every database machine and needs no Salt master. While Group Replication runs
it only looks at the local server; one that is alone in a group that agrees on nothing begins the
group anew. On one member it also sees to what the group keeps in memory alone (its write
concurrency, and who has gone) and to the window for a schema change. On each it hands the health
agent what the last comparison of the members has found. Outside a group it lets the library decide
and act, and says in the journal what it waits for. The settings are read anew each time, so a
change needs no restart.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from group_replication import (
    certificates,
    comparison,
    consensus,
    cut_join,
    fencing,
    memory,
    operation,
    schema_change,
    schema_window,
    tls,
)
from group_replication.accounts import coordinator_of
from group_replication.communication import (
    forget_removed,
    is_first_online,
    set_write_concurrency,
    write_concurrency,
)
from group_replication.connection import local, rows
from group_replication.decision import decide_by
from group_replication.expulsion import once_forgotten
from group_replication.facts import observe
from group_replication.failures import Attempts
from group_replication.maintenance import note_look
from group_replication.membership import converge_by
from group_replication.model import (
    ONLINE,
    PRESENT,
    UNREACHABLE,
    Settings,
    write_concurrency_for,
)
from group_replication.settings import SETTINGS_FILE, settings_from_json
from group_replication.switchover import problems_of_multi_primary
from salt.exceptions import CommandExecutionError, SaltInvocationError

LOOK_SECONDS = 2.0
# A decision to refuse stays until somebody acts: no need to ask all members every other second.
REFUSED_SECONDS = 10.0
# A member asks its own server alone. Who was expelled is to be forgotten before it comes back, and
# somebody waits for each step of a schema change.
MEMBER_SECONDS = 0.5
# What has just changed is about to change again: a server that starts, a member that is expelled.
BRISK_SECONDS = 0.5
BRISK_FOR_SECONDS = 15.0
# A switch of mode waits for transactions. One was seen that never ended, though all members had
# switched: what is not over by then is looked at again, as the group is.
SWITCH_SECONDS = 60.0
# Two groups with one name both serve until then.
ASIDE_SECONDS = 10.0
# Members give up what they know of who is gone when the group is reconfigured, and what was agreed
# on before is delivered everywhere. At first that may not be so yet, and a call comes after 8 s.
FORGET_AGAIN_SECONDS = 5.0
# A clock that was set leaps once; a group that agrees on nothing is seen so by each look.
HALT_SECONDS = 5.0
# What is said of a certificate changes with the days.
CERTIFICATES_SECONDS = 3600.0
# Seconds without progress after which applying or recovering is given up, and tried anew.
PATIENCE_SECONDS = 60.0

log = logging.getLogger("mysql-gr-keeper")


class Past:
    """What a keeper knows of its earlier looks."""

    def __init__(self) -> None:
        self.attempts = Attempts(once_forgotten(decide_by))
        # When those outside the member's view were asked last, and what they said.
        self.asked = -math.inf
        self.others: dict[str, dict[str, Any]] = {}
        # Whom the group is to forget once more, and when.
        self.forgotten: frozenset[str] = frozenset()
        self.again = math.inf
        # Since when each look has seen the member alone in a group that agrees on nothing.
        self.halted = math.inf
        # When the certificates in use were asked for last, and which end soon.
        self.certificates_asked = -math.inf
        self.ending: list[str] = []


class Look(NamedTuple):
    """What came of a look: the sentence for the journal, and the seconds to sleep."""

    sentence: str
    pause: float
    # The addresses of the group's members, and of those that are gone and not forgotten yet.
    known: frozenset[str] | None = None


def look(known: frozenset[str] | None = None, past: Past | None = None) -> Look:
    """Do what there is to do.

    known
        The members that the last look has found. Who begins to look takes those that are declared.

    past
        What the keeper knows of earlier looks. Who begins knows nothing.
    """
    past = past or Past()
    try:
        declared = SETTINGS_FILE.read_text(encoding="utf-8")
        settings = settings_from_json(declared)
        try:
            with local(settings) as connection:
                facts = observe(connection)
                if facts["state"] in PRESENT and not has_halted(facts, past):
                    return look_as_member(settings, connection, facts, known, past)
        except CommandExecutionError as err:
            return Look(str(err), LOOK_SECONDS, known)
        # Who comes in anew asks at once whether there is another group.
        past.asked = -math.inf
        past.attempts.declared = declared
        try:
            decision = converge_by(
                settings, 0, PATIENCE_SECONDS, past.attempts.decide, afterwards=past.attempts.decide
            )
        except CommandExecutionError as err:
            past.attempts.failed(str(err))
            raise
        return Look(decision["why"], LOOK_SECONDS)
    except (CommandExecutionError, SaltInvocationError, OSError, ValueError) as err:
        return Look(str(err), REFUSED_SECONDS)


def look_as_member(
    settings: Settings,
    connection: Any,
    facts: Mapping[str, Any],
    known: frozenset[str] | None,
    past: Past,
) -> Look:
    """See to what the group keeps in memory, if that is for this member to do.

    The group forgets who is gone, so that it calls there no more.
    """
    sentence = f"{settings.me} is {facts['state']}{without_majority(facts)}"
    cut_join.over()
    if facts["state"] == ONLINE:
        past.attempts.succeeded()
    change = schema_change.current(connection)
    if change is not None:
        sentence += see_to_schema_change(settings, change, facts)
    before = frozenset(settings.nodes.values()) if known is None else known
    hosts = frozenset(member["host"] for member in facts["members"])
    gone = before - hosts
    # While a member is recovering the group takes no other number.
    if is_first_online(facts) and all(member["state"] == ONLINE for member in facts["members"]):
        right = write_concurrency_for(settings, facts["mode"])
        if gone or time.monotonic() >= past.again:
            sentence += forget(connection, right, gone, hosts, past)
            before = hosts
        # A schema change is too short for another number.
        elif change is None:
            now = write_concurrency(connection)
            if now != right:
                set_write_concurrency(connection, right)
                sentence += f"; the group's write concurrency was {now} and is {right}"
    # After that: whoever does not answer is waited for.
    fork = see_to_fork(settings, connection, facts, past)
    if fork:
        sentence += f"; {fork}"
    try:
        memory.remember(facts, memory.MEMBER_FILE)
    except OSError as err:
        sentence += f"; what is remembered of it is not written: {err}"
    try:
        comparison.copy_numbers(connection, comparison.NUMBERS_FILE)
    except OSError as err:
        sentence += f"; what a comparison has found is not written: {err}"
    sentence += see_to_certificates(settings, connection, past)
    return Look(sentence, MEMBER_SECONDS, before | hosts)


def has_halted(facts: Mapping[str, Any], past: Past) -> bool:
    """Tell whether the member has been alone in a group that agrees on nothing for some looks."""
    now = time.monotonic()
    past.halted = min(past.halted, now) if consensus.is_halted(facts) else math.inf
    return now - past.halted >= HALT_SECONDS


def without_majority(facts: Mapping[str, Any]) -> str:
    """Say that the member's view has no majority, and who is not there, or nothing."""
    if facts["quorum"]:
        return ""
    lost = sorted(one["host"] for one in facts["members"] if one["state"] == UNREACHABLE)
    return f" without a majority, which blocks writes: {', '.join(lost) or 'nobody'} UNREACHABLE"


def forget(
    connection: Any, number: int, gone: frozenset[str], hosts: frozenset[str], past: Past
) -> str:
    """Let the group forget who is gone, and who was forgotten before and is not back."""
    names = gone or past.forgotten - hosts
    past.forgotten = gone
    past.again = time.monotonic() + FORGET_AGAIN_SECONDS if gone else math.inf
    if not names:
        return ""
    forget_removed(connection, number)
    again = "" if gone else " once more"
    return f"; the group forgets {', '.join(sorted(names))}{again}, to call there no more"


def see_to_certificates(settings: Settings, connection: Any, past: Past) -> str:
    """Say which certificates in use end soon; looked for once an hour."""
    if not settings.certificates:
        return ""
    if time.monotonic() - past.certificates_asked >= CERTIFICATES_SECONDS:
        past.certificates_asked = time.monotonic()
        ends = tls.expires_of(rows(connection, tls.IN_USE))
        past.ending = certificates.ending(settings.me, ends)
        past.ending += certificates.authorities_ending(settings.me)
    return "".join(f"; {one}" for one in past.ending)


def see_to_fork(settings: Settings, connection: Any, facts: Mapping[str, Any], past: Past) -> str:
    """Fence this member, if its group gives way to another one of the same name."""
    outside = fencing.outside_of(settings, facts)
    if facts["state"] != ONLINE or not facts["quorum"]:
        past.asked = -math.inf
    elif time.monotonic() - past.asked >= ASIDE_SECONDS:
        past.asked = time.monotonic()
        past.others = fencing.ask(settings, outside) if outside else {}
    others = {name: one for name, one in past.others.items() if name in outside}
    try:
        return fencing.see_to(settings, connection, facts, others)
    except OSError as err:
        return f"what is seen of another group is not written: {err}"


def see_to_schema_change(
    settings: Settings, change: schema_change.Change, facts: Mapping[str, Any]
) -> str:
    """Open or close the window for a schema change, if that is for this member to do."""
    if coordinator_of(facts["members"], settings.nodes) != settings.me or not facts["quorum"]:
        return f"; {schema_change.sentence(change)}"
    with local(settings, SWITCH_SECONDS) as connection:
        done = schema_window.act(
            connection,
            change,
            facts,
            settings.nodes[settings.me],
            lambda: problems_of_multi_primary(connection),
            operation.current(connection),
        )
    return f"; {done or schema_change.sentence(change)}"


def pause_after(pause: float, unchanged: float) -> float:
    """Return the seconds until the next look: fewer while what is seen is new.

    pause
        The seconds that the last look asks for.

    unchanged
        The seconds for which all looks have had the same outcome.
    """
    if pause < REFUSED_SECONDS and unchanged < BRISK_FOR_SECONDS:
        return min(pause, BRISK_SECONDS)
    return pause


def main() -> None:
    """Look for ever, and say what is new."""
    # Salt, once imported, has its own handlers; the journal wants the sentence alone.
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    said, since, known, past = "", 0.0, None, Past()
    # Who begins has tried nothing.
    past.attempts.say(None)
    while True:
        sentence, pause, known = look(known, past)
        note_look()
        if sentence != said:
            log.info("%s", sentence)
            said, since = sentence, time.monotonic()
        pause = pause_after(pause, time.monotonic() - since)
        # Members that were down together must not ask in step for ever.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311


if __name__ == "__main__":
    main()

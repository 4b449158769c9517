"""Functions that the minion beside a Salt master calls on other minions, through that master."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import salt.client
import salt.config
import salt.utils.event

# How long a minion may take to say that it has a call; the call itself may take any time.
TIMEOUT = 15


class Answer(NamedTuple):
    """What a minion answered: a value, and a sentence where it failed."""

    value: Any
    error: str = ""


# Targets, function and arguments to what each minion answers; one that does not is left out.
Call = Callable[[Sequence[str], str, Mapping[str, Any]], Mapping[str, Answer]]


def listen(minion: str, name: str, seconds: float) -> bool:
    """
    Wait until a minion says that it has started.

    minion
        The configuration file of the minion that waits: the master's lies beside it.

    name
        The minion's id.

    seconds
        How long it is waited for.

    Returns whether it said so.
    """
    config = Path(minion).with_name("master")
    options = salt.config.client_config(str(config))
    tag = f"salt/minion/{name}/start"
    with salt.utils.event.get_event("master", opts=options, listen=True) as bus:
        return bus.get_event(wait=seconds, tag=tag, match_type="startswith") is not None


def call(
    minion: str, targets: Sequence[str], function: str, arguments: Mapping[str, Any]
) -> dict[str, Answer]:
    """
    Call a function on minions.

    minion
        The configuration file of the minion that calls: the master's lies beside it.

    targets, function, arguments
        The minions' ids, the function, and its named arguments.

    Returns what each answered; one that did not is left out.
    """
    told: dict[str, Answer] = {}
    # The minion's configuration is no master's, and both lie in one folder.
    config = Path(minion).with_name("master")
    with salt.client.get_local_client(str(config)) as client:
        answers = client.cmd_iter(
            list(targets), function, kwarg=dict(arguments), tgt_type="list", timeout=TIMEOUT
        )
        for answer in answers:
            for name, one in answer.items():
                if "ret" not in one:
                    # The client's own word about a minion that is not there.
                    continue
                failed = bool(one.get("retcode")) or one.get("success") is False
                value = one.get("ret")
                told[name] = Answer(value, str(value) or "it failed" if failed else "")
            if len(told) == len(targets):
                break
    return told

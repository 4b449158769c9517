"""Bring the local member back into its group after a boot, a crash or an expulsion.

Runs as a service on every database machine and needs no Salt master. While Group Replication runs
it only looks at the local server; otherwise it lets mysql_gr decide and act, and says in the
journal what it waits for. The settings are read anew each time, so a change needs no restart.
"""

from __future__ import annotations

import logging
import random
import time

import mysql_gr
from salt.exceptions import CommandExecutionError, SaltInvocationError

LOOK_SECONDS = 2.0
# A decision to refuse stays until somebody acts: no need to ask all members every other second.
REFUSED_SECONDS = 10.0
# Seconds without progress after which applying or recovering is given up, and tried anew.
PATIENCE_SECONDS = 60.0

log = logging.getLogger("mysql-gr-keeper")


def look() -> tuple[str, float]:
    """Do what there is to do; return the sentence for the journal and the seconds to sleep."""
    try:
        settings = mysql_gr.settings_from_json(mysql_gr.SETTINGS_FILE.read_text(encoding="utf-8"))
        try:
            with mysql_gr.local(settings) as connection:
                state = mysql_gr.observe(connection)["state"]
        except CommandExecutionError as err:
            return str(err), LOOK_SECONDS
        if state in mysql_gr.PRESENT:
            return f"{settings.me} is {state}", LOOK_SECONDS
        decision = mysql_gr.converge_by(settings, timeout=0, patience=PATIENCE_SECONDS)
        return decision["why"], LOOK_SECONDS
    except (CommandExecutionError, SaltInvocationError, OSError, ValueError) as err:
        return str(err), REFUSED_SECONDS


def main() -> None:
    """Look for ever, and say what is new."""
    # Salt, once imported, has its own handlers; the journal wants the sentence alone.
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    said = ""
    while True:
        sentence, pause = look()
        if sentence != said:
            log.info("%s", sentence)
            said = sentence
        # Members that were down together must not ask in step for ever.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311


if __name__ == "__main__":
    main()

"""The lab under clients that write, as chaos works on it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

from tests.support.lab import Lab, changes_of
from tests.support.scene import Scene
from tests.support.writers import Writers


class ChaosScene(Scene):
    """What the faults of chaos work on."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.writers = Writers(lab)
        # What a fault holds open until it is healed.
        self.held = ExitStack()
        self.emptied = False

    def refused(self, member: str, sentence: str) -> None:
        """Wait until a member decides to refuse, and see that it says so in these words."""

        def decision() -> dict[str, Any]:
            answer = self.lab.salt(member, "mysql_gr.decide", timeout=30).get(member)
            return answer if isinstance(answer, dict) else {}

        found = self.wait(
            f"{member} refuses",
            lambda: said if (said := decision()).get("verdict") == "refuse" else None,
            60,
        )
        if sentence not in found["why"]:
            raise AssertionError(f"{member} refuses, but not with '{sentence}': {found['why']}")

    def apply(self, machine: str, sls: str) -> None:
        """Run a state on a machine, by itself; every state in it must hold."""
        text = self.lab.run(
            machine, f"salt-call --out=json state.apply {sls} queue=5 2> /dev/null", check=False
        )
        changes_of(machine, json.loads(text)["local"] if text.strip() else "it printed nothing")

    def restore_application(self) -> None:
        """Make the application's tables again, which went with a wipe on purpose."""
        self.lab.apply(self.lab.databases, "mysql")
        self.lab.apply([self.lab.web])

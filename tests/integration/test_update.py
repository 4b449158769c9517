"""The tree is updated under a minion that runs: what is new imports what is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LIBRARY = "_utils/group_replication/model.py"
MODULE = "_modules/mysql_server.py"


@pytest.fixture
def updated(call: Any, checkout: Path) -> Iterator[None]:
    """A later version of a library file, and of a module that needs it, on the minion."""
    before = {name: (checkout / name).read_text() for name in (LIBRARY, MODULE)}
    # What is scheduled has been looked at by the minion's own process.
    assert call("schedule.is_enabled", "mysql_gr_certificate").data
    (checkout / LIBRARY).write_text(before[LIBRARY] + '\nLATER = "of a later version"\n')
    first = "from group_replication.connection import answered"
    assert first in before[MODULE]
    (checkout / MODULE).write_text(
        before[MODULE].replace(first, f"from group_replication.model import LATER\n{first}", 1)
    )
    try:
        call("saltutil.sync_all")
        yield
    finally:
        for name, text in before.items():
            (checkout / name).write_text(text)
        call("saltutil.sync_all")


def test_a_minion_that_runs_takes_a_new_library(call: Any, updated: None):
    """Its process holds what it has imported, and each job begins with that."""
    answer = call("mysql_server.stop_timeout")
    assert isinstance(answer.data, int), answer

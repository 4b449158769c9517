"""Schema changes of the table that clients write to, by the call that orders them with the rows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chaos.plan import Round
from chaos.scene import ChaosScene
from tests.support.faults import kill
from tests.support.ledger_table import TABLE

# A change and what undoes it. Each kind by itself mixed up rows or cost members where it ran beside
# writes on others.
CHANGES = {
    (False, False): ("ADD COLUMN first INT NOT NULL DEFAULT 0 FIRST", "DROP COLUMN first"),
    (False, True): ("MODIFY client VARCHAR(300) NOT NULL", "MODIFY client VARCHAR(32) NOT NULL"),
    (True, False): ("ADD UNIQUE KEY both_columns (client, id)", "DROP KEY both_columns"),
    (True, True): ("MODIFY id BIGINT UNSIGNED NOT NULL", "MODIFY id BIGINT NOT NULL"),
}
# It leaves the table as it was, wherever it is cut off.
REBUILD = "ENGINE = InnoDB, ALGORITHM = COPY"


def _change(scene: ChaosScene, statements: list[str]) -> Any:
    """Change the schema on the member that does it for the group, and return what it answered."""
    member = scene.lab.databases[0]
    coordinator = str(scene.lab.salt(member, "mysql_gr.coordinator")[member])
    call = f"mysql_schema.change statements='{json.dumps(statements)}' patience=60"
    return scene.lab.salt(coordinator, call).get(coordinator)


def changed(scene: ChaosScene, one: Round) -> None:
    """Change the table and change it back, each in a window of its own."""
    for change in CHANGES[one.coins]:
        done = _change(scene, [f"ALTER TABLE {TABLE} {change}"])
        if not isinstance(done, dict):
            raise AssertionError(f"{change}: {done}")


def begin_change(scene: ChaosScene, one: Round) -> None:
    """Begin a change that takes some seconds, in which a member will be killed."""
    statements = ["DO SLEEP(2)", f"ALTER TABLE {TABLE} {REBUILD}", "DO SLEEP(2)"]
    pool = ThreadPoolExecutor(max_workers=1)
    # The round goes on when the call has ended, however it does.
    scene.held.callback(pool.shutdown)
    pool.submit(_change, scene, statements)


def kill_in_change(scene: ChaosScene, one: Round) -> None:
    kill(scene, one)


def change_ended(scene: ChaosScene, one: Round) -> None:
    """Wait for the call to end, and for the window to be closed."""
    scene.held.close()
    member = one.others[0]
    scene.wait(
        "the window is closed",
        lambda: scene.lab.sql(member, "SELECT COUNT(*) FROM mysql_gr.schema_change") == "0",
        120,
    )

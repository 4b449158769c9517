"""The repository is on another machine, whose server takes what is new and gives nothing up."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import yaml

from tests.e2e.conftest import long_only, salt
from tests.e2e.larger.conftest import BACKUP as NAME
from tests.support.lab import DATABASE, ROOT, Lab
from tests.support.packages import installed

pytestmark = [pytest.mark.changes_machines, pytest.mark.slow, long_only]

PILLAR = ROOT / "pillar/backup.sls"
PORT, FOLDER, USER, UNIT = 8000, "/srv/restic", "backup", "trial-restic"
# Each account has a folder of its own. The password is read from the standard input.
BEGIN = f"""set -e
mkdir -p {FOLDER}
printf %s '{{password}}' | htpasswd -iBc {FOLDER}/.htpasswd {USER} 2> /dev/null
systemd-run -q --unit={UNIT} restic-rest-server --listen=:{PORT} --append-only --private-repos \
    --path={FOLDER}
"""
END = f"systemctl stop {UNIT}; systemctl reset-failed {UNIT}; rm -rf {FOLDER}"
RESTIC = (
    "RESTIC_PASSWORD_FILE=/etc/mysql-gr/backup-repository.password"
    " RESTIC_REPOSITORY_FILE=/etc/mysql-gr/backup-repository.location"
    f" RESTIC_REST_USERNAME={USER} RESTIC_REST_PASSWORD={{password}} restic {{words}} 2>&1"
)
# How the server answers a request.
ASK = """/opt/salt/bin/python3 - <<'END'
import urllib.error, urllib.request
asked = urllib.request.Request("{url}", method="{method}", headers={headers})
try:
    print(urllib.request.urlopen(asked, timeout=10).status)
except urllib.error.HTTPError as err:
    print(err.code)
END
"""
METHODS = ("GET", "DELETE", "POST")


class Keeper(NamedTuple):
    """The machine whose server keeps the repository."""

    machine: str
    address: str
    # Of the account there.
    password: str


def call(lab: Lab, function: str) -> Any:
    answer = salt(lab, [NAME], function)[NAME]
    assert not isinstance(answer, str), answer
    return answer


def failures(lab: Lab) -> list[str]:
    """The states of a highstate of the backup machine that failed."""
    states = lab.salt(NAME, "state.apply")[NAME].values()
    return [one["comment"] for one in states if one["result"] is False]


@pytest.fixture(scope="module")
def keeper(grown: Lab) -> Iterator[Keeper]:
    """A server on the second web server, and a pillar that leads there."""
    one = Keeper(grown.webs[-1], grown.address[grown.webs[-1]], os.urandom(12).hex())
    before = PILLAR.read_text()
    told = yaml.safe_load(before)
    told["backup"] |= {
        "keep": False,
        "repository": {
            "location": f"rest:http://{one.address}:{PORT}/{USER}/",
            "environment": {"RESTIC_REST_USERNAME": USER, "RESTIC_REST_PASSWORD": one.password},
        },
    }
    with installed(grown, one.machine, "restic-rest-server", "apache2-utils"):
        try:
            grown.run(one.machine, BEGIN.format(password=one.password))
            PILLAR.write_text(yaml.safe_dump(told, sort_keys=False))
            grown.salt(NAME, "saltutil.refresh_pillar wait=True")
            # No full backup is there yet, which the highstate calls a failure.
            (wrong,) = failures(grown)
            assert "no full backup is in rest:http" in wrong
            yield one
        finally:
            PILLAR.write_text(before)
            grown.salt(NAME, "saltutil.refresh_pillar wait=True")
            grown.run(one.machine, END, check=False)
            # The last full backup went to the server, and that is no more.
            grown.salt(NAME, "state.apply")
            call(grown, "backup.take")
            grown.apply([NAME])


def single(lab: Lab, state: str, test: bool = False) -> dict[str, Any]:
    """What one state says on the backup machine; it has not failed."""
    (said,) = salt(lab, [NAME], f"state.single {state} test={test}")[NAME].values()
    assert said["result"] is not False, said["comment"]
    return dict(said)


def once(lab: Lab, state: str) -> None:
    """A state says what it would do, does that, and has nothing to do then."""
    predicted = single(lab, state, test=True)
    assert predicted["result"] is None
    assert single(lab, state)["changes"] == predicted["changes"] != {}
    assert single(lab, state)["changes"] == {}


def snapshots(lab: Lab) -> list[str]:
    return [one["snapshot"] for one in call(lab, "backup.list")]


def restic(lab: Lab, keeper: Keeper, words: str) -> str:
    """What restic says to root of the backup machine."""
    return lab.run(NAME, RESTIC.format(password=keeper.password, words=words), check=False)


def answered(
    lab: Lab, machine: str, keeper: Keeper, method: str, path: str, headers: dict[str, str]
) -> str:
    """The status by which the server answers a request that a machine makes."""
    url = f"http://{keeper.address}:{PORT}/{USER}/{path}"
    return lab.run(machine, ASK.format(url=url, method=method, headers=headers)).strip()


def test_backups_are_taken_and_drilled(grown: Lab, keeper: Keeper):
    once(grown, "backup.taken name=x hours=2")
    taken = call(grown, "backup.take")
    assert taken["drill"]["tables"] > 1
    assert len(snapshots(grown)) == 2
    assert call(grown, "backup.status")["problem"] == ""
    assert not grown.apply([NAME])
    assert salt(grown, [NAME], "backup.verify part=100%")[NAME] == ""


def test_what_is_restored_by_states_is_restored_once(
    grown: Lab, keeper: Keeper, eventually: Callable[..., float]
):
    table = f"{DATABASE}.backup_server_trial"
    grown.sql(grown.databases[0], f"CREATE TABLE {table} (id INT PRIMARY KEY); DROP TABLE {table}")
    eventually(lambda: not call(grown, "backup.status")["channel"]["not_applied"], 30)
    call(grown, "backup.save_logs")
    point = call(grown, "backup_restore.restore_point trial latest test=True")["before"][-1]["gtid"]
    for state in (
        f"backup_restore.instance_running name=trial point={point}",
        "backup_restore.instance_absent name=trial",
        f"backup_restore.table_written name={DATABASE}.users into=users_then point={point}",
        f"backup_restore.schema_written name={DATABASE} into=trial_then point={point}",
    ):
        once(grown, state)
    assert call(grown, "backup_restore.instances") == []


def test_root_of_the_backup_machine_gives_up_nothing(grown: Lab, keeper: Keeper):
    before = snapshots(grown)
    for words in (f"forget {before[0]}", "forget --keep-last 1 --prune", "prune"):
        said = restic(grown, keeper, words)
        assert "403" in said or "Forbidden" in said, said
    account = b64encode(f"{USER}:{keeper.password}".encode()).decode()
    for method in METHODS[1:]:
        path = f"snapshots/{before[0]}"
        headers = {"Authorization": f"Basic {account}"}
        assert answered(grown, keeper.machine, keeper, method, path, headers) == "403"
    assert snapshots(grown) == before
    assert "no errors were found" in restic(grown, keeper, "check --read-data")


def test_root_of_a_database_lists_reads_and_deletes_nothing(grown: Lab, keeper: Keeper):
    database = grown.databases[0]
    secret = yaml.safe_load((ROOT / "pillar/secrets/backup_repository.sls").read_text())
    words = (secret["backup"]["repository"]["password"], keeper.password)
    # What the machine has: neither password, in any file or in its pillar.
    found = grown.run(
        database,
        "grep -rlFs --exclude-dir=proc --exclude-dir=sys -f /dev/fd/3 / 3<<'END'\n"
        f"{words[0]}\n{words[1]}\nEND\n",
        check=False,
    )
    assert found == ""
    assert grown.salt(database, "pillar.get backup")[database] == ""
    # And what it hears without one.
    for path in ("config", "snapshots/", f"snapshots/{snapshots(grown)[0]}"):
        for method in METHODS:
            assert answered(grown, database, keeper, method, path, {}) == "401", (path, method)
    port = f"timeout 5 bash -c 'echo > /dev/tcp/{grown.address[NAME]}/{{}}' 2>&1"
    # Nothing of the backup machine hears it but sshd.
    for number in (3306, 33062):
        assert "refused" in grown.run(database, port.format(number), check=False)


def test_a_server_that_is_away_is_told_and_nothing_is_lost(grown: Lab, keeper: Keeper):
    before = snapshots(grown)
    grown.run(keeper.machine, f"systemctl kill --signal=KILL {UNIT}; systemctl reset-failed {UNIT}")
    said = salt(grown, [NAME], "backup.take")[NAME]
    away = "the repository did not answer restic unlock within 120 s"
    assert away in said
    assert away in call(grown, "backup.status")["problem"]
    grown.run(keeper.machine, BEGIN.replace("-iBc", "-iB").format(password=keeper.password))
    call(grown, "backup.take")
    assert len(snapshots(grown)) == len(before) + 1
    assert call(grown, "backup.status")["problem"] == ""

"""What clients notice of an operator's calls: restarts, passwords, certificates, deployments."""

from __future__ import annotations

import datetime
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bench.clients import Clients
from bench.failover import versions
from bench.measure import Record
from bench.plan import OURS
from bench.report import conditions, markdown
from bench.ways import places
from bench.web import SETTLE_SECONDS, causes, listed, outage, summed, told
from tests.support.application import deploy, rollback, undeployed
from tests.support.http_client import GOOD
from tests.support.lab import Lab
from tests.support.ledger import judge, longest_gap
from tests.support.orchestration import orchestrated
from tests.support.scene import Scene
from tests.support.visitors import CROWD, Crowd
from vagrant import prepare

QUIET_SECONDS = 20
START_SECONDS = 60
# Its passwords are changed in pillar before the call.
ACCOUNTS = ("admin", "recovery", "application", "schema")
# The clients at the database ports log in with a password that is discarded then.
WITHOUT_CLIENTS = ("rotate",)


def _call(lab: Lab, name: str, **given: Any) -> dict[str, Any]:
    """Call an orchestration; raise AssertionError with what it says where it did not go well."""
    done, _ = orchestrated(lab, name, **given)
    if done["result"] is not True:
        raise AssertionError(f"orch.{name}: {done['comment']}")
    return done


def restart(lab: Lab, number: int) -> None:
    """Restart all members in turn."""
    _call(lab, "restart", settle=0)


def services(lab: Lab, number: int) -> None:
    """Restart HAProxy and keepalived, Apache and PHP, on all balancers and web servers in turn."""
    _call(lab, "restart", roles=["proxy", "web"], settle=0)


def rotate(lab: Lab, number: int) -> None:
    """Change the passwords of all accounts."""
    for path in [prepare.rotate(name) for name in ACCOUNTS]:
        path.unlink()
    lab.salt("*", "saltutil.refresh_pillar wait=True")
    _call(lab, "rotate")


def renew(lab: Lab, number: int) -> None:
    """Have each member show another certificate."""
    for name in lab.databases:
        lab.run(name, "rm /etc/mysql/tls/server.pem")
    if not lab.apply(lab.databases, "mysql.certificates"):
        raise AssertionError("no certificate was renewed")


def authority(lab: Lab, number: int) -> None:
    """Have another authority take the place of the present one."""
    planned = lab.salt(lab.master, "mysql_authority.plan")[lab.master]
    _call(lab, "authority", replace=planned["authority"])


def deployed(lab: Lab, number: int) -> None:
    """Deploy another release."""
    deploy(lab, f"{time.time_ns()}-{number}")


def taken_back(lab: Lab, number: int) -> None:
    """Go back to the release before."""
    rollback(lab)


def converged(lab: Lab, number: int) -> None:
    """Converge all machines, with nothing to do."""
    lab.apply(lab.address)


def quiet(lab: Lab, number: int) -> None:
    """Let the crowd alone."""
    time.sleep(QUIET_SECONDS)


OPERATIONS: dict[str, Callable[[Lab, int], None]] = {
    "none": quiet,
    "highstate": converged,
    "restart": restart,
    "services": services,
    "rotate": rotate,
    "certificates": renew,
    "authority": authority,
    "deploy": deployed,
    "rollback": taken_back,
}


def possible(operations: Sequence[str], webs: int, signs: bool) -> list[str]:
    """
    Return of some operations those that this lab can do without an outage.

    operations
        Their names.

    webs
        How many web servers there are.

    signs
        Whether the master's minion signs certificates.
    """
    without = ([] if webs > 1 else ["services"]) + ([] if signs else ["certificates", "authority"])
    return [name for name in operations if name not in without]


class Operations:
    """A lab with a crowd at the balancer's port 80, and clients at its database ports."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._scene = lab, Scene(lab)
        self._versions = versions(lab, [])

    def possible(self, operations: Sequence[str]) -> list[str]:
        """Return of some operations those that this lab can do without an outage."""
        master = self._lab.master
        declared = self._lab.salt(master, "mysql_tls.declared")[master]
        return possible(operations, len(self._lab.webs), declared["source"] == "ca")

    @contextmanager
    def open(self) -> Iterator[Crowd]:
        """Return a context with the crowd; the lab is as before at its end."""
        lab = self._lab
        try:
            with (
                self._scene.watched(START_SECONDS),
                self._scene.table.there(),
                Crowd([f"http://{lab.address[lab.proxy]}"]).there() as crowd,
            ):
                yield crowd
        finally:
            undeployed(lab)

    def run(self, name: str, number: int, crowd: Crowd) -> dict[str, Any]:
        """Do one operation and return what clients noticed of it."""
        now, problem = datetime.datetime.now(datetime.timezone.utc), ""
        # No balancer can take a session to another member: what is planned is to cost no request.
        paths = () if name in WITHOUT_CLIENTS else OURS
        clients = Clients(self._lab, places(self._lab, paths, ""), each_anew=True)
        clients.start()
        time.sleep(1)
        begin, since = time.time(), time.monotonic()
        try:
            OPERATIONS[name](self._lab, number)
        except AssertionError as err:
            problem = str(err)
        took = time.time() - begin
        time.sleep(SETTLE_SECONDS)
        clients.stop()
        self._scene.wait_stable(START_SECONDS)
        answers = crowd.answers(begin)
        records = clients.records()
        return {
            "operation": name,
            "number": number,
            "began": now.isoformat(timespec="seconds"),
            "versions": self._versions,
            "load": [round(os.getloadavg()[0], 2)],
            "took": round(took, 1),
            "causes": causes(answers),
            "slowest": round(max(answer.seconds for answer in answers), 2),
            "outage": round(outage(answers, begin, time.time()), 2),
            "paths": by_path(records, since, since + took),
            "lost": self._lost(records),
            "problems": [problem] if problem else [],
        }

    def _lost(self, records: Sequence[Record]) -> list[str]:
        if not records:
            return []
        attempted = {one for record in records for one in record.attempted}
        acknowledged = {one for record in records for one in record.acknowledged}
        rows = self._scene.table.rows(self._lab.databases, min(attempted))
        return judge(acknowledged, attempted, rows).problems


def by_path(records: Sequence[Record], begin: float, end: float) -> dict[str, dict[str, Any]]:
    """
    Return what the clients of each path met between two moments.

    Returns a dict of path to ``acknowledged``, ``pause`` (the longest time that one client had no
    acknowledgement, in seconds) and ``errors``, how many.
    """
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        one = found.setdefault(record.path, {"acknowledged": 0, "pause": 0.0, "errors": 0})
        one["acknowledged"] += sum(begin <= when <= end for when in record.times())
        one["pause"] = round(max(one["pause"], longest_gap(record.times(), begin, end)), 2)
        one["errors"] += sum(begin <= failure.when <= end for failure in record.failures)
    return found


def show(result: Mapping[str, Any]) -> str:
    """Return what came of one operation in a line."""
    paths = "  ".join(
        f"{path} {one['pause']:.2f} s ({one['errors']})" for path, one in result["paths"].items()
    )
    wrong = "".join(f"  {one}" for one in (*result["problems"], *result["lost"]))
    return (
        f"{result['operation']:12} {result['number']:2} {result['took']:6.1f} s  {paths}  "
        f"slowest {result['slowest']:5.2f} s  {told(result['causes'])}{wrong}"
    )


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what clients noticed, as a table: an operation in a row."""
    rows = []
    for name in OPERATIONS:
        here = [one for one in results if one["operation"] == name]
        if not here:
            continue
        whole = summed(one["causes"] for one in here)
        good = sum(whole.pop(GOOD, {}).values())
        rows.append(
            (
                name,
                str(len(here)),
                f"{statistics.median(one['took'] for one in here):.0f}",
                str(good),
                listed(whole),
                f"{max(one['slowest'] for one in here):.2f}",
                f"{max(one['outage'] for one in here):.2f}",
                str(sum(path["acknowledged"] for one in here for path in one["paths"].values())),
                *(_of_path(here, path) for path in OURS),
            )
        )
    head = (
        *("operation", "times", "median, s", "requests answered well", "failed, by cause"),
        *("slowest, s", "no update for, s", "inserts acknowledged"),
        *(f"{path}: longest pause, s (errors)" for path in OURS),
    )
    wrong = [told for one in results for told in (*one["problems"], *one["lost"])]
    return (
        f"{conditions(results, 'operations')}\n{markdown(head, rows)}\n"
        f"{CROWD} requests at once through the balancer, without a pause, and four clients at each "
        f"database port. Not as expected: {'; '.join(wrong) or 'nothing'}.\n"
    )


def _of_path(results: Sequence[Mapping[str, Any]], path: str) -> str:
    found = [one["paths"][path] for one in results if path in one["paths"]]
    if not found:
        return "-"
    return f"{max(one['pause'] for one in found):.2f} ({sum(one['errors'] for one in found)})"

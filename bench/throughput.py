"""Run sysbench from the web machine, through one path after the other."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from bench import sysbench
from bench.failover import versions
from bench.plan import DIRECT, OURS, ROUTER
from bench.rates import ONE, READ, Run
from bench.ways import FOLDER, PORTS, ROUTER_ONE_PORT, UNIT, beside, member_at, untold
from tests.support.lab import DATABASE, MODES, Lab
from tests.support.packages import installed

SECONDS = 6


class Throughput:
    """A lab with sysbench beside its application, for as many runs as one likes."""

    def __init__(self, lab: Lab, seconds: int) -> None:
        self._lab, self._seconds = lab, seconds
        # The one member of what is compared on one member.
        self._member = ""
        self._versions: dict[str, str] = {}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which runs can be made; the lab is as before at its end."""
        lab = self._lab
        mode = lab.sql(lab.databases[0], "SELECT @@GLOBAL.group_replication_single_primary_mode")
        if mode != "0":
            raise AssertionError(f"the group is {MODES[1]}; expected {MODES[0]}: all take writes")
        with ExitStack() as stack:
            self._member = member_at(lab, PORTS[OURS[1]])
            stack.enter_context(beside(lab, [ROUTER], lab.address[self._member]))
            stack.enter_context(installed(lab, lab.web, "sysbench"))
            lab.run(lab.web, f"install -d -m 0700 {FOLDER}")
            stack.callback(lab.run, lab.web, f"rm -rf {FOLDER}")
            stack.callback(
                lab.sql, self._member, f"DROP TABLE IF EXISTS {DATABASE}.{sysbench.TABLE}"
            )
            self._sysbench(self._place(ONE, DIRECT), "oltp_insert cleanup")
            self._sysbench(self._place(ONE, DIRECT), "oltp_insert prepare")
            for name in lab.databases:
                # Waits until all that was ordered before it is there.
                lab.sql(
                    name,
                    "SET SESSION group_replication_consistency = 'BEFORE';"
                    f" SELECT COUNT(*) FROM {DATABASE}.{sysbench.TABLE}",
                )
            self._versions = versions(lab, [ROUTER])
            self._versions["sysbench"] = lab.run(lab.web, "sysbench --version").split()[-1]
            yield

    def _place(self, members: str, path: str) -> tuple[list[str], int]:
        lab = self._lab
        if path == DIRECT:
            names = [self._member] if members == ONE else lab.databases
            return [lab.address[name] for name in names], 3306
        ports = {READ: 3308, ROUTER: ROUTER_ONE_PORT if members == ONE else PORTS[ROUTER]}
        return [lab.address[lab.proxy]], ports.get(path) or PORTS[path]

    def _sysbench(self, place: tuple[Sequence[str], int], what: str) -> str:
        """Run sysbench with its options in a file, and return what it and ``times`` print."""
        user, secret = "haproxy_root", "application_database"
        if what.endswith((" cleanup", " prepare")):
            user, secret = "schema_change", "schema_database"
        password = self._lab.secret(secret, "password")
        options = sysbench.settings(*place, user, password, DATABASE)
        file = f"{FOLDER}/sysbench"
        with untold(password):
            return self._lab.run(
                self._lab.web,
                f"umask 077\ncat > {file} <<'END'\n{options}END\n"
                f"sysbench --config-file={file} {what} || exit\ntimes",
            )

    def run(self, run: Run, rate: int) -> dict[str, Any]:
        """Make one run and return its result.

        rate
            Transactions a second; 0 for as many as go.
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        before = self._spent(run.path)
        text = self._sysbench(
            self._place(run.members, run.path),
            f"{run.test} --time={self._seconds} --rate={rate} run",
        )
        after = self._spent(run.path)
        said = sysbench.said(text)
        cpu = {who: round(after[who] - before[who], 4) for who in before}
        return {
            **run._asdict(),
            "began": now.isoformat(timespec="seconds"),
            "versions": self._versions,
            "load": [round(os.getloadavg()[0], 2)],
            "wanted": rate,
            **said._asdict(),
            "cpu": {**cpu, "sysbench": said.cpu},
            "problems": [],
        }

    def _spent(self, path: str) -> dict[str, float]:
        """Return the processor seconds that the members and the balancer have used so far."""
        lab = self._lab
        asked = [(name, "mysql") for name in lab.databases]
        if path != DIRECT:
            asked.append((lab.proxy, UNIT + ROUTER if path == ROUTER else "haproxy"))
        with ThreadPoolExecutor() as pool:
            spent = list(pool.map(lambda one: self._cpu(*one), asked))
        found = {"mysqld": sum(spent[: len(lab.databases)])}
        if path != DIRECT:
            found["balancer"] = spent[-1]
        return found

    def _cpu(self, machine: str, unit: str) -> float:
        """Return the processor seconds of a unit, from its control group."""
        return int(self._lab.run(machine, f"systemctl show -p CPUUsageNSec --value {unit}")) / 1e9


def show(result: dict[str, Any]) -> str:
    """Return a run's result in a line."""
    wanted = f"of {result['wanted']}/s" if result["wanted"] else ""
    cpu = "  ".join(
        f"{who} {1e6 * spent / max(1, result['queries']):.0f}"
        for who, spent in result["cpu"].items()
    )
    return (
        f"{result['test']:18} {result['round']:2} {result['members']:3} {result['path']:13} "
        f"{result['transactions'] / result['seconds']:8.0f}/s {wanted:12} "
        f"p95 {result['p95']:7.2f} ms  µs a query: {cpu}"
    )

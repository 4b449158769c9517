"""The paths from a client to the group, and the two that stand beside ours while it is measured."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.clients import Place
from bench.plan import DIRECT, OURS, ROUTER, TCP_CHECK
from tests.support.lab import Lab
from tests.support.packages import installed

PORTS = {OURS[0]: 3306, OURS[1]: 3307, TCP_CHECK: 3406, ROUTER: 3506}
# Router's port that leads to one member, where that is compared.
ROUTER_ONE_PORT = 3507
# Of each path; those of the direct one are at the survivors, in equal numbers.
CLIENTS = 4

# On the proxy machine: gone with its next boot, whatever happens.
FOLDER = "/run/mysql-gr-bench"
UNIT = "mysql-gr-bench-"
METADATA = "mysql_innodb_cluster_metadata"
ACCOUNT = "mysql_gr_bench"


def places(lab: Lab, paths: Iterable[str], victim: str) -> list[Place]:
    """Return where each client of a round connects to.

    Those of the direct path are at the members that the fault does not meet.
    """
    found = []
    for path in paths:
        if path == DIRECT:
            others = [name for name in lab.databases if name != victim]
            each = max(1, CLIENTS // len(others))
            found += [Place(path, lab.address[name], 3306) for name in others for _ in range(each)]
        else:
            found += [Place(path, lab.address[lab.proxy], PORTS[path])] * CLIENTS
    return found


def member_at(lab: Lab, port: int) -> str:
    """Return the declared name of the member that a new session at one of our ports is with."""
    with lab.session(port=port) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@report_host")
        address = cursor.fetchone()[0]
    (name,) = (name for name in lab.databases if lab.address[name] == address)
    return name


def tcp_check_config(members: Sequence[str]) -> str:
    """Return a configuration as the replaced system had it, for members' addresses."""
    lines = [
        f"listen {TCP_CHECK}",
        f"bind :{PORTS[TCP_CHECK]}",
        "mode tcp",
        "balance roundrobin",
        "retries 2",
        "timeout connect 3000",
        "timeout server 5000",
        "timeout client 5000",
        *(f"server mysql-{n} {ip}:3306 check" for n, ip in enumerate(members, 1)),
    ]
    return "\n  ".join(lines) + "\n"


def router_config(one: str = "") -> str:
    """Return MySQL Router's configuration: what is not said is its own default.

    TLS is between client and server, as it is with HAProxy.

    one
        The address of a member that a port of its own leads to. Default: there is none.
    """
    alone = f"""
[routing:one]
bind_address=0.0.0.0
bind_port={ROUTER_ONE_PORT}
destinations={one}:3306
routing_strategy=first-available
protocol=classic
client_ssl_mode=PASSTHROUGH
"""
    return f"""[DEFAULT]
name=bench
logging_folder=
keyring_path={FOLDER}/keyring
master_key_path={FOLDER}/key
dynamic_state={FOLDER}/state.json
unknown_config_option=error

[logger]
level=INFO

[metadata_cache:bench]
cluster_type=gr
router_id=1
user={ACCOUNT}
metadata_cluster=bench
ttl=0.5

[routing:writer]
bind_address=0.0.0.0
bind_port={PORTS[ROUTER]}
destinations=metadata-cache://bench/?role=PRIMARY
routing_strategy=round-robin
protocol=classic
client_ssl_mode=PASSTHROUGH
{alone if one else ""}"""


def router_state(group: str, members: Sequence[str]) -> dict[str, Any]:
    """Return what Router reads first: the group's name, and whom to ask for the rest."""
    return {
        "metadata-cache": {
            "group-replication-id": group,
            "cluster-metadata-servers": [f"mysql://{ip}:3306" for ip in members],
        },
        "version": "1.0.0",
    }


def metadata(proxy: str, password: str) -> str:
    """Return the SQL that makes what Router reads, as MySQL Shell's schema of version 2.2 has it.

    Only what Router asks for is there. ``stats_updates_frequency`` 0: it writes nothing itself.

    proxy
        The address that Router comes from.

    password
        Its account's.
    """
    group, account = "@@GLOBAL.group_replication_group_name", f"'{ACCOUNT}'@'{proxy}'"
    return f"""{metadata_gone(proxy)}
CREATE DATABASE {METADATA};
USE {METADATA};
CREATE VIEW schema_version AS SELECT 2 AS major, 2 AS minor, 0 AS patch;
CREATE TABLE v2_gr_clusters (cluster_id CHAR(36) PRIMARY KEY, cluster_name VARCHAR(40),
  group_name CHAR(36), cluster_type VARCHAR(10), attributes JSON);
INSERT INTO v2_gr_clusters VALUES ({group}, 'bench', {group}, 'gr', '{{}}');
CREATE VIEW v2_clusters AS SELECT * FROM v2_gr_clusters;
CREATE TABLE v2_instances (instance_id INT PRIMARY KEY, cluster_id CHAR(36), label VARCHAR(64),
  mysql_server_uuid CHAR(36), address VARCHAR(64), endpoint VARCHAR(64), xendpoint VARCHAR(64),
  attributes JSON);
INSERT INTO v2_instances SELECT ROW_NUMBER() OVER (ORDER BY member_host), {group}, member_host,
  member_id, CONCAT(member_host, ':', member_port), CONCAT(member_host, ':', member_port), '',
  '{{}}'
  FROM performance_schema.replication_group_members;
CREATE VIEW v2_this_instance AS SELECT cluster_id, instance_id, cluster_name, cluster_type
  FROM v2_instances JOIN v2_gr_clusters USING (cluster_id) WHERE mysql_server_uuid =
  (SELECT variable_value FROM performance_schema.global_variables
   WHERE variable_name = 'server_uuid');
CREATE TABLE v2_cs_members (cluster_id CHAR(36) PRIMARY KEY, clusterset_id CHAR(36),
  member_role VARCHAR(10), invalidated INT);
CREATE TABLE v2_cs_clustersets (clusterset_id CHAR(36) PRIMARY KEY, domain_name VARCHAR(40),
  view_id INT);
CREATE TABLE v2_routers (router_id INT PRIMARY KEY, cluster_id CHAR(36), router_name VARCHAR(64),
  address VARCHAR(64), version VARCHAR(12), last_check_in TIMESTAMP NULL, attributes JSON,
  options JSON);
INSERT INTO v2_routers VALUES (1, {group}, 'bench', '{proxy}', NULL, NULL, '{{}}', '{{}}');
CREATE VIEW v2_router_options AS
  SELECT router_id, '{{"stats_updates_frequency": 0}}' AS router_options FROM v2_routers;
CREATE USER {account} IDENTIFIED BY '{password}';
GRANT SELECT ON {METADATA}.* TO {account};
GRANT UPDATE ON {METADATA}.v2_routers TO {account};
GRANT SELECT ON performance_schema.replication_group_members TO {account};
GRANT SELECT ON performance_schema.replication_group_member_stats TO {account};
GRANT SELECT ON performance_schema.global_variables TO {account};
"""


def metadata_gone(proxy: str) -> str:
    """Return the SQL that takes it away."""
    return f"DROP DATABASE IF EXISTS {METADATA};\nDROP USER IF EXISTS '{ACCOUNT}'@'{proxy}';"


@contextmanager
def beside(lab: Lab, paths: Iterable[str], one: str = "") -> Iterator[None]:
    """Return a context in which those of the paths that are not ours run on the proxy machine.

    The lab is as before at its end. What a run that was killed has left is taken away first.

    one
        As for :py:func:`router_config`.
    """
    members = [lab.address[name] for name in lab.databases]
    with ExitStack() as stack:
        if ROUTER in paths:
            stack.enter_context(installed(lab, lab.proxy, "mysql-router"))
        _gone(lab)
        stack.callback(_gone, lab)
        lab.run(lab.proxy, f"install -d -m 0700 {FOLDER}")
        if TCP_CHECK in paths:
            _write(lab, "haproxy.cfg", tcp_check_config(members))
            _start(lab, TCP_CHECK, f"haproxy -db -f {FOLDER}/haproxy.cfg")
        if ROUTER in paths:
            stack.enter_context(_router(lab, members, one))
        yield


@contextmanager
def _router(lab: Lab, members: Sequence[str], one: str) -> Iterator[None]:
    proxy, password = lab.address[lab.proxy], secrets.token_hex(16)
    coordinator = member_at(lab, PORTS[OURS[1]])
    group = lab.sql(coordinator, "SELECT @@GLOBAL.group_replication_group_name")
    try:
        with untold(password):
            lab.sql(coordinator, metadata(proxy, password))
        _write(lab, "router.conf", router_config(one))
        _write(lab, "state.json", json.dumps(router_state(group, members)))
        keyring = f"--master-key-file={FOLDER}/key"
        with untold(password):
            lab.run(
                lab.proxy,
                f"set -e\nmysqlrouter_keyring init {keyring} {FOLDER}/keyring\n"
                f"mysqlrouter_keyring set {keyring} {FOLDER}/keyring {ACCOUNT} password <<'END'\n"
                f"{password}\nEND",
            )
        _start(lab, ROUTER, f"mysqlrouter -c {FOLDER}/router.conf")
        yield
    finally:
        lab.sql(member_at(lab, PORTS[OURS[1]]), metadata_gone(proxy))


@contextmanager
def untold(secret: str) -> Iterator[None]:
    """Keep a secret out of what is said when a command fails, which shows the command."""
    try:
        yield
    except AssertionError as err:
        raise AssertionError(str(err).replace(secret, "********")) from None


def _write(lab: Lab, name: str, text: str) -> None:
    lab.run(lab.proxy, f"cat > {FOLDER}/{name} <<'END'\n{text}\nEND")


def _start(lab: Lab, path: str, command: str) -> None:
    """Start a process as a unit, and wait until it takes connections."""
    port = PORTS[path]
    lab.run(
        lab.proxy,
        f"set -e\nsystemd-run --quiet --collect --unit={UNIT}{path} {command}\n"
        f"for try in $(seq 50)\ndo ss -Hltn 'sport = :{port}' | grep -q . && exit\n"
        "sleep 0.1\ndone\n"
        f"journalctl --no-pager -n 20 -u {UNIT}{path} >&2\nexit 1",
    )


def _gone(lab: Lab) -> None:
    lab.run(lab.proxy, f"systemctl stop '{UNIT}*'\nrm -rf {FOLDER}")

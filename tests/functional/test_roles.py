"""The table of nodes says what a machine is, whatever its id, and whom the orchestration moves."""

from __future__ import annotations

import json
from typing import Any

import pytest
import salt.loader
import salt.pillar
import salt.template

from tests.functional.conftest import MASTER
from tests.functional.test_render import execution_modules, highstate
from tests.support import lab

SUBNET = "172.28.17."
NODES = {
    "salt.example": {"ip": f"{SUBNET}50", "role": "master"},
    "front": {"ip": f"{SUBNET}51", "role": "web"},
    "db-balancer": {"ip": f"{SUBNET}52", "role": "proxy"},
    **{f"mysql-{c}": {"ip": f"{SUBNET}6{n}", "role": "db"} for n, c in enumerate("abc")},
}
GROUP = "0f6d2b5e-8d1c-4c5c-9f8f-1d2c3b4a5f60"
SECRETS = {
    "salt.example": set(),
    "front": {"application_database", "schema_database", "laravel"},
    "db-balancer": {"haproxy"},
    "mysql-a": {"group", "mysql", "application_database", "schema_database"},
    # Named as a role is, as a pattern would take them, and as those of the lab.
    "db-foreign": set(),
    "web": set(),
    "proxy": set(),
    "db1": set(),
    "mysql-aa": set(),
    "mysql-": set(),
}


def compiled(options: dict[str, Any], grains: dict[str, Any] | None = None) -> dict[str, Any]:
    """The pillar of a machine, as the master makes it of the grains that the machine has sent."""
    sent = {**options["grains"], **(grains or {})}
    return salt.pillar.get_pillar(options, sent, options["id"], "base").compile_pillar()


@pytest.mark.parametrize("machine", SECRETS)
def test_secrets_go_by_role_and_to_no_other_machine(machine, with_cluster, secrets):
    options = with_cluster(machine, nodes=NODES)
    lies = {"id": "mysql-a", "role": "db", "roles": ["db"], "host": "mysql-a"}
    for pillar in (compiled(options), compiled(options, lies)):
        assert "_errors" not in pillar
        shown = json.dumps(pillar)
        held = {name.partition(":")[0] for name, value in secrets.items() if value in shown}
        assert held == SECRETS[machine]
        if machine not in NODES or NODES[machine]["role"] == "master":
            assert set(pillar) == {"cluster"}


@pytest.mark.parametrize("name", ["db*", "?", "[a-z]*"])
def test_a_name_is_no_pattern(name, with_cluster):
    odd = {**NODES, name: {"ip": f"{SUBNET}70", "role": "db"}}
    assert set(compiled(with_cluster("db-foreign", nodes=odd))) == {"cluster"}


@pytest.mark.parametrize(
    ("machine", "formulas"),
    [
        ("salt.example", {"common", "tls"}),
        ("front", {"common", "php", "apache", "laravel", "composer", "tls"}),
        ("db-balancer", {"common", "haproxy", "keepalived"}),
        ("mysql-a", {"common", "mysql", "tls"}),
        ("mysql-c", {"common", "mysql", "tls"}),
    ],
)
def test_states_go_by_role(machine, formulas, with_cluster):
    chunks, _ = highstate(with_cluster(machine, nodes=NODES))
    assert {chunk["__sls__"].split(".")[0] for chunk in chunks} == formulas


@pytest.mark.parametrize("machine", ["db-foreign", "web", "proxy2", "db1"])
def test_a_machine_that_is_not_named_gets_no_states(machine, with_cluster):
    assert highstate(with_cluster(machine, nodes=NODES)) == ([], {})


class Master:
    """What the orchestration asks: the keys, the pillar, and minions for what is on their disks."""

    def __init__(self, nodes: dict[str, Any], disks: dict[str, Any], down: tuple[str, ...]) -> None:
        self._nodes, self._disks, self._down = nodes, disks, down
        self.asked: list[str] = []

    def wheel(self, function: str, state: str) -> dict[str, Any]:
        assert (function, state) == ("key.list", "accepted")
        return {"return": {"minions": [*self._nodes, *self._disks]}}

    def runner(self, function: str, arg: Any = None, kwarg: Any = None, **more: Any) -> Any:
        if function == "manage.up":
            return [name for name in more["tgt"] if name not in self._down]
        if function == "salt.execute":
            names, called = arg
            assert (called, kwarg["tgt_type"]) == ("cluster.traces", "list")
            self.asked += names
            return {name: self._disks[name] for name in names}
        assert function == "pillar.show_pillar"
        own = {"mysql": {"group": {"name": GROUP.upper()}}}
        declared = self._nodes.get(arg[0], {}).get("role") == "db"
        return {"cluster": {"nodes": self._nodes}, **(own if declared else {})}


@pytest.fixture
def orchestration(minion_opts) -> Any:
    """Render the orchestration for keys, disks, and machines that do not answer."""

    def render(disks: dict[str, Any], down: tuple[str, ...] = (), nodes: Any = None) -> Any:
        options = minion_opts(MASTER)
        master = Master(nodes or NODES, disks, down)
        functions = execution_modules(options)
        functions["saltutil.wheel"], functions["saltutil.runner"] = master.wheel, master.runner
        text = lab.ROOT / "salt/orch/cluster.sls"
        high = salt.template.compile_template(
            str(text), salt.loader.render(options, functions), "jinja|yaml", [], []
        )
        return high, master

    return render


def targets(high: dict[str, Any]) -> dict[str, Any]:
    """Who is targeted by which state of the orchestration, and with which SLS."""
    found = {}
    for name, declared in high.items():
        ((kind, arguments),) = declared.items()
        told = {key: value for one in arguments for key, value in one.items()}
        found[name.removeprefix("orch-cluster-")] = (told["tgt"], told.get("sls", kind))
    return found


def test_roles_of_any_name_converge_in_order(orchestration):
    found = targets(orchestration({})[0])
    assert [name for name in found if name.endswith("converged")] == [
        # Its minion signs what the others show.
        "master-converged",
        "db-converged",
        "proxy-converged",
        "web-converged",
    ]
    assert found["db-converged"][0] == ["mysql-a", "mysql-b", "mysql-c"]
    assert found["proxy-converged"][0] == ["db-balancer"]
    assert not [name for name in found if name.startswith("removed")]


def test_only_what_served_in_this_cluster_is_taken_out(orchestration):
    mine = {"group": GROUP, "servers": []}
    disks = {
        "mysql-d": mine,
        "db4": mine,
        "balancer-2": {"group": "", "servers": [f"{SUBNET}60", f"{SUBNET}61"]},
        # Of another cluster, of none, and one that does not know the question.
        "db-foreign": {"group": "11111111-8d1c-4c5c-9f8f-1d2c3b4a5f60", "servers": []},
        "proxy-foreign": {"group": "", "servers": ["192.0.2.1"]},
        "db-new": {"group": "", "servers": []},
        "mail": "'cluster.traces' is not available.",
        "db9": mine,
    }
    high, master = orchestration(disks, down=("db9",))
    assert sorted(master.asked) == sorted({*disks} - {"db9"})
    found = targets(high)
    assert found["removed-mysql-left"] == (["db4", "mysql-d"], "mysql.removed")
    assert found["removed-keepalived-left"] == (["balancer-2"], "keepalived.removed")
    strangers = {*disks} - {"mysql-d", "db4", "balancer-2"}
    touched = {name for names, _ in found.values() for name in names}
    assert not strangers & touched
    # Before anything else is done.
    required = {
        next(iter(one.values()))
        for argument in high["orch-cluster-db-converged"]["salt.state"]
        for one in argument.get("require", [])
    }
    assert {"orch-cluster-removed-mysql-left", "orch-cluster-removed-keepalived-left"} < required


def test_without_a_database_nobody_is_asked(orchestration):
    nodes = {name: node for name, node in NODES.items() if node["role"] != "db"}
    high, master = orchestration({"db4": {"group": GROUP, "servers": []}}, nodes=nodes)
    assert master.asked == []
    assert not [name for name in targets(high) if name.startswith("removed")]

"""Which member is restarted next, or why none may be now: pure, asked anew before each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

from group_replication import operation, schema_change
from group_replication.facts import writable_by
from group_replication.model import MODES, ONLINE, SINGLE_LEADER, joined
from group_replication.pending import GROUP, INITIAL, RESTART
from group_replication.verdicts import view_of

# Transactions of others that a member may have to apply yet while another one is taken away.
QUEUE_MAX = 1000
ONLY = ("all", "pending")

Facts = Mapping[str, Mapping[str, Any]]
Nodes = Mapping[str, str]


class Work(NamedTuple):
    """What is done to one member after the other, and the member's functions for it."""

    verb: str
    past: str
    # What a member says of itself, and what it does in its turn.
    look: str
    step: str
    # Of an upgrade: what all packages are to be.
    version: str = ""
    # What takes turns.
    each: str = "member"

    # What waits for it where only those are done that are pending.
    awaited: str = "an option"

    @property
    def noun(self) -> str:
        """What a whole run is called."""
        return f"rolling {self.verb}" + (f" to {self.version}" if self.version else "")


RESTARTING = Work("restart", "restarted", "mysql_operation.readiness", "mysql_maintenance.restart")


class Step(NamedTuple):
    """What comes next: the member to restart, and who is made primary before it."""

    # None: nothing is left to do.
    member: str | None
    heir: str | None = None


def purpose_of(only: str, machines: Sequence[str], work: Work = RESTARTING) -> str:
    """Return in words what a run is for; who says the same words continues it."""
    if machines:
        where = f", where {work.awaited} waits for it" if only == "pending" else ""
        return f"{work.noun} of {joined(sorted(machines))}{where}"
    return f"{work.noun} of {'pending' if only == 'pending' else 'all'} {work.each}s"


def check_arguments(nodes: Iterable[str], only: Any, machines: Any, settle: Any) -> None:
    """Refuse arguments that say of a rolling restart what cannot be."""
    if only not in ONLY:
        raise SaltInvocationError(f"only is {only!r}; expected {' or '.join(ONLY)}")
    names = list(nodes)
    if isinstance(machines, str) or not set(machines) <= set(names):
        raise SaltInvocationError(
            f"machines is {machines!r}; expected a list of {joined(names) or 'declared databases'}"
        )
    if isinstance(settle, bool) or not isinstance(settle, int | float) or not 0 <= settle <= 3600:
        raise SaltInvocationError(f"settle is {settle!r}; expected seconds from 0 to 3600")


def _all_online(nodes: Nodes, facts: Facts) -> str:
    away = [
        f"{name} {'is ' + facts[name]['state'] if facts[name]['answers'] else facts[name]['error']}"
        for name in nodes
        if facts[name]["state"] != ONLINE
    ]
    return joined(away)


def _one_view(nodes: Nodes, facts: Facts) -> str:
    """Whether every member that is ONLINE sees all that are declared ONLINE, in one group."""
    views: dict[str, list[str]] = {}
    for name in nodes:
        one = facts[name]
        if one["state"] != ONLINE:
            continue
        views.setdefault(view_of(one), []).append(name)
        if not one["quorum"]:
            return f"{name} sees no majority"
        seen = {member["host"]: member["state"] for member in one["members"]}
        odd = [
            f"{other} {seen.get(address, 'not in the group')}"
            for other, address in nodes.items()
            if seen.get(address) != ONLINE
        ]
        odd += [f"{host}, which is not declared" for host in seen if host not in nodes.values()]
        if odd:
            return f"{name} sees {joined(odd)}"
    if len(views) > 1:
        return "two groups with one name: " + "; ".join(joined(names) for names in views.values())
    return ""


def _none_kept(nodes: Nodes, facts: Facts) -> str:
    kept = [
        f"{name} is {how}: {facts[name][what]}"
        for name in nodes
        for what, how in (("paused", "paused"), ("drained", "drained"))
        if facts[name].get(what)
    ]
    return joined(kept)


def _queues(nodes: Nodes, facts: Facts) -> str:
    return joined(
        f"{name} has {facts[name]['queued']} transactions to apply, more than {QUEUE_MAX}"
        for name in nodes
        if facts[name].get("queued", 0) > QUEUE_MAX
    )


def _no_clone(nodes: Nodes, facts: Facts) -> str:
    return joined(f"{name} is at a clone" for name in nodes if facts[name].get("cloning"))


def _no_schema_change(nodes: Nodes, facts: Facts, own: bool) -> str:
    """None at all before an operation begins; one that is asked for meanwhile waits for its end."""
    for name in nodes:
        found = facts[name].get("schema_change")
        if found and not (own and found["step"] == schema_change.REQUESTED):
            return schema_change.sentence(schema_change.Change(**found))
    return ""


def _no_other_operation(nodes: Nodes, facts: Facts, owner: str, token: str) -> str:
    """An owner has one at a time: a row of its own is of a run that has died."""
    for name in nodes:
        found = facts[name].get("operation")
        one = operation.Operation(**found) if found else None
        if one and one.runs and one.token != token and one.owner != owner:
            return operation.sentence(one)
    return ""


def _settled(nodes: Nodes, facts: Facts) -> str:
    late = [name for name in nodes if facts[name].get("settled") is False]
    return f"{joined(late)} had no highstate since the pillar was changed" if late else ""


def _startable(nodes: Nodes, facts: Facts) -> str:
    """Whether each member would start with its file, and the group take it in again."""
    for name in nodes:
        if facts[name].get("invalid"):
            return f"mysqld on {name} refuses its options: {facts[name]['invalid']}"
        for option, value in facts[name].get("pending", {}).items():
            told = f"{option} on {name} is {value['running']}, and the file says {value['file']}"
            if value["class"] == INITIAL:
                return f"{told}: its data directory was made with it, and mysqld would not start"
            # Who joins takes this one from the group.
            if value["class"] == GROUP and option != SINGLE_LEADER:
                return f"{told}: the group takes no member that differs in it"
    return ""


def gates(nodes: Nodes, facts: Facts, owner: str = "", token: str = "") -> dict[str, str]:
    """
    Ask all that has to be so before a member may be restarted.

    nodes
        Declared databases and their addresses.

    facts
        Each one's part as ``readiness`` returns it; what a peer does not know of another is left
        out and asks nothing.

    owner, token
        The operation that asks: it is in its own way no more than one of its that has died.

    Returns a dict of what has to be so to "" where it is, or the sentence that says why it is not.
    """
    return {
        "all declared members are ONLINE": _all_online(nodes, facts),
        "all see one group, whole": _one_view(nodes, facts),
        "none is paused or drained": _none_kept(nodes, facts),
        "none is far behind": _queues(nodes, facts),
        "none is at a clone": _no_clone(nodes, facts),
        "no schema change": _no_schema_change(nodes, facts, bool(token)),
        "no other operation": _no_other_operation(nodes, facts, owner, token),
        "each had its highstate": _settled(nodes, facts),
        "each would start and join again": _startable(nodes, facts),
    }


def refusal(answers: Mapping[str, str]) -> str:
    """Return the first sentence of what :py:func:`gates` returned, or the empty text."""
    return next((why for why in answers.values() if why), "")


def is_restarted(name: str, facts: Facts, began: Mapping[str, Any]) -> bool:
    """Tell whether a mysqld has started anew since an operation began."""
    return facts[name].get("started") not in (None, began.get(name))


def waits(one: Mapping[str, Any]) -> bool:
    """Tell whether a member has an option that a restart would bring in."""
    return any(value["class"] == RESTART for value in one.get("pending", {}).values())


def left_to_do(
    nodes: Nodes,
    facts: Facts,
    only: str,
    machines: Sequence[str],
    began: Mapping[str, Any],
) -> list[str]:
    """
    Return the members that are still to be restarted, in declared order.

    nodes, facts
        As for :py:func:`gates`.

    only
        ``all`` or ``pending``: those with an option that waits for a restart.

    machines
        Only these; none named is all.

    began
        When each mysqld had started as the operation began.
    """
    return [
        name
        for name in nodes
        if (not machines or name in machines)
        and not is_restarted(name, facts, began)
        and (only != "pending" or waits(facts[name]))
    ]


def writer_of(nodes: Nodes, facts: Facts, sessions: Mapping[str, int]) -> str | None:
    """
    Return the member that the balancer sends the one writer to, or None.

    sessions
        Sessions by address of the balancer's section that uses one member at a time.
    """
    writable = [name for name in nodes if facts[name]["answers"] and writable_by(facts[name])]
    if not writable:
        return None
    # max takes the first of those that are alike, as the balancer does that knows no session.
    return max(writable, key=lambda name: sessions.get(nodes[name], 0))


def in_order(todo: Iterable[str], writer: str | None) -> list[str]:
    """Return members in the order in which they are restarted: the writer's last."""
    return sorted(todo, key=lambda name: name == writer)


def next_step(nodes: Nodes, facts: Facts, todo: Sequence[str], writer: str | None) -> Step:
    """
    Return which member is restarted next, and who is made primary before that.

    nodes, facts
        As for :py:func:`gates`, all of which are passed.

    todo
        The members that are still to be restarted.

    writer
        As :py:func:`writer_of` returns it.
    """
    order = in_order(todo, writer)
    if not order:
        return Step(None)
    member = order[0]
    one = facts[member]
    if one["mode"] != MODES[1] or one["role"] != "PRIMARY":
        return Step(member)
    others = [name for name in nodes if name != member]
    # It is the last one, unless only some are restarted: the others have their restart behind them.
    return Step(member, next((name for name in others if name not in todo), others[0]))


def out_of_use(
    servers: Mapping[str, Iterable[Mapping[str, Any]]], address: str, alike: Iterable[str]
) -> str:
    """
    Say which balancer does not use a member that is back, or return the empty text.

    servers
        Each balancer's servers, as ``haproxy_cfg.servers`` returns them.

    address
        The member's.

    alike
        Addresses of the members that take writes as this one does: where one of them is used, this
        one is to be.
    """
    others = set(alike)
    for proxy, table in servers.items():
        rows = [row for row in table if row["admin"] == "ready"]
        up: dict[str, set[str]] = {}
        for row in rows:
            if row["state"] in ("up", "starting"):
                up.setdefault(row["section"], set()).add(row["address"])
        mine = {row["section"] for row in rows if row["address"] == address}
        missing = [one for one in sorted(mine) if up.get(one, set()) & others - {address}]
        missing = [one for one in missing if address not in up[one]]
        if mine and not any(address in addresses for addresses in up.values()):
            missing = sorted(mine)
        if missing:
            return f"{proxy} does not use it in {joined(missing)}"
    return ""


def sessions_of(
    servers: Mapping[str, Iterable[Mapping[str, Any]]],
    stats: Mapping[str, Iterable[Mapping[str, Any]]],
    section: str,
) -> dict[str, int]:
    """
    Return sessions by address of one section, over all balancers.

    servers, stats
        Each balancer's servers and counters, as ``haproxy_cfg.servers`` and ``stats`` return them.
    """
    found: dict[str, int] = {}
    for proxy, table in servers.items():
        address = {row["server"]: row["address"] for row in table if row["section"] == section}
        for row in stats.get(proxy, ()):
            if row.get("pxname") == section and row.get("svname") in address:
                where = address[row["svname"]]
                found[where] = found.get(where, 0) + int(row.get("scur", 0))
    return found


def step_of(member: str, work: Work = RESTARTING) -> str:
    """Return how a row says that it is a member's turn."""
    return f"{work.verb} {member}"


def member_of(step: str, nodes: Iterable[str], work: Work = RESTARTING) -> str | None:
    """Return the member whose turn a row says it is, or None."""
    return next((name for name in nodes if step == step_of(name, work)), None)

"""What all web servers do together, and why they may not: pure, over what each says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from group_replication.model import joined
from salt.exceptions import SaltInvocationError

from laravel_deploy.applications import FIRST, place_of

# Each web server's part, as laravel_machine.look returns it, or its ``error`` alone.
Facts = Mapping[str, Mapping[str, Any]]

# What a deployment may be given in place of the pillar's.
GIVEN = ("rev", "build", "release")
# What orch.rotate_key rotates, and where a web server's part has its fingerprints.
ROTATED = {"APP_KEY": "keys", "JWT_SECRET": "tokens"}
WAYS_OUT = {
    "APP_KEY": "put one of them into the pillar ({place}:secrets:app_key) and call orch.rotate_key",
    "JWT_SECRET": (
        "put one of them into the pillar ({place}:secrets:jwt_secret), empty it in .env where it "
        "is another one and apply laravel.keys there: tokens that were signed with that are void"
    ),
}


def scope(application: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the pillar of a call that deals with one application, and leaves the others alone.

    application
        Its name.

    settings
        What stands over the application's own settings.
    """
    if application == FIRST:
        return {FIRST: {"only": application, **settings}}
    own = {"applications": {application: dict(settings)}} if settings else {}
    return {FIRST: {"only": application, **own}}


def overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what stands over an application's settings in the pillar of the web servers.

    given
        ``rev`` and ``build`` for another release than the pillar's, or ``release``, the name of
        one that the web servers have.

    Raises SaltInvocationError for anything else.
    """
    unknown = sorted(set(given) - set(GIVEN))
    wrong = sorted(name for name, value in given.items() if not isinstance(value, str))
    if unknown or wrong:
        raise SaltInvocationError(
            f"{joined(unknown or wrong)} given; expected texts for {joined(GIVEN)} at most"
        )
    # A pin is for another release than the one that is asked for here.
    return {"release": "", **given} if given else {}


def refusal(gates: Mapping[str, str]) -> str:
    """Return the first sentence among gates, or the empty text."""
    return next((why for why in gates.values() if why), "")


def _place(facts: Facts) -> str:
    """Return where in the pillar the application's settings are."""
    return place_of(next(iter(facts.values()))["settings"].get("application", FIRST))


def _each(facts: Facts, told: Callable[[Mapping[str, Any]], str]) -> str:
    """Return what is wrong with each web server that something is wrong with."""
    sentences = {name: told(one) for name, one in facts.items()}
    return "; ".join(f"{name}: {why}" for name, why in sentences.items() if why)


def _all_answer(facts: Facts) -> str:
    if not facts:
        return "the table of nodes has no web server"
    return _each(facts, lambda one: str(one.get("error", "")))


def _alike(facts: Facts, value: Callable[[Mapping[str, Any]], str]) -> str:
    """Return who has what where those that have something differ, or the empty text."""
    found = {name: value(one) for name, one in facts.items() if value(one)}
    return joined(f"{told} on {name}" for name, told in found.items()) if _many(found) else ""


def _many(found: Mapping[str, str]) -> bool:
    return len(set(found.values())) > 1


def _one_release(facts: Facts) -> str:
    differ = _alike(facts, lambda one: one["release"])
    return f"the source makes {differ}: expected one release on all" if differ else ""


def _one_key(facts: Facts, key: str) -> str:
    differ = _alike(facts, lambda one: one["keys"][key])
    way = WAYS_OUT[key].format(place=_place(facts))
    return f"{key} has the fingerprints {differ}: {way}" if differ else ""


def _one_lock(facts: Facts) -> str:
    differ = _alike(facts, lambda one: one["lock"])
    if not differ:
        return ""
    return (
        f"composer.lock has the digests {differ}: commit one with the code, or deploy "
        f"another build ({_place(facts)}:build), for which all take the lock of one"
    )


def _not_stopped(facts: Facts, named: bool) -> str:
    if named:
        return ""
    why = _each(facts, lambda one: str(one["stopped"]).rstrip("."))
    if not why:
        return ""
    release = next(one["release"] for one in facts.values() if one["stopped"])
    return f"{release} was stopped ({why}). release= names it where it is to serve all the same"


def deployment_gates(facts: Facts, named: bool) -> dict[str, str]:
    """
    Ask all that has to be so before a deployment touches anything.

    facts
        Each web server's part.

    named
        The release was named by the call: one that was stopped may serve again.

    Returns a dict of what has to be so to "" where it is, or the sentence that says why it is not.
    """
    gates = {"every web server answers": _all_answer(facts)}
    if any(gates.values()):
        return gates
    return {
        **gates,
        "all have one release": _one_release(facts),
        "it was stopped on none": _not_stopped(facts, named),
        "APP_KEY is one": _one_key(facts, "APP_KEY"),
        "JWT_SECRET is one": _one_key(facts, "JWT_SECRET"),
        "composer.lock is one": _one_lock(facts),
    }


def deployment_plan(facts: Facts, named: bool = False) -> dict[str, Any]:
    """
    Say what a deployment on all web servers would do.

    facts, named
        As for :py:func:`deployment_gates`.

    Returns what ``laravel_deployment.plan`` does.
    """
    gates = deployment_gates(facts, named)
    plan = {"release": "", "revision": "", "build": [], "migrations": [], "migrates": "",
            "machines": [], "serves": {}, "directories": {}, "gates": gates,
            "refused": refusal(gates)}  # fmt: skip
    if gates["every web server answers"]:
        return plan
    first = next(iter(facts.values()))
    node = first["settings"]["migrate"]["node"]
    migrates = node if node in facts else next(iter(facts))
    return {
        **plan,
        "release": first["release"],
        "revision": first["revision"],
        "build": [name for name, one in facts.items() if not one["complete"]],
        "migrations": list(facts[migrates]["migrations"]),
        "migrates": migrates,
        "machines": _others(facts, first["release"]),
        "serves": {name: one["serves"] for name, one in facts.items()},
        "directories": {name: one["settings"]["directory"] for name, one in facts.items()},
    }


def built_refusal(facts: Facts, release: str) -> str:
    """Return why a release that was built everywhere must not be switched to, or the empty text."""
    gates = deployment_gates(facts, named=True)
    if any(gates.values()):
        return refusal(gates)
    other = _each(
        facts,
        lambda one: f"the source makes {one['release']} by now" * (one["release"] != release),
    )
    without = _each(facts, lambda one: "" if one["complete"] else f"{release} is not complete")
    return other or without


def way_back(one: Mapping[str, Any], release: str) -> str:
    """Return the release that a web server goes back to from one, or nothing."""
    # It serves already where a deployment was killed between two switches.
    return str(one["before"] if one["serves"] in ("", release) else one["serves"])


def rollback_plan(facts: Facts, release: str) -> dict[str, Any]:
    """
    Say what going back to one release on all web servers would do.

    facts
        Each web server's part; of sources and databases nothing is asked.

    release
        Its name; the empty text for the one that served before, if that is one.

    Returns what ``laravel_deployment.rollback_plan`` does.
    """
    gates = {"every web server answers": _all_answer(facts)}
    if any(gates.values()):
        return {"release": release, "machines": [], "serves": {}, "gates": gates,
                "refused": refusal(gates)}  # fmt: skip
    name = release or next(iter(facts.values()))["before"]
    gates["one release is meant"] = "" if release else _one_before(facts)
    gates["every web server has it"] = _each(facts, lambda one: _missing(one, name))
    return {
        "release": name,
        "machines": _others(facts, name),
        "serves": {machine: one["serves"] for machine, one in facts.items()},
        "gates": gates,
        "refused": refusal(gates),
    }


def _one_before(facts: Facts) -> str:
    found = {name: one["before"] or "none" for name, one in facts.items()}
    if set(found.values()) != {"none"} and not _many(found):
        return ""
    told = joined(f"{before} on {name}" for name, before in found.items())
    common = set.intersection(*(set(one["releases"]) for one in facts.values()))
    return (
        f"the release before is {told}; expected release= and one of "
        f"{joined(sorted(common)) or 'those that all have, of which there is none'}"
    )


def _missing(one: Mapping[str, Any], release: str) -> str:
    if release in one["releases"]:
        return ""
    return f"it has no complete release {release!r}; it has {joined(one['releases']) or 'none'}"


def _others(facts: Facts, release: str) -> list[str]:
    return [name for name, one in facts.items() if one["serves"] != release]


def check_rotated(key: str) -> None:
    """Refuse what orch.rotate_key does not rotate."""
    if key not in ROTATED:
        raise SaltInvocationError(f"key is {key!r}; expected {' or '.join(ROTATED)}")


def rotation_plan(facts: Facts, key: str) -> dict[str, Any]:
    """
    Say which of the two steps of a new key is left on which web server.

    facts
        Each web server's part.

    key
        One of ROTATED.

    Returns what ``laravel_deployment.rotation_plan`` does.
    """
    gates = {"every web server answers": _all_answer(facts)}
    if not any(gates.values()):
        keys = {name: one[ROTATED[key]] for name, one in facts.items()}
        gates["the pillar has a key"] = _each(keys, lambda one: str(one["problem"]))
        differ = _alike(keys, lambda one: one["wanted"])
        gates["the pillar has one key for all"] = (
            f"the web servers' pillars have {differ}: expected one key" if differ else ""
        )
        gates["each has a key"] = _each(
            keys, lambda one: "" if one[key] else f"it has no {key} yet"
        )
    if any(gates.values()):
        return {"accept": [], "sign": [], "gates": gates, "refused": refusal(gates)}
    return {
        "accept": [name for name, one in keys.items() if not _accepts(one, key)],
        "sign": [
            name for name, one in keys.items() if one[key] != one["wanted"] or not one["in_use"]
        ],
        "gates": gates,
        "refused": "",
    }


def _accepts(one: Mapping[str, Any], key: str) -> bool:
    known: Sequence[str] = [one[key], *one["accepted"]]
    return one["wanted"] in known and bool(one["in_use"])

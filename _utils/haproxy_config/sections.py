"""From the pillar's sections and the table of nodes to a configuration, checked piece by piece."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

from haproxy_config.secrets import (
    REFERENCE,
    REFERENCE_START,
    credentials,
    fill_directive,
    mask_credentials,
    masker,
)
from haproxy_config.syntax import BLANKS, CONTROL, NAME, SECTIONS, as_text, first_word

SERVERS_KEYS = {"prefix", "port", "params", "standby", "role"}


class Config(NamedTuple):
    """A whole configuration with its secrets filled in, and what it takes to hide them."""

    sections: dict[str, list[str]]
    text: str
    shown: str
    secrets: frozenset[str]
    mask: Callable[[str], str]


def _place(header: str, directive: Any) -> str:
    if isinstance(directive, str):
        shown = repr(mask_credentials(directive))
    elif isinstance(directive, Mapping):
        keys = ", ".join(repr(mask_credentials(str(key))) for key in directive)
        shown = f"the mapping of {keys}"
    else:
        shown = type(directive).__name__
    return f"haproxy:sections, section {header!r}, directive {shown}"


def _check_header(header: Any) -> None:
    known = ", ".join(SECTIONS)
    if not isinstance(header, str):
        raise SaltInvocationError(
            f"haproxy:sections: {header!r} is no section header: write text as HAProxy does, "
            f"for example 'listen mysql-cluster' (known: {known})"
        )
    keyword, *arguments = header.split() or [""]
    if keyword not in SECTIONS:
        raise SaltInvocationError(
            f"haproxy:sections: {header!r} begins with {keyword!r}, which is no section of "
            f"HAProxy: use one of {known}"
        )
    if any(not NAME.fullmatch(argument) for argument in arguments):
        raise SaltInvocationError(
            f"haproxy:sections: the name in {header!r} may hold only letters, digits and - _ . :"
        )
    spelled = " ".join([keyword, *arguments])
    if header != spelled:
        raise SaltInvocationError(
            f"haproxy:sections: {header!r} has stray blanks: write it {spelled!r}"
        )
    if SECTIONS[keyword] and not arguments:
        raise SaltInvocationError(
            f"haproxy:sections: {header!r} has no name: write '{keyword} NAME'"
        )


def _check_directive(header: str, directive: Any) -> str:
    place = _place(header, directive)
    if not isinstance(directive, str):
        raise SaltInvocationError(f"{place} is not text: quote it as HAProxy spells it")
    if not directive.strip(BLANKS + "\n"):
        raise SaltInvocationError(
            f"{place} is empty: remove it, or write a comment that starts with #"
        )
    if "\n" in directive:
        raise SaltInvocationError(f"{place} holds a line break: make it one list item per line")
    if directive != directive.strip(BLANKS):
        raise SaltInvocationError(f"{place} begins or ends with a blank: remove it, or quote it")
    if CONTROL.search(directive):
        raise SaltInvocationError(f"{place} holds a control character: HAProxy spells it \\xNN")
    if first_word(directive) in SECTIONS:
        raise SaltInvocationError(
            f"{place} would begin a section of its own: make it a key of haproxy:sections"
        )
    if not directive.startswith("#") and REFERENCE_START.search(REFERENCE.sub("", directive)):
        raise SaltInvocationError(
            f"{place} holds an unfinished reference: write ${{pillar:KEY}} for a secret, "
            "or ${plain:KEY}"
        )
    return directive


def _server_lines(place: str, servers: Any, nodes: Any) -> list[str]:
    if not isinstance(servers, Mapping):
        raise SaltInvocationError(f"{place}: 'servers' takes a mapping with 'prefix' and 'port'")
    unknown = sorted(map(str, set(servers) - SERVERS_KEYS))
    if unknown:
        raise SaltInvocationError(
            f"{place}: 'servers' does not know {', '.join(unknown)}: "
            f"it takes {', '.join(sorted(SERVERS_KEYS))}"
        )
    missing = [key for key in ("prefix", "port") if servers.get(key) in (None, "")]
    if missing:
        raise SaltInvocationError(f"{place}: 'servers' needs {' and '.join(missing)}")
    role = servers.get("role", "db")
    if not isinstance(nodes, Mapping) or not all(isinstance(n, Mapping) for n in nodes.values()):
        raise SaltInvocationError(
            f"{place}: cluster:nodes must map each node's id to its ip and role"
        )
    members = {name: node for name, node in nodes.items() if node.get("role") == role}
    if not members:
        raise SaltInvocationError(
            f"{place}: cluster:nodes holds no node with the role {role!r}: declare one, "
            "and let this machine's pillar hold the table"
        )
    lines = []
    for count, (name, node) in enumerate(members.items(), start=1):
        address = node.get("ip")
        if not isinstance(address, str) or not NAME.fullmatch(address):
            raise SaltInvocationError(
                f"cluster:nodes:{name}:ip is {address!r}: write the node's address or host name"
            )
        host = f"[{address}]" if ":" in address else address
        words = [f"server {servers['prefix']}-{count} {host}:{servers['port']}"]
        words += [servers["params"]] if servers.get("params") else []
        words += [servers["standby"]] if servers.get("standby") and count > 1 else []
        lines.append(" ".join(map(str, words)))
    return lines


def expand(sections: Any, nodes: Any) -> dict[str, list[str]]:
    """Return every section's directives as text, checked, with references still in them."""
    if not isinstance(sections, Mapping) or not sections:
        raise SaltInvocationError(
            "haproxy:sections is missing or no mapping: let this machine's pillar map each section "
            "header to its list of directives"
        )
    expanded: dict[str, list[str]] = {}
    for header, directives in sections.items():
        _check_header(header)
        if directives is None:
            continue
        if not isinstance(directives, list | tuple):
            raise SaltInvocationError(
                f"haproxy:sections, section {header!r} is no list: write one directive per item, "
                "[] for none, or null to leave the section out"
            )
        expanded[header] = []
        for directive in directives:
            lines = [directive]
            if isinstance(directive, Mapping):
                place = _place(header, directive)
                if set(directive) != {"servers"}:
                    raise SaltInvocationError(
                        f"{place}: only 'servers' may be a mapping; quote a directive that holds "
                        "a colon and a blank"
                    )
                lines = _server_lines(place, directive["servers"], nodes)
            expanded[header] += [_check_directive(header, line) for line in lines]
    return expanded


def _keys(expanded: Mapping[str, list[str]]) -> set[str]:
    return {
        match[2]
        for directives in expanded.values()
        for directive in directives
        if not directive.startswith("#")
        for match in REFERENCE.finditer(directive)
    }


def fill(expanded: Mapping[str, list[str]], settings: Mapping[str, Any]) -> Config:
    """Return the configuration, with settings by key in place of the references."""
    lines = {
        header: [fill_directive(_place(header, d), d, settings) for d in directives]
        for header, directives in expanded.items()
    }
    every = [line for section in lines.values() for line in section]
    mask = masker(every)
    sections = {header: [line.text for line in section] for header, section in lines.items()}
    shown = {header: [mask(line.text) for line in section] for header, section in lines.items()}
    secrets = frozenset().union(*(line.secrets | credentials(line.text) for line in every))
    return Config(sections, as_text(sections), as_text(shown), secrets, mask)


def configuration(sections: Any, nodes: Any, setting: Callable[[str], Any]) -> Config:
    """
    Return the configuration that the sections describe.

    sections, nodes
        The pillar's ``haproxy:sections`` and ``cluster:nodes``.

    setting
        Returns a setting that a directive refers to, by its key, or None where there is none.

    Raises SaltInvocationError when the data is no configuration, or a setting is missing.
    """
    expanded = expand(sections, nodes)
    return fill(expanded, {key: setting(key) for key in _keys(expanded)})


def of_text(text: str, known: Config) -> Config:
    """Return the configuration that a text of any origin is, hidden by what is known."""
    lines, shown = text.split("\n"), []
    for line in lines:
        bare = line.strip(BLANKS)
        indent = line[: len(line) - len(line.lstrip(BLANKS))]
        shown.append(indent + known.mask(bare) if bare else "")
    secrets = known.secrets.union(*(credentials(line.strip(BLANKS)) for line in lines))
    return known._replace(text=text, shown="\n".join(shown), secrets=secrets)


def runtime_socket(sections: Mapping[str, list[str]]) -> str:
    """Return the path of the first runtime socket that the configuration opens, or ''."""
    matches = map(
        re.compile(r"stats\s+socket\s+(?:unix@)?(/\S+)").match, sections.get("global", [])
    )
    return next((match[1] for match in matches if match), "")


def loaded_files(sections: Mapping[str, list[str]]) -> list[str]:
    """Return the paths of the Lua files and of the certificates that the configuration loads."""
    found = []
    for directive in (one for section in sections.values() for one in section):
        words = directive.split()
        if words[:1] == ["lua-load"]:
            found += words[1:2]
        elif words[:1] == ["bind"] and "crt" in words:
            found += words[words.index("crt") + 1 :][:1]
    return found

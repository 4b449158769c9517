"""
HAProxy's configuration file from pillar data, judged by HAProxy before it replaces anything.

The pillar holds sections and directives in order, spelled as HAProxy spells them; docs/haproxy.md
has the form. Values written as ``${pillar:KEY}`` are secrets: they reach the file, nothing else.
"""

import csv
import grp
import os
import pwd
import re
import socket as sockets
import tempfile
import time
import typing
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import SequenceMatcher
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import salt.utils.files
import salt.utils.path
from salt.exceptions import CommandExecutionError, SaltInvocationError
from whole_file import write_whole

if typing.TYPE_CHECKING:
    __salt__: dict[str, Callable[..., Any]]

CONFIG_FILE = "/etc/haproxy/haproxy.cfg"
RUNTIME_SOCKET = "/run/haproxy/admin.sock"
CHECK_TIMEOUT = 30
RELOAD_TIMEOUT = 10
MASK = "********"
BANNER = (
    "# Kept by Salt from the pillar (haproxy:sections): what is changed here by hand is replaced.\n"
)
# The characters that HAProxy takes for blanks. str.strip() would take U+00A0 and others too.
BLANKS = " \t\r\v\f"

# Each keyword that begins a section, and whether a name has to follow.
SECTIONS = {
    "global": False,
    "defaults": False,
    "frontend": True,
    "backend": True,
    "listen": True,
    "acme": True,
    "cache": True,
    "crt-store": False,
    "fcgi-app": True,
    "http-errors": True,
    "log-forward": True,
    "log-profile": True,
    "mailers": True,
    "namespace_list": False,
    "peers": True,
    "program": True,
    "resolvers": True,
    "ring": True,
    "traces": False,
    "userlist": True,
}
SERVERS_KEYS = {"prefix", "port", "params", "standby", "role"}

_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_REFERENCE = re.compile(r"\$\{(pillar|plain):([^{}\s]+)\}")
_REFERENCE_START = re.compile(r"\$\{(?:pillar|plain)\b")
_CREDENTIALS = re.compile(
    r"(\W*stats\s+auth\s+(?:[\w.@-]+:)?|\W*user\s+\S+\s+(?:insecure-)?password\s+)(.+)",
    re.DOTALL,
)
_JUDGED = re.compile(r"\[(ALERT|WARNING)\]\s*\(\d+\)\s*:\s*(?:config\s*:\s*)?(.*)")
_JUDGED_SUMMARY = re.compile(r"(Error\(s\) found in|Fatal errors found in) ")

_OPERATIONAL = {"0": "down", "1": "starting", "2": "up", "3": "stopping"}
ADMIN = ("ready", "drain", "maint")
_ADMIN_MAINT = 0x01 | 0x02 | 0x04 | 0x20 | 0x40
_ADMIN_DRAIN = 0x08 | 0x10


class _Line(NamedTuple):
    """One directive: as HAProxy reads it, as people may see it, and the secrets between the two."""

    text: str
    shown: str
    secrets: frozenset[str]


class _Config(NamedTuple):
    """A whole configuration with its secrets filled in, and what it takes to hide them."""

    sections: dict[str, list[str]]
    text: str
    shown: str
    secrets: frozenset[str]
    mask: Callable[[str], str]


# --------------------------------------------------------------------------------------------------
# From pillar data to directives: pure
# --------------------------------------------------------------------------------------------------


def _first_word(line: str) -> str:
    return re.split(f"[{BLANKS}]", line, maxsplit=1)[0]


def _mask_credentials(line: str) -> str:
    match = _CREDENTIALS.match(line)
    # What is only referred to is no secret yet.
    typed = match and _REFERENCE.sub("", match[2]).strip(":\"'")
    return f"{match[1]}{MASK}" if match and typed else line


def _credentials(line: str) -> set[str]:
    match = _CREDENTIALS.match(line)
    return {match[2]} if match else set()


def _place(header: str, directive: Any) -> str:
    if isinstance(directive, str):
        shown = repr(_mask_credentials(directive))
    elif isinstance(directive, Mapping):
        keys = ", ".join(repr(_mask_credentials(str(key))) for key in directive)
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
    if any(not _NAME.fullmatch(argument) for argument in arguments):
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
    if _CONTROL.search(directive):
        raise SaltInvocationError(f"{place} holds a control character: HAProxy spells it \\xNN")
    if _first_word(directive) in SECTIONS:
        raise SaltInvocationError(
            f"{place} would begin a section of its own: make it a key of haproxy:sections"
        )
    if not directive.startswith("#") and _REFERENCE_START.search(_REFERENCE.sub("", directive)):
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
        if not isinstance(address, str) or not _NAME.fullmatch(address):
            raise SaltInvocationError(
                f"cluster:nodes:{name}:ip is {address!r}: write the node's address or host name"
            )
        host = f"[{address}]" if ":" in address else address
        words = [f"server {servers['prefix']}-{count} {host}:{servers['port']}"]
        words += [servers["params"]] if servers.get("params") else []
        words += [servers["standby"]] if servers.get("standby") and count > 1 else []
        lines.append(" ".join(map(str, words)))
    return lines


def _expand(sections: Any, nodes: Any) -> dict[str, list[str]]:
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
        for match in _REFERENCE.finditer(directive)
    }


def _setting(place: str, key: str, value: Any, *, secret: bool) -> str:
    """Return a referenced setting as text; no error here ever shows a value."""
    if value is None or value == "":
        raise SaltInvocationError(
            f"{place} refers to {key}, which is missing or empty: set it in this machine's pillar"
        )
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SaltInvocationError(f"{place} refers to {key}, which is not text: set it to text")
    text = str(value)
    if _CONTROL.search(text) or "\t" in text:
        raise SaltInvocationError(
            f"{place} refers to {key}, which holds a line break or control character: remove it"
        )
    if secret and not text.strip("*"):
        raise SaltInvocationError(
            f"{place} refers to {key}, which holds only asterisks, as Salt shows masked values: "
            "set the real one"
        )
    return text


def _quoting(prefix: str) -> str:
    """Return the quote that is open where the text ends, or '' outside quotes."""
    quote = ""
    characters = iter(prefix)
    for character in characters:
        if character == "\\" and quote != "'":
            next(characters, None)
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
    return quote


def _escape(value: str, quote: str) -> str:
    """Return the value spelled so that HAProxy reads it unchanged where that quote is open."""
    if quote == "'":
        return value.replace("'", "'\\''")
    return re.sub(r'([\\"$])' if quote else r"([\\\"' #])", r"\\\1", value)


def _fill_directive(place: str, directive: str, settings: Mapping[str, Any]) -> _Line:
    if directive.startswith("#"):
        return _Line(directive, _mask_credentials(directive), frozenset())
    text = shown = ""
    secrets: set[str] = set()
    end = 0
    for match in _REFERENCE.finditer(directive):
        literal = directive[end : match.start()]
        text, shown, end = text + literal, shown + literal, match.end()
        secret = match[1] == "pillar"
        value = _setting(place, match[2], settings.get(match[2]), secret=secret)
        spelled = _escape(value, _quoting(text))
        text += spelled
        shown += MASK if secret else spelled
        secrets |= {value, spelled} if secret else set()
    return _Line(text + directive[end:], shown + directive[end:], frozenset(secrets))


def _masker(lines: Collection[_Line]) -> Callable[[str], str]:
    """
    Return a function that hides secrets in one line, whatever the line's origin.

    A line of the file in place may hold an old secret that the pillar no longer knows. So a line
    is hidden by its form too: when it fits a directive that holds a secret, or begins like one.
    """
    hidden = sorted({line.shown for line in lines if line.secrets})
    forms = [(re.compile(".*".join(map(re.escape, s.split(MASK)))), s) for s in hidden]
    heads = {" ".join(s.split(MASK)[0].rpartition(" ")[0].split()[:2]) for s in hidden} - {""}
    harmless = {line.text for line in lines if not line.secrets}
    secrets = sorted({s for line in lines for s in line.secrets}, key=lambda s: (-len(s), s))

    def form(line: str) -> str:
        if line in harmless:
            return line
        for pattern, shown in forms:
            if pattern.fullmatch(line):
                return shown
        start = " ".join(line.split()[:2]) + " "
        return next((f"{h} {MASK}" for h in sorted(heads) if start.startswith(f"{h} ")), line)

    def mask(line: str) -> str:
        masked = form(line)
        for secret in secrets:
            masked = masked.replace(secret, MASK)
        return _mask_credentials(masked)

    return mask


def _conceal(sentence: str, secrets: Iterable[str]) -> str:
    """Hide every piece of a secret, four characters or more, wherever someone else quotes it."""
    marked = [False] * len(sentence)
    for secret in secrets:
        width = min(len(secret), 4)
        for start in range(len(sentence) - width + 1):
            if sentence[start : start + width] in secret:
                marked[start : start + width] = [True] * width
    pieces = groupby(zip(sentence, marked, strict=True), key=lambda pair: pair[1])
    return "".join(MASK if hide else "".join(c for c, _ in piece) for hide, piece in pieces)


def _text(sections: Mapping[str, list[str]]) -> str:
    blocks = ["".join([f"\n{h}\n", *(f"    {d}\n" for d in ds)]) for h, ds in sections.items()]
    return BANNER + "".join(blocks)


def _fill(expanded: Mapping[str, list[str]], settings: Mapping[str, Any]) -> _Config:
    lines = {
        header: [_fill_directive(_place(header, d), d, settings) for d in directives]
        for header, directives in expanded.items()
    }
    every = [line for section in lines.values() for line in section]
    mask = _masker(every)
    sections = {header: [line.text for line in section] for header, section in lines.items()}
    shown = {header: [mask(line.text) for line in section] for header, section in lines.items()}
    secrets = frozenset().union(*(line.secrets | _credentials(line.text) for line in every))
    return _Config(sections, _text(sections), _text(shown), secrets, mask)


def _runtime_socket(sections: Mapping[str, list[str]]) -> str:
    """Return the path of the first runtime socket that the configuration opens, or ''."""
    matches = map(
        re.compile(r"stats\s+socket\s+(?:unix@)?(/\S+)").match, sections.get("global", [])
    )
    return next((match[1] for match in matches if match), "")


# --------------------------------------------------------------------------------------------------
# Comparing: pure
# --------------------------------------------------------------------------------------------------


def _without(items: Iterable[str], others: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split the items into those that the others lack, counted, and the rest."""
    left = Counter(others)
    extra, common = [], []
    for item in items:
        if left[item]:
            left[item] -= 1
            common.append(item)
        else:
            extra.append(item)
    return extra, common


def _moved(old: list[str], new: list[str]) -> list[str]:
    """Return what stands elsewhere in the new order, given the same items in both."""
    kept: set[int] = set()
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        kept.update(range(block.b, block.b + block.size))
    return [item for index, item in enumerate(new) if index not in kept]


def _masked_diff(
    changes: Mapping[str, Mapping[str, Any]], mask: Callable[[str], str]
) -> dict[str, dict[str, Any]]:
    return {
        header: {
            key: value if key == "section" else [mask(directive) for directive in value]
            for key, value in change.items()
        }
        for header, change in changes.items()
    }


def _changes(
    current: Mapping[str, Any] | None, config: _Config, owner: Mapping[str, str]
) -> dict[str, Any]:
    """Return what separates the file in place from the wanted one; empty when nothing does."""
    changes: dict[str, Any] = {}
    old_text = current["text"] if current else ""
    if old_text != config.text:
        try:
            old = parse(old_text)
        except SaltInvocationError as err:
            old = {}
            changes["replaced"] = f"all of the file in place: {err}"
        sections = _masked_diff(diff(old, config.sections), config.mask)
        if sections:
            changes["sections"] = sections
        elif not changes:
            changes["layout"] = "blanks, or text before the first section"
    for key, new in owner.items():
        old_value = current[key] if current else None
        if old_value != new:
            changes[key] = {"old": old_value, "new": new}
    return changes


def _verdict(output: str, checked: str, name: str, config: _Config) -> tuple[list[str], list[str]]:
    """
    Return HAProxy's errors and warnings about the checked file, in terms of the real one.

    Each names the directive that it speaks of, masked. The excerpts that HAProxy prints below some
    errors are left out: they say the same, unmasked.
    """
    shown = config.shown.split("\n")

    def translate(sentence: str) -> str:
        words = re.split(f"({re.escape(checked)}(?::[0-9]+)?)", sentence)
        for index, word in enumerate(words):
            number = word.removeprefix(f"{checked}:") if index % 2 else ""
            if number.isdecimal() and 0 < int(number) <= len(shown):
                words[index] = f"{name}:{number} {shown[int(number) - 1].strip(BLANKS)!r}"
            else:
                words[index] = name if index % 2 else _conceal(word, config.secrets)
        return "".join(words).strip().rstrip(":")

    found: dict[str, list[str]] = {"ALERT": [], "WARNING": []}
    last: list[str] = []
    for line in output.split("\n"):
        match = _JUDGED.match(line)
        if match and not _JUDGED_SUMMARY.match(match[2]):
            last = found[match[1]]
            last.append(translate(match[2]))
        elif last and line.startswith("   | "):
            last[-1] += " " + translate(line[5:])
    return found["ALERT"], found["WARNING"]


# --------------------------------------------------------------------------------------------------
# The machine: pillar, files, the judge, the service, the runtime socket
# --------------------------------------------------------------------------------------------------


def _load(sections: Any, nodes: Any) -> _Config:
    if sections is None:
        sections = __salt__["config.get"]("haproxy:sections", default={})
    if nodes is None:
        nodes = __salt__["config.get"]("cluster:nodes", default={})
    expanded = _expand(sections, nodes)
    settings = {key: __salt__["config.get"](key, default=None) for key in _keys(expanded)}
    return _fill(expanded, settings)


def _lookup(identifier: int, database: Callable[[int], Any]) -> str:
    try:
        return database(identifier)[0]
    except KeyError:
        return str(identifier)


def _current(name: str) -> dict[str, Any] | None:
    """Return the file's text, user, group and mode, or None when there is no file."""
    path = Path(name)
    try:
        status = path.stat()
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as err:
        raise CommandExecutionError(f"{name} cannot be read: {err.strerror}") from err
    return {
        "text": text,
        "user": _lookup(status.st_uid, pwd.getpwuid),
        "group": _lookup(status.st_gid, grp.getgrgid),
        "mode": f"{status.st_mode & 0o7777:04o}",
    }


def _read(name: str) -> dict[str, Any]:
    current = _current(name)
    if current is None:
        raise CommandExecutionError(f"{name} does not exist")
    return current


def _known() -> _Config:
    """Return the pillar's configuration, for the secrets it knows; an empty one without pillar."""
    if __salt__["config.get"]("haproxy:sections", default={}):
        return _load(None, None)
    return _fill({}, {})


def _ids(owner: Mapping[str, str]) -> tuple[int, int]:
    try:
        return pwd.getpwnam(owner["user"]).pw_uid, grp.getgrnam(owner["group"]).gr_gid
    except KeyError as err:
        raise CommandExecutionError(
            f"{owner['user']}:{owner['group']} cannot own the file: {err.args[0]}; "
            "install the haproxy package first, or name others"
        ) from err


def _set_owner(name: str, owner: Mapping[str, str]) -> None:
    os.chown(name, *_ids(owner))
    Path(name).chmod(int(owner["mode"], 8))


def _replace(name: str, text: str, owner: Mapping[str, str]) -> None:
    """Put the text in place in one step: a reader finds the old file or the new one, whole."""
    try:
        write_whole(Path(name), text, int(owner["mode"], 8), _ids(owner))
    except OSError as err:
        raise CommandExecutionError(f"{name} cannot be written: {err.strerror}") from err


def _judge(name: str, config: _Config) -> list[str] | None:
    """Return HAProxy's warnings about the text, or None when there is no HAProxy to ask."""
    binary = salt.utils.path.which("haproxy")
    if not binary:
        return None
    # Beside the real file, since paths in it may be relative to it ("default-path config").
    directory = Path(name).parent
    try:
        handle, temporary = tempfile.mkstemp(
            prefix=".haproxy-check-", dir=directory if directory.is_dir() else None
        )
    except OSError as err:
        raise CommandExecutionError(f"no file to check in {directory}: {err.strerror}") from err
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(config.text.encode("utf-8", "surrogateescape"))
        answer = __salt__["cmd.run_all"](
            [binary, "-c", "-f", temporary],
            python_shell=False,
            timeout=CHECK_TIMEOUT,
            output_loglevel="quiet",
            ignore_retcode=True,
        )
    except OSError as err:
        raise CommandExecutionError(f"no file to check in {directory}: {err.strerror}") from err
    finally:
        Path(temporary).unlink(missing_ok=True)
    if answer["retcode"] is None:
        raise CommandExecutionError(f"haproxy -c did not answer within {CHECK_TIMEOUT} s")
    output = "\n".join([answer["stdout"], answer["stderr"]])
    errors, warnings = _verdict(output, temporary, name, config)
    if answer["retcode"] != 0:
        words = "; ".join(errors or [f"it ended with {answer['retcode']} and gave no reason"])
        raise CommandExecutionError(f"haproxy -c refuses the configuration: {words}")
    return warnings


def _owner(user: str, group: str, mode: str | int) -> dict[str, str]:
    normal = salt.utils.files.normalize_mode(mode)
    if not re.fullmatch(r"[0-7]{4}", normal):
        raise SaltInvocationError(f"mode {mode!r} is no file mode: write it like '0640'")
    return {"user": user, "group": group, "mode": normal}


def _plan(
    name: str, sections: Any, nodes: Any, owner: Mapping[str, str]
) -> tuple[dict[str, Any], _Config, dict[str, Any] | None]:
    if not name.startswith("/"):
        raise SaltInvocationError(f"name {name!r} is no absolute path: write it like {CONFIG_FILE}")
    config = _load(sections, nodes)
    current = _current(name)
    content = current is None or current["text"] != config.text
    warnings = _judge(name, config) if content else []
    plan_ = {
        "changes": _changes(current, config, owner),
        "content": content,
        "judged": warnings is not None,
        "warnings": warnings or [],
    }
    return plan_, config, current


def _ask(command: str, socket: str, timeout: float) -> str:
    deadline = time.monotonic() + timeout
    answer = b""
    try:
        with sockets.socket(sockets.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(socket)
            connection.sendall(f"{command}\n".encode())
            while part := connection.recv(65536):
                answer += part
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
    except OSError as err:
        raise CommandExecutionError(
            f"HAProxy does not answer on {socket} ({err}): is it running, and does its section "
            f"'global' hold 'stats socket {socket}'?"
        ) from err
    return answer.decode("utf-8", "replace")


def _worker(socket: str) -> str:
    """Return the process id of the HAProxy that answers on the socket, or '' when none does."""
    try:
        match = re.search(r"^Pid: ([0-9]+)$", _ask("show info", socket, 1.0), re.MULTILINE)
    except CommandExecutionError:
        return ""
    return match[1] if match else ""


def _reload(service: str, socket: str) -> bool:
    """
    Reload a running service; return whether it was running.

    The service manager calls a reload done when it has sent the signal. Only a new process on the
    runtime socket shows that HAProxy could start with the new file: an address in use, for one, is
    not found before.
    """
    if not __salt__["service.status"](service):
        return False
    before = _worker(socket) if socket else ""
    if not __salt__["service.reload"](service):
        raise CommandExecutionError("the service manager gave no reason")
    deadline = time.monotonic() + RELOAD_TIMEOUT
    while socket and _worker(socket) in ("", before):
        if time.monotonic() > deadline:
            raise CommandExecutionError(
                f"no new process answered on {socket} within {RELOAD_TIMEOUT} s; "
                f"its log says why (journalctl -u {service})"
            )
        time.sleep(0.1)
    return True


# --------------------------------------------------------------------------------------------------
# What can be asked and done
# --------------------------------------------------------------------------------------------------


def render(
    sections: Mapping[str, Any] | None = None, nodes: Mapping[str, Any] | None = None
) -> str:
    """
    Return the configuration that the pillar describes, with every secret masked.

    sections : None
        Section headers and their lists of directives. By default the pillar's ``haproxy:sections``.

    nodes : None
        The table of nodes for ``servers``. By default the pillar's ``cluster:nodes``.

    Returns the file's text (str). Raises SaltInvocationError when the data is no configuration, or
    a referenced setting is missing.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.render
    """
    return _load(sections, nodes).shown


def parse(text: str) -> dict[str, list[str]]:
    """
    Return the sections of a configuration and their directives, in order.

    text
        What an haproxy.cfg holds. Comments before the first section are left out.

    Returns a mapping of section header (str) to directives (list of str), comments among them.
    Raises SaltInvocationError when a section appears twice or a directive stands before the first.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.parse 'listen stats
            bind :9201'
    """
    sections: dict[str, list[str]] = {}
    directives: list[str] | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(BLANKS)
        if not line:
            continue
        if _first_word(line) in SECTIONS:
            header = " ".join(line.split("#")[0].split())
            if header in sections:
                raise SaltInvocationError(
                    f"line {number}: the section {header!r} appears a second time: make them one"
                )
            directives = sections.setdefault(header, [])
        elif directives is not None:
            directives.append(line)
        elif not line.startswith("#"):
            raise SaltInvocationError(
                f"line {number} stands before the first section: a section begins with one of "
                + ", ".join(SECTIONS)
            )
    return sections


def diff(old: Mapping[str, list[str]], new: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    """
    Return what separates two parsed configurations, directive by directive.

    old
        Section headers and directives, as ``parse`` returns them.

    new
        The same, of the later configuration.

    Returns a mapping of section header (str) to ``added``, ``removed`` and ``moved`` (lists of str:
    directives that are new, gone, or the same in another place) and ``section`` (str: ``added``,
    ``removed`` or ``moved``), each only where it applies; empty when the two say the same. Secrets
    are shown as they are given: ``plan`` compares a file and masks them.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.diff '{"defaults": ["retries 2"]}' '{"defaults": ["retries 3"]}'
    """
    changes: dict[str, dict[str, Any]] = {}
    moved = set(_moved([h for h in old if h in new], [h for h in new if h in old]))
    for header in [*new, *(h for h in old if h not in new)]:
        before, after = list(old.get(header, [])), list(new.get(header, []))
        added, common_after = _without(after, before)
        removed, common_before = _without(before, after)
        place = "removed" if header not in new else "added" if header not in old else ""
        change = {
            "section": place or ("moved" if header in moved else ""),
            "added": added,
            "removed": removed,
            "moved": _moved(common_before, common_after),
        }
        change = {key: value for key, value in change.items() if value}
        if change:
            changes[header] = change
    return changes


def check(path: str = CONFIG_FILE, text: str | None = None) -> dict[str, Any]:
    """
    Ask HAProxy whether it would take a configuration, by ``haproxy -c``.

    path : /etc/haproxy/haproxy.cfg
        The file to judge; with ``text``, the file that the text is meant for.

    text : None
        Judge this text in place of the file's.

    Returns ``valid`` (bool, always true) and ``warnings`` (list of str). Raises
    CommandExecutionError with HAProxy's words when it refuses, does not answer within 30 s, or is
    not installed, and SaltInvocationError as ``read`` does.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.check
    """
    if text is None:
        text = _read(path)["text"]
    known = _known()
    lines = [line.strip(BLANKS) for line in text.split("\n")]
    secrets = known.secrets.union(*map(_credentials, lines))
    shown = "\n".join(map(known.mask, lines))
    warnings = _judge(path, known._replace(text=text, shown=shown, secrets=secrets))
    if warnings is None:
        raise CommandExecutionError("haproxy is not installed: nothing can judge its configuration")
    return {"valid": True, "warnings": warnings}


def read(path: str = CONFIG_FILE) -> dict[str, Any]:
    """
    Return the configuration file in place, with every secret masked.

    path : /etc/haproxy/haproxy.cfg
        The file to read.

    Returns ``text``, ``user``, ``group`` and ``mode`` (str, the mode like ``0640``). Raises
    CommandExecutionError when the file is not there or cannot be read, SaltInvocationError when the
    pillar's ``haproxy:sections`` is no configuration, since it tells what is a secret.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.read
    """
    current = _read(path)
    mask = _known().mask
    lines = []
    for line in current["text"].split("\n"):
        bare = line.strip(BLANKS)
        lines.append(line[: len(line) - len(line.lstrip(BLANKS))] + mask(bare) if bare else "")
    return {**current, "text": "\n".join(lines)}


def plan(
    name: str = CONFIG_FILE,
    sections: Mapping[str, Any] | None = None,
    nodes: Mapping[str, Any] | None = None,
    user: str = "root",
    group: str = "haproxy",
    mode: str = "0640",
) -> dict[str, Any]:
    """
    Return what ``write`` would change, and ask HAProxy about it, without changing anything.

    name : /etc/haproxy/haproxy.cfg
        The file, as an absolute path.

    sections : None
        Section headers and their lists of directives. By default the pillar's ``haproxy:sections``.

    nodes : None
        The table of nodes for ``servers``. By default the pillar's ``cluster:nodes``.

    user : root
        The file's owner.

    group : haproxy
        The file's group.

    mode : 0640
        The file's mode, octal.

    Returns ``changes`` (dict: ``sections`` as ``diff`` returns them with secrets masked, ``user``,
    ``group`` and ``mode`` with ``old`` and ``new``, and in rare cases ``layout`` or ``replaced``, a
    sentence each), ``content`` (bool: the text differs), ``judged`` (bool: false when HAProxy was
    needed and is not installed) and ``warnings`` (list of str, HAProxy's). Raises
    SaltInvocationError when the data is no configuration, CommandExecutionError when HAProxy
    refuses it.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.plan
    """
    return _plan(name, sections, nodes, _owner(user, group, mode))[0]


def write(
    name: str = CONFIG_FILE,
    sections: Mapping[str, Any] | None = None,
    nodes: Mapping[str, Any] | None = None,
    user: str = "root",
    group: str = "haproxy",
    mode: str = "0640",
    service: str | None = "haproxy",
) -> dict[str, Any]:
    """
    Bring the file to what the pillar describes, if HAProxy takes it, and reload a running HAProxy.

    The file before is kept beside it as ``NAME.bak``, one of them. A reload that fails, or after
    which no new process answers on the runtime socket within 10 s, puts it back, so that the file
    in place is the one that HAProxy runs.

    name : /etc/haproxy/haproxy.cfg
        The file, as an absolute path.

    sections : None
        Section headers and their lists of directives. By default the pillar's ``haproxy:sections``.

    nodes : None
        The table of nodes for ``servers``. By default the pillar's ``cluster:nodes``.

    user : root
        The file's owner.

    group : haproxy
        The file's group.

    mode : 0640
        The file's mode, octal.

    service : haproxy
        The service to reload when the text changed and it is running; None for no reload.

    Returns what ``plan`` returns, and ``backup`` (str or None: the path of the file before) and
    ``reloaded`` (bool). Raises SaltInvocationError when the data is no configuration,
    CommandExecutionError when HAProxy refuses it or is not there to judge it, or the file or the
    reload fails.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.write
    """
    owner = _owner(user, group, mode)
    plan_, config, current = _plan(name, sections, nodes, owner)
    result: dict[str, Any] = {**plan_, "backup": None, "reloaded": False}
    if not plan_["changes"]:
        return result
    if not plan_["content"]:
        try:
            _set_owner(name, owner)
        except OSError as err:
            raise CommandExecutionError(f"{name} keeps its owner: {err.strerror}") from err
        return result
    if not plan_["judged"]:
        raise CommandExecutionError(
            f"haproxy is not installed, so nothing can judge {name}: install it first"
        )
    if current:
        result["backup"] = f"{name}.bak"
        _replace(result["backup"], current["text"], owner)
    _replace(name, config.text, owner)
    if service:
        try:
            result["reloaded"] = _reload(service, _runtime_socket(config.sections))
        except CommandExecutionError as err:
            if current:
                _replace(name, current["text"], owner)
            else:
                Path(name).unlink(missing_ok=True)
            raise CommandExecutionError(
                f"{service} did not take the reload, so {name} says again what it said before: "
                f"{_conceal(str(err), config.secrets)}"
            ) from err
    return result


def servers(socket: str = RUNTIME_SOCKET, timeout: float = 2.0) -> list[dict[str, Any]]:
    """
    Return the servers as the running HAProxy sees them.

    socket : /run/haproxy/admin.sock
        HAProxy's runtime socket.

    timeout : 2.0
        Seconds to wait for its answer.

    Returns a list of mappings with ``section``, ``server``, ``address`` (str), ``port``, ``weight``
    (int), ``state`` (str: ``up``, ``down``, ``starting`` or ``stopping``) and ``admin`` (str:
    ``ready``, ``drain`` or ``maint``). Raises CommandExecutionError when HAProxy does not answer.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.servers
    """
    # The first line is the format's version, the second names the columns after a "#".
    lines = [line.split() for line in _ask("show servers state", socket, timeout).splitlines()[1:]]
    rows = [dict(zip(lines[0][1:], line, strict=False)) for line in lines[1:] if line]
    result = []
    for row in rows:
        admin = int(row["srv_admin_state"])
        maint, drain = admin & _ADMIN_MAINT, admin & _ADMIN_DRAIN
        result.append(
            {
                "section": row["be_name"],
                "server": row["srv_name"],
                "address": row["srv_addr"],
                "port": int(row["srv_port"]),
                "state": _OPERATIONAL.get(row["srv_op_state"], row["srv_op_state"]),
                "admin": "maint" if maint else "drain" if drain else "ready",
                "weight": int(row["srv_uweight"]),
            }
        )
    return result


def _admin(section: str, server: str, socket: str) -> str:
    """Return what the running HAProxy was told about a server."""
    known = {(row["section"], row["server"]): row["admin"] for row in servers(socket)}
    if (section, server) not in known:
        names = ", ".join("/".join(one) for one in known)
        raise SaltInvocationError(f"server is '{section}/{server}'; expected one of {names}")
    return known[section, server]


def set_server(
    section: str, server: str, admin: str, socket: str = RUNTIME_SOCKET, dry_run: bool = False
) -> dict[str, str]:
    """
    Tell the running HAProxy to use a server, to send it nobody new, or not to use it.

    The next reload forgets it: it is for now, and ``mysql_gr.drain`` tells all balancers at once.

    section
        The section that the server is in, without its keyword: ``mysql-cluster``.

    server
        The server's name in it.

    admin
        ``ready``: used as its checks say. ``drain``: sessions go on, new ones go elsewhere.
        ``maint``: not used and not checked; sessions go on where ``on-marked-down`` does not end
        them.

    socket : /run/haproxy/admin.sock
        HAProxy's runtime socket.

    dry_run : False
        Check all that is checked, and change nothing.

    Returns a mapping with ``old`` and ``new``. Raises SaltInvocationError when there is no such
    server or state, CommandExecutionError when HAProxy does not answer or refuses.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.set_server mysql-cluster mysql-2 drain
    """
    if admin not in ADMIN:
        raise SaltInvocationError(f"admin is '{admin}'; expected one of {', '.join(ADMIN)}")
    old = _admin(section, server, socket)
    if old != admin and not dry_run:
        said = _ask(f"set server {section}/{server} state {admin}", socket, 2.0).strip()
        if said:
            raise CommandExecutionError(f"HAProxy leaves {section}/{server} {old}: {said}")
    return {"old": old, "new": admin if dry_run else _admin(section, server, socket)}


def stats(socket: str = RUNTIME_SOCKET, timeout: float = 2.0) -> list[dict[str, Any]]:
    """
    Return the counters of the running HAProxy, as its stats page shows them.

    socket : /run/haproxy/admin.sock
        HAProxy's runtime socket.

    timeout : 2.0
        Seconds to wait for its answer.

    Returns a list of mappings, one for each section's ``FRONTEND``, ``BACKEND`` and servers, with
    HAProxy's own names (``pxname``, ``svname``, ``status``, ``scur``...): numbers as int, all else
    as str, empty ones left out, and those of its extra modules too. Raises CommandExecutionError
    when HAProxy does not answer.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.stats
    """
    # A column named "-" separates the documented counters from those of HAProxy's own modules.
    table = _ask("show stat", socket, timeout).removeprefix("# ").strip()
    return [
        {
            key: int(value) if re.fullmatch(r"-?[0-9]+", value) else value
            for key, value in takewhile(lambda item: item[0] != "-", row.items())
            if key and value
        }
        for row in csv.DictReader(table.splitlines())
    ]

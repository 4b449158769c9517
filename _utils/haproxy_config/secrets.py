"""Settings that are filled in where a directive refers to them, and hidden wherever it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

from haproxy_config.log_format import UNFIT, in_function, is_evaluated
from haproxy_config.syntax import CONTROL

MASK = "********"
REFERENCE = re.compile(r"\$\{(pillar|plain):([^{}\s]+)\}")
REFERENCE_START = re.compile(r"\$\{(?:pillar|plain)\b")
CREDENTIALS = re.compile(
    r"(\W*stats\s+auth\s+(?:[\w.@-]+:)?|\W*user\s+\S+\s+(?:insecure-)?password\s+)(.+)",
    re.DOTALL,
)


class Line(NamedTuple):
    """One directive: as HAProxy reads it, as people may see it, and the secrets between the two."""

    text: str
    shown: str
    secrets: frozenset[str]


def mask_credentials(line: str) -> str:
    """Return a line without a password that is typed in it."""
    match = CREDENTIALS.match(line)
    # What is only referred to is no secret yet.
    typed = match and REFERENCE.sub("", match[2]).strip(":\"'")
    return f"{match[1]}{MASK}" if match and typed else line


def credentials(line: str) -> set[str]:
    """Return the password that is typed in a line, if there is one."""
    match = CREDENTIALS.match(line)
    return {match[2]} if match else set()


def _setting(place: str, key: str, value: Any, *, secret: bool) -> str:
    """Return a referenced setting as text; no error here ever shows a value."""
    if value is None or value == "":
        raise SaltInvocationError(
            f"{place} refers to {key}, which is missing or empty: set it in this machine's pillar"
        )
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SaltInvocationError(f"{place} refers to {key}, which is not text: set it to text")
    text = str(value)
    if CONTROL.search(text) or "\t" in text:
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


def _spelled(place: str, key: str, value: str, before: str) -> str:
    """Return the value spelled for its place, behind the text before; refuse one that cannot be."""
    if in_function(before) and (unfit := UNFIT.search(value)):
        raise SaltInvocationError(
            f"{place} refers to {key} among the arguments of a function, and its value holds "
            f"{unfit[0]!r}, which would end the argument there: expected one without blanks, "
            "quotes and ()[],%\\, or a place outside the function"
        )
    if is_evaluated(before):
        value = value.replace("%", "%%")
    return _escape(value, _quoting(before))


def fill_directive(place: str, directive: str, settings: Mapping[str, Any]) -> Line:
    """Return a directive with its references filled in; ``place`` says where it stands."""
    if directive.startswith("#"):
        return Line(directive, mask_credentials(directive), frozenset())
    text = shown = ""
    secrets: set[str] = set()
    end = 0
    for match in REFERENCE.finditer(directive):
        literal = directive[end : match.start()]
        text, shown, end = text + literal, shown + literal, match.end()
        secret = match[1] == "pillar"
        value = _setting(place, match[2], settings.get(match[2]), secret=secret)
        spelled = _spelled(place, match[2], value, text)
        text += spelled
        shown += MASK if secret else spelled
        secrets |= {value, spelled} if secret else set()
    return Line(text + directive[end:], shown + directive[end:], frozenset(secrets))


def masker(lines: Collection[Line]) -> Callable[[str], str]:
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
        return mask_credentials(masked)

    return mask


def conceal(sentence: str, secrets: Iterable[str]) -> str:
    """Hide every piece of a secret, four characters or more, wherever someone else quotes it."""
    marked = [False] * len(sentence)
    for secret in secrets:
        width = min(len(secret), 4)
        for start in range(len(sentence) - width + 1):
            if sentence[start : start + width] in secret:
                marked[start : start + width] = [True] * width
    pieces = groupby(zip(sentence, marked, strict=True), key=lambda pair: pair[1])
    return "".join(MASK if hide else "".join(c for c, _ in piece) for hide, piece in pieces)

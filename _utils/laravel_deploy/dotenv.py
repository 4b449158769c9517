"""The text of a .env file, by the rules of vlucas/phpdotenv 5: read, and variables set in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError, SaltInvocationError

# What phpdotenv's trim() removes, and what it takes for white space within a line.
TRIMMED = " \n\r\t\0\x0b"
BLANKS = " \n\r\t\x0b\x0c"
ESCAPES = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./:@+=,%-]*")
ENV_NAME = re.compile(r"[\w.]+")
# Stands for a dollar sign that is no reference while references are resolved.
LITERAL_DOLLAR = "\0"


class _Entry(NamedTuple):
    """Where a variable stands in the text of a .env file, and its value as it is written."""

    name: str
    raw: str | None
    start: int
    end: int


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line, without its line end."""
    start = 0
    for found in re.finditer(r"\r\n|\n|\r", text):
        yield start, found.start()
        start = found.end()
    yield start, len(text)


def _closes(line: str, opening: bool) -> bool:
    """Whether a line ends a quoted value; the line that opens it has one quote more."""
    count = len(re.findall(r'(?<!\\)"', line.replace("\\\\", "")))
    return count > (1 if opening else 0)


def _opens(line: str) -> bool:
    """Whether a line starts a quoted value that goes on in the next line."""
    at = line.find('="')
    if at < 0 or 0 <= line.find("#") < at:
        return False
    return not _closes(line, opening=True)


def _entries(text: str) -> Iterator[_Entry]:
    """Yield the variables of a .env file in order; comments and blank lines are passed over."""
    first: int | None = None
    for start, end in _lines(text):
        line = text[start:end]
        if first is None:
            first = start
            if _opens(line) and end < len(text):
                continue
        elif not _closes(line, opening=False) and end < len(text):
            continue
        whole, begin, first = text[first:end], first, None
        stripped = whole.strip(TRIMMED)
        if stripped and not stripped.startswith("#"):
            yield _entry(whole, begin)


def _entry(line: str, start: int) -> _Entry:
    """Return the variable that a line (or several, if quoted) sets."""
    name, equals, raw = line.partition("=")
    name = re.sub(r"^export\s+", "", name.strip(TRIMMED) if equals else name)
    if len(name) > 2 and name[0] == name[-1] and name[0] in "'\"":
        name = name[1:-1]
    value = re.sub(r"\r\n|\r", "\n", raw).strip(TRIMMED) if equals else None
    return _Entry(name, value, start, start + len(line))


def _read_value(raw: str, known: Mapping[str, str]) -> str:
    """Return the value of what is written after the equals sign.

    ``known`` resolves references like ``${APP_NAME}``. Raises ValueError if it is malformed.
    """
    if not raw:
        return ""
    quote = raw[0] if raw[0] in "'\"" else ""
    body, rest, closed = [], "", False
    at = len(quote)
    while at < len(raw):
        char = raw[at]
        if quote and char == quote:
            closed, rest = True, raw[at + 1 :]
            break
        if not quote and (char in BLANKS or char == "#"):
            rest = raw[at:]
            break
        if quote == '"' and char == "\\":
            at += 1
            following = raw[at : at + 1]
            if following != "$" and following not in ESCAPES:
                raise ValueError("an unexpected escape sequence")
            char = LITERAL_DOLLAR if following == "$" else ESCAPES[following]
        elif quote == "'" and char == "$":
            char = LITERAL_DOLLAR
        body.append(char)
        at += 1
    if quote and not closed:
        raise ValueError("a missing closing quote")
    if rest.strip(BLANKS) and not rest.lstrip(BLANKS).startswith("#"):
        raise ValueError("white space in a value without quotes")
    value = re.sub(r"\$\{([A-Za-z0-9_.]+)\}", lambda m: known.get(m[1], m[0]), "".join(body))
    return value.replace(LITERAL_DOLLAR, "$")


def _write_value(value: str) -> str:
    """Return a value as it has to be written after the equals sign."""
    if "\0" in value:
        raise SaltInvocationError("A value in a .env file cannot hold a NUL character.")
    if PLAIN_VALUE.fullmatch(value):
        return value
    written = re.sub(r'["\\$]', lambda found: "\\" + found[0], value)
    for letter in "fnrtv":
        written = written.replace(ESCAPES[letter], "\\" + letter)
    # phpdotenv before 5.7 takes \" for an escaped quote even in \\", and would look for the
    # value's end in the lines below. A quote in a comment ends its search.
    return f'"{written}" #"' if value.endswith("\\") else f'"{written}"'


def parse_env(text: str) -> dict[str, str]:
    """Return the variables of a .env file; of several lines for one variable the last counts."""
    values: dict[str, str] = {}
    for entry in _entries(text):
        try:
            if not ENV_NAME.fullmatch(entry.name):
                raise ValueError("an invalid name")
            if entry.raw is not None:
                values[entry.name] = _read_value(entry.raw, values)
        except ValueError as err:
            line = text.count("\n", 0, entry.start) + 1
            raise CommandExecutionError(f"Line {line} of the .env file has {err}.") from err
    return values


def edit_env(text: str, values: Mapping[str, str]) -> str:
    """Return the text with these variables set; every other line stays byte for byte."""
    for name, value in values.items():
        if not ENV_NAME.fullmatch(name):
            raise SaltInvocationError(f"{name!r} cannot be the name of a variable.")
        line = f"{name}={_write_value(value)}"
        found = [entry for entry in _entries(text) if entry.name == name]
        if found:
            entry = found[-1]
            export = re.match(r"\s*export\s+", text[entry.start : entry.end])
            line = (export[0] if export else "") + line
            text = text[: entry.start] + line + text[entry.end :]
        else:
            gap = "" if not text or text[-1] in "\r\n" else "\n"
            text = f"{text}{gap}{line}\n"
            if not any(entry.name == name for entry in _entries(text)):
                raise CommandExecutionError(f"{name} cannot be added: a quote is never closed.")
    return text


def without_env(text: str, names: Collection[str]) -> str:
    """Return the text without the lines of these variables; every other line stays."""
    for entry in reversed([entry for entry in _entries(text) if entry.name in names]):
        after = re.match(r"\r\n|\n|\r|", text[entry.end :])
        text = text[: entry.start] + text[entry.end + (len(after[0]) if after else 0) :]
    return text


def spelled(name: str, value: Any) -> str:
    """Return a setting as a .env file spells it."""
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise SaltInvocationError(
            f"{name} is a {type(value).__name__}; expected text, a number, true or false."
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

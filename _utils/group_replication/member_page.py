"""What was seen of a member, as a page for a person, and what a balancer is told of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from group_replication.model import ERROR, OFFLINE, ONLINE, RECOVERING, UNKNOWN, UNREACHABLE


def code_of(yes: bool, draining: str) -> int:
    """Return what the balancer is told."""
    return (404 if draining else 200) if yes else 503


def wanted(accept: str, kind: str) -> float:
    """Return how much a client wants a type, 0 to 1: its most exact entry counts (RFC 9110)."""
    found = {}
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        found[name] = float(weight) if re.fullmatch(r"[01](\.[0-9]{0,3})?", weight) else 0.0
    names = (kind, kind.partition("/")[0] + "/*", "*/*")
    return next((found[name] for name in names if name in found), 0.0)


# Nothing is loaded from anywhere, and light or dark is the browser's choice.
HEAD = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 1.5em auto; padding: 0 1em; max-width: 40em }
h1 { margin: 0 } table { border-collapse: collapse; width: 100%; margin-top: 1em }
td { padding: .3em .5em; border-bottom: 1px solid #8885 } caption { text-align: left }
span { color: #fff; background: #57606a; padding: .1em .5em; border-radius: .3em }
.good { background: #1a7f37 } .bad { background: #cf222e }
</style>
"""
VERDICTS = {200: "yes", 404: "nobody new", 503: "no"}
MARKS = {
    **dict.fromkeys(("yes", ONLINE), "good"),
    **dict.fromkeys(("nobody new", RECOVERING), "other"),
    **dict.fromkeys(("no", OFFLINE, ERROR), "bad"),
    **dict.fromkeys((UNREACHABLE, UNKNOWN), "bad"),
}


def marked(text: str) -> str:
    """Return escaped text, in a colour if it is a verdict or a state."""
    safe = html.escape(text)
    return f'<span class="{MARKS[text]}">{safe}</span>' if text in MARKS else safe


def table(rows: Iterable[Iterable[str]]) -> str:
    """Return the lines of a table of texts."""
    return "".join(
        "<tr>" + "".join(f"<td>{marked(text)}</td>" for text in row) + "</tr>\n" for row in rows
    )


def shown(answer: Mapping[str, Any]) -> str:
    """Return what was seen as a page for a person, which a browser asks for again by itself."""
    name, state = answer["name"], answer["state"]

    def verdict(yes: bool) -> str:
        return VERDICTS[code_of(yes, answer["draining"])]

    verdicts = (
        ("writable", verdict(answer["writable"])),
        ("readable", verdict(answer["readable"])),
        ("mysqld answers", "yes" if answer["live"] else "no"),
        ("role", answer["role"] or ""),
        ("to be applied", f"{answer['queued']} transactions" if answer["live"] else ""),
        ("last look", f"{answer['age']:.1f} s ago"),
    )
    members = (
        (
            f"{one['host']}:{one['port']}",
            "this one" if one["host"] == answer["host"] else "",
            one["state"],
            one["role"] or "",
            one["version"] or "",
        )
        for one in answer["members"]
    )
    group = f"<caption>The group as this member sees it</caption>\n{table(members)}"
    return (
        f"{HEAD}<title>{html.escape(f'{name}: {state}')}</title>\n"
        f"<h1>{html.escape(name)} {marked(state)}</h1>\n<p>{html.escape(answer['reason'])}</p>\n"
        f"<table>\n{table(row for row in verdicts if row[1])}</table>\n"
        + (f"<table>\n{group}</table>\n" if answer["members"] else "")
    )

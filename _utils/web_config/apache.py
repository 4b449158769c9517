"""What a pillar may say of Apache, and how Apache spells it: nothing becomes a directive."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pillar_check import invalid, is_number

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
HEADER = re.compile(r"[A-Za-z0-9!#&'*+.^_`|~-]+")
MODULE = re.compile(r"[a-z0-9_]+")
PATH = re.compile(r"/[A-Za-z0-9._/@+:=,-]+")
RATE = re.compile(r"[0-9]+(?:-[0-9]+)?(?:,[Mm]in[Rr]ate=[0-9]+)?")
# Above this Apache has to be restarted for more workers; a reload does not do.
MOST_WORKERS = 20000


def _text(key: str, value: Any, form: re.Pattern[str], right: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise invalid(key, value, right)
    return value


def header_value(key: str, value: Any) -> str:
    """Return a header's value as Apache's Header directive reads it: all of it, and no more."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise invalid(key, value, "text that the header is to hold")
    text = str(value)
    if not text.isprintable():
        raise invalid(key, value, "one line without control characters")
    if "${" in text:
        raise invalid(key, value, "text without '${', which Apache takes for a variable")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _modules(chosen: Any, needed: Sequence[str]) -> list[str]:
    if isinstance(chosen, str) or not isinstance(chosen, Sequence):
        raise invalid("apache:modules", chosen, "a list of modules, as a2enmod names them")
    for name in chosen:
        _text("apache:modules", name, MODULE, "modules as a2enmod names them, such as http2")
    return list(dict.fromkeys([*needed, *chosen]))


def _tls(tls: Mapping[str, Any]) -> dict[str, Any]:
    if tls["self_signed"]:
        return {
            "self_signed": True,
            "certificate": "/etc/ssl/certs/apache-self-signed.pem",
            "key": "/etc/ssl/private/apache-self-signed.key",
        }
    if bool(tls["certificate"]) is not bool(tls["key"]):
        missing = "key" if tls["certificate"] else "certificate"
        raise invalid(f"apache:tls:{missing}", tls[missing] or None, "the file beside the other")
    for name in ("certificate", "key"):
        if tls[name]:
            _text(f"apache:tls:{name}", tls[name], PATH, "the absolute path of a file")
    return dict(tls)


def settings(merged: Mapping[str, Any], needed: Sequence[str], machine: str) -> dict[str, Any]:
    """
    Return the settings of Apache as its files take them, each value checked.

    merged
        The pillar's ``apache`` over the formula's defaults.

    needed
        The modules that the formula needs, whatever the pillar says.

    machine
        The name that the virtual host has where the pillar gives none.

    Returns ``merged`` with ``modules`` (the needed ones, those of the pillar, ssl with TLS),
    ``headers`` (quoted), ``tls``, ``server_name`` and ``scheme`` worked out. Raises
    SaltInvocationError that names the key, and what would be right.
    """
    result = dict(merged)
    result["server_name"] = _text(
        "apache:server_name", merged["server_name"] or machine, HOST, "a host's name"
    )
    for name in ("config", "release_map"):
        _text(f"apache:{name}", merged[name], PATH, "an absolute path")
    result["tls"] = tls = _tls(merged["tls"])
    result["scheme"] = "https" if tls["certificate"] else "http"
    modules = _modules(merged["modules"], needed)
    result["modules"] = modules + ["ssl"] * (bool(tls["certificate"]) and "ssl" not in modules)
    if not is_number(merged["limit_request_body"], 1, 2**31 - 1):
        raise invalid(
            "apache:limit_request_body", merged["limit_request_body"], "bytes, 1 to 2147483647"
        )
    if not is_number(merged["request_workers"], 25, MOST_WORKERS):
        raise invalid(
            "apache:request_workers", merged["request_workers"], f"25 to {MOST_WORKERS} threads"
        )
    for name in ("header", "body"):
        key = f"apache:read_timeout:{name}"
        value = merged["read_timeout"][name]
        right = "seconds as mod_reqtimeout has them, such as '10-20,MinRate=500'"
        result["read_timeout"] = {
            **result["read_timeout"],
            name: _text(key, str(value) if is_number(value, 0, 3600) else value, RATE, right),
        }
    for name in merged["headers"]:
        if not HEADER.fullmatch(str(name)):
            raise invalid("apache:headers", str(name), "the name of an HTTP header")
    result["headers"] = {
        name: header_value(f"apache:headers:{name}", value)
        for name, value in merged["headers"].items()
        # A default that the site does not want.
        if value is not None
    }
    return result

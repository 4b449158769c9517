"""Where HAProxy evaluates what a directive says, so that a value has to be spelled otherwise."""

from __future__ import annotations

import re

_HTTP = {"http-request", "http-response", "http-after-response"}
# Actions, and at which of their arguments, counted from 0, "%" begins what is evaluated.
_ACTIONS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("set-header", "add-header", "early-hint"), (1,)),
    **dict.fromkeys(("replace-header", "replace-value"), (2,)),
    **dict.fromkeys(("replace-path", "replace-pathq", "replace-uri"), (1,)),
    **dict.fromkeys(("set-method", "set-path", "set-pathq", "set-query", "set-uri"), (0,)),
    **dict.fromkeys(("set-var-fmt", "add-acl", "del-acl", "del-map"), (0,)),
    "set-map": (0, 1),
}
_FORMATS = {
    *("log-format", "log-format-sd", "error-log-format", "unique-id-format"),
    *("use_backend", "use-server"),
}
_BEFORE = {
    *("lf-string", "lf-file", "location", "prefix", "scheme", "uri-lf", "body-lf"),
    *("send-lf", "send-binary-lf", "on-error", "on-success"),
}
_CHECKS = {"http-check", "tcp-check"}
# In the arguments of a function these end the argument, or what is evaluated.
UNFIT = re.compile(r"[(),\[\]%\\\"'\s]")


def split(text: str) -> tuple[list[str], str]:
    """Return the words that are complete where the text ends, unquoted, and what is begun."""
    words: list[str] = []
    word, quote = "", ""
    characters = iter(text)
    for character in characters:
        if character == "\\" and quote != "'":
            word += next(characters, "")
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        elif not quote and character in " \t":
            words += [word] if word else []
            word = ""
        else:
            word += character
    return words, word


def is_evaluated(prefix: str) -> bool:
    """
    Tell whether HAProxy evaluates ``%`` in the word that begins or goes on where the text ends.

    prefix
        A directive as far as the place in question.
    """
    words, _ = split(prefix)
    if len(words) == 1:
        return words[0] in _FORMATS
    if not words or "if" in words or "unless" in words:
        return False
    kind, action, *arguments = words
    if kind in ("tcp-request", "tcp-response") and arguments:
        action, *arguments = arguments
    if kind in ("server", "default-server", "server-template"):
        return words[-1].startswith("set-proxy-v2-tlv-fmt(")
    if kind == "on":
        # Of a section log-profile.
        return words[-1] in ("format", "sd")
    if kind == "redirect":
        return words[-1] in _BEFORE
    if kind in _HTTP | _CHECKS | {"http-error", "tcp-request", "tcp-response"}:
        places = _ACTIONS.get(action.partition("(")[0])
        if places is not None:
            return len(arguments) in places
        return words[-1] in _BEFORE or words[-2] == "hdr"
    return False


def in_function(prefix: str) -> bool:
    """Tell whether the text ends among the arguments of a function, as in ``%[str(``."""
    _, begun = split(prefix)
    return begun.rfind("%[") > begun.rfind("]") or begun.count("(") > begun.count(")")

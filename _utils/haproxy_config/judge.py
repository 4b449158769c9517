"""What HAProxy itself says of a configuration, by ``haproxy -c``."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import salt.utils.path
from salt.exceptions import CommandExecutionError

from haproxy_config.secrets import conceal
from haproxy_config.sections import Config
from haproxy_config.syntax import BLANKS

CHECK_TIMEOUT = 30
# What the distributions' units give HAProxy as variables: a configuration may name them.
ENVIRONMENT = ("/etc/default/haproxy", "/etc/sysconfig/haproxy")
_JUDGED = re.compile(r"\[(ALERT|WARNING)\]\s*\(\d+\)\s*:\s*(?:config\s*:\s*)?(.*)")
_JUDGED_SUMMARY = re.compile(r"(Error\(s\) found in|Fatal errors found in) ")


def _verdict(output: str, checked: str, name: str, config: Config) -> tuple[list[str], list[str]]:
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
                words[index] = name if index % 2 else conceal(word, config.secrets)
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


def variables(paths: Sequence[str]) -> dict[str, str]:
    """
    Return the variables of a unit's files, as systemd reads them.

    paths
        The files; one that is not there has none, and a later one wins.
    """
    found = {}
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            name, is_set, value = line.strip().partition("=")
            if is_set and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                found[name] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def judge(
    name: str, config: Config, run: Callable[..., Any], program: str | None = None
) -> list[str] | None:
    """
    Return HAProxy's warnings about the text, or None when there is no HAProxy to ask.

    name
        The file that the text is meant for.

    config
        The text, and what hides its secrets.

    run
        Salt's ``cmd.run_all``.

    program
        The HAProxy that is asked. Default: the one that is installed.

    Raises CommandExecutionError with HAProxy's words when it refuses, or does not answer.
    """
    binary = program or salt.utils.path.which("haproxy")
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
        answer = run(
            [binary, "-c", "-f", temporary],
            python_shell=False,
            env=variables(ENVIRONMENT),
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

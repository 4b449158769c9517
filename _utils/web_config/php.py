"""What a pillar may say of PHP, how php.ini spells it, and which version there can be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pillar_check import invalid, is_number

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# Read as it is, an expression of constants too: E_ALL & ~E_DEPRECATED.
BARE = re.compile(r"[A-Za-z0-9_.:/+-]+|[A-Z_]+(?: *[&|^~] *~?[A-Z_]+)*")
SECONDS = re.compile(r"[0-9]+(?:s|m|h|d)?")
SIZE = re.compile(r"([0-9]+)([KMGkmg]?)")
FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
VERSION = re.compile(r"[0-9]+[.][0-9]+")


def ini_value(key: str, value: Any) -> str:
    """Return a value as php.ini has it: all of it, on one line, and nothing evaluated."""
    if isinstance(value, bool):
        return "On" if value else "Off"
    if not isinstance(value, str | int | float):
        raise invalid(key, value, "text, a number, true or false")
    text = str(value)
    if text and not text.isprintable():
        raise invalid(key, value, "one line without control characters")
    if BARE.fullmatch(text):
        return text
    if "'" not in text:
        return f"'{text}'"
    if not re.search(r'["\\]|\$\{', text):
        return f'"{text}"'
    raise invalid(key, value, "text that has not both ' and one of \" \\ ${")


def size(key: str, value: Any) -> int:
    """Return how many bytes a size of php.ini is."""
    match = SIZE.fullmatch(str(value))
    if isinstance(value, bool) or not match:
        raise invalid(key, value, "bytes, or a number with K, M or G, such as 8M")
    return int(match[1]) * FACTORS[match[2].lower()]


def limits(ini: Mapping[str, Any], limit_request_body: int) -> dict[str, Any]:
    """
    Return php.ini's two limits of a request's body, so that they agree with Apache's.

    ini
        The pillar's ``php:ini``.

    limit_request_body
        Bytes, ``apache:limit_request_body``.

    Returns ``post_max_size`` and ``upload_max_filesize``: the pillar's, or else what Apache lets
    through. Raises SaltInvocationError where one would never be reached because of another.
    """
    key = "php:ini:post_max_size"
    post = ini.get("post_max_size", limit_request_body)
    if not 1 <= size(key, post) <= limit_request_body:
        raise invalid(
            key,
            post,
            f"1 to {limit_request_body} bytes: apache:limit_request_body, to be raised with it, "
            "lets no larger body through",
        )
    key = "php:ini:upload_max_filesize"
    upload = ini.get("upload_max_filesize", post)
    if size(key, upload) > size("php:ini:post_max_size", post):
        raise invalid(key, upload, f"at most post_max_size, which is {post}")
    return {"post_max_size": post, "upload_max_filesize": upload}


def settings(merged: Mapping[str, Any], limit_request_body: int) -> dict[str, Any]:
    """
    Return the settings of PHP as its files take them, each value checked.

    merged
        The pillar's ``php`` over the formula's defaults.

    limit_request_body
        Bytes that Apache lets through.

    Raises SaltInvocationError that names the key, and what would be right.
    """
    ini = {**limits(merged["ini"], limit_request_body), **merged["ini"]}
    for name in ini:
        if not NAME.fullmatch(str(name)):
            raise invalid("php:ini", str(name), "the name of a setting of php.ini")
    fpm = merged["fpm"]
    if not is_number(fpm["max_children"], 3, 10000):
        raise invalid("php:fpm:max_children", fpm["max_children"], "3 to 10000 processes")
    control = str(fpm["process_control_timeout"])
    if not SECONDS.fullmatch(control):
        raise invalid("php:fpm:process_control_timeout", control, "seconds, such as 20s")
    spelled = {
        name: ini_value(f"php:ini:{name}", value)
        for name, value in ini.items()
        if value is not None
    }
    return {**merged, "ini": spelled}


def version(wanted: Any, packages: list[str], known: Callable[[str], str]) -> tuple[str, list[str]]:
    """
    Return the version that the pillar names, and the packages with it in their names.

    wanted
        The pillar's ``php:version``.

    packages
        The pillar's ``php:packages``: ``php-fpm`` and so on.

    known
        Returns a package's version, installed or to be had, or the empty text.

    Raises SaltInvocationError where the machine has no such PHP and could not get it.
    """
    text = str(wanted)
    if not isinstance(wanted, str) or not VERSION.fullmatch(text):
        raise invalid("php:version", wanted, "a version in quotes, such as '8.4'")
    if not known(f"php{text}-fpm"):
        default = re.search(r"(?:^|:)([0-9]+[.][0-9]+)", known("php-fpm"))
        # A machine that knows of no PHP at all has not read its lists yet: apt then says it.
        if default and default[1] != text:
            raise invalid(
                "php:version",
                text,
                f"'{default[1]}', which this system has, or a source of packages with "
                f"php{text}-fpm (nothing has been changed)",
            )
    names = [re.sub(r"^php-(?=[a-z])", f"php{text}-", package) for package in packages]
    return text, names

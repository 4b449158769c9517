"""The web server: told which release it serves, and asked whether that answers well."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.files import read_text, write_text
from laravel_deploy.layout import CURRENT, RELEASES, linked, set_link
from laravel_deploy.releases import record

# How long the web server may take to serve a release, and how often it is asked: longer than a
# request may wait for a database.
SERVE_SECONDS = 30
LOOK_SECONDS = 0.2
# So often a release may answer wrongly before it is given up.
WRONG_ANSWERS = 5
# What Apache says when PHP does not answer it, which is no word of the release.
NOT_ANSWERED = (502, 503, 504)
# What the web server says, to the machine itself, of the release that answers.
RELEASE_HEADER = "X-Release"


class UnansweredError(CommandExecutionError):
    """Nothing answered for a release: nothing is known of it."""


@dataclass(frozen=True)
class Serving:
    """What the web server was told before a switch."""

    # The release that `current` leads to, and the text of Apache's file; None for no such file.
    release: str
    told: str | None


def told_server(root: Path, server: Mapping[str, str] | None) -> dict[str, str]:
    """Return the web server to tell; raises SaltInvocationError if it is malformed."""
    told = dict(server if server is not None else record(root)["server"])
    if server is None and told:
        # As it was noted when php-fpm was still reloaded.
        told.pop("php", None)
        told.setdefault("socket", "")
    wanted = ["health", "host", "map", "socket"]
    if told and sorted(told) != wanted:
        raise SaltInvocationError(
            f"server has {', '.join(sorted(told)) or 'nothing'}; expected {', '.join(wanted)}."
        )
    return told


def health_page(server: Mapping[str, str]) -> str:
    """Return the page that tells whether a release is well, without the server's address."""
    return "/" + server["health"].partition("://")[2].partition("/")[2] if server else ""


def served(root: Path, server: Mapping[str, str] | None) -> str:
    """
    Return the release that the web server is told to serve.

    root
        The folder of the releases.

    server
        The web server; None for that of the last switch.
    """
    noted, live = record(root)["server"], linked(root / CURRENT)
    told = server or noted
    if not told:
        return live
    if told != noted:
        # Another web server, or asked in another way: it is told anew, and looked at.
        return ""
    file = Path(told["map"])
    return live if live and file.is_file() and read_text(file) == _map_text(root, live) else ""


def _map_text(root: Path, name: str) -> str:
    # Apache takes both from here: the folder of another application's releases is another one.
    return f"# Kept by Salt.\nlive {name}\nhome {root / RELEASES / name}\n"


def serving(root: Path, server: Mapping[str, str]) -> Serving:
    """Return what serves now, to put it back by :py:func:`put_back`."""
    file = Path(server["map"]) if server else None
    told = read_text(file) if file and file.is_file() else None
    return Serving(linked(root / CURRENT), told)


def put_back(root: Path, server: Mapping[str, str], before: Serving) -> None:
    """Have the web server serve what it served before, of whatever application that was."""
    if before.release:
        set_link(root / CURRENT, f"{RELEASES}/{before.release}")
    else:
        (root / CURRENT).unlink(missing_ok=True)
    if server and before.told is not None:
        _tell(server, before.told)


def _tell(server: Mapping[str, str], text: str) -> None:
    owner = {"user": "root", "group": "root", "mode": "0644"}
    # Apache reads it anew when it has changed: a reload would close connections that clients keep.
    write_text(Path(server["map"]), text, owner)


def activate(root: Path, name: str, server: Mapping[str, str]) -> None:
    """
    Lead everybody to a release, and wait until the web server serves it well.

    root, name
        The folder of the releases, and the release.

    server
        The web server, or nothing where there is none.

    Raises CommandExecutionError if the release answers badly, UnansweredError if nothing says
    whether it does.
    """
    set_link(root / CURRENT, f"{RELEASES}/{name}")
    if not server:
        return
    _tell(server, _map_text(root, name))
    deadline, wrong, last = time.monotonic() + SERVE_SECONDS, 0, "no answer"
    while time.monotonic() < deadline:
        release, status, last = ask(server)
        if release == name and status < 400:
            return
        if release == name and status not in NOT_ANSWERED:
            wrong += 1
            if wrong >= WRONG_ANSWERS:
                raise CommandExecutionError(
                    f"{name} was switched to and answers {server['health']} badly: {last}."
                )
        time.sleep(LOOK_SECONDS)
    raise UnansweredError(
        f"{name} was switched to, and nothing tells within {SERVE_SECONDS} s whether it answers "
        f"{server['health']}: {last}. It is not given up: the next run tries it again."
    )


def ask(server: Mapping[str, str]) -> tuple[str, int, str]:
    """Ask the web server for a page: which release answers, the status, and both in words."""
    with requests.Session() as session:
        # The machine asks itself: by no proxy, and a certificate would be for another name.
        session.trust_env = session.verify = False
        try:
            answer = session.get(
                server["health"],
                headers={"Host": server["host"]},
                timeout=10,
                allow_redirects=False,
            )
        except requests.RequestException as err:
            return "", 0, f"no answer ({err})"
    release, status = answer.headers.get(RELEASE_HEADER, ""), answer.status_code
    return release, status, f"status {status}, by {release or 'no release'}"

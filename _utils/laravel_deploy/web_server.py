"""The web server: told which release it serves, and asked whether that answers well."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.files import read_text, write_text
from laravel_deploy.layout import CURRENT, RELEASES, linked, set_link
from laravel_deploy.releases import record

# How long the web server may take to serve a release, and how often it is asked.
SERVE_SECONDS = 20
LOOK_SECONDS = 0.2
# So often in a row a release may answer wrongly before it is given up.
WRONG_ANSWERS = 5
# What the web server says, to the machine itself, of the release that answers.
RELEASE_HEADER = "X-Release"


def told_server(root: Path, server: Mapping[str, str] | None) -> dict[str, str]:
    """Return the web server to tell; raises SaltInvocationError if it is malformed."""
    told = dict(server if server is not None else record(root)["server"])
    wanted = ["health", "host", "map", "php"]
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
    return live if live and file.is_file() and read_text(file) == _map_text(live) else ""


def _map_text(name: str) -> str:
    return f"# Kept by Salt.\nlive {name}\n"


def activate(
    root: Path, name: str, server: Mapping[str, str], reload: Callable[[str], Any]
) -> None:
    """
    Lead everybody to a release, and wait until the web server serves it well.

    root, name
        The folder of the releases, and the release.

    server
        The web server, or nothing where there is none.

    reload
        Reloads a service.

    Raises CommandExecutionError if the release answers badly, or nothing does.
    """
    set_link(root / CURRENT, f"{RELEASES}/{name}")
    if not server:
        return
    owner = {"user": "root", "group": "root", "mode": "0644"}
    # Apache reads it anew when it has changed: a reload would close connections that clients keep.
    write_text(Path(server["map"]), _map_text(name), owner)
    # php-fpm forgets the release before, whose code would fill its cache, release after release,
    # until nothing new is cached any more. Requests that run are finished.
    reload(server["php"])
    deadline, wrong, last = time.monotonic() + SERVE_SECONDS, 0, "no answer"
    while time.monotonic() < deadline:
        release, status, last = ask(server)
        if release == name:
            if status < 400:
                return
            wrong += 1
            if wrong >= WRONG_ANSWERS:
                break
        time.sleep(LOOK_SECONDS)
    raise CommandExecutionError(
        f"{name} was switched to and answers {server['health']} badly: {last}."
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

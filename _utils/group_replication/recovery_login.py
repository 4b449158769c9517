"""Whether members let a server in by the recovery account: asked before it starts, in a second."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication.connection import connect, rows, tls, trusted
from group_replication.model import ONLINE, Settings

# A member that is well answers at once; START GROUP_REPLICATION would wait for a minute.
CONNECT_SECONDS = 2
QUERY_SECONDS = 2


def refusal(settings: Settings, address: str, name: str, password: str) -> str:
    """
    Return why a member refuses a login by the recovery account, or the empty text.

    settings
        The group's settings.

    address
        Where the member is.

    name, password
        The account, as the local server has it for its recovery channel.
    """
    try:
        with connect(
            QUERY_SECONDS,
            CONNECT_SECONDS,
            host=address,
            port=settings.port,
            user=name,
            password=password,
            ssl=tls(trusted(settings)),
        ) as connection:
            rows(connection, "SELECT 1")
    except CommandExecutionError as err:
        return str(err)
    return ""


def check(
    settings: Settings, seen: Mapping[str, Mapping[str, Any]], account: Mapping[str, Any]
) -> None:
    """
    Raise CommandExecutionError where no ONLINE member lets this server in, or its own mysqld.

    settings
        The group's settings.

    seen
        What every member says of itself, as ``facts_of`` returns it.

    account
        ``name`` and ``password`` of the recovery account, as the local server has them.

    Members speak to each other by this account and port, and each begins with a login at its own
    server.
    """
    me = settings.me
    donors = [name for name, one in seen.items() if one["answers"] and one["state"] == ONLINE]
    asked = [me, *(name for name in donors if name != me)]

    def ask(name: str) -> str:
        return refusal(settings, settings.nodes[name], account["name"], account["password"])

    with ThreadPoolExecutor(max_workers=len(asked)) as pool:
        said = dict(zip(asked, pool.map(ask, asked), strict=True))
    own = said.pop(me)
    if not own and not all(said.values()):
        return
    refused = {me: own} if own else said
    raise CommandExecutionError(
        f"{me} cannot log in at {'its own mysqld' if own else 'any ONLINE member'} by the recovery "
        f"account {account['name']} on port {settings.port}, where members speak to each other: "
        f"{'; '.join(f'{name}: {why}' for name, why in refused.items())}."
    )

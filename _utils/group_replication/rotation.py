"""A member's part in a rotation of passwords: two are accepted, it uses the new one, one is left.

Every step asks what is so and does what is left, so that a step that was killed is done again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication import operation
from group_replication.accounts import (
    SCOPES,
    Grantee,
    coordinator_of,
    grantees,
    make_accounts_outside,
    recovery_credentials,
    set_recovery_credentials,
)
from group_replication.connection import (
    UnreachableError,
    connect,
    exclusive,
    execute,
    local,
    rows,
    tls,
    trusted,
)
from group_replication.facts import observe
from group_replication.model import OFFLINE, ONLINE, PRESENT, Settings, joined
from group_replication.passwords import PLUGIN, fingerprint, is_made_of
from group_replication.settings import (
    accounts_of,
    stored_settings,
    write_settings,
)

# Whose password an entry was made of: the pillar's, another one, or there is no entry.
PILLAR, OTHER, NONE = "pillar", "other", ""
ORCHESTRATION = "salt-run state.orchestrate orch.rotate"
# What the coordinator writes reaches this member with the other transactions of the group.
ARRIVE_SECONDS = 30.0
DENIED = "(1045)"


class Entry(NamedTuple):
    """What the local server knows of an account's password."""

    account: str
    # NONE: there is no such account. A plugin other than the declared one takes no second password.
    current: str
    # The one before, which is accepted, too.
    retained: str
    plugin: str


def accounts_by_role(settings: Settings) -> dict[str, Grantee]:
    """Return the accounts that have a password, by the name that pillar has for each."""
    declared = [one for scope in SCOPES for one in grantees(settings, scope) if one.password]
    roles = {account.name: role for role, account in accounts_of(settings).items()}
    return {roles[one.name]: one for one in declared}


def entries(connection: Any, settings: Settings) -> dict[str, Entry]:
    """
    Return what the local server knows of each declared account's password, by role.

    connection
        To the local server, as root; the entries never leave this function.

    settings
        The group's settings, with the passwords of pillar.
    """
    found = {}
    for role, account in accounts_by_role(settings).items():
        known = rows(
            connection,
            "SELECT plugin, authentication_string AS current,"
            " User_attributes->>'$.additional_password' AS retained"
            " FROM mysql.user WHERE user = %s AND host = %s",
            (account.name, account.host),
        )
        found[role] = _entry(account, known[0]) if known else Entry(str(account), NONE, NONE, "")
    return found


def _entry(account: Grantee, known: Mapping[str, Any]) -> Entry:
    current, retained = OTHER, OTHER if known["retained"] else NONE
    # Each look at an entry costs some 10 ms: at the second one only where it matters.
    if is_made_of(known["current"], account.password):
        current = PILLAR
    elif retained and is_made_of(known["retained"], account.password):
        retained = PILLAR
    return Entry(str(account), current, retained, known["plugin"])


def look(settings: Settings, prints: bool = False) -> dict[str, Any]:
    """
    Return what a rotation asks of the local member; no password and nothing made of one.

    settings
        The group's settings, with the passwords of pillar.

    prints
        Say, too, of what the passwords of pillar can be told from others.

    Returns a dict: ``accounts``, role to a dict of :py:class:`Entry`; ``print``, the fingerprint of
    the application's password in pillar, or "" where none was asked for; ``prints``, those of
    further applications by name; ``keeper`` and ``channel``
    (bool): whether the keeper's file has the admin's password of pillar, and the channel of the
    recovery the recovery account's. Raises CommandExecutionError when mysqld does not answer.
    """
    with local(settings) as connection:
        return {
            "accounts": {
                role: one._asdict() for role, one in entries(connection, settings).items()
            },
            "print": fingerprint(settings.application.password) if prints else "",
            "prints": {
                one.name: fingerprint(one.application.password) if prints else ""
                for one in settings.applications
            },
            "keeper": keeper_knows(settings) is not False,
            "channel": _channel_knows(connection, settings),
        }


def keeper_knows(settings: Settings) -> bool | None:
    """Tell whether the keeper's file has the admin's password of pillar; None without a file."""
    stored = _stored()
    return stored.admin == settings.admin if stored else None


def _stored() -> Settings | None:
    try:
        return stored_settings()
    except (TypeError, ValueError):
        # A highstate writes it anew.
        return None


def _channel_knows(connection: Any, settings: Settings) -> bool:
    told = {"name": settings.recovery.name, "password": settings.recovery.password}
    return recovery_credentials(connection) == [told]


def retain(settings: Settings, token: str) -> list[str]:
    """
    Give each account the password of pillar, and have the one before accepted, too.

    settings
        The group's settings, with the passwords of pillar.

    token
        The operation's own word.

    Returns the roles whose account got another password. Raises CommandExecutionError where an
    account has two already that are not pillar's: a third would make one of them void.
    """
    with exclusive(settings) as connection:
        _check_turn(connection, settings, token)
        found = entries(connection, settings)
        for role, one in found.items():
            if why := not_rotatable(role, one._asdict()):
                raise CommandExecutionError(why)
        todo = [role for role, one in found.items() if one.current != PILLAR]
        for role in todo:
            account = accounts_by_role(settings)[role]
            execute(
                connection,
                f"ALTER USER %s@%s IDENTIFIED WITH {PLUGIN} BY %s RETAIN CURRENT PASSWORD",
                (account.name, account.host, account.password),
            )
        return todo


def not_rotatable(role: str, one: Mapping[str, Any]) -> str:
    """
    Say why an account's password cannot be rotated to that of pillar, or return the empty text.

    role, one
        The account's name in pillar, and what a member knows of it.
    """
    if one["current"] == NONE:
        return f"there is no account {one['account']} yet: a highstate of all databases makes it"
    if one["current"] == PILLAR:
        return ""
    if one["plugin"] != PLUGIN:
        return f"{one['account']} has plugin {one['plugin']}; expected {PLUGIN}"
    if one["retained"] == OTHER:
        return (
            f"{one['account']} accepts two passwords, and pillar mysql:accounts:{role}:password is "
            "neither: put the one back to which the last rotation was to lead and call this again; "
            f"or, if nobody uses the older one, ALTER USER … DISCARD OLD PASSWORD"
        )
    return ""


def use(settings: Settings, token: str) -> list[str]:
    """
    Have the local member use the passwords of pillar, once every member has been seen to take them.

    A member that is OFFLINE gets them, too, without a transaction, so that it can join.

    settings
        The group's settings, with the passwords of pillar.

    token
        The operation's own word.

    Returns what got another password: ``keeper``, ``channel``. Raises CommandExecutionError where
    one is refused, before anything is written.
    """
    with exclusive(settings) as connection:
        seen = observe(connection)
        if seen["state"] not in (ONLINE, OFFLINE):
            raise CommandExecutionError(f"{settings.me} is {seen['state']}; expected ONLINE")
        if seen["state"] == ONLINE:
            _await_arrival(connection, settings, token)
        _prove(settings, seen["members"])
        if seen["state"] == OFFLINE:
            make_accounts_outside(connection, settings)
        told = []
        stored = _stored()
        if stored is not None and stored.admin != settings.admin:
            # What else pillar changes is for a highstate.
            write_settings(stored._replace(admin=settings.admin))
            told.append("keeper")
        if not _channel_knows(connection, settings):
            set_recovery_credentials(connection, settings)
            told.append("channel")
        return told


def _await_arrival(connection: Any, settings: Settings, token: str) -> None:
    deadline = time.monotonic() + ARRIVE_SECONDS
    while True:
        late = [
            one.account for one in entries(connection, settings).values() if one.current != PILLAR
        ]
        row = operation.current(connection)
        if not late and row and row.token == token:
            return
        if time.monotonic() >= deadline:
            why = f"the operation is not this run's: {operation.sentence(row) if row else 'none'}"
            if late:
                why = (
                    f"{settings.me} does not know the passwords of its pillar for {joined(late)}: "
                    "has it another pillar than the other members?"
                )
            raise CommandExecutionError(why)
        time.sleep(0.3)


def _prove(settings: Settings, members: Iterable[Mapping[str, Any]]) -> None:
    """Log in with the passwords of pillar at every member, from outside at any; raise otherwise."""
    online = {member["host"] for member in members if member["state"] == ONLINE}
    # What a member that is out of the group accepts is its own.
    places = {
        name: address
        for name, address in settings.nodes.items()
        if (address in online if online else name != settings.me)
    }
    refused = []
    for name, address in places.items():
        try:
            for role in accounts_by_role(settings):
                _log_in(settings, role, address)
        except CommandExecutionError as err:
            refused.append(f"{name}: {err}")
        else:
            if not online:
                return
    if refused:
        raise CommandExecutionError(f"the new passwords are not accepted: {'; '.join(refused)}")


def _log_in(settings: Settings, role: str, address: str) -> None:
    account = accounts_by_role(settings)[role]
    with connect(
        host=address,
        port=settings.admin_port if role == "admin" else settings.port,
        user=account.name,
        password=account.password,
        ssl=tls(trusted(settings)),
    ):
        pass


def discard(settings: Settings, token: str) -> list[str]:
    """
    Have the passwords of pillar alone accepted.

    settings
        The group's settings, with the passwords of pillar.

    token
        The operation's own word.

    Returns the roles whose account accepted another one until now.
    """
    with exclusive(settings) as connection:
        _check_turn(connection, settings, token)
        found = entries(connection, settings)
        other = [one.account for one in found.values() if one.current != PILLAR]
        if other:
            raise CommandExecutionError(
                f"no old password is discarded: that of {joined(other)} is not the one of "
                f"{settings.me}'s pillar"
            )
        todo = [role for role, one in found.items() if one.retained != NONE]
        for role in todo:
            account = accounts_by_role(settings)[role]
            execute(
                connection,
                "ALTER USER %s@%s DISCARD OLD PASSWORD",
                (account.name, account.host),
            )
        return todo


def _check_turn(connection: Any, settings: Settings, token: str) -> None:
    """Accounts are changed by the one operation of the group, on the member that makes them."""
    row = operation.current(connection)
    if row is None or row.token != token:
        told = operation.sentence(row) if row else "there is no operation"
        raise CommandExecutionError(
            f"no password is changed: {told}. {ORCHESTRATION} changes passwords"
        )
    maker = coordinator_of(observe(connection)["members"], settings.nodes)
    if maker != settings.me:
        raise CommandExecutionError(
            f"no password is changed on {settings.me}: {maker or 'no member'} makes accounts"
        )


def refuse_unrotated(settings: Settings, scope: str) -> None:
    """
    Refuse a password of pillar that the group does not have: others use the one before.

    settings
        The group's settings, with the passwords of pillar.

    scope
        ``members`` or ``application``: whose accounts; ``keeper``: the admin's alone.

    A group of which no member answers refuses nothing. Raises CommandExecutionError with the call
    to make.
    """
    if scope not in (*SCOPES, "keeper"):
        raise SaltInvocationError(f"scope is '{scope}'; expected {' or '.join(SCOPES)}")
    names = {one.name for one in grantees(settings, "members" if scope == "keeper" else scope)}
    accounts = accounts_by_role(settings)
    roles = [role for role, one in accounts.items() if one.name in names]
    if scope == "keeper":
        roles = ["admin"]
    inside, differing = False, roles
    try:
        with local(settings) as connection:
            inside = observe(connection)["state"] in PRESENT
            found = entries(connection, settings)
            # An account that is not there yet is made with any.
            differing = [role for role in roles if found[role].current == OTHER]
    except UnreachableError:
        # What the server would say, others do.
        inside = False
    refused = [
        str(accounts[role]) for role in differing if inside or _refused_by_others(settings, role)
    ]
    if refused:
        raise CommandExecutionError(
            f"pillar has another password than the group for {joined(refused)}, and others use "
            f"that one: {ORCHESTRATION} changes it on all machines. Nothing was changed here"
        )


def _refused_by_others(settings: Settings, role: str) -> bool:
    """Tell whether a member that answers refuses an account, and none accepts it."""
    refused = False
    for name, address in settings.nodes.items():
        if name == settings.me:
            continue
        try:
            _log_in(settings, role, address)
        except CommandExecutionError as err:
            refused = refused or DENIED in str(err)
        else:
            return False
    return refused

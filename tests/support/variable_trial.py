"""Set each global variable of a server to another value and back; runs on a database machine."""

from __future__ import annotations

import json
import sys
from typing import Any

import pymysql

# The server's word for a variable that no statement sets.
READ_ONLY = 1238
VARIABLES = (
    "SELECT VARIABLE_NAME, VARIABLE_VALUE, DATA_TYPE, MIN_VALUE, MAX_VALUE"
    " FROM performance_schema.global_variables"
    " JOIN performance_schema.variables_metadata USING (VARIABLE_NAME) ORDER BY 1"
)


def another(kind: str, value: str, high: str | None) -> Any:
    """Return another value for a variable; of text, which only some is right, the same."""
    if kind == "Boolean":
        return 0 if value == "ON" else 1
    if kind in ("Integer", "Numeric"):
        number = float(value) if "." in value else int(value)
        return number - 1 if number >= 2**63 - 1 or (high and number >= float(high)) else number + 1
    # A number is the place of a word in the list, or the first words of a set.
    return None if kind == "String" else 1


def tried(cursor: Any, name: str, value: Any) -> str:
    """Set a variable; return the empty text or what the server says."""
    try:
        cursor.execute(f"SET GLOBAL {name} = %s", (value,))
    except pymysql.MySQLError as err:
        return f"{err.args[0]} {err.args[1]}"
    return ""


def shown(cursor: Any, name: str) -> str:
    """Return a variable as the server shows it."""
    cursor.execute(
        "SELECT VARIABLE_VALUE FROM performance_schema.global_variables WHERE VARIABLE_NAME = %s",
        (name,),
    )
    return str(cursor.fetchone()[0])


def trial(cursor: Any, name: str, value: str, kind: str, high: str | None) -> dict[str, Any]:
    """Set one variable to another value and back, and return what came of it."""
    asked = another(kind, value, high)
    if asked == 1 and kind in ("Enumeration", "Set") and not tried(cursor, name, 1):
        # It may have been that one.
        asked = 0 if shown(cursor, name) == value else 1
    said = tried(cursor, name, value if asked is None else asked)
    found = {"kind": kind, "old": value, "asked": asked, "said": said, "new": shown(cursor, name)}
    number = kind in ("Integer", "Numeric")
    back: Any = (float(value) if "." in value else int(value)) if number else value
    found["back_said"] = "" if said else tried(cursor, name, back)
    found["back"] = shown(cursor, name)
    return found


def main(socket: str) -> None:
    """Try all variables of the server at a socket and print what came of it."""
    connection = pymysql.connect(unix_socket=socket, user="root", autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute(VARIABLES)
        rows = cursor.fetchall()
        print(
            json.dumps(
                {
                    name: trial(cursor, name, value, kind, high)
                    for name, value, kind, _, high in rows
                }
            )
        )


if __name__ == "__main__":
    main(sys.argv[1])

"""What a state reports of an application: changes in the past tense, and a database awaited."""

from __future__ import annotations

from typing import Any

import state_report

from laravel_deploy.failures import AWAITED


def failed(ret: dict[str, Any], err: Exception, partial: bool) -> dict[str, Any]:
    """
    Say why it could not be done.

    ret
        The report so far.

    err
        The reason.

    partial
        What waits for the database may wait for the next run, and is no failure then.
    """
    state_report.failed(ret, err)
    if partial and (getattr(err, "info", None) or {}) == AWAITED:
        ret["result"] = True
        ret["comment"] = f"{err} The next run goes on from here."
    return ret


def changed(
    ret: dict[str, Any], changes: dict[str, Any], what: str, test: bool, many: bool = False
) -> dict[str, Any]:
    """
    Fill in a report with changes: those of a test, or those just made.

    ret
        The report so far.

    changes, what
        What they are, and the subject of the comment, whose end is the caller's.

    test
        Nothing was done yet.

    many
        The subject is more than one.
    """
    ret["changes"] = changes
    ret["result"] = None if test else True
    ret["comment"] = f"{what} {'would have been' if test else 'have been' if many else 'has been'}"
    return ret

"""When a run of turns may begin another one: a window of every day, by the local clock; pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

_FORM = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


class Window(NamedTuple):
    """The minutes of a day from which it is open, and from which it is closed again."""

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{_clock(self.opens)}-{_clock(self.closes)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def window_of(value: Any) -> Window | None:
    """
    Return the window that an argument says, or None where it says none.

    value
        Such as ``02:00-04:00`` or, over midnight, ``23:00-04:00``; the empty text or None is none.

    Raises SaltInvocationError for anything else.
    """
    if value is None or value == "":
        return None
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found:
        hours = [int(one) for one in found.groups()]
        window = Window(60 * hours[0] + hours[1], 60 * hours[2] + hours[3])
        if window.opens != window.closes:
            return window
    raise SaltInvocationError(
        f"window is {value!r}; expected two different times of day, such as '02:00-04:00' or"
        " '23:00-04:00', by the clock of the Salt master's machine"
    )


def outside(window: Window | None, hour: int, minute: int) -> str:
    """
    Say that a time of day is outside of a window, or return the empty text.

    window
        None: any time is inside.

    hour, minute
        The time of day.
    """
    if window is None:
        return ""
    now = 60 * hour + minute
    since_open = (now - window.opens) % 1440
    if since_open < (window.closes - window.opens) % 1440:
        return ""
    return f"it is {_clock(now)}, and the window is {window}"

"""What holds for all tests."""

import logging

from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_unconfigure() -> None:
    """Let Salt's last words go unheard.

    It keeps log records until the process ends and then writes them to a stream that pytest has
    closed: dozens of tracebacks below tests that passed.
    """
    logging.raiseExceptions = False

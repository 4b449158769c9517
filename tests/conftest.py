"""What holds for all tests."""

import atexit
import logging

from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Salt keeps log records until the process ends and then writes them to a stream that pytest has
# closed: dozens of tracebacks below tests that passed.
atexit.register(setattr, logging, "raiseExceptions", False)

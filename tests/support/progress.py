"""How far a group of tests is, for a person; pytest's own output goes to a log."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from vagrant.lab.commands import LOGS, opened_log
from vagrant.lab.progress import VERBOSE, Live, spent

ROOT = Path(__file__).resolve().parents[2]
WHY_CHARACTERS = 300


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the Makefile name the group."""
    parser.addoption("--group", help="show the progress of this group of tests, log the rest")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take over from pytest's own reporter, which then writes the log."""
    if config.getoption("--group"):
        config.pluginmanager.register(Progress(config, config.getoption("--group")))


class Both:
    """A stream that is a log and, while it is `shown`, the terminal too."""

    def __init__(self, log: IO[str], terminal: IO[str], shown: bool) -> None:
        self._log, self._terminal, self.shown = log, terminal, shown
        self.encoding = "utf-8"

    def write(self, text: str) -> int:
        """Write a text."""
        if self.shown:
            self._terminal.write(text)
        return self._log.write(text)

    def flush(self) -> None:
        """Write what is kept."""
        self._log.flush()
        self._terminal.flush()

    def isatty(self) -> bool:
        """Tell that no colours are wanted: they would be in the log."""
        return False


def tally(counts: Counter[str]) -> str:
    """Return how the tests ended, the usual first.

    >>> tally(Counter(skipped=1, passed=12))
    '12 passed, 1 skipped'
    """
    order = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name]) or "no test"


def why(report: pytest.TestReport) -> str:
    """The first line of what a test failed with, for who ends a run before its summary."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return f": {crash.message.splitlines()[0][:WHY_CHARACTERS]}" if crash and crash.message else ""


def outcome(report: pytest.TestReport) -> str | None:
    """Return the word for how a test ended, if this part of it says so."""
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if hasattr(report, "wasxfail") and report.when == "call":
        return "xfailed" if report.skipped else "xpassed"
    if report.skipped:
        return "skipped"
    return "passed" if report.when == "call" else None


class Progress:
    """Counts what ends, and says so by file; what is slow is named at the end by pytest."""

    def __init__(self, config: pytest.Config, group: str) -> None:
        self._group, self._begin = group, time.monotonic()
        # While a test runs, what it prints is taken from the process's own stdout.
        self._out = os.fdopen(os.dup(1), "w")
        self._path = LOGS / f"test-{group}.log"
        self._log = os.fdopen(opened_log(self._path), "w", encoding="utf-8", errors="replace")
        self._both = Both(self._log, self._out, VERBOSE)
        reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        reporter._tw._file = self._both
        reporter._tw.hasmarkup = False
        config.option.verbose = max(config.option.verbose, 1)
        self._reporter = reporter
        self._all, self._file = Counter[str](), Counter[str]()
        self._total, self._name, self._now, self._since = 0, "", "", self._begin
        self._live = Live(self._line, self._out)

    def _line(self) -> str:
        done = f"{sum(self._all.values())} of {self._total}"
        return f"    {self._group}: {spent(time.monotonic() - self._begin)}  {done}  {self._now}"

    def pytest_sessionstart(self) -> None:
        """Show the live line from here on."""
        self._live.__enter__()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know how many tests there are."""
        self._total = len(session.items)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins, and perhaps a file."""
        name = nodeid.partition("::")[0]
        if name != self._name:
            self._end_file()
            self._name, self._since = name, time.monotonic()
        self._now = nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of a test ended."""
        word = outcome(report)
        if word:
            self._all[word] += 1
            self._file[word] += 1
        if word in ("failed", "error") and not VERBOSE:
            self._live.say(f"    {word}: {report.nodeid}{why(report)}")

    def _end_file(self) -> None:
        if self._file and not VERBOSE:
            took = spent(time.monotonic() - self._since)
            self._live.say(f"    {self._name}: {tally(self._file)} in {took}")
        self._file.clear()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Iterator[None]:
        """Show pytest's own summary: failures whole, slow tests, the line with the counts."""
        self._end_file()
        self._live.__exit__()
        if not VERBOSE:
            # Warnings are for the log.
            shown = self._reporter.summary_warnings
            self._reporter.summary_warnings = lambda: self._unseen(shown)
        self._both.shown = True
        yield
        self._both.shown = VERBOSE
        took = spent(time.monotonic() - self._begin)
        self._out.write(
            f"==> {self._group} tests: {tally(self._all)} in {took}; all of it: "
            f"{self._path.relative_to(ROOT)}\n"
        )
        self._both.flush()

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self) -> None:
        """Show what pytest says when it breaks itself."""
        self._both.shown = True

    def _unseen(self, write: Any) -> None:
        self._both.shown = False
        write()
        self._both.shown = True

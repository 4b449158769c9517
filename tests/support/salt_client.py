"""Calls of Salt by one process on the master: `salt` and `salt-run` take 1 to 2 s to start.

The program below runs in Salt's own Python on the master. It reads a call as a line of JSON and
answers with a line of JSON. A minion that does not answer is left out, as by the command.
"""

from __future__ import annotations

import json
import queue
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PROGRAM = """
import json, os, sys
import salt.client, salt.config, salt.runner, salt.utils.json
# Salt prints sentences of its own.
answered, sys.stdout = sys.stdout, sys.stderr
options = salt.config.client_config("/etc/salt/master")
for line in sys.stdin:
    call = json.loads(line)
    if "runner" in call:
        # In a process of its own, as by the command: threads that one run leaves behind empty
        # Python's table of importers under the next one.
        if os.fork():
            if os.wait()[1]:
                sys.exit(1)
            continue
        client = salt.runner.RunnerClient(salt.config.master_config("/etc/salt/master"))
        answers = client.cmd(call["runner"], kwarg=call["kwarg"], print_event=False)
        print(salt.utils.json.dumps(answers, default=repr), file=answered, flush=True)
        os._exit(0)
    else:
        # A master that was started anew has another key, which is read here.
        with salt.client.LocalClient(mopts=dict(options)) as client:
            answers = client.cmd(**call)
    print(salt.utils.json.dumps(answers, default=repr), file=answered, flush=True)
"""
COMMAND = f"/opt/salt/bin/python -W ignore -u -c {shlex.quote(PROGRAM)} 2>/dev/null"


class SaltClient:
    """Processes on the master, one for each call that is under way."""

    def __init__(self, start: Callable[[], subprocess.Popen[str]]) -> None:
        """Take what starts one: a program with a line to it and one from it."""
        self._start = start
        self._idle: queue.LifoQueue[subprocess.Popen[str]] = queue.LifoQueue()
        # What forks for each run has no thread and no socket of a call.
        self._idle_runners: queue.LifoQueue[subprocess.Popen[str]] = queue.LifoQueue()

    def call(self, target: str, call: str, timeout: int) -> dict[str, Any]:
        """Call a function as `salt TARGET CALL` does, `-L` before the function for a list."""
        words = shlex.split(call)
        kind = "list" if words[0] == "-L" else "glob"
        function, *arguments = words[words[0] == "-L" :]
        request = {
            "tgt": target.split(",") if kind == "list" else target,
            "tgt_type": kind,
            "fun": function,
            "arg": arguments,
            "timeout": timeout,
            # A minion that says nothing is asked once more whether it is at work, for so long.
            "gather_job_timeout": min(timeout, 10),
        }
        return self._ask(request, f"salt '{target}' {call}")

    def run(self, runner: str, **arguments: Any) -> Any:
        """Call a runner as `salt-run RUNNER` does, and return what it returns."""
        return self._ask({"runner": runner, "kwarg": arguments}, f"salt-run {runner}")

    def _ask(self, request: dict[str, Any], shown: str) -> Any:
        idle = self._idle_runners if "runner" in request else self._idle
        with self._process(idle) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        if not answer:
            raise AssertionError(f"{shown} printed nothing")
        return json.loads(answer)

    def close(self) -> None:
        """End the processes that are there."""
        for idle in (self._idle, self._idle_runners):
            while not idle.empty():
                _end(idle.get())

    @contextmanager
    def _process(
        self, idle: queue.LifoQueue[subprocess.Popen[str]]
    ) -> Iterator[subprocess.Popen[str]]:
        """Return a context with a process that nobody else uses meanwhile."""
        process = self._living(idle)
        try:
            yield process
        except BaseException:
            # What it would answer next belongs to this call.
            process.kill()
            _end(process)
            raise
        idle.put(process)

    def _living(self, idle: queue.LifoQueue[subprocess.Popen[str]]) -> subprocess.Popen[str]:
        """Return one that waits for a call, or a new one: the master may have been stopped."""
        while True:
            try:
                process = idle.get_nowait()
            except queue.Empty:
                return self._start()
            if process.poll() is None:
                return process
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

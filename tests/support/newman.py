"""Runs the Postman collection against the lab's web server."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from tests.support.lab import ROOT, Lab

COLLECTION = ROOT / "app/tests/postman/conduit.postman_collection.json"
NEWMAN = ROOT / ".lab/newman/node_modules/.bin/newman"


def newman(lab: Lab, runs: int) -> list[str]:
    """Run the collection some times in a row and return what was not as it should be."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        done = subprocess.run(
            [
                *(str(NEWMAN), "run", str(COLLECTION), "--iteration-count", str(runs)),
                *("--env-var", f"baseUrl=http://{lab.address[lab.web]}"),
                *("--reporters", "json", "--reporter-json-export", str(report)),
            ],
            # The lab is reached without a proxy, whatever the host has.
            env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
            capture_output=True,
            text=True,
            timeout=120 * runs,
            check=False,
        )
        assert report.exists(), f"newman wrote no report: {done.stdout}{done.stderr}"
        run = json.loads(report.read_text())["run"]
    assert run["stats"]["iterations"] == {"total": runs, "pending": 0, "failed": 0}, run["stats"]
    failures = [
        f"run {failure['cursor'].get('iteration', 0) + 1}, {failure['source'].get('name')}: "
        f"{failure['error'].get('test', '')}: {failure['error']['message']}"
        for failure in run["failures"]
    ]
    assert bool(failures) == bool(done.returncode), done.stderr
    return failures

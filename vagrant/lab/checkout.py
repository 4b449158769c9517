"""Where the checkout keeps what this package reads and makes, and what its pins say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from vagrant.lab.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"
CLUSTER = ROOT / "pillar" / "cluster.sls"
REQUIREMENTS = ROOT / "requirements.txt"
PACKAGES = ROOT / "salt/mysql/files/requirements.txt"
CERTIFICATES = LAB / "site.crt"


def cluster() -> dict[str, Any]:
    """Read the table of nodes."""
    try:
        import yaml
    except ImportError:
        raise LabError("this Python has no yaml; on Debian and Ubuntu: python3-yaml") from None

    wanted = "expected a mapping `cluster` with `nodes`, as in git"
    try:
        found = yaml.safe_load(CLUSTER.read_text())
    except (OSError, ValueError, yaml.YAMLError) as err:
        raise LabError(f"{CLUSTER.relative_to(ROOT)} cannot be read: {err}; {wanted}") from None
    table = found.get("cluster") if isinstance(found, dict) else None
    if not isinstance(table, dict) or not isinstance(table.get("nodes"), dict):
        raise LabError(f"{CLUSTER.relative_to(ROOT)} has no table of nodes; {wanted}")
    return table


def salt_version() -> str:
    """Return the one version of Salt that everything here uses."""
    found = re.search(r"^salt==([0-9.]+)$", REQUIREMENTS.read_text(), re.MULTILINE)
    if not found:
        raise LabError(f"{REQUIREMENTS.name} pins no Salt; expected salt==3008.3 or the like")
    return found[1]


def packages() -> list[str]:
    """Return what Salt's Python has beside Salt, in pip's words."""
    return [line for line in PACKAGES.read_text().splitlines() if not line.startswith("#")]

"""An application and its releases, as the states of laravel and laravel_release meet them."""

from __future__ import annotations

from laravel_deploy.failures import awaiting_database
from laravel_deploy.masking import MASK

APP = "/srv/app"
NOW, COMING = "0123456789ab", "ba9876543210"
READY = {
    "release": NOW,
    "path": f"{APP}/releases/{NOW}",
    "complete": True,
    "stopped": "",
    "stopped_by": "",
    "migrations": [],
}
BUILT = {"release": NOW, "before": NOW, "built": False}
SERVING = {"next_release": READY, "served": NOW, "cached": True, "surplus": []}
KEY = {
    "changes": {"APP_KEY": {"old": "", "new": MASK}},
    "source": "pillar",
    "differs": False,
}
KEPT = {"changes": {}, "source": "kept", "differs": False}
PARTIAL = {"converge": "partial"}


def unavailable():
    return awaiting_database("The database at h:3307 is not available: refused (2002).")

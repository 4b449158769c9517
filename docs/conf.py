"""How the pages of this folder become a site, with a reference made of docstrings."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Modules and states of one name are told apart by their folders; libraries are imported plainly.
sys.path[:0] = [str(ROOT), str(ROOT / "_utils")]

project = "MySQL Group Replication with Salt"
release = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["measurements"]
# Links to headings, as a forge makes them.
myst_heading_anchors = 3
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"
# As Salt names them: the folder says nothing to who calls them.
add_module_names = False
html_theme = "furo"
html_title = f"{project} {release}"

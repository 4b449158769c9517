"""A folder of Salt's file server as a source: its files, their hash, and copies of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError
from salt.utils.stringutils import check_include_exclude

# In a source's folder: what is made on the web server, or a developer's own.
NOT_DEPLOYED = (
    r"E@^(vendor|storage|bootstrap/cache|node_modules|tests|phpunit[.]xml|README[.]md|[.]env|[.]git)"
    r"(/|$)"
)
# Never fetched, whatever else is deployed: a developer's settings and secrets. Laravel would take
# .env.production over .env, and pages of public/hot from a developer's own machine.
NEVER_DEPLOYED = r"E@^([.]env(?![.]example$)[^/]*|auth[.]json|public/hot)$"


@dataclass(frozen=True)
class FileServer:
    """The file server, as Salt offers it on this machine: cp.list_master and cp.cache_files."""

    list_master: Callable[..., Any]
    cache_files: Callable[..., Any]

    def files(self, source: str, exclude: str) -> dict[str, str]:
        """
        Return the files of a folder: relative path to the copy here.

        source
            The folder, such as ``salt://app``.

        exclude
            What is left out: a glob, or a regular expression behind ``E@``.
        """
        prefix = source.removeprefix("salt://").rstrip("/") + "/"
        names = [
            name
            for name in self.list_master(prefix=prefix)
            if check_include_exclude(name.removeprefix(prefix), None, exclude)
            and check_include_exclude(name.removeprefix(prefix), None, NEVER_DEPLOYED)
        ]
        if prefix + "artisan" not in names:
            raise CommandExecutionError(
                f"{source} holds no Laravel application: it has no artisan."
            )
        copies = self.cache_files([f"salt://{name}" for name in names])
        found = {name.removeprefix(prefix): copy for name, copy in zip(names, copies, strict=True)}
        missing = sorted(name for name, copy in found.items() if not copy)
        if missing:
            raise CommandExecutionError(f"{source} does not give {', '.join(missing)}.")
        return found


def fingerprint_of(files: Mapping[str, str]) -> str:
    """Return one hash over the names and contents of files."""
    whole = hashlib.sha256()
    for name, copy in sorted(files.items()):
        content = Path(copy).read_bytes()
        whole.update(f"{name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def copy_files(files: Mapping[str, str], path: Path) -> None:
    """Put files into the folder of a release."""
    for name, copy in files.items():
        target = path / name
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        # The copy is in the minion's cache, which is root's.
        shutil.copyfile(copy, target)
        target.chmod(0o644)

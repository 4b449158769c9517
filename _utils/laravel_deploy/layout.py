"""Where an application's parts are: its releases, what outlives them, and the links between."""

from __future__ import annotations

from pathlib import Path

RELEASES = "releases"
SHARED = "shared"
# Links to the release that serves, and to the one that is to.
CURRENT = "current"
NEXT = "next"


def home(directory: str) -> Path:
    """Return where artisan is: in the release that serves, or in the folder itself."""
    root = Path(directory)
    return (root / CURRENT).resolve() if (root / CURRENT).is_symlink() else root.resolve()


def root_of(path: Path) -> Path:
    """Return the folder of the releases that a release is in; of others the folder itself."""
    return path.parent.parent if path.parent.name == RELEASES else path


def env_path(directory: str) -> Path:
    """Return the path of an application's .env file, the shared one where there is one."""
    shared = Path(directory) / SHARED
    return (shared if shared.is_dir() else home(directory)) / ".env"


def installed(directory: str) -> bool:
    """Tell whether an application's code and its dependencies are in place."""
    found = home(directory)
    return (found / "artisan").is_file() and (found / "vendor" / "autoload.php").is_file()


def linked(link: Path) -> str:
    """Return the name of the release that a link leads to, or nothing."""
    return link.readlink().name if link.is_symlink() else ""


def set_link(link: Path, target: str) -> None:
    """Have a link lead somewhere, in one step."""
    aside = link.with_name(f".{link.name}.aside")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(link)

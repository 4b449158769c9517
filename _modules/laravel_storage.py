"""Keep the folders that a Laravel application writes to."""

from __future__ import annotations

from pathlib import Path

from laravel_deploy.shared_folders import parse_shared_folders
from laravel_deploy.storage import update_storage

__virtualname__ = "laravel_storage"


def __virtual__() -> str:
    return __virtualname__


def update(
    path: str,
    user: str = "www-data",
    group: str = "www-data",
    mode: str = "0750",
    test: bool = False,
    public: bool = False,
    shared_folders: list[str] | None = None,
) -> dict[str, dict[str, str]]:
    """
    Have the folders that Laravel writes to, with their owner and mode.

    The web server can change what is below the first of them. So none is reached by a link, which
    could lead to a folder of root's.

    path
        The storage, an absolute path: ``app``, ``framework/cache/data`` and so on are made in it.

    user, group, mode
        Whose the folders are and who may use them: www-data, www-data and 0750.

    test
        Only tell what would change. Default: False.

    public
        The web server is none of the group, and serves what is in ``app/public``: others may read
        that folder, and pass those above it. Default: False.

    shared_folders
        Folders of the code that releases have links to, as ``laravel:shared_folders``: each has a
        folder below ``app``. Default: None, there are none.

    Returns a dictionary of what changed: folder to ``{"old", "new"}``, each as
    ``www-data:www-data 0750``. Raises CommandExecutionError if one is a link or no folder.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_storage.update /srv/conduit/shared/storage test=True
    """
    wanted = {"user": user, "group": group, "mode": mode}
    return update_storage(Path(path), wanted, test, public, parse_shared_folders(shared_folders))

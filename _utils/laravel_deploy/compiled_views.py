"""Blade's compiled views of releases that are gone: removed by the application's own user."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.accounts import unprivileged_ids
from laravel_deploy.layout import RELEASES, SHARED
from laravel_deploy.programs import run_program

log = logging.getLogger(__name__)

REMOVE_SECONDS = 60

# A compiled view ends with the path of its view. Its name is a hash of this path, unless releases
# share it (view.relative_hash): so no other release can use one whose name and path fit.
REMOVE = r"""<?php
[, $views, $releases] = $argv;
$there = is_link($views) ? false : @scandir($releases);
$gone = 0;
foreach ($there ? @scandir($views) ?: [] : [] as $name) {
    $file = "{$views}/{$name}";
    if (! str_ends_with($name, '.php') || is_link($file) || ! is_file($file)) {
        continue;
    }
    $end = (string) @file_get_contents($file, offset: max(0, (int) @filesize($file) - 4200));
    if (! preg_match('~/\*\*PATH (.+) ENDPATH\*\*/ \?>\s*$~D', $end, $found)
        || ! str_starts_with($found[1], "{$releases}/")) {
        continue;
    }
    $release = strstr(substr($found[1], strlen($releases) + 1), '/', true);
    $hashes = [hash('xxh128', "v2{$found[1]}"), sha1("v2{$found[1]}")];
    if ($release && ! in_array($release, $there, true)
        && in_array(basename($name, '.php'), $hashes, true) && @unlink($file)) {
        $gone++;
    }
}
echo $there ? "removed {$gone}\n" : "{$releases} or {$views} cannot be used\n";
"""


def remove_views(root: Path, user: str, run_all: Callable[..., dict[str, Any]]) -> int:
    """
    Remove the compiled views of releases that are gone; a failure is only logged.

    Whoever serves the application owns them, so that nothing of root's can be removed by a link in
    their place.

    root
        The folder of the releases.

    user
        The web server's user, never root.

    run_all
        Salt's cmd.run_all.

    Returns how many were removed.
    """
    unprivileged_ids(user, "the application's commands")
    where = root.resolve()
    views = where / SHARED / "storage/framework/views"
    try:
        done = run_program(
            run_all,
            ["php", "--", str(views), str(where / RELEASES)],
            cwd="/",
            runas=user,
            clean_env=True,
            stdin=REMOVE,
            timeout=REMOVE_SECONDS,
        )
        if found := re.search(r"^removed (\d+)$", str(done["stdout"]), re.M):
            return int(found[1])
        reason = " ".join(f"{done['stdout']} {done['stderr']}".split())[:300]
    except CommandExecutionError as err:
        reason = str(err)
    log.warning("The next switch removes the views of old releases: %s", reason or "no answer")
    return 0

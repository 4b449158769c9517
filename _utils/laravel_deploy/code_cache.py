"""PHP's code cache forgets what no longer serves: asked by FastCGI, without a reload of php-fpm."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.files import read_text, write_text
from laravel_deploy.layout import RELEASES
from laravel_deploy.programs import run_program

# In the folder of the releases, outside of what the web server may be asked for.
PROGRAM = ".code-cache.php"
# A question waits for one of php-fpm's processes, all of which may be at long requests.
ASK_SECONDS = 60

# A reload lets nobody in until the longest request has ended, and then cuts it. A reset of the
# whole cache has every request compile everything until then.
FORGET = r"""<?php
// Kept by Salt. Run by php-fpm, by FastCGI alone: a command line has a code cache of its own.
$status = function_exists('opcache_get_status') ? @opcache_get_status(true) : false;
[$below, $keep, $files] = json_decode($_SERVER['FORGET'], true);
foreach (array_keys($status['scripts'] ?? []) as $script) {
    if ($below !== '' && str_starts_with($script, $below)
        && ! in_array(strstr(substr($script, strlen($below)), '/', true), $keep, true)) {
        $files[] = $script;
    }
}
$gone = $status ? array_filter($files, fn ($file) => opcache_invalidate($file, true)) : [];
echo 'forgotten ', count($gone), "\n";
"""

RunAll = Callable[..., dict[str, Any]]


def forget_releases(root: Path, keep: Collection[str], socket: str, run_all: RunAll) -> int:
    """
    Have php-fpm forget the code of all releases but some.

    What is forgotten makes room: PHP begins its cache anew by itself once it is full, and a part of
    it is of no use.

    root, keep
        The folder of the releases, and those whose code stays.

    socket
        Where php-fpm listens; the empty text for nowhere.

    run_all
        Salt's cmd.run_all.

    Returns how many files were forgotten. Raises CommandExecutionError if php-fpm does not answer.
    """
    below = f"{root.resolve() / RELEASES}/"
    return _forget(root, [below, sorted(keep), []], socket, run_all)


def forget_files(root: Path, files: Collection[Path], socket: str, run_all: RunAll) -> int:
    """
    Have php-fpm read files anew, whether or not it looks at their times.

    files
        They. The others are as for :py:func:`forget_releases`.
    """
    return _forget(root, ["", [], [str(file.resolve()) for file in files]], socket, run_all)


def _forget(root: Path, told: list[Any], socket: str, run_all: RunAll) -> int:
    if not socket:
        return 0
    program = root / PROGRAM
    if not program.is_file() or read_text(program) != FORGET:
        write_text(program, FORGET, {"user": "root", "group": "root", "mode": "0644"})
    done = run_program(
        run_all,
        ["cgi-fcgi", "-bind", "-connect", socket],
        cwd="/",
        clean_env=True,
        env={
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": f"/{PROGRAM}",
            "SCRIPT_FILENAME": str(program.resolve()),
            "FORGET": json.dumps(told),
        },
        timeout=ASK_SECONDS,
    )
    if found := re.search(r"^forgotten (\d+)$", str(done["stdout"]), re.M):
        return int(found[1])
    said = " ".join(f"{done['stderr']} {done['stdout']}".split())[:300]
    raise CommandExecutionError(
        f"php-fpm at {socket} was not told to forget old code: {said or 'no answer'}"
    )

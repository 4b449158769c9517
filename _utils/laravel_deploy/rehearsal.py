"""A release is asked for a page in php itself, before any client is led to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from salt.exceptions import CommandExecutionError

from laravel_deploy.artisan import Application
from laravel_deploy.failures import sentence

REHEARSAL_SECONDS = 60

# Asks the application for a page without any web server; handed to php on its standard input.
REHEARSAL = r"""<?php
require 'vendor/autoload.php';
$app = require 'bootstrap/app.php';
$request = Illuminate\Http\Request::create($argv[1]);
$response = $app->make(Illuminate\Contracts\Http\Kernel::class)->handle($request);
fwrite(STDERR, isset($response->exception) ? $response->exception->getMessage() : '');
echo "\n", $response->getStatusCode();
"""

EARLY = (
    " (pages are asked for before migrations run: name one that needs nothing of what pending "
    "migrations make)"
)


def rehearse(app: Application, page: str, caches: Mapping[str, str]) -> None:
    """
    Have an application answer a page before any client is led to it.

    app
        The release.

    page
        The page's path.

    caches
        Variables that lead to caches elsewhere than in the release.

    Raises CommandExecutionError if it does not answer, or badly.
    """
    done = app.php(["--", page], REHEARSAL, caches, timeout=REHEARSAL_SECONDS)
    status = str(done["stdout"]).rpartition("\n")[2]
    if done["retcode"] or not status.isdigit() or int(status) >= 400:
        said = sentence({**done, "stdout": done["stderr"] or done["stdout"]}, app.directory)
        # A table or a column that a migration would make; such an error is the database's.
        early = any(state in said for state in ("[42S02]", "[42S22]"))
        raise CommandExecutionError(
            f"{Path(app.directory).name} answers {page} with "
            f"{status if status.isdigit() else 'no answer'}: {said}{EARLY if early else ''}"
        )

"""An application's own commands: php and artisan, run as the web server's user."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.accounts import unprivileged_ids
from laravel_deploy.caches import cache_folder, is_cached
from laravel_deploy.env_file import redact
from laravel_deploy.failures import failure
from laravel_deploy.layout import home, installed
from laravel_deploy.programs import run_program

# Seconds after which a question to a silent database is given up; PHP would wait for a day.
ASKING = ("-d", "mysqlnd.net_read_timeout=5")


@dataclass(frozen=True)
class Application:
    """An application, and how its commands are run."""

    # The folder of its releases, or any folder with an artisan in it.
    directory: str
    # Who runs them, never root.
    user: str | None
    # Salt's cmd.run_all.
    run_all: Callable[..., dict[str, Any]]
    # Seconds after which a command is ended; None for any time.
    timeout: int | None = 600

    def ids(self) -> tuple[int, int]:
        """Return the numbers of the user and its group; raises if it is root or not known."""
        return unprivileged_ids(self.user, "the application's commands")

    def php(
        self,
        arguments: Sequence[str],
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        *,
        umask: str = "022",
        timeout: int | None = None,
    ) -> dict[str, Any]:
        """Run php in the application's folder; return retcode, stdout and stderr, unredacted."""
        self.ids()
        if not installed(self.directory):
            raise CommandExecutionError(
                f"{self.directory} is not installed: it needs both artisan and vendor/autoload.php."
            )
        where = home(self.directory)
        # A configuration that was cached from another .env may lead to a database that is gone.
        past = {} if is_cached(where) else uncached(self.directory)
        return run_program(
            self.run_all,
            ["php", *arguments],
            cwd=str(where),
            runas=self.user,
            # A narrow terminal breaks messages within a word.
            env={"COLUMNS": "4096", "NO_COLOR": "1", **past, **(env or {})},
            stdin=stdin,
            timeout=self.timeout if timeout is None else timeout,
            umask=umask,
        )

    def artisan(
        self,
        command: str,
        args: Sequence[str] = (),
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Run an artisan command; ``options`` are php's own, ``more`` is for :py:meth:`php`."""
        line = ["artisan", command, *args, "--no-interaction", "--no-ansi"]
        return self.php([*options, *line], env=env, **more)

    def failure(self, what: str, done: Mapping[str, Any]) -> CommandExecutionError:
        """Return the exception for a failed command, as :py:mod:`failures` makes it."""
        return failure(what, done, self.directory)


def uncached(directory: str) -> dict[str, str]:
    """Return the variable that has artisan pass over the cached configuration."""
    return {"APP_CONFIG_CACHE": str(cache_folder(home(directory)) / ".none")}


def printed(app: Application, command: str, args: Sequence[str] = ()) -> str:
    """Run an artisan command and return what it printed, secrets masked; raises if it fails."""
    # Its lists fill the terminal, with dots: a person's is not so wide.
    done = app.artisan(command, args, env={"COLUMNS": "120"})
    if done["retcode"]:
        raise app.failure(f"artisan {command}", done)
    return redact(str(done["stdout"]), app.directory)


def framework_version(app: Application) -> str:
    """Return the version of the framework that an application runs on, e.g. ``13.31.0``."""
    found = re.search(r"Laravel Framework (\S+)", printed(app, "--version"))
    if not found:
        raise CommandExecutionError(f"{app.directory} does not say which version it runs on.")
    return found[1]

"""A web server's disk and programs, as far as a deployment touches them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from laravel_deploy.artisan import Application
from laravel_deploy.build import build_release
from laravel_deploy.caches import CACHES
from laravel_deploy.compiled_views import REMOVE
from laravel_deploy.composer import Composer
from laravel_deploy.file_server import FileServer
from laravel_deploy.files import ownership
from laravel_deploy.git import Git
from laravel_deploy.hooks import parse_hooks
from laravel_deploy.sources import Plan, Source, plan
from laravel_deploy.switch import Runtime, rollback, switch, try_release

SOURCE = {
    "artisan": "<?php",
    "composer.json": "{}",
    "database/migrations/2026_01_01_000001_create_a.php": "<?php // a",
    "vendor/autoload.php": "never deployed",
    ".env": "APP_KEY=of-a-developer",
    "storage/logs/laravel.log": "old",
}

# What the look at migrations says, among what the application prints.
NEW = """
INFO  Something of the application's own.
{"migration": "2026_01_02_000001_create_b", "unknown": "", "statements": [
 "create table `b` (`id` bigint unsigned not null auto_increment primary key)",
 "alter table `b` add foreign key (`a_id`) references `a` (`id`) on delete cascade"]}
{"migration": "2026_01_02_000002_create_c", "unknown": "it asks the database for something",
 "statements": ["create table `c` (`note` varchar(255) not null)"]}
""".replace("\n ", " ")


def unconfined(command: list[str]) -> tuple[list[str], str, bool]:
    """What a confined command runs, the number of its user, and whether it has the network."""
    at = command.index("--no-new-privs")
    online = "--net" not in command[: command.index("--")]
    return command[at + 2 :], command[command.index("--reuid") + 1], online


def answer(stdout: str = "", stderr: str = "", retcode: int = 0) -> dict[str, Any]:
    """What cmd.run_all returns of a program."""
    return {"stdout": stdout, "stderr": stderr, "retcode": retcode}


def group(single: str | None, generates: str = "OFF") -> dict[str, Any]:
    """What php says of the group that the database is in; None: it is in none."""
    found = {"sql_generate_invisible_primary_key": generates}
    if single:
        found["group_replication_single_primary_mode"] = single
    return answer(json.dumps(found))


class Machine:
    """Its source is a folder, its Composer makes files, its php says what the test says."""

    def __init__(self, root: Path, source: Path) -> None:
        self.root, self.source = root, source
        for name, text in SOURCE.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        (root / "shared/storage").mkdir(parents=True)
        (root / "shared/.env").write_text("A=1\n")
        self.user, self.group = (ownership(root)[aspect] for aspect in ("user", "group"))
        self.server = {
            "map": str(root.parent / "release.map"),
            "socket": "/run/php.sock",
            "health": "http://127.0.0.1/up",
            "host": "web",
        }
        # What php-fpm was told to forget: below which folder but for which releases, or files.
        self.forgotten: list[list[Any]] = []
        self.fpm = answer("Content-type: text/html\r\n\r\nforgotten 1\n")
        self.ran: list[list[str]] = []
        self.pending: list[str] = []
        # What the release answers in php itself, and what Apache answers, by release.
        self.rehearsed, self.answers = 200, {}
        self.silent = False
        self.composer = self.npm = self.hook = 0
        self.npm_env: dict[str, str] = {}
        # Of each command of a hook: name, arguments, user, folder, and what served meanwhile.
        self.hooks: list[tuple[str, list[str], str, str, str]] = []
        self.read = 0
        # Of each look at the migrations, whether it went past the cached configuration.
        self.without_cache: list[bool] = []

    # ---- what Salt offers there ----

    def list_master(self, prefix: str) -> list[str]:
        self.read += 1
        files = [path for path in self.source.rglob("*") if path.is_file()]
        return sorted(f"app/{path.relative_to(self.source)}" for path in files)

    def cache_files(self, paths: list[str]) -> list[str]:
        return [str(self.source / path.removeprefix("salt://app/")) for path in paths]

    def run_all(self, command: list[str], **options) -> dict:
        user, online = "", True
        if command[0] == "unshare":
            command, user, online = unconfined(command)
            # Only what is fetched, and runs no code, may reach the network.
            assert online is bool({"--download-only", "--ignore-scripts"} & {*command}), command
        self.ran.append(command)
        home = Path(options["cwd"])
        if command[0] == "composer":
            if "--download-only" in command:
                if not (home / "composer.lock").exists():
                    (home / "composer.lock").write_text("made here")
                return answer(retcode=self.composer, stderr="Problem 1")
            (home / "vendor").mkdir()
            # As the application does when it is run by root, and something is wrong.
            (home / "storage/logs/laravel.log").write_text("of root")
            (home / "vendor/autoload.php").write_text("<?php")
            return answer(retcode=self.composer, stderr="Problem 1")
        if command[0] == "npm":
            self.npm_env = options["env"]
            if command[1] == "ci":
                shutil.rmtree(home / "node_modules", ignore_errors=True)
                (home / "node_modules/.bin").mkdir(parents=True)
                (home / "node_modules/.bin/vite").write_text("no part of a release")
            else:
                assert (home / "node_modules/.bin/vite").exists()
                (home / "public/build").mkdir(parents=True)
                (home / "public/build/app.js").write_text("built")
            return answer(retcode=self.npm, stderr="npm error Missing script")
        if command[:2] == ["php", "artisan"] and command[2].startswith("app:"):
            who = user or options["runas"]
            self.hooks.append((command[2], command[3:-2], who, home.name, self.told()))
            return answer(retcode=self.hook, stderr="RuntimeException: it went wrong")
        if command[0] == "cgi-fcgi":
            self.forgotten.append(json.loads(options["env"]["FORGET"]))
            return self.fpm
        if command[:2] == ["php", "--"] and options.get("stdin") == REMOVE:
            return answer("removed 0\n")
        if command[:2] == ["php", "--"]:
            return answer(f"\n{self.rehearsed}", "It broke" if self.rehearsed >= 400 else "")
        for name, file, variable in CACHES:
            if name in command:
                text = f"{file} of {(home / '.env').read_text()}"
                Path(options["env"][variable]).write_text(text)
                assert Path(options["env"][variable]).name == file
                return answer()
        if "migrate:status" in command:
            self.without_cache.append("APP_CONFIG_CACHE" in options["env"])
            lines = [f"  {name} ..... Pending" for name in self.pending]
            return answer("\n".join(lines))
        raise AssertionError(command)

    # ---- what the web server serves ----

    def told(self) -> str:
        file = Path(self.server["map"])
        found = re.findall(r"^live (.*)$", file.read_text(), re.M) if file.exists() else [""]
        return str(found[0])

    def ask(self, _server) -> tuple[str, int, str]:
        if self.silent:
            return "", 0, "no answer"
        release = self.told()
        status = self.answers.get(release, 200)
        return release, status, f"status {status}"

    def live(self) -> str:
        return (self.root / "current").readlink().name

    # ---- what is done with it ----

    @property
    def app(self) -> Application:
        return Application(str(self.root), self.user, self.run_all)

    @property
    def runtime(self) -> Runtime:
        return Runtime(self.user, self.group, self.run_all)

    def change(self, text: str) -> None:
        (self.source / "artisan").write_text(text)

    def plan(self, **options: Any) -> Plan:
        folders = FileServer(self.list_master, self.cache_files)
        return plan(self.root, Source("salt://app", **options), folders, Mock(spec=Git))

    def build(
        self, test: bool = False, shared_folders: Sequence[str] = (), **options: Any
    ) -> dict[str, Any]:
        composer = Composer(
            "/etc/composer", "/var/cache/laravel-build", 900, self.run_all, self.user
        )
        return build_release(
            self.root,
            lambda: self.plan(shared_folders=shared_folders),
            *(Mock(spec=Git), composer, test),
            **options,
        )

    def switch(
        self, release: str = "", server: dict | None = None, hooks: dict | None = None
    ) -> dict[str, str]:
        runtime = replace(self.runtime, hooks=parse_hooks(hooks))
        return switch(self.root, release, server, runtime, 600)

    def rehearse(self, *pages: str) -> bool:
        return try_release(self.root, "", pages, self.runtime)

    def rollback(self, release: str = "") -> dict[str, str]:
        return rollback(self.root, release, self.runtime)

    def deploy(self) -> str:
        name = self.build()["release"]
        self.switch(server=self.server)
        return name

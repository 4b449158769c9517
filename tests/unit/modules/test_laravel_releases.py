"""The execution module `laravel`: releases are built, switched, taken back and taken away."""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.laravel as laravel
import _modules.mysql_gr as mysql_gr

SOURCE = {
    "artisan": "<?php",
    "composer.json": "{}",
    "database/migrations/2026_01_01_000001_create_a.php": "<?php // a",
    "vendor/autoload.php": "never deployed",
    ".env": "APP_KEY=of-a-developer",
    "storage/logs/laravel.log": "old",
}
SERVER = {
    "map": "",
    "php": "php-fpm",
    "health": "http://127.0.0.1/up",
    "host": "web",
}


class Machine:
    """A web server's disk and programs, as far as a deployment touches them."""

    def __init__(self, root: Path, source: Path) -> None:
        self.root, self.source = root, source
        self.ran: list[list[str]] = []
        self.pending: list[str] = []
        # What the release answers in php itself, and what Apache answers, by release.
        self.rehearsed, self.answers = 200, {}
        self.composer = 0
        self.read = 0
        # Of each look at the migrations, whether it went past the cached configuration.
        self.without_cache: list[bool] = []

    def list_master(self, prefix: str) -> list[str]:
        self.read += 1
        files = [path for path in self.source.rglob("*") if path.is_file()]
        return sorted(f"app/{path.relative_to(self.source)}" for path in files)

    def cache_files(self, paths: list[str]) -> list[str]:
        return [str(self.source / path.removeprefix("salt://app/")) for path in paths]

    def run_all(self, command: list[str], **options) -> dict:
        self.ran.append(command)
        home = Path(options["cwd"])
        if command[0] == "composer":
            (home / "vendor").mkdir()
            # As the application does when it is run by root, and something is wrong.
            (home / "storage/logs/laravel.log").write_text("of root")
            (home / "vendor/autoload.php").write_text("<?php")
            if not (home / "composer.lock").exists():
                (home / "composer.lock").write_text("made here")
            return done(retcode=self.composer, stderr="Problem 1")
        if command[:2] == ["php", "--"]:
            return done(f"\n{self.rehearsed}", "It broke" if self.rehearsed >= 400 else "")
        for name, file, variable in laravel.CACHES:
            if name in command:
                text = f"{file} of {(home / '.env').read_text()}"
                Path(options["env"][variable]).write_text(text)
                assert Path(options["env"][variable]).name == file
                return done()
        if "migrate:status" in command:
            self.without_cache.append("APP_CONFIG_CACHE" in options["env"])
            lines = [f"  {name} ..... Pending" for name in self.pending]
            return done("\n".join(lines))
        raise AssertionError(command)

    def served(self) -> str:
        text = Path(SERVER["map"]).read_text()
        return text.split()[-1]

    def ask(self, _server) -> tuple[str, int, str]:
        release = self.served()
        status = self.answers.get(release, 200)
        return release, status, f"status {status}"

    def change(self, text: str) -> None:
        (self.source / "artisan").write_text(text)

    def deploy(self) -> str:
        name = laravel.build(str(self.root), "salt://app")["release"]
        laravel.switch(str(self.root), server=SERVER, user=None, group=self.group)
        return name

    def live(self) -> str:
        return (self.root / "current").readlink().name


def done(stdout="", stderr="", retcode=0):
    return {"stdout": stdout, "stderr": stderr, "retcode": retcode}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    root, source = tmp_path / "conduit", tmp_path / "app"
    for name, text in SOURCE.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (root / "shared/storage").mkdir(parents=True)
    (root / "shared/.env").write_text("A=1\n")
    one = Machine(root, source)
    one.group = laravel._ownership(root)["group"]
    one.reload = Mock()
    SERVER["map"] = str(tmp_path / "release.map")
    functions = {
        "cp.list_master": one.list_master,
        "cp.cache_files": one.cache_files,
        "cmd.run_all": one.run_all,
        "service.reload": one.reload,
        "mysql_gr.check_statements": mysql_gr.check_statements,
    }
    monkeypatch.setattr(laravel, "__salt__", functions, raising=False)
    monkeypatch.setattr(laravel, "__context__", {}, raising=False)
    monkeypatch.setattr(laravel, "__pillar__", {}, raising=False)
    monkeypatch.setattr(laravel.os, "fchown", lambda *_args: None)
    monkeypatch.setattr(laravel, "_ask", one.ask)
    monkeypatch.setattr(laravel, "LOOKING", 0.01)
    monkeypatch.setattr(laravel, "SERVING", 1)
    return one


# ---- which release a source makes ----


def test_a_folder_is_named_by_its_contents(machine):
    first = laravel.source_release(str(machine.root), "salt://app")
    assert first["migrations"] == ["2026_01_01_000001_create_a"]
    assert first["complete"] is False
    (machine.source / "vendor/autoload.php").write_text("changed, and not deployed")
    assert laravel.source_release(str(machine.root), "salt://app") == first
    machine.change("<?php // changed")
    assert laravel.source_release(str(machine.root), "salt://app")["release"] != first["release"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rev": "main"}, SaltInvocationError, "is no git repository"),
        ({"exclude": "artisan"}, CommandExecutionError, "has no artisan"),
    ],
)
def test_a_folder_that_cannot_be_deployed_is_refused(machine, options, error, words):
    with pytest.raises(error, match=words):
        laravel.source_release(str(machine.root), "salt://app", **options)


# ---- building ----


def test_a_release_is_built_once_and_aside(machine):
    built = laravel.build(str(machine.root), "salt://app")
    path = machine.root / "releases" / built["release"]
    assert built["built"] is True
    assert (machine.root / "next").resolve() == path
    assert not (machine.root / "current").is_symlink()
    assert (path / ".env").read_text() == "A=1\n"
    assert (path / "storage").resolve() == machine.root / "shared/storage"
    assert not [*(machine.root / "shared/storage").rglob("*")]
    assert (path / "vendor/autoload.php").read_text() == "<?php"
    again = {"release": built["release"], "before": built["release"], "built": False}
    assert laravel.build(str(machine.root), "salt://app") == again
    assert [command[0] for command in machine.ran] == ["composer"]


def test_what_would_be_built_is_told_and_not_done(machine):
    predicted = laravel.build(str(machine.root), "salt://app", test=True)
    assert (predicted["before"], predicted["built"]) == ("", True)
    assert (laravel.releases(str(machine.root)), machine.ran) == ([], [])
    coming = laravel.next_release(str(machine.root), predicted=True)
    assert coming["migrations"] == ["2026_01_01_000001_create_a"]
    assert laravel.build(str(machine.root), "salt://app") == predicted


def test_a_source_is_read_once(machine):
    """What it is named by and what is copied are the same."""
    laravel.build(str(machine.root), "salt://app")
    assert machine.read == 1


def test_a_release_that_was_broken_off_is_built_anew(machine):
    machine.composer = 1
    with pytest.raises(CommandExecutionError, match="composer install failed"):
        laravel.build(str(machine.root), "salt://app")
    (half,) = laravel.releases(str(machine.root))
    assert (half["complete"], half["next"]) == (False, False)
    (machine.root / "releases" / half["release"] / "left-behind").write_text("")
    machine.composer = 0
    assert laravel.build(str(machine.root), "salt://app")["built"] is True
    (whole,) = laravel.releases(str(machine.root))
    assert (whole["complete"], whole["next"]) == (True, True)
    assert not (machine.root / "releases" / half["release"] / "left-behind").exists()


def test_the_next_release_has_the_packages_of_the_one_before(machine):
    def lock() -> str:
        name = laravel.build(str(machine.root), "salt://app")["release"]
        return (machine.root / "releases" / name / "composer.lock").read_text()

    assert lock() == "made here"
    (machine.root / "shared/composer.lock").write_text("of the release before")
    machine.change("<?php // 2")
    assert lock() == "of the release before"
    # Another composer.json is resolved anew, and a lock that came with the code is obeyed.
    (machine.source / "composer.json").write_text('{"name": "another/one"}')
    assert lock() == "made here"
    (machine.source / "composer.lock").write_text("shipped")
    assert lock() == "shipped"
    assert (machine.root / "shared/composer.lock").read_text() == "made here"


# ---- switching ----


def test_a_release_serves_from_its_own_path_and_its_caches(machine):
    name = machine.deploy()
    path = machine.root / "releases" / name
    assert machine.served() == name
    assert laravel.served(str(machine.root)) == name
    assert (path / "bootstrap/cache/config.php").read_text() == "config.php of A=1\n"
    assert laravel.cached(str(machine.root)) is True
    machine.reload.assert_called_once_with("php-fpm")
    (known,) = laravel.releases(str(machine.root))
    assert (known["live"], known["next"], known["stopped"]) == (True, True, "")


def test_artisan_goes_by_the_env_file_when_the_cached_configuration_is_of_another(machine):
    machine.deploy()
    machine.without_cache.clear()
    laravel.pending(str(machine.root), user=None)
    (machine.root / "shared/.env").write_text("A=2\n")
    laravel.pending(str(machine.root), user=None)
    laravel.cache(str(machine.root), user=None, group=machine.group)
    laravel.pending(str(machine.root), user=None)
    assert machine.without_cache == [False, True, False]


def test_another_web_server_is_told_anew(machine):
    name = machine.deploy()
    other = {**SERVER, "health": "https://127.0.0.1/up"}
    assert laravel.served(str(machine.root), SERVER) == name
    assert laravel.served(str(machine.root), other) == ""
    laravel.switch(str(machine.root), name, other, user=None, group=machine.group)
    assert laravel.served(str(machine.root), other) == name


def test_caches_follow_the_env_file(machine):
    name = machine.deploy()
    (machine.root / "shared/.env").write_text("A=2\n")
    assert laravel.cached(str(machine.root)) is False
    assert laravel.cache(str(machine.root), user=None, group=machine.group) is True
    assert laravel.cache(str(machine.root), user=None, group=machine.group) is False
    cache = machine.root / "releases" / name / "bootstrap/cache"
    assert (cache / "config.php").read_text() == "config.php of A=2\n"
    assert not [*cache.glob(".aside-*")]


def test_nobody_is_led_to_a_release_that_is_not_ready(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    laravel.build(str(machine.root), "salt://app")
    machine.pending = ["2026_01_02_000001_create_b"]
    with pytest.raises(CommandExecutionError, match="2026_01_02_000001_create_b pending") as early:
        laravel.switch(str(machine.root), user=None, group=machine.group)
    assert early.value.info == {"awaited": "database"}
    machine.pending, machine.rehearsed = [], 500
    with pytest.raises(CommandExecutionError, match="answers /up with 500: It broke"):
        laravel.switch(str(machine.root), user=None, group=machine.group)
    assert (machine.live(), machine.served()) == (first, first)
    machine.reload.assert_called_once()
    # It is not given up: what kept it may have been mended.
    assert laravel.next_release(str(machine.root))["stopped"] == ""


def test_a_release_that_answers_badly_is_switched_back_from(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    second = laravel.build(str(machine.root), "salt://app")["release"]
    machine.answers[second] = 500
    with pytest.raises(CommandExecutionError, match=f"status 500.*{first} serves again"):
        laravel.switch(str(machine.root), user=None, group=machine.group)
    assert (machine.live(), machine.served()) == (first, first)
    stopped = laravel.next_release(str(machine.root))
    assert (stopped["release"], stopped["stopped_by"]) == (second, "check")
    machine.answers.clear()
    # By name it may serve again.
    assert laravel.switch(str(machine.root), second, user=None, group=machine.group) == {
        "old": first,
        "new": second,
    }
    assert laravel.next_release(str(machine.root))["stopped"] == ""


def test_the_first_release_that_answers_badly_is_tried_again(machine):
    name = laravel.build(str(machine.root), "salt://app")["release"]
    machine.answers[name] = 503
    with pytest.raises(CommandExecutionError, match="status 503"):
        laravel.switch(str(machine.root), server=SERVER, user=None, group=machine.group)
    assert laravel.served(str(machine.root), SERVER) == ""
    assert laravel.next_release(str(machine.root))["stopped"] == ""
    machine.answers.clear()
    assert machine.deploy() == name


def test_rollback_goes_back_and_is_remembered(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    second = machine.deploy()
    machine.change("<?php // 3")
    third = machine.deploy()
    options = {"user": None, "group": machine.group}
    assert laravel.rollback(str(machine.root), **options) == {"old": third, "new": second}
    assert laravel.next_release(str(machine.root))["stopped_by"] == "operator"
    # Not forward to the one that was taken back.
    assert laravel.rollback(str(machine.root), **options) == {"old": second, "new": first}
    with pytest.raises(CommandExecutionError, match="no release to go back to"):
        laravel.rollback(str(machine.root), **options)
    assert laravel.rollback(str(machine.root), third, **options)["new"] == third


@pytest.mark.parametrize("action", ["switch", "rollback"])
def test_a_release_that_is_not_there_is_named_with_those_that_are(machine, action):
    name = machine.deploy()
    with pytest.raises(CommandExecutionError, match=f"no complete release 'nothing'.*{name}"):
        getattr(laravel, action)(str(machine.root), "nothing")


def test_a_web_server_that_is_not_described_whole_is_refused(machine):
    laravel.build(str(machine.root), "salt://app")
    with pytest.raises(SaltInvocationError, match="expected health, host, map, php"):
        laravel.switch(str(machine.root), server={"map": "x"}, user=None)
    assert not (machine.root / "current").is_symlink()


def test_two_deployments_do_not_meet(machine, monkeypatch):
    monkeypatch.setattr(laravel, "LOCKING", 0.05)
    another = pytest.raises(CommandExecutionError, match="Another deployment")
    with laravel._locked(str(machine.root)), another:
        laravel.build(str(machine.root), "salt://app")
    laravel.build(str(machine.root), "salt://app")


# ---- taking away ----


def test_pruning_keeps_what_serves_and_what_served_before(machine):
    names = []
    for number in range(5):
        machine.change(f"<?php // {number}")
        names.append(machine.deploy())
    laravel.rollback(str(machine.root), names[0], user=None, group=machine.group)
    predicted = laravel.surplus(str(machine.root), keep=2)
    assert laravel.prune(str(machine.root), keep=2) == predicted
    left = {one["release"] for one in laravel.releases(str(machine.root))}
    # The one that serves, the one that is next, and the last that served and was not taken back.
    assert left == {names[0], names[4]} | ({names[3]} - set(predicted))
    assert (machine.root / "current").resolve().is_dir()


def test_what_goes_with_a_release_that_is_to_come_is_predicted(machine):
    names = []
    for number in range(3):
        machine.change(f"<?php // {number}")
        names.append(machine.deploy())
    machine.change("<?php // new")
    coming = laravel.source_release(str(machine.root), "salt://app")["release"]
    predicted = laravel.surplus(str(machine.root), keep=2, live=coming)
    assert machine.deploy() == coming
    assert laravel.prune(str(machine.root), keep=2) == predicted == names[:2]


@pytest.mark.parametrize("keep", [1, 0, "3"])
def test_too_few_to_keep_is_refused(machine, keep):
    with pytest.raises(SaltInvocationError, match=f"keep is {keep!r}"):
        laravel.surplus(str(machine.root), keep=keep)


# ---- migrations that a group cannot take ----

NEW = """
   INFO  Running migrations.

  2026_01_02_000001_create_b ..............................................
  \u21c2 create table `b` (`id` bigint unsigned not null auto_increment primary key)
  \u21c2 alter table `b` add foreign key (`a_id`) references `a` (`id`) on delete cascade
  2026_01_02_000002_create_c ..............................................
  \u21c2 create table `c` (`note` varchar(255) not null)
"""


@pytest.mark.parametrize(
    ("variable", "refused"),
    [
        ("OFF", ["cascading foreign key", "no primary key"]),
        ("ON", ["no primary key"]),
        (None, []),
    ],
)
def test_migrations_are_judged_by_the_groups_mode(machine, monkeypatch, variable, refused):
    laravel.build(str(machine.root), "salt://app")
    machine.pending = ["2026_01_02_000001_create_b"]
    answered = machine.run_all

    def run_all(command, **options):
        if command[-1] == "--":
            return done(json.dumps([variable] if variable else []))
        if "--pretend" in command:
            return done(NEW)
        if "migrate" in command:
            machine.pending = []
            return done()
        return answered(command, **options)

    monkeypatch.setitem(laravel.__salt__, "cmd.run_all", run_all)
    following = str(machine.root / "next")
    problems = laravel.check_migrations(following, user=None)
    assert [problem["problem"] for problem in problems] == refused
    if refused:
        with pytest.raises(CommandExecutionError, match=r"Nothing was migrated.*create_c: c: "):
            laravel.migrate(following, user=None)
        assert machine.pending
    else:
        laravel.migrate(following, user=None)
        assert not machine.pending


# ---- keys ----


def test_a_rotated_key_stays_good_for_what_was_made_with_it(machine, monkeypatch):
    env = machine.root / "shared/.env"
    env.write_text("APP_KEY=base64:one\n")
    name = machine.deploy()
    monkeypatch.setattr(laravel, "version", lambda *_args: "13.31.0")
    monkeypatch.setitem(laravel.__pillar__, "k", "base64:two")
    options = {"secret": "k", "user": None, "group": machine.group}
    changed = laravel.rotate_key(str(machine.root), **options)
    assert sorted(changed["changes"]) == ["APP_KEY", "APP_PREVIOUS_KEYS"]
    assert "base64" not in json.dumps(changed)
    assert env.read_text() == "APP_KEY=base64:two\nAPP_PREVIOUS_KEYS=base64:one\n"
    cache = machine.root / "releases" / name / "bootstrap/cache/config.php"
    assert "APP_KEY=base64:two" in cache.read_text()
    assert laravel.rotate_key(str(machine.root), **options) == {"changes": {}}
    monkeypatch.setitem(laravel.__pillar__, "k", "base64:three")
    laravel.rotate_key(str(machine.root), **options)
    assert "APP_PREVIOUS_KEYS=base64:two,base64:one\n" in env.read_text()


def test_an_older_framework_knows_no_previous_keys(machine, monkeypatch):
    env = machine.root / "shared/.env"
    env.write_text("APP_KEY=base64:one\n")
    machine.deploy()
    monkeypatch.setattr(laravel, "version", lambda *_args: "10.48.0")
    with pytest.raises(CommandExecutionError, match=r"Laravel 10\.48\.0 knows no APP_PREVIOUS"):
        laravel.rotate_key(str(machine.root), user=None)
    assert env.read_text() == "APP_KEY=base64:one\n"

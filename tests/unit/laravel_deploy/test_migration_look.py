"""The statements of migrations, asked where nothing can come of it."""

from __future__ import annotations

from laravel_deploy.migration_look import LOOK, look

from tests.unit.laravel_deploy.machine import NEW, answer, unconfined

NAMES = ["2026_01_02_000001_create_b", "2026_01_02_000002_create_c", "2026_01_02_000003_create_d"]


def test_each_migration_is_told_with_what_is_not_known(app, php):
    php.answers.append(answer(NEW, retcode=1, stderr="PHP Fatal error: it ended"))
    first, second, third = look(app, NAMES)
    assert (first[0], len(first[1]), first[2]) == (NAMES[0], 2, "")
    assert second[1:] == (
        ["create table `c` (`note` varchar(255) not null)"],
        "it asks the database for something",
    )
    assert third == (NAMES[2], [], "PHP Fatal error: it ended")


def test_it_runs_without_rights_network_secrets_and_database(app, folder, php, monkeypatch):
    monkeypatch.setenv("A_SECRET", "of the minion")
    (folder / ".env").write_text("APP_ENV=production\nDB_PASSWORD=a-secret\n")
    php.answers.append(answer())
    look(app, NAMES)
    ((command,), options) = php.call_args
    assert unconfined(command) == (["php", "--", *NAMES], "nobody", False)
    # Root itself starts it, to give all rights up.
    assert "runas" not in options
    assert options["clean_env"] is True
    assert "DB_PASSWORD" not in options["env"]
    assert options["env"]["APP_CONFIG_CACHE"].endswith("/.none")
    assert options["stdin"] == LOOK


def test_what_is_no_answer_is_passed_over(app, php):
    php.answers.append(answer('{"migration": "half a li'))
    ((_, statements, unknown),) = look(app, NAMES[:1])
    assert (statements, unknown) == ([], '{"migration": "half a li')

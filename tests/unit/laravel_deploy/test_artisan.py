"""Commands of the application: how they run, what they print."""

from __future__ import annotations

import pytest
from laravel_deploy.artisan import Application, framework_version, printed
from laravel_deploy.cache_build import refresh_caches
from laravel_deploy.masking import MASK
from laravel_deploy.migrations import pending
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import answer


def test_artisan_runs_without_a_shell_and_masks_what_it_prints(app, folder, php):
    (folder / ".env").write_text("DB_PASSWORD=hunter22\n")
    php.answers.append(answer("the password is hunter22"))
    assert printed(app, "about", ["--x"]) == f"the password is {MASK}"
    (command,), options = php.call_args
    assert command == ["php", "artisan", "about", "--x", "--no-interaction", "--no-ansi"]
    assert options["runas"] == "www-data"
    assert options["python_shell"] is False
    # Lists fill a terminal with dots, and a minion's has no end.
    assert options["env"]["COLUMNS"] == "120"
    assert options["output_loglevel"] == "quiet"


def test_artisan_says_what_went_wrong(app, folder, php):
    (folder / ".env").write_text("DB_PASSWORD=hunter22\n")
    text = "\n\nIn Seeder.php line 28:\n\n  It is   hunter22 that is wrong.\n\n"
    php.answers.append(answer(stderr=text, retcode=1))
    expected = rf"^artisan x failed \(exit code 1\): It is {'[*]' * 10} that is wrong\.$"
    with pytest.raises(CommandExecutionError, match=expected) as caught:
        printed(app, "x")
    assert not caught.value.info


def test_artisan_needs_an_installed_application(tmp_path, php):
    with pytest.raises(CommandExecutionError, match="is not installed"):
        printed(Application(str(tmp_path), None, php), "about")
    php.assert_not_called()


def test_version(app, php):
    php.answers.append(answer("Laravel Framework 13.31.0"))
    assert framework_version(app) == "13.31.0"


def test_artisan_goes_by_the_env_file_when_the_cached_configuration_is_of_another(machine):
    machine.deploy()
    machine.without_cache.clear()
    pending(machine.app)
    (machine.root / "shared/.env").write_text("A=2\n")
    pending(machine.app)
    refresh_caches(machine.app, machine.group)
    pending(machine.app)
    assert machine.without_cache == [False, True, False]

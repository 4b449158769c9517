"""php-fpm forgets what no longer serves, and is told so by FastCGI alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from laravel_deploy.code_cache import FORGET, PROGRAM, forget_files, forget_releases
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import answer

SOCKET = "/run/php.sock"


class Fpm:
    """php-fpm, which says what the test says; keeps what it was asked."""

    def __init__(self, said: str, stderr: str = "") -> None:
        self._answer = answer(f"Content-type: text/html\r\n\r\n{said}", stderr)
        self.told: list = []

    def __call__(self, command, **options):
        assert command == ["cgi-fcgi", "-bind", "-connect", SOCKET]
        # Nothing of the minion's own surroundings reaches a program of the web server.
        assert options["clean_env"] is True
        self.told.append(json.loads(options["env"]["FORGET"]))
        self.program = Path(options["env"]["SCRIPT_FILENAME"])
        return self._answer


@pytest.fixture(autouse=True)
def own(machine):
    """Files that the tests' own user may write."""
    return machine


def test_the_code_of_all_releases_but_some_is_forgotten(tmp_path):
    fpm = Fpm("forgotten 12\n")
    assert forget_releases(tmp_path, {"b", "a"}, SOCKET, fpm) == 12
    assert fpm.told == [[f"{tmp_path.resolve()}/releases/", ["a", "b"], []]]
    assert fpm.program == tmp_path.resolve() / PROGRAM
    assert fpm.program.read_text() == FORGET


def test_files_are_named_by_their_real_paths(tmp_path):
    (tmp_path / "real.php").write_text("<?php")
    (tmp_path / "link.php").symlink_to("real.php")
    fpm = Fpm("forgotten 1\n")
    assert forget_files(tmp_path, [tmp_path / "link.php"], SOCKET, fpm) == 1
    assert fpm.told == [["", [], [str((tmp_path / "real.php").resolve())]]]


def test_a_program_that_somebody_changed_is_written_anew(tmp_path):
    (tmp_path / PROGRAM).write_text("<?php phpinfo();")
    forget_releases(tmp_path, (), SOCKET, Fpm("forgotten 0\n"))
    assert (tmp_path / PROGRAM).read_text() == FORGET


def test_where_no_php_fpm_is_nobody_is_asked(tmp_path):
    assert forget_releases(tmp_path, (), "", Fpm("")) == 0
    assert not (tmp_path / PROGRAM).exists()


@pytest.mark.parametrize(
    ("said", "stderr", "words"),
    [("", "Could not connect", "Could not connect"), ("", "", "text/html"), ("Fatal", "", "Fatal")],
)
def test_a_php_fpm_that_did_not_hear_is_an_error(tmp_path, said, stderr, words):
    with pytest.raises(CommandExecutionError, match=f"php.sock was not told .*{words}"):
        forget_releases(tmp_path, (), SOCKET, Fpm(said, stderr))

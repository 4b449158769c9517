"""A file is judged among all others, in a copy; what is in place never changes for that."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError
from web_config.judge import judge, refused


def run(command, *, python_shell, ignore_retcode, timeout):
    assert (python_shell, ignore_retcode) == (False, True)
    assert timeout > 0
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    return {"retcode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


@pytest.fixture
def tree(tmp_path):
    """A configuration with a main file that names another by its absolute path."""
    root = tmp_path / "apache2"
    for folder in ("mods-available", "mods-enabled", "conf.d"):
        (root / folder).mkdir(parents=True)
    (root / "main.conf").write_text(f"include={root}/conf.d/*.conf\n")
    (root / "conf.d/a.conf").write_text("good\n")
    for name in ("ssl", "shm", "other"):
        (root / f"mods-available/{name}.load").write_text(f"# Depends: shm mime\nload {name}\n")
    (root / "mods-available/shm.conf").write_text("shm\n")
    return root


def seen(tree):
    return {str(path): path.lstat().st_mtime_ns for path in tree.rglob("*")}


# Refuses what says "bad", in whatever file the main one names.
CHECK = ["/bin/sh", "-c", '! grep -H bad $(sed "s/include=//" "$1/main.conf")', "sh", "{tree}"]


@pytest.mark.parametrize("name", ["conf.d/a.conf", "conf.d/new.conf"])
def test_the_whole_configuration_is_judged_with_the_new_text(tree, name):
    before = seen(tree)
    judge(f"{tree}/{name}", "fine\n", str(tree), CHECK, [], run)
    with pytest.raises(CommandExecutionError, match="stays as it is") as caught:
        judge(f"{tree}/{name}", "bad\n", str(tree), CHECK, [], run)
    # In words of the real file.
    assert f"{tree}/{name}:bad" in str(caught.value)
    assert seen(tree) == before


def test_a_file_that_is_bad_already_is_replaced_by_a_good_one(tree):
    (tree / "conf.d/a.conf").write_text("bad\n")
    judge(f"{tree}/conf.d/a.conf", "good\n", str(tree), CHECK, [], run)


def test_links_are_as_they_will_be_with_what_a_module_depends_on(tree):
    listed = ["/bin/sh", "-c", 'cd "$1/mods-enabled"; echo *; cat *; false', "sh", "{tree}"]
    links = ["mods-enabled/ssl.load", "mods-enabled/missing.load"]
    with pytest.raises(CommandExecutionError) as caught:
        judge(f"{tree}/conf.d/a.conf", "good\n", str(tree), listed, links, run)
    assert "shm.conf shm.load ssl.load" in str(caught.value)
    assert not any(Path(tree, "mods-enabled").iterdir())


def test_a_program_that_does_not_answer_has_not_judged(tree):
    def silent(command, **options):
        return {"retcode": None, "stdout": "", "stderr": ""}

    with pytest.raises(CommandExecutionError, match="/bin/sh did not answer within 30 s"):
        judge(f"{tree}/conf.d/a.conf", "good\n", str(tree), CHECK, [], silent)


def test_what_is_in_place_is_judged_with_what_has_moved(tree, tmp_path):
    """As a program of another version has its modules elsewhere."""
    (tree / "mods-enabled/a.load").write_text(f"LoadModule a /lib/a.so\nInclude {tree}/conf.d\n")
    before = seen(tree)
    listed = ["/bin/sh", "-c", 'cat "$1/mods-enabled/a.load"; false', "sh", "{tree}"]
    why = refused(str(tree), {"/lib/a.so": "/aside/lib/a.so"}, listed, run)
    assert why == f"LoadModule a /aside/lib/a.so\nInclude {tree}/conf.d"
    assert refused(str(tree), {}, ["/bin/true"], run) == ""
    assert refused(str(tree), {}, ["/bin/false"], run) == "/bin/false ended with 1"
    assert seen(tree) == before


def test_what_is_in_place_is_judged_without_some_files(tree):
    (tree / "conf.d/b.conf").write_text("bad\n")
    before = seen(tree)
    assert "b.conf:bad" in refused(str(tree), {}, CHECK, run)
    assert refused(str(tree), {}, CHECK, run, ["conf.d/b.conf", "conf.d/none.conf"]) == ""
    assert seen(tree) == before

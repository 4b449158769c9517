"""The execution module `laravel`: the .env grammar, what may be shown, what artisan answers."""

import stat
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from laravel_deploy.dotenv import edit_env
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.laravel as laravel


@pytest.fixture
def dunders(monkeypatch):
    """Give the module what Salt would, with a cmd.run_all that answers from a list."""
    answers = []
    run = Mock(side_effect=lambda *_args, **_kwargs: answers.pop(0))
    monkeypatch.setattr(laravel, "__salt__", {"cmd.run_all": run}, raising=False)
    monkeypatch.setattr(laravel, "__pillar__", {}, raising=False)
    run.answers = answers
    return run


@pytest.fixture
def mine(monkeypatch):
    """User and group of the test itself, as files in tmp_path will have them."""
    probe = laravel._ownership(Path.home())
    monkeypatch.setattr(laravel.os, "fchown", lambda *_args: None)
    return {"user": probe["user"], "group": probe["group"]}


@pytest.fixture
def app(tmp_path):
    """A directory that looks like an installed application."""
    (tmp_path / "vendor").mkdir()
    for name in ("artisan", "vendor/autoload.php"):
        (tmp_path / name).write_text("<?php\n")
    return tmp_path


def answer(stdout="", stderr="", retcode=0):
    return {"stdout": stdout, "stderr": stderr, "retcode": retcode}


# ---- env and env_update ----


def test_env_masks(tmp_path):
    file = tmp_path / ".env"
    file.write_text("APP_NAME=x\nAPP_KEY=base64:abc\n")
    assert laravel.env(str(file)) == {"APP_NAME": "x", "APP_KEY": laravel.MASK}


def test_env_says_which_file_is_missing(tmp_path):
    with pytest.raises(CommandExecutionError, match=r"\.env does not exist"):
        laravel.env(str(tmp_path / ".env"))


def test_env_update_makes_the_file_and_then_has_nothing_to_do(tmp_path, dunders, mine):
    laravel.__pillar__.update({"a": {"b": "pass word"}})
    path = str(tmp_path / ".env")
    wanted = {"values": {"DEBUG": False, "N": 3, "E": None}, "secrets": {"P": "a:b"}, **mine}
    predicted = laravel.env_update(path, test=True, **wanted)
    assert not Path(path).exists()
    assert laravel.env_update(path, **wanted) == predicted
    assert predicted["P"] == {"old": "", "new": laravel.MASK}
    assert predicted["DEBUG"] == {"old": "", "new": "false"}
    assert Path(path).read_text() == 'DEBUG=false\nN=3\nE=\nP="pass word"\n'
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o640
    assert laravel.env_update(path, **wanted) == {}
    assert [file.name for file in tmp_path.iterdir()] == [".env"]


def test_env_update_mends_the_mode_alone(tmp_path, dunders, mine):
    file = tmp_path / ".env"
    file.write_text("A=1\n")
    file.chmod(0o644)
    changes = laravel.env_update(str(file), values={"A": 1}, **mine)
    assert changes == {"mode": {"old": "0644", "new": "0640"}}
    assert file.read_text() == "A=1\n"


def test_env_update_follows_a_link(tmp_path, dunders, mine):
    (tmp_path / "shared").write_text("A=1\n")
    link = tmp_path / ".env"
    link.symlink_to("shared")
    laravel.env_update(str(link), values={"A": 2}, **mine)
    assert link.is_symlink()
    assert (tmp_path / "shared").read_text() == "A=2\n"


def test_env_update_keeps_bytes_that_are_no_text(tmp_path, dunders, mine):
    file = tmp_path / ".env"
    file.write_bytes(b"# \xff\r\nA=1\r\n")
    laravel.env_update(str(file), values={"A": 2}, **mine)
    assert file.read_bytes() == b"# \xff\r\nA=2\r\n"


@pytest.mark.parametrize("pillar", [{}, {"a": {}}, {"a": {"b": None}}, {"a": {"b": ""}}])
def test_env_update_names_the_pillar_key_that_is_missing(tmp_path, dunders, pillar):
    laravel.__pillar__.update(pillar)
    with pytest.raises(SaltInvocationError, match=r"no value at 'a:b', wanted for P\."):
        laravel.env_update(str(tmp_path / ".env"), secrets={"P": "a:b"})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"values": ["A"]}, "values is a list; expected a mapping"),
        ({"secrets": "a:b"}, "secrets is a str; expected a mapping"),
        ({"values": {"A": ["x"]}}, "A is a list; expected text"),
        ({"secrets": {"P": "a"}}, "The pillar key for P leads to a dict"),
        ({"secrets": {"P": ["a:b"]}}, "The pillar key for P leads to a list"),
        ({"values": {"A": 1}, "mode": "0999"}, "mode is '0999'; expected text such as '0640'"),
        ({"values": {"A": 1}, "mode": 640}, "mode is 640"),
    ],
)
def test_env_update_says_what_is_malformed_and_writes_nothing(tmp_path, dunders, wrong, words):
    laravel.__pillar__.update({"a": {"b": "pass word"}})
    with pytest.raises(SaltInvocationError) as err:
        laravel.env_update(str(tmp_path / ".env"), **wrong)
    assert words in str(err.value)
    assert "pass word" not in str(err.value)
    assert not (tmp_path / ".env").exists()


def test_secrets_are_not_read_with_pillar_get():
    # pillar.get answers a module with a mask since Salt 3008.
    assert '"pillar.get"' not in Path(laravel.__file__).read_text()


# ---- artisan ----


def test_artisan_runs_without_a_shell_and_masks_what_it_prints(app, dunders):
    (app / ".env").write_text("DB_PASSWORD=hunter22\n")
    dunders.answers.append(answer("the password is hunter22"))
    assert laravel.artisan(str(app), "about", ["--x"]) == f"the password is {laravel.MASK}"
    (command,), options = dunders.call_args
    assert command == ["php", "artisan", "about", "--x", "--no-interaction", "--no-ansi"]
    assert options["runas"] == "www-data"
    assert options["python_shell"] is False
    assert options["output_loglevel"] == "quiet"


def test_artisan_says_what_went_wrong(app, dunders):
    (app / ".env").write_text("DB_PASSWORD=hunter22\n")
    text = "\n\nIn Seeder.php line 28:\n\n  It is   hunter22 that is wrong.\n\n"
    dunders.answers.append(answer(stderr=text, retcode=1))
    expected = rf"^artisan x failed \(exit code 1\): It is {'[*]' * 10} that is wrong\.$"
    with pytest.raises(CommandExecutionError, match=expected) as caught:
        laravel.artisan(str(app), "x")
    assert not caught.value.info


def test_artisan_needs_an_installed_application(tmp_path, dunders):
    with pytest.raises(CommandExecutionError, match="is not installed"):
        laravel.artisan(str(tmp_path), "about")
    dunders.assert_not_called()


@pytest.mark.parametrize(
    ("text", "away"),
    [
        ("SQLSTATE[HY000] [2002] Connection refused (Connection: mysql, Host: h)", True),
        ("SQLSTATE[HY000] [2006] MySQL server has gone away (SQL: select 1)", True),
        ("SQLSTATE[HY000]: General error: 2006 MySQL server has gone away", True),
        ("SQLSTATE[HY000] [1045] Access denied for user 'u'@'h' (using password: YES)", True),
        ("SQLSTATE[HY000] [1049] Unknown database 'realworld'", True),
        ("SQLSTATE[HY000]: General error: 1290 The server is running with --super-read-only", True),
        ("SQLSTATE[42S01]: Base table or view already exists: 1050 Table 'x' exists", False),
        ("SQLSTATE[HY000]: General error: 3750 Unable to create a table without PK", False),
        ("Class not found", False),
    ],
)
def test_tells_an_absent_database_from_other_failures(app, dunders, text, away):
    (app / ".env").write_text("DB_HOST=10.0.0.1\nDB_PORT=3307\nDB_PASSWORD=x\n")
    dunders.answers.append(answer(text, retcode=1))
    with pytest.raises(CommandExecutionError) as caught:
        laravel.pending(str(app))
    assert (caught.value.info == {"awaited": "database"}) is away
    start = "The database at 10.0.0.1:3307 is not available: " if away else "artisan migrate:status"
    assert str(caught.value).startswith(start)


# ---- version, migrations, seeds ----


def test_version(app, dunders):
    dunders.answers.append(answer("Laravel Framework 13.31.0"))
    assert laravel.version(str(app)) == "13.31.0"


@pytest.mark.parametrize(
    "printed",
    [
        "\n  Migration name ... Batch / Status\n  a_one .... [1] Ran  \n  b_two .... Pending  \n",
        "| Ran? | Migration | Batch |\n| Yes  | a_one  | 1   |\n| No   | b_two  |   |\n",
    ],
    ids=["since 9.21", "before"],
)
def test_migration_status(app, dunders, printed):
    dunders.answers.append(answer(printed))
    assert laravel.migration_status(str(app)) == {"ran": ["a_one"], "pending": ["b_two"]}


def test_all_migrations_are_pending_before_the_first(app, dunders):
    (app / "database" / "migrations").mkdir(parents=True)
    for name in ("b.php", "a.php"):
        (app / "database" / "migrations" / name).write_text("")
    dunders.answers.append(answer("  ERROR  Migration table not found.", retcode=1))
    assert laravel.pending(str(app)) == ["a", "b"]


NO_GROUP = answer("[]")


def test_migrate_checks_that_it_worked(app, dunders):
    one = answer("  a_one ..... Pending\n")
    dunders.answers.extend([one, NO_GROUP, answer(), one])
    with pytest.raises(CommandExecutionError, match=r"Still pending after migrate: a_one\."):
        laravel.migrate(str(app))


def test_migrate_returns_what_ran(app, dunders):
    dunders.answers.extend([answer("  a ..... Pending\n"), NO_GROUP, answer()])
    dunders.answers.append(answer("  a ... [1] Ran\n"))
    assert laravel.migrate(str(app)) == ["a"]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer()], True),
        ([answer(retcode=3)], False),
        ([answer("SQLSTATE[42S02]: ... Table 'r.seed_runs' doesn't exist", retcode=1)], False),
        ([answer('Command "app:seed-once" is not defined.', retcode=1), answer()], True),
        (
            [answer('no commands defined in the "app" namespace', retcode=1), answer("", "", 3)],
            False,
        ),
    ],
)
def test_seeded(app, dunders, answers, expected):
    dunders.answers.extend(answers)
    assert laravel.seeded(str(app)) is expected
    assert not dunders.answers


def test_seed_without_a_command_hands_the_work_to_php(app, dunders):
    unknown = answer('Command "app:seed-once" is not defined.', retcode=1)
    dunders.answers.extend([unknown, answer(retcode=3), unknown, answer(), unknown, answer()])
    assert laravel.seed(str(app), "Demo") is True
    runs = [call for call in dunders.call_args_list if call.kwargs["stdin"]]
    assert [call.args[0][-2:] for call in runs] == [
        ["check", "Demo"],
        ["run", "Demo"],
        ["check", "Demo"],
    ]


def test_seed_that_has_run_does_not_run(app, dunders):
    dunders.answers.append(answer())
    assert laravel.seed(str(app)) is False


def test_seed_fails_with_the_seeders_words(app, dunders):
    failed = answer("SEED_PASSWORD is not set", retcode=1)
    dunders.answers.extend([answer(retcode=3), failed, answer(retcode=3)])
    with pytest.raises(CommandExecutionError, match="SEED_PASSWORD is not set"):
        laravel.seed(str(app))


def test_another_web_server_may_have_seeded_meanwhile(app, dunders):
    conflict = answer("SQLSTATE[40000]: ... 3101 Plugin instructed the server to rollback", "", 1)
    dunders.answers.extend([answer(retcode=3), conflict, answer()])
    assert laravel.seed(str(app)) is False


# ---- keys ----


def test_a_key_that_is_there_is_kept(app, dunders):
    (app / ".env").write_text("APP_KEY=base64:old\n")
    status = laravel.key_update(str(app), "APP_KEY", ["key:generate"])
    assert status == {"changes": {}, "source": "kept", "differs": False}
    laravel.__pillar__.update({"k": "base64:new"})
    status = laravel.key_update(str(app), "APP_KEY", ["key:generate"], secret="k")
    assert status == {"changes": {}, "source": "kept", "differs": True}
    assert (app / ".env").read_text() == "APP_KEY=base64:old\n"


@pytest.mark.parametrize("given_value", [None, "", "base64:from-the-pillar"])
def test_a_missing_key_comes_from_the_pillar_or_is_made(app, dunders, mine, given_value):
    (app / ".env").write_text("APP_KEY=\nA=1\n")
    (app / ".env").chmod(0o640)
    laravel.__pillar__.update({"k": given_value})
    dunders.answers.append(answer("base64:made-by-artisan\n"))
    arguments = (str(app), "APP_KEY", ["key:generate"], "k")
    predicted = laravel.key_update(*arguments, test=True)
    assert "APP_KEY=\n" in (app / ".env").read_text()
    assert laravel.key_update(*arguments) == predicted
    assert predicted["changes"] == {"APP_KEY": {"old": "", "new": laravel.MASK}}
    key = given_value or "base64:made-by-artisan"
    assert (app / ".env").read_text() == f"APP_KEY={key}\nA=1\n"
    assert stat.S_IMODE((app / ".env").stat().st_mode) == 0o640


def test_an_older_applications_command_is_tried_next(app, dunders, mine):
    (app / ".env").write_text("")
    dunders.answers.extend([answer('Command "jwt:secret" is not defined.', retcode=1)])
    dunders.answers.append(answer("0123456789abcdef"))
    laravel.key_update(str(app), "JWT_SECRET", ["jwt:secret", "jwt:generate"])
    assert (app / ".env").read_text() == "JWT_SECRET=0123456789abcdef\n"


def test_no_command_for_a_key(app, dunders):
    (app / ".env").write_text("")
    dunders.answers.append(answer('Command "a" is not defined.', retcode=1))
    with pytest.raises(CommandExecutionError, match=r"has no command a\."):
        laravel.key_update(str(app), "JWT_SECRET", ["a"])


def test_a_key_can_be_predicted_before_there_is_anything(tmp_path, dunders):
    status = laravel.key_update(str(tmp_path), "APP_KEY", ["key:generate"], test=True)
    assert status["source"] == "generated"


# ---- conventions ----


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.text(min_size=4).filter(lambda s: "\0" not in s and s not in laravel.MASK))
def test_a_secret_does_not_come_back(tmp_path, secret):
    try:
        (tmp_path / ".env").write_bytes(
            edit_env("", {"DB_PASSWORD": secret}).encode("utf-8", "surrogateescape")
        )
    except UnicodeEncodeError:
        return
    assert secret not in laravel._redact(f"error: {secret} is wrong", str(tmp_path))


def test_every_public_function_has_an_example():
    import ast

    tree = ast.parse(Path(laravel.__file__).read_text())
    public = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"
    ]
    assert public
    for node in public:
        text = ast.get_docstring(node)
        assert "CLI Example:" in text, node.name
        assert ".. code-block:: bash" in text, node.name

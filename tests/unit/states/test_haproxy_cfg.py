"""haproxy_cfg.managed: what a test run predicts is what a run then does."""

import grp
import os
import pwd
from pathlib import Path
from unittest.mock import Mock, call

import pytest
from haproxy_config.defaults import default_sections
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.haproxy_cfg as module
import _states.haproxy_cfg as state

SECRET = "s3cret-word"
SECTIONS = {
    # The default ones are left out.
    **dict.fromkeys(default_sections(False)),
    **{"global": ["user haproxy"], "listen stats": ["stats auth admin:${pillar:password}"]},
}
OWNER = {
    "user": pwd.getpwuid(os.getuid()).pw_name,
    "group": grp.getgrgid(os.getgid()).gr_name,
}


@pytest.fixture
def answer():
    """What haproxy -c says; a test may change it."""
    return {"retcode": 0, "stdout": "", "stderr": ""}


@pytest.fixture
def managed(monkeypatch, tmp_path, answer):
    """The state over the real module, with a file of its own: managed(test=True)."""
    settings = {"haproxy:sections": SECTIONS, "cluster:nodes": {}, "password": SECRET}
    functions = {
        "config.get": lambda key, default="": settings.get(key, default),
        "cmd.run_all": lambda command, **kwargs: answer,
        "service.status": lambda name: True,
        "service.reload": lambda name: True,
        "haproxy_cfg.plan": module.plan,
        "haproxy_cfg.write": module.write,
    }
    options = {"test": False}
    monkeypatch.setattr(module, "__salt__", functions, raising=False)
    monkeypatch.setattr(state, "__salt__", functions, raising=False)
    monkeypatch.setattr(state, "__opts__", options, raising=False)
    monkeypatch.setattr("salt.utils.path.which", lambda name: "/usr/sbin/haproxy")

    def run(*, test, **kwargs):
        options["test"] = test
        ret = state.managed(str(tmp_path / "haproxy.cfg"), **{**OWNER, **kwargs})
        assert set(ret) == {"name", "result", "comment", "changes"}
        assert SECRET not in str(ret)
        return ret

    return run


@pytest.fixture
def config(tmp_path):
    return tmp_path / "haproxy.cfg"


@pytest.mark.parametrize(
    "before",
    [None, "", "global\n    user root\n", "global\nglobal\n", "user root\n"],
    ids=["none", "empty", "other", "twice", "no section"],
)
def test_a_test_run_predicts_what_a_run_does(managed, config, before):
    if before is not None:
        config.write_text(before)
    predicted = managed(test=True)
    assert predicted["result"] is None
    assert predicted["comment"] == f"{config} would be changed"
    assert (config.read_text() if config.exists() else None) == before
    done = managed(test=False)
    assert done["result"] is True
    assert done["changes"] == predicted["changes"] != {}
    assert done["comment"].startswith(f"{config} has been changed")
    assert done["comment"].endswith("haproxy has been reloaded")
    assert (f"the file before is {config}.bak" in done["comment"]) is (before is not None)
    for test in (True, False):
        again = managed(test=test)
        assert again == {
            "name": str(config),
            "result": True,
            "comment": f"{config} says what the pillar says",
            "changes": {},
        }


def test_drift_of_the_mode_alone(managed, config):
    managed(test=False)
    config.chmod(0o604)
    predicted = managed(test=True)
    done = managed(test=False)
    assert predicted["changes"] == done["changes"] == {"mode": {"old": "0604", "new": "0640"}}
    assert done["comment"] == f"{config} has been changed"


@pytest.mark.parametrize("test", [True, False])
def test_a_refused_configuration_fails_and_leaves_the_file(managed, config, answer, test):
    config.write_text("global\n")
    answer |= {
        "retcode": 1,
        "stderr": f"[ALERT]    (7) : config : 'stats auth' cannot take '{SECRET}'\n",
    }
    ret = managed(test=test)
    assert ret["result"] is False
    assert ret["changes"] == {}
    assert "haproxy -c refuses the configuration: 'stats auth' cannot take" in ret["comment"]
    assert config.read_text() == "global\n"


@pytest.mark.parametrize("test", [True, False])
def test_warnings_are_in_the_comment(managed, answer, test):
    answer["stdout"] = "[WARNING]  (7) : missing timeouts\n"
    assert managed(test=test)["comment"].endswith("; haproxy warns: missing timeouts")


def test_without_haproxy_only_a_test_run_succeeds(managed, config, monkeypatch):
    monkeypatch.setattr("salt.utils.path.which", lambda name: None)
    predicted = managed(test=True)
    assert predicted["result"] is None
    assert predicted["comment"].endswith("haproxy is not installed yet, so nothing judged it")
    done = managed(test=False)
    assert done["result"] is False
    assert done["changes"] == {}
    assert not config.exists()


@pytest.mark.parametrize("test", [True, False])
def test_sections_can_be_given_in_place_of_the_pillar_s(managed, config, test):
    ret = managed(test=test, sections={"defaults": ["retries 2"]})
    assert list(ret["changes"]["sections"]) == ["defaults"]


@pytest.mark.parametrize("error", [CommandExecutionError, SaltInvocationError])
@pytest.mark.parametrize("test", [True, False])
def test_an_error_of_the_module_is_the_comment(managed, monkeypatch, error, test):
    def fail(*args, **kwargs):
        raise error("the reason")

    for function in ("plan", "write"):
        monkeypatch.setitem(state.__salt__, f"haproxy_cfg.{function}", fail)
    ret = managed(test=test)
    assert (ret["result"], ret["comment"], ret["changes"]) == (False, "the reason", {})


def test_the_state_file_passes_every_argument_the_state_takes():
    source = (Path(state.__file__).parents[1] / "salt/haproxy/config.sls").read_text()
    for argument in ("name", "user", "group", "mode", "service"):
        assert f"    - {argument}: " in source


@pytest.mark.parametrize(("old", "changes"), [("ready", True), ("drain", False)])
def test_a_server_is_held_to_what_it_was_told(monkeypatch, old, changes):
    act = Mock(return_value={"old": old, "new": "drain"})
    monkeypatch.setattr(state, "__salt__", {"haproxy_cfg.set_server": act}, raising=False)
    returned = {}
    for test in (True, False):
        monkeypatch.setattr(state, "__opts__", {"test": test}, raising=False)
        returned[test] = state.server("mysql/mysql-2", admin="drain")
    assert returned[True]["changes"] == returned[False]["changes"]
    assert bool(returned[True]["changes"]) is changes
    assert (returned[True]["result"], returned[False]["result"]) == (
        None if changes else True,
        True,
    )
    dry, real = call("mysql", "mysql-2", "drain", test=True), call("mysql", "mysql-2", "drain")
    assert act.call_args_list == ([dry, dry, real] if changes else [dry, dry])


def test_a_server_that_is_not_there_fails_in_test_mode_too(monkeypatch):
    act = Mock(side_effect=SaltInvocationError("server is 'mysql/'; expected one of mysql/mysql-1"))
    monkeypatch.setattr(state, "__salt__", {"haproxy_cfg.set_server": act}, raising=False)
    monkeypatch.setattr(state, "__opts__", {"test": True}, raising=False)
    ret = state.server("mysql")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "expected one of" in ret["comment"]

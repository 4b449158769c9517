"""web_server as an execution module and as a state: a run does what its test run predicted."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from salt.exceptions import SaltInvocationError

import _modules.web_server as module
import _states.web_server as state

ROOT = Path(__file__).parents[3]
APACHE = {"tls": {"certificate": "", "key": "", "self_signed": False}, "server_name": "web"}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A program that takes any text but "bad", its folder, and a file server with one template."""

    class Machine:
        tree = tmp_path / "tree"
        name = str(tree / "a.conf")
        program = tmp_path / "program"
        judged = 0
        versions = {"php-fpm": "2:8.4+101", "php8.4-fpm": "8.4.27-1"}  # noqa: RUF012

        def run_all(self, command, **options):
            self.judged += 1
            bad = "bad" in Path(command[1], "a.conf").read_text()
            return {"retcode": int(bad), "stdout": "", "stderr": f"{command[1]}/a.conf is bad"}

        def managed(self, word, *, test):
            monkeypatch.setattr(state, "__opts__", {"test": test}, raising=False)
            return state.managed(
                self.name,
                "salt://a.jinja",
                {"word": word},
                str(self.tree),
                f"{self.program} {{tree}}",
                awaits=[str(self.program)],
            )

    one = Machine()
    one.tree.mkdir()
    one.program.touch()
    functions = {
        "cp.get_file_str": lambda source: "it is {{ word }}",
        "file.apply_template_on_contents": lambda text, kind, context, defaults, saltenv: (
            jinja2.Template(text).render(**context)
        ),
        "cmd.run_all": one.run_all,
        "pkg.version": lambda name: one.versions.get(name, ""),
        "pkg.latest_version": lambda name, refresh: "",
        "web_server.plan": module.plan,
        "web_server.write": module.write,
    }
    for where in (module, state):
        monkeypatch.setattr(where, "__salt__", functions, raising=False)
    monkeypatch.setattr(module, "__grains__", {"id": "web"}, raising=False)
    return one


def test_a_run_does_what_its_test_run_predicts_and_a_second_one_nothing(machine):
    predicted = machine.managed("good", test=True)
    assert predicted["result"] is None
    assert not Path(machine.name).exists()
    done = machine.managed("good", test=False)
    assert done["result"] is True
    assert done["changes"] == predicted["changes"] == {"old": [], "new": ["it is good"]}
    assert Path(machine.name).read_text() == "it is good\n"
    assert Path(machine.name).stat().st_mode & 0o777 == 0o644
    machine.judged = 0
    for test in (True, False):
        again = machine.managed("good", test=test)
        assert (again["result"], again["changes"]) == (True, {})
    assert machine.judged == 0


@pytest.mark.parametrize("test", [True, False])
def test_a_refused_file_is_not_placed_and_a_test_run_says_so(machine, test):
    machine.managed("good", test=False)
    ret = machine.managed("bad", test=test)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert f"{machine.tree}/a.conf is bad" in ret["comment"]
    assert Path(machine.name).read_text() == "it is good\n"


def test_nothing_is_placed_that_nobody_could_judge(machine):
    machine.program.unlink()
    predicted = machine.managed("good", test=True)
    assert predicted["result"] is None
    assert predicted["comment"].endswith("what judges it is not there yet")
    failed = machine.managed("good", test=False)
    assert failed["result"] is False
    assert failed["comment"] == (
        f"{machine.name} cannot be judged, since there is no {machine.program}"
    )
    assert not Path(machine.name).exists()


def test_a_template_that_is_not_there_is_an_error(machine):
    module.__salt__["cp.get_file_str"] = lambda source: False
    ret = machine.managed("good", test=False)
    assert "salt://a.jinja, the template of" in ret["comment"]


def test_php_is_what_the_machine_has_or_is_refused(machine):
    merged = {
        "version": "8.4",
        "packages": ["php-fpm"],
        "ini": {},
        "fpm": {"max_children": 40, "process_control_timeout": "20s"},
    }
    found = module.php(merged, 2**20)
    assert found["packages"] == ["php8.4-fpm"]
    assert found["ini"]["post_max_size"] == "1048576"
    assert module.php({**merged, "version": None}, 2**20)["packages"] == ["php-fpm"]
    with pytest.raises(SaltInvocationError, match=r"'8\.4', which this system has"):
        module.php({**merged, "version": "8.3"}, 2**20)


@pytest.mark.parametrize(
    ("tls", "scheme"),
    [
        ({}, "http"),
        (None, "http"),
        ({"self_signed": True}, "https"),
        ({"certificate": "/a.pem", "key": "/a.key"}, "https"),
    ],
)
def test_a_drain_asks_the_other_web_servers_as_the_balancers_do(monkeypatch, tls, scheme):
    asked = []
    nodes = {"web": {"web": "192.0.2.1", "web2": "192.0.2.2"}, "proxy": {"proxy": "192.0.2.9"}}
    functions = {
        "cluster.nodes": nodes.__getitem__,
        "cluster.web": lambda: {"health": "/up", "host": ""},
        "config.get": lambda key, default: tls if key == "apache:tls" else default,
    }
    monkeypatch.setattr(module, "__salt__", functions, raising=False)
    monkeypatch.setattr(module, "__grains__", {"id": "web"}, raising=False)
    monkeypatch.setattr(
        module.draining, "answers", lambda *question: bool(asked.append(question)) or True
    )
    found = module.drain("trial", test=True)
    assert found["new"] == "trial"
    assert asked == [("192.0.2.2", scheme, "/up", "192.0.2.2")]

"""haproxy_cfg as an execution module: what it passes to its library, and what it answers."""

import json
from pathlib import Path

import pytest
from haproxy_config import runtime
from haproxy_config.defaults import default_sections
from haproxy_config.secrets import MASK
from haproxy_config.syntax import BANNER
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.haproxy_cfg as haproxy_cfg
from tests.unit.haproxy import ALONE, ME, SECRET, Machine, left_over


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(haproxy_cfg, "__salt__", machine.functions(), raising=False)
    monkeypatch.setattr("salt.utils.path.which", lambda name: "/usr/sbin/haproxy")
    return machine


@pytest.fixture
def name(tmp_path):
    return str(tmp_path / "haproxy.cfg")


def write(name, **kwargs):
    return haproxy_cfg.write(name, **{**ME, **kwargs})


def plan(name, **kwargs):
    return haproxy_cfg.plan(name, **{**ME, **kwargs})


# --- the form of the data ---


def test_sections_directives_and_servers_keep_their_order(machine):
    assert haproxy_cfg.render() == BANNER + (
        "\nglobal\n    # kept in place\n    user haproxy\n"
        "\ndefaults\n    retries 2\n    timeout connect 3000\n"
        f"\nlisten stats\n    bind :9201\n    stats auth admin:{MASK}\n"
        "\nlisten mysql\n"
        "    server mysql-1 192.0.2.12:3306 check\n    server mysql-2 192.0.2.11:3306 check\n"
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "missing or empty: set it in this machine's pillar"),
        ("", "missing or empty"),
        (True, "is not text"),
        ({"a": "hidden"}, "is not text"),
        ("hidden\nuser root", "holds a line break"),
        ("hidden\t", "holds a line break"),
        ("**********", "holds only asterisks"),
    ],
)
def test_a_reference_that_cannot_be_filled_is_refused_without_its_value(machine, value, words):
    machine.settings["password"] = value
    with pytest.raises(SaltInvocationError) as caught:
        haproxy_cfg.render()
    message = str(caught.value)
    assert words in message
    assert "refers to password" in message
    assert (
        "section 'listen stats', directive 'stats auth ${plain:user}:${pillar:password}'" in message
    )
    assert "hidden" not in message


def test_a_comment_is_kept_as_it_is(machine):
    sections = {"global": ["# ${pillar:nowhere} and ${pillar"]}
    assert "    # ${pillar:nowhere} and ${pillar\n" in haproxy_cfg.render(sections, {})


# --- writing ---


def test_a_first_file_is_written_judged_and_not_readable_by_others(machine, name):
    expected = plan(name)
    assert not Path(name).exists()
    result = write(name)
    assert result == {**expected, "backup": None, "reloaded": True}
    assert Path(name).stat().st_mode & 0o7777 == 0o640
    assert "    stats auth admin:s3cret\\#\\\"w0rd\\'\n" in Path(name).read_text()
    assert left_over(name) == ["haproxy.cfg"]
    assert {path.parent for path in machine.judged} == {Path(name).parent}


def test_without_haproxy_a_plan_is_made_and_nothing_written(machine, name, monkeypatch):
    monkeypatch.setattr("salt.utils.path.which", lambda name: None)
    assert plan(name)["judged"] is False
    with pytest.raises(CommandExecutionError, match="haproxy is not installed"):
        write(name)
    with pytest.raises(CommandExecutionError, match="haproxy is not installed"):
        haproxy_cfg.check(name, text="global\n")
    assert left_over(name) == []


def test_a_relative_path_and_a_missing_directory_are_refused(machine, tmp_path):
    with pytest.raises(SaltInvocationError, match="no absolute path"):
        write("haproxy.cfg")
    with pytest.raises(CommandExecutionError, match="cannot be written"):
        write(str(tmp_path / "nowhere" / "haproxy.cfg"))


# --- the judge ---

REFUSAL = """[NOTICE]   (174) : haproxy version is 3.2.26-1
[ALERT]    (174) : config : parsing [FILE:4] : unknown keyword 'user' in 'global' section
[ALERT]    (174) : config : parsing [FILE:13]: 'stats auth' refuses 's3cret#"w0rd'' and 'cret#"w':
  stats auth admin:s3cret\\#\\"w0
                     ^
[ALERT]    (174) : config : Error(s) found in configuration file : FILE
[ALERT]    (174) : config : Fatal errors found in configuration.
"""


@pytest.mark.parametrize("act", [plan, write])
def test_a_refusal_leaves_the_file_and_gives_the_reason(machine, name, act):
    Path(name).write_text("global\n")
    machine.answer = {"retcode": 1, "stdout": "", "stderr": REFUSAL}
    with pytest.raises(CommandExecutionError) as caught:
        act(name)
    assert str(caught.value) == (
        "haproxy -c refuses the configuration: "
        f"parsing [{name}:4 '# kept in place'] : unknown keyword 'user' in 'global' section; "
        f"parsing [{name}:13 'stats auth admin:{MASK}']: "
        f"'stats auth' refuses '{MASK}' and '{MASK}'"
    )
    assert Path(name).read_text() == "global\n"
    assert left_over(name) == ["haproxy.cfg"]


def test_a_file_or_a_text_is_checked(machine, name):
    with pytest.raises(CommandExecutionError, match="does not exist"):
        haproxy_cfg.check(name)
    Path(name).write_text("global\n")
    assert haproxy_cfg.check(name) == {"valid": True, "warnings": []}
    machine.answer = {
        "retcode": 1,
        "stdout": "",
        "stderr": "[ALERT]    (1) : config : parsing [FILE:2] : no 'typed' as 'typed-by-hand'\n",
    }
    with pytest.raises(CommandExecutionError) as caught:
        haproxy_cfg.check(name, text="userlist u\n  user bob password typed-by-hand\n")
    assert f"[{name}:2 'user bob password {MASK}']" in str(caught.value)
    assert "typed" not in str(caught.value)


def test_a_check_needs_no_pillar(machine, name):
    machine.settings.clear()
    assert haproxy_cfg.check(name, text="global\n")["valid"] is True


# --- secrets ---


@pytest.mark.parametrize(
    "old",
    [
        "stats auth admin:oldhidden",
        "stats auth root:oldhidden",
        "stats  auth root:oldhidden",
        'stats auth "root:oldhidden two"',
        "# stats auth admin:oldhidden",
        "user bob insecure-password oldhidden groups a",
        "http-check send hdr Authorization oldhidden",
        f"log {SECRET}",
        "log s3cret\\#\\\"w0rd\\'",
    ],
)
def test_no_secret_old_or_new_is_in_any_answer(machine, name, old, caplog):
    sections = {
        **ALONE,
        "backend b": ['http-check send hdr X-Key "Bearer ${pillar:token}"', "mode http"],
    }
    machine.settings |= {"haproxy:sections": sections, "token": "newhidden"}
    Path(name).write_text(f"global\n    {old}\n    mode tcp\n")
    answers = [haproxy_cfg.read(name), plan(name), write(name), haproxy_cfg.read(name)]
    answers += [haproxy_cfg.render(), haproxy_cfg.check(name)]
    seen = json.dumps(answers, ensure_ascii=False).replace('\\"', '"').replace("\\\\", "\\")
    for secret in ("hidden", "s3cret", SECRET):
        assert secret not in seen
        assert secret not in caplog.text
    assert "newhidden" in Path(name).read_text()
    assert "mode tcp" in seen
    assert "mode http" in seen


def test_a_secret_that_changed_is_a_change(machine, name):
    write(name)
    machine.settings["password"] = "another"
    masked = [f"stats auth admin:{MASK}"]
    changes = {"sections": {"listen stats": {"added": masked, "removed": masked}}}
    assert plan(name)["changes"] == changes
    assert write(name)["changes"] == changes
    assert "admin:another" in Path(name).read_text()


def test_the_module_does_not_read_masked_settings():
    source = Path(haproxy_cfg.__file__).read_text(encoding="utf-8")
    assert "pillar.get" not in source


# --- the runtime socket ---


def test_the_running_haproxy_is_asked_on_the_packaged_socket(monkeypatch):
    asked = []

    def ask(command, socket, timeout):
        asked.append((command, socket, timeout))
        return "1\n# be_id be_name\n" if "state" in command else "# pxname\n"

    monkeypatch.setattr(runtime, "ask", ask)
    assert haproxy_cfg.servers() == haproxy_cfg.stats(timeout=1.0) == []
    with pytest.raises(SaltInvocationError, match="expected one of"):
        haproxy_cfg.set_server("mysql", "mysql-1", "ready")
    socket = "/run/haproxy/admin.sock"
    assert asked == [
        ("show servers state", socket, 2.0),
        ("show stat", socket, 1.0),
        ("show servers state", socket, 2.0),
    ]


# --- the pillar over the defaults ---


def test_the_pillar_s_sections_go_over_the_default_ones(machine):
    machine.settings["haproxy:sections"] = {
        "listen mysql-cluster": ["bind :13306"],
        "listen mysql-read": None,
        "listen mine": ["bind :1"],
    }
    machine.settings |= {"haproxy:stats:password": SECRET, "haproxy:ports:writer": 13307}
    sections = haproxy_cfg.parse(haproxy_cfg.render())
    assert list(sections) == [
        "global",
        "defaults",
        "userlist statistics",
        "listen stats",
        "listen mysql-cluster",
        "listen mysql-writer",
        "listen mine",
    ]
    assert sections["listen mysql-cluster"] == ["bind :13306"]
    assert sections["listen mysql-writer"][0] == "bind :13307"
    assert f"stats auth admin:{MASK}" in sections["listen stats"]


@pytest.mark.parametrize("chosen", [None, {}])
def test_a_pillar_that_says_nothing_of_sections_gets_the_default_ones(machine, chosen):
    machine.settings |= {"haproxy:sections": chosen, "haproxy:stats:password": SECRET}
    assert list(haproxy_cfg.parse(haproxy_cfg.render())) == list(default_sections(False))
    machine.settings["cluster:virtual_address"] = "192.0.2.9"
    assert list(haproxy_cfg.parse(haproxy_cfg.render())) == list(default_sections(True))


def test_readers_are_kept_from_who_is_far_behind_where_the_pillar_says_so(machine):
    machine.settings |= {"haproxy:sections": {}, "haproxy:stats:password": SECRET}
    machine.settings["haproxy:max_behind"] = 500
    found = haproxy_cfg.parse(haproxy_cfg.render())["listen mysql-read"]
    assert "option httpchk GET /readable?behind=500" in found


def test_web_servers_are_balanced_where_the_cluster_says_so(machine):
    machine.settings |= {"haproxy:sections": {}, "haproxy:stats:password": SECRET}
    assert "listen web" not in haproxy_cfg.parse(haproxy_cfg.render())
    nodes = {
        "proxy": {"ip": "192.0.2.5", "role": "proxy"},
        "web": {"ip": "192.0.2.21", "role": "web"},
        "db1": {"ip": "192.0.2.11", "role": "db"},
    }
    machine.settings |= {
        "cluster": {"subnet": "192.0.2.0/24", "nodes": nodes, "web": {"balanced": True}},
        "cluster:nodes": nodes,
        # As config.get has the defaults where the pillar says nothing.
        "haproxy:ports:web": 3306,
    }
    with pytest.raises(SaltInvocationError, match="haproxy:ports:web is '3306'; expected a port"):
        haproxy_cfg.render()
    machine.settings["haproxy:ports:web"] = 8080
    section = haproxy_cfg.parse(haproxy_cfg.render())["listen web"]
    assert section[0] == "bind :8080"
    assert section[-1] == "server web-1 192.0.2.21:80 check"
    assert "http-check send meth GET uri /up ver HTTP/1.1 hdr Host 192.0.2.5" in section


def test_a_pillar_without_a_password_is_told_so(machine):
    del machine.settings["haproxy:sections"]
    with pytest.raises(SaltInvocationError, match="refers to haproxy:stats:password, which is mis"):
        haproxy_cfg.render()


def test_sections_that_are_given_are_all_there_is(machine):
    assert list(haproxy_cfg.parse(haproxy_cfg.render({"global": []}))) == ["global"]

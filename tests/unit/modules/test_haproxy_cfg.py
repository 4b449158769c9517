"""haproxy_cfg as an execution module: its decisions as tables, its I/O on temporary files."""

import grp
import json
import os
import pwd
import socket
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.haproxy_cfg as haproxy_cfg
from tests.unit.group import HOSTS, pillar

ROOT = Path(__file__).parents[3]
SECRET = "s3cret#\"w0rd'"
NODES = {
    "master": {"ip": "192.0.2.1", "role": "master"},
    "db2": {"ip": "192.0.2.12", "role": "db"},
    "db1": {"ip": "192.0.2.11", "role": "db"},
    "read1": {"ip": "2001:db8::1", "role": "replica"},
}
SECTIONS = {
    "global": ["# kept in place", "user haproxy"],
    "defaults": ["retries 2", "timeout connect 3000"],
    "listen stats": ["bind :9201", "stats auth ${plain:user}:${pillar:password}"],
    "listen mysql": [{"servers": {"prefix": "mysql", "port": 3306, "params": "check"}}],
}
ME = {
    "user": pwd.getpwuid(os.getuid()).pw_name,
    "group": grp.getgrgid(os.getgid()).gr_name,
    "mode": "0640",
}


MASK = haproxy_cfg.MASK


class Machine:
    """What the module asks of Salt: the settings, the judge's answer, the service, and a record."""

    def __init__(self):
        self.settings = {
            "haproxy:sections": SECTIONS,
            "cluster:nodes": NODES,
            "user": "admin",
            "password": SECRET,
        }
        self.answer = {"retcode": 0, "stdout": "", "stderr": ""}
        self.running = True
        self.reload_error = None
        self.judged = []
        self.reloads = []

    def functions(self):
        return {
            "config.get": lambda key, default="": self.settings.get(key, default),
            "cmd.run_all": self.run_all,
            "service.status": lambda name: self.running,
            "service.reload": self.reload,
        }

    def run_all(self, command, *, python_shell, timeout, output_loglevel, ignore_retcode):
        assert command[1:3] == ["-c", "-f"]
        assert (python_shell, output_loglevel, ignore_retcode) == (False, "quiet", True)
        assert timeout > 0
        path = Path(command[3])
        assert path.stat().st_mode & 0o777 == 0o600
        self.judged.append(path)
        text = path.read_text(encoding="utf-8")
        assert MASK not in text
        return {
            k: v.replace("FILE", str(path)) if v and k != "retcode" else v
            for k, v in self.answer.items()
        }

    def reload(self, name):
        self.reloads.append(name)
        if self.reload_error:
            raise self.reload_error
        return True


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


def left_over(name):
    return sorted(path.name for path in Path(name).parent.iterdir())


# What HAProxy takes for a directive: any text on one line, without blanks around it.
directives = (
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet=" \t#\\\"'${}:ab\xa0\x85\u2028", max_size=20),
        st.sampled_from(["# a comment", "bind :3306 # main", "stats realm Haproxy\\ Statistics"]),
    )
    .map(lambda text: text.strip(haproxy_cfg.BLANKS + "\n"))
    .filter(lambda text: text and not haproxy_cfg._CONTROL.search(text))
    .filter(lambda text: haproxy_cfg._first_word(text) not in haproxy_cfg.SECTIONS)
    .filter(lambda text: not haproxy_cfg._REFERENCE_START.search(text))
    .filter(lambda text: not haproxy_cfg._CREDENTIALS.match(text))
)
names = st.text(alphabet="ab09-_.:", min_size=1, max_size=8)
headers = st.one_of(
    st.sampled_from([keyword for keyword, named in haproxy_cfg.SECTIONS.items() if not named]),
    st.builds("{} {}".format, st.sampled_from(list(haproxy_cfg.SECTIONS)), names),
    st.builds("defaults {} from {}".format, names, names),
)
configurations = st.dictionaries(headers, st.lists(directives, max_size=6), min_size=1, max_size=5)


@given(configurations)
def test_what_is_rendered_is_parsed_again(sections):
    parsed = haproxy_cfg.parse(haproxy_cfg._fill(haproxy_cfg._expand(sections, {}), {}).text)
    assert list(parsed.items()) == list(sections.items())


@given(configurations)
def test_what_is_shown_is_parsed_again(sections):
    parsed = haproxy_cfg.parse(haproxy_cfg._fill(haproxy_cfg._expand(sections, {}), {}).shown)
    assert list(parsed.items()) == list(sections.items())


@given(configurations, configurations)
def test_a_difference_is_empty_exactly_when_there_is_none(old, new):
    assert haproxy_cfg.diff(old, old) == {}
    same = list(old.items()) == list(new.items())
    assert (haproxy_cfg.diff(old, new) == {}) is same


value_text = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30
).filter(lambda value: value.strip("*"))


def haproxy_words(line):
    """Split a line as HAProxy's manual says (2.2): an independent reader for the test."""
    words, word, quote, index = [], None, "", 0
    while index < len(line):
        character = line[index]
        if character == "\\" and quote != "'":
            index += 1
            word = (word or "") + line[index]
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote, word = character, word or ""
        elif not quote and character == " ":
            words, word = (words if word is None else [*words, word]), None
        elif not quote and character == "#":
            break
        else:
            word = (word or "") + character
        index += 1
    return words if word is None else [*words, word]


@pytest.mark.parametrize("form", ["auth a:{}", 'auth "a:{}"', "auth 'a:{}'", "auth 'a':\"{}\""])
@given(value=value_text)
def test_a_value_reaches_haproxy_unchanged_whatever_it_holds(form, value):
    line = haproxy_cfg._fill_directive("here", form.format("${pillar:p}"), {"p": value})
    assert haproxy_words(line.text) == ["auth", f"a:{value}"]
    assert line.shown == form.format(MASK)


# --- the form of the data ---


def test_sections_directives_and_servers_keep_their_order(machine):
    assert haproxy_cfg.render() == haproxy_cfg.BANNER + (
        "\nglobal\n    # kept in place\n    user haproxy\n"
        "\ndefaults\n    retries 2\n    timeout connect 3000\n"
        f"\nlisten stats\n    bind :9201\n    stats auth admin:{MASK}\n"
        "\nlisten mysql\n"
        "    server mysql-1 192.0.2.12:3306 check\n    server mysql-2 192.0.2.11:3306 check\n"
    )


@pytest.mark.parametrize(
    ("servers", "lines"),
    [
        (
            {"prefix": "w", "port": 3306, "params": "check", "standby": "backup"},
            ["server w-1 192.0.2.12:3306 check", "server w-2 192.0.2.11:3306 check backup"],
        ),
        (
            {"prefix": "w", "port": "3306"},
            ["server w-1 192.0.2.12:3306", "server w-2 192.0.2.11:3306"],
        ),
        (
            {"prefix": "r", "port": 3306, "role": "replica", "standby": "backup"},
            ["server r-1 [2001:db8::1]:3306"],
        ),
    ],
)
def test_servers_come_from_the_table_of_nodes(servers, lines):
    sections = {"listen x": ["bind :1", {"servers": servers}, "mode tcp"]}
    assert haproxy_cfg._expand(sections, NODES) == {"listen x": ["bind :1", *lines, "mode tcp"]}


def test_null_leaves_a_section_out_and_an_empty_list_does_not():
    sections = {"global": [], "listen x": None}
    assert haproxy_cfg._expand(sections, {}) == {"global": []}


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({}, "haproxy:sections is missing or no mapping"),
        (["global"], "haproxy:sections is missing or no mapping"),
        ({"lisen x": []}, "'lisen x' begins with 'lisen'"),
        ({"": []}, "begins with ''"),
        ({5: []}, "5 is no section header"),
        ({"listen": []}, "'listen' has no name: write 'listen NAME'"),
        ({"listen  x": []}, "write it 'listen x'"),
        ({"listen x ": []}, "write it 'listen x'"),
        ({"listen x\nglobal": []}, "stray blanks"),
        ({"listen x#y": []}, "may hold only letters"),
        ({"listen x": "bind :1"}, "'listen x' is no list"),
        ({"listen x": {"bind": ":1"}}, "'listen x' is no list"),
        ({"listen x": [""]}, "section 'listen x', directive '' is empty"),
        ({"listen x": [" \t"]}, "is empty"),
        ({"listen x": ["bind :1\nbind :2"]}, "holds a line break"),
        ({"listen x": [" bind :1"]}, "begins or ends with a blank"),
        ({"listen x": ["bind :1\r"]}, "begins or ends with a blank"),
        ({"listen x": ["bind\x00:1"]}, "holds a control character"),
        ({"listen x": ["backend y"]}, "would begin a section of its own"),
        ({"listen x": ["global"]}, "would begin a section of its own"),
        ({"listen x": [5]}, "directive int is not text"),
        ({"listen x": [None]}, "directive NoneType is not text"),
        ({"listen x": [{"acl a": "b"}]}, "the mapping of 'acl a': only 'servers'"),
        ({"listen x": ["bind ${pillar:port"]}, "unfinished reference"),
        ({"listen x": ["bind ${plain}"]}, "unfinished reference"),
        ({"listen x": [{"servers": []}]}, "'servers' takes a mapping"),
        ({"listen x": [{"servers": {"prefix": "m"}}]}, "'servers' needs port"),
        ({"listen x": [{"servers": {}}]}, "'servers' needs prefix and port"),
        (
            {"listen x": [{"servers": {"prefix": "m", "port": 1, "parms": ""}}]},
            "does not know parms: it takes params, port",
        ),
        (
            {"listen x": [{"servers": {"prefix": "m", "port": 1, "role": "dbs"}}]},
            "no node with the role 'dbs'",
        ),
    ],
)
def test_what_is_no_configuration_is_refused_by_name(sections, words):
    with pytest.raises(SaltInvocationError) as caught:
        haproxy_cfg._expand(sections, NODES)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({"db1": {"role": "db"}}, "cluster:nodes:db1:ip is None"),
        ({"db1": {"role": "db", "ip": "a b"}}, "cluster:nodes:db1:ip is 'a b'"),
        ({"db1": "192.0.2.1"}, "must map each node's id"),
        ([], "must map each node's id"),
        ({}, "no node with the role 'db'"),
    ],
)
def test_a_table_without_addresses_is_refused(nodes, words):
    sections = {"listen x": [{"servers": {"prefix": "m", "port": 1}}]}
    with pytest.raises(SaltInvocationError) as caught:
        haproxy_cfg._expand(sections, nodes)
    assert words in str(caught.value)


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


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("", {}),
        ("# only a comment\n", {}),
        ("global\n\tuser haproxy\r\n\r\n", {"global": ["user haproxy"]}),
        ("listen  x   # why\nbind :1 # here\n", {"listen x": ["bind :1 # here"]}),
        ("# head\nglobal\n# inside\ndefaults", {"global": ["# inside"], "defaults": []}),
    ],
)
def test_files_of_others_are_parsed(text, sections):
    assert haproxy_cfg.parse(text) == sections


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("global\ndefaults\nglobal\n", "line 3: the section 'global' appears a second time"),
        ("listen a\n listen  a\n", "line 2: the section 'listen a' appears a second time"),
        ("\nuser hidden\n", "line 2 stands before the first section"),
    ],
)
def test_what_cannot_be_parsed_is_refused_by_line(text, words):
    with pytest.raises(SaltInvocationError) as caught:
        haproxy_cfg.parse(text)
    assert words in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"global": ["a", "b"]}, {"global": ["a", "b"]}, {}),
        ({"global": ["a"]}, {"global": ["b"]}, {"global": {"added": ["b"], "removed": ["a"]}}),
        ({"global": ["a", "a"]}, {"global": ["a"]}, {"global": {"removed": ["a"]}}),
        ({"global": ["a", "b", "c"]}, {"global": ["b", "c", "a"]}, {"global": {"moved": ["a"]}}),
        (
            {"global": ["a", "b"]},
            {"global": ["b", "c", "a"]},
            {"global": {"added": ["c"], "moved": ["b"]}},
        ),
        ({}, {"global": ["a"]}, {"global": {"section": "added", "added": ["a"]}}),
        ({}, {"global": []}, {"global": {"section": "added"}}),
        ({"global": ["a"]}, {}, {"global": {"section": "removed", "removed": ["a"]}}),
        (
            {"global": [], "defaults": []},
            {"defaults": [], "global": []},
            {"defaults": {"section": "moved"}},
        ),
    ],
)
def test_differences_are_told_directive_by_directive(old, new, changes):
    assert haproxy_cfg.diff(old, new) == changes


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


def test_a_second_run_changes_and_asks_nothing(machine, name):
    write(name)
    machine.judged.clear()
    machine.reloads.clear()
    same = {"changes": {}, "content": False, "judged": True, "warnings": []}
    assert plan(name) == same
    assert write(name) == {**same, "backup": None, "reloaded": False}
    assert machine.judged == machine.reloads == []


def test_a_change_keeps_the_file_before(machine, name):
    write(name)
    before = Path(name).read_text()
    machine.settings["haproxy:sections"] = {**SECTIONS, "defaults": ["retries 3"]}
    expected = plan(name)
    result = write(name)
    assert expected["changes"] == result["changes"]
    assert result["changes"] == {
        "sections": {
            "defaults": {"added": ["retries 3"], "removed": ["retries 2", "timeout connect 3000"]}
        }
    }
    assert result["backup"] == f"{name}.bak"
    assert Path(result["backup"]).read_text() == before
    assert Path(result["backup"]).stat().st_mode & 0o7777 == 0o640
    assert left_over(name) == ["haproxy.cfg", "haproxy.cfg.bak"]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("# by hand\n{}", "layout", "blanks, or text before the first section"),
        ("{}\nglobal\n", "replaced", "the section 'global' appears a second time"),
        ("password hidden\n", "replaced", "line 1 stands before the first section"),
    ],
)
def test_a_change_that_no_directive_shows_is_told_too(machine, name, text, key, words):
    write(name)
    wanted = Path(name).read_text()
    Path(name).write_text(text.format(wanted))
    result = write(name)
    assert words in result["changes"][key]
    assert "hidden" not in json.dumps(result)
    assert Path(name).read_text() == wanted


def test_bytes_that_are_no_text_are_kept_in_the_backup(machine, name):
    Path(name).write_bytes(b"global\n  # caf\xe9\n")
    assert write(name)["backup"]
    assert Path(f"{name}.bak").read_bytes() == b"global\n  # caf\xe9\n"


def test_a_mode_that_drifted_is_set_again_without_a_reload(machine, name):
    write(name)
    Path(name).chmod(0o644)
    machine.reloads.clear()
    changes = {"mode": {"old": "0644", "new": "0640"}}
    assert plan(name)["changes"] == changes
    assert write(name)["changes"] == changes
    assert Path(name).stat().st_mode & 0o7777 == 0o640
    assert machine.reloads == []
    assert not Path(f"{name}.bak").exists()


@pytest.mark.parametrize(
    ("running", "service", "reloads"),
    [(True, "haproxy", ["haproxy"]), (False, "haproxy", []), (True, None, [])],
)
def test_only_a_running_service_is_reloaded(machine, name, running, service, reloads):
    machine.running = running
    assert write(name, service=service)["reloaded"] is bool(reloads)
    assert machine.reloads == reloads


@pytest.mark.parametrize("existed", [True, False])
def test_a_failed_reload_puts_the_file_back(machine, name, existed):
    if existed:
        write(name)
    before = Path(name).read_text() if existed else None
    machine.settings["haproxy:sections"] = {**SECTIONS, "defaults": ["retries 3"]}
    machine.reload_error = CommandExecutionError(f"Job failed near {SECRET}")
    with pytest.raises(CommandExecutionError, match="did not take the reload") as caught:
        write(name)
    assert SECRET not in str(caught.value)
    assert (Path(name).read_text() if Path(name).exists() else None) == before
    machine.reload_error = None
    assert write(name)["reloaded"] is True


@pytest.mark.parametrize(
    ("directives", "path"),
    [
        (
            ["user haproxy", "stats socket /run/a.sock mode 660", "stats socket /run/b.sock"],
            "/run/a.sock",
        ),
        (["stats socket unix@/run/a.sock"], "/run/a.sock"),
        (["stats socket ipv4@127.0.0.1:9999"], ""),
        ([], ""),
    ],
)
def test_the_runtime_socket_is_the_one_the_configuration_opens(directives, path):
    assert haproxy_cfg._runtime_socket({"global": directives}) == path


@pytest.mark.parametrize(
    ("pids", "taken"),
    [
        (["7", "8"], True),
        (["7", "7", None, "8"], True),
        ([None, None, "8"], True),
        (["7", "7"], False),
        (["7", None], False),
    ],
    ids=["at once", "after a pause", "no socket before", "the old one stays", "none answers"],
)
def test_a_reload_counts_once_a_new_process_answers(machine, name, monkeypatch, pids, taken):
    """The answers come in that order, the last one again and again."""
    left = list(pids)

    def ask(command, socket, timeout):
        assert (command, socket) == ("show info", "/run/a.sock")
        pid = left.pop(0) if len(left) > 1 else left[0]
        if pid is None:
            raise CommandExecutionError("no answer")
        return f"Name: HAProxy\nPid: {pid}\nUptime: 0d\n"

    monkeypatch.setattr(haproxy_cfg, "_ask", ask)
    monkeypatch.setattr(haproxy_cfg, "RELOAD_TIMEOUT", 0.5)
    Path(name).write_text("global\n")
    sections = {**SECTIONS, "global": ["stats socket /run/a.sock"]}
    if taken:
        assert write(name, sections=sections)["reloaded"] is True
    else:
        with pytest.raises(CommandExecutionError, match="no new process answered"):
            write(name, sections=sections)
    assert (Path(name).read_text() == "global\n") is not taken


def test_without_haproxy_a_plan_is_made_and_nothing_written(machine, name, monkeypatch):
    monkeypatch.setattr("salt.utils.path.which", lambda name: None)
    assert plan(name)["judged"] is False
    with pytest.raises(CommandExecutionError, match="haproxy is not installed"):
        write(name)
    with pytest.raises(CommandExecutionError, match="haproxy is not installed"):
        haproxy_cfg.check(name, text="global\n")
    assert left_over(name) == []


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"mode": "rw"}, SaltInvocationError, "mode 'rw' is no file mode"),
        ({"mode": "0980"}, SaltInvocationError, "mode '0980' is no file mode"),
        ({"user": "nosuchuser"}, CommandExecutionError, "nosuchuser"),
        ({"group": "nosuchgroup"}, CommandExecutionError, "nosuchgroup"),
    ],
)
def test_an_owner_that_cannot_be_is_refused(machine, name, arguments, error, words):
    with pytest.raises(error, match=words):
        write(name, **arguments)
    assert left_over(name) == []


@pytest.mark.parametrize("mode", ["0640", "640", 640])
def test_a_mode_may_be_written_in_each_usual_way(machine, name, mode):
    write(name, mode=mode)
    assert Path(name).stat().st_mode & 0o7777 == 0o640
    assert plan(name)["changes"] == {}


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
WARNING = """[WARNING]  (176) : missing timeouts for proxy 's' in FILE.
   | While not properly invalid, you will certainly encounter
   | various problems.
Warnings were found.
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


def test_warnings_are_told_and_do_not_stop(machine, name):
    machine.answer = {"retcode": 0, "stdout": WARNING, "stderr": ""}
    result = write(name)
    assert result["warnings"] == [
        f"missing timeouts for proxy 's' in {name}. While not properly invalid, you will certainly "
        "encounter various problems."
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"retcode": None, "stdout": "Timed out", "stderr": ""}, "did not answer within 30 s"),
        ({"retcode": -11, "stdout": "", "stderr": SECRET}, "ended with -11 and gave no reason"),
    ],
)
def test_a_judge_without_words_is_told_as_such(machine, name, answer, words):
    machine.answer = answer
    with pytest.raises(CommandExecutionError) as caught:
        plan(name)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


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
        **SECTIONS,
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


@given(value_text.filter(lambda value: len(value) >= 4))
def test_pieces_of_a_secret_are_concealed(secret):
    for piece in (secret, secret[2:], secret[:-2], secret[:4]):
        shown = haproxy_cfg._conceal(f"before {piece} after", [secret])
        assert not any(secret[i : i + 4] in shown for i in range(len(secret) - 3)) or MASK in secret
    assert haproxy_cfg._conceal("nothing", []) == "nothing"


def test_the_module_does_not_read_masked_settings():
    source = Path(haproxy_cfg.__file__).read_text(encoding="utf-8")
    assert "pillar.get" not in source


# --- the runtime socket ---

SERVERS = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port
3 mysql 1 mysql-1 192.0.2.11 2 0 1 3306
3 mysql 2 mysql-2 192.0.2.12 0 1 1 3306
3 mysql 3 mysql-3 192.0.2.13 2 8 100 3306

"""
STATS = """# pxname,svname,scur,status,-,h1sess,
mysql,FRONTEND,2,OPEN,-,5,
mysql,mysql-1,,no check,-,,

"""


@pytest.fixture
def runtime(tmp_path):
    """A runtime socket that answers one question with a prepared text, or not at all."""
    path = str(tmp_path / "admin.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    asked = []
    threads = []

    def answer(text):
        def serve():
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(100).decode())
                if text is None:
                    connection.recv(1)
                else:
                    connection.sendall(text.encode())

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return path

    yield answer, asked
    for thread in threads:
        thread.join(timeout=5)
    listener.close()


def test_servers_are_read_from_the_running_haproxy(runtime):
    answer, asked = runtime
    rows = haproxy_cfg.servers(answer(SERVERS))
    assert asked == ["show servers state\n"]
    assert rows[0] == {
        "section": "mysql",
        "server": "mysql-1",
        "address": "192.0.2.11",
        "port": 3306,
        "state": "up",
        "admin": "ready",
        "weight": 1,
    }
    assert [(row["state"], row["admin"]) for row in rows[1:]] == [
        ("down", "maint"),
        ("up", "drain"),
    ]


def test_stats_are_read_from_the_running_haproxy(runtime):
    answer, asked = runtime
    assert haproxy_cfg.stats(answer(STATS)) == [
        {"pxname": "mysql", "svname": "FRONTEND", "scur": 2, "status": "OPEN"},
        {"pxname": "mysql", "svname": "mysql-1", "status": "no check"},
    ]
    assert asked == ["show stat\n"]


@pytest.fixture
def told(monkeypatch):
    """A running HAProxy with mysql-1 ready, mysql-2 in maintenance and mysql-3 drained."""
    said, admin = [], {"mysql-1": "ready", "mysql-2": "maint", "mysql-3": "drain"}

    def ask(command, socket, timeout):
        said.append(command)
        _, _, place, _, state = command.split()
        if place.endswith("mysql-3"):
            return "No such server.\n"
        admin[place.partition("/")[2]] = state
        return "\n"

    monkeypatch.setattr(haproxy_cfg, "_ask", ask)
    monkeypatch.setattr(
        haproxy_cfg,
        "servers",
        lambda socket: [{"section": "mysql", "server": k, "admin": v} for k, v in admin.items()],
    )
    return said


def test_a_server_is_told_once(told):
    assert haproxy_cfg.set_server("mysql", "mysql-1", "drain", dry_run=True) == {
        "old": "ready",
        "new": "drain",
    }
    assert told == []
    for old in ("ready", "drain"):
        change = haproxy_cfg.set_server("mysql", "mysql-1", "drain")
        assert change == {"old": old, "new": "drain"}
    assert told == ["set server mysql/mysql-1 state drain"]


@pytest.mark.parametrize(
    ("server", "admin", "error", "words"),
    [
        ("mysql-1", "down", SaltInvocationError, "admin is 'down'; expected one of ready, drain"),
        ("mysql-7", "ready", SaltInvocationError, "server is 'mysql/mysql-7'; expected .*mysql-2"),
        ("mysql-3", "ready", CommandExecutionError, "leaves mysql/mysql-3 drain: No such server"),
    ],
)
def test_what_cannot_be_told_a_server_is_an_error(told, server, admin, error, words):
    with pytest.raises(error, match=words):
        haproxy_cfg.set_server("mysql", server, admin)


def test_a_haproxy_that_does_not_answer_is_an_error(runtime, tmp_path):
    answer, _ = runtime
    with pytest.raises(CommandExecutionError, match=r"timed out.*is it running"):
        haproxy_cfg.servers(answer(None), timeout=0.1)
    with pytest.raises(CommandExecutionError, match="does not answer on"):
        haproxy_cfg.stats(str(tmp_path / "nowhere.sock"))


# --- the defaults of the project ---


def test_the_project_s_own_pillar_is_a_configuration(machine):
    pillar = yaml.safe_load((ROOT / "pillar/haproxy.sls").read_text(encoding="utf-8"))["haproxy"]
    machine.settings |= {
        "haproxy:sections": pillar["sections"],
        "haproxy:stats:user": pillar["stats"]["user"],
        "haproxy:stats:password": SECRET,
        "cluster:health_port": 9200,
    }
    sections = haproxy_cfg.parse(haproxy_cfg.render())
    assert list(sections) == [
        "global",
        "defaults",
        "userlist statistics",
        "listen stats",
        "listen mysql-cluster",
        "listen mysql-writer",
        "listen mysql-read",
    ]
    servers = {
        header: [d for d in directives if d.startswith("server ")]
        for header, directives in sections.items()
    }
    both = ["server mysql-1 192.0.2.12:3306 check", "server mysql-2 192.0.2.11:3306 check"]
    assert servers["listen mysql-cluster"] == servers["listen mysql-read"] == both
    # For a HAProxy that stays with one writer, and for one that cannot.
    assert servers["listen mysql-writer"] == [*both, both[0], f"{both[1]} backup"]
    assert "stats realm Haproxy\\ Statistics" in sections["listen stats"]
    assert f"stats auth admin:{MASK}" in sections["listen stats"]
    for header, port in (("cluster", 3306), ("writer", 3307), ("read", 3308)):
        assert f"bind :{port}" in sections[f"listen mysql-{header}"]


@pytest.mark.parametrize("count", [3, 5, 9])
def test_the_balancer_has_a_server_for_each(count, monkeypatch):
    sections = yaml.safe_load((ROOT / "pillar/haproxy.sls").read_text())["haproxy"]["sections"]
    settings = {
        "haproxy:sections": sections,
        "haproxy:stats:user": "admin",
        "haproxy:stats:password": "a-long-password",
        "cluster:health_port": 9200,
        "cluster:nodes": pillar(count)["cluster"]["nodes"],
    }
    monkeypatch.setattr(
        haproxy_cfg,
        "__salt__",
        {"config.get": lambda key, default=None, **_: settings.get(key, default)},
        raising=False,
    )
    found = haproxy_cfg.parse(haproxy_cfg.render())
    for name in ("cluster", "writer", "read"):
        lines = [line for line in found[f"listen mysql-{name}"] if line.startswith("server ")]
        each = [f"{HOSTS[f'db{n}']}:3306" for n in range(1, count + 1)]
        # The writer's are there for two versions of HAProxy.
        assert [line.split()[2] for line in lines] == each * (2 if name == "writer" else 1)

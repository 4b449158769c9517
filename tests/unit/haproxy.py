"""Sections, nodes and a machine for the tests of HAProxy's configuration."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from haproxy_config import update
from haproxy_config.defaults import default_sections
from haproxy_config.installed_file import owner_of
from haproxy_config.secrets import CREDENTIALS, MASK, REFERENCE_START
from haproxy_config.sections import configuration
from haproxy_config.syntax import BLANKS, CONTROL, first_word
from haproxy_config.syntax import SECTIONS as HEADERS
from hypothesis import strategies as st

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

# For a pillar that has these sections alone.
ALONE = {**dict.fromkeys(default_sections(True)), **SECTIONS}
ME = {
    "user": pwd.getpwuid(os.getuid()).pw_name,
    "group": grp.getgrgid(os.getgid()).gr_name,
    "mode": "0640",
}


class Machine:
    """What the module asks of Salt: the settings, the judge's answer, the service, and a record."""

    def __init__(self):
        self.settings = {
            # What of it is read has a key of its own here.
            "haproxy": {"sections": {}},
            "haproxy:sections": ALONE,
            "cluster:nodes": NODES,
            "user": "admin",
            "password": SECRET,
        }
        self.answer = {"retcode": 0, "stdout": "", "stderr": ""}
        self.running = True
        self.reload_error = None
        self.judged = []
        self.variables = {}
        self.reloads = []

    def config(self, sections=None):
        wanted = self.settings["haproxy:sections"] if sections is None else sections
        return configuration(wanted, self.settings["cluster:nodes"], self.settings.get)

    def plan(self, name, *, sections=None, service="haproxy", **owner):
        owner = owner_of(**{**ME, **owner})
        return update.plan(name, self.config(sections), owner, service, self.run_all)[0]

    def write(self, name, *, sections=None, service="haproxy", **owner):
        return update.write(
            name,
            self.config(sections),
            owner_of(**{**ME, **owner}),
            service,
            run=self.run_all,
            running=lambda name: self.running,
            reload_service=self.reload,
        )

    def functions(self):
        return {
            "config.get": lambda key, default="": self.settings.get(key, default),
            "cmd.run_all": self.run_all,
            "service.status": lambda name: self.running,
            "service.reload": self.reload,
        }

    def run_all(self, command, *, python_shell, timeout, output_loglevel, ignore_retcode, env):
        assert command[1:3] == ["-c", "-f"]
        assert (python_shell, output_loglevel, ignore_retcode) == (False, "quiet", True)
        assert timeout > 0
        path = Path(command[3])
        assert path.stat().st_mode & 0o777 == 0o600
        self.judged.append(path)
        self.variables = env
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


def left_over(name):
    return sorted(path.name for path in Path(name).parent.iterdir())


# What HAProxy takes for a directive: any text on one line, without blanks around it.
directives = (
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet=" \t#\\\"'${}:ab\xa0\x85\u2028", max_size=20),
        st.sampled_from(["# a comment", "bind :3306 # main", "stats realm Haproxy\\ Statistics"]),
    )
    .map(lambda text: text.strip(BLANKS + "\n"))
    .filter(lambda text: text and not CONTROL.search(text))
    .filter(lambda text: first_word(text) not in HEADERS)
    .filter(lambda text: not REFERENCE_START.search(text))
    .filter(lambda text: not CREDENTIALS.match(text))
)


names = st.text(alphabet="ab09-_.:", min_size=1, max_size=8)


headers = st.one_of(
    st.sampled_from([keyword for keyword, named in HEADERS.items() if not named]),
    st.builds("{} {}".format, st.sampled_from(list(HEADERS)), names),
    st.builds("defaults {} from {}".format, names, names),
)


configurations = st.dictionaries(headers, st.lists(directives, max_size=6), min_size=1, max_size=5)

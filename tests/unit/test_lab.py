"""What is judged of a host before machines are made there, and what of their output is shown."""

from __future__ import annotations

import doctest
import io
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.support import progress as tests_progress
from vagrant.lab import beside, commands, converge, docker, findings, person, programs, progress
from vagrant.lab.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
SUBNET = "172.28.17.0/24"
TABLE = yaml.safe_load((ROOT / "pillar/cluster.sls").read_text())["cluster"]


@pytest.mark.parametrize("module", [programs, progress, tests_progress])
def test_the_examples_in_the_sources_are_so(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize(
    ("provider", "engine", "box", "whats"),
    [
        ("virtualbox", False, True, "vagrant openssl ssh-keygen rsync"),
        (
            "libvirt",
            False,
            True,
            "vagrant openssl ssh-keygen rsync plugin:vagrant-libvirt libvirtd virsh dnsmasq"
            " qemu-system-x86_64",
        ),
        ("docker", True, True, "vagrant openssl ssh-keygen docker ip"),
        ("docker", False, True, "vagrant openssl ssh-keygen docker ip dockerd iptables"),
        (
            "docker",
            True,
            False,
            "vagrant openssl ssh-keygen docker ip mmdebstrap "
            "/usr/share/keyrings/debian-archive-keyring.gpg /etc/ssl/certs/ca-certificates.crt",
        ),
    ],
)
def test_no_more_is_needed_than_is_used(provider, engine, box, whats):
    wanted = programs.needs(provider, engine, box)
    assert [need.what for need in wanted] == whats.split()


def test_packages_are_those_that_the_distribution_has():
    lacking = programs.missing(
        programs.needs("docker", False, True), {"openssl", "ssh-keygen", "ip"}
    )
    bookworm = {"vagrant", "docker.io", "iptables"}
    assert programs.packages_of(lacking, bookworm) == (["vagrant", "docker.io", "iptables"], [])
    # A client alone has no engine: that comes with its package.
    client = programs.missing(programs.needs("docker", False, True), {"docker", "ip"})
    assert "docker.io" in programs.packages_of(client, bookworm)[0]
    trixie = {*bookworm, "docker-cli"}
    assert programs.packages_of(lacking, trixie)[0] == [
        "vagrant",
        "docker-cli",
        "docker.io",
        "iptables",
    ]
    assert programs.packages_of(lacking, trixie - {"vagrant"})[1] == ["vagrant"]


def test_what_can_be_installed_is_read_from_apt():
    policy = (
        "vagrant:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
        "docker.io:\n  Installed: (none)\n  Candidate: 26.1.5\n  Version table:\n"
    )
    assert programs.candidates(policy) == {"docker.io"}


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        ("Vagrant 2.3.4\n", None),
        ("Vagrant 2.3.8.dev\n", None),
        ("Vagrant 2.4.10\n", None),
        ("Vagrant 3.0.0\n", None),
        ("Vagrant 2.2.19\n", "says 'Vagrant 2.2.19'; 2.3 or later is needed"),
        ("", "says 'nothing'"),
    ],
)
def test_an_old_vagrant_is_named_with_its_version(shown, fault):
    said = programs.vagrant_fault(shown)
    assert (said is None) is (fault is None)
    assert fault is None or fault in said


@pytest.mark.parametrize(
    ("system", "vagrant"),
    [
        ({"ID": "ubuntu", "VERSION_ID": "22.04"}, True),
        ({"ID": "ubuntu", "VERSION_ID": "24.04"}, False),
        ({"ID": "ubuntu", "VERSION_ID": "26.04"}, False),
        ({"ID": "debian", "VERSION_ID": "13"}, True),
        ({"ID": "debian"}, True),
    ],
)
def test_which_distributions_have_vagrant(system, vagrant):
    lacking = [programs.Need("vagrant", "vagrant"), programs.Need("docker", "docker.io")]
    faults = programs.program_faults(lacking, True, {**system, "PRETTY_NAME": "It"})
    assert bool(faults) is not vagrant
    if faults:
        assert re.fullmatch(
            r"vagrant is missing, and It has no package of it\n +install it .+", *faults
        )


def test_without_apt_all_that_is_missing_is_in_one_sentence():
    lacking = programs.missing(programs.needs("docker", False, False), {"openssl"})
    (fault,) = programs.program_faults(lacking, False, {"ID": "fedora"})
    assert all(need.what in fault for need in lacking)
    assert "openssl" not in fault
    assert programs.program_faults([], False, {"ID": "fedora"}) == []


def test_what_a_distribution_calls_itself():
    text = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nID=ubuntu\nVERSION_ID="24.04"\n\n# x\n'
    assert programs.release(text)["VERSION_ID"] == "24.04"
    assert programs.release(text)["PRETTY_NAME"] == "Ubuntu 24.04.1 LTS"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"subnet": "172.28.17.0/33"}, ["cluster:subnet is '172.28.17.0/33'"]),
        ({"subnet": "10.0.0.0/24"}, [f"cluster:nodes:{name}:ip" for name in TABLE["nodes"]]),
        ({"nodes": {"db1": {"ip": "172.28.17.3", "role": "db"}}}, ["no node with role master"]),
        (
            {"nodes": {"m": {"ip": "172.28.17.1", "role": "master"}}},
            ["cluster:nodes:m:ip is 172.28.17.1, which is the host's own"],
        ),
        (
            {
                "nodes": {
                    "m": {"ip": "172.28.17.5", "role": "master"},
                    "n": {"ip": "172.28.17.5", "role": "db"},
                    "o": {"ip": "nowhere", "role": "db"},
                }
            },
            ["n:ip is 172.28.17.5, as that of m", "o:ip is nowhere, outside"],
        ),
    ],
)
def test_faults_of_the_table_of_nodes(changes, said):
    faults = findings.table_faults({**TABLE, **changes})
    assert len(faults) == len(said)
    assert all(words in fault for words, fault in zip(said, faults, strict=True))


def test_networks_of_docker_that_overlap_are_named():
    networks = [
        ("bridge", ["172.17.0.0/16"]),
        ("host", []),
        (f"vagrant_network_{SUBNET}", [SUBNET]),
        ("twelfth_default", ["172.28.0.0/16", "fd00::/64"]),
        ("part", ["172.28.17.128/25"]),
    ]
    faults = findings.network_faults(SUBNET, networks)
    assert [re.search(r"network (\S+)", fault)[1] for fault in faults] == [
        "twelfth_default",
        "part",
    ]
    assert f"cluster:subnet {SUBNET} overlaps" in faults[0]
    assert "`docker network rm twelfth_default`" in faults[0]


def test_networks_are_read_from_what_docker_prints():
    shown = [
        {"Name": "a", "IPAM": {"Config": [{"Subnet": "10.0.0.0/8", "Gateway": "10.0.0.1"}]}},
        {"Name": "none", "IPAM": {"Config": None}},
        {"Name": "old", "IPAM": None},
    ]
    assert docker.network_list(json.dumps(shown)) == [
        ("a", ["10.0.0.0/8"]),
        ("none", []),
        ("old", []),
    ]


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t000010AC\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0
"""


def test_routes_are_read_without_the_default_one():
    assert findings.routes(ROUTES) == [("eth0", "172.17.0.0/16"), ("tun0", "172.16.0.0/12")]


@pytest.mark.parametrize(
    ("interface", "theirs", "faults", "notes"),
    [
        ("eth0", "10.0.0.0/8", 0, 0),
        ("eth1", SUBNET, 1, 0),
        ("eth1", "172.28.17.64/26", 1, 0),
        ("tun0", "172.16.0.0/12", 0, 1),
        ("br-0123456789ab", SUBNET, 0, 0),
        ("docker0", "172.28.0.0/16", 0, 0),
        ("vboxnet0", SUBNET, 0, 0),
    ],
)
def test_routes_that_overlap(interface, theirs, faults, notes):
    found = findings.route_findings(SUBNET, [(interface, theirs)])
    assert [len(part) for part in found] == [faults, notes]
    assert all(interface in text and SUBNET in text for part in found for text in part)


def test_the_published_ports_are_those_of_the_vagrantfile():
    found = findings.published(TABLE, findings.in_order(TABLE))
    assert [(name, purpose, port) for name, purpose, port, _ in found] == [
        ("master", "ssh", 24402),
        ("db1", "ssh", 24405),
        ("db2", "ssh", 24406),
        ("db3", "ssh", 24407),
        ("proxy", "ssh", 24404),
        ("proxy", "HTTP", 8180),
        ("proxy", "the statistics page", 9201),
        ("web", "ssh", 24403),
        ("web", "HTTP", 8080),
    ]
    text = (ROOT / "Vagrantfile").read_text()
    published = ("8080 + nth", "8180 + nth", "9201 + nth")
    for words in ("0x1fff", "20000 +", "28200 + 16 * index", *published):
        assert words in text
    assert found[-1][3] == range(28280, 28296)


@pytest.mark.parametrize("web", [None, {}, {"balanced": False}])
def test_a_balancer_that_serves_no_web_servers_publishes_none(web):
    found = findings.published({**TABLE, "web": web}, findings.in_order(TABLE))
    assert 8180 not in {port for _, _, port, _ in found}


def test_a_port_in_use_moves_unless_it_cannot():
    wanted = [("web", "HTTP", 8080, range(28280, 28296)), ("db1", "ssh", 24405, range(1, 17))]
    faults, notes = findings.port_findings(wanted, {8080, 22})
    assert (faults, len(notes)) == ([], 1)
    assert "127.0.0.1:8080 is in use: HTTP of web gets another port" in notes[0]
    faults, notes = findings.port_findings(wanted, {8080, *range(28280, 28296)})
    assert notes == []
    assert "28280 to 28295" in faults[0]


def test_ports_that_are_listened_on_are_read():
    text = (
        "  sl  local_address rem_address   st\n"
        "   0: 0100007F:1F90 00000000:0000 0A 0\n"
        "   1: 0100007F:5F55 0100007F:1F91 01 0\n"
        "   2: 00000000000000000000000001000000:0016 0:0000 0A 0\n"
    )
    assert findings.listening(text) == {8080, 22}


@pytest.mark.parametrize(
    ("roles", "available", "virtual", "said"),
    [
        (["master", "db", "db", "db", "proxy", "web"], 3900, False, None),
        (["master", "db", "db", "db", "proxy", "web"], 3899, False, "about 3900 MB"),
        (["db"], None, False, None),
        ([], 0, False, None),
        (["db", "web"], 3000, True, "about 3072 MB"),
    ],
)
def test_memory_is_judged_by_what_machines_take(roles, available, virtual, said):
    faults = findings.memory_faults(roles, available, virtual)
    assert bool(faults) is bool(said)
    assert not said or (said in faults[0] and f"{available} MB of memory" in faults[0])


def test_available_memory_is_read():
    assert findings.available_memory("MemTotal: 9 kB\nMemAvailable:  2048000 kB\n") == 2000
    assert findings.available_memory("") is None


def test_disks_are_judged_by_all_that_lies_on_them():
    wanted = findings.disk_wanted(["db", "proxy"], box=False)
    assert wanted == {"docker": 1800, "tmp": 1500, "checkout": 100}
    one = {"docker": ("/d", 1, 3400), "tmp": ("/t", 1, 3400), "checkout": ("/c", 1, 3400)}
    assert findings.disk_faults(wanted, one) == []
    one["tmp"] = ("/t", 1, 3399)
    assert findings.disk_faults(wanted, one) == [
        "3399 MB are free at /d, /t, /c; about 3400 MB are needed there"
    ]
    apart = {"docker": ("/d", 1, 1800), "tmp": ("/t", 2, 100), "checkout": ("/c", 3, 100)}
    assert findings.disk_faults(wanted, apart) == [
        "100 MB are free at /t; about 1500 MB are needed there"
    ]
    assert findings.disk_faults(findings.disk_wanted(["db"], box=True), apart) == []


def test_what_another_user_made_is_named_with_the_command():
    owners = {".lab": 0, ".vagrant": 1000}
    assert findings.owner_faults(owners, 1000, "ann") == [
        "not ann's own: .lab; run `sudo chown -R ann: .lab`"
    ]
    assert findings.owner_faults(owners, 0, "root") == []


@pytest.mark.parametrize(("euid", "owner", "works"), [(0, 0, 0), (0, 7, 7), (5, 7, 5), (5, 0, 5)])
def test_root_works_for_the_owner_of_the_checkout(euid, owner, works):
    assert person.worker(euid, owner) == works


@pytest.mark.parametrize(
    ("said", "facts", "words"),
    [
        ("", {}, None),
        # What is missing of an engine is installed, as where there is nothing.
        ("refused", {"program": True}, None),
        ("permission denied while trying", {"program": True}, "usermod -aG docker ann"),
        ("refused", {"program": True, "host": "tcp://x"}, "DOCKER_HOST is tcp://x"),
        ("", {"listens": True}, "no program docker to use it"),
    ],
)
def test_why_there_can_be_no_engine(said, facts, words):
    given = {"program": False, "listens": False, "host": "", **facts}
    faults = docker.engine_faults(docker.Engine(False, said=said), user="ann", **given)
    assert bool(faults) is bool(words)
    assert not words or words in faults[0]
    assert docker.engine_faults(docker.Engine(True), user="ann", **given) == []


def test_what_each_machine_does_is_read_from_vagrants_lines():
    machines = progress.Machines()
    for line in (
        "Bringing machine 'master' up with 'docker' provider...\n",
        "Bringing machine 'db1' up with 'docker' provider...\n",
        "==> db1: Running action triggers before up ...\n",
        "==> db1: Creating the container...\n",
        "    db1:   Name: main_db1_1795826454\n",
        "==> db1: Waiting for machine to boot. This may take a few minutes...\n",
        "==> db1: Something that nobody knows\n",
    ):
        machines.read(line)
    assert str(machines) == "master waits, db1 boots"
    machines.read("==> master: Running provisioner: salt...\n")
    machines.read("==> db1: Running trigger: Converging the whole system...\n")
    assert str(machines) == "master its states, db1 all converge"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_live_line_is_written_in_place_and_fits(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(progress, "VERBOSE", False)
    out = Terminal()
    live = progress.Live(lambda: "x" * 50, out)
    live.draw()
    assert out.getvalue() == "\r\x1b[K" + "x" * 18 + "…"
    live.say("stays")
    assert out.getvalue().endswith("\r\x1b[Kstays\n")
    plain = io.StringIO()
    progress.Live(lambda: "a minute", plain).draw()
    assert plain.getvalue() == "a minute\n"


@pytest.mark.parametrize(
    ("name", "file"),
    [("building the box", "building-the-box"), ("installing a b/c", "installing-a-b-c")],
)
def test_a_stages_log_has_its_name(name, file):
    assert commands.slug(name) == file
    assert len(commands.slug("installing " + "x " * 60)) <= 40


def test_the_end_of_a_log_is_shown():
    text = "".join(f"{at}\n" for at in range(30)) + "old\rnew\n"
    assert commands.tail(text, 2) == "    29\n    new"
    assert len(commands.tail(text, None).splitlines()) == 31


def state(result: bool | None, name: str, comment: str) -> dict[str, object]:
    return {"result": result, "__id__": name, "comment": comment}


def test_of_an_orchestration_only_what_does_not_hold_is_told():
    answer = {
        "outputter": "highstate",
        "data": {
            "master_master": {
                "salt_|-a_|-a_|-state": state(True, "answered", "fine"),
                "salt_|-b_|-b_|-state": {
                    **state(False, "db-converged", "Run failed on minions: db2"),
                    "changes": {
                        "out": "highstate",
                        "ret": {
                            "db1": {"x_|-k_|-k_|-y": state(True, "mysql", "ok")},
                            "db2": {
                                "x_|-l_|-l_|-y": state(False, "group", "no majority\nof members"),
                                "x_|-m_|-m_|-y": state(
                                    False, "n", "One or more requisite failed: group"
                                ),
                            },
                            "db3": ["Rendering SLS failed"],
                        },
                    },
                },
                "salt_|-c_|-c_|-state": {**state(False, "web", "One or more requisite failed: b")},
                "salt_|-d_|-d_|-state": state(False, "removed", "Minions did not return: db4"),
            }
        },
    }
    text = "Warning: old\n" + json.dumps(answer) + "\nunclosed Runner\n"
    assert converge.report(text) == (
        "these states do not hold:\n"
        "    db2: group\n        no majority\n        of members\n"
        "    db3: its states\n        Rendering SLS failed\n"
        "    removed\n        Minions did not return: db4"
    )
    good = {"data": {"m": {"a": state(True, "a", ""), "b": state(None, "b", "")}}}
    assert converge.report(json.dumps(good)) == "all 2 steps of the orchestration hold"
    assert converge.report("salt-run: not found\n") == "salt-run: not found"
    compiled = {"data": {"m": ["Rendering SLS 'base:orch' failed"]}}
    assert "m: its states\n        Rendering SLS 'base:orch' failed" in converge.report(
        json.dumps(compiled)
    )


HIGHSTATE = """local:
  Name: /etc/a - Function: file.managed - Result: Changed - Started: 00:42 - Duration: 5 ms
----------
          ID: mysql-group-online
    Function: mysql_gr.member_online
        Name: db1
      Result: False
     Comment: no seed answers
              and none will
     Started: 00:42:07.413829
    Duration: 5 ms
     Changes:
----------
          ID: later
    Function: test.nop
      Result: False
     Comment: One or more requisite failed: mysql.mysql-group-online
     Started: 00:42:07.413829
Summary for local
An error occurred while executing the action on the 'db1'
machine. Please handle this error then try again:
"""


def test_of_a_machines_own_highstate_only_what_does_not_hold_is_told():
    assert converge.digest(HIGHSTATE) == (
        "these states do not hold (db1):\n"
        "    mysql-group-online\n        no seed answers\n        and none will"
    )
    assert converge.digest("all green\n") == ""
    compiled = (
        "local:\n    Data failed to compile:\n----------\n    Rendering SLS 'a' failed: why\n---\n"
    )
    assert converge.digest(compiled) == (
        "these states do not hold:\n    its states\n        Rendering SLS 'a' failed: why"
    )


def test_how_tests_ended_is_counted():
    counts = Counter(failed=1, passed=2, error=1, xfailed=3)
    assert tests_progress.tally(counts) == "2 passed, 1 failed, 1 error, 3 xfailed"
    assert tests_progress.tally(Counter()) == "no test"


def test_a_failure_is_told_when_it_happens():
    crash = SimpleNamespace(message="AssertionError: " + "x" * 400 + "\nassert 1 == 2")
    said = tests_progress.why(SimpleNamespace(longrepr=SimpleNamespace(reprcrash=crash)))
    assert said == ": AssertionError: " + "x" * (tests_progress.WHY_CHARACTERS - 16)
    # A file that cannot be imported has no such line.
    assert tests_progress.why(SimpleNamespace(longrepr="ImportError")) == ""


@pytest.mark.parametrize(("uid", "first"), [(0, "env"), (1000, "sudo")])
def test_root_runs_a_command_on_a_user_s_checkout(uid, first):
    words = person.rooted(["python", "-m", "pytest"], {"CHECKOUT": "/c", "HOME": "/h"}, uid)
    assert words[0] == first
    assert words[-3:] == ["python", "-m", "pytest"]
    assert "CHECKOUT=/c" in words
    assert not any(one.startswith("HOME=") for one in words)
    # git reads a checkout of another user's for nobody, unless told.
    assert f"GIT_CONFIG_VALUE_0={person.ROOT}" in words


@pytest.fixture
def apart(monkeypatch, tmp_path) -> Path:
    """A folder for what two commands leave; nobody is asked for root, who may have a password."""
    monkeypatch.setattr(beside, "LOGS", tmp_path)
    monkeypatch.setattr(beside, "ROOT", tmp_path)
    monkeypatch.setattr(beside, "ask_for_root", lambda why: None)
    return tmp_path


@pytest.mark.parametrize(
    ("behind", "front", "status"),
    [
        ("echo they are up", "exit 0", 0),
        ("echo they are up", "exit 3", 3),
        ("echo no room; exit 1", "exit 0", None),
        ("echo no room; exit 1", "exit 3", None),
    ],
)
def test_a_command_runs_behind_another(apart, capfd, behind, front, status):
    called = ["coming up", "sh", "-c", behind, "--", "sh", "-c", f"echo the tests; {front}"]
    if status is None:
        with pytest.raises(LabError, match="coming up failed, as is said above"):
            beside.beside(called)
    else:
        assert beside.beside(called) == status
    said = capfd.readouterr().out
    assert "meanwhile coming up: coming-up.log" in said
    # What each says is whole: one after the other.
    assert said.index("the tests") < said.index(behind.split(";")[0].removeprefix("echo "))


def test_a_command_that_is_idle_yields_to_all_others(apart):
    behind = ["sh", "-c", "nice; ps -o sid= -p $$"]
    assert beside.beside_idle(["idle", *behind, "--", "true"]) == 0
    nice, session = (apart / "idle.log").read_text().split()
    assert nice == "19"
    assert int(session) != os.getsid(0)


def test_an_interrupt_ends_what_runs_behind(monkeypatch, apart):
    def interrupted(*_, **__):
        while not (apart / "there").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(beside.subprocess, "run", interrupted)
    # As make: it waits for its child, which has to hear of it, too. A shell's background job, as
    # these tests may be, has the signal ignored.
    script = f"trap : INT; sh -c 'touch {apart}/there; exec sleep 600'; exit 3"
    behind = ["env", "--default-signal=INT", "sh", "-c", script]
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        beside.beside(["coming up", *behind, "--", "true"])
    assert time.monotonic() - begin < 100


def test_two_commands_are_at_work_at_once(apart):
    os.mkfifo(apart / "way")
    # Neither ends without the other.
    behind = ["sh", "-c", f"echo here > {apart}/way"]
    front = ["timeout", "120", "grep", "-q", "here", f"{apart}/way"]
    assert beside.beside(["both", *behind, "--", *front]) == 0

"""Every highstate renders, on every system, and the pillar gives nobody another's secrets."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import salt.loader
import salt.pillar
import salt.state
import salt.utils.templates
import yaml

from tests.functional.conftest import DATABASES, MACHINES, PROXY, ROOT, SYSTEMS, WEB


def execution_modules(opts: dict) -> dict:
    return salt.loader.minion_mods(opts, utils=salt.loader.utils(opts))


def compiled_pillar(opts: dict) -> dict:
    """The pillar that the master gives a machine."""
    return salt.pillar.get_pillar(opts, opts["grains"], opts["id"], "base").compile_pillar()


def highstate(opts: dict) -> tuple[list, dict]:
    """The low data of a machine's highstate: what a run would call, in order."""
    with salt.state.HighState(opts) as state:
        top = state.get_top()
        matches = state.top_matches(top)
        high, errors = state.render_highstate(matches)
        assert not errors, errors
        low, errors = state.state.compile_high_data(high), []
        chunks = low[0] if isinstance(low, tuple) else low
        return chunks, matches


def states_of(opts: dict, sls: str) -> list:
    """The low data of one SLS, as `state.apply` with its name has it."""
    with salt.state.HighState(opts) as state:
        high, errors = state.render_highstate({"base": [sls]})
        assert not errors, errors
        low = state.state.compile_high_data(high)[0]
        return low[0] if low and isinstance(low[0], list) else low


@pytest.fixture(scope="module")
def rendered(minion_opts) -> Callable[..., tuple[list, dict]]:
    """The highstate of a machine on a system, rendered once."""

    @functools.cache
    def render(machine: str, system: str) -> tuple[list, dict]:
        return highstate(minion_opts(machine, SYSTEMS[system]))

    return lambda machine, system="Debian sid": render(machine, system)


@pytest.fixture(scope="module")
def functions(minion_opts) -> Any:
    """What a database machine's minion offers."""
    return execution_modules(minion_opts("db1"))


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("machine", MACHINES)
def test_the_highstate_renders(machine, system, rendered):
    chunks, matches = rendered(machine, system)
    assert "common" in matches["base"]
    assert chunks
    names = {(chunk["state"], chunk["__id__"], chunk["name"]) for chunk in chunks}
    assert len(names) == len(chunks)


def test_apache_s_modules_are_the_needed_ones_and_those_of_the_pillar(with_pillar):
    more = {"apache": {"modules": ["http2"], "tls": {"self_signed": True}}}
    states = {chunk["__id__"] for chunk in highstate(with_pillar(WEB, more))[0]}
    modules = {f"apache-modules-{name}" for name in ("http2", "ssl", "rewrite", "buffer")}
    certificate = {"apache-tls-certificate-good", "apache-service-certificate-served"}
    assert modules | certificate <= states


BARE = {
    "seeder": None,
    "jwt_secret_from": None,
    "secrets_from": {"SEED_PASSWORD": None},
    "workers": {"mail": {"timeout": 120}},
    "schedule": True,
    "env": {"QUEUE_CONNECTION": "database"},
}
TIMED = {"timeout": 4711, "wait": 42, "pages": ["/one", "/two"]}


def test_times_and_pages_of_the_pillar_reach_a_deployment_in_its_order(with_pillar):
    states = {
        chunk["__id__"]: chunk for chunk in highstate(with_pillar(WEB, {"laravel": TIMED}))[0]
    }
    order = ("rehearse-answers", "migrate-migrated", "seed-seeded", "live-release")
    rehearsed, migrated, seeded, live = (states[f"laravel-{name}"] for name in order)
    assert rehearsed["pages"] == ["/up", "/one", "/two"]
    assert (migrated["timeout"], migrated["wait"], seeded["timeout"]) == (4711, 42, 4711)
    # Each waits for the one before: what cannot serve changes no schema.
    assert {"laravel_release": "laravel-rehearse-answers"} in migrated["require"]
    assert {"laravel": "laravel-migrate-migrated"} in seeded["require"]
    assert {"laravel": "laravel-seed-seeded"} in live["require"]


def test_an_application_has_no_more_than_its_pillar_asks_for(with_pillar):
    states = {chunk["__id__"]: chunk for chunk in highstate(with_pillar(WEB, {"laravel": BARE}))[0]}
    assert "laravel-keys-app" in states
    assert not {"laravel-keys-jwt", "laravel-seed-seeded"} & states.keys()
    env = states["laravel-env-present"]
    assert list(env["secrets"]) == ["DB_PASSWORD"]
    # What left the pillar leaves the file.
    assert env["only"] is True
    assert env["values"]["DB_QUEUE_RETRY_AFTER"] == 150
    running = states["laravel-workers-running"]
    assert running["workers"] == {"mail": {"timeout": 120}}
    assert (running["schedule"], running["nodes"]) == (True, [WEB])


@pytest.mark.parametrize(
    ("auth", "state"),
    [
        (None, None),
        ({"http-basic": {"example.com": {"username": "u", "password": "pw-4711"}}}, "file"),
        ("pw-4711", "refused"),
        ({}, "file"),
    ],
)
def test_credentials_of_package_repositories_are_named_and_not_shown(with_pillar, auth, state):
    more = {"laravel": {"composer": {"auth_from": "shop:auth"}}, "shop": {"auth": auth}}
    states = highstate(with_pillar(WEB, more if state else {}))[0]
    found = {chunk["__id__"]: chunk for chunk in states if chunk["__sls__"] == "laravel.auth"}
    assert list(found) == ([f"laravel-auth-{state}"] if state else [])
    assert "pw-4711" not in json.dumps(states)
    (built,) = [chunk for chunk in states if chunk["__id__"] == "laravel-release-built"]
    waited = [name for one in built["require"] for name in one.values() if "-auth-" in name]
    assert waited == list(found)
    if state == "file":
        file = found["laravel-auth-file"]
        assert (file["dataset_pillar"], file["show_changes"]) == ("shop:auth", False)
        assert (file["user"], file["group"], file["mode"]) == ("root", "laravel-build", "0640")


def test_a_host_that_git_asks_is_known_before_a_release_is_built(with_pillar):
    key = "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHZhbGlkYXRlZA"
    more = {"source": "git@git.example.com:shop.git", "rev": "main", "known_hosts": [key]}
    states = highstate(with_pillar(WEB, {"laravel": more}))[0]
    (known,) = [chunk for chunk in states if chunk["__id__"] == "laravel-known_hosts-file"]
    assert known["contents"] == ["# Kept by Salt.", key]
    (built,) = [chunk for chunk in states if chunk["__id__"] == "laravel-release-built"]
    assert {"sls": "laravel.known_hosts"} in built["require"]


def test_a_site_is_led_to_a_php_fpm_that_runs(rendered):
    states = {chunk["__id__"]: chunk for chunk in rendered(WEB)[0]}
    assert {"sls": "php.service"} in states["apache-site-managed"]["require"]


def test_without_workers_nothing_is_said_of_queues(rendered):
    states = {chunk["__id__"]: chunk for chunk in rendered(WEB)[0]}
    assert "DB_QUEUE_RETRY_AFTER" not in states["laravel-env-present"]["values"]
    assert states["laravel-workers-running"]["workers"] == {}


def test_ids_say_where_a_state_stands(rendered):
    """<formula>-<words>: an ID found in an output leads to its folder."""
    for machine in MACHINES:
        for chunk in rendered(machine)[0]:
            folder = chunk["__sls__"].split(".")[0]
            assert chunk["__id__"].startswith(f"{folder}-"), chunk["__id__"]


@pytest.mark.parametrize("machine", MACHINES)
def test_no_state_has_salt_load_all_its_modules(machine, minion_opts):
    """Salt does so for these three, in each run: `command` and `unit` have other names."""
    for chunk in highstate(minion_opts(machine))[0]:
        assert not {"creates", "unless", "onlyif"} & set(chunk), chunk["__id__"]


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("db1", "mysql_gr.member_online"),
        (PROXY, "haproxy_cfg.managed"),
        (WEB, "laravel.migrated"),
        (WEB, "laravel_release.built"),
        (WEB, "laravel_release.live"),
    ],
)
def test_each_role_gets_its_states(machine, expected, rendered):
    called = {f"{c['state']}.{c['fun']}" for c in rendered(machine)[0]}
    assert expected in called


def test_the_services_get_all_of_the_library_that_they_import(rendered, tmp_path):
    """The files that the highstate puts beside the programs, and nothing else of this checkout."""
    library = "/usr/local/lib/mysql-gr/"
    chunks = [
        chunk
        for chunk in rendered("db1")[0]
        if chunk["state"] == "file" and chunk["name"].startswith(library)
    ]
    for chunk in chunks:
        source = chunk["source"].removeprefix("salt://")
        found = next(path for path in (ROOT / source, ROOT / "salt" / source) if path.exists())
        target = tmp_path / chunk["name"].removeprefix(library)
        copy = shutil.copytree if chunk["fun"] == "recurse" else shutil.copy
        copy(found, target)
    programs = [path.stem for path in (ROOT / "salt/mysql/files").glob("*.py")]
    assert len(programs) == 5
    # As their units start them: a program's folder is the first that is looked in.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {', '.join(programs)}"
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("service", "restarted", "left"),
    [
        ("mysql", ["mysqlx.service", "my-mysql.service", "mysql@1.service"], "mysql.service"),
        ("mysql@a.b", ["mysql.service", "mysql@aXb.service"], "mysql@a.b.service"),
    ],
)
def test_needrestart_leaves_mysqld_alone(service, restarted, left, rendered, minion_opts):
    (state,) = [c for c in rendered("db1")[0] if c["__sls__"] == "mysql.needrestart"]
    assert state["name"].startswith("/etc/needrestart/conf.d/")
    assert state["name"].endswith(".conf")
    source = ROOT / "salt" / state["source"].removeprefix("salt://")
    text = salt.utils.templates.render_jinja_tmpl(
        source.read_text(), {"service": service, "opts": minion_opts("db1"), "saltenv": "base"}
    )
    # As needrestart reads its files and looks a service up.
    program = (
        "local $/; my %nrconf = (override_rc => {qr(^dbus) => 0}); eval <STDIN>; die $@ if $@;"
        " foreach my $rc (@ARGV) { my $restart = 1; foreach my $re (keys %{$nrconf{override_rc}})"
        " { $restart = $nrconf{override_rc}->{$re} if ($rc =~ /$re/); } print $restart; }"
    )
    done = subprocess.run(
        ["perl", "-we", program, *restarted, left],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1" * len(restarted) + "0", "")


def test_a_service_starts_anew_with_each_file_of_the_library(rendered):
    chunks = rendered("db1")[0]
    library = {c["__id__"] for c in chunks if c["__sls__"] == "mysql.library"}
    library.remove("mysql-settings-stored")
    assert len(library) == 2
    services = {chunk["__id__"]: chunk for chunk in chunks if chunk["state"] == "service"}
    for name in ("mysql-keeper-service-running", "mysql-health-program-running"):
        assert library < {watched.get("file") for watched in services[name]["watch"]}


def test_a_new_health_agent_takes_over_and_only_a_new_unit_restarts_it(rendered):
    services = {c["__id__"]: c for c in rendered("db1")[0] if c["state"] == "service"}
    unit, program = (services[f"mysql-health-{name}-running"] for name in ("service", "program"))
    assert unit["name"] == program["name"] == "mysql-gr-health"
    assert unit["watch"] == [{"file": "mysql-health-unit-managed"}]
    assert (program["reload"], unit.get("reload")) == (True, None)
    # All that it starts with is there before its first start.
    assert [one for one in program["watch"] if one not in unit["require"]] == []
    assert {"salt_python": "mysql-python-packages-installed"} in program["watch"]
    assert {"service": "mysql-health-service-running"} in program["require"]


def compared(options) -> dict[str, list[dict]]:
    """What a highstate does about the comparison by timer, by function."""
    found: dict[str, list[dict]] = {}
    for chunk in highstate(options)[0]:
        if chunk["__sls__"] == "mysql.compare":
            found.setdefault(f"{chunk['state']}.{chunk['fun']}", []).append(chunk)
    return found


UNITS = "/etc/systemd/system/mysql-gr-compare"
PROGRAM = "/usr/local/lib/mysql-gr/compare.py"


@pytest.mark.parametrize(
    ("interval", "said", "delay"), [(None, "daily", 3600), ("weekly", "weekly", 25200)]
)
def test_the_members_are_compared_by_a_timer(interval, said, delay, with_pillar):
    more = {"mysql": {"compare": {"interval": interval}}}
    found = compared(with_pillar("db2", more))
    files = {chunk["name"]: chunk for chunk in found.pop("file.managed")}
    assert files.keys() == {PROGRAM, f"{UNITS}.service", f"{UNITS}.timer"}
    timer = files[f"{UNITS}.timer"]["context"]
    assert (timer["interval"], timer["delay"]) == (said, delay)
    (running,) = found.pop("service.running")
    assert (running["name"], running["enable"]) == ("mysql-gr-compare.timer", True)
    # The comparison itself is not started by a highstate.
    assert found.keys() == {"module.run"}


def test_a_comparison_that_is_not_wanted_leaves_nothing(with_pillar):
    found = compared(with_pillar("db2", {"mysql": {"compare": {"interval": False}}}))
    (stopped,) = found.pop("unit.stopped")
    assert stopped["name"] == "mysql-gr-compare.timer"
    assert {chunk["name"] for chunk in found.pop("file.absent")} == {
        PROGRAM,
        f"{UNITS}.service",
        f"{UNITS}.timer",
        "/var/lib/systemd/timers/stamp-mysql-gr-compare.timer",
    }
    assert found.keys() == {"module.run"}


def test_the_units_of_the_comparison_are_systemds(minion_opts, tmp_path):
    """As its own judge takes them, where there is one."""
    render = execution_modules(minion_opts("db1"))["slsutil.renderer"]
    for kind, context in (
        ("service", {"python": "/bin/true", "library": "/x", "service": "mysql"}),
        ("timer", {"interval": "daily", "delay": 3600}),
    ):
        text = render(
            f"salt://mysql/files/mysql-gr-compare.{kind}.jinja", default_renderer="jinja", **context
        )
        (tmp_path / f"mysql-gr-compare.{kind}").write_text(text)
        lines = text.splitlines()
        if kind == "service":
            assert {"Nice=19", "IOSchedulingClass=idle", "NoNewPrivileges=yes"} <= set(lines)
            # Off, nothing of it runs on.
            assert "PartOf=mysql-gr-compare.timer" in lines
        else:
            assert {"OnCalendar=daily", "RandomizedDelaySec=3600", "Persistent=true"} <= set(lines)
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd here")
    units = sorted(map(str, tmp_path.glob("mysql-gr-compare.*")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    # It has also to say of other units.
    assert "mysql-gr-compare" not in done.stderr, done.stderr


def test_no_secret_stands_in_rendered_states(rendered, secrets):
    for machine in MACHINES:
        shown = json.dumps(rendered(machine)[0], default=str)
        found = [
            name
            for name, value in secrets.items()
            if value in shown and not name.endswith("group:name")
        ]
        assert not found, f"{machine} renders {found}"


FORMULAS = {
    WEB: {"apache", "composer", "laravel", "php"},
    PROXY: {"haproxy", "keepalived"},
    DATABASES[0]: {"mysql"},
}


@pytest.mark.parametrize("machine", FORMULAS)
def test_no_secret_stands_in_the_settings_of_a_formula(machine, minion_opts, secrets):
    """Whoever calls for them, what a function returns is kept by the master."""
    options = minion_opts(machine)
    options["pillar"] = compiled_pillar(options)
    settings = execution_modules(options)["formula.settings"]
    for formula in FORMULAS[machine]:
        shown = json.dumps(settings(formula))
        assert len(shown) > 20
        assert [name for name, value in secrets.items() if value in shown] == [], formula


def test_every_formula_with_settings_is_looked_at_for_secrets():
    maps = {path.parent.name for path in ROOT.glob("salt/*/map.jinja")}
    assert set().union(*FORMULAS.values()) == maps


ALLOWED = {
    "master": set(),
    WEB: {"application_database", "schema_database", "laravel"},
    PROXY: {"haproxy"},
    **{name: {"group", "mysql", "application_database", "schema_database"} for name in DATABASES},
    "a-machine-of-tomorrow": set(),
}


@pytest.mark.parametrize("machine", ALLOWED)
def test_a_pillar_holds_only_its_own_secrets(machine, minion_opts, secrets):
    pillar = compiled_pillar(minion_opts(machine))
    assert "_errors" not in pillar
    shown = json.dumps(pillar)
    held = {name.partition(":")[0] for name, value in secrets.items() if value in shown}
    assert held == ALLOWED[machine]


def option_file(minion_opts, version: str | None, system: str = "Debian sid") -> list[str]:
    options = minion_opts("db2", SYSTEMS[system])
    options["pillar"] = compiled_pillar(options)
    if version:
        options["pillar"]["mysql"]["version"] = version
    functions = execution_modules(options)
    return functions["slsutil.renderer"](
        "salt://mysql/files/group-replication.cnf.jinja",
        default_renderer="jinja",
        # A pointer to a server: of its version nothing is known.
        package="default-mysql-server",
    ).splitlines()


@pytest.mark.parametrize(
    ("version", "system"),
    [
        *((version, "Debian sid") for version in (None, "8.4.9", "9.7.4", "26.7")),
        ("8.0.46", "Ubuntu 24.04"),
        ("8.4.9", "Ubuntu 26.04"),
    ],
)
def test_an_option_file_is_as_declared(version, system, minion_opts):
    lines = option_file(minion_opts, version, system)
    assert "report_host = 172.28.17.54" in lines
    assert lines.count("plugin_load_add = group_replication.so") == 1
    assert "plugin_load_add = mysql_clone.so" in lines
    assert "super_read_only = ON" in lines
    # On for what the unit starts, and for nothing else.
    assert lines.index("disable_log_bin") < lines.index("[mysqld-service]")
    assert lines[-1] == "log_bin = binlog"
    names = [line.partition(" = ")[0] for line in lines]
    assert ("binlog_transaction_dependency_tracking" in names) is (version == "8.0.46")
    assert ("replica_parallel_type" in names) is (version in ("8.0.46", "8.4.9"))
    assert "None" not in "".join(lines)


def test_modules_and_states_load_and_offer_what_is_documented(minion_opts, functions):
    states = salt.loader.states(minion_opts("db1"), functions, {}, {})
    for name in ("status", "primary", "decide", "bootstrap", "join"):
        assert f"mysql_gr.{name}" in functions
    assert {"cluster.nodes", "mysql_maintenance.leave", "mysql_schema.check"} <= set(functions)
    assert "mysql_gr.member_online" in states
    assert "mysql_server.accounts_present" in states
    assert "haproxy_cfg.managed" in states
    assert "laravel.migrated" in states
    assert {"laravel_release.built", "laravel_release.live"} <= set(states)
    # What a shell imports of its library is none of its own.
    assert "laravel.printed" not in functions
    assert "laravel_release.plan" not in functions
    assert "mysql_gr.status_of" not in functions
    assert "mysql_server.options_of" not in functions
    assert "laravel_release.unchanged" not in states


def test_modules_read_no_masked_pillar():
    for path in [*(ROOT / "_modules").glob("*.py"), *(ROOT / "_states").glob("*.py")]:
        assert '__salt__["pillar.get"]' not in path.read_text(), path.name


def test_forbidden_names():
    """Vagrant would upload these as configuration; Salt would sync an __init__ as a module."""
    for name in ("salt/minion", "salt/master", "salt/key"):
        assert not Path(ROOT, name).exists()
    assert not [*ROOT.glob("_modules/__init__.py"), *ROOT.glob("_states/__init__.py")]


def test_the_example_pillar_documents_every_key_that_is_used():
    example = yaml.safe_load(Path(ROOT, "pillar.example").read_text())

    def keys(tree: dict, prefix: str = "") -> set[str]:
        return {
            found
            for key, value in tree.items()
            for found in {f"{prefix}{key}"}
            | (keys(value, f"{prefix}{key}:") if isinstance(value, dict) else set())
        }

    known = keys(example)
    # Below these the names are the user's own.
    free = ("cluster:nodes:", "haproxy:sections:", "laravel:env:", "mysql:options:")
    free += ("laravel:workers:",)
    free += ("apache:headers:", "versions", "rolling")
    # Where a formula's defaults.yaml does not say itself where in the pillar it is.
    places = {"mysql": "mysql:lookup:", "haproxy": "haproxy:", "composer": "laravel:"}
    for path in [*ROOT.glob("pillar/*.sls"), *ROOT.glob("salt/*/defaults.yaml")]:
        if path.stem in ("top", "certificates"):
            continue
        place = places.get(path.parent.name, "")
        used = keys(yaml.safe_load(path.read_text()), place)
        missing = {key for key in used - known if not key.startswith(free)}
        assert not missing, f"{path}: pillar.example lacks {sorted(missing)}"


@pytest.mark.parametrize(
    ("text", "installed", "code"), [("x = 1", True, 0), ("wrong = 1", True, 1), ("wrong", False, 0)]
)
def test_mysqld_judges_its_options_before_they_are_in_place(
    text, installed, code, minion_opts, tmp_path
):
    """The command is the state's; mysqld is one that refuses what the word says."""
    states, _ = highstate(minion_opts("db1"))
    state = next(one for one in states if one["__id__"] == "mysql-config-file-managed")
    command = state["check_cmd"].replace("/var/lib/mysql", str(tmp_path))
    assert command != state["check_cmd"]
    file = tmp_path / "options.cnf"
    file.write_text(text)
    if installed:
        program = tmp_path / "mysqld"
        program.write_text(
            '#!/bin/sh\n[ "$2" = --defaults-group-suffix=-service ] || exit 3\n'
            '[ "$4" = --validate-config ] || exit 3\n! grep -q wrong "${1#--defaults-file=}"\n'
        )
        program.chmod(0o755)
    done = subprocess.run(
        f"{command} {file}",
        shell=True,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert done.returncode == code


@pytest.fixture
def chunks(minion_opts):
    """A function that renders states of the master's minion, with pillar of the call."""

    def render(sls: str, pillar: dict) -> list[dict]:
        options = minion_opts("master")
        options["pillar"] = {**salt.pillar.get_pillar(
            options, options["grains"], "master", "base").compile_pillar(), **pillar}  # fmt: skip
        with salt.state.HighState(options) as state:
            # As the orchestration does, the rendering asks the master for the table of nodes.
            state.state.functions["saltutil.runner"] = lambda *_: options["pillar"]
            high, errors = state.render_highstate({"base": [sls]})
            assert not errors, errors
            low = state.state.compile_high_data(high)
            return low[0] if isinstance(low, tuple) else low

    return render


@pytest.mark.parametrize(
    ("given", "name", "machines"),
    [
        ({}, "all", []),
        ({"only": "pending", "machines": ["db2"], "settle": 1}, "pending", ["db2"]),
        ({"roles": ["web"], "outage": ["web"], "window": "02:00-04:00"}, "all", []),
    ],
)
def test_a_rolling_restart_hands_on_what_it_is_given(chunks, given, name, machines):
    (called,) = chunks("orch.restart", given)
    assert (called["fun"], called["tgt"], called["sls"]) == ("state", ["master"], "mysql.restart")
    assert called["pillar"] == {"restart": given}
    (state,) = chunks("mysql.restart", called["pillar"])
    assert (state["state"], state["fun"]) == ("mysql_rolling", "members_restarted")
    assert (state["name"], state["machines"]) == (name, machines)
    assert state["settle"] == given.get("settle", 5)
    assert state["roles"] == given.get("roles", [])
    assert state["outage"] == given.get("outage", [])
    assert state["window"] == given.get("window", "")


@pytest.mark.parametrize("given", [{}, {"without": ["db3"]}])
def test_a_rotation_hands_on_what_it_is_given(chunks, given):
    (called,) = chunks("orch.rotate", given)
    assert (called["fun"], called["tgt"], called["sls"]) == ("state", ["master"], "mysql.rotate")
    assert called["pillar"] == {"rotate": given}
    (state,) = chunks("mysql.rotate", called["pillar"])
    assert (state["state"], state["fun"]) == ("mysql_rotation", "passwords_rotated")
    assert state["without"] == given.get("without", [])


@pytest.mark.parametrize("given", [{}, {"replace": "3F2A90C1"}])
def test_a_replacement_of_the_authority_hands_on_what_it_is_given(chunks, given):
    (called,) = chunks("orch.authority", given)
    assert (called["fun"], called["tgt"], called["sls"]) == ("state", ["master"], "tls.replace")
    assert called["pillar"] == {"authority": given}
    (state,) = chunks("tls.replace", called["pillar"])
    assert (state["state"], state["fun"]) == ("mysql_authority", "authority_current")
    assert state.get("replace") == given.get("replace")


@pytest.mark.parametrize(
    ("given", "name", "machines"),
    [
        ({}, "newest", []),
        ({"version": "9.7.5-1", "machines": ["db2"], "settle": 1}, "9.7.5-1", ["db2"]),
        ({"roles": ["web"], "outage": ["web"], "window": "02:00-04:00"}, "newest", []),
    ],
)
def test_a_rolling_upgrade_hands_on_what_it_is_given(chunks, given, name, machines):
    (called,) = chunks("orch.upgrade", given)
    assert (called["fun"], called["tgt"], called["sls"]) == ("state", ["master"], "mysql.upgrade")
    assert called["pillar"] == {"upgrade": given}
    (state,) = chunks("mysql.upgrade", called["pillar"])
    assert (state["state"], state["fun"]) == ("mysql_rolling", "members_upgraded")
    assert (state["name"], state["machines"]) == (name, machines)
    assert state["settle"] == given.get("settle", 5)
    assert state["roles"] == given.get("roles", [])
    assert state["outage"] == given.get("outage", [])
    assert state["window"] == given.get("window", "")


@pytest.mark.parametrize(
    ("given", "name", "machines", "outage"),
    [
        ({}, "all", [], []),
        (
            {"only": "pending", "machines": ["db2", "web"], "outage": ["web"], "settle": 1},
            *("pending", ["db2", "web"], ["web"]),
        ),
        ({"window": "23:00-04:00"}, "all", [], []),
    ],
)
def test_a_rolling_reboot_hands_on_what_it_is_given(chunks, given, name, machines, outage):
    (called,) = chunks("orch.reboot", given)
    assert (called["fun"], called["tgt"], called["sls"]) == ("state", ["master"], "mysql.reboot")
    assert called["pillar"] == {"reboot": given}
    (state,) = chunks("mysql.reboot", called["pillar"])
    assert (state["state"], state["fun"]) == ("mysql_rolling", "machines_rebooted")
    assert (state["name"], state["machines"], state["outage"]) == (name, machines, outage)
    assert state["settle"] == given.get("settle", 5)
    assert state["window"] == given.get("window", "")


@pytest.mark.parametrize(
    "given",
    [
        {"member": "db1"},
        {"member": "db1", "point": "2026-11-28 14:03:00", "keep_name": True, "overwrite": "db1"},
    ],
)
def test_a_group_of_a_backup_hands_on_what_it_is_given(chunks, given):
    (called,) = chunks("orch.restore", given)
    assert (called["fun"], called["tgt"], called["sls"]) == ("state", ["master"], "mysql.restore")
    assert called["pillar"] == {"restore": given}
    (state,) = chunks("mysql.restore", called["pillar"])
    assert (state["state"], state["fun"]) == ("mysql_restore", "group_begun")
    names = {"member": "name"}
    assert {names.get(key, key): one for key, one in given.items()}.items() <= state.items()


@pytest.mark.parametrize(
    ("sls", "given", "state"),
    [
        ("deploy", {"build": "b2"}, {"fun": "deployed", "given": {"build": "b2"}}),
        ("deploy", {}, {"fun": "deployed", "given": {}}),
        ("rollback", {"release": "3f"}, {"fun": "rolled_back", "release": "3f"}),
        ("rollback", {}, {"fun": "rolled_back", "release": ""}),
        ("rotate_key", {}, {"fun": "key_rotated", "key": "APP_KEY"}),
        ("rotate_key", {"key": "JWT_SECRET"}, {"fun": "key_rotated", "key": "JWT_SECRET"}),
    ],
)
def test_what_all_web_servers_do_hands_on_what_it_is_given(chunks, sls, given, state):
    (called,) = chunks(f"orch.{sls}", given)
    assert (called["tgt"], called["sls"]) == (["master"], f"laravel.{sls}")
    (found,) = chunks(f"laravel.{sls}", called.get("pillar", {}))
    assert found["state"] == "laravel_deployment"
    assert {name: found.get(name) for name in state} == state


@pytest.mark.parametrize(
    ("machine", "formula", "service"),
    [
        (PROXY, "haproxy", "haproxy"),
        (PROXY, "keepalived", "keepalived"),
        (WEB, "apache", "apache2"),
        (WEB, "php", r"php[0-9]\.[0-9]-fpm"),
    ],
)
def test_packages_of_what_serves_are_held_and_left_alone(
    machine, formula, service, rendered, with_pillar
):
    chunks = rendered(machine)[0]
    if formula == "keepalived":
        pillar = {"cluster": {"virtual_address": "172.28.17.60"}}
        chunks = highstate(with_pillar(machine, pillar))[0]
    holds = {one["name"]: one["hold"] for one in chunks if one["state"] == "packages"}
    # PHP's series is the system's.
    (name,) = [one for one in holds if re.fullmatch(service, one)]
    assert holds[name] is True
    (rules,) = [
        one["contents"]
        for one in chunks
        if one["name"] == f"/etc/needrestart/conf.d/{formula}.conf"
    ]
    escaped = re.escape(name)
    assert rules[1] == f"$nrconf{{override_rc}}{{qr'^{escaped}\\.service$'}} = 0;"

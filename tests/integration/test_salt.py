"""The modules and states through a real master and minion: synced, called, applied."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from tests.integration.conftest import PASSWORD

SECTIONS = {
    "global": ["log 127.0.0.1 local0 notice"],
    "defaults": ["timeout connect 3000", "timeout client 5000", "timeout server 5000"],
    "listen stats": [
        "bind 127.0.0.1:19201",
        "mode http",
        "stats enable",
        "stats auth admin:${pillar:haproxy:stats:password}",
    ],
    "listen mysql-cluster": [
        "bind 127.0.0.1:13306",
        "mode tcp",
        {"servers": {"prefix": "mysql", "port": 3306, "params": "check"}},
    ],
}


def one(answer) -> dict:
    """The one state of an answer."""
    assert isinstance(answer.data, dict), answer
    (state,) = answer.data.values()
    return state


def test_settings_arrive_unmasked_where_they_are_needed(call):
    """pillar.get is masked inside modules: what they read must be the real thing."""
    options = call("mysql_server.server_options").data
    assert len(options["loose_group_replication_group_name"]) == 36
    assert options["report_host"] == "172.28.17.99"


def test_a_minion_that_the_table_does_not_name_is_left_alone(master, minion, stranger):
    def ask(function, *arguments):
        return (
            master.salt_cli().run(function, *arguments, minion_tgt=stranger.id, _timeout=120).data
        )

    assert set(ask("pillar.items")) == {"cluster"}
    assert "No Top file" in str(ask("state.apply", "test=True"))
    for known in (False, True):
        # What it says of itself, with the module for it or without.
        assert (ask("cluster.traces") == {"group": "", "servers": []}) is known
        shown = master.salt_run_cli(timeout=120).run("state.orchestrate_show_sls", "orch.cluster")
        (states,) = shown.data.values()
        assert minion.id in str(states["orch-cluster-db-converged"])
        assert stranger.id not in str(states)
        ask("saltutil.sync_all")


def test_status_says_clearly_that_mysqld_does_not_answer(call):
    answer = call("mysql_gr.status")
    assert "cannot connect to mysqld at /nonexistent/mysqld.sock" in str(answer.data)
    assert answer.returncode != 0


def test_wrong_settings_are_refused_with_the_key_before_anything_is_done(call):
    answer = call("mysql_gr.bootstrap", "db9")
    assert "member is 'db9', but this is mysql-" in str(answer.data)
    assert "is done only to a member that the call names" in str(answer.data)
    answer = call("mysql_server.account_differences", "everything")
    assert "cannot connect" in str(answer.data) or "scope is 'everything'" in str(answer.data)


def test_a_member_without_a_server_fails_with_a_sentence(call, minion):
    for test, result in ((True, None), (False, False)):
        # It waits as long for a server that is about to start: here none is.
        told = (f"name={minion.id}", "timeout=2", f"test={test}")
        state = one(call("state.single", "mysql_gr.member_online", *told))
        assert state["result"] is result
        assert f"mysqld on {minion.id} does not answer" in state["comment"]
        assert state["changes"] == {}


def test_a_minion_beside_the_master_asks_the_others(call, master, minion):
    """As a function of the master's machine: of the declared minions this one alone is there."""
    beside = Path(minion.config["conf_file"]).with_name("master")
    beside.symlink_to(master.config["conf_file"])
    try:
        planned = call("mysql_rolling.plan", "pending").data
    finally:
        beside.unlink()
    assert planned["machines"] == [], planned
    away = planned["gates"]["all declared members are ONLINE"]
    assert f"{minion.id} cannot connect to mysqld at /nonexistent/mysqld.sock" in away
    assert "db2 no answer from db2's minion" in away
    assert planned["refused"] == away
    assert "proxy: no answer from its minion" in planned["gates"]["each balancer uses every member"]


def test_no_secret_comes_back(call, checkout):
    shown = json.dumps(
        [
            call(f).data
            for f in ("mysql_gr.facts", "mysql_gr.decide", "mysql_server.server_options")
        ],
        default=str,
    )
    for line in Path(checkout, "pillar/secrets/mysql.sls").read_text().splitlines():
        if "password:" in line:
            assert line.split('"')[1] not in shown


def test_haproxy_cfg_is_predicted_judged_written_and_left_alone(call, tmp_path, haproxy):
    target = tmp_path / "haproxy.cfg"
    arguments = (
        "haproxy_cfg.managed",
        f"name={target}",
        f"sections={json.dumps(SECTIONS)}",
        "group=root",
    )
    predicted = one(call("state.single", *arguments, "test=True"))
    assert predicted["result"] is None, predicted
    assert not target.exists()
    written = one(call("state.single", *arguments))
    assert written["result"] is True, written
    assert written["changes"] == predicted["changes"]
    text = target.read_text()
    assert f"stats auth admin:{PASSWORD}" in text
    assert "server mysql-4 172.28.17.99:3306 check" in text
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert PASSWORD not in json.dumps([predicted, written])
    again = one(call("state.single", *arguments))
    assert (again["result"], again["changes"]) == (True, {})

    wrong = {**SECTIONS, "listen mysql-cluster": ["bind 127.0.0.1:13306", "mode tcpp"]}
    refused = one(
        call("state.single", *arguments[:2], f"sections={json.dumps(wrong)}", "group=root")
    )
    assert refused["result"] is False
    assert "tcpp" in refused["comment"]
    assert target.read_text() == text


def test_env_is_predicted_written_and_left_alone(call, tmp_path):
    target = tmp_path / ".env"
    target.write_text("# mine\nAPP_NAME=Old\nOTHER=kept\n")
    arguments = (
        "laravel.env_present",
        f"name={target}",
        'values={"APP_NAME": "Conduit"}',
        'secrets={"DB_PASSWORD": "laravel:secrets:trial"}',
        "group=root",
    )
    predicted = one(call("state.single", *arguments, "test=True"))
    assert predicted["result"] is None, predicted
    written = one(call("state.single", *arguments))
    assert written["result"] is True, written
    assert written["changes"] == predicted["changes"]
    assert PASSWORD not in json.dumps([predicted, written])
    lines = target.read_text().splitlines()
    assert lines[:3] == ["# mine", "APP_NAME=Conduit", "OTHER=kept"]
    assert any(PASSWORD in line for line in lines)
    again = one(call("state.single", *arguments))
    assert (again["result"], again["changes"]) == (True, {})

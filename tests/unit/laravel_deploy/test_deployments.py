"""Who let which release serve is noted, for as long as the release is kept."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import salt.payload
import salt.utils.user
from laravel_deploy.deployments import KEPT, caller, with_deployment
from laravel_deploy.pruning import prune
from laravel_deploy.releases import known, record
from laravel_deploy.switch import rollback, switch


def by(machine):
    return {
        one["release"]: [(told["how"], told["by"]) for told in one["deployments"]]
        for one in known(machine.root)
    }


def test_it_is_kept_over_rollbacks_and_goes_with_the_release(machine):
    jane, joe = (replace(machine.runtime, who=name) for name in ("jane", "joe"))
    first = machine.build()["release"]
    switch(machine.root, first, machine.server, jane, 600)
    machine.change("<?php // 2")
    second = machine.build()["release"]
    switch(machine.root, second, None, joe, 600)
    # Told anew, it serves as before.
    switch(machine.root, second, None, jane, 600)
    rollback(machine.root, "", jane, "web2 did not switch")
    assert by(machine) == {
        first: [("deployed", "jane"), ("rolled back", "jane")],
        second: [("deployed", "joe")],
    }
    told = next(one for one in known(machine.root) if one["release"] == first)
    assert told["deployments"][0]["at"].endswith("+00:00")
    assert told["revision"].startswith(first)
    assert record(machine.root)["stopped"][second]["reason"] == "web2 did not switch"
    for text in ("<?php // 3", "<?php // 4"):
        machine.change(text)
        switch(machine.root, machine.build()["release"], None, joe, 600)
    assert second in record(machine.root)["deployments"]
    assert set(prune(machine.root, 2, machine.run_all, machine.user)) == {first, second}
    assert {*record(machine.root)["deployments"]} == {one["release"] for one in known(machine.root)}


def test_what_did_not_come_to_serve_is_no_deployment(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    second = machine.build()["release"]
    machine.answers[second] = 500
    with pytest.raises(Exception, match="serves again"):
        machine.switch()
    assert {name: len(told) for name, told in by(machine).items()} == {first: 1, second: 0}


def test_so_many_are_kept():
    noted = {}
    for _ in range(KEPT + 1):
        noted = with_deployment(noted, "a", "jane", "deployed", ["a"])
    assert len(noted["deployments"]["a"]) == KEPT


@pytest.mark.parametrize(
    ("jobs", "who"),
    [
        ({"1": {"pid": os.getpid(), "user": "sudo_jane"}}, "sudo_jane"),
        ({"1": {"pid": 1, "user": "joe"}, "2": {"pid": os.getpid(), "user": "jane"}}, "jane"),
        # A call on the machine itself names nobody.
        ({"1": {"pid": os.getpid()}}, "sudo_logged_in"),
        ({"1": {"pid": 1, "user": "joe"}}, "sudo_logged_in"),
        (None, "sudo_logged_in"),
    ],
)
def test_who_called_is_known_by_the_job(tmp_path, monkeypatch, jobs, who):
    monkeypatch.setattr(salt.utils.user, "get_specific_user", lambda: "sudo_logged_in")
    if jobs is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/0").write_bytes(b"")
        for name, job in jobs.items():
            (tmp_path / "proc" / name).write_bytes(salt.payload.dumps(job))
    assert caller(str(tmp_path)) == who

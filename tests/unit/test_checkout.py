"""The table of nodes as the host's programs read it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from vagrant.lab import checkout
from vagrant.lab.errors import LabError

WRONG = ["", "cluster:", "cluster: {nodes: }", "- cluster", "cluster: {nodes: [db1]}"]


@pytest.fixture
def table(tmp_path, monkeypatch):
    path = tmp_path / "pillar/cluster.sls"
    path.parent.mkdir()
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    monkeypatch.setattr(checkout, "CLUSTER", path)
    return path


def test_the_table_is_what_stands_there(table):
    table.write_text("cluster: {subnet: 10.0.0.0/24, nodes: {db1: {ip: 10.0.0.1, role: db}}}")
    assert checkout.cluster()["nodes"] == {"db1": {"ip": "10.0.0.1", "role": "db"}}


@pytest.mark.parametrize("text", WRONG)
def test_a_file_without_a_table_is_named(table, text):
    table.write_text(text)
    with pytest.raises(LabError, match=r"pillar/cluster\.sls has no table of nodes; expected"):
        checkout.cluster()


@pytest.mark.parametrize("text", [None, "cluster: [", "cluster: {\x00}"])
def test_a_file_that_cannot_be_read_is_named(table, text):
    if text is not None:
        table.write_text(text)
    with pytest.raises(LabError, match=r"pillar/cluster\.sls cannot be read: "):
        checkout.cluster()


@pytest.mark.parametrize("text", WRONG)
def test_vagrant_names_it_too(tmp_path, text):
    ruby = shutil.which("ruby")
    if not ruby:
        pytest.skip("no ruby on this host")
    whole = (checkout.ROOT / "Vagrantfile").read_text()
    begin, end = whole.index("TABLE = YAML"), whole.index("MASTER = NODES")
    (tmp_path / "pillar").mkdir()
    (tmp_path / "pillar/cluster.sls").write_text(text)
    said = subprocess.run(
        [ruby, "-ryaml", "-e", f"ROOT = ARGV[0]\n{whole[begin:end]}", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("pillar/cluster.sls has no table of nodes; expected a mapping")

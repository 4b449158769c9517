"""A masterless minion over this checkout, with secrets of its own: renders, never acts."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import salt.config
import yaml

from tests.support.checkout import copy as copy_checkout

ROOT = Path(__file__).resolve().parents[2]
DATABASES, PROXY, WEB, MASTER = ["db1", "db2", "db3"], "proxy", "web", "master"
MACHINES = [MASTER, WEB, PROXY, *DATABASES]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this checkout that git knows or would, with secrets of their own."""
    target = tmp_path_factory.mktemp("checkout")
    copy_checkout(target)
    subprocess.run([sys.executable, "vagrant/prepare.py"], cwd=target, check=True)
    return target


@pytest.fixture(scope="session")
def secrets(checkout: Path) -> dict[str, str]:
    """Every secret's value, by the pillar file and key it stands in."""

    def flat(tree: dict[str, Any], prefix: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in tree.items():
            name = f"{prefix}:{key}"
            found |= flat(value, name) if isinstance(value, dict) else {name: value}
        return found

    found: dict[str, str] = {}
    for path in (checkout / "pillar" / "secrets").glob("*.sls"):
        found |= flat(yaml.safe_load(path.read_text()), path.stem)
    assert len(found) == 11
    return found


@pytest.fixture(scope="session")
def opts(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    config = salt.config.minion_config(None)
    root = tmp_path_factory.mktemp("minion")
    settings = yaml.safe_load((checkout / "vagrant/local/minion").read_text())
    config.update(
        file_client="local",
        file_roots={"base": [str(checkout / path) for path in settings["file_roots"]["base"]]},
        pillar_roots={"base": [str(checkout / "pillar")]},
        module_dirs=[str(checkout / "_modules")],
        states_dirs=[str(checkout / "_states")],
        utils_dirs=[str(checkout / "_utils")],
        root_dir=str(root),
        cachedir=str(root / "cache"),
        extension_modules=str(root / "extmods"),
        pki_dir=str(root / "pki"),
        conf_file=str(root / "minion"),
        __role="minion",
        test=False,
        retry_dns=0,
    )
    return config


@pytest.fixture(scope="session")
def minion_opts(opts: dict[str, Any]) -> Any:
    """A maker of one machine's options: its id and, if told, another operating system."""

    def make(minion: str, grains: dict[str, Any] | None = None) -> dict[str, Any]:
        mine = copy.deepcopy(opts)
        mine["id"] = minion
        mine["grains"] = {**SID, **(grains or {}), "id": minion}
        return mine

    return make


@pytest.fixture
def with_cluster(checkout: Path, tmp_path: Path, minion_opts: Any) -> Any:
    """A maker of a machine's options, for a pillar whose cluster has other values at some keys."""

    def make(minion: str, **changes: Any) -> dict[str, Any]:
        pillar = tmp_path / "pillar"
        shutil.copytree(checkout / "pillar", pillar, dirs_exist_ok=True)
        table = yaml.safe_load((pillar / "cluster.sls").read_text())
        table["cluster"] |= changes
        (pillar / "cluster.sls").write_text(yaml.safe_dump(table, sort_keys=False))
        # A system whose version of PHP is known: of a rolling one apt is asked, a second each time.
        options = minion_opts(minion, NOBLE)
        options["pillar_roots"] = {"base": [str(pillar)]}
        return options

    return make


@pytest.fixture
def with_pillar(checkout: Path, tmp_path: Path, minion_opts: Any) -> Any:
    """A maker of a machine's options, for a pillar that says something more than the checkout's."""

    def make(minion: str, more: dict[str, Any]) -> dict[str, Any]:
        pillar = tmp_path / "pillar"
        shutil.copytree(checkout / "pillar", pillar, dirs_exist_ok=True)
        with (pillar / "top.sls").open("a") as top:
            top.write(f"  '{minion}*':\n    - more\n")
        (pillar / "more.sls").write_text(yaml.safe_dump(more, sort_keys=False))
        # As above.
        options = minion_opts(minion, NOBLE)
        options["pillar_roots"] = {"base": [str(pillar)]}
        return options

    return make


SID = {
    "os": "Debian",
    "os_family": "Debian",
    "osfullname": "Debian GNU/Linux",
    "oscodename": "sid",
    "osrelease": "sid",
    "osfinger": "Debian-sid",
    "osmajorrelease": "sid",
    "osarch": "amd64",
    "kernel": "Linux",
    "init": "systemd",
    "pythonexecutable": "/opt/salt/bin/python3",
}
NOBLE = {
    "os": "Ubuntu",
    "osfullname": "Ubuntu",
    "oscodename": "noble",
    "osrelease": "24.04",
    "osfinger": "Ubuntu-24.04",
    "osmajorrelease": 24,
}
RESOLUTE = {
    **NOBLE,
    "oscodename": "resolute",
    "osrelease": "26.04",
    "osfinger": "Ubuntu-26.04",
    "osmajorrelease": 26,
}
SYSTEMS = {"Debian sid": {}, "Ubuntu 24.04": NOBLE, "Ubuntu 26.04": RESOLUTE}

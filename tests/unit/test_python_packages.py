"""Which packages Salt's own Python lacks."""

from __future__ import annotations

from importlib import metadata

import pytest
from python_packages import missing

from tests.support.lab import ROOT

FILE = (ROOT / "salt/mysql/files/requirements.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("there", "lacking"),
    [
        ({"PyMySQL": "1.2.4", "prometheus_client": "0.25"}, []),
        # Debian's, which goes on without TLS where a server offers none.
        ({"PyMySQL": "1.1.1", "prometheus_client": "0.25"}, ["PyMySQL>=1.2,<2"]),
        ({"PyMySQL": "2.0", "prometheus_client": "0.25"}, ["PyMySQL>=1.2,<2"]),
        ({"PyMySQL": "1.3rc1", "prometheus_client": "0.25"}, []),
        ({"PyMySQL": "1.2.4"}, ["prometheus_client>=0.20,<1"]),
        ({}, ["PyMySQL>=1.2,<2", "prometheus_client>=0.20,<1"]),
    ],
)
def test_what_the_services_need_is_compared_with_what_is_there(there, lacking):
    def version(name: str) -> str:
        if name not in there:
            raise metadata.PackageNotFoundError(name)
        return there[name]

    assert missing(["", *FILE, "  # nothing"], version) == lacking


def test_this_python_has_them():
    assert missing(FILE) == []

"""formula as an execution module: a formula's pillar is held against its defaults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from salt.exceptions import SaltInvocationError

import _modules.formula as formula

ROOT = Path(__file__).parents[3]
DEFAULTS = {"seeder": "S", "env": {"A": 1}, "key_from": "laravel:secrets:app_key", "composer": {}}


@pytest.fixture
def check(monkeypatch):
    def run(declared, name="laravel", defaults=DEFAULTS, free=("env", "composer")):
        monkeypatch.setattr(formula, "__pillar__", {"laravel": declared}, raising=False)
        formula.check_pillar(name, defaults, free)

    return run


@pytest.mark.parametrize(
    "declared",
    [
        None,
        {},
        {"seeder": "T", "env": {"ANY": "thing"}},
        {"secrets": {"app_key": "hidden"}},
        {"key_from": "laravel:secrets:mine", "secrets": {"mine": "hidden", "app_key": "hidden"}},
    ],
)
def test_what_is_read_is_taken(check, declared):
    check(declared)


@pytest.mark.parametrize(
    ("declared", "error"),
    [
        ({"seder": "S"}, "laravel:seder is a key that nothing reads; expected laravel:seeder"),
        (
            {"secrets": {"app_kye": "hidden"}},
            "laravel:secrets:app_kye is a key that nothing reads; expected laravel:secrets:app_key",
        ),
        ({"seeder": ["hidden"]}, "laravel:seeder is a list; expected text in one line"),
        (["hidden"], "laravel is a list; expected a mapping with seeder, env, key_from, composer"),
    ],
)
def test_what_is_misspelt_is_refused_without_its_value(check, declared, error):
    with pytest.raises(SaltInvocationError) as caught:
        check(declared)
    assert str(caught.value).startswith(f"pillar {error}")
    assert "hidden" not in str(caught.value)


def test_a_formula_may_have_its_place_below_another_one_s(check):
    below = ("laravel:composer", {"repository": ""}, ())
    check({"composer": {"repository": "debian"}}, *below)
    check({"seeder": "S"}, *below)
    with pytest.raises(SaltInvocationError, match="pillar laravel:composer:cahce is a key"):
        check({"composer": {"cahce": "/"}}, *below)


def test_a_machine_without_mysql_loads_nothing_of_it():
    code = (
        "import sys; import _modules.formula, haproxy_config.pillar\n"
        "sys.exit(any(name.split('.')[0] == 'group_replication' for name in sys.modules))"
    )
    path = f"{ROOT}:{ROOT / '_utils'}"
    done = subprocess.run([sys.executable, "-B", "-c", code], env={"PYTHONPATH": path}, check=False)
    assert done.returncode == 0

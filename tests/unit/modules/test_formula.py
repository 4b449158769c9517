"""formula as an execution module: settings are made once, pillar is held against defaults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from salt.exceptions import SaltInvocationError, SaltRenderError

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


@pytest.fixture
def made(monkeypatch):
    """How often settings were made, and a function that gives the minion another pillar."""
    rendered: list[str] = []

    def render(path, default_renderer, saltenv):
        rendered.append(f"{path} {default_renderer} {saltenv}")
        return {"ports": [80], "pillar": dict(formula.__pillar__)}

    def pillar(told):
        monkeypatch.setattr(formula, "__pillar__", told, raising=False)

    monkeypatch.setattr(formula, "__context__", {}, raising=False)
    monkeypatch.setattr(formula, "__opts__", {"saltenv": None}, raising=False)
    monkeypatch.setattr(formula, "__salt__", {"slsutil.renderer": render}, raising=False)
    pillar({})
    return rendered, pillar


def test_settings_are_made_once_for_each_pillar_and_formula(made):
    rendered, pillar = made
    first = formula.settings("apache")
    first["ports"].append(443)
    # What one SLS does to its copy is nobody else's.
    assert formula.settings("apache") == {"ports": [80], "pillar": {}}
    assert rendered == ["salt://apache/map.jinja jinja|json base"]
    formula.settings("php")
    # As for a call that stands pillar over the minion's own.
    pillar({"apache": {"server_name": "x"}, 1: "a number is a key, too"})
    assert formula.settings("apache")["pillar"]["apache"] == {"server_name": "x"}
    assert len(rendered) == 3


def test_settings_are_of_the_environment_of_the_run(made, monkeypatch):
    monkeypatch.setattr(formula, "__opts__", {"saltenv": "dev"}, raising=False)
    formula.settings("apache")
    assert made[0] == ["salt://apache/map.jinja jinja|json dev"]


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (
            "Jinja error: Problem running salt function in Jinja template: pillar a:b is 1; line 3"
            "\n\n---\n{%- do x %}\n---\nTraceback (most recent call last)",
            SaltInvocationError,
            "pillar a:b is 1",
        ),
        ("Jinja syntax error: x", SaltRenderError, "Jinja syntax error: x"),
    ],
)
def test_what_is_wrong_with_a_pillar_is_told_alone(made, monkeypatch, said, kind, words):
    def render(*_, **__):
        raise SaltRenderError(said)

    monkeypatch.setattr(formula, "__salt__", {"slsutil.renderer": render}, raising=False)
    with pytest.raises(kind) as raised:
        formula.settings("apache")
    assert str(raised.value) == words

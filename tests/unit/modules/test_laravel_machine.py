"""One web server's part as Salt offers it: what is handed to the library and back."""

from __future__ import annotations

import pytest
from laravel_deploy.releases import known
from salt.exceptions import SaltInvocationError

import _modules.laravel_machine as module
from tests.unit.laravel_deploy.conftest import anybody, machine  # noqa: F401
from tests.unit.laravel_deploy.test_part import CHUNKS


@pytest.fixture
def salt(monkeypatch, machine):  # noqa: F811
    """Give the module what Salt would; returns what the formula was rendered with."""
    asked = []

    def rendered(sls, **options):
        asked.append((sls, options))
        return [{**one, "name": str(machine.root)} for one in CHUNKS]

    functions = {
        "state.show_low_sls": rendered,
        "cmd.run_all": machine.run_all,
        "laravel_machine.key_status": module.key_status,
        "laravel_machine.jwt_status": module.jwt_status,
        "laravel_release.served": lambda directory, server: "a",
    }
    monkeypatch.setattr(module, "__salt__", functions, raising=False)
    monkeypatch.setattr(module, "__pillar__", {}, raising=False)
    return asked


def test_it_looks_by_the_formula_and_the_pillar_of_the_call(machine, salt):  # noqa: F811
    first = machine.deploy()
    found = module.look(ask=False)
    assert (found["serves"], found["releases"]) == ("a", [first])
    assert found["settings"]["directory"] == str(machine.root)
    module.look({"laravel": {"build": "2"}}, ask=False)
    pillars = [{"only": "laravel"}, {"only": "laravel", "build": "2"}]
    assert salt == [("laravel", {"pillar": {"laravel": pillar}}) for pillar in pillars]


def test_of_other_applications_nothing_is_rendered(machine, salt):  # noqa: F811
    found = module.look({"laravel": {"applications": {"shop": {"rev": "2"}}}}, False, "shop")
    assert found["settings"]["application"] == "shop"
    pillar = {"only": "shop", "applications": {"shop": {"rev": "2"}}}
    assert salt == [("laravel", {"pillar": {"laravel": pillar}})]


def test_a_release_is_kept_from_serving(machine, salt):  # noqa: F811
    name = machine.build()["release"]
    assert module.stop(str(machine.root), name, "web2 did not switch") is True
    # What was noted first says more.
    module.stop(str(machine.root), name, "later")
    (one,) = known(machine.root)
    assert one["stopped"] == "web2 did not switch"


def test_a_lock_is_handed_on_and_taken(machine, salt):  # noqa: F811
    name = machine.build()["release"]
    packed = module.lock(str(machine.root), name)
    (machine.root / "shared/composer.lock").write_text("another")
    assert module.take_lock(str(machine.root), packed) is True
    assert (machine.root / "shared/composer.lock").read_text() == "made here"


def test_a_jwt_secret_is_replaced_by_the_pillars(machine, salt, monkeypatch):  # noqa: F811
    first, second = "1" * 32, "2" * 32
    monkeypatch.setattr(module, "__pillar__", {"s": second, "a": first})
    env = machine.root / "shared/.env"
    env.write_text(f"JWT_SECRET={first}\n")
    arguments = (str(machine.root), "s", "a", "2999-01-01 00:00")
    with pytest.raises(SaltInvocationError, match="may not accept the one at 's' yet"):
        module.update_jwt_secrets(*arguments, shared=True)
    predicted = module.update_jwt_secrets(*arguments, test=True)
    assert env.read_text() == f"JWT_SECRET={first}\n"
    assert module.update_jwt_secrets(*arguments) == predicted
    assert f"JWT_SECRET={second}\n" in env.read_text()
    assert f"JWT_ACCEPTED_SECRET={first}\n" in env.read_text()
    # One whose time is over is not accepted by this machine's clock.
    assert module.update_jwt_secrets(*arguments[:3], "2000-01-01 00:00").keys() == {
        "JWT_ACCEPTED_SECRET",
        "JWT_ACCEPTED_UNTIL",
    }


def test_an_application_without_two_secrets_of_tokens_has_none_to_rotate(machine, salt):  # noqa: F811
    status = module.jwt_status(str(machine.root))
    assert status["problem"].startswith("its states name no two secrets of tokens")
    assert (status["JWT_SECRET"], status["wanted"], status["accepted"]) == ("", "", [])

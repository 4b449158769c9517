"""A further application on the web server: deployed, taken back and removed beside the first."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.e2e.conftest import long_only
from tests.support import further_application
from tests.support.lab import APPLICATION, Lab
from tests.support.orchestration import orchestrated
from tests.support.visitors import Crowd

pytestmark = [pytest.mark.restores, pytest.mark.slow]

NAME, DIRECTORY = "shop.example.com", "/srv/shop"
MOMENTS = ("before_switch", "after_switch")


def applied(lab: Lab, call: str, test: bool = False) -> dict[str, Any]:
    """The changes that a call makes on the web machine, by state.

    In a dry run also of the states, all of Salt's own, that tell no changes before they act.
    """
    answer = lab.salt(lab.web, f"{call} test={test}")[lab.web]
    assert isinstance(answer, dict), answer
    failures = {key: one["comment"] for key, one in answer.items() if one["result"] is False}
    assert not failures, failures
    return {
        one["__id__"]: one["changes"]
        for one in answer.values()
        if one["changes"] or one["result"] is None
    }


def serving(lab: Lab) -> str:
    (one,) = [
        one["release"]
        for one in lab.salt(lab.web, f"laravel_release.releases {DIRECTORY}")[lab.web]
        if one["live"]
    ]
    return str(one)


class Visitor:
    """One browser at the shop: keeps its cookies."""

    def __init__(self, lab: Lab) -> None:
        self._session = requests.Session()
        self._session.headers["Host"] = NAME
        self._url = f"http://{lab.address[lab.web]}"

    def get(self, path: str = "/") -> requests.Response:
        return self._session.get(self._url + path, timeout=30)

    def post(self, text: str, picture: bytes) -> requests.Response:
        (token,) = re.findall(r'name="_token" value="(\w+)"', self.get().text)
        return self._session.post(
            f"{self._url}/notes",
            {"_token": token, "text": text},
            files={"picture": ("one.png", picture)},
            # It leads to the name, which no server for names knows.
            allow_redirects=False,
            timeout=30,
        )


@pytest.fixture(scope="module")
def declared(lab: Lab) -> Iterator[dict[str, Any]]:
    """The shop in pillar, its account in the group, and what a dry run says of the web server."""
    settings = {
        "server_name": NAME,
        "npm": True,
        "shared_folders": ["public/media"],
        "hooks": {moment: [["shop:mark", moment]] for moment in MOMENTS},
    }
    with further_application.declared(lab, "shop", settings) as made:
        assert {one.partition("@")[0] for one in made} == {"database shop", "shop", "shop_schema"}
        yield applied(lab, "state.apply", test=True)


@pytest.fixture(scope="module")
def shop(lab: Lab, declared: dict[str, Any]) -> dict[str, Any]:
    """The shop, deployed by a highstate; what that changed."""
    return applied(lab, "state.apply")


def test_a_highstate_predicts_and_brings_it_once(lab: Lab, declared, shop):
    # Those that need what others only would have made are predicted, too.
    assert declared.keys() == shop.keys()
    assert {"laravel-shop-release-built", "laravel-shop-live-release"} <= shop.keys()
    assert applied(lab, "state.apply") == {}


def test_each_is_served_by_its_name_from_its_own_database(lab: Lab, shop):
    visitor = Visitor(lab)
    # Sessions are rows of the group; assets are what npm built.
    assert [re.findall(r"Seen (\d)", visitor.get().text) for _ in range(2)] == [["1"], ["2"]]
    assert visitor.get("/build/app.js").text.startswith("/* built by v")
    picture = os.urandom(200_000)
    assert visitor.post("a note", picture).status_code == 302
    assert "a note" in visitor.get().text
    stored = lab.sql("db2", "SET SESSION group_replication_consistency = 'BEFORE';"
                     " SELECT picture FROM shop.notes").split()[-1]  # fmt: skip
    assert visitor.get(f"/storage/{stored}").content == picture
    assert lab.api("GET", "/api/tags").status_code == 200
    assert Visitor(lab).get("/api/tags").status_code == 404


def test_a_shared_folder_is_served_and_nothing_of_it_is_run(lab: Lab, shop):
    lab.run(
        lab.web,
        "setpriv --reuid=laravel-shop --regid=laravel-shop --clear-groups sh -ec '"
        f"cd {DIRECTORY}/current/public/media\n"
        'echo kept > one.txt\necho "<?php echo 6 * 7;" > run.php\nln -sf /etc/passwd link.txt\'',
    )
    assert lab.run(lab.web, f"cat {DIRECTORY}/shared/storage/app/public/media/one.txt") == "kept\n"
    answers = {
        name: Visitor(lab).get(f"/media/{name}") for name in ("one.txt", "run.php", "link.txt")
    }
    assert {name: one.status_code for name, one in answers.items()} == {
        "one.txt": 200,
        "run.php": 403,
        "link.txt": 403,
    }
    assert answers["one.txt"].text == "kept\n"


def marks(lab: Lab) -> set[tuple[str, ...]]:
    """The releases in which the commands of a hook have run: one answer where all hooks agree."""
    visitor = Visitor(lab)
    return {tuple(visitor.get(f"/storage/{moment}").text.split()) for moment in MOMENTS}


def test_hooks_have_run_and_a_record_says_who_deployed(lab: Lab, shop):
    assert marks(lab) == {(serving(lab),)}
    (release,) = lab.salt(lab.web, f"laravel_release.releases {DIRECTORY}")[lab.web]
    (told,) = release["deployments"]
    assert (told["how"], told["by"]) == ("deployed", "sudo_vagrant"), told


def test_neither_reads_what_is_the_other_s(lab: Lab, shop):
    for user, other in (("laravel-shop", APPLICATION), ("www-data", DIRECTORY)):
        for path in ("shared/.env", "shared/storage/framework", "shared/storage/logs"):
            said = lab.run(
                lab.web,
                f"setpriv --reuid={user} --regid={user} --clear-groups ls -d {other}/{path}/."
                f" || setpriv --reuid={user} --regid={user} --clear-groups cat {other}/{path}",
                check=False,
            )
            assert said == "", (user, path, said)


@long_only
def test_it_is_deployed_and_taken_back_and_the_first_notices_nothing(lab: Lab, shop, crowd: Crowd):
    first = lab.salt(lab.web, f"laravel_release.releases {APPLICATION}")
    before = serving(lab)
    given = {"application": "shop", "build": "second"}
    predicted, said = orchestrated(lab, "deploy", test=True, **given)
    assert predicted["result"] is None, said
    done, said = orchestrated(lab, "deploy", **given)
    assert done["result"] is True, said
    assert done["changes"] == predicted["changes"]
    assert serving(lab) == f"{before}-second"
    assert marks(lab) == {(before, f"{before}-second")}
    # Sessions and uploads live through it.
    assert "a note" in Visitor(lab).get().text
    assert Visitor(lab).get("/media/one.txt").text == "kept\n"
    back, said = orchestrated(lab, "rollback", application="shop")
    assert back["result"] is True, said
    assert serving(lab) == before
    assert lab.salt(lab.web, f"laravel_release.releases {APPLICATION}") == first


def test_its_name_is_refused_where_it_is_another_s(lab: Lab, shop):
    pillar = json.dumps({"laravel": {"applications": {"shop": {"directory": APPLICATION}}}})
    said = str(lab.salt(lab.web, f"state.apply laravel test=True pillar='{pillar}'")[lab.web])
    assert (
        f"pillar laravel:applications:shop:directory is '{APPLICATION}'; expected a folder of its"
        f" own: laravel:directory is {APPLICATION}"
    ) in said


def test_a_person_removes_it_and_the_first_stays(lab: Lab, shop, crowd: Crowd):
    further_application.removed(lab, lab.web, "shop")
    # Whoever asks for its name comes to the first one, as for any that is not declared.
    assert Visitor(lab).get("/api/tags").status_code == 200

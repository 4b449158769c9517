"""What a person sees in a browser: HAProxy's statistics page, and a health agent's page."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.support.api_client import client
from tests.support.balancer import asked
from tests.support.lab import Lab

# Named, or else Selenium looks for a driver and a browser of its own in the network.
DRIVER, BROWSER = Path("/usr/bin/chromedriver"), Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.restores,
    pytest.mark.skipif(
        not (DRIVER.exists() and BROWSER.exists()),
        reason="needs the packages chromium and chromium-driver (Ubuntu has them as a snap alone)",
    ),
]
FLAGS = (
    "--headless=new",
    # Chromium's sandbox refuses root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # It asks nobody but the lab.
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECTIONS = ("mysql-cluster", "mysql-writer", "mysql-read")
# Each is one question, since both pages load themselves anew.
SERVERS = """
return Object.fromEntries(
  [...document.querySelectorAll("td:first-child a[name*='/mysql-']")].map(link => {
    const row = link.closest("tr"), heads = [...row.closest("table").rows[1].cells];
    const column = heads.findIndex(cell => cell.textContent.trim() == "Status") + 1;
    return [link.name, [row.className, row.cells[column].textContent.trim()]];
  })
)
"""
AGENT = """
return {
  title: document.title,
  reason: document.querySelector("p")?.textContent ?? "",
  rows: [...document.querySelectorAll("tr")].map(row => [...row.cells].map(c => c.textContent)),
}
"""
PAGE = """
const page = document.documentElement, height = page.getBoundingClientRect().height;
return {x: 0, y: 0, width: page.scrollWidth, height: height, scale: 1};
"""


@pytest.fixture
def browser(tmp_path, caplog) -> Iterator[Chrome]:
    """A browser that knows nothing yet."""
    # It logs all that it sends, and that is the password too.
    caplog.set_level(logging.WARNING, logger="selenium")
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    options.enable_bidi = True
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}/browser", "--window-size=1500,900"):
        options.add_argument(flag)
    with Chrome(options, ChromeService(str(DRIVER))) as one:
        one.set_page_load_timeout(30)
        yield one


@pytest.fixture
def picture(browser: Chrome) -> Callable[[str, int], None]:
    """A function that takes a picture of the page, where SCREENSHOTS names a folder for it."""

    def take(name: str, width: int) -> None:
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            browser.set_window_size(width, 1200)
            clip = browser.execute_script(PAGE)
            asked = {"clip": clip, "captureBeyondViewport": True}
            taken = browser.execute_cdp_cmd("Page.captureScreenshot", asked)
            Path(folder, f"{name}.png").write_bytes(base64.b64decode(taken["data"]))

    return take


def page_of(lab: Lab) -> str:
    return f"http://{lab.address[lab.proxy]}:9201/"


def log_in(lab: Lab, browser: Chrome) -> None:
    """Open the statistics page and answer what the browser then asks, as a person does."""
    asked = browser.network.add_auth_handler("admin", lab.secret("haproxy", "password"))
    # Selenium's own get() would wait for the page, and not see that the browser asks.
    browser.browsing_context.navigate(
        context=browser.current_window_handle, url=page_of(lab), wait="complete"
    )
    browser.network.remove_auth_handler(asked)


def servers(browser: Chrome) -> dict[str, tuple[str, str]]:
    """What the open statistics page shows: section/server to its row's class and its status."""
    shown = browser.execute_script(SERVERS)
    # In front of the status is since when.
    return {name: (kind, status.partition(" ")[2]) for name, (kind, status) in shown.items()}


def expected(lab: Lab, **other: tuple[str, str]) -> dict[str, tuple[str, str]]:
    """What it shows while all are UP, but for the members that are named."""
    return {
        f"{section}/mysql-{number}": other.get(member, ("active_up", "UP"))
        for section in SECTIONS
        for number, member in enumerate(lab.databases, start=1)
    }


def agent(browser: Chrome) -> dict[str, Any]:
    """What the open page of a health agent shows; the rows that are named, by their name."""
    shown = browser.execute_script(AGENT)
    named = {row[0]: row[1] for row in shown["rows"] if len(row) == 2}
    return {**shown, "named": named, "group": [row for row in shown["rows"] if len(row) != 2]}


def test_the_statistics_page_is_shown_to_who_logs_in(
    lab: Lab, browser: Chrome, all_online, eventually, picture, caplog
):
    all_online()
    browser.get(page_of(lab))
    code = "return performance.getEntriesByType('navigation')[0].responseStatus"
    assert browser.execute_script(code) == 401
    assert servers(browser) == {}
    assert requests.get(page_of(lab), auth=("admin", "wrong"), timeout=10).status_code == 401
    log_in(lab, browser)
    assert browser.title == f"Statistics Report for HAProxy on {lab.proxy}"
    eventually(lambda: servers(browser) == expected(lab), 30)
    # The browser remembers, as it does for a person.
    browser.refresh()
    assert servers(browser) == expected(lab)
    said = browser.current_url + browser.page_source + caplog.text
    assert not [name for name, secret in lab.secrets().items() if secret in said]
    picture("statistics-all-up", 1500)


def test_a_member_that_dies_is_seen_on_both_pages(
    lab: Lab, browser: Chrome, all_online, eventually, mysqld_down, picture
):
    all_online()
    # The writer stays where it was when another member was away: by an earlier test it may be any.
    with lab.session(port=3307) as session:
        address = asked(session, "SELECT @@report_host")
    victim = next(name for name in lab.databases[1:] if lab.address[name] != address)
    log_in(lab, browser)
    eventually(lambda: servers(browser) == expected(lab), 30)
    with client(lab) as writer:
        eventually(lambda: len(writer.acknowledged) > 5, 60)
        mysqld_down(victim)
        # The page that is left open follows by itself.
        down = expected(lab, **{victim: ("active_down", "DOWN")})
        eventually(lambda: servers(browser) == down, 30)
        seen = len(writer.acknowledged)
        eventually(lambda: len(writer.acknowledged) > seen + 20, 60)
    # It is no writer of the application: nobody notices.
    assert (writer.longest_gap() < 10, writer.refused) == (True, [])
    picture("statistics-one-down", 1500)
    with lab.tunnel(victim, 9200) as here:
        browser.get(f"http://{here}/")
        seen = agent(browser)
        assert seen["title"] == f"{victim}: UNKNOWN"
        assert seen["reason"].startswith("cannot connect to mysqld")
        assert [seen["named"][name] for name in ("writable", "readable", "mysqld answers")] == [
            "no"
        ] * 3
        assert seen["group"] == []
        picture("agent-down", 720)
        mysqld_down.undo(victim)
        eventually(lambda: agent(browser)["title"] == f"{victim}: ONLINE", 120)
    browser.get(page_of(lab))
    eventually(lambda: servers(browser) == expected(lab), 30)


def test_a_drain_is_seen_on_both_pages(lab: Lab, browser: Chrome, all_online, eventually, picture):
    all_online()
    member = lab.databases[2]
    whole = ", with a majority, role PRIMARY"
    with lab.tunnel(member, 9200) as here:
        browser.get(f"http://{here}/")
        seen = agent(browser)
        assert (seen["title"], seen["reason"]) == (f"{member}: ONLINE", f"ONLINE{whole}")
        assert (seen["named"]["writable"], seen["named"]["readable"]) == ("yes", "yes")
        assert [(row[0], row[2]) for row in seen["group"]] == [
            (f"{lab.address[name]}:3306", "ONLINE") for name in lab.databases
        ]
        picture("agent-online", 720)
        lab.salt(member, f"mysql_maintenance.drain member={member} reason='a new kernel'")
        try:
            eventually(lambda: agent(browser)["named"]["writable"] == "nobody new", 10)
            seen = agent(browser)
            assert seen["title"] == f"{member}: ONLINE"
            assert seen["reason"] == f"ONLINE{whole}, drained: a new kernel"
            assert seen["named"]["readable"] == "nobody new"
            picture("agent-drained", 720)
            log_in(lab, browser)
            drained = {name for name, shown in servers(browser).items() if "NOLB" in shown[1]}
            assert drained == {f"{section}/mysql-3" for section in SECTIONS}
        finally:
            lab.salt(member, "mysql_maintenance.undrain")
    eventually(lambda: servers(browser) == expected(lab), 30)

"""What Apache is told, by the templates of its files."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
import yaml
from laravel_deploy.applications import server_of
from web_config import draining
from web_config.apache import settings

ROOT = Path(__file__).parents[3] / "salt/apache"
DEFAULTS = yaml.safe_load((ROOT / "defaults.yaml").read_text())["apache"]
TLS = {"certificate": "/etc/ssl/a.pem", "key": "/etc/ssl/a.key", "self_signed": False}


def rendered(name, application="laravel", declared=None, shared=(), **chosen):
    found = settings({**DEFAULTS, **chosen}, DEFAULTS["modules"], "web")
    server = {**server_of(application, declared or {}, found, "/run/php.sock"), "shared": shared}
    files = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "files"), autoescape=False)
    return files.get_template(name).render(
        apache=found, server=server, directory="/srv/app", health="/a.b/up"
    )


def test_bodies_are_taken_whole_before_php_is_asked_and_slow_senders_are_few():
    lines = rendered("hardening.conf.jinja").splitlines()
    # Apache does so by the first of these two only where there is a filter, such as the second.
    assert {"SetEnv proxy-sendcl 1", "SetInputFilter BUFFER"} <= set(lines)
    assert {"buffer", "reqtimeout"} <= set(DEFAULTS["modules"])
    assert "RequestReadTimeout header=10-20,MinRate=500 body=10,MinRate=500" in lines
    assert "MaxRequestWorkers 400" in lines
    assert not any(line.startswith("ServerLimit") for line in lines)


def test_what_a_browser_is_told_and_what_nobody_is():
    lines = rendered("hardening.conf.jinja").splitlines()
    assert {"TraceEnable Off", "ServerTokens Prod", "ServerSignature Off"} <= set(lines)
    told = {line.split()[3] for line in lines if line.startswith("Header always set ")}
    assert told >= {
        *("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"),
        "Content-Security-Policy",
    }


def test_the_release_that_serves_is_looked_for_where_the_last_switch_left_it():
    """Pillar may name another folder, which has no release until the first switch there."""
    home = "${release:home|/srv/app/releases/${release:live}}"
    text = rendered("site.conf.jinja")
    assert f'RewriteRule "^" "{home}/public/index.php"' in text
    assert f'RewriteCond "{home}/public%{{REQUEST_URI}}" -f' in text


@pytest.mark.parametrize(("workers", "servers"), [(401, 17), (1000, 40)])
def test_more_workers_need_more_servers(workers, servers):
    lines = rendered("hardening.conf.jinja", request_workers=workers).splitlines()
    assert f"ServerLimit {servers}" in lines


def test_a_body_that_is_too_long_is_refused_by_the_length_that_it_says():
    text = rendered("site.conf.jinja", limit_request_body=5000)
    refused = 'RewriteCond expr "%{HTTP:Content-Length} -gt 5000"\n    RewriteRule "^" - [R=413,L]'
    assert text.index(refused) < text.index("Only what is in public/")


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/.well-known/acme-challenge/x", True),
        ("/.well-known/security.txt", True),
        ("/.well-known", True),
        ("/.well-known/.env", False),
        ("/.well-knownx", False),
        ("/.env", False),
        ("/a/.git/config", False),
        ("/a.b/c", True),
    ],
)
def test_files_that_begin_with_a_dot_are_nobody_s_but_the_well_known(path, served):
    found = re.search(r'<LocationMatch "(\S+)">\s+Require all denied', rendered("site.conf.jinja"))
    assert (re.search(found[1], path) is None) is served


@pytest.mark.parametrize(
    ("path", "led"),
    [("/", True), ("/.well-known/security.txt", True), ("/.well-known/acme-challenge/x", False)],
)
def test_port_80_leads_to_443_but_for_what_renews_a_certificate(path, led):
    plain = rendered("site.conf.jinja", tls=TLS).partition("<VirtualHost *:443>")[0]
    found = re.search(r'<LocationMatch "(\S+)">\s+Redirect 308', plain)
    assert bool(re.search(found[1], path)) is led
    assert "DocumentRoot" in plain


@pytest.mark.parametrize(
    ("file", "denied"),
    [
        ("a.php", True),
        ("a.phtml", True),
        ("a.php8", True),
        ("a.phar", True),
        ("a.phps", True),
        ("a.png", False),
        ("a.php.png", False),
    ],
)
def test_uploads_are_served_from_the_storage_and_nothing_of_them_is_run(file, denied):
    text = rendered("site.conf.jinja")
    stored = "/srv/app/shared/storage/app/public"
    rule = f'RewriteCond "{stored}$1" -f\n    RewriteRule "^/storage(/.+)$" "{stored}$1" [L,'
    assert text.index(rule) < text.index("Only what is in public/")
    folder = text.partition(f"<Directory {stored}>")[2].partition("</Directory>")[0]
    # The application could put a link there.
    assert "Options None" in folder
    assert "SetHandler" not in folder
    found = re.search(r'<FilesMatch "(\S+)">\s+Require all denied', folder)
    assert bool(re.search(found[1], file)) is denied


def test_a_shared_folder_is_served_from_the_storage_before_the_release_is_looked_at():
    text = rendered("site.conf.jinja", shared=["up.loads"])
    stored = "/srv/app/shared/storage/app/public/up.loads"
    rule = f'RewriteCond "{stored}$1" -f\n    RewriteRule "^/up\\.loads(/.+)$" "{stored}$1" [L,'
    assert text.index(rule) < text.index("Only what is in public/")
    assert "up.loads" not in rendered("site.conf.jinja")


def test_a_further_application_has_its_names_logs_and_release_alone():
    declared = {"server_name": "shop.example.com", "server_aliases": ["www.shop.example.com"]}
    text = rendered("site.conf.jinja", "shop", declared, tls=TLS)
    assert text.count("ServerName shop.example.com\n    ServerAlias www.shop.example.com") == 2
    assert text.count("RewriteMap release txt:/etc/apache2/release-shop.map") == 2
    assert "proxy:unix:/run/php/laravel-shop.sock|fcgi://localhost" in text
    assert "laravel-shop-error.log" in text
    first = rendered("site.conf.jinja")
    assert not {"conduit", "/run/php.sock", "/release.map"} & {
        word for word in ("conduit", "/run/php.sock", "/release.map") if word in text
    }
    assert "ServerAlias" not in first
    assert "${APACHE_LOG_DIR}/conduit-access.log combined" in first


def test_a_drained_web_server_says_so_on_its_health_page_to_all_but_itself():
    text = rendered("site.conf.jinja", tls=TLS)
    rule = (
        f"RewriteCond {draining.MARK} -f\n"
        "    RewriteCond expr \"! -R '127.0.0.0/8'\"\n"
        '    RewriteRule "^/a\\.b/up$" - [R=404,L]'
    )
    # On either port, and before anything is served.
    assert text.count(rule) == 2
    assert text.index(rule) < text.index("Only what is in public/")

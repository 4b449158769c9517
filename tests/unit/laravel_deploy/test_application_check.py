"""What a further application cannot be, and what no two of a web server may share."""

from __future__ import annotations

import pytest
from laravel_deploy.application_check import check_apart, check_own
from salt.exceptions import SaltInvocationError

from tests.unit.laravel_deploy.test_applications import merged


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        ("source", None, "is missing; expected a folder such as salt://shop"),
        ("source", ["x"], "expected a folder"),
        ("server_name", None, "is missing; expected the host's name that clients ask for"),
        ("server_name", "shop.example.com\nInclude /x", "expected the host's name"),
        ("server_aliases", "www.example.com", "expected a list of hosts' names"),
        ("server_aliases", ["a b"], "expected a list"),
        ("directory", "srv/shop", "is 'srv/shop'; expected an absolute path such as /srv/shop"),
        ("directory", "/srv/../etc", "expected an absolute path"),
        ("directory", "/srv/a b", "expected an absolute path"),
        ("user", "root", "is 'root'; expected an account of the application's own"),
        ("user", "www-data", "expected an account of the application's own"),
        ("build_user", "www-data", "expected an account"),
        ("group", "a:b", "expected an account"),
        ("max_children", 2, "is '2'; expected 3 to 10000 processes, or null"),
        ("max_children", True, "expected 3 to 10000"),
    ],
)
def test_what_no_further_one_can_be_is_refused(key, value, right):
    check_own("shop", merged("shop"))
    with pytest.raises(SaltInvocationError) as refused:
        check_own("shop", merged("shop", **{key: value}))
    assert str(refused.value).startswith(f"pillar laravel:applications:shop:{key} is ")
    assert right in str(refused.value)


SHOP, BLOG = "laravel:applications:shop", "laravel:applications:blog"


@pytest.mark.parametrize(
    ("own", "refused"),
    [
        ({"directory": "/srv/shop"}, f"{BLOG}:directory is '/srv/shop'; expected a folder of its "
         f"own: {SHOP}:directory is /srv/shop"),
        ({"directory": "/srv/conduit/blog"}, "a folder of its own: laravel:directory is /srv/con"),
        ({"directory": "/srv"}, "a folder of its own: laravel:directory is /srv/conduit"),
        ({"server_name": "WEB.example.com"}, f"{BLOG}:server_name is 'web.example.com'; expected a "
         "name in virtual hosts of its own: apache:server_name is the same"),
        ({"server_name": "shop.example.com"}, f"{SHOP}:server_name is the same"),
        ({"server_aliases": ["a.example.com", "Shop.example.com"]}, f"{BLOG}:server_aliases is"),
        ({"user": "laravel-shop"}, f"a user of its own: {SHOP}:user is the same"),
        ({"user": "laravel-build"}, "a user of its own: laravel:build_user is the same"),
        ({"group": "laravel-shop"}, f"a group of its own: {SHOP}:group is the same"),
        ({"build_user": "laravel-build-shop"}, f"a user of its own: {SHOP}:build_user is"),
        ({"build_home": "/var/lib/laravel-build"}, "a folder of its own: laravel:build_home is"),
        ({"composer": {"home": "/etc/composer"}}, "a folder of its own: laravel:composer:home is"),
        ({"env": {"DB_DATABASE": "shop"}}, f"{BLOG}:env:DB_DATABASE is 'shop'; expected a database "
         f"at 10.0.0.5 of its own: {SHOP}:env:DB_DATABASE is the same"),
        ({"env": {"DB_USERNAME": "shop"}}, f"an account at 10.0.0.5 of its own: {SHOP}:env:DB_USE"),
        ({"schema_user": "shop_schema"}, f"of its own: {SHOP}:schema_user is the same"),
        ({"schema_user": "schema_change"}, "of its own: laravel:schema_user is the same"),
        ({"schema_user": "shop"}, f"of its own: {SHOP}:env:DB_USERNAME is the same"),
        ({"app_key_from": "laravel:secrets:app_key"}, "a key of its own: laravel:app_key_from is"),
        # Another server's are others.
        ({"env": {"DB_DATABASE": "shop", "DB_HOST": "10.9.9.9"}}, ""),
    ],
)  # fmt: skip
def test_what_one_alone_may_have_is_refused_to_another(own, refused):
    declared = [merged("laravel"), merged("shop"), merged("blog", **own)]
    if not refused:
        check_apart(declared, "web.example.com")
        return
    with pytest.raises(SaltInvocationError) as error:
        check_apart(declared, "web.example.com")
    assert refused in str(error.value)


def test_applications_that_share_nothing_are_taken():
    check_apart([merged(name) for name in ("laravel", "shop", "blog")], "web.example.com")
    # The first alone may be anything that it ever was.
    check_apart([merged("laravel")], "web.example.com")

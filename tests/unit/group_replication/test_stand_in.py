"""For which machines a run is, as tables; who stands in for whom is in test_reboot.py."""

from __future__ import annotations

import pytest
from group_replication import stand_in
from salt.exceptions import SaltInvocationError

from tests.unit.group_replication.test_reboot import site


@pytest.mark.parametrize(
    ("roles", "machines", "names", "words"),
    [
        ((), (), "db1 db2 db3", "member"),
        (["db"], (), "db1 db2 db3", "member"),
        (["web", "proxy"], (), "web1 web2 proxy1 proxy2", "balancers, web server"),
        (["proxy"], (), "proxy1 proxy2", "balancer"),
        ((), ["web2", "db1"], "web2 db1", "member"),
    ],
)
def test_a_run_is_for_roles_or_for_names(roles, machines, names, words):
    assert stand_in.chosen(site(), roles, machines) == names.split()
    assert stand_in.kinds(roles) == words


@pytest.mark.parametrize(
    ("roles", "machines", "sentence"),
    [
        (["mysql"], (), r"roles is \['mysql'\]; expected a list of db, proxy, web"),
        ("web", (), "roles is 'web'; expected a list of"),
        (["backup"], (), r"roles is \['backup'\]; expected a list of"),
        (["web"], ["db1"], "expected one of them alone"),
        ((), ["db9"], r"machines is \['db9'\]; expected a list of web1"),
        ((), ["master"], r"machines is \['master'\]; expected a list of web1"),
        ((), ["db1", "backup1"], "expected machines of role db, proxy, web, unlike backup1"),
    ],
)
def test_what_takes_no_turn_is_refused(roles, machines, sentence):
    with pytest.raises(SaltInvocationError, match=sentence):
        stand_in.chosen(site(), roles, machines)

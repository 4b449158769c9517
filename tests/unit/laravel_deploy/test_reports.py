"""What states report of an application."""

from __future__ import annotations

import pytest
from laravel_deploy.failures import awaiting_database
from laravel_deploy.reports import changed, failed
from salt.exceptions import CommandExecutionError
from state_report import unchanged


@pytest.mark.parametrize(("partial", "result"), [(False, False), (True, True)])
def test_a_database_may_be_awaited_until_the_next_run(partial, result):
    report = {**unchanged("/srv/app", ""), "changes": {"a": 1}}
    found = failed(report, awaiting_database("Not there."), partial)
    said = "Not there. The next run goes on from here." if partial else "Not there."
    assert (found["result"], found["comment"], found["changes"]) == (result, said, {})


def test_nothing_else_is_awaited():
    found = failed(unchanged("/srv/app", ""), CommandExecutionError("It broke."), partial=True)
    assert (found["result"], found["comment"]) == (False, "It broke.")


@pytest.mark.parametrize(("test", "said"), [(True, "would have been"), (False, "has been")])
def test_changes_are_those_of_a_test_or_made(test, said):
    found = changed(unchanged("/srv/app", ""), {"a": 1}, "x", test)
    assert (found["result"], found["comment"]) == (None if test else True, f"x {said}")
    assert found["changes"] == {"a": 1}

"""The pure parts of what is measured of a highstate with nothing to do."""

from __future__ import annotations

import jinja2
import pytest
import yaml

from bench import highstate


def result(number, real, floor, alone=1.0):
    return {
        "round": number,
        "began": "2026-01-01T00:00:00+00:00",
        "versions": {"salt": "3008.3"},
        "load": [1.0, 2.0],
        "seconds": {"highstate": real, "nop highstate": floor, "nop SLS": alone},
        "machines": {
            "db1": {"states": 2, "seconds": 0.5 * number, "slowest": {"a": 0.3 * number, "b": 0.1}}
        },
    }


def test_each_machine_has_as_many_nops_as_its_highstate_has_states():
    template = jinja2.Template(highstate.nop_sls({"db1": 3, "web": 48}))
    for name, count in (("db1", 3), ("web", 48)):
        states = yaml.safe_load(template.render(grains={"id": name}))
        assert len(states) == count
        assert all(one == {"test.nop": []} for one in states.values())


def test_the_time_stands_below_what_salt_printed():
    assert highstate.split('{"db1": {}}\n\n1500000000\n') == ({"db1": {}}, 1.5)


def test_the_longest_states_come_first():
    states = {
        "one": {"__id__": "a", "duration": 10},
        "two": {"__id__": "b", "duration": 1500.4},
        "three": {"__id__": "c", "duration": 20},
    }
    assert list(highstate.slowest(states, 2).items()) == [("b", 1.5), ("c", 0.02)]


@pytest.mark.parametrize(
    ("seconds", "expected"), [([(4, 2), (9, 3), (5, 2.5)], 2.0), ([(3, 3)], 1.0)]
)
def test_the_ratio_is_of_the_medians(seconds, expected):
    rounds = [result(number, *one) for number, one in enumerate(seconds, 1)]
    assert highstate.ratio(rounds) == expected


def test_the_tables_say_where_the_time_goes():
    text = highstate.table([result(1, 4, 2), result(2, 6, 2), result(3, 9, 2)])
    assert text.startswith("3 rounds, 2026-01-01; salt 3008.3; load average 1.0 / 1.5 / 2.0")
    assert "| highstate | 4.0 | 6.0 | 9.0 |" in text
    assert "The ratio of medians of the first two is 3.00; the limit is 2." in text
    assert "| db1 | 2 | 1.00 | a 0.60, b 0.10 |" in text

"""What HAProxy says of a configuration is told in terms of the real file."""

from __future__ import annotations

import pytest
from haproxy_config.judge import variables
from salt.exceptions import CommandExecutionError

from tests.unit.haproxy import SECRET

WARNING = """[WARNING]  (176) : missing timeouts for proxy 's' in FILE.
   | While not properly invalid, you will certainly encounter
   | various problems.
Warnings were found.
"""


def test_warnings_are_told_and_do_not_stop(machine, name):
    machine.answer = {"retcode": 0, "stdout": WARNING, "stderr": ""}
    result = machine.write(name)
    assert result["warnings"] == [
        f"missing timeouts for proxy 's' in {name}. While not properly invalid, you will certainly "
        "encounter various problems."
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"retcode": None, "stdout": "Timed out", "stderr": ""}, "did not answer within 30 s"),
        ({"retcode": -11, "stdout": "", "stderr": SECRET}, "ended with -11 and gave no reason"),
    ],
)
def test_a_judge_without_words_is_told_as_such(machine, name, answer, words):
    machine.answer = answer
    with pytest.raises(CommandExecutionError) as caught:
        machine.plan(name)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_configuration_is_judged_with_the_variables_of_the_unit(tmp_path):
    first, second = tmp_path / "default", tmp_path / "sysconfig"
    first.write_text(
        '# A comment=1\n;another=2\nCONFIG="/etc/haproxy/haproxy.cfg"\nMAX=500\n'
        "  EXTRAOPTS='-S /run/haproxy-master.sock'\nno variable\nexport WRONG=1\nEMPTY=\n"
    )
    second.write_text("MAX=900\n")
    assert variables([str(first), str(tmp_path / "missing"), str(second)]) == {
        "CONFIG": "/etc/haproxy/haproxy.cfg",
        "MAX": "900",
        "EXTRAOPTS": "-S /run/haproxy-master.sock",
        "EMPTY": "",
    }


def test_haproxy_is_given_them(machine, name, monkeypatch):
    monkeypatch.setattr("haproxy_config.judge.variables", lambda paths: {"MAX": "500"})
    machine.write(name)
    assert machine.variables == {"MAX": "500"}

"""What every command promises about help, unknown words and streams."""
import re

import pytest

from test_serve import built_with_it

def commands(okse):
    out = okse("--help", status=0).out
    block = out.split("Commands:\n")[1].split("\n\n")[0]
    return [re.split(r"  +", line.strip())[0] for line in block.splitlines() if line.strip()]


def test_version_on_stdout(okse):
    result = okse("--version", status=0)
    assert re.fullmatch(r"okse \d+\.\d+\.\d+\n", result.out) and result.err == ""


def test_unknown_command_names_the_nearest(okse):
    result = okse("biuld", status=2)
    assert result.out == "" and "did you mean 'build'?" in result.err


def test_every_command_has_help_and_refuses_unknown_options(okse):
    for command in commands(okse):
        helped = okse(*command.split(), "--help", status=0)
        assert helped.err == "" and helped.out.startswith(f"Usage: okse {command}")
        assert max(map(len, helped.out.splitlines())) <= 120
        refused = okse(*command.split(), "--no-such-option", status=2)
        assert refused.out == "" and "--no-such-option" in refused.err


def test_a_build_without_serving_refuses_the_command_and_not_its_options(okse):
    if built_with_it():
        pytest.skip("okse serve is in this build (-Dserve=disabled leaves it out)")
    for words in (("--trust", "trust.yaml", "--listen", "127.0.0.1:0"), ("--unverified", "--log"), ()):
        refused = okse("serve", "civic.okse", *words, status=3)
        assert refused.out == "" and "built without libmicrohttpd" in refused.err

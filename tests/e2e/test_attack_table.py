"""docs/attacks.md names a test for each attack, and each of them exists."""
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent


def test_every_attack_has_a_test_that_exists():
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \| (.*) \|$", (HERE.parents[1] / "docs/attacks.md").read_text(), re.M)
    assert {int(number) for number, _, _ in rows} == set(range(1, 39))
    for number, verdict, tests in rows:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", tests)
        assert named and verdict in ("R", "I", "yes", "I / R", "yes / R"), number
        for file, name in named:
            assert re.search(rf"^def {name}\(", (HERE / file).read_text(), re.M), f"attack {number}: {file}::{name} is gone"


def test_every_numbered_test_is_in_the_table():
    text = (HERE.parents[1] / "docs/attacks.md").read_text()
    for name in re.findall(r"^def (test_\d\d_\w+)\(", (HERE / "test_attacks.py").read_text(), re.M):
        assert name in text

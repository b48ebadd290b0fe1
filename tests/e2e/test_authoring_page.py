"""docs/policy-authoring.md as a newcomer reads it: every command on the page works as it is printed, and a slip is told where it is."""
import re
import shlex
import shutil

import pytest
import yaml

import law_facts as lf
from conftest import ROOT

PAGE = (ROOT / "docs/policy-authoring.md").read_text()
COMMANDS = [re.sub(r"\s+#.*", "", line.strip()) for line in PAGE.splitlines() if line.startswith("    okse ")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    directory = tmp_path_factory.mktemp("desk")
    shutil.copytree(ROOT / "manifests", directory / "manifests")
    lf.write(directory, lf.facts())
    pack = directory / "manifests/pack.yaml"
    pack.write_text(pack.read_text() + "\nvendor: {name: Law Institute, country: KR}\n")
    return directory


def test_every_command_works_as_printed(okse, desk):
    okse.directory = desk
    okse("key", "new", "--type", "ed25519", "-o", "institute.pem", status=0)
    assert len(COMMANDS) >= 10
    for command in COMMANDS:
        words = shlex.split(command)[1:]
        found = okse(*words)
        assert found.status in ((0, 1, 4) if words[0] == "audit" else (0,)), f"{command}\n{found!r}"


def test_every_control_and_provision_on_the_page_exists(okse):
    law = yaml.safe_load((ROOT / "manifests/jurisdictions/vn.yaml").read_text())
    sa = yaml.safe_load((ROOT / "manifests/jurisdictions/sa.yaml").read_text())
    there = {p["id"]: p for p in law["provisions"] + sa["provisions"]}
    named = set(re.findall(r"\b(?:vn|sa)-p[0-9]+b?\b", PAGE))
    assert named and named <= set(there)
    numbers = re.search(r"Vietnam has (\d+) instruments and (\d+) provisions; (\w+) questions", PAGE)
    assert (int(numbers[1]), int(numbers[2]), numbers[3]) == (len(law["instruments"]), len(law["provisions"]), {7: "seven"}[len(law["uncertain"])])
    assert "allow_declared" not in str([m for m in there["sa-p13"]["controls"]]) and "allow_declared" in str(there["vn-p01"]["controls"])
    for control in re.findall(r"`([a-z_]+\.[a-z_]+)`", PAGE):
        assert (ROOT / f"manifests/controls/{control}.yaml").exists() or control in ("vn.yaml", "pack.yaml", "facts.json"), control


@pytest.mark.parametrize("old, new, told", [
    ("control: incident.hours", "control: incident.hour", "no control 'incident.hour' (did you mean 'incident.hours'?)"),
    ("hours_max: 72", "hour_max: 72", "hour_max"),
    ("field: authority_hours", "field: 7", "field"),
    ("    vi: Thông báo vi phạm trong 72 giờ\n", "", "title is not translated to 'vi'"),
    ("  instrument: vn-qd20\n", "  instrument: vn-qd02\n", "provision vn-p10: no instrument 'vn-qd02'"),
    ("data: [core-data]", "data: [core-date]", "unknown data class 'core-date' (did you mean 'core-data'?)"),
])
def test_a_slip_in_one_file_is_told_by_its_line(okse, desk, tmp_path, old, new, told):
    text = (ROOT / "manifests/jurisdictions/vn.yaml").read_text()
    assert old in text
    (tmp_path / "vn.yaml").write_text(text.replace(old, new, 1))
    issues = okse("policy", "lint", "vn.yaml", "--json", status=1).json["issues"]
    assert any(re.match(r"vn.yaml:\d+:\d+: ", issue) and told in issue for issue in issues), issues

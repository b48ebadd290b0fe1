"""Where the law differs, so does the answer: one change of an example, asked in three countries. What is expected of each provision is a number of
its article, read from the policy facts that the law files were written from; the table below says the same for people."""
import pathlib

import pytest
import yaml

from test_examples import build, place

FACTS = pathlib.Path(__file__).resolve().parents[3] / "shared/policy-facts"
COUNTRIES = ("VN", "KR", "SA")

# example: (its sector, the change, control, the field of the paper, the number, then per country: provision → (article, what the fact is called, does it forbid the number))
TABLE = {
    "officials' logs for 200 days": ("exaone-gpu", "retention.days_min", "retention.yaml", "log_days", 200, {
        "VN": {"vn-p17": ("graded security measures", "log_retention_days_min", False)},  # Decree 85/2016 and its circular: 90 days
        "KR": {"kr-p09": ("Art. 8(1)", "log_retention_days_min", True)},  # safeguards standard: 365 days
        "SA": {"sa-p14": ("2-12 (event logs and monitoring)", "log_retention_days_min", True)}}),  # ECC for government bodies: 365 days
    "a telecom operator's records for 500 days": ("call-assistant", "retention.days_min", "retention.yaml", "record_days", 500, {
        "VN": {"vn-p16": ("Arts. 26-27", "record_retention_days_min", True)},  # Decree 53/2022: 24 months
        "KR": {}, "SA": {"sa-p07": ("Art. 31; Implementing Regulation Art. 33", "record_retention_days_min", True)}}),  # Personal Data Protection Law: five years
    "a search service tells the authority of an intrusion after 48 hours": ("agent-search", "incident.hours", "incident-plan.yaml", "cybersecurity_hours", 48, {
        "VN": {}, "KR": {"kr-p27": ("Art. 48-3; Decree Art. 58-2", "incident_authority_hours", True)},  # Network Act: 24 hours
        "SA": {}}),
    "a breach is told to the authority after 80 hours": ("exaone-friendli", "incident.hours", "incident-plan.yaml", "authority_hours", 80, {
        "VN": {"vn-p06": ("Art. 23", "breach_authority_hours", True)}, "KR": {"kr-p13": ("Art. 34(4); Decree Art. 40", "breach_authority_hours", True)},
        "SA": {"sa-p06": ("Art. 20; Implementing Regulation Art. 24", "breach_authority_hours", True)}}),
}
# what a foreign vendor of digital services needs in one country and not in the others; the number is whether there is a paper
REPRESENTATIVE = {"VN": {"vn-p13": "Art. 25(3)"}, "KR": {}, "SA": {}}


def facts(iso):
    path = FACTS / f"{iso.lower()}.yaml"
    if not path.exists():
        pytest.skip("the policy facts are not here")
    return {provision["id"]: provision for provision in yaml.safe_load(path.read_text())["provisions"]}


def failed(okse, directory, iso, control):
    told = build(okse, directory, iso, "--gate", "warn", "--at", "2026-10-01").json
    return {row["provision"] for row in told["preflight"]["failed"] if row["control"] == control and not row["provision"].startswith("shp-")}


@pytest.mark.parametrize("what", TABLE)
def test_the_same_change_is_judged_as_each_law_says(okse, tmp_path, what):
    name, control, paper, field, number, rows = TABLE[what]
    answers = {}
    for iso in COUNTRIES:
        known = facts(iso)
        place(okse, tmp_path / iso, name, iso)
        file = tmp_path / iso / "compliance" / paper
        lines = [f"  {field}: {number}" if line.strip().startswith(f"{field}:") else line for line in file.read_text().splitlines()]
        file.write_text("\n".join(lines) + "\n")
        answers[iso] = failed(okse, tmp_path / iso, iso, control)
        for provision, (article, fact, forbidden) in rows[iso].items():
            limit = known[provision]["parameters"][fact]
            limit = limit["default"] if isinstance(limit, dict) else limit
            assert known[provision]["article"] == article
            assert forbidden == (number > limit if "hours" in fact else number < limit), (provision, limit)
        assert answers[iso] == {provision for provision, row in rows[iso].items() if row[2]}, (iso, answers)
    if what != "a breach is told to the authority after 80 hours":  # where all three say 72
        assert len({frozenset(answer) for answer in answers.values()}) > 1


def test_one_country_asks_a_foreign_vendor_for_a_representative(okse, tmp_path):
    answers = {}
    for iso in COUNTRIES:
        known = facts(iso)
        place(okse, tmp_path / iso, "call-assistant", iso)
        (tmp_path / iso / "compliance/local-representative.yaml").unlink()
        answers[iso] = failed(okse, tmp_path / iso, iso, "documents.foreign_vendor")
        assert all(known[provision]["article"] == article for provision, article in REPRESENTATIVE[iso].items())
        assert answers[iso] == set(REPRESENTATIVE[iso]), (iso, answers)

"""okse policy matrix: from rows of transfers to what may go where. Countries are made up; the rules are the format's."""
import pytest
import own_law as ol

MECHANISM = {"name": {"en": "Standard clauses"}, "basis": "Art. 9"}


def row(provision, data, mode, confidence="high", **more):
    return {"provision": provision, "data": data, "mode": mode, "confidence": confidence, **more}


HOME = ol.country(
    "XA", ol.provision("p1"), ol.provision("p2"), ol.provision("p3", effective="2027-01-01"), ol.provision("p4", until="2026-06-01"),
    head={"inherits": ["XB"]},
    transfers=[row("p1", ["personal"], "declared-ground", mechanisms=[MECHANISM]),
               row("p2", ["personal"], "free", to=["XC", "XD"], confidence="low"),
               row("p2", ["personal"], "filed-assessment", to=["XD"]),
               row("p2", ["personal"], "free", to=["XE"], recipients={"XE": {"en": "those on the list"}}),
               row("p1", ["health"], "prohibited", to=["XC"]),
               row("p1", ["personal"], "authority-decision", sectors=["government"]),
               row("p3", ["personal"], "prohibited"), row("p4", ["personal"], "prohibited")])
BLOC = ol.country("XB", ol.provision("b1"), head={"members": ["XA", "XF"]}, transfers=[row("b1", ["financial"], "prohibited", to=["XC"])])
OTHERS = [ol.country(iso, ol.provision("o1")) for iso in ("XC", "XD", "XE")] + [ol.country("XF", ol.provision("o1"), head={"inherits": ["XB"]})]


@pytest.fixture
def cells(okse, tmp_path):
    manifests = ol.manifests(tmp_path, HOME, BLOC, *OTHERS)

    def ask(*words):
        value = okse("policy", "matrix", "--manifests", manifests, "--at", "2026-11-23", "--json", *words, status=0).json
        assert value["schema"] == "okse.policy.matrix.v1" and value["at"] == "2026-11-23T00:00:00Z"
        return {(c["from"], c["to"], c["data"], c["sector"]): c for c in value["cells"]}

    return ask


def test_a_row_with_to_wins_and_the_strictest_of_equals(cells):
    found = {k[1]: c for k, c in cells("--country", "xa", "--data", "personal").items() if k[3] is None}
    assert {to: c["mode"] for to, c in found.items()} == {"XC": "free", "XD": "filed-assessment", "XE": "free", "XF": "declared-ground"}
    assert found["XC"]["provision"] == "p2" and found["XC"]["confidence"] == "low" and found["XC"]["article"] == "Art. p2"
    assert found["XF"]["mechanisms"] == [MECHANISM] and found["XF"]["jurisdiction"] == "XA"


def test_recipients_and_everybody_else_there(cells):
    cell = cells("--country", "XA", "--to", "XE", "--data", "personal")[("XA", "XE", "personal", None)]
    assert cell["recipients"] == {"en": "those on the list"}
    assert cell["otherwise"]["mode"] == "declared-ground" and cell["otherwise"]["provision"] == "p1"


def test_what_data_is_at_once_adds_up(cells):
    """Health data is personal data: to XC the rule of health decides, to XF that of personal data."""
    found = cells("--country", "XA", "--data", "health")
    assert found[("XA", "XC", "health", None)]["mode"] == "prohibited"
    assert found[("XA", "XF", "health", None)]["mode"] == "declared-ground"


def test_a_sector_has_a_cell_where_it_is_bound_more(cells):
    found = cells("--country", "XA", "--data", "personal")
    assert found[("XA", "XC", "personal", "government")]["mode"] == "authority-decision"
    assert ("XA", "XC", "personal", "health") not in found


def test_the_bloc_binds_its_members_and_no_row_is_no_freedom(cells):
    found = cells("--country", "XA", "--country", "XF", "--data", "financial")
    assert found[("XF", "XC", "financial", None)]["mode"] == "prohibited"
    assert found[("XF", "XC", "financial", None)]["jurisdiction"] == "XB"
    assert found[("XF", "XD", "financial", None)] == {"from": "XF", "to": "XD", "data": "financial", "sector": None, "mode": None}
    assert all(k[0] in ("XA", "XF") for k in found)


def test_a_bloc_as_destination_is_its_members(cells):
    assert {k[1] for k in cells("--country", "XC", "--to", "XB")} == {"XA", "XF"}


def test_the_day_decides_which_rows_there_are(okse, tmp_path):
    manifests = ol.manifests(tmp_path, HOME, BLOC, *OTHERS)
    modes = {at: okse("policy", "matrix", "--manifests", manifests, "--country", "XA", "--to", "XF", "--data", "personal", "--at", at, "--json").json["cells"][0]["mode"]
             for at in ("2026-05-31", "2026-11-23", "2027-01-01")}
    assert modes == {"2026-05-31": "prohibited", "2026-11-23": "declared-ground", "2027-01-01": "prohibited"}


def test_the_text_puts_equal_destinations_together(okse, tmp_path):
    manifests = ol.manifests(tmp_path, HOME, BLOC, *OTHERS)
    out = okse("policy", "matrix", "--manifests", manifests, "--at", "2026-11-23", "--data", "personal", "--country", "XC", "--country", "XA", status=0).out
    assert "XC\n  personal\n    no rule recorded\n    → XA XD XE XF\n" in out
    assert "free, only to those on the list" in out and "others there: declared-ground (p1)" in out
    assert "declared-ground: Standard clauses (Art. 9)\n    says p1, Art. p1; confidence high\n    → XF\n" in out
    assert "confidence low: a lawyer must check\n    → XC\n" in out


@pytest.mark.parametrize("words, message", [
    (["--country", "QQ"], "no law for the country 'QQ'"), (["--to", "QQ"], "--to: 'QQ' is not in manifests/countries.yaml"),
    (["--data", "secrets"], "--data: 'secrets' is not in manifests/data-classes.yaml"), (["--at", "soon"], "--at: 'soon' is no date")])
def test_wrong_words_are_refused(okse, words, message):
    assert message in okse("policy", "matrix", *words, status=2).err

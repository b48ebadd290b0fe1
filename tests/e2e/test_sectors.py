"""Who runs a target decides which sector's law applies: one word or several of manifests/sectors.yaml."""
import law_facts
from stacks import build, simple, write


def applying(okse, tmp_path, country, sector):
    """The provisions of which something was asked."""
    value = law_facts.facts(("install",), compliance={"data_classes": ["personal", "financial"], "sector": sector, "flows": []})
    told = okse("audit", "--evidence", law_facts.write(tmp_path, value), "--country", country, "--at", "2026-06-01", "--json").json
    return {f["provision"] for f in told["findings"] if f["status"] != "not-applicable"}


def test_a_bank_in_a_free_zone_is_under_the_law_of_both(okse, tmp_path):
    for sector, expected in (("finance", {"sa-p21"}), ("digital-services", {"sa-p20"}), (["finance", "digital-services"], {"sa-p20", "sa-p21"})):
        assert applying(okse, tmp_path, "SA", sector) & {"sa-p20", "sa-p21"} == expected, sector


def test_who_is_no_public_body_is_a_private_one(okse, tmp_path):
    """Brunei's Order binds private organisations; a bank need not say that it is one."""
    for sector, applies in (("finance", True), ("government", False), (["government", "finance"], False), ("dubai-government", False)):
        assert ("bn-p02" in applying(okse, tmp_path, "BN", sector)) == applies, sector


def sectors(directory, words):
    write(directory / "data/x", "x")
    stack = simple(directory)
    stack.write_text(stack.read_text() + f"compliance: {{data_classes: [personal], sector: {words}}}\n")
    return stack


def test_a_stack_names_one_sector_or_several(okse, tmp_path):
    for name, words, expected in (("one", "finance", "finance"), ("two", "[finance, free-zone-difc]", ["finance", "free-zone-difc"])):
        bundle = build(okse, sectors(tmp_path / name, words), tmp_path / f"{name}.okse")
        assert bundle.config("stack")["compliance"]["sector"] == expected


def test_a_sector_that_nobody_knows_is_refused_with_the_nearest(okse, tmp_path):
    done = okse("build", sectors(tmp_path, "[finance, goverment]"), "--country", "VN", "-o", tmp_path / "x.okse", "--unsigned", status=2)
    assert "stack.yaml:" in done.err and "unknown sector 'goverment' (did you mean 'government'?)" in done.err
    assert not (tmp_path / "x.okse").exists()

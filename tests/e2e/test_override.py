"""A lower sequence is accepted only by a signed order that names this bundle, this step back, a reason and an end."""
import json
import shutil

import pytest

import signing
from stacks import HEAD, write
from test_trust import reasons

LATER = "2099-01-01"


class Place:
    """Releases 14 and 15 of one stack, signed by the vendor; 15 is installed."""

    def __init__(self, okse):
        self.okse, self.directory = okse, okse.directory
        self.vendor, self.operator, self.stranger = (signing.Key(okse.directory, name) for name in ("vendor", "operator", "stranger"))
        for sequence in (13, 14, 15):
            self.build(sequence)
        self.policy()
        self.install(15, status=0)

    def build(self, sequence, data=b"x", name=None):
        write(self.directory / "conf/a", data + b"%d" % sequence)
        (self.directory / "stack.yaml").write_text(HEAD.replace("sequence: 14", f"sequence: {sequence}").replace("1.4.0", f"1.{sequence}.0") +
                                                   "  - {name: conf, kind: infra, source: {path: conf}}\n")
        self.okse("build", "stack.yaml", "--country", "VN", "-o", name or f"{sequence}.okse", "--key", self.vendor.path, status=0)

    def policy(self, override="override: {signers: [{key: operator.pub}]}\n", more=""):
        (self.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  vendor: {signers: [{key: vendor.pub}]}\n" + override + more)

    def order(self, sequence=14, key=None, start=15, reason="15 loses requests", expires=LATER, status=0, env=None):
        return self.okse("sign", f"{sequence}.okse", "--key", (key or self.operator).path, "--rollback-from", start, "--reason", reason,
                         "--expires", expires, status=status, env=env)

    def install(self, sequence, status=None):
        return self.okse("install", f"{sequence}.okse", "--root", "target", "--trust", "trust.yaml", "--json", status=status)

    def refused(self, sequence=14, word="rolled back"):
        told = reasons(self.install(sequence, status=1).json["verification"])
        assert word in told and (self.directory / "target/current").resolve().name.startswith("15-")
        return told


@pytest.fixture
def place(okse):
    return Place(okse)


def test_an_order_lets_it_go_back_and_is_kept(place):
    assert "names nobody" not in place.refused() and "--rollback-from" in place.refused()
    place.order()
    verdict = place.okse("verify", "14.okse", "--trust", "trust.yaml", "--state", "target", "--json", status=0).json
    assert [s["role"] for s in verdict["signatures"] if s["status"] == "valid"] == ["vendor", "override"]
    assert place.install(14, status=0).json["status"] == "installed"
    assert (place.directory / "target/current").resolve().name.startswith("14-")
    record = json.loads((place.directory / "target/current/.okse/generation.json").read_text())
    assert any("15 loses requests" in note and "operator.pub" in note for note in record["verification"]["notes"])
    assert json.loads((place.directory / "target/seen.json").read_text())["stacks"]["civic"]["sequence"] == 15, "the memory does not go back"
    place.okse("status", "--root", "target", status=0)
    place.install(15, status=0)
    assert (place.directory / "target/current").resolve().name.startswith("15-")


def test_nobody_may_where_the_policy_names_nobody(place):
    place.policy(override="")
    place.order()
    assert "names nobody who may override" in place.refused()
    assert "never accepted" in place.okse("trust", "show", "trust.yaml", status=0).out


@pytest.mark.parametrize("how", ["vendor", "stranger"])
def test_another_signer_orders_nothing(place, how):
    place.order(key=getattr(place, how))
    place.refused()


def test_an_order_holds_for_its_step_only(place):
    """Made when 15 was the highest; after 16 it is no order any more. One from 16 orders nothing where 15 is."""
    place.order(start=16)
    place.refused()
    place.order()
    place.build(16)
    place.install(16, status=0)
    told = place.install(14, status=0).json  # the first order is from 16
    assert told["status"] == "installed"
    place.build(17)
    place.install(17, status=0)
    assert "rolled back" in reasons(place.install(14, status=1).json["verification"])


def test_an_order_is_for_one_bundle(place):
    """Its statement, moved into another bundle, is about another identity."""
    place.order()
    place.refused(13)
    shutil.copy(place.directory / "14.okse", place.directory / "kept.okse")
    place.build(14, data=b"other")
    place.refused(14)


def test_an_order_ends(place):
    place.order(expires="2026-01-02", env={"SOURCE_DATE_EPOCH": "1767225600"})
    assert "expired on 2026-01-02" in place.refused()


def test_a_threshold_counts_distinct_signers(place):
    place.policy(override="override: {threshold: 2, signers: [{key: operator.pub}, {key: stranger.pub}]}\n")
    place.order()
    place.order(reason="again")
    place.refused()
    place.order(key=place.stranger)
    place.install(14, status=0)


def test_an_order_counts_for_no_role(place):
    """The operator's order is no operator's signature."""
    place.policy(more="  operator: {signers: [{key: operator.pub}]}\n", override="")
    (place.directory / "trust.yaml").write_text("okse: trust/v1\nroles:\n  operator: {signers: [{key: operator.pub}]}\n"
                                                "override: {signers: [{key: operator.pub}]}\n")
    place.order()
    verdict = place.okse("verify", "14.okse", "--trust", "trust.yaml", "--json", status=1).json
    assert "role 'operator': 0 of 1" in reasons(verdict)


def test_minimum_and_equivocation_cannot_be_overridden(place):
    place.order()
    place.policy(more="minimum_sequence: {civic: 15}\n")
    place.refused(word="below the policy's minimum")
    place.policy()
    place.build(15, data=b"another", name="twin.okse")
    told = place.okse("install", "twin.okse", "--root", "target", "--trust", "trust.yaml", "--json", status=1).json
    assert "equivocation" in reasons(told["verification"])


def test_an_order_that_nothing_needs_is_ignored(place):
    place.order()
    verdict = place.okse("verify", "14.okse", "--trust", "trust.yaml", "--json", status=0).json
    assert {s["role"]: s["status"] for s in verdict["signatures"] if s["role"]} == {"vendor": "valid", "override": "ignored"}


@pytest.mark.parametrize("words, word", [
    (["--rollback-from", "15"], "--reason TEXT and --expires"),
    (["--rollback-from", "15", "--reason", "x"], "--expires"),
    (["--rollback-from", "x", "--reason", "x", "--expires", LATER], "a sequence"),
    (["--rollback-from", "14", "--reason", "x", "--expires", LATER], "nothing to go back from"),
    (["--rollback-from", "15", "--reason", "x", "--expires", LATER, "--role", "vendor"], "leave out --role"),
    (["--reason", "x"], "belongs to"),
])
def test_orders_that_are_not_made(place, words, word):
    before = (place.directory / "14.okse").read_bytes()
    assert word in place.okse("sign", "14.okse", "--key", place.operator.path, *words, status=2).err
    assert (place.directory / "14.okse").read_bytes() == before


@pytest.mark.parametrize("change", [{"expires": None}, {"rollbackFrom": 3}, {"rollbackFrom": "15"}, {"reason": ""}, {"more": 1}])
def test_orders_that_are_malformed(okse, change):
    """Signed by the right key, and still no order."""
    from test_trust import Site
    site = Site(okse, okse.directory)
    vendor, operator = site.key("vendor"), site.key("operator")
    trust = site.trust({"vendor": vendor}, override={"signers": [{"key": "operator.pub"}]})
    predicate = signing.release(site.identity, role="override", expires="2099-01-01T00:00:00Z", rollbackFrom=15, reason="r")
    good = signing.statement(site.identity, predicate, predicateType="urn:okse:override:v1")
    site.forge(signing.signed(vendor, signing.statement(site.identity)), signing.signed(operator, good))
    site.verify(trust, status=0)
    for key, value in change.items():
        predicate.pop(key, None)
        if value is not None:
            predicate[key] = value
    site.forge(signing.signed(vendor, signing.statement(site.identity)), signing.signed(operator, good))
    site.verify(trust, status=2)

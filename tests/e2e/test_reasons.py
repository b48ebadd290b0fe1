"""Every reason at once: what `verify` says of a bundle with several faults, one line of a matrix for each, and that a
person is told. The whole matrix holds without a network too."""
import json
import os
import shutil
import subprocess
import time
import pytest
import signing
import small_bundle
from test_attacks import chain_bundle, stamped_bundle
from test_trust import site  # noqa: F401 (fixture)

TODAY = time.time()


def day(days, form="%Y-%m-%dT%H:%M:%SZ"):
    """So many days from today: the authorities of the tests begin today, whenever that is."""
    return time.strftime(form, time.gmtime(TODAY + days * 86400))


def der_day(days):
    return day(days, "%Y%m%d%H%M%SZ")


NOW = day(38)


@pytest.fixture
def hall(site, tmp_path):
    """A site whose policy wants a vendor by certificate and two of the ministry's keys, with timestamps and a CRL."""
    site.authority = signing.Authority(tmp_path, "Lists")
    site.tsa = signing.TimestampAuthority(site.directory, site.authority)
    site.leaf = site.key("leaf", "P-256")
    site.certificate = site.authority.issue(site.leaf, "/CN=Leaf")
    site.ministers = [site.key("one"), site.key("two")]
    site.state = site.directory / "state"
    site.authority.crl(site.directory / "list.crl", "-crl_lastupdate", der_day(7), "-crl_nextupdate", der_day(7000))
    return site


def policy(hall, crl="list.crl", **more):
    lists = {"crls": [{"file": crl, "max_age": "60d"}]} if crl else {}
    return hall.trust({"vendor": [1, {"subject": "CN=Leaf"}], "ministry": [2, *hall.ministers]}, roots=["Lists/ca.crt"],
                      timestamp_roots=["Lists/ca.crt"], **lists, **more)


def vendor(hall, certificate=None, stamp=False, **predicate):
    if stamp:
        return stamped_bundle(hall, hall.leaf, certificate or hall.certificate, hall.authority, hall.tsa)[0]
    return chain_bundle(hall, hall.leaf, certificate or hall.certificate, **predicate)


def ministry(hall, number, **predicate):
    release = signing.release(hall.identity, role="ministry", **predicate)
    return signing.signed(hall.ministers[number], signing.statement(hall.identity, release))


def both(hall, **predicate):
    return [ministry(hall, 0, **predicate), ministry(hall, 1, **predicate)]


def short(hall):
    """A certificate of the leaf's key that has expired by NOW, and holds while the test runs."""
    return hall.authority.issue(hall.leaf, "/CN=Leaf", end=der_day(37), path=hall.directory / "short.crt")


def seen(hall, **stack):
    """What the target installed before, by verifying it; the bundle in question is made again behind it."""
    small_bundle.make(hall.bundle, **stack)
    hall.sign(hall.ministers[0])
    trust = hall.trust({"vendor": hall.ministers[0]}, "before.yaml")
    hall.verify(trust, "--state", hall.state, status=0)


# Each case prepares a site and gives (statements, policy, words of verify); then the words of each reason, none for yes.

def good(hall):
    return [vendor(hall), *both(hall)], policy(hall), []


def one_role_missing(hall):
    return [vendor(hall)], policy(hall), []


def threshold_not_reached(hall):
    return [vendor(hall), ministry(hall, 0)], policy(hall), []


def expired_certificate(hall):
    return [vendor(hall, short(hall)), *both(hall)], policy(hall), []


def expired_certificate_with_timestamp(hall):
    return [vendor(hall, short(hall), stamp=True), *both(hall)], policy(hall), []


def revoked_before_the_timestamp(hall):
    hall.authority.revoke(hall.certificate)
    time.sleep(1.1)
    hall.authority.crl(hall.directory / "list.crl", "-crl_nextupdate", der_day(7000))
    return [vendor(hall, stamp=True), *both(hall)], policy(hall), []


def revoked_after_the_timestamp(hall):
    statement = vendor(hall, stamp=True)
    time.sleep(1.1)
    hall.authority.revoke(hall.certificate)
    hall.authority.crl(hall.directory / "list.crl", "-crl_nextupdate", der_day(7000))
    return [statement, *both(hall)], policy(hall), []


def stale_crl(hall):
    hall.authority.crl(hall.directory / "list.crl", "-crl_lastupdate", der_day(-327), "-crl_nextupdate", der_day(7000))
    return good(hall)


def missing_crl(hall):
    other = signing.Authority(hall.directory, "Elsewhere")
    other.crl(hall.directory / "elsewhere.crl", "-crl_lastupdate", der_day(7), "-crl_nextupdate", der_day(7000))
    return [vendor(hall), *both(hall)], policy(hall, "elsewhere.crl"), []


def badly_signed_crl(hall):
    raw = bytearray(signing.openssl("crl", "-in", hall.directory / "list.crl", "-outform", "DER"))
    raw[-4] ^= 1
    (hall.directory / "list.crl").write_bytes(raw)
    return good(hall)


def lower_sequence(hall):
    seen(hall, sequence=13, version="1.1.0")
    return [vendor(hall), *both(hall)], policy(hall), ["--state", hall.state]


def equal_sequence(hall):
    seen(hall, version="1.0.1")
    return [vendor(hall), *both(hall)], policy(hall), ["--state", hall.state]


def expired_statement(hall):
    return [vendor(hall, expires=day(37)), *both(hall)], policy(hall), []


def future_statement(hall):
    return [vendor(hall, notBefore="2090-01-01T00:00:00Z"), *both(hall)], policy(hall), []


def clock_behind(hall):
    os.makedirs(hall.state, exist_ok=True)
    seen(hall, sequence=11, version="0.9.0")
    return [vendor(hall), *both(hall)], policy(hall), ["--state", hall.state, "--at", day(-176)]


def all_at_once(hall):
    """Expired certificate, a statement too few of another role, that one expired too, and a step back."""
    seen(hall, sequence=13, version="1.1.0")
    return ([vendor(hall, short(hall)), ministry(hall, 0, expires=day(37)), ministry(hall, 1)], policy(hall),
            ["--state", hall.state, "--expect", "0" * 64, "--country", "SA"])


CASES = {
    good: [],
    one_role_missing: ["role 'ministry': 0 of 2"],
    threshold_not_reached: ["role 'ministry': 1 of 2"],
    expired_certificate: [f"expired on {day(37)[:10]}", "role 'vendor': 0 of 1"],
    expired_certificate_with_timestamp: [],
    revoked_before_the_timestamp: ["was revoked on", "role 'vendor': 0 of 1"],
    revoked_after_the_timestamp: [],
    stale_crl: ["is stale"],
    missing_crl: ["no authority of the trust policy", "has no CRL of"],
    badly_signed_crl: ["not signed by the authority it names"],
    lower_sequence: ["rolled back"],
    equal_sequence: ["equivocation"],
    expired_statement: [f"expired on {day(37)[:10]}", "role 'vendor': 0 of 1"],
    future_statement: ["from the future", "role 'vendor': 0 of 1"],
    clock_behind: ["clock is behind"],
    all_at_once: [f"expired on {day(37)[:10]}", "role 'vendor': 0 of 1", "role 'ministry': 1 of 2", "rolled back", "expected was",
                  "destination VN"],
}


def without_network(hall, words):
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare for an empty network namespace")
    return subprocess.run(["unshare", "-n", hall.okse.binary, *map(str, words)], capture_output=True, text=True,
                          env=hall.okse.environment)


def prepared(hall, case):
    statements, trust, words = case(hall)
    hall.forge(*statements)
    if "--at" not in words:
        words = [*words, "--at", NOW]
    return ["verify", hall.bundle, "--trust", trust, *words]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_every_reason_is_listed(hall, case):
    words, expected = prepared(hall, case), CASES[case]
    verdict = hall.okse(*words, "--json", status=1 if expected else 0).json
    reasons = "\n".join(verdict["reasons"])
    assert [text for text in expected if text not in reasons] == []
    assert bool(verdict["reasons"]) == bool(expected)
    told = hall.okse(*words, status=1 if expected else 0).out
    assert [text for text in expected if text not in told] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_same_without_a_network(hall, case):
    words, expected = prepared(hall, case), CASES[case]
    done = without_network(hall, [*words, "--json"])
    assert done.returncode == (1 if expected else 0), done.stderr
    reasons = "\n".join(json.loads(done.stdout)["reasons"])
    assert [text for text in expected if text not in reasons] == []

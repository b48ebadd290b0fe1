"""Names of the tar form that clash on some file system, and tags that tell platforms apart."""
import json
import pytest
import install_bundle as ib
from stacks import build, simple, write
from test_build_images import multi

CLASHES = [("Key", "key"), ("e\u0301", "\u00e9"), ("A", "a/b"), ("Stra\u00dfe", "STRASSE")]


@pytest.mark.parametrize("names", CLASHES)
@pytest.mark.parametrize("why", ["a link", "many files"])
def test_build_refuses_a_tar_form_whose_names_clash(okse, tmp_path, names, why):
    for name in names:
        write(tmp_path / "data" / name, name)
    if why == "a link":
        (tmp_path / "data/link").symlink_to(names[0])
    for number in range(520 if why == "many files" else 0):
        write(tmp_path / f"data/x{number}", "")
    shown = okse("build", simple(tmp_path), "--country", "VN", "-o", "x.okse", "--unsigned", status=2)
    assert "cannot both exist" in shown.err and all(name in shown.err for name in names) and "stack.yaml:7" in shown.err
    assert not (tmp_path / "x.okse").exists()


@pytest.mark.parametrize("other", ["link", "directory"])
def test_links_and_empty_directories_clash_too(okse, tmp_path, other):
    write(tmp_path / "data/Target", "x")
    if other == "link":
        (tmp_path / "data/target").symlink_to("Target")
    else:
        (tmp_path / "data/target").mkdir()
    shown = okse("build", simple(tmp_path), "--country", "VN", "-o", "x.okse", "--unsigned", status=2)
    assert "'Target' and 'target' cannot both exist" in shown.err


def test_directories_that_become_one_do_not_clash(okse, tmp_path):
    """What is in them keeps its own name, as in the raw form."""
    write(tmp_path / "data/Lib/a", "x")
    write(tmp_path / "data/lib/b", "x")
    (tmp_path / "data/link").symlink_to("Lib/a")
    assert "data.tar" in build(okse, simple(tmp_path)).titles("data")


@pytest.mark.parametrize("names", CLASHES)
def test_a_listing_whose_names_clash_is_refused(okse, tmp_path, names):
    site = ib.Site(okse, tmp_path)
    site.make(ib.tar("runtime", {name: name.encode() for name in names}))
    assert "cannot both exist" in site.install(status=None).err
    assert site.install(status=None).status in (1, 2) and not (site.root / "current").exists()
    other = tmp_path / "other.okse"
    site.make(ib.tar("runtime", {"other": b""}), path=other)
    assert "cannot both exist" in okse("diff", site.bundle, other, status=2).err


def tags(bundle):
    return [d["annotations"]["org.opencontainers.image.ref.name"] for d in bundle.layout_index["manifests"]]


def test_every_variant_has_a_tag_of_its_own(okse, tmp_path):
    multi(tmp_path / "image", (("amd64", None), ("arm", "v6"), ("arm", "v7")))
    bundle = build(okse, simple(tmp_path, "{oci: image}", kind="runtime"))
    assert tags(bundle) == ["1.4.0", "1.4.0-stack", "1.4.0-data-linux-amd64", "1.4.0-data-linux-arm-v6", "1.4.0-data-linux-arm-v7"]


def test_a_component_named_like_a_platform_has_another_tag(okse, tmp_path):
    multi(tmp_path / "image")
    write(tmp_path / "plain/x", "x")
    stack = simple(tmp_path, "{oci: image}", kind="runtime")
    stack.write_text(stack.read_text() + "  - {name: data-linux-amd64, kind: docs, source: {path: plain}}\n")
    bundle = build(okse, stack)
    assert len(set(tags(bundle))) == len(tags(bundle)) == 5
    for entry, tag in zip(bundle.layout_index["manifests"], tags(bundle)):
        if tag.startswith("1.4.0-data-linux-amd64"):
            assert tag == "1.4.0-data-linux-amd64-" + entry["digest"][7:19]


def test_an_installed_image_names_its_variants(okse, tmp_path):
    multi(tmp_path / "image", (("arm", "v6"), ("arm", "v7")))
    site = ib.Site(okse, tmp_path)
    build(okse, simple(tmp_path, "{oci: image}", kind="runtime"), site.bundle)
    okse("sign", site.bundle, "--key", site.directory / "vendor.pem", "--role", "vendor", status=0)
    site.install()
    names = [d["annotations"]["org.opencontainers.image.ref.name"] for d in
             json.loads((site.root / "current/data/index.json").read_bytes())["manifests"]]
    assert names == ["1.4.0-linux-arm-v6", "1.4.0-linux-arm-v7"] and site.status()["clean"]

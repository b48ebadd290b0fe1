"""Wrong input to `okse build`: one clear message with its place, the right exit status, and nothing left behind."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import pytest
from stacks import image, leftovers, noise, simple, write

DATA = pathlib.Path(__file__).resolve().parents[1] / "data/stack/refused"


def refused(okse, tmp_path, status, *expected, stack="stack.yaml", words=(), **options):
    """Build from tmp_path/in; everything expected is in the message, and nothing appears in the output directory."""
    output = tmp_path / "output"
    output.mkdir(exist_ok=True)
    result = okse("build", stack, "--country", "VN", "-o", output / "o.okse", "--unsigned", *words, status=status,
                  cwd=tmp_path / "in", **options)
    assert result.out == ""
    for text in expected:
        assert text in result.err, repr(result)
    assert leftovers(output) == []
    return result


@pytest.fixture
def inside(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.mark.parametrize("case", sorted(path.stem for path in DATA.glob("*.yaml")))
def test_refuses_a_wrong_stack_with_every_reason(okse, tmp_path, inside, case):
    write(inside / "data/x", "x")
    shutil.copy(DATA / f"{case}.yaml", inside / "stack.yaml")
    result = refused(okse, tmp_path, 2)
    assert result.err == "okse: " + (DATA / f"{case}.expect").read_text()


def test_refuses_a_stack_that_is_not_there(okse, tmp_path, inside):
    refused(okse, tmp_path, 3, "nowhere.yaml", "No such file", stack="nowhere.yaml")


def test_refuses_a_directory_as_a_stack(okse, tmp_path, inside):
    (inside / "stack.yaml").mkdir()
    refused(okse, tmp_path, 2, "stack.yaml", "directory")


def test_refuses_a_source_that_is_not_there(okse, tmp_path, inside):
    simple(inside, "{path: nowhere}")
    refused(okse, tmp_path, 3, "stack.yaml:7:41: component 'data': nowhere", "No such file")


def test_refuses_a_license_file_that_is_not_there(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    stack = simple(inside)
    stack.write_text(stack.read_text().replace("{path: data}", "{path: data}, license: {spdx: MIT, file: LICENSE}"))
    refused(okse, tmp_path, 3, "stack.yaml:7:41", "LICENSE", "No such file")
    (inside / "LICENSE").mkdir()
    refused(okse, tmp_path, 2, "LICENSE")


def test_refuses_a_directory_where_an_archive_belongs(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    simple(inside, "{archive: data}")
    refused(okse, tmp_path, 2, "stack.yaml:7:41", "data", "directory")


def test_refuses_an_archive_that_is_none(okse, tmp_path, inside):
    write(inside / "data.zip", "this is no archive\n" * 100)
    simple(inside, "{archive: data.zip}")
    refused(okse, tmp_path, 2, "stack.yaml:7:41", "data.zip", "archive format")


def test_refuses_a_truncated_archive(okse, tmp_path, inside):
    write(inside / "data/x", noise("x", 100_000))
    subprocess.run(["tar", "-cf", inside / "data.tar", "-C", inside, "data"], check=True)
    os.truncate(inside / "data.tar", 60_000)
    simple(inside, "{archive: data.tar}")
    refused(okse, tmp_path, 2, "data.tar", "runcated")


@pytest.mark.parametrize("name", ["absolute", "leaves", "twice", "hard", "link-out", "link-winds", "fifo",
                                  "file-and-directory", "empty"])
def test_refuses_archives_that_mean_harm(okse, tmp_path, inside, name):
    shutil.copy(DATA.parents[2] / f"fuzz/corpus/archive_source/{name}.tar", inside / "a.tar")
    simple(inside, "{archive: a.tar}")
    refused(okse, tmp_path, 2, "stack.yaml:7:41: component 'data': a.tar")


def test_refuses_an_empty_directory(okse, tmp_path, inside):
    (inside / "data").mkdir()
    simple(inside)
    refused(okse, tmp_path, 2, "stack.yaml:7:41", "data", "empty directory")


def test_refuses_special_files_by_name(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    os.mkfifo(inside / "data/pipe")
    simple(inside)
    refused(okse, tmp_path, 2, "data/pipe", "FIFO")


@pytest.mark.parametrize("target", ["/etc/hostname", "../../stack.yaml", "sub/../../x"])
def test_refuses_links_that_leave(okse, tmp_path, inside, target):
    write(inside / "data/x", "x")
    (inside / "data/link").symlink_to(target)
    simple(inside)
    refused(okse, tmp_path, 2, "data/link", "symbolic link")


def test_refuses_links_in_weights_with_advice(okse, tmp_path, inside):
    write(inside / "data/blob", "x")
    (inside / "data/model.gguf").symlink_to("blob")
    simple(inside, kind="weights")
    refused(okse, tmp_path, 2, "model.gguf", "symbolic link", "cp -rL")


@pytest.mark.parametrize("name", [b"not-utf8-\xff", "direction-\u202e".encode(), b"back\\slash", b"new\nline"])
def test_refuses_names_that_deceive(okse, tmp_path, inside, name):
    write(inside / "data/x", "x")
    with open(os.path.join(os.fsencode(inside / "data"), name), "w"):
        pass
    simple(inside)
    result = refused(okse, tmp_path, 2, "data/", "stack.yaml:7:41")
    assert "\u202e" not in result.err and "\n" not in result.err.rstrip("\n")


def test_refuses_an_unknown_destination(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    simple(inside)
    for country in ("XX", "vn", "VNM", ""):
        result = okse("build", "stack.yaml", "--country", country, "-o", tmp_path / "o.okse", cwd=inside, status=2)
        assert "country" in result.err and not (tmp_path / "o.okse").exists()


def test_needs_a_destination(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    simple(inside)
    assert "--country" in okse("build", "stack.yaml", cwd=inside, status=2).err


@pytest.mark.parametrize("threads", ["0", "-1", "many", "100000"])
def test_refuses_a_senseless_number_of_threads(okse, tmp_path, inside, threads):
    write(inside / "data/x", "x")
    simple(inside)
    refused(okse, tmp_path, 2, "threads", words=[f"--threads={threads}"])


def test_refuses_an_output_inside_a_source(okse, tmp_path, inside):
    write(inside / "data/deep/x", "x")
    simple(inside)
    for place in ("data/o.okse", "data/deep/o.okse"):
        result = okse("build", "stack.yaml", "--country", "VN", "-o", inside / place, "--unsigned", cwd=inside, status=2)
        assert "data" in result.err and not (inside / place).exists()


def test_refuses_an_output_directory_that_is_not_there(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    simple(inside)
    result = okse("build", "stack.yaml", "--country", "VN", "-o", "nowhere/o.okse", "--unsigned", cwd=inside, status=3)
    assert "nowhere" in result.err and not (inside / "nowhere").exists()


def test_refuses_a_directory_as_output(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    simple(inside)
    (tmp_path / "place").mkdir()
    result = okse("build", "stack.yaml", "--country", "VN", "-o", tmp_path / "place", "--unsigned", cwd=inside)
    assert result.status in (2, 3) and "place" in result.err
    assert leftovers(tmp_path / "place") == [] and sorted(os.listdir(tmp_path)) == ["in", "place"]


# --- images -------------------------------------------------------------------------------------------------------------

def test_refuses_an_image_reference_that_is_not_there(okse, tmp_path, inside):
    image(inside / "image")
    simple(inside, "{oci: image, ref: nowhere}", kind="runtime")
    refused(okse, tmp_path, 2, "stack.yaml:7:41", "nowhere")


def test_refuses_a_platform_that_is_not_there(okse, tmp_path, inside):
    image(inside / "image")
    simple(inside, "{oci: image, platform: linux/s390x}", kind="runtime")
    refused(okse, tmp_path, 2, "stack.yaml:7:41", "linux/s390x")


def test_refuses_an_image_with_a_changed_or_missing_blob(okse, tmp_path, inside):
    layout = image(inside / "image")
    simple(inside, "{oci: image}", kind="runtime")
    (top,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest = json.loads((layout / "blobs" / top["digest"].replace(":", "/")).read_bytes())
    for descriptor in (top, manifest["config"], *manifest["layers"]):
        blob = layout / "blobs" / descriptor["digest"].replace(":", "/")
        data = blob.read_bytes()
        blob.chmod(0o644)
        blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        refused(okse, tmp_path, 2, blob.name)
        blob.write_bytes(data + b"x")
        refused(okse, tmp_path, 2, blob.name)
        blob.unlink()
        refused(okse, tmp_path, 2, blob.name)
        blob.write_bytes(data)


def test_refuses_a_directory_that_is_no_image(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    simple(inside, "{oci: data}", kind="runtime")
    refused(okse, tmp_path, 2, "stack.yaml:7:41", "data")


# --- the system ---------------------------------------------------------------------------------------------------------

def as_nobody(okse, *words, cwd):
    """The same binary with no privilege."""
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    binary = shutil.copy(okse.binary, cwd.parent / "okse-copy")
    for place in [cwd, *cwd.parents]:
        if place == pathlib.Path("/tmp"):
            break
        place.chmod(0o755)
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary, *map(str, words)], cwd=cwd,
                          capture_output=True, text=True, env=okse.environment)


def test_refuses_a_file_it_may_not_read(okse, tmp_path, inside):
    write(inside / "data/secret", "x", 0o600)
    simple(inside)
    (tmp_path / "output").mkdir(mode=0o777)
    (tmp_path / "output").chmod(0o777)
    done = as_nobody(okse, "build", "stack.yaml", "--country", "VN", "-o", tmp_path / "output/o.okse", "--unsigned", "--gate", "off", cwd=inside)
    assert done.returncode == 3 and "data/secret" in done.stderr and "Permission denied" in done.stderr
    assert leftovers(tmp_path / "output") == []


def test_refuses_a_place_it_may_not_write(okse, tmp_path, inside):
    write(inside / "data/x", "x")
    simple(inside)
    done = as_nobody(okse, "build", "stack.yaml", "--country", "VN", "-o", "o.okse", "--unsigned", "--gate", "off", cwd=inside)
    assert done.returncode == 3 and "Permission denied" in done.stderr
    assert leftovers(inside) == ["data", "data/x", "stack.yaml"]


@pytest.fixture
def tiny(tmp_path):
    """A file system of one megabyte."""
    place = tmp_path / "tiny"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode != 0:
        pytest.skip("this process may not mount a tmpfs")
    yield place
    subprocess.run(["umount", place], check=True)


def test_refuses_a_full_disk_before_writing(okse, tmp_path, inside, tiny):
    write(inside / "data/x", noise("x", 3 << 20))
    simple(inside)
    (tiny / "o.okse").write_text("the old bundle")
    result = okse("build", "stack.yaml", "--country", "VN", "-o", tiny / "o.okse", "--unsigned", cwd=inside, status=3)
    assert "needs" in result.err and "available" in result.err
    assert leftovers(tiny) == ["o.okse"] and (tiny / "o.okse").read_text() == "the old bundle"


# --- sources that move ----------------------------------------------------------------------------------------------------

class Restless:
    """Does something to a file again and again while the block runs."""

    def __init__(self, action):
        self.action, self.stop = action, threading.Event()
        self.thread = threading.Thread(target=self.loop)

    def loop(self):
        while not self.stop.is_set():
            self.action()
            time.sleep(0.0005)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def grow(path):
    with open(path, "ab") as file:
        file.write(b"x")


def alter_in_place(path):
    """Same size, and the time of change put back."""
    before = path.stat()
    with open(path, "r+b") as file:
        file.seek(before.st_size - 1)
        file.write(os.urandom(1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("action", [grow, alter_in_place])
@pytest.mark.parametrize("form", ["raw", "tar"])
def test_a_file_that_changes_while_it_is_packed_is_an_error(okse, tmp_path, inside, action, form):
    big = inside / "data/big"
    write(big, bytes(64 << 20))
    if form == "tar":
        (inside / "data/empty").mkdir()
    simple(inside)
    with Restless(lambda: action(big)):
        refused(okse, tmp_path, 2, "data/big", "changed while it was being packed")


def test_a_file_that_is_cut_while_it_is_packed_is_an_error(okse, tmp_path, inside):
    write(inside / "data/big", b"")
    os.truncate(inside / "data/big", 256 << 20)
    simple(inside)
    (tmp_path / "output").mkdir()

    def cut():
        if os.listdir(tmp_path / "output"):
            os.truncate(inside / "data/big", 100)

    with Restless(cut):
        refused(okse, tmp_path, 2, "data/big")


def test_an_archive_that_changes_between_its_passes_is_an_error(okse, tmp_path, inside):
    write(inside / "content/big", bytes(128 << 20))
    archive = inside / "data.tar"
    subprocess.run(["tar", "-cf", archive, "-C", inside / "content", "big"], check=True)
    simple(inside, "{archive: data.tar}")
    (tmp_path / "output").mkdir()

    def alter():
        if os.listdir(tmp_path / "output"):
            with open(archive, "r+b") as file:
                file.seek(127 << 20)
                file.write(b"x")

    with Restless(alter):
        refused(okse, tmp_path, 2, "data.tar", "changed while it was being packed")


@pytest.mark.parametrize("number, form", [(signal.SIGINT, "raw"), (signal.SIGTERM, "raw"), (signal.SIGINT, "tar")])
def test_ctrl_c_leaves_nothing(okse, tmp_path, inside, number, form):
    if form == "tar":
        (inside / "data/empty").mkdir(parents=True)
    for name in ("a", "b", "c"):
        write(inside / f"data/{name}", name)
        os.truncate(inside / f"data/{name}", 400 << 20)
    simple(inside)
    (tmp_path / "output").mkdir()
    for _ in range(10):
        process = subprocess.Popen([okse.binary, "build", "--gate", "off", "stack.yaml", "--country", "VN", "-o", tmp_path / "output/o.okse",
                                    "--unsigned"], cwd=inside, env=okse.environment, stderr=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE)
        while not os.listdir(tmp_path / "output") and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(number)
        out, err = process.communicate()
        if process.returncode != 0:
            break
        (tmp_path / "output/o.okse").unlink()  # it was faster than the signal
    assert process.returncode == 3 and out == "" and err != ""
    assert leftovers(tmp_path / "output") == []


def test_never_overwrites_what_it_reads(okse, tmp_path, inside):
    write(inside / "model.gguf", noise("m", 5000))
    subprocess.run(["tar", "-cf", inside / "a.tar", "-C", inside, "model.gguf"], check=True)
    os.link(inside / "model.gguf", inside / "same.gguf")
    for source, output in (("{path: model.gguf}", "model.gguf"), ("{path: model.gguf}", "same.gguf"),
                           ("{archive: a.tar}", "a.tar"), ("{path: model.gguf}", "stack.yaml")):
        simple(inside, source)
        before = {name: (inside / name).read_bytes() for name in os.listdir(inside)}
        result = okse("build", "stack.yaml", "--country", "VN", "-o", output, "--unsigned", cwd=inside, status=2)
        assert output in result.err
        assert {name: (inside / name).read_bytes() for name in os.listdir(inside)} == before

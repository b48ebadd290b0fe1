"""Parts of a Furiosa stack: packages made by dpkg-deb, and a compiled bundle with the values that `fxb show` prints."""
import io
import json
import subprocess
import zipfile

from stacks import write

# developer.furiosa.ai v2026.3.0, What's New, Released Components
RELEASED = {"furiosa-driver-rngd": "2026.3.0", "furiosa-firmware-image-rngd": "2026.3.0", "furiosa-firmware-tools-rngd": "2026.3.0", "furiosa-smi": "2026.1.1"}
CONFIG = {"architectures": ["Exaone4ForCausalLM"], "hidden_size": 5120, "num_attention_heads": 40, "vocab_size": 102400}


def deb(where, name, version):
    root = where / f".{name}"
    write(root / "DEBIAN/control", f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: x\n")
    where.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Znone", root, where / f"{name}_{version}_all.deb"], check=True, capture_output=True)
    subprocess.run(["rm", "-r", root], check=True)


def fxb(release="2026.3.0", architecture="Exaone4ForCausalLM", **differs):
    """An archive with manifest.json and kernels, with the values that `fxb show` prints of a bundle."""
    manifest = {"format_version": 2, "uuid": "fd0348f5-6361-4586-8013-4d4ba4f70171", "furiosa_llm": {"version": release, "revision": "7a9d13150"}, "furiosa_compiler": "0.11.0",
                "model": {"architecture": architecture, **{key: value for key, value in CONFIG.items() if key != "architectures"}, **differs}}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("edfs/first_tokenwise.edf", b"\x00" * 3000)
        archive.writestr("manifest.json", json.dumps(manifest))
    return out.getvalue()

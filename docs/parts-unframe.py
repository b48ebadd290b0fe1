#!/usr/bin/env python3
"""The bundle out of compressed parts, by docs/formats/parts.md ("Frames") and nothing of okse's.

    python3 parts-unframe.py NAME.????.part > NAME.okse

Needs Python 3.9 and either the module zstandard or the command zstd. Checks what follows from the format, not digests:
those are in set.json, and the bundle's own are checked by okse verify or docs/verify-by-hand.md.
"""
import struct
import subprocess
import sys
import tarfile

FRAME = 1 << 20

try:
    import zstandard

    def expand(coded, size):
        return zstandard.ZstdDecompressor().decompress(coded, max_output_size=size)
except ImportError:
    def expand(coded, size):
        return subprocess.run(["zstd", "-dcq"], input=coded, stdout=subprocess.PIPE, check=True).stdout


def join(planes, width):
    """Numbers from their planes: the first plane has the first bytes, and every number was turned left by one bit."""
    count, bits = len(planes[0]), 8 * width
    turned = bytearray(count * width)
    for place, plane in enumerate(planes):
        turned[width - 1 - place::width] = plane  # little-endian
    # Turned back, all at once: as one large number, every bit moves down by one, and lowest bits go to the top of their own.
    whole = int.from_bytes(turned, "little")
    lowest = int.from_bytes((b"\x01" + bytes(width - 1)) * count, "little")
    sign = whole & lowest
    return (((whole ^ sign) >> 1) | (sign << (bits - 1))).to_bytes(count * width, "little")


def unframe(coding, phase, coded, length):
    if coding == 0:
        return coded
    if coding == 1:
        return expand(coded, length)
    assert coding in (2, 4, 8) and phase < coding, "a coding that this script does not know"
    count, at, planes = (length - phase) // coding, phase, []
    for _ in range(coding):
        size, = struct.unpack_from("<I", coded, at)
        plane = coded[at + 4:at + 4 + size]
        planes.append(plane if size == count else expand(plane, count))
        assert len(planes[-1]) == count, "a plane of another size"
        at += 4 + size
    return coded[:phase] + join(planes, coding) + coded[at:]


def main():
    for path in sys.argv[1:]:
        with tarfile.open(path) as archive:
            data = archive.extractfile("data")
            end = data.seek(-16, 2)
            plain, magic = struct.unpack("<Q8s", data.read(16))
            assert magic == b"OKSEFRM1", f"{path}: its data is not frames"
            frames = -(-plain // FRAME)
            data.seek(end - 8 * frames)
            index = data.read(8 * frames)
            data.seek(0)
            for i in range(frames):
                size, coding, phase, zero = struct.unpack_from("<IBBH", index, 8 * i)
                length = min(FRAME, plain - i * FRAME)
                out = unframe(coding, phase, data.read(size), length)
                assert zero == 0 and len(out) == length, f"{path}: frame {i} is damaged"
                sys.stdout.buffer.write(out)


if __name__ == "__main__":
    main()

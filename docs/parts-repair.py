#!/usr/bin/env python3
"""The bundle out of its parts without okse: docs/formats/parts.md in code, nothing but Python's standard library.

    python3 parts-repair.py PARTS… -o BUNDLE      parts of one set, in any order; damaged or missing ones as far as parity goes

Reads every part, checks each block by its digest, and works out what is damaged or missing, stripe by stripe.
"""
import argparse
import hashlib
import json
import sys
import tarfile

BLOCK = 1 << 20

# GF(2^8) modulo x^8+x^4+x^3+x^2+1: powers of the generator 2, and logarithms.
EXP, LOG = [0] * 510, [0] * 256
value = 1
for power in range(255):
    EXP[power] = EXP[power + 255] = value
    LOG[value] = power
    value <<= 1
    if value & 0x100:
        value ^= 0x11D


def multiply(a, b):
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def inverse(a):
    return EXP[255 - LOG[a]]


def scale(block, factor):
    """Every byte of a block times a constant: one table of 256 bytes."""
    return block.translate(bytes(multiply(factor, byte) for byte in range(256)))


def add(a, b):
    """Addition is exclusive or; blocks are 1 MiB, padded with zeros."""
    return (int.from_bytes(a, "little") ^ int.from_bytes(b, "little")).to_bytes(BLOCK, "little")


def coefficient(k, r, j):
    """Of data part j in parity part r of a group of k data parts."""
    return inverse((k + r) ^ j)


def invert(matrix):
    """Gauss and Jordan."""
    n = len(matrix)
    work = [row[:] + [int(i == j) for j in range(n)] for i, row in enumerate(matrix)]
    for column in range(n):
        pivot = next(row for row in range(column, n) if work[row][column])
        work[column], work[pivot] = work[pivot], work[column]
        factor = inverse(work[column][column])
        work[column] = [multiply(factor, x) for x in work[column]]
        for row in range(n):
            if row != column and work[row][column]:
                factor = work[row][column]
                work[row] = [x ^ multiply(factor, y) for x, y in zip(work[row], work[column])]
    return [row[n:] for row in work]


class Part:
    """One file of the set, or the lack of one."""

    def __init__(self, row, path=None):
        self.row, self.path, self.lines = row, path, []
        self.file = open(path, "rb") if path else None
        if path:
            with tarfile.open(path) as archive:
                table = archive.extractfile("blocks.sha256").read()
            if "sha256:" + hashlib.sha256(table).hexdigest() != row["blocks"]:
                print(f"{path}: blocks.sha256 is damaged: it is not used", file=sys.stderr)
                self.file = None
            self.lines = table.decode("ascii", "replace").split("\n")

    def block(self, stripe):
        """Padded with zeros; None when it is damaged or missing."""
        size = max(0, min(BLOCK, self.row["size"] - stripe * BLOCK))
        if size == 0:
            return bytes(BLOCK)
        if self.file is None:
            return None
        self.file.seek(self.row["at"] + stripe * BLOCK)
        data = self.file.read(size)
        if len(data) != size or hashlib.sha256(data).hexdigest() != self.lines[stripe]:
            print(f"{self.path}: block {stripe} is damaged", file=sys.stderr)
            return None
        return data.ljust(BLOCK, b"\0")


def repair(blocks, parity, lost):
    """blocks: of the data parts, None where lost. parity: function of r. Block `lost`."""
    k = len(blocks)
    rows, have = [], []
    for j, block in enumerate(blocks):
        if block is not None:
            rows.append([int(i == j) for i in range(k)])
            have.append(block)
    r = 0
    while len(have) < k:
        block = parity(r)
        if block is not None:
            rows.append([coefficient(k, r, j) for j in range(k)])
            have.append(block)
        r += 1
    total = bytes(BLOCK)
    for factor, block in zip(invert(rows)[lost], have):
        total = add(total, scale(block, factor))
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="+")
    parser.add_argument("-o", dest="output", required=True)
    options = parser.parse_args()
    found, text = {}, None
    for path in options.parts:
        try:
            with tarfile.open(path) as archive:
                document = archive.extractfile("set.json").read()
                part = json.load(archive.extractfile("part.json"))
        except (tarfile.TarError, KeyError, ValueError) as error:
            print(f"{path}: {error}: it is not used", file=sys.stderr)
            continue
        if part["set"] != "sha256:" + hashlib.sha256(document).hexdigest() or (text or document) != document:
            print(f"{path}: of another set, or damaged: it is not used", file=sys.stderr)
            continue
        text, found[part["kind"], part["number"]] = document, path
    if text is None:
        sys.exit("no part is whole enough to say what the set is")
    the_set = json.loads(text)
    if "encoding" in the_set:
        sys.exit("the parts are encoded")
    data = [Part(row, found.get(("data", row["number"]))) for row in the_set["parts"]]
    parity = [Part(row, found.get(("parity", row["number"]))) for row in the_set["parity"]]
    groups = the_set["groups"]
    with open(options.output, "w+b") as output:
        for group in range(groups):
            members, spare = data[group::groups], parity[group::groups]
            for stripe in range(-(-members[0].row["size"] // BLOCK)):
                blocks = [member.block(stripe) for member in members]
                for place, member in enumerate(members):
                    size = min(BLOCK, member.row["size"] - stripe * BLOCK)
                    if size <= 0:
                        continue
                    block = blocks[place]
                    if block is None:
                        try:
                            block = repair(blocks, lambda r: spare[r].block(stripe), place)
                        except IndexError:
                            sys.exit(f"group {group + 1}: more parts are damaged in block {stripe} than there is parity")
                    output.seek(member.row["offset"] + stripe * BLOCK)
                    output.write(block[:size])
        output.seek(0)
        digest = hashlib.sha256()
        while chunk := output.read(BLOCK):
            digest.update(chunk)
    if "sha256:" + digest.hexdigest() != the_set["bundle"]["sha256"]:
        sys.exit("what came out is not the bundle")
    print(f"{options.output}: the bundle, sha256:{digest.hexdigest()}")


if __name__ == "__main__":
    main()

"""Writes a GGUF file again with its Q4_1 matrices as Q8_0, for comparisons of speed.

    requantise_gguf.py <source.gguf> <target.gguf>

Everything but types, offsets and data of those tensors is copied as it is. The target is complete or
not there at all.
"""

import os
import struct
import sys

import numpy as np

F32, Q4_1, Q8_0 = 0, 3, 8
ALIGNMENT = 32
# Bytes of the values of metadata by type; strings (8) and arrays (9) tell their length.
SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Reader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> int:
        (value,) = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return value

    def string(self) -> bytes:
        length = self.take("Q")
        self.at += length
        return bytes(self.data[self.at - length : self.at])

    def skip_value(self, kind: int) -> None:
        if kind == 8:
            self.string()
        elif kind == 9:
            element, count = self.take("I"), self.take("Q")
            if element in SCALARS:
                self.at += SCALARS[element] * count
            else:
                for _ in range(count):
                    self.skip_value(element)
        else:
            self.at += SCALARS[kind]


def aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def size_of(kind: int, elements: int) -> int:
    if kind == F32:
        return 4 * elements
    if kind not in (Q4_1, Q8_0):
        raise SystemExit(f"tensors of type {kind} are not known here")
    return elements // 32 * {Q4_1: 20, Q8_0: 34}[kind]


def to_q8_0(data: np.ndarray) -> bytes:
    blocks = data.reshape(-1, 20)
    scale, least = (blocks[:, at : at + 2].copy().view(np.float16) for at in (0, 2))
    digits = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1)
    values = scale.astype(np.float32) * digits + least.astype(np.float32)
    scale = np.abs(values).max(axis=1, keepdims=True) / 127
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    out = np.empty((len(blocks), 34), np.uint8)
    out[:, :2] = scale.astype(np.float16).view(np.uint8)
    out[:, 2:] = np.round(values * inverse).astype(np.int8).view(np.uint8)
    return out.tobytes()


def main(source: str, target: str) -> None:
    data = np.fromfile(source, np.uint8)
    reader = Reader(memoryview(data))
    if bytes(reader.data[:4]) != b"GGUF":
        raise SystemExit(f"{source} is no GGUF file")
    reader.at = 8
    tensors, entries = reader.take("Q"), reader.take("Q")
    for _ in range(entries):
        if reader.string() == b"general.alignment":
            raise SystemExit("a file with an alignment of its own is not known here")
        reader.skip_value(reader.take("I"))
    header = bytes(reader.data[: reader.at])
    infos = []
    for _ in range(tensors):
        name = reader.string()
        dims = [reader.take("Q") for _ in range(reader.take("I"))]
        infos.append((name, dims, reader.take("I"), reader.take("Q")))
    start = aligned(reader.at)
    table, bodies, offset = b"", [], 0
    for name, dims, kind, at in infos:
        body = data[start + at : start + at + size_of(kind, int(np.prod(dims)))]
        body, kind = (to_q8_0(body), Q8_0) if kind == Q4_1 else (body.tobytes(), kind)
        table += struct.pack(f"<Q{len(name)}sI{len(dims)}QIQ", len(name), name, len(dims), *dims, kind, offset)
        bodies.append(body.ljust(aligned(len(body)), b"\0"))
        offset += len(bodies[-1])
    head = header + table
    partial = target + ".partial"
    with open(partial, "wb") as file:
        file.write(head.ljust(aligned(len(head)), b"\0"))
        file.writelines(bodies)
    os.replace(partial, target)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])

"""TCG event logs in the crypto-agile format (the specification's 3.1), record by record."""

import struct

SIZES = {4: 20, 0xB: 32, 0xC: 48, 0xD: 64, 0x12: 32}  # bytes of a digest by algorithm
END = b"\xff" * 4


def spec_id(algorithms=((4, 20), (0xB, 32), (0xC, 48)), *, vendor=b"", signature=b"Spec ID Event03\0", count=None):
    n = len(algorithms) if count is None else count
    return signature + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, n) + b"".join(struct.pack("<HH", a, s) for a, s in algorithms) + bytes([len(vendor)]) + vendor


def first(data=None, *, index=0, kind=3, digest=bytes(20), size=None):
    data = spec_id() if data is None else data
    return struct.pack("<II20sI", index, kind, digest, len(data) if size is None else size) + data


def record(index, kind, digests, data=b"", *, count=None, size=None):
    """digests: {algorithm: bytes} or [(algorithm, bytes)]."""
    pairs = list(digests.items()) if isinstance(digests, dict) else digests
    return (struct.pack("<III", index, kind, len(pairs) if count is None else count) + b"".join(struct.pack("<H", a) + d for a, d in pairs)
            + struct.pack("<I", len(data) if size is None else size) + data)

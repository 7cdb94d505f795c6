"""CBOR (RFC 8949) as a device may write it, and as no device should: lengths of any width, open containers, repeated keys."""


class Raw(bytes):
    """An item that is encoded already."""


class Pairs(list):
    """A map as a list of (key, value): its order, and keys that repeat."""


class Tag:
    def __init__(self, number, item):
        self.number, self.item = number, item


class Open:
    """The same item with an indefinite length: a list, a map, or bytes and text in chunks."""

    def __init__(self, item, chunk=7):
        self.item, self.chunk = item, chunk


class Wide:
    """The same item with its length or value in so many bytes (1, 2, 4, 8)."""

    def __init__(self, item, width):
        self.item, self.width = item, width


def head(major, n, width=None):
    if width is None:
        width = 0 if n < 24 else 1 if n < 1 << 8 else 2 if n < 1 << 16 else 4 if n < 1 << 32 else 8
    if width == 0:
        return bytes([major << 5 | n])
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[width]]) + n.to_bytes(width, "big")


def pairs(item):
    return list(item) if isinstance(item, Pairs) else list(item.items())


def encode(item, width=None):
    if isinstance(item, Raw):
        return bytes(item)
    if isinstance(item, Wide):
        return encode(item.item, item.width)
    if isinstance(item, Tag):
        return head(6, item.number, width) + encode(item.item)
    if isinstance(item, Open):
        return opened(item.item, item.chunk)
    if item is None or isinstance(item, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[item]
    if isinstance(item, int):
        return head(0, item, width) if item >= 0 else head(1, -1 - item, width)
    if isinstance(item, (bytes, bytearray)):
        return head(2, len(item), width) + bytes(item)
    if isinstance(item, str):
        return head(3, len(item.encode()), width) + item.encode()
    if isinstance(item, (Pairs, dict)):
        return head(5, len(item), width) + b"".join(encode(k) + encode(v) for k, v in pairs(item))
    return head(4, len(item), width) + b"".join(map(encode, item))


def opened(item, chunk):
    if isinstance(item, (bytes, str)):
        parts = b"".join(encode(item[i:i + chunk]) for i in range(0, len(item), chunk))
        return (b"\x5f" if isinstance(item, bytes) else b"\x7f") + parts + b"\xff"
    if isinstance(item, (Pairs, dict)):
        return b"\xbf" + b"".join(encode(k) + encode(v) for k, v in pairs(item)) + b"\xff"
    return b"\x9f" + b"".join(map(encode, item)) + b"\xff"

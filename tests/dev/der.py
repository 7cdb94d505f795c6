"""ASN.1 DER, element by element, so that each can also be wrong. A value is the bytes of a whole element."""

import datetime


def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 0x80:
        return bytes([tag, n]) + body
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + body


NULL = tlv(5)


def sequence(*parts):
    return tlv(0x30, *parts)


def oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = bytes([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        chunk = [arc & 0x7F]
        while arc := arc >> 7:
            chunk.insert(0, arc & 0x7F | 0x80)
        out += bytes(chunk)
    return tlv(6, out)


def integer(n):
    return tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def boolean(v):
    return tlv(1, b"\xff" if v else b"\0")


def bits(data, unused=0):
    return tlv(3, bytes([unused]) + data)


def octets(data):
    return tlv(4, data)


def utc(at):
    """at: Unix seconds."""
    return tlv(0x17, datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%y%m%d%H%M%SZ").encode())


def general(at):
    return tlv(0x18, datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ").encode())


def time(at):
    """As certificates must write it."""
    return utc(at) if datetime.datetime.fromtimestamp(at, datetime.timezone.utc).year < 2050 else general(at)

"""secp256k1 as an application's own code uses its key: deterministic signatures (RFC 6979), and who signed. Independent of the product."""

import hmac

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798, 0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    out = None
    while k:
        if k & 1:
            out = add(out, point)
        point, k = add(point, point), k >> 1
    return out


def compressed(point):
    return bytes([2 + point[1] % 2]) + point[0].to_bytes(32, "big")


def public(key):
    return compressed(times(int.from_bytes(key, "big"), G))


def nonce(key, digest):
    """RFC 6979, 3.2, with HMAC-SHA-256."""
    mac = lambda k, m: hmac.new(k, m, "sha256").digest()
    seed = key + (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    k, v = bytes(32), b"\1" * 32
    for mark in (b"\0", b"\1"):
        k = mac(k, v + mark + seed)
        v = mac(k, v)
    while True:
        v = mac(k, v)
        if 0 < int.from_bytes(v, "big") < N:
            return int.from_bytes(v, "big")
        k = mac(k, v + b"\0")
        v = mac(k, v)


def sign(key, digest):
    """65 bytes r||s||v over a 32-byte digest, s in the lower half."""
    k = nonce(key, digest)
    point = times(k, G)
    s = pow(k, -1, N) * (int.from_bytes(digest, "big") + point[0] * int.from_bytes(key, "big")) % N
    flip = s > N // 2
    return point[0].to_bytes(32, "big") + (N - s if flip else s).to_bytes(32, "big") + bytes([point[1] % 2 ^ flip])


def signer(signature, digest):
    """The compressed public key that made r||s||v."""
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    assert len(signature) == 65 and 0 < r < N and 0 < s <= N // 2 and v < 2
    y = pow(r**3 + 7, (P + 1) // 4, P)
    assert y * y % P == (r**3 + 7) % P
    point = (r, y if y % 2 == v else P - y)
    inverse = pow(r, -1, N)
    return compressed(add(times(s * inverse % N, point), times(-int.from_bytes(digest, "big") * inverse % N, G)))

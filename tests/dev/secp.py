"""secp256k1 as an application's own code uses its key: deterministic signatures (RFC 6979), and who signed. Independent of the product."""

import hashlib
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
    assert 0 < r < N and 0 < s <= N // 2 and v < 2
    y = pow(r**3 + 7, (P + 1) // 4, P)
    point = (r, y if y % 2 == v else P - y)
    inverse = pow(r, -1, N)
    return compressed(add(times(s * inverse % N, point), times(-int.from_bytes(digest, "big") * inverse % N, G)))


def keccak256(message):
    """Keccak with the original padding, as Ethereum hashes."""
    rate, mask = 136, 2**64 - 1
    turn = lambda v, n: (v << n | v >> (64 - n)) & mask if n else v
    padded = bytearray(message + b"\1" + bytes(-(len(message) + 1) % rate))
    padded[-1] |= 0x80
    state = [[0] * 5 for _ in range(5)]
    for block in range(0, len(padded), rate):
        for i in range(rate // 8):
            state[i % 5][i // 5] ^= int.from_bytes(padded[block + 8 * i:block + 8 * i + 8], "little")
        register = 1
        for _ in range(24):
            c = [state[x][0] ^ state[x][1] ^ state[x][2] ^ state[x][3] ^ state[x][4] for x in range(5)]
            d = [c[x - 1] ^ turn(c[(x + 1) % 5], 1) for x in range(5)]
            state = [[lane ^ d[x] for lane in state[x]] for x in range(5)]
            x, y, lane = 1, 0, state[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                lane, state[x][y] = state[x][y], turn(lane, (t + 1) * (t + 2) // 2 % 64)
            for y in range(5):
                row = [state[x][y] for x in range(5)]
                for x in range(5):
                    state[x][y] = row[x] ^ (~row[(x + 1) % 5] & mask & row[(x + 2) % 5])
            for j in range(7):
                register = (register << 1 ^ (register >> 7) * 0x71) % 256
                if register & 2:
                    state[0][0] ^= 1 << ((1 << j) - 1)
    return b"".join(state[i % 5][i // 5].to_bytes(8, "little") for i in range(4))

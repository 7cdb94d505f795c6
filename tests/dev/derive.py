"""The keys of an application from the root keys, straight from the formulas of the protocol (section 4); secp256k1 by schoolbook arithmetic."""

import hashlib
import hmac

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519

from tests.dev.keccak import keccak256

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798, 0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def derive(ikm, *parts):
    prk = hmac.digest(b"RATLS", ikm, "sha256")
    return hmac.digest(prk, b"".join(parts) + b"\1", "sha256")


def p256(root, *parts):
    scalar = root.private_numbers().private_value.to_bytes(32, "big")
    return ec.derive_private_key(int.from_bytes(derive(scalar, *parts), "big"), ec.SECP256R1())


def pkcs8(key):
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return (bytes.fromhex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420") + key.private_numbers().private_value.to_bytes(32, "big")
            + bytes.fromhex("a144034200") + point)


def dh(root, *parts):
    return hashlib.sha256(pkcs8(p256(root, *parts))).digest()


def env_public(secret):
    return x25519.X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(scalar, point=G):
    result = None
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def compressed(point):
    return bytes([2 + point[1] % 2]) + point[0].to_bytes(32, "big")


def k256_public(secret):
    return compressed(times(int.from_bytes(secret, "big")))


def recover(signature, message):
    """The compressed key that made this r||s||v over Keccak-256 of the message."""
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    assert len(signature) == 65 and v in (0, 1) and 0 < s <= N // 2
    y = pow(r**3 + 7, (P + 1) // 4, P)
    assert y * y % P == (r**3 + 7) % P
    point = (r, y if y % 2 == v else P - y)
    z, inverse = int.from_bytes(keccak256(message), "big"), pow(r, -1, N)
    return compressed(add(times(-z * inverse % N), times(s * inverse % N, point)))

"""The keys of an application from the root keys, straight from the formulas of the protocol (section 4)."""

import hashlib
import hmac

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519

from tests.dev.keccak import keccak256
from tests.dev.secp import public as k256_public, signer  # noqa: F401


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


def recover(signature, message):
    """The compressed key that made this r||s||v over Keccak-256 of the message."""
    return signer(signature, keccak256(message))

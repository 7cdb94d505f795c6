"""The audit log as an auditor reads it from the admin listener."""

import hashlib
import http.client
import json

from tests.dev import secp
from tests.dev.keccak import keccak256


def chain(before, lines):
    """The hash after each line, in order."""
    hashes = []
    for line in lines:
        before = hashlib.sha256(before + line.encode()).digest()
        hashes.append(before)
    return hashes


def line(record):
    """The record as it was hashed."""
    return json.dumps(record, separators=(",", ":"))


def read(port, token, kms):
    """(head, records), after the checks that docs/observing.md tells an auditor to make. kms: the Kms whose root signs."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/audit", headers={"X-Admin-Token": token})
    answer = connection.getresponse()
    body = answer.read().decode()
    assert answer.status == 200, body
    head, *lines = body.splitlines()
    head = json.loads(head)
    last = [bytes.fromhex(head["before_first"]), *chain(bytes.fromhex(head["before_first"]), lines)][-1]
    assert last.hex() == head["hash"]
    records = [json.loads(text) for text in lines]
    assert [r["n"] for r in records] == list(range(head["first"], head["sequence"] + 1))
    message = b"ukms-audit-head:" + head["sequence"].to_bytes(8, "big") + last
    signer = secp.signer(bytes.fromhex(head["signature"]), keccak256(message)).hex()
    assert signer == head["k256_pubkey"] == kms.call("GetMeta")["k256_pubkey"]
    return head, records

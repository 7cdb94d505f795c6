"""Beside the protocol (test_conformance_*.py), in process mode: metrics of our own, the audit log, guests of every age at one server."""

import hashlib
import http.client
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.dev.client import Refused
from tests.dev.guest import compact, report_data, text, vec
from tests.dev.machine import free_port

SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def ask(process, verb, path, body=None, headers=None, context=None):
    connection = process.kms().connect(context)
    try:
        connection.request(verb, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def error_json(text_):
    return b'{\n  "error": ' + json.dumps(text_).encode() + b"\n}"


def test_metrics_have_many_series(ready):
    names = {line.split("{")[0].split()[0] for line in ask(ready, "GET", "/metrics")[2].decode().splitlines() if not line.startswith("#")}
    assert len(names) >= 25, sorted(names)


def refused(call, *args, **kw):
    with pytest.raises(Refused) as problem:
        call(*args, **kw)
    assert problem.value.status == 400
    return problem.value.error


def test_audit_log_and_the_two_homes_of_clear_image_cache(start, platform):
    port, token = free_port(), "sesame"
    process = start(config={"core": {"admin_token_hash": hashlib.sha256(b"old").hexdigest(), "admin": {"enabled": True, "port": port, "auth_token": token}}})
    process.bootstrap()

    def admin(verb, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(verb, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    assert admin("POST", "/prpc/ClearImageCache?json", '{"image_hash":"../x"}', **{"X-Admin-Token": token})[2] == \
        error_json("failed to clear image cache: invalid cache key")
    kms = process.kms()
    assert refused(kms.call, "ClearImageCache", {"token": "new"}) == "Invalid token"
    assert kms.call("ClearImageCache", {"token": "old"}) is None

    guest = platform.guest()
    kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=kms.ra_context(guest.attest))
    refused(kms.call, "GetAppKey", {"api_version": 1})
    status, _, log = admin("GET", "/audit", **{"X-Admin-Token": token})
    head, *records = log.decode().splitlines()
    head, chain = json.loads(head), bytes(32)
    assert head["first"] == 1 and head["before_first"] == bytes(32).hex()
    for line in records:
        chain = hashlib.sha256(chain + line.encode()).digest()
    assert chain.hex() == head["hash"] and head["sequence"] == len(records)
    decisions = [(r["method"], r.get("decision")) for r in map(json.loads, records)]
    assert decisions == [("start", None), ("Bootstrap", "released"), ("GetAppKey", "released"), ("GetAppKey", "denied")]
    assert json.loads(records[2])["app_id"] == hashlib.sha256(b'{"manifest_version":2,"name":"app"}').hexdigest()[:40]
    assert json.loads(records[3])["reason"] == "App not allowed: No attestation provided"


def sign_cert(process, guest):
    kms, key = process.kms(), ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(*SPKI)
    csr = text("please sign cert:") + vec(spki) + b"\0" + text("app.test") + compact(0) + b"\1\0\0\0\0\0" + guest.attest(report_data("ratls-cert", spki))
    signature = key.sign(csr, ec.ECDSA(hashes.SHA256()))
    return kms.call("SignCert", {"api_version": 2, "csr": csr.hex(), "signature": signature.hex(), "vm_config": guest.vm_config})["certificate_chain"]


def test_old_and_new_clients_get_certificates_from_one_server(start, platform):
    """A 0.5.4 guest signs with version 1 (quote and JSON log), a 0.5.7 guest with version 2; both chains end in the same app CA."""
    process = start(config={"core": {"image": {"verify": False}}})
    process.bootstrap()
    guest, key = platform.guest(), ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(*SPKI)
    quote, log = guest.legacy(report_data("ratls-cert", spki))
    csr = text("please sign cert:") + vec(spki) + b"\0" + text("old.test") + compact(1) + text("old.test") + b"\1\0\1" + vec(quote) + vec(log)
    request = {"api_version": 1, "csr": csr.hex(), "signature": key.sign(csr, ec.ECDSA(hashes.SHA256())).hex(), "vm_config": guest.vm_config}
    old = [x509.load_pem_x509_certificate(p.encode()) for p in process.kms().call("SignCert", request)["certificate_chain"]]
    new = [x509.load_pem_x509_certificate(p.encode()) for p in sign_cert(process, guest)]
    assert old[1].public_key().public_bytes(*SPKI) == new[1].public_key().public_bytes(*SPKI)
    assert old[0].public_key().public_bytes(*SPKI) == spki
    assert "1.3.6.1.4.1.62397.1.8" in [e.oid.dotted_string for e in old[0].extensions]
    request["signature"] = key.sign(b"other", ec.ECDSA(hashes.SHA256())).hex()
    assert refused(process.kms().call, "SignCert", request) == "Failed to verify csr signature: Invalid signature"
    bad = csr.replace(log, b"x" * len(log))
    request |= {"csr": bad.hex(), "signature": key.sign(bad, ec.ECDSA(hashes.SHA256())).hex()}
    assert refused(process.kms().call, "SignCert", request).startswith("Failed to upgrade csr v1 to v2: Failed to parse tdx_event_log")

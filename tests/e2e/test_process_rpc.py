"""The protocol as clients see it, in process mode: selection, encodings, errors, headers, counters, SignCert, the admin listener."""

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


def test_headers_of_every_answer(ready):
    for verb, path in (("POST", "/prpc/GetTempCaCert?json"), ("POST", "/prpc/Nope?json"), ("GET", "/nowhere"), ("GET", "/metrics"), ("GET", "/health")):
        _, headers, body = ask(ready, verb, path)
        assert headers["x-app-version"].startswith("v") and "(" in headers["x-app-version"], path
        assert headers["x-content-type-options"] == "nosniff" and int(headers["content-length"]) == len(body)


def test_unknown_method_in_every_form(ready):
    want = error_json("Service not found: Nope")
    assert ask(ready, "POST", "/prpc/KMS.KMS.Nope?json", "{}")[::2] == (400, want)
    assert ask(ready, "GET", "/prpc/Nope")[::2] == (400, want)
    status, headers, body = ask(ready, "POST", "/prpc/Nope", b"")
    assert (status, headers["content-type"], body) == (400, "application/octet-stream", b"\x0a\x17Service not found: Nope")
    assert ask(ready, "POST", "/prpc/Onboard.Bootstrap?json")[2] == error_json("Service not found: Onboard.Bootstrap")
    assert ask(ready, "POST", "/prpc/KMS.?json")[2] == error_json("Service not found: ")


@pytest.mark.parametrize("query,is_json", [("json", True), ("json=", True), ("json=1", True), ("json=true", True), ("json=yes", False), ("json=0", False),
                                           ("JSON", False), ("a=1&json", True), ("json=0&json=1", False), ("", False), ("&json", True)])
def test_json_selector(ready, query, is_json):
    assert ask(ready, "POST", f"/prpc/GetMeta?{query}")[1]["content-type"] == ("application/json" if is_json else "application/octet-stream")


def test_content_type_selects_json_for_dispatch(ready):
    assert ask(ready, "POST", "/prpc/GetMeta?json=0", "null", {"Content-Type": "Application/JSON; charset=x"})[1]["content-type"] == "application/json"


def test_framework_statuses(ready):
    for verb, path, status in (("GET", "/prpc", 404), ("POST", "/prpc/", 422), ("PUT", "/prpc/GetMeta", 404), ("DELETE", "/prpc/GetMeta", 404),
                               ("POST", "/prpc/GetMeta/", 404), ("GET", "/", 404), ("GET", "/finish", 404), ("POST", "/health", 404), ("GET", "/health", 200)):
        assert ask(ready, verb, path)[0] == status, (verb, path)


def test_head_is_get_without_body(ready):
    get, head = ask(ready, "GET", "/prpc/GetTempCaCert"), ask(ready, "HEAD", "/prpc/GetTempCaCert")
    assert head[0] == 200 and head[2] == b"" and head[1]["content-length"] == get[1]["content-length"]


def test_empty_requests_ignore_their_body(ready):
    for body in ("", "null", "{}", "garbage"):
        assert ask(ready, "POST", "/prpc/GetTempCaCert?json", body)[0] == 200


def test_too_large_body(ready):
    assert ask(ready, "POST", "/prpc/GetTempCaCert?json", b"x" * 10485760)[0] == 200
    assert ask(ready, "POST", "/prpc/GetTempCaCert?json", b"x" * 10485761)[::2] == (400, error_json("failed to read data: payload too large"))


def test_get_meta_after_bootstrap(ready):
    meta = ready.kms().call("GetMeta")
    assert list(meta) == ["ca_cert", "allow_any_upgrade", "k256_pubkey", "bootstrap_info", "is_dev", "gateway_app_id", "kms_contract_address", "chain_id",
                          "app_auth_implementation"]
    assert meta["allow_any_upgrade"] is True and meta["is_dev"] is True and meta["gateway_app_id"] == "any" and meta["chain_id"] is None
    assert meta["bootstrap_info"]["k256_pubkey"] == meta["k256_pubkey"]
    root = x509.load_pem_x509_certificate(meta["ca_cert"].encode())
    assert meta["bootstrap_info"]["ca_pubkey"] == root.public_key().public_bytes(*SPKI).hex()


def test_env_key_in_get_form(ready):
    app_id = "00112233445566778899aabbccddeeff00112233"
    status, _, body = ask(ready, "GET", f"/prpc/GetAppEnvEncryptPubKey?app_id=0x{app_id}")
    answer = json.loads(body)
    assert status == 200 and len(answer["public_key"]) == 64 and len(answer["signature"]) == 130 and answer["timestamp"] > 0
    assert ask(ready, "GET", f"/prpc/GetAppEnvEncryptPubKey?app_id={app_id[2:]}")[::2] == (400, error_json("app_id must be 20 bytes"))


def test_api_version_of_get_app_key(ready):
    assert ask(ready, "POST", "/prpc/GetAppKey?json", '{"api_version":2}')[2] == error_json("Unsupported API version: 2")


def test_upstream_counters_count_by_path(ready):
    def counters():
        lines = ask(ready, "GET", "/metrics")[2].decode().splitlines()
        assert lines[:2] == ["# HELP dstack_kms_attestation_requests_total Total number of KMS attestation requests.",
                             "# TYPE dstack_kms_attestation_requests_total counter"]
        assert lines[3:5] == ["# HELP dstack_kms_attestation_failures_total Total number of failed KMS attestation requests.",
                              "# TYPE dstack_kms_attestation_failures_total counter"]
        return int(lines[2].split()[1]), int(lines[5].split()[1])

    requests, failures = counters()
    for verb, path in (("GET", "/prpc/KMS.GetAppKey"), ("PUT", "/prpc/SignCert"), ("HEAD", "/prpc/GetKmsKey"), ("GET", "/prpc/GetMeta")):
        ask(ready, verb, path)
    assert counters() == (requests + 3, failures + 3)


def test_metrics_have_many_series(ready):
    names = {line.split("{")[0].split()[0] for line in ask(ready, "GET", "/metrics")[2].decode().splitlines() if not line.startswith("#")}
    assert len(names) >= 25, sorted(names)


def test_request_in_protobuf(ready, platform):
    guest, kms = platform.guest(), ready.kms()
    config = guest.vm_config.encode()
    assert len(config) < 16384
    body = b"\x08\x01\x12" + bytes([len(config) & 127 | 128, len(config) >> 7]) + config
    context = kms.ra_context(guest.attest)
    status, headers, answer = ask(ready, "POST", "/prpc/GetAppKey", body, context=context)
    assert status == 200 and headers["content-type"] == "application/octet-stream"
    key = kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=context)["k256_key"]
    assert bytes.fromhex("2220" + key) in answer


def sign_cert(process, guest, *, version=2, attest=None, sign_with=None, **config):
    kms, key = process.kms(), ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(*SPKI)
    flag = lambda name, default=False: bytes([config.get(name, default)])
    csr = text(config.get("confirm", "please sign cert:")) + vec(spki) + (b"\1" + text(config["org"]) if "org" in config else b"\0")
    names = config.get("names", [])
    csr += text(config.get("subject", "app.test")) + compact(len(names)) + b"".join(text(n) for n in names)
    csr += flag("server", True) + flag("client") + flag("ext_quote")
    csr += flag("ext_app_info") + b"\0\0" + (attest or guest.attest)(report_data("ratls-cert", spki))
    signature = (sign_with or key).sign(csr, ec.ECDSA(hashes.SHA256()))
    return kms.call("SignCert", {"api_version": version, "csr": csr.hex(), "signature": signature.hex(), "vm_config": guest.vm_config})["certificate_chain"]


def test_sign_cert_chain(ready, platform):
    guest = platform.guest()
    chain = [x509.load_pem_x509_certificate(pem.encode()) for pem in
             sign_cert(ready, guest, org="Org", names=["app.test", "10.0.0.1"], ext_quote=True, ext_app_info=True)]
    leaf, ca, root = chain
    for child, parent in ((leaf, ca), (ca, root)):
        assert child.issuer == parent.subject
        parent.public_key().verify(child.signature, child.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    assert leaf.subject.rfc4514_string() == "CN=app.test,O=Org" and ca.subject.rfc4514_string() == "CN=Dstack App CA,O=Dstack"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [type(n).__name__ for n in names] == ["DNSName", "IPAddress"]
    oids = [e.oid.dotted_string for e in leaf.extensions if e.oid.dotted_string.startswith("1.3.6.1.4.1.62397")]
    assert oids == [f"1.3.6.1.4.1.62397.1.{n}" for n in (3, 9, 4, 8)]
    again = x509.load_pem_x509_certificate(sign_cert(ready, guest)[1].encode())
    assert again.public_key().public_bytes(*SPKI) == ca.public_key().public_bytes(*SPKI)


def refused(call, *args, **kw):
    with pytest.raises(Refused) as problem:
        call(*args, **kw)
    assert problem.value.status == 400
    return problem.value.error


def test_sign_cert_refusals(ready, platform):
    guest, other = platform.guest(), ec.generate_private_key(ec.SECP256R1())
    assert refused(sign_cert, ready, guest, version=3) == "Unsupported API version: 3"
    assert refused(sign_cert, ready, guest, confirm="sign") == "Failed to verify csr signature: Invalid confirm word"
    assert refused(sign_cert, ready, guest, sign_with=other) == "Failed to verify csr signature: Invalid signature"
    assert refused(sign_cert, ready, guest, attest=lambda data: b"").startswith("Failed to parse csr: ")
    assert refused(sign_cert, ready, guest, attest=lambda data: guest.attest(bytes(64))) == "Quote verification failed: report data mismatch"
    assert refused(sign_cert, ready, guest, names=["bücher.test"]).startswith("Failed to sign certificate: ")


def test_admin_listener(start, platform):
    port, token = free_port(), "sesame"
    process = start(config={"core": {"admin_token_hash": hashlib.sha256(b"old").hexdigest(), "admin": {"enabled": True, "port": port, "auth_token": token}}})
    process.bootstrap()

    def admin(verb, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(verb, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    status, headers, body = admin("POST", "/prpc/Admin.ClearImageCache?json", "{}")
    assert (status, body) == (401, b"") and headers["WWW-Authenticate"] == 'Basic realm="dstack-kms admin"'
    basic = lambda pair: "Basic " + __import__("base64").b64encode(pair.encode()).decode()
    for header in ({"X-Admin-Token": token}, {"Authorization": f"Bearer {token}"}, {"Authorization": basic(f"x:{token}")}, {"Authorization": basic(f"{token}:")}):
        assert admin("POST", "/prpc/ClearImageCache?json", '{"image_hash":"all"}', **header)[::2] == (200, b"null")
    assert admin("POST", "/prpc/ClearImageCache?json", "{}", **{"X-Admin-Token": "other"})[0] == 401
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

"""SignCert (section 7): both requests from SCALE on, the order of the checks, and every byte of the certificates."""

import datetime
import hashlib
import ipaddress
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import NameOID

from tests.dev import derive, pki
from tests.dev.guest import compact, event_preimage, report_data, text, u32, vec
from tests.dev.process import Process
from tests.dev.raw import ask
from tests.dev.webhook import Webhook, answer
from tests.e2e.test_conformance_rpc import boot_info

APP, INSTANCE = bytes(range(20)), bytes(range(100, 120))
ARC = "1.3.6.1.4.1.62397.1."
CONFIRM = "please sign cert:"


def u64(n):
    return n.to_bytes(8, "little")


def option(value, encode):
    return b"\0" if value is None else b"\1" + encode(value)


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def config(org=None, subject="sub ject", names=(), server=False, client=False, quote=False):
    return (option(org, text) + text(subject) + compact(len(names)) + b"".join(vec(n if isinstance(n, bytes) else n.encode()) for n in names)
            + bytes([server, client, quote]))


def csr2(key, attestation, *, confirm=CONFIRM, pubkey=None, app_info=False, not_before=None, not_after=None, **kw):
    return (text(confirm) + vec(spki(key) if pubkey is None else pubkey) + config(**kw) + bytes([app_info]) + option(not_before, u64) + option(not_after, u64)
            + attestation)


def csr1(key, quote, log, *, confirm=CONFIRM, **kw):
    return text(confirm) + vec(spki(key)) + config(**kw) + vec(quote) + vec(log)


@pytest.fixture(scope="module")
def hook():
    w = Webhook()
    yield w
    w.close()


@pytest.fixture(scope="module")
def governed(platform, tmp_path_factory, hook):
    kms = Process(platform, tmp_path_factory.mktemp("signer"), config=hook.config()).start()
    kms.bootstrap()
    yield kms
    kms.stop()


@pytest.fixture(autouse=True)
def fresh(hook):
    hook.reply, hook.reason = None, ""
    hook.allow = {"/bootAuth/app": True, "/bootAuth/kms": True}
    hook.take()


@pytest.fixture(scope="module")
def app(platform):
    return platform.guest(app_id=APP, instance_id=INSTANCE)


@pytest.fixture(scope="module")
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def evidence(app, key):
    return app.attest(report_data("ratls-cert", spki(key)))


def sign(kms, csr, key, version=2, vm_config="", signature=None, context=None):
    signature = key.sign(csr, ec.ECDSA(hashes.SHA256())) if signature is None else signature
    request = {"api_version": version, "csr": csr.hex(), "signature": signature.hex(), "vm_config": vm_config}
    return ask(kms.port, "POST", "/prpc/SignCert?json", json.dumps(request).encode(), context=context)


def refused(got, want):
    assert got.status == 400, got
    assert json.loads(got.body)["error"] == want


def refused_with(got, prefix):
    assert got.status == 400, got
    error = json.loads(got.body)["error"]
    assert error.startswith(prefix), error


def chain(got):
    assert got.status == 200, got
    body = json.loads(got.body)
    assert list(body) == ["certificate_chain"] and len(body["certificate_chain"]) == 3
    return body["certificate_chain"], [x509.load_pem_x509_certificate(p.encode()) for p in body["certificate_chain"]]


def tlvs(data):
    """The elements of a DER sequence, as (tag, content, whole)."""
    out, at = [], 0
    while at < len(data):
        tag, length, head = data[at], data[at + 1], 2
        if length & 0x80:
            head = 2 + (length & 0x7F)
            length = int.from_bytes(data[at + 2:at + head], "big")
        out.append((tag, data[at + head:at + head + length], data[at:at + head + length]))
        at += head + length
    return out


def extensions(cert):
    """(dotted OID, critical, extnValue) in the order in which they stand, from the bytes."""
    tbs = tlvs(tlvs(cert.tbs_certificate_bytes)[0][1])
    out = []
    for _, content, _ in tlvs(tlvs(tbs[-1][1])[0][1]):
        parts = tlvs(content)
        out.append((parts[0][1], len(parts) == 3 and parts[1][1] == b"\xff", parts[-1][1]))
    return out


def arc(n):
    return bytes.fromhex("2b0601040183e73d01") + bytes([n])


def serial(key):
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    digest = bytearray(hashlib.sha256(point).digest()[:20])
    digest[0] &= 0x7F
    return int.from_bytes(digest, "big")


def nested(content):
    return pki.der_tlv(4, content)


SAN, USAGE, EKU, SKI, BASIC = bytes.fromhex("551d11"), bytes.fromhex("551d0f"), bytes.fromhex("551d25"), bytes.fromhex("551d0e"), bytes.fromhex("551d13")
LEAF_USAGE, CA_USAGE = bytes.fromhex("0303078000"), bytes.fromhex("0303078600")


def stripped(app, data):
    """The container as it is embedded: runtime events without digest."""
    return data.replace(app_log(app, False), app_log(app, True), 1)


def app_log(app, strip):
    return b"".join(u32(3) + u32(0x08000001) + vec(b"" if strip else hashlib.sha384(event_preimage(e, p)).digest()) + text(e) + vec(p) for e, p in app.events)


def test_plain_leaf(governed, app, key, evidence):
    pems, (leaf, ca, root) = chain(sign(governed, csr2(key, evidence), key))
    assert pems[2] == (governed.state / "certs" / "root-ca.crt").read_text()
    for pem in pems:
        lines = pem.split("\n")
        assert lines[0] == "-----BEGIN CERTIFICATE-----" and lines[-2:] == ["-----END CERTIFICATE-----", ""]
        assert all(len(line) == 64 for line in lines[1:-3]) and "\r" not in pem
    assert extensions(leaf) == [(USAGE, True, LEAF_USAGE), (arc(3), False, nested(APP)), (arc(4), False, nested(b"app:custom"))]
    assert leaf.version == x509.Version.v3 and leaf.serial_number == serial(key)
    assert leaf.subject.public_bytes() == pki.der_tlv(0x30, pki.der_tlv(0x31, pki.der_tlv(0x30, bytes.fromhex("0603550403") + pki.der_tlv(0x0C, b"sub ject"))))
    assert leaf.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == spki(key)
    assert leaf.not_valid_before == datetime.datetime(1975, 1, 1)
    validity = tlvs(tlvs(leaf.tbs_certificate_bytes)[0][1])[4]
    assert tlvs(validity[1])[0][2] == b"\x17\x0d750101000000Z"
    days = leaf.not_valid_after - datetime.datetime.utcnow()
    assert datetime.timedelta(days=3649) < days <= datetime.timedelta(days=3650)


def test_app_ca_and_root(governed, app, key, evidence):
    _, (leaf, ca, root) = chain(sign(governed, csr2(key, evidence), key))
    root_key = serialization.load_pem_private_key((governed.state / "certs" / "root-ca.key").read_bytes(), None)
    ca_key = derive.p256(root_key, APP, b"app-ca")
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Dstack"), x509.NameAttribute(NameOID.COMMON_NAME, "Dstack App CA")])
    assert spki(ca_key) == ca.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert ca.subject.public_bytes() == leaf.issuer.public_bytes() == name.public_bytes() and ca.serial_number == serial(ca_key)
    assert extensions(ca) == [(USAGE, True, CA_USAGE), (SKI, False, nested(hashlib.sha256(spki(ca_key)).digest()[:20])),
                              (BASIC, True, bytes.fromhex("30060101ff020100")),
                              (arc(3), False, nested(APP)), (arc(4), False, nested(b"app:ca"))]
    assert extensions(root) == [(USAGE, True, CA_USAGE), (SKI, False, nested(hashlib.sha256(spki(root_key)).digest()[:20])),
                                (BASIC, True, bytes.fromhex("30060101ff020101"))]
    assert root.subject.public_bytes() == root.issuer.public_bytes() == ca.issuer.public_bytes()
    assert [a.value for a in root.subject] == ["Dstack", "Dstack KMS CA"] and root.serial_number == serial(root_key)
    for cert, signer in ((leaf, ca_key), (ca, root_key), (root, root_key)):
        signer.public_key().verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
        assert cert.signature_algorithm_oid.dotted_string == "1.2.840.10045.4.3.2" and cert.not_valid_before == datetime.datetime(1975, 1, 1)
        assert bytes.fromhex("300a06082a8648ce3d040302") in cert.tbs_certificate_bytes


def test_full_leaf(governed, app, key, evidence):
    names = ["a.example", "10.1.2.3", "::ffff:1.2.3.4", "2001:db8::1", "a.example", "10.01.2.3", "[::1]", "1.2.3", "*.b", "::1%lo", "fe80::/10", "",
             "under_score", "user@host"]
    csr = csr2(key, evidence, org="Org é", subject="s", names=names, server=True, client=True, quote=True, app_info=True, not_before=86400,
               not_after=4102444800)
    _, (leaf, _, _) = chain(sign(governed, csr, key))
    ips = {n: ipaddress.ip_address(n).packed for n in ("10.1.2.3", "::ffff:1.2.3.4", "2001:db8::1")}
    san = b"".join(pki.der_tlv(0x87, ips[n]) if n in ips else pki.der_tlv(0x82, n.encode()) for n in names)
    info = b"\x98" + b"".join(b"\xc4" + bytes([len(v)]) + v for v in app_info(app))
    assert extensions(leaf) == [
        (SAN, False, pki.der_tlv(0x30, san)), (USAGE, True, LEAF_USAGE), (EKU, False, bytes.fromhex("301406082b0601050507030106082b06010505070302")),
        (arc(3), False, nested(APP)), (arc(9), False, nested(info)), (arc(4), False, nested(b"app:custom")), (arc(8), False, nested(stripped(app, evidence)))]
    assert [(a.oid, a.value) for a in leaf.subject] == [(NameOID.ORGANIZATION_NAME, "Org é"), (NameOID.COMMON_NAME, "s")]
    validity = tlvs(tlvs(tlvs(leaf.tbs_certificate_bytes)[0][1])[4][1])
    assert [v[2] for v in validity] == [b"\x17\x0d700102000000Z", b"\x18\x0f21000101000000Z"]


def app_info(app):
    provider = dict(app.events)["key-provider"]
    pcrs = app.pcrs()
    return [APP, dict(app.events)["compose-hash"], INSTANCE, hashlib.sha256(b"").digest(),
            hashlib.sha256(app.os_image_hash + hashlib.sha256(provider).digest()).digest(),
            hashlib.sha256(pcrs[0] + pcrs[2] + pcrs[14]).digest(), app.os_image_hash, provider]


@pytest.mark.parametrize("server,client,eku", [(True, False, "300a06082b06010505070301"), (False, True, "300a06082b06010505070302")])
def test_single_usages(governed, key, evidence, server, client, eku):
    _, (leaf, _, _) = chain(sign(governed, csr2(key, evidence, server=server, client=client), key))
    assert (EKU, False, bytes.fromhex(eku)) in extensions(leaf)


def test_app_info_uses_the_embedded_config(governed, app, key, hook):
    data = app.attest(report_data("ratls-cert", spki(key)), config=json.dumps({"os_image_hash": "77" * 32}))
    _, (leaf, _, _) = chain(sign(governed, csr2(key, data, app_info=True), key, vm_config=app.vm_config))
    assert hook.take()[-1].json()["osImageHash"] == app.os_image_hash.hex()
    value = dict((o, v) for o, _, v in extensions(leaf))[arc(9)]
    assert bytes.fromhex("c420" + "77" * 32) in value


def test_policy_sees_the_boot_time_identity(governed, app, key, evidence, hook):
    chain(sign(governed, csr2(key, evidence), key))
    own, about = hook.take()
    assert (own.target, about.target) == ("/bootAuth/kms", "/bootAuth/app")
    assert about.body == json.dumps(boot_info(app, boottime=True), separators=(",", ":")).encode()


def test_refusals_in_order(governed, app, key, evidence, hook):
    other = ec.generate_private_key(ec.SECP256R1())
    good = csr2(key, evidence)
    hook.allow, hook.reason = {"/bootAuth/kms": False}, "no"
    refused(sign(governed, b"", key, version=9), "KMS self authorization failed: KMS is not allowed: no")
    hook.allow = {"/bootAuth/kms": True, "/bootAuth/app": False}
    for version in (0, 3, 4294967295):
        refused(sign(governed, b"garbage", key, version=version), f"Unsupported API version: {version}")
    refused_with(sign(governed, b"garbage", key), "Failed to parse csr: ")
    # A signature that does not hold, and a wrong confirm word: the signature is looked at first.
    refused(sign(governed, csr2(key, evidence, confirm="please"), other), "Failed to verify csr signature: Invalid signature")
    refused(sign(governed, csr2(key, evidence, confirm="please"), key), "Failed to verify csr signature: Invalid confirm word")
    refused(sign(governed, good, other), "Failed to verify csr signature: Invalid signature")
    refused(sign(governed, good, key, signature=b""), "Failed to verify csr signature: Invalid signature")
    refused_with(sign(governed, csr2(key, evidence, pubkey=b"junk"), key), "Failed to verify csr signature: Failed to parse ")
    stranger = csr2(other, evidence)
    refused(sign(governed, stranger, other), "Quote verification failed: report data mismatch")
    refused(sign(governed, good, key), "Boot denied: no")
    claim = json.dumps({"os_image_hash": "44" * 32})
    refused(sign(governed, good, key, vm_config=claim), "Boot denied: no")
    hook.allow["/bootAuth/app"] = True
    refused_with(sign(governed, good, key, vm_config=claim), "Failed to verify os image hash: Failed to verify os image hash: ")
    hook.reply = lambda asked: answer(500, b"oops") if asked.target.endswith("app") else None
    refused(sign(governed, good, key), f"auth api {hook.url}/bootAuth/app returned 500 Internal Server Error: oops")


def test_keys_of_other_kinds(governed, evidence, key):
    rsa_key, p384 = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())
    refused(sign(governed, csr2(rsa_key, evidence), key), "Failed to verify csr signature: Unsupported algorithm")
    csr = csr2(p384, evidence)
    refused(sign(governed, csr, p384), "Failed to verify csr signature: Invalid signature")


def test_high_s_is_accepted(governed, key, evidence):
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    csr = csr2(key, evidence)
    r, s = decode_dss_signature(key.sign(csr, ec.ECDSA(hashes.SHA256())))
    for value in (s, order - s):
        chain(sign(governed, csr, key, signature=encode_dss_signature(r, value)))


@pytest.mark.parametrize("change", ["truncated", "no attestation", "bad bool", "bad option", "long compact", "unknown attestation", "not utf-8",
                                    "too many names", "trailing"])
def test_csr_that_does_not_decode(governed, key, evidence, change):
    whole = csr2(key, evidence, subject="s")
    head = whole[:len(whole) - len(evidence)]
    csr = {"truncated": whole[:40], "no attestation": head, "bad bool": head[:-6] + b"\x02" + head[-5:] + evidence,
           "bad option": head[:-2] + b"\x02\0" + evidence,
           "long compact": b"\x45\x00" + whole[1:], "unknown attestation": head + b"\x05\x00", "not utf-8": whole.replace(b"\x04s", b"\x04\xff", 1),
           "too many names": whole.replace(b"\x04s\x00", b"\x04s\xfe\xff\xff\xff", 1), "trailing": whole + b"\0"}[change]
    assert csr != whole
    refused_with(sign(governed, csr, key), "Failed to parse csr: ")


def test_names_that_are_not_ascii(governed, key, evidence):
    refused_with(sign(governed, csr2(key, evidence, names=["ok.example", "é.example"]), key), "Failed to sign certificate: ")


@pytest.mark.parametrize("before,after", [(20, 10), (253402300800, None), (None, 253402300800), (None, 2**63), (0, 0)])
def test_validity(governed, key, evidence, before, after):
    got = sign(governed, csr2(key, evidence, not_before=before, not_after=after), key)
    if (before, after) == (0, 0):
        assert chain(got)[1][0].not_valid_after == datetime.datetime(1970, 1, 1)
    else:
        refused_with(got, "Failed to sign certificate: ")


def test_client_certificate_is_not_the_request(governed, app, platform, key, evidence):
    another = platform.guest(app_id=bytes(20))
    _, (leaf, _, _) = chain(sign(governed, csr2(key, evidence), key, context=governed.kms().ra_context(another.attest)))
    assert dict((o, v) for o, _, v in extensions(leaf))[arc(3)] == nested(APP)


# --- version 1: a bare quote and its event log


def v1_parts(app, key):
    quote = app.quoter.quote(report_data("ratls-cert", spki(key)), (bytes(48),) * 3 + (app.rtmr3(),))
    log = [{"imr": 0, "event_type": 10, "digest": "00" * 48, "event": "x", "event_payload": ""}]
    log += [{"imr": 3, "event_type": 0x08000001, "digest": hashlib.sha384(event_preimage(e, p)).hexdigest(), "event": e, "event_payload": p.hex()} for e,
            p in app.events]
    return quote, log


def test_version_1_reaches_the_policy(governed, app, key, hook):
    quote, log = v1_parts(app, key)
    hook.allow["/bootAuth/app"], hook.reason = False, "App not registered"
    csr = csr1(key, quote, json.dumps(log).encode())
    refused(sign(governed, csr, key, 1, vm_config='{"os_image_hash":"0x1234"}'), "Boot denied: App not registered")
    asked = hook.take()[-1].json()
    assert (asked["attestationMode"], asked["appId"], asked["instanceId"], asked["osImageHash"], asked["keyProviderInfo"]) == ("dstack-tdx", APP.hex(),
                                                                                                                               INSTANCE.hex(), "1234", "")
    hook.allow["/bootAuth/app"] = True
    refused_with(sign(governed, csr, key, 1), "Failed to verify os image hash: Failed to verify os image hash: ")


def test_version_1_refusals(governed, app, key):
    quote, log = v1_parts(app, key)
    good_log = json.dumps(log).encode()
    other = ec.generate_private_key(ec.SECP256R1())
    refused(sign(governed, csr1(key, quote, good_log, confirm="no"), key, 1), "Failed to verify csr signature: Invalid confirm word")
    refused(sign(governed, csr1(key, quote, good_log), other, 1), "Failed to verify csr signature: Invalid signature")
    refused_with(sign(governed, csr1(key, quote, good_log)[:-1], key, 1), "Failed to parse csr: ")
    refused_with(sign(governed, csr1(key, quote, good_log) + b"\0", key, 1), "Failed to parse csr: ")
    for log_ in (b"ELGZv1xxxx", b"{}", b"[{}]", b"", b'[{"imr":"3"}]'):
        refused_with(sign(governed, csr1(key, quote, log_), key, 1), "Failed to upgrade csr v1 to v2: Failed to parse tdx_event_log")
    refused_with(sign(governed, csr1(key, b"quote", good_log), key, 1), "Failed to upgrade csr v1 to v2: Invalid TDX quote")
    refused(sign(governed, csr1(other, quote, good_log), other, 1), "Quote verification failed: report data mismatch")
    short = json.dumps([e for e in log if e["event"] != "storage-fs"]).encode()
    refused_with(sign(governed, csr1(key, quote, short), key, 1), "Quote verification failed: ")

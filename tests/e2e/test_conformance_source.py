"""Onboarding from a source made by hand (section 9.4): what it is asked, over which connections, and what is made of answers that are wrong."""

import json
import os
import ssl
import tempfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ObjectIdentifier

from tests.dev import derive, pki
from tests.dev.clientcert import make, name, new_key, spki
from tests.dev.guest import report_data
from tests.dev.raw import ask
from tests.dev.webhook import Webhook, answer

DIRECTORY = x509.Name([x509.NameAttribute(x509.oid.NameOID.ORGANIZATION_NAME, "Dstack"),
                       x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "Dstack Client Temp CA")])
CA = (x509.BasicConstraints(True, 0), True)


def evidence(value):
    return x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.62397.1.8"), pki.der_tlv(4, value)), False


def pem_of(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Source:
    """An upstream KMS: its answers and its certificate are as a test wants them."""

    def __init__(self, guest, platform):
        self.guest, self.root, self.temp, self.k256 = guest, new_key(), new_key(), os.urandom(32)
        self.temp_cert = make(self.temp, DIRECTORY, self.temp, subject="x", extensions=[CA])
        builder = (x509.CertificateBuilder().subject_name(DIRECTORY).issuer_name(DIRECTORY).public_key(self.temp.public_key()).serial_number(1)
                   .not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + pki.DAY).add_extension(*CA))
        self.temp_cert = builder.sign(self.temp, pki.hashes.SHA256())
        self.temp_answer = {"temp_ca_cert": pki.pem(self.temp_cert).decode(), "temp_ca_key": pem_of(self.temp), "ca_cert": "unused", "later": {"field": [1]}}
        self.keys_answer = {"temp_ca_key": pem_of(self.temp), "keys": [{"ca_key": pem_of(self.root), "k256_key": self.k256.hex(), "later": None}], "later": 1}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.context.load_verify_locations(cadata=pki.pem(self.temp_cert).decode())
        self.show(new_key())
        self.hook = Webhook(tls=self.context)
        self.url = self.hook.url
        self.hook.reply = self.reply
        self.after_first = lambda: None

    def show(self, key, *, bind=None, extensions=None):
        if extensions is None:
            extensions = [evidence(self.guest.attest(report_data("ratls-cert", spki(bind or key)), strip=True))]
        cert = make(key, name("root"), self.root, subject="source.test", extensions=extensions)
        with tempfile.NamedTemporaryFile() as both:
            both.write(pki.pem(cert) + pem_of(key).encode())
            both.flush()
            self.context.load_cert_chain(both.name)

    def reply(self, asked):
        if asked.target == "/prpc/GetTempCaCert?json":
            self.after_first()
            return answer(200, self.temp_answer)
        if asked.target == "/prpc/GetKmsKey?json":
            return answer(200, self.keys_answer)
        return answer(404, b"", reason="Not Found")


@pytest.fixture
def source(platform):
    s = Source(platform.guest(b'{"name":"source"}'), platform)
    yield s
    s.hook.close()


@pytest.fixture
def kms(start):
    return start()


def onboard(kms, url, domain="new.test"):
    return ask(kms.port, "POST", "/prpc/Onboard.Onboard?json", json.dumps({"source_url": url, "domain": domain}).encode(), context=False)


def error(got):
    assert got.status == 400, got
    return json.loads(got.body)["error"]


def test_what_a_source_is_asked(kms, source):
    assert onboard(kms, source.url).body == b"{}"
    first, second = source.hook.take()
    assert [(a.method, a.target) for a in (first, second)] == [("POST", "/prpc/GetTempCaCert?json"), ("POST", "/prpc/GetKmsKey?json")]
    # Empty requests are the literal null; there is no content type.
    assert first.body == b"null" and second.body == json.dumps({"vm_config": kms.guest.vm_config}, separators=(",", ":")).encode()
    for asked in (first, second):
        assert asked.headers["accept"] == "*/*" and "content-type" not in asked.headers and asked.headers["host"] == source.url[8:]
    assert first.peer is None
    cert = x509.load_der_x509_certificate(second.peer)
    assert [a.value for a in cert.subject] == ["RA-TLS TEMP Cert"] and cert.issuer == DIRECTORY
    key = cert.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert report_data("ratls-cert", key) in second.peer
    assert [e.oid.dotted_string for e in cert.extensions] == ["2.5.29.15", "1.3.6.1.4.1.62397.1.8"]
    certs = kms.state / "certs"
    assert (certs / "root-k256.key").read_bytes() == source.k256
    assert serialization.load_pem_private_key((certs / "root-ca.key").read_bytes(), None).private_numbers() == source.root.private_numbers()
    assert serialization.load_pem_private_key((certs / "tmp-ca.key").read_bytes(), None).private_numbers() == source.temp.private_numbers()
    assert ask(kms.port, "GET", "/finish", context=False).status == 200
    kms.wait_tls()
    assert kms.kms().call("GetMeta")["k256_pubkey"] == derive.k256_public(source.k256).hex()


def nothing_was_stored(kms):
    certs = kms.state / "certs"
    return not certs.exists() or not [p for p in certs.iterdir() if p.name != "audit-head"]


def two(keys):
    return keys | {"keys": keys["keys"] * 2}


def key(keys, **change):
    return keys | {"keys": [keys["keys"][0] | change]}


@pytest.mark.parametrize("change,said", [
    (lambda k: k | {"keys": []}, "Failed to onboard: Invalid keys"), (two, "Failed to onboard: Invalid keys"),
    (lambda k: key(k, ca_key="x"), "Failed to onboard: Failed to parse CA key"),
    (lambda k: key(k, ca_key=pem_of(ec.generate_private_key(ec.SECP384R1()))), "Failed to onboard: Failed to parse CA key"),
    (lambda k: k | {"temp_ca_key": "x"}, "Failed to onboard: Failed to parse tmp CA key"),
    (lambda k: key(k, k256_key="00" * 32), "Failed to onboard: Failed to parse ECDSA key"),
    (lambda k: key(k, k256_key="11" * 31), "Failed to onboard: Failed to parse ECDSA key"), (lambda k: key(k, k256_key="zz"), "Failed to onboard: "),
    (lambda k: [], "Failed to onboard: ")])
def test_keys_that_are_wrong(kms, source, change, said):
    source.keys_answer = change(source.keys_answer)
    assert error(onboard(kms, source.url)).startswith(said)
    assert nothing_was_stored(kms)


def test_temp_ca_that_does_not_fit_its_key(kms, source):
    source.temp_answer["temp_ca_key"] = pem_of(new_key())
    assert error(onboard(kms, source.url)).startswith("Failed to onboard: ")
    assert [a.target for a in source.hook.take()] == ["/prpc/GetTempCaCert?json"] and nothing_was_stored(kms)


def test_certificates_that_are_not_a_kms(kms, source):
    mine = new_key()
    source.show(mine, extensions=[])
    assert error(onboard(kms, source.url)) == "Failed to onboard: Source KMS certificate does not contain attestation"
    source.show(mine, bind=new_key())
    assert "report data mismatch" in error(onboard(kms, source.url))
    source.show(mine, extensions=[evidence(b"\x05")])
    assert "Failed to decode attestation from cert extension" in error(onboard(kms, source.url))
    # None of them was asked for keys.
    assert {a.target for a in source.hook.take()} == {"/prpc/GetTempCaCert?json"} and nothing_was_stored(kms)


def test_another_key_on_the_second_connection_gets_nothing(kms, source):
    source.after_first = lambda: source.show(new_key())
    assert error(onboard(kms, source.url)).startswith("Failed to onboard: ")
    assert [a.target for a in source.hook.take()] == ["/prpc/GetTempCaCert?json"] and nothing_was_stored(kms)


@pytest.mark.parametrize("status,reason", [(400, "Bad Request"), (500, "Internal Server Error"), (503, "Service Unavailable"), (307, "Temporary Redirect")])
def test_refusals_of_the_source_are_told_whole(kms, source, status, reason):
    body = '{\n  "error": "' + "why " * 200 + '\\n"\n}'
    source.hook.reply = lambda asked: answer(status, body.encode(), [("Location", source.url + "/elsewhere")], reason)
    assert error(onboard(kms, source.url)) == f"Failed to onboard: Request failed with status={status} {reason}, error={body}"
    assert len(source.hook.take()) == 1

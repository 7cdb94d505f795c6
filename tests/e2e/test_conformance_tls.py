"""Who may come in over TLS, and what the server shows (sections 6.4, 6.11 and 12)."""

import base64
import datetime
import json
import socket
import ssl
import subprocess
import tempfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from tests.dev import pki
from tests.dev.clientcert import context_of, make, name, new_key, spki, temp_ca
from tests.dev.guest import report_data
from tests.dev.raw import Wire, ask
from tests.e2e.test_conformance_sign_cert import csr2, sign, tlvs

ARC = "1.3.6.1.4.1.62397.1."


def comes_in(kms, context):
    answer = ask(kms.port, "POST", "/prpc/GetAppKey?json", b"{}", context=context)
    assert json.loads(answer.body)["error"] == "App not allowed: No attestation provided"


def is_turned_away(kms, context):
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        ask(kms.port, "POST", "/prpc/GetMeta?json", b"{}", context=context)


def own(arc, content=b"x"):
    return x509.UnrecognizedExtension(ObjectIdentifier(ARC + str(arc)), pki.der_tlv(4, content))


ACCEPTED = {
    "plain": {}, "until 2100": {"after": datetime.datetime(2100, 1, 1)}, "since 1975": {"before": datetime.datetime(1975, 1, 1)},
    "client purpose": {"extensions": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)]},
    "unknown extension": {"extensions": [(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False)]},
    "names": {"extensions": [(x509.SubjectAlternativeName([x509.DNSName("a.example")]), False)]},
    "no CA": {"extensions": [(x509.BasicConstraints(False, None), True)]},
    "key usage of a CA": {"extensions": [(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)]},
    "60,000 bytes": {"extensions": [(own(77, bytes(60000)), False)]},
    "own extension": {"extensions": [(own(4, b"app:custom"), False)]},
}
REFUSED = {
    "expired": {"before": -10 * pki.DAY, "after": -pki.DAY}, "not yet": {"before": pki.DAY},
    "unknown critical extension": {"extensions": [(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]},
    "own extension, critical": {"extensions": [(own(4, b"app:custom"), True)]},
    "server purpose": {"extensions": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)]},
    "a CA": {"extensions": [(x509.BasicConstraints(True, None), True)]},
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_client_certificates_that_pass(ready, what):
    issuer, signer = temp_ca(ready)
    key = new_key()
    comes_in(ready, context_of(key, make(key, issuer, signer, **ACCEPTED[what])))


@pytest.mark.parametrize("what", REFUSED)
def test_client_certificates_that_end_the_handshake(ready, what):
    issuer, signer = temp_ca(ready)
    key = new_key()
    is_turned_away(ready, context_of(key, make(key, issuer, signer, **REFUSED[what])))


def test_without_a_certificate(ready):
    comes_in(ready, None)


def test_other_issuers_end_the_handshake(ready, platform):
    issuer, signer = temp_ca(ready)
    key, foreign = new_key(), new_key()
    # The right name, the wrong key; the wrong name, the right key; nobody's.
    is_turned_away(ready, context_of(key, make(key, issuer, foreign)))
    is_turned_away(ready, context_of(key, make(key, name("Other"), signer)))
    is_turned_away(ready, context_of(key, make(key, name("RA-TLS TEMP Cert"), key)))
    # An application's certificate, which the KMS itself has issued, is none.
    evidence = platform.guest(app_id=bytes(20)).attest(report_data("ratls-cert", spki(key)))
    chain = [x509.load_pem_x509_certificate(p.encode()) for p in json.loads(sign(ready, csr2(key, evidence, client=True), key).body)["certificate_chain"]]
    is_turned_away(ready, context_of(key, chain[0]))
    is_turned_away(ready, context_of(key, *chain))
    root = serialization.load_pem_private_key((ready.state / "certs" / "root-ca.key").read_bytes(), None)
    is_turned_away(ready, context_of(key, make(key, chain[2].subject, root)))


def test_an_intermediate_below_the_temp_ca_is_refused(ready):
    issuer, signer = temp_ca(ready)
    between, key = new_key(), new_key()
    ca = make(between, issuer, signer, subject="Between", extensions=[(x509.BasicConstraints(True, 0), True)])
    is_turned_away(ready, context_of(key, make(key, name("Between"), between), ca))


def test_the_temp_ca_itself_may_follow(ready):
    issuer, signer = temp_ca(ready)
    key = new_key()
    ca = x509.load_pem_x509_certificate(ready.kms().call("GetTempCaCert")["temp_ca_cert"].encode())
    comes_in(ready, context_of(key, make(key, issuer, signer), ca))


def der_twice(cert, signer):
    """The certificate with the last extension once more, signed again."""
    tbs = tlvs(tlvs(cert.tbs_certificate_bytes)[0][1])
    listed = tlvs(tlvs(tbs[-1][1])[0][1])
    twice = b"".join(e[2] for e in listed) + listed[-1][2]
    body = b"".join(e[2] for e in tbs[:-1]) + pki.der_tlv(0xA3, pki.der_tlv(0x30, twice))
    body = pki.der_tlv(0x30, body)
    signature = signer.sign(body, ec.ECDSA(hashes.SHA256()))
    return pki.der_tlv(0x30, body + bytes.fromhex("300a06082a8648ce3d040302") + pki.der_tlv(3, b"\0" + signature))


@pytest.mark.parametrize("arc", [8, 1, 3, 9, 77])
def test_repeated_own_extensions_pass_the_handshake(ready, platform, arc):
    issuer, signer = temp_ca(ready)
    key = new_key()
    content = platform.guest().attest(report_data("ratls-cert", spki(key))) if arc == 8 else bytes(20)
    if arc == 9:
        content = b"\x98" + b"\xc4\x00" * 4 + (b"\xc4\x20" + bytes(32)) * 2 + b"\xc4\x00" * 2
    der = der_twice(make(key, issuer, signer, extensions=[(own(arc, content), False)]), signer)
    context = ssl._create_unverified_context()
    with tempfile.NamedTemporaryFile() as both:
        both.write(b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
                   + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        both.flush()
        context.load_cert_chain(both.name)
    assert ask(ready.port, "GET", "/health", context=context).body == b"OK"
    # Evidence twice is an error; of the others the first counts, or none is looked at.
    status = ask(ready.port, "POST", "/prpc/GetMeta?json", b"", context=context).status
    assert status == (400 if arc in (8, 1) else 200)


def test_what_the_server_shows(ready):
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["http/1.1"])
    with Wire(ready.port, context) as wire:
        assert wire.sock.version() == "TLSv1.2" and wire.sock.selected_alpn_protocol() == "http/1.1"
        assert wire.sock.cipher()[0].startswith("ECDHE-ECDSA-")
        assert wire.ask("GET", "/health").body == b"OK"
    # Only the leaf, by the root that GetTempCaCert names; host names are checked against the SAN.
    root = ready.kms().call("GetTempCaCert")["ca_cert"]
    checked = ssl.create_default_context(cadata=root)
    with Wire(ready.port, checked) as wire:
        der = wire.sock.getpeercert(True)
        assert der == ssl.PEM_cert_to_DER_cert((ready.state / "certs" / "rpc.crt").read_text())
    stranger = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        Wire(ready.port, stranger)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(ready, version):
    context = ssl._create_unverified_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Wire(ready.port, context)


def test_the_server_asks_for_certificates_of_the_temp_ca(ready):
    """From the bytes of the handshake: CertificateRequest with ecdsa_secp256r1_sha256 and the temp CA's name."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl._create_unverified_context().wrap_bio(incoming, outgoing, server_hostname="kms.test")
    issuer, _ = temp_ca(ready)
    with Wire(ready.port, context=False) as wire:
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        wire.send(outgoing.read())
        messages = b""
        while b"\x0e\x00\x00\x00" != messages[-4:]:
            while len(wire.buffer) < 5 or len(wire.buffer) < 5 + int.from_bytes(wire.buffer[3:5], "big"):
                assert wire.fill()
            size = int.from_bytes(wire.buffer[3:5], "big")
            assert wire.buffer[0] == 22
            messages, wire.buffer = messages + wire.buffer[5:5 + size], wire.buffer[5 + size:]
    kinds = {}
    while messages:
        size = int.from_bytes(messages[1:4], "big")
        kinds[messages[0]], messages = messages[4:4 + size], messages[4 + size:]
    assert list(kinds) == [2, 11, 12, 13, 14]
    request = kinds[13]
    types, rest = request[1:1 + request[0]], request[1 + request[0]:]
    algorithms, names = rest[2:2 + int.from_bytes(rest[:2], "big")], rest[2 + int.from_bytes(rest[:2], "big"):]
    assert 64 in types and b"\x04\x03" in [algorithms[i:i + 2] for i in range(0, len(algorithms), 2)]
    assert names[4:] == issuer.public_bytes() and len(kinds[11]) < 65535
    # One certificate, no DOWNGRD mark.
    assert int.from_bytes(kinds[11][:3], "big") == int.from_bytes(kinds[11][3:6], "big") + 3 and b"DOWNGRD" not in kinds[2]


def test_renegotiation_is_refused(ready):
    got = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{ready.port}", "-tls1_2", "-servername", "kms.test"], input=b"R\n",
                         capture_output=True, timeout=30)
    assert b"Secure Renegotiation IS supported" in got.stdout and b"no renegotiation" in got.stderr


def test_an_address_as_domain_is_verified_by_clients(start):
    kms = start()
    kms.bootstrap("127.0.0.1")
    root = kms.kms().call("GetTempCaCert")["ca_cert"]
    context = ssl.create_default_context(cadata=root)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", kms.port)), server_hostname="127.0.0.1") as tls:
        assert tls.version() == "TLSv1.2"

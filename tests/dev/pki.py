"""The dev PKI: an Intel-like SGX hierarchy (root, PCK CA, PCK leaf, TCB signer) and a Google-like EK/AK hierarchy (RSA-4096 root and
intermediate). Everything is made once into a directory and reused; what has a short life (CRLs, TCB info) is signed anew by pccs.py."""

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests.dev.der import oid as der_oid, tlv as der_tlv

DAY = datetime.timedelta(days=1)
SGX_EXTENSION = ObjectIdentifier("1.2.840.113741.1.13.1")
AIK_PURPOSE = ObjectIdentifier("2.23.133.8.1")
FMSPC = bytes.fromhex("00806f050000")
PPID = bytes(range(16))
PCESVN = 11
CPUSVN = bytes([3] * 16)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def name(common, org="ukms dev"):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common), x509.NameAttribute(NameOID.ORGANIZATION_NAME, org)])


def sgx_extension(ppid=PPID, fmspc=FMSPC, pcesvn=PCESVN, cpusvn=CPUSVN):
    base = "1.2.840.113741.1.13.1"
    pair = lambda oid, value: der_tlv(0x30, der_oid(oid) + value)
    integer = lambda v: der_tlv(0x02, bytes([v]) if v < 0x80 else b"\0" + bytes([v]))
    tcb = b"".join(pair(f"{base}.2.{i + 1}", integer(cpusvn[i])) for i in range(16))
    tcb += pair(f"{base}.2.17", integer(pcesvn)) + pair(f"{base}.2.18", der_tlv(0x04, cpusvn))
    return der_tlv(
        0x30,
        pair(f"{base}.1", der_tlv(0x04, ppid))
        + pair(f"{base}.2", der_tlv(0x30, tcb))
        + pair(f"{base}.3", der_tlv(0x04, b"\0\0"))
        + pair(f"{base}.4", der_tlv(0x04, fmspc))
        + pair(f"{base}.5", der_tlv(0x0A, b"\0")),
    )


def issue(subject, key, issuer, issuer_key, *, ca=None, extra=(), crl=None, days=3650):
    usage = dict(digital_signature=not ca, content_commitment=not ca, key_encipherment=False, data_encipherment=False, key_agreement=False,
                 key_cert_sign=bool(ca), crl_sign=bool(ca), encipher_only=False, decipher_only=False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - DAY)
        .not_valid_after(now() + days * DAY)
        .add_extension(x509.BasicConstraints(ca=bool(ca), path_length=ca - 1 if ca else None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    if crl:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def pem(*certs):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certs)


def der(cert):
    return cert.public_bytes(serialization.Encoding.DER)


class Pki:
    """Keys and certificates as attributes: sgx_root, pck_ca, pck, tcb (pairs of key and cert), ak_root, ak_ca. `url` is where pccs.py is
    reached by whoever verifies; it is written into the certificates."""

    PARTS = ("sgx_root", "pck_ca", "pck", "tcb", "ak_root", "ak_ca")

    def __init__(self, directory, url):
        self.dir = Path(directory)
        self.url = url
        mark = self.dir / "url"
        if not mark.exists() or mark.read_text() != url:
            self._make()
            mark.write_text(url)
        for part in self.PARTS:
            key = serialization.load_pem_private_key((self.dir / f"{part}.key").read_bytes(), None)
            cert = x509.load_pem_x509_certificate((self.dir / f"{part}.crt").read_bytes())
            setattr(self, part, (key, cert))

    def anchors(self, directory):
        """Writes the anchors as the dev flavour carries them."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "intel_sgx_root.der").write_bytes(der(self.sgx_root[1]))
        (directory / "google_ek_root.der").write_bytes(der(self.ak_root[1]))

    def issue_ak(self, public_key):
        """A certificate for a vTPM attestation key, as Google's CA issues them (AIA, CRL, tcg-kp-AIKCertificate)."""
        key, cert = self.ak_ca

        class Holder:
            def public_key(self):
                return public_key

        access = x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(f"{self.url}/ak_ca.der"))
        return issue(name("ukms dev vTPM AK"), Holder(), cert.subject, key, crl=f"{self.url}/ak_ca.crl",
                     extra=[x509.AuthorityInformationAccess([access]), x509.ExtendedKeyUsage([AIK_PURPOSE])])

    def _make(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        os.chmod(self.dir, 0o700)
        p256 = lambda: ec.generate_private_key(ec.SECP256R1())
        rsa4096 = lambda: rsa.generate_private_key(65537, 4096)
        root_crl, names = f"{self.url}/root.crl", {}
        keys = {}
        for part in self.PARTS:
            file = self.dir / f"{part}.key"
            if file.exists():  # another url: new certificates over the same keys
                keys[part] = serialization.load_pem_private_key(file.read_bytes(), None)
            else:
                keys[part] = rsa4096() if part.startswith("ak_") else p256()
        root, ca, ak_root = name("ukms dev SGX Root CA"), name("ukms dev SGX PCK Platform CA"), name("ukms dev EK/AK CA Root")
        names["sgx_root"] = issue(root, keys["sgx_root"], root, keys["sgx_root"], ca=2, crl=root_crl)
        names["pck_ca"] = issue(ca, keys["pck_ca"], root, keys["sgx_root"], ca=1, crl=root_crl)
        sgx = x509.UnrecognizedExtension(SGX_EXTENSION, sgx_extension())
        names["pck"] = issue(name("ukms dev SGX PCK Certificate"), keys["pck"], ca, keys["pck_ca"], crl=f"{self.url}/pck.crl", extra=[sgx])
        names["tcb"] = issue(name("ukms dev SGX TCB Signing"), keys["tcb"], root, keys["sgx_root"], crl=root_crl)
        names["ak_root"] = issue(ak_root, keys["ak_root"], ak_root, keys["ak_root"], ca=2)
        names["ak_ca"] = issue(name("ukms dev EK/AK CA Intermediate"), keys["ak_ca"], ak_root, keys["ak_root"], ca=1)
        for part in self.PARTS:
            (self.dir / f"{part}.key").write_bytes(
                keys[part].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
            (self.dir / f"{part}.crt").write_bytes(pem(names[part]))

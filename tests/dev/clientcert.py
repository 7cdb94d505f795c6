"""Client certificates under the temp CA, made by hand: any dates, issuer and extensions."""

import datetime
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.dev import pki


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def make(key, issuer, signer, *, subject="RA-TLS TEMP Cert", before=-pki.DAY, after=30 * pki.DAY, extensions=(), digest=None):
    builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(before if isinstance(before, datetime.datetime) else pki.now() + before)
               .not_valid_after(after if isinstance(after, datetime.datetime) else pki.now() + after))
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(signer, digest or hashes.SHA256())


def temp_ca(kms):
    temp = kms.kms().call("GetTempCaCert")
    return x509.load_pem_x509_certificate(temp["temp_ca_cert"].encode()).subject, serialization.load_pem_private_key(temp["temp_ca_key"].encode(), None)


def context_of(key, *chain):
    context = ssl._create_unverified_context()
    with tempfile.NamedTemporaryFile() as both:
        both.write(pki.pem(*chain) + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        both.flush()
        context.load_cert_chain(both.name)
    return context

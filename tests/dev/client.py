"""A KMS client as guests are one: GetTempCaCert without trust, an RA-TLS certificate under the temp CA, then calls over mutual TLS."""

import http.client
import json
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests.dev import pki
from tests.dev.guest import report_data

CUSTOM = "1.3.6.1.4.1.62397.1"
QUOTE, EVENT_LOG, ATTESTATION = (ObjectIdentifier(f"{CUSTOM}.{n}") for n in (1, 2, 8))


class Refused(Exception):
    def __init__(self, status, body):
        self.status, self.body = status, body
        try:
            self.error = json.loads(body)["error"]
        except (ValueError, KeyError, TypeError):
            self.error = body.decode("utf-8", "replace")
        super().__init__(f"{status}: {self.error}")


class Kms:
    """One KMS at host:port; `domain` is the name its certificate carries."""

    def __init__(self, port, domain=None, host="127.0.0.1", timeout=60):
        self.host, self.port, self.domain, self.timeout = host, port, domain, timeout

    def connect(self, context=None, tls=True):
        if not tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        if context is None:
            context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)
        if context.check_hostname:
            import socket
            connection.sock = context.wrap_socket(socket.create_connection((self.host, self.port), self.timeout), server_hostname=self.domain)
        return connection

    def call(self, method, request=None, *, context=None, tls=True, connection=None):
        """The decoded JSON answer, or Refused."""
        own = connection is None
        connection = connection or self.connect(context, tls)
        try:
            connection.request("POST", f"/prpc/{method}?json", json.dumps(request))
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise Refused(answer.status, body)
            return json.loads(body)
        finally:
            if own:
                connection.close()

    def get(self, path, tls=True, context=None):
        connection = self.connect(context, tls)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def ra_context(self, attestation_for, *, temp=None, key=None, bind=None):
        """An SSL context whose client certificate carries attestation_for(report_data of its key). bind: another key to bind instead;
        attestation_for None: a certificate without evidence. attestation_for may also give {oid: value}, extensions of the older form."""
        temp = temp or self.call("GetTempCaCert")
        issuer = x509.load_pem_x509_certificate(temp["temp_ca_cert"].encode())
        issuer_key = serialization.load_pem_private_key(temp["temp_ca_key"].encode(), None)
        key = key or ec.generate_private_key(ec.SECP256R1())
        spki = (bind or key).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        builder = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "RA-TLS TEMP Cert")]))
                   .issuer_name(issuer.subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + 30 * pki.DAY))
        if attestation_for:
            evidence = attestation_for(report_data("ratls-cert", spki))
            for oid, value in (evidence if isinstance(evidence, dict) else {ATTESTATION: evidence}).items():
                builder = builder.add_extension(x509.UnrecognizedExtension(oid, pki.der_tlv(0x04, value)), critical=False)
        cert = builder.sign(issuer_key, hashes.SHA256())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=temp["ca_cert"])
        context.check_hostname = self.domain is not None
        with tempfile.NamedTemporaryFile() as both:
            both.write(pki.pem(cert) + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                         serialization.NoEncryption()))
            both.flush()
            context.load_cert_chain(both.name)
        return context

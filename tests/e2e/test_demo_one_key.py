"""The demonstration: instances of one app on different clouds, with different kinds of evidence and different compose hashes, get one key and
make the same signatures; guests of 0.5.4 and of 0.5.7 get certificates from one server. And nobody else does."""

import hashlib
import json
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.dev import nitro, secp
from tests.dev.keccak import keccak256
from tests.dev.auth import AuthApi, Registry
from tests.dev.client import CUSTOM, EVENT_LOG, QUOTE, Refused
from tests.dev.guest import compact, report_data, text, vec
from tests.dev.process import Process

APP = bytes.fromhex("a11ce0000000000000000000000000000000beef")
OTHER_APP = bytes.fromhex("b0b0000000000000000000000000000000000bad")
MESSAGE = b"one message that every instance signs"
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
NITRO_RULE = {"relax": ["nitro-signed-identity"]}


class Clouds:
    """A KMS behind the contract's rule, and the machines of both clouds. The relaxation is in the server's own policy."""

    def __init__(self, platform, directory, attestation=None, **core):
        self.platform, self.amazon, self.registry, self.auth = platform, nitro.Authority(), Registry(), AuthApi()
        self.auth.decide = self.registry
        directory.mkdir(parents=True)
        self.amazon.write_root(directory / "nitro_root.der")
        roots = {"root_ca": {"aws_nitro_enclave": str(directory / "nitro_root.der"), "aws_nitro_tpm": str(directory / "nitro_root.der")}}
        core = {"attestation": roots | (attestation or {}), **self.auth.config()["core"], **core}
        self.process = Process(platform, directory / "kms", config={"core": core}).start()
        self.process.bootstrap()

    def google(self, compose, app_id=APP, allowed=True):
        return self.known(self.platform.guest(compose, app_id=app_id, instance_id=hashlib.sha256(compose).digest()[:20]), app_id,
                          hashlib.sha256(compose).digest(), allowed)

    def enclave(self, label, app_id=APP, allowed=True, **kw):
        pcrs = None if "debug" in kw else {i: nitro.pcr(label, str(i)) if i < 3 else bytes(48) for i in range(16)}
        enclave = nitro.Enclave(self.amazon, app_id, pcrs, **kw)
        return self.known(enclave, app_id, enclave.image_hash, allowed)

    def instance(self, compose, app_id=APP, allowed=True):
        return self.known(nitro.Instance(self.amazon, app_id, compose=compose), app_id, hashlib.sha256(compose).digest(), allowed)

    def known(self, guest, app_id, compose_hash, allowed):
        if allowed:
            self.registry.allow(app_id, compose_hash)
        return guest

    def key(self, guest, *, version=1, config="", attest=None):
        """vm_config: a TDX guest sends its own, `get-keys` in an enclave the empty text."""
        kms = self.process.kms()
        return kms.call("GetAppKey", {"api_version": version, "vm_config": config}, context=kms.ra_context(attest or guest.attest))

    def close(self):
        self.process.stop()
        self.auth.close()


@pytest.fixture(scope="module")
def clouds(platform, tmp_path_factory):
    c = Clouds(platform, tmp_path_factory.mktemp("demo") / "relaxed", NITRO_RULE, aws_nitro_tpm_key_release=True)
    yield c
    c.close()


def refused(call, *args, **kw):
    with pytest.raises(Refused) as problem:
        call(*args, **kw)
    assert problem.value.status == 400
    return problem.value.error


def one_app_on_three_platforms(clouds):
    """(what it is, how it asks)"""
    tdx, enclave, instance = clouds.google(b'{"name":"on tdx"}'), clouds.enclave("the app's image"), clouds.instance(b'{"name":"on nitrotpm"}')
    return {
        "gcp-tdx": lambda version: clouds.key(tdx, version=version, config=tdx.vm_config),
        "nitro-enclave": lambda version: clouds.key(enclave, version=version),
        "nitro-enclave, container of version 1": lambda version: clouds.key(enclave, version=version, attest=lambda d: enclave.attest(d, version=1)),
        "nitro-tpm": lambda version: clouds.key(instance, version=version),
    }


def test_three_kinds_of_evidence_get_one_key_and_sign_alike(clouds):
    asked = len(clouds.auth.decided)
    answers = {f"{name}, api {version}": ask(version) for name, ask in one_app_on_three_platforms(clouds).items() for version in (0, 1)}
    seen = [info for kind, info in clouds.auth.decided[asked:] if kind == "app"]
    assert {i["teeVariant"] for i in seen} == {"dstack-gcp-tdx", "dstack-nitro-enclave", "dstack-aws-nitro-tpm"}
    assert {i["appId"] for i in seen} == {APP.hex()}
    assert len({i["composeHash"] for i in seen}) == 3 and len({i["mrAggregated"] for i in seen}) == 3

    digest = hashlib.sha256(MESSAGE).digest()
    signatures = {name: secp.sign(bytes.fromhex(a["k256_key"]), digest) for name, a in answers.items()}
    assert len(set(signatures.values())) == 1, signatures
    for member in ("k256_key", "k256_signature", "env_crypt_key", "ca_cert", "gateway_app_id"):
        assert len({a[member] for a in answers.values()}) == 1, member
    assert len({a["disk_crypt_key"] for a in answers.values()}) == 3, "disk keys are of the instance: the enclave's has no id"

    # Anybody can follow the signature to the KMS: the message to the app's key, the app's key to the root that GetMeta names.
    public = secp.signer(signatures.popitem()[1], digest)
    answer = answers.popitem()[1]
    assert public == secp.public(bytes.fromhex(answer["k256_key"]))
    issued = keccak256(b"dstack-kms-issued:" + APP + public)
    assert secp.signer(bytes.fromhex(answer["k256_signature"]), issued).hex() == clouds.process.kms().call("GetMeta")["k256_pubkey"]


def test_app_key_of_an_unknown_api_version_is_refused(clouds):
    for ask in one_app_on_three_platforms(clouds).values():
        assert refused(ask, 2) == "Unsupported API version: 2"


def test_another_app_id_gets_another_key_on_every_platform(clouds):
    own = clouds.key(clouds.enclave("the app's image"))["k256_key"]
    others = [clouds.key(clouds.google(b'{"name":"other"}', OTHER_APP)), clouds.key(clouds.enclave("another image", OTHER_APP)),
              clouds.key(clouds.instance(b'{"name":"other on nitrotpm"}', OTHER_APP))]
    assert len({o["k256_key"] for o in others}) == 1 and others[0]["k256_key"] != own


# --- and nobody else --------------------------------------------------------------------------------------------------------------------

def test_a_wrong_app_id_is_denied_on_every_platform(clouds):
    """An enclave writes its app id itself and nothing signs it: only the contract stands between it and another app's key."""
    stranger = bytes.fromhex("5742a9e2" * 5)
    for guest in (clouds.google(b'{"name":"thief"}', stranger, False), clouds.enclave("thief", stranger, False),
                  clouds.instance(b'{"name":"thief"}', stranger, False)):
        assert refused(clouds.key, guest) == "App not allowed: Boot denied: App not registered"
    for guest in (clouds.google(b'{"name":"thief"}', APP, False), clouds.enclave("thief", APP, False),
                  clouds.instance(b'{"name":"thief"}', APP, False)):
        assert refused(clouds.key, guest) == "App not allowed: Boot denied: Compose hash not allowed"


@pytest.mark.parametrize("app_id", [None, b"", APP[:19], APP + b"\0"])
def test_an_enclave_without_an_app_id_of_20_bytes_is_denied(clouds, app_id):
    assert refused(clouds.key, clouds.enclave("the app's image", app_id, False)) == "App not allowed: app_id must be 20 bytes"


def test_a_debug_enclave_is_denied(clouds):
    """PCRs 0 to 2 are zero: even if the contract knows such an image hash, and whichever hash the enclave claims."""
    debug, good = clouds.enclave("", debug=True), clouds.enclave("the app's image")
    assert debug.image_hash == bytes(32)
    plain = hashlib.sha256(bytes(144)).digest()
    clouds.registry.allow(APP, plain)
    for claim in (debug.vm_config, good.vm_config, json.dumps({"os_image_hash": plain.hex()})):
        problem = refused(clouds.key, debug, attest=lambda d: debug.attest(d, config=claim))
        assert problem == "App not allowed: Failed to verify os image hash: Failed to verify os image hash: the enclave runs in debug mode"
        assert refused(clouds.key, debug, config=claim) == problem


def test_an_enclave_that_claims_another_image_is_denied(clouds):
    thief, good = clouds.enclave("thief", APP, False), clouds.enclave("the app's image")
    for ask in (lambda: clouds.key(thief, attest=lambda d: thief.attest(d, config=good.vm_config)), lambda: clouds.key(thief, config=good.vm_config)):
        assert refused(ask).startswith("App not allowed: Failed to verify os image hash: Failed to verify os image hash: os_image_hash mismatch")


def test_documents_of_another_root_and_for_another_key_are_denied(clouds):
    good = clouds.enclave("the app's image")
    forged = nitro.Enclave(nitro.Authority(label="forger"), APP, good.pcrs)
    assert refused(clouds.key, forged).startswith("invalid quote: NSM certificate chain: ")
    assert refused(clouds.key, good, attest=lambda d: good.attest(bytes(64))) == "invalid quote: report data mismatch"


def test_without_the_relaxation_no_enclave_gets_a_key(platform, tmp_path):
    clouds = Clouds(platform, tmp_path / "strict")
    try:
        assert len(clouds.key(clouds.google(b'{"name":"on tdx"}'))["k256_key"]) == 64
        problem = "nothing signs the app id of a Nitro enclave (rule nitro-signed-identity)"
        enclave = clouds.enclave("the app's image")
        assert refused(clouds.key, enclave) == f"App not allowed: {problem}"
        assert refused(sign_cert, clouds.process, csr_v2(enclave), "") == problem
        assert refused(clouds.key, clouds.instance(b'{"name":"on nitrotpm"}')) == "aws nitro-tpm key release is not enabled"
    finally:
        clouds.close()


# --- certificates for old and new guests --------------------------------------------------------------------------------------------------

def csr_head(spki, name):
    return text("please sign cert:") + vec(spki) + b"\0" + text(name) + compact(1) + text(name) + b"\1\1"


def csr_v1(guest, name="old.test"):
    """0.5.4: the quote and its JSON log; ext_quote set."""
    def make(spki):
        quote, log = guest.legacy(report_data("ratls-cert", spki))
        return csr_head(spki, name) + b"\1" + vec(quote) + vec(log)
    return 1, name, make


def csr_v2(guest, name="new.test", ext_quote=True):
    """0.5.7: the versioned container as it is."""
    def make(spki):
        return csr_head(spki, name) + bytes([ext_quote, 1]) + b"\0\0" + guest.attest(report_data("ratls-cert", spki))
    return 2, name, make


def sign_cert(process, request, vm_config, context=None):
    """The key and the chain (PEM, leaf first)."""
    version, _, make = request
    key = ec.generate_private_key(ec.SECP256R1())
    csr = make(key.public_key().public_bytes(*SPKI))
    answer = process.kms().call("SignCert", {"api_version": version, "csr": csr.hex(), "signature": key.sign(csr, ec.ECDSA(hashes.SHA256())).hex(),
                                             "vm_config": vm_config}, context=context)
    return key, answer["certificate_chain"]


def serves_tls(tmp_path, key, chain, root, name):
    """A server with this chain convinces OpenSSL, which trusts the root alone; the same chain as a client convinces it the other way."""
    file = tmp_path / f"{name}.pem"
    file.write_bytes("".join(chain[:2]).encode() + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                                      serialization.NoEncryption()))
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (server, client):
        context.load_cert_chain(file)
        context.load_verify_locations(cadata=root)
        context.verify_mode = ssl.CERT_REQUIRED
    ends, seen = socket.socketpair(), []

    def serve():
        with server.wrap_socket(ends[0], server_side=True) as s:
            seen.append(s.getpeercert(True))
            s.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(ends[1], server_hostname=name) as s:
        assert s.recv(5) == b"hello"
        assert s.getpeercert(True) == ssl.PEM_cert_to_DER_cert(chain[0])
    thread.join()
    assert seen == [ssl.PEM_cert_to_DER_cert(chain[0])]


def oids(cert):
    return [e.oid.dotted_string.removeprefix(f"{CUSTOM}.") for e in cert.extensions if e.oid.dotted_string.startswith(CUSTOM)]


@pytest.fixture(scope="module")
def plain_tdx(platform, tmp_path_factory):
    """A version 1 request carries a bare TDX quote, whose image this KMS cannot check (it downloads nothing): the policy vouches for it."""
    c = Clouds(platform, tmp_path_factory.mktemp("demo") / "unchecked", NITRO_RULE, image={"verify": False})
    yield c
    c.close()


def test_guests_of_0_5_4_and_0_5_7_get_certificates_from_one_server(plain_tdx, tmp_path):
    process, kms = plain_tdx.process, plain_tdx.process.kms()
    old, new, enclave = plain_tdx.google(b'{"name":"old"}'), plain_tdx.google(b'{"name":"new"}'), plain_tdx.enclave("the app's image")

    # Boot, 0.5.4: GetTempCaCert, then GetAppKey with quote and log in the client certificate. 0.5.7: the container.
    def legacy(data):
        quote, log = old.legacy(data)
        return {QUOTE: quote, EVENT_LOG: log}
    keys = [plain_tdx.key(old, config=old.vm_config, attest=legacy), plain_tdx.key(new, config=new.vm_config), plain_tdx.key(enclave)]
    assert len({k["k256_key"] for k in keys}) == 1
    variants = [info["teeVariant"] for kind, info in plain_tdx.auth.decided if kind == "app"][-3:]
    assert variants == ["dstack-tdx", "dstack-gcp-tdx", "dstack-nitro-enclave"]

    # Certificates: GetMeta names the root, SignCert in the version that each knows.
    root = kms.call("GetMeta")["ca_cert"]
    chains = {}
    for request, guest in ((csr_v1(old), old), (csr_v2(new), new), (csr_v2(new, "plain.test", False), new), (csr_v2(enclave, "enclave.test"), enclave)):
        version, name, _ = request
        key, chain = sign_cert(process, request, "" if guest is enclave else guest.vm_config)
        assert len(chain) == 3 and chain[2] == root
        serves_tls(tmp_path, key, chain, root, name)
        leaf, ca = (x509.load_pem_x509_certificate(p.encode()) for p in chain[:2])
        assert leaf.public_key().public_bytes(*SPKI) == key.public_key().public_bytes(*SPKI)
        assert oids(leaf) == {"old.test": ["3", "4", "8"], "plain.test": ["3", "9", "4"]}.get(name, ["3", "9", "4", "8"])
        assert leaf.extensions.get_extension_for_oid(x509.ObjectIdentifier(f"{CUSTOM}.3")).value.value == b"\x04\x14" + APP
        chains[name] = (leaf, ca)
    assert len({ca.public_key().public_bytes(*SPKI) for _, ca in chains.values()}) == 1
    # The other app has another CA, and this one does not vouch for it.
    _, foreign = sign_cert(process, csr_v2(plain_tdx.google(b'{"name":"other"}', OTHER_APP)), "")
    foreign_ca = x509.load_pem_x509_certificate(foreign[1].encode())
    assert foreign_ca.public_key().public_bytes(*SPKI) != chains["new.test"][1].public_key().public_bytes(*SPKI)


def test_requests_in_the_other_version_are_refused(plain_tdx):
    old, new = plain_tdx.google(b'{"name":"old"}'), plain_tdx.google(b'{"name":"new"}')
    for version, request in ((2, csr_v1(old)), (1, csr_v2(new))):
        assert refused(sign_cert, plain_tdx.process, (version, *request[1:]), old.vm_config).startswith("Failed to parse csr: ")
    assert refused(sign_cert, plain_tdx.process, (3, *csr_v2(new)[1:]), "") == "Unsupported API version: 3"


def test_certificates_are_denied_where_keys_are(plain_tdx, clouds):
    thief = plain_tdx.google(b'{"name":"thief"}', APP, False)
    for request in (csr_v1(thief), csr_v2(thief), csr_v2(plain_tdx.enclave("thief", APP, False))):
        assert refused(sign_cert, plain_tdx.process, request, "") == "Boot denied: Compose hash not allowed"
    # Where images are checked, a bare TDX quote gets nothing, and a debug enclave neither.
    assert refused(sign_cert, clouds.process, csr_v1(clouds.google(b'{"name":"on tdx"}')), "").startswith("Failed to verify os image hash: ")
    debug = clouds.enclave("", debug=True)
    assert refused(sign_cert, clouds.process, csr_v2(debug), "") == \
        "Failed to verify os image hash: Failed to verify os image hash: the enclave runs in debug mode"

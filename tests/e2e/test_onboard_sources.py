"""Onboarding from a KMS on another platform: the image that the source claims to run is believed only where its measurements bear it out."""

import datetime
import json
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.dev import nitro, pki, snp
from tests.dev.auth import AuthApi
from tests.dev.client import EVENT_LOG, QUOTE, Refused
from tests.dev.guest import report_data
from tests.dev.process import Process
from tests.dev.server import Server
from tests.dev.snp_machine import Machine, write_root

NOT_ALLOWED = "Failed to onboard: Source KMS is not allowed for onboarding: "


class Sources:
    """Bootstrapped source KMS by platform, and configurations under which their evidence counts."""

    def __init__(self, platform, directory):
        self.platform, self.dir, self.running, self.count = platform, directory, [], 0
        self.amd, self.amazon = snp.Authority(int(time.time())), nitro.Authority()
        write_root(self.amd, directory / "ark.der")
        self.amazon.write_root(directory / "nitro_root.der")
        amazon = str(directory / "nitro_root.der")
        self.roots = {"sev_snp_milan": str(directory / "ark.der"), "aws_nitro_tpm": amazon, "aws_nitro_enclave": amazon}

    def start(self, guest=None, **core):
        self.count += 1
        core = {"attestation": {"root_ca": self.roots, "relax": ["nitro-signed-identity"]}, "sev_snp_key_release": True,
                "aws_nitro_tpm_key_release": True, **core}
        process = Process(self.platform, self.dir / str(self.count), config={"core": core}, guest=guest).start()
        self.running.append(process)
        return process

    def source(self, guest):
        process = self.start(guest, enforce_self_authorization=False)
        process.bootstrap()
        return process

    def close(self):
        for process in self.running:
            process.stop()


@pytest.fixture
def sources(platform, tmp_path):
    s = Sources(platform, tmp_path)
    yield s
    s.close()


class Claiming:
    """A guest whose evidence carries another config: what an operator of the machine can write there without anything signing it."""

    def __init__(self, guest, config):
        self.guest, self.vm_config = guest, config

    def attest(self, data):
        return self.guest.attest(data, config=self.vm_config)


def onboard(process, source):
    return process.kms().call("Onboard.Onboard", {"source_url": f"https://127.0.0.1:{source.port}", "domain": "kms.test"}, tls=False)


def refused(process, source):
    with pytest.raises(Refused) as problem:
        onboard(process, source)
    assert problem.value.status == 400
    assert not any((process.state / "certs").glob("*.key")), "nothing is stored of a source that is refused"
    return problem.value.error


def app_key(process):
    kms, guest = process.kms(), process.platform.guest()
    return kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=kms.ra_context(guest.attest))["k256_key"]


def machines(sources):
    return {"sev-snp": Machine(sources.amd), "nitro-tpm": nitro.Instance(sources.amazon),
            "nitro-enclave": nitro.Enclave(sources.amazon, b"K" * 20)}


@pytest.mark.parametrize("kind", ["sev-snp", "nitro-tpm", "nitro-enclave"])
def test_a_source_whose_measurements_bear_out_its_image_is_taken(sources, kind):
    source = sources.source(machines(sources)[kind])
    target = sources.start()
    assert onboard(target, source) == {}
    assert target.kms().get("/finish", tls=False)[0] == 200
    target.wait_tls()
    assert app_key(target) == app_key(source)


# A bare claim of a good release's hash; nothing at all; the release's own document beside another claim; the document of another release.
UNSIGNED = {
    "sev-snp": {"bare claim": "sev-snp attestation requires vm_config.sev_snp_measurement", "no claim": "sev-snp attestation requires vm_config.",
                "other claim": "sev_snp_measurement: ", "other release": "SEV-SNP launch measurement mismatch"},
    "nitro-tpm": {"bare claim": "aws nitro tpm attestation requires vm_config.aws_measurement",
                  "no claim": "aws nitro tpm attestation requires vm_config.", "other claim": "os_image_hash", "other release": "boot PCR digest mismatch"},
    "nitro-enclave": {"no claim": "os_image_hash mismatch", "other claim": "os_image_hash mismatch", "other release": "os_image_hash mismatch"},
}


def claim(sources, kind, what):
    own = machines(sources)[kind]
    if what == "bare claim":
        return json.dumps({"os_image_hash": json.loads(own.vm_config)["os_image_hash"]})
    if what == "no claim":
        return "{}"
    if what == "other claim":
        return json.dumps(json.loads(own.vm_config) | {"os_image_hash": "ab" * 32})
    others = {"sev-snp": lambda: Machine(sources.amd, image="another image"),
              "nitro-tpm": lambda: nitro.Instance(sources.amazon, pcrs={i: nitro.pcr("another", str(i)) for i in range(16)}),
              "nitro-enclave": lambda: nitro.Enclave(sources.amazon, pcrs={i: nitro.pcr("another", str(i)) for i in range(16)})}
    return others[kind]().vm_config


@pytest.mark.parametrize("kind", UNSIGNED)
def test_a_source_whose_image_is_only_claimed_is_refused(sources, kind):
    target = sources.start()
    for what, said in UNSIGNED[kind].items():
        source = sources.source(Claiming(machines(sources)[kind], claim(sources, kind, what)))
        error = refused(target, source)
        assert error.startswith(f"{NOT_ALLOWED}Failed to verify os image hash: ") and said in error, (what, error)
        source.stop()


def test_on_sev_snp_the_image_counts_even_where_images_are_not_verified(sources):
    """The setting is about image documents; the launch measurement is the identity itself (attestation 7.3, step 3)."""
    target = sources.start(image={"verify": False})
    for what, said in UNSIGNED["sev-snp"].items():
        source = sources.source(Claiming(machines(sources)["sev-snp"], claim(sources, "sev-snp", what)))
        error = refused(target, source)
        assert error.startswith(NOT_ALLOWED) and said in error, (what, error)
        source.stop()
    # The other platforms follow the setting.
    instance = machines(sources)["nitro-tpm"]
    assert onboard(target, sources.source(Claiming(instance, json.dumps({"os_image_hash": "ab" * 32})))) == {}


def test_a_caller_on_sev_snp_is_judged_by_the_same_rule(sources):
    process = sources.start(image={"verify": False})
    process.bootstrap()
    machine = Machine(sources.amd, app_id=b"A" * 20)
    kms = process.kms()

    def ask(config=None, request=""):
        return kms.call("GetAppKey", {"api_version": 1, "vm_config": request}, context=kms.ra_context(lambda d: machine.attest(d, config=config)))

    assert len(ask()["k256_key"]) == 64
    for config, request in (('{"os_image_hash":"%s"}' % machine.os_image_hash.hex(), ""), ("{}", ""), (None, Machine(sources.amd, image="x").vm_config)):
        with pytest.raises(Refused) as problem:
            ask(config, request)
        assert problem.value.error.startswith("App not allowed: Failed to verify os image hash: "), problem.value.error


def test_a_source_of_the_old_style_is_asked_about_with_our_own_image(sources, platform, tmp_path):
    """Its certificate shows a bare quote and cannot name an image; the policy still decides about the registers that the quote names."""
    guest, key = platform.guest(b'{"name":"old kms"}'), ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    builder = (x509.CertificateBuilder().subject_name(pki.name("old kms")).issuer_name(pki.name("old kms")).public_key(key.public_key())
               .serial_number(1).not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + datetime.timedelta(days=30)))
    for oid, value in zip((QUOTE, EVENT_LOG), guest.legacy(report_data("ratls-cert", spki))):
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, pki.der_tlv(0x04, value)), False)
    pem = pki.pem(builder.sign(key, hashes.SHA256()))
    donor = sources.source(None)
    temp = donor.kms().call("GetTempCaCert")
    certs = donor.state / "certs"
    keys = {"temp_ca_key": (certs / "tmp-ca.key").read_text(),
            "keys": [{"ca_key": (certs / "root-ca.key").read_text(), "k256_key": (certs / "root-k256.key").read_bytes().hex()}]}
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    auth = AuthApi()
    target = sources.start(**auth.config()["core"])
    try:
        with Server(pem, private, lambda method: (200, temp if method == "GetTempCaCert" else keys), tmp_path) as source:
            auth.decide = lambda kind, info: (False, "Aggregated MR not allowed")
            assert refused(target, source) == f"{NOT_ALLOWED}boot denied: Aggregated MR not allowed"
            auth.decide = lambda kind, info: (True, "")
            assert onboard(target, source) == {}
    finally:
        auth.close()
    kind, info = auth.decided[-1]
    assert kind == "kms" and info["teeVariant"] == "dstack-tdx" and info["mrAggregated"] != target.guest.mr_aggregated().hex()
    assert info["osImageHash"] == target.guest.os_image_hash.hex()

"""Starting again (sections 1, 5.9, 5.10, 8.1): what is read, what is issued anew, and with which words a start fails."""

import base64
import json
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.dev import derive, pki
from tests.dev.agent import Agent
from tests.dev.process import Process
from tests.dev.raw import ask
from tests.dev.webhook import Webhook, answer


@pytest.fixture
def kms(platform, tmp_path):
    process = Process(platform, tmp_path / "kms").start()
    process.bootstrap()
    process.stop()
    yield process
    process.stop()


def files(kms):
    return kms.state / "certs"


def again(kms, wait=True, agent=True):
    if agent:
        kms.agent = Agent(kms.guest, str(kms.state / "agent.sock"))
    kms.lines.clear()
    return kms.start(wait=wait)


def last_words(kms):
    assert kms.process.wait(20) == 1
    deadline = time.monotonic() + 5
    while not any("ukms serve: " in line for line in kms.lines) and time.monotonic() < deadline:
        time.sleep(0.01)
    return kms.lines[-1]


def configure(kms, **core):
    config = json.loads(kms.config_file.read_text())
    config["core"] |= core
    kms.config_file.write_text(json.dumps(config))


def error(got):
    assert got.status == 400, got
    return json.loads(got.body)["error"]


def test_without_an_agent_no_unattested_certificate_is_served(kms):
    again(kms, wait=False, agent=False)
    assert "Failed to reissue the attested KMS RPC certificate; refusing to start with a potentially unattested certificate" in last_words(kms)


def test_without_an_agent_and_without_attested_certificate(kms):
    configure(kms, attest_rpc_cert=False)
    again(kms, agent=False)
    text = error(ask(kms.port, "POST", "/prpc/GetTempCaCert?json", b""))
    assert text.startswith("KMS self authorization failed: Failed to load cached self boot info: Failed to get local KMS attestation: ")
    assert ask(kms.port, "POST", "/prpc/GetMeta?json", b"").status == 200
    # A failure is not remembered, a success is.
    asked = []
    honest = kms.guest.attest
    kms.guest.attest = lambda data, **kw: (asked.append(data), honest(data, **kw))[1]
    kms.agent = Agent(kms.guest, str(kms.state / "agent.sock"))
    threads = [threading.Thread(target=ask, args=(kms.port, "POST", "/prpc/GetTempCaCert?json", b"")) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert ask(kms.port, "POST", "/prpc/GetTempCaCert?json", b"").status == 200
    assert asked == [bytes(64)]


@pytest.mark.parametrize("evidence,said", [(lambda g, d: b"\x05junk", "Failed to load cached self boot info: Failed to decode local KMS attestation: "),
                                           (lambda g, d: g.attest(d[:-1] + b"x"),
                                            "Failed to load cached self boot info: Failed to verify local KMS attestation")])
def test_own_evidence_that_is_none(kms, evidence, said):
    configure(kms, attest_rpc_cert=False)
    kms.guest.attest, honest = lambda data: evidence(Honest(honest), data), kms.guest.attest
    again(kms)
    assert error(ask(kms.port, "POST", "/prpc/GetTempCaCert?json", b"")).startswith("KMS self authorization failed: " + said)


class Honest:
    def __init__(self, attest):
        self.attest = attest


@pytest.mark.parametrize("name,content,said", [
    ("root-k256.key", b"x" * 31, "Failed to load ECDSA root key"), ("root-k256.key", bytes(32), "Failed to load ECDSA root key"),
    ("root-ca.crt", b"junk", "Failed to load root CA certificate"), ("root-ca.key", b"junk", "Failed to load root CA certificate")])
def test_identity_that_cannot_be_read(kms, name, content, said):
    (files(kms) / name).write_bytes(content)
    again(kms, wait=False)
    line = last_words(kms)
    assert said in line, line


def test_missing_domain_is_fatal(kms):
    (files(kms) / "rpc-domain").unlink()
    again(kms, wait=False)
    assert "refusing to start with a potentially unattested certificate" in last_words(kms)


def pem(label, der):
    text = base64.b64encode(der).decode()
    return f"-----BEGIN {label}-----\n" + "".join(text[i:i + 64] + "\n" for i in range(0, len(text), 64)) + f"-----END {label}-----\n"


@pytest.mark.parametrize("form", ["CRLF", "without the public key"])
def test_other_forms_of_key_files(kms, platform, form):
    path = files(kms) / "root-ca.key"
    canonical = path.read_text()
    key = serialization.load_pem_private_key(canonical.encode(), None)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    short = bytes.fromhex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420") + scalar
    path.write_text(canonical.replace("\n", "\r\n") if form == "CRLF" else pem("PRIVATE KEY", short), newline="")
    again(kms)
    got = kms.kms().call("GetKmsKey", {}, context=kms.kms().ra_context(platform.guest().attest))
    assert got["keys"][0]["ca_key"] == canonical == pem("PRIVATE KEY", derive.pkcs8(key))


@pytest.mark.parametrize("days,reissued", [(364, True), (367, False)])
def test_root_and_temp_ca_are_issued_again_within_a_year_of_their_end(kms, days, reissued):
    before = {}
    for stem in ("root-ca", "tmp-ca"):
        key = serialization.load_pem_private_key((files(kms) / f"{stem}.key").read_bytes(), None)
        old = x509.load_pem_x509_certificate((files(kms) / f"{stem}.crt").read_bytes())
        builder = (x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer).public_key(old.public_key()).serial_number(old.serial_number)
                   .not_valid_before(old.not_valid_before).not_valid_after(pki.now() + days * pki.DAY))
        for e in old.extensions:
            builder = builder.add_extension(e.value, e.critical)
        before[stem] = builder.sign(key, hashes.SHA256())
        (files(kms) / f"{stem}.crt").write_bytes(pki.pem(before[stem]))
    again(kms)
    for stem, old in before.items():
        new = x509.load_pem_x509_certificate((files(kms) / f"{stem}.crt").read_bytes())
        assert (new != old) == reissued
        assert new.public_key().public_numbers() == old.public_key().public_numbers() and (new.subject, new.serial_number) == (old.subject, old.serial_number)
        assert not reissued or new.not_valid_after > (pki.now() + 3600 * pki.DAY).replace(tzinfo=None)
    temp = kms.kms().call("GetTempCaCert")
    assert temp["ca_cert"] == (files(kms) / "root-ca.crt").read_text() and temp["temp_ca_cert"] == (files(kms) / "tmp-ca.crt").read_text()


# --- the setup phase, and evidence that fails there


@pytest.fixture
def agent(platform):
    """A guest agent whose answers a test can change: .attest(report data) and .info()."""
    w = Webhook()
    w.guest = platform.guest()
    w.attest, w.vm = w.guest.attest, lambda: w.guest.vm_config

    def reply(asked):
        if asked.target.startswith("/Attest"):
            evidence = w.attest(bytes.fromhex(asked.json()["report_data"]))
            return answer(500, b"") if evidence is None else answer(200, {"attestation": evidence.hex()})
        vm = w.vm()
        return answer(500, b"") if vm is None else answer(200, {"vm_config": vm})
    w.reply = reply
    yield w
    w.close()


@pytest.fixture
def setup(platform, tmp_path, agent):
    process = Process(platform, tmp_path / "setup", env={"DSTACK_AGENT_ADDRESS": agent.url}).start()
    yield process
    process.stop()


def until(holds):
    """Evidence is kept for some seconds, so an agent's new mind shows a little later."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def bootstrap(kms):
    return ask(kms.port, "POST", "/prpc/Bootstrap?json", b'{"domain":"kms.test"}', context=False)


def info(kms):
    return ask(kms.port, "POST", "/prpc/GetAttestationInfo?json", b"", context=False)


def test_attestation_info_that_fails(setup, agent):
    honest, vm = agent.attest, agent.vm
    for attest, said in [(lambda d: None, "Failed to get attestation: "), (lambda d: b"\x05", "Failed to decode attestation: "),
                         (lambda d: honest(bytes([1]) + d[1:]), "Failed to verify attestation: "),
                         (lambda d: honest(d, pcrs=agent.guest.pcrs() | {14: bytes(32)}), "Failed to verify attestation: PCR14 mismatch, quoted: ")]:
        agent.attest = attest
        until(lambda: error(info(setup)).startswith(said) if info(setup).status == 400 else False)
    agent.attest, agent.vm = honest, lambda: None
    until(lambda: info(setup).body != b"" and error(info(setup)) == "Failed to get VM info: Invalid status code: 500, path=Info?json")
    agent.vm = lambda: "not json"
    assert error(info(setup)).startswith("Failed to decode app info: ")
    agent.vm = vm
    assert info(setup).status == 200


def test_bootstrap_whose_evidence_fails_leaves_nothing(setup, agent):
    honest = agent.attest
    agent.attest = lambda d: b"\x05"
    assert error(bootstrap(setup)).startswith("KMS is not allowed to bootstrap: failed to build local KMS boot info: Failed to decode local KMS attestation: ")
    # The self check passes, the quote for the RPC certificate does not come.
    agent.attest = lambda d: honest(d) if d == bytes(64) else None
    until(lambda: error(bootstrap(setup)).startswith("Failed to generate keys: "))
    agent.attest = lambda d: honest(d) if d == bytes(64) else b"\x05"
    assert error(bootstrap(setup)).startswith("Failed to generate keys: ")
    # The last of the three, for the key attestation, does not come.
    agent.attest = lambda d: None if d[32:] == bytes(32) and d != bytes(64) else honest(d)
    assert error(bootstrap(setup)) == "Failed to get quote: Invalid status code: 500, path=Attest?json"
    assert not any(p.suffix in (".key", ".crt", ".json") for p in files(setup).glob("*"))
    agent.attest = honest
    assert bootstrap(setup).status == 200


def test_head_bootstraps_like_get(setup):
    got = ask(setup.port, "HEAD", "/prpc/Bootstrap?domain=kms.test", context=False)
    assert (got.status, got.body) == (200, b"") and int(got.header("Content-Length")) == (files(setup) / "bootstrap-info.json").stat().st_size

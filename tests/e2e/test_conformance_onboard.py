"""The setup service (section 9): keys made, keys fetched from another KMS, files left on the disk, what is asked of whom, and every refusal."""

import base64
import json
import os
import re
import ssl
import stat
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.dev import derive, pki
from tests.dev.guest import report_data
from tests.dev.keccak import keccak256
from tests.dev.machine import free_port
from tests.dev.process import Process
from tests.dev.raw import ask, error_json, proto, unproto
from tests.dev.webhook import Webhook, answer
from tests.e2e.test_conformance_rpc import boot_info, compact
from tests.e2e.test_conformance_sign_cert import USAGE, LEAF_USAGE, SAN, arc, extensions, nested, serial, stripped

KEYS = ("tmp-ca.key", "root-ca.key", "rpc.key", "root-k256.key")
CERTS = ("tmp-ca.crt", "root-ca.crt", "rpc.crt")


@pytest.fixture
def hook():
    w = Webhook()
    yield w
    w.close()


def setup_call(kms, method, request=None):
    return ask(kms.port, "POST", f"/prpc/{method}?json", b"" if request is None else json.dumps(request).encode(), context=False)


def refused(got, want):
    assert (got.status, got.header("Content-Type")) == (400, "application/json"), got
    assert json.loads(got.body)["error"] == want


def error(got):
    assert got.status == 400, got
    return json.loads(got.body)["error"]


def certs_of(kms):
    return kms.state / "certs"


def identity_files(directory):
    """The files of the protocol by name; the audit chain keeps its own beside them."""
    return {p.name: p.read_bytes() for p in directory.iterdir() if p.name != "audit-head"} if directory.exists() else {}


def load(kms, name):
    return serialization.load_pem_private_key((certs_of(kms) / name).read_bytes(), None)


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


# --- Bootstrap


def test_bootstrap_answer_and_files(start, platform):
    kms = start()
    got = setup_call(kms, "Bootstrap", {"domain": "kms.test"})
    assert got.status == 200
    body = json.loads(got.body)
    assert list(body) == ["ca_pubkey", "k256_pubkey", "attestation"]
    certs = certs_of(kms)
    assert sorted(identity_files(certs)) == sorted(KEYS + CERTS + ("rpc-domain", "bootstrap-info.json"))
    for name in KEYS:
        assert stat.S_IMODE((certs / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(certs.stat().st_mode) & 0o077 == 0
    assert (certs / "rpc-domain").read_bytes() == b"kms.test"
    assert (certs / "bootstrap-info.json").read_bytes() == got.body
    root, k256 = load(kms, "root-ca.key"), (certs / "root-k256.key").read_bytes()
    assert len(k256) == 32 and body["k256_pubkey"] == derive.k256_public(k256).hex()
    assert body["ca_pubkey"] == spki(root).hex() and len(body["ca_pubkey"]) == 182
    said = f"dstack-kms-genereted-keys-v1:{body['ca_pubkey']};{body['k256_pubkey']};".encode()
    attestation = bytes.fromhex(body["attestation"])
    assert attestation[:2] == b"\0\1" and keccak256(said) + bytes(32) in attestation
    # The agent's bytes, not stripped: the digests of runtime events are there.
    assert attestation.count(b"system-ready") == 2 and stripped(kms.guest, attestation) != attestation
    for name in ("tmp-ca", "root-ca", "rpc"):
        pem = (certs / f"{name}.key").read_text()
        assert pem.startswith("-----BEGIN PRIVATE KEY-----\n") and pem.endswith("-----END PRIVATE KEY-----\n") and all(len(x) <= 64 for x in pem.split("\n"))
        key = load(kms, f"{name}.key")
        assert serialization.load_pem_private_key(pem.encode(), None).private_numbers() == key.private_numbers()
        assert base64.b64decode("".join(pem.split("\n")[1:-2])) == derive.pkcs8(key)
        cert = x509.load_pem_x509_certificate((certs / f"{name}.crt").read_bytes())
        assert (certs / f"{name}.crt").read_text().count("BEGIN") == 1
        assert cert.public_key().public_numbers() == key.public_key().public_numbers() and cert.serial_number == serial(key)
    temp = x509.load_pem_x509_certificate((certs / "tmp-ca.crt").read_bytes())
    assert [a.value for a in temp.subject] == ["Dstack", "Dstack Client Temp CA"] and temp.issuer == temp.subject
    assert extensions(temp)[-1][2] == bytes.fromhex("30060101ff020100")


def test_bootstrap_in_protobuf_and_by_get(start):
    got = ask(start("a").port, "POST", "/prpc/Onboard.Bootstrap", proto((1, "kms.test")), context=False)
    assert (got.status, got.header("Content-Type")) == (200, "application/octet-stream") and [n for n, _ in unproto(got.body)] == [1, 2, 3]
    got = ask(start("b").port, "GET", "/prpc/Bootstrap?domain=kms.test", context=False)
    assert got.status == 200 and list(json.loads(got.body)) == ["ca_pubkey", "k256_pubkey", "attestation"]


def test_rpc_certificate(start, platform):
    kms = start()
    kms.bootstrap("kms.test")
    served = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", kms.port)))
    cert = x509.load_der_x509_certificate(served)
    key = load(kms, "rpc.key")
    assert x509.load_pem_x509_certificate((certs_of(kms) / "rpc.crt").read_bytes()) == cert
    assert [(a.oid.dotted_string, a.value) for a in cert.subject] == [("2.5.4.3", "kms.test")] and cert.serial_number == serial(key)
    got = extensions(cert)
    assert [o for o, _, _ in got] == [SAN, USAGE, arc(4), arc(8)]
    assert got[0] == (SAN, False, bytes.fromhex("300a8208") + b"kms.test") and got[1] == (USAGE, True, LEAF_USAGE) and got[2] == (arc(4), False,
                                                                                                                                  nested(b"kms:rpc"))
    value = got[3][2]
    assert report_data("ratls-cert", spki(key)) in value
    assert not got[3][1] and value[0] == 4
    # The container is V0 and stripped.
    inner = value[value.index(b"\0\1"):]
    assert inner == stripped(kms.guest, inner) and value.endswith(inner)


@pytest.mark.parametrize("domain", ["10.0.0.1", "a", "A-1.b", "x" * 63 + ".y", ".".join(["abcdefghi"] * 25)])
def test_domains_that_pass(start, domain):
    kms = start()
    assert setup_call(kms, "Bootstrap", {"domain": domain}).status == 200
    cert = x509.load_pem_x509_certificate((certs_of(kms) / "rpc.crt").read_bytes())
    san = extensions(cert)[0][2]
    assert san == (bytes.fromhex("300687040a000001") if domain == "10.0.0.1" else san) and (domain == "10.0.0.1" or domain.encode() in san)


@pytest.mark.parametrize("domain,text", [(d, "domain must be a non-empty ASCII DNS name of at most 253 bytes") for d in ("", "é.example", "a." * 126 + "ab")] +
                         [(d, "domain contains an invalid DNS label") for d in ("a.", ".a", "a..b", "-a", "a-", "a.-b", "a_b", "a b", "x" * 64, "a/b", "*.a",
                                                                                "::1", "[::1]", "a:80", ".")])
def test_domains_that_fail(start, domain, text):
    kms = start()
    for method, request in (("Bootstrap", {"domain": domain}), ("Onboard", {"source_url": "https://127.0.0.1:9", "domain": domain})):
        assert error(setup_call(kms, method, request)).endswith(text)
    refused(setup_call(kms, "Bootstrap", {"domain": domain}), text)
    assert identity_files(certs_of(kms)) == {}


def test_nothing_is_made_twice(start):
    kms = start()
    assert setup_call(kms, "Bootstrap", {"domain": "kms.test"}).status == 200
    files = identity_files(certs_of(kms))
    refused(setup_call(kms, "Bootstrap", {"domain": "other.test"}), "KMS has already been bootstrapped")
    refused(setup_call(kms, "Onboard", {"source_url": "https://127.0.0.1:9", "domain": "other.test"}), "KMS has already been onboarded")
    # The domain is looked at first.
    refused(setup_call(kms, "Bootstrap", {"domain": ""}), "domain must be a non-empty ASCII DNS name of at most 253 bytes")
    assert identity_files(certs_of(kms)) == files


@pytest.mark.parametrize("name", ["bootstrap-info.json", "root-ca.key", "root-k256.key"])
def test_a_partial_set_is_not_overwritten(start, platform, tmp_path, name):
    certs = tmp_path / "kms" / "certs"
    certs.mkdir(parents=True)
    (certs / name).write_bytes(b"something")
    kms = start("kms")
    refused(setup_call(kms, "Bootstrap", {"domain": "kms.test"}), "KMS has already been bootstrapped")
    if name != "bootstrap-info.json":
        refused(setup_call(kms, "Onboard", {"source_url": "https://127.0.0.1:9", "domain": "kms.test"}), "KMS has already been onboarded")
    assert identity_files(certs) == {name: b"something"}


def test_bootstraps_at_once_make_one_set_of_keys(start):
    kms, answers = start(), []
    threads = [threading.Thread(target=lambda: answers.append(setup_call(kms, "Bootstrap", {"domain": "kms.test"}))) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(a.status for a in answers) == [200] + [400] * 5
    assert {a.body for a in answers if a.status == 400} == {error_json("KMS has already been bootstrapped")}


def test_bootstrap_asks_the_policy(start, hook, platform):
    kms = start(config=hook.config())
    hook.allow["/bootAuth/kms"], hook.reason = False, "Aggregated MR not allowed"
    refused(setup_call(kms, "Bootstrap", {"domain": "kms.test"}), "KMS is not allowed to bootstrap: boot denied: Aggregated MR not allowed")
    asked = hook.take()
    assert [(a.method, a.target) for a in asked] == [("POST", "/bootAuth/kms")] and asked[0].body == compact(boot_info(kms.guest))
    hook.reply = lambda asked: answer(503, b"down")
    refused(setup_call(kms, "Bootstrap", {"domain": "kms.test"}),
            f"KMS is not allowed to bootstrap: failed to call KMS auth check: auth api {hook.url}/bootAuth/kms returned 503 Service Unavailable: down")
    assert identity_files(certs_of(kms)) == {}
    hook.reply, hook.allow["/bootAuth/kms"] = None, True
    assert setup_call(kms, "Bootstrap", {"domain": "kms.test"}).status == 200


def test_bootstrap_without_an_auth_api_or_an_agent(start, hook):
    port = free_port()
    kms = start("a", config=hook.config(f"http://127.0.0.1:{port}"))
    refused(setup_call(kms, "Bootstrap", {"domain": "kms.test"}),
            f"KMS is not allowed to bootstrap: failed to call KMS auth check: error sending request for url (http://127.0.0.1:{port}/bootAuth/kms): "
            "client error (Connect): tcp connect error: Connection refused (os error 111)")
    kms = start("b", config=hook.config())
    kms.agent.close()
    os.unlink(kms.state / "agent.sock")
    assert error(setup_call(kms, "Bootstrap", {"domain": "kms.test"})).startswith("KMS is not allowed to bootstrap: failed to build local KMS boot info: ")
    assert error(setup_call(kms, "GetAttestationInfo")).startswith("Failed to get attestation")


def test_bootstrap_without_self_authorization(start, hook):
    hook.allow["/bootAuth/kms"] = False
    config = hook.config()
    config["core"]["enforce_self_authorization"] = False
    kms = start(config=config)
    kms.bootstrap()
    assert hook.take() == []


# --- GetAttestationInfo, Finish


def test_attestation_info(start, hook):
    config = hook.config()
    config["core"]["site_name"] = "A site"
    kms = start(config=config)
    info = json.loads(setup_call(kms, "GetAttestationInfo").body)
    assert list(info) == ["device_id", "mr_aggregated", "os_image_hash", "attestation_mode", "tee_variant", "site_name", "eth_rpc_url",
                          "kms_contract_address", "ppid"]
    guest = kms.guest
    assert info == {"device_id": guest.device_id().hex(), "mr_aggregated": guest.mr_aggregated().hex(), "os_image_hash": guest.os_image_hash.hex(),
                    "attestation_mode": "dstack-gcp-tdx", "tee_variant": "dstack-gcp-tdx", "site_name": "A site", "eth_rpc_url": "https://rpc.example/",
                    "kms_contract_address": "0x1111", "ppid": pki.PPID.hex()}
    for body in (b"{}", b"null", b"", b"\xff"):
        assert json.loads(ask(kms.port, "POST", "/prpc/Onboard.GetAttestationInfo?json", body, context=False).body) == info
    assert [n for n, _ in unproto(ask(kms.port, "POST", "/prpc/GetAttestationInfo", b"", context=False).body)] == [1, 2, 3, 4, 5, 6, 7, 8]
    hook.reply = lambda asked: answer(500, b"")
    info = json.loads(setup_call(kms, "GetAttestationInfo").body)
    assert (info["eth_rpc_url"], info["kms_contract_address"], info["mr_aggregated"]) == ("", "", guest.mr_aggregated().hex())
    hook.reply = lambda asked: answer(200, {k: v for k, v in hook.info.items() if k != "ethRpcUrl"})
    info = json.loads(setup_call(kms, "GetAttestationInfo").body)
    assert (info["eth_rpc_url"], info["kms_contract_address"]) == ("", "0x1111")


@pytest.mark.parametrize("method,target,body", [("POST", "/prpc/Onboard.Finish?json", b"null"), ("POST", "/prpc/Finish", b""), ("GET", "/finish", b"OK"),
                                                ("GET", "/prpc/Finish", b"null")])
def test_finish_answers_and_goes_on_in_the_same_process(start, method, target, body):
    kms = start()
    assert setup_call(kms, "Bootstrap", {"domain": "kms.test"}).status == 200
    got = ask(kms.port, method, target, b"" if method == "POST" else None, context=False)
    assert (got.status, got.body) == (200, body)
    kms.wait_tls()
    assert kms.process.poll() is None


def test_running_requests_end_before_the_phase_does(start, hook):
    kms = start(config=hook.config())
    gate, answers = threading.Event(), []
    hook.reply = lambda asked: (gate.wait(20), None)[1]
    t = threading.Thread(target=lambda: answers.append(setup_call(kms, "Bootstrap", {"domain": "kms.test"})))
    t.start()
    while not hook.asked:
        time.sleep(0.01)
    assert ask(kms.port, "GET", "/finish", context=False).body == b"OK"
    gate.set()
    t.join()
    assert answers[0].status == 200
    hook.reply = None
    kms.wait_tls()


def test_finish_without_keys_ends_the_process(start):
    kms = start()
    assert ask(kms.port, "GET", "/finish", context=False).body == b"OK"
    assert kms.process.wait(10) != 0
    time.sleep(0.1)
    assert any("Failed to onboard" in line for line in kms.lines), kms.lines


# --- restart


def test_restart_reissues_only_the_rpc_certificate(start):
    kms = start()
    kms.bootstrap()
    before = identity_files(certs_of(kms))
    kms.stop()
    kms = start()
    kms.wait_tls()
    after = identity_files(certs_of(kms))
    assert {n for n in before if before[n] != after.get(n)} == {"rpc.crt"} and set(before) == set(after)


@pytest.mark.parametrize("name", KEYS + CERTS)
def test_a_missing_file_leads_back_to_the_setup(start, name):
    kms = start()
    kms.bootstrap()
    kms.stop()
    (certs_of(kms) / name).unlink()
    kms = start()
    assert ask(kms.port, "GET", "/", context=False).status == 200


def test_onboarding_disabled_and_no_keys(platform, tmp_path):
    kms = Process(platform, tmp_path / "off", config={"core": {"onboard": {"enabled": False}}}).start(wait=False)
    try:
        assert kms.process.wait(10) != 0
    finally:
        kms.stop()


# --- auto bootstrap


def test_auto_bootstrap(start, hook):
    config = hook.config()
    config["core"]["onboard"] = {"auto_bootstrap_domain": "auto.test"}
    kms = start(config=config)
    kms.wait_tls()
    assert sorted(identity_files(certs_of(kms))) == sorted(KEYS + CERTS + ("rpc-domain",))
    assert kms.kms().call("GetMeta")["bootstrap_info"] is None
    assert [a.target for a in hook.take()][0] == "/bootAuth/kms"


@pytest.mark.parametrize("allowed,domain,said", [(False, "auto.test", "KMS is not allowed to auto-bootstrap: "), (True, "bad_domain",
                                                                                                                  "domain contains an invalid DNS label")])
def test_auto_bootstrap_refused_ends_the_process(platform, tmp_path, hook, allowed, domain, said):
    hook.allow["/bootAuth/kms"], hook.reason = allowed, "not you"
    config = hook.config()
    config["core"]["onboard"] = {"auto_bootstrap_domain": domain}
    kms = Process(platform, tmp_path / "auto", config=config).start(wait=False)
    try:
        assert kms.process.wait(10) != 0
        time.sleep(0.1)
        assert any(said in line for line in kms.lines), kms.lines
        assert identity_files(certs_of(kms)) == {}
    finally:
        kms.stop()


def test_auto_domain_wins_at_later_starts(start):
    kms = start()
    kms.bootstrap("first.test")
    kms.stop()
    kms = start(config={"core": {"onboard": {"auto_bootstrap_domain": "second.test"}}})
    kms.wait_tls()
    assert b"second.test" in extensions(x509.load_pem_x509_certificate((certs_of(kms) / "rpc.crt").read_bytes()))[0][2]
    assert (certs_of(kms) / "rpc-domain").read_text() == "first.test"
    kms.stop()
    (certs_of(kms) / "rpc-domain").write_text(" third.test \n")
    kms = start()
    kms.wait_tls()
    assert bytes.fromhex("820a") + b"third.test" in extensions(x509.load_pem_x509_certificate((certs_of(kms) / "rpc.crt").read_bytes()))[0][2]


# --- Onboard


@pytest.fixture
def source(start):
    kms = start("source")
    kms.bootstrap("source.test")
    return kms


@pytest.mark.parametrize("suffix", ["", "/", "///", "/prpc", "/prpc/"])
def test_onboard(start, source, hook, suffix):
    kms = start("new", config=hook.config())
    got = setup_call(kms, "Onboard", {"source_url": f"https://127.0.0.1:{source.port}{suffix}", "domain": "new.test"})
    assert (got.status, got.body) == (200, b"{}")
    asked = hook.take()
    assert [a.target for a in asked] == ["/bootAuth/kms"] and asked[0].body == compact(boot_info(source.guest))
    old, new = certs_of(source), certs_of(kms)
    assert sorted(identity_files(new)) == sorted(KEYS + CERTS + ("rpc-domain",))
    for name in ("tmp-ca.key", "root-ca.key", "root-k256.key"):
        assert (old / name).read_bytes() == (new / name).read_bytes(), name
    assert (old / "rpc.key").read_bytes() != (new / "rpc.key").read_bytes() and (new / "rpc-domain").read_bytes() == b"new.test"
    assert ask(kms.port, "GET", "/finish", context=False).body == b"OK"
    kms.wait_tls()
    meta = kms.kms().call("GetMeta")
    assert meta["bootstrap_info"] is None and meta["k256_pubkey"] == source.kms().call("GetMeta")["k256_pubkey"]


def test_onboard_refused_by_our_policy(start, source, hook):
    hook.allow["/bootAuth/kms"], hook.reason = False, "OS image is not allowed"
    kms = start("new", config=hook.config())
    request = {"source_url": f"https://127.0.0.1:{source.port}", "domain": "new.test"}
    refused(setup_call(kms, "Onboard", request), "Failed to onboard: Source KMS is not allowed for onboarding: boot denied: OS image is not allowed")
    hook.reply = lambda asked: answer(500, b"x")
    refused(setup_call(kms, "Onboard", request), f"Failed to onboard: Source KMS is not allowed for onboarding: failed to call KMS auth check: auth api {hook.url}/bootAuth/kms returned "
            "500 Internal Server Error: x")
    assert identity_files(certs_of(kms)) == {}


def test_onboard_refused_by_the_source(start, hook, platform):
    source = start("source", config=hook.config())
    source.bootstrap("source.test")
    kms = start("new", guest=platform.guest(b'{"manifest_version":2,"name":"other"}'))
    mine = compact(boot_info(source.guest))
    hook.reply = lambda asked: answer(200, {"isAllowed": asked.body == mine, "gatewayAppId": "", "reason": "Aggregated MR not allowed"})
    request = {"source_url": f"https://127.0.0.1:{source.port}", "domain": "new.test"}
    refused(setup_call(kms, "Onboard", request), 'Failed to onboard: Request failed with status=400 Bad Request, error={\n  "error": "Boot denied: Aggregated MR not allowed"\n}')
    hook.reply = lambda asked: answer(200, {"isAllowed": False, "gatewayAppId": "", "reason": "no"})
    refused(setup_call(kms, "Onboard", request),
            'Failed to onboard: Request failed with status=400 Bad Request, error={\n  "error": "KMS self authorization failed: KMS is not allowed: no"\n}')


def test_onboard_from_what_is_no_kms(start, source):
    kms = start("new")
    port = free_port()
    for url in (f"https://127.0.0.1:{port}", f"http://127.0.0.1:{source.port}", f"https://127.0.0.1:{kms.port}", "", "nonsense", "ftp://x/"):
        assert error(setup_call(kms, "Onboard", {"source_url": url, "domain": "new.test"})).startswith("Failed to onboard: "), url
    text = error(setup_call(kms, "Onboard", {"source_url": f"https://127.0.0.1:{port}", "domain": "new.test"}))
    assert text == (f"Failed to onboard: error sending request for url (https://127.0.0.1:{port}/prpc/GetTempCaCert?json): client error (Connect): "
                    "tcp connect error: Connection refused (os error 111)")
    assert "Source KMS did not present a TLS certificate" in error(setup_call(kms, "Onboard",
                                                                              {"source_url": f"http://127.0.0.1:{kms.port}", "domain": "new.test"}))
    # Nothing is left behind, and a good source still works.
    assert setup_call(kms, "Onboard", {"source_url": f"https://127.0.0.1:{source.port}", "domain": "new.test"}).status == 200


def test_onboard_needs_evidence_of_the_source(start):
    source = start("bare", config={"core": {"attest_rpc_cert": False}})
    source.bootstrap("source.test")
    kms = start("new")
    refused(setup_call(kms, "Onboard", {"source_url": f"https://127.0.0.1:{source.port}", "domain": "new.test"}),
            "Failed to onboard: Source KMS certificate does not contain attestation")


# --- the page


def test_page(start):
    page = ask(start("a").port, "GET", "/", context=False).body.decode()
    assert re.search(r"<title>\s*dstack KMS Setup\s*</title>", page) and re.search(r"<h1[^>]*>\s*dstack KMS Setup\s*</h1>", page)
    for text in ("Loading attestation info...", "Attestation Info (for on-chain registration)", "Device ID:", "MR Aggregated:", "OS Image Hash:",
                 "Chain Info", "ETH RPC URL:", "KMS Contract:",
                 "PPID:", "Bootstrap A New KMS Instance", "Domain Name:", "The domain name serving this KMS RPC", "Onboard from an Existing KMS Instance",
                 "Source KMS URL:",
                 "RPC URL of the existing KMS", "Back", "Bootstrap successful!", "Onboarding successful!", "Finish Setup",
                 "Setup completed. You can close this window.", 'type="url"'):
        assert text in page, text
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page) and "unpkg" not in page
    page = ask(start("b", config={"core": {"site_name": "Our <KMS> & co"}}).port, "GET", "/", context=False).body.decode()
    assert re.search(r"<title>\s*Our &lt;KMS&gt; &amp; co\s*</title>", page) and "dstack KMS Setup" not in page

"""The RPCs step by step under an auth API (sections 2.5, 4, 8 and 10): what it is asked, what it makes of the answers, in which order and with which words."""

import base64
import hashlib
import json
import socket
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ObjectIdentifier

from tests.dev import derive, pki
from tests.dev.clientcert import context_of, make, new_key, spki, temp_ca
from tests.dev.guest import report_data
from tests.dev.process import Process
from tests.dev.raw import Wire, ask, error_json, proto, unproto
from tests.dev.webhook import Webhook, answer

APP, INSTANCE = bytes(range(20)), bytes(range(100, 120))
SELF = "KMS self authorization failed: "
SELF_CHECKED = [("GetAppKey", {"api_version": 1}), ("GetAppEnvEncryptPubKey", {"app_id": "00" * 20}), ("GetKmsKey", {}), ("GetTempCaCert", {}),
                ("SignCert", {"api_version": 2})]


@pytest.fixture(scope="module")
def hook():
    w = Webhook()
    yield w
    w.close()


@pytest.fixture(scope="module")
def governed(platform, tmp_path_factory, hook):
    kms = Process(platform, tmp_path_factory.mktemp("governed"), config=hook.config(timeout="5s")).start()
    kms.bootstrap()
    yield kms
    kms.stop()


@pytest.fixture(autouse=True)
def fresh(hook):
    hook.reply, hook.reason, hook.gateway = None, "", "gateway-app"
    hook.allow = {"/bootAuth/app": True, "/bootAuth/kms": True}
    hook.take()


@pytest.fixture(scope="module")
def app(platform):
    return platform.guest(app_id=APP, instance_id=INSTANCE)


@pytest.fixture(scope="module")
def caller(governed, app):
    return governed.kms().ra_context(app.attest)


def call(kms, method, request=None, context=None):
    body = b"" if request is None else json.dumps(request).encode()
    return ask(kms.port, "POST", f"/prpc/{method}?json", body, context=context)


def good(got):
    assert got.status == 200, got
    return json.loads(got.body)


def refused(got, text):
    assert (got.status, got.header("Content-Type")) == (400, "application/json"), got
    assert json.loads(got.body)["error"] == text
    assert got.body == error_json(text.replace("\\", "\\\\").replace('"', '\\"'))


def roots(kms):
    certs = kms.state / "certs"
    return serialization.load_pem_private_key((certs / "root-ca.key").read_bytes(), None), (certs / "root-k256.key").read_bytes()


def boot_info(guest, *, boottime=False, image=None):
    """The document an auth API gets about this guest."""
    provider = b"" if boottime else dict(guest.events)["key-provider"]
    names = [name for name, _ in guest.events]
    pcrs = guest.pcrs()
    if boottime:
        cut = type(guest)(guest.authority, guest.quoter, guest.events[:names.index("boot-mr-done") + 1], uki=guest.uki)
        pcrs = cut.pcrs()
    image = guest.os_image_hash if image is None else image
    events = dict(guest.events)
    return {"attestationMode": "dstack-gcp-tdx", "teeVariant": "dstack-gcp-tdx",
            "mrAggregated": hashlib.sha256(pcrs[0] + pcrs[2] + pcrs[14]).hexdigest(), "osImageHash": image.hex(),
            "mrSystem": hashlib.sha256(image + (hashlib.sha256(provider).digest() if provider else bytes(32))).hexdigest(),
            "appId": events["app-id"].hex(), "composeHash": events["compose-hash"].hex(), "instanceId": events["instance-id"].hex(),
            "deviceId": guest.device_id().hex(), "keyProviderInfo": provider.hex(), "tcbStatus": "UpToDate", "advisoryIds": []}


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


# --- GetAppKey


def test_app_key(governed, hook, app, caller):
    hook.gateway = "gate\n\"way"
    got = good(call(governed, "GetAppKey", {"api_version": 1, "vm_config": app.vm_config}, caller))
    assert list(got) == ["ca_cert", "disk_crypt_key", "env_crypt_key", "k256_key", "k256_signature", "tproxy_app_id", "gateway_app_id", "os_image_hash"]
    root, k256 = roots(governed)
    assert got["disk_crypt_key"] == derive.dh(root, APP, INSTANCE, b"app-disk-crypt-key").hex()
    assert got["env_crypt_key"] == derive.dh(root, APP, b"env-encrypt-key").hex()
    assert got["k256_key"] == derive.derive(k256, APP, b"app-key").hex()
    message = b"dstack-kms-issued:" + APP + derive.k256_public(bytes.fromhex(got["k256_key"]))
    assert derive.recover(bytes.fromhex(got["k256_signature"]), message) == derive.k256_public(k256)
    assert got["tproxy_app_id"] == got["gateway_app_id"] == hook.gateway
    assert got["os_image_hash"] == app.os_image_hash.hex()
    assert got["ca_cert"] == (governed.state / "certs" / "root-ca.crt").read_text()


def test_app_key_in_protobuf(governed, app, caller):
    by_json = good(call(governed, "GetAppKey", {"api_version": 1, "vm_config": app.vm_config}, caller))
    got = ask(governed.port, "POST", "/prpc/GetAppKey", proto((1, 1), (2, app.vm_config)), context=caller)
    assert (got.status, got.header("Content-Type")) == (200, "application/octet-stream")
    fields = unproto(got.body)
    assert [n for n, _ in fields] == list(range(1, 9))
    assert [v.decode() if n in (1, 6, 7) else v.hex() for n, v in fields] == list(by_json.values())


def test_what_the_auth_api_is_asked(governed, hook, app, caller):
    for version in (0, 1):
        hook.take()
        good(call(governed, "GetAppKey", {"api_version": version, "vm_config": app.vm_config}, caller))
        own, about = hook.take()
        assert (own.method, own.target, about.method, about.target) == ("POST", "/bootAuth/kms", "POST", "/bootAuth/app")
        assert about.body == compact(boot_info(app))
        assert own.body == compact(boot_info(governed.guest))
        for asked in (own, about):
            assert asked.headers["content-type"] == "application/json" and asked.headers["accept"] == "*/*"
            assert asked.headers["user-agent"].startswith("dstack-kms/") and asked.headers["host"] == f"127.0.0.1:{hook.port}"
            assert asked.headers["content-length"] == str(len(asked.body)) and "transfer-encoding" not in asked.headers


def test_decisions_are_not_remembered(governed, hook, caller):
    with Wire(governed.port, caller) as wire:
        for allowed in (True, False, True):
            hook.allow["/bootAuth/app"], hook.reason = allowed, "not today"
            got = wire.ask("POST", "/prpc/GetAppKey?json", b'{"api_version":1}')
            assert got.status == (200 if allowed else 400)
            if not allowed:
                refused(got, "App not allowed: Boot denied: not today")


def test_without_instance_id(governed, platform):
    guest = platform.guest(app_id=APP)
    got = good(call(governed, "GetAppKey", {"api_version": 1}, governed.kms().ra_context(guest.attest)))
    assert got["disk_crypt_key"] == derive.dh(roots(governed)[0], APP, b"app-disk-crypt-key").hex()


def test_app_key_is_refused_in_order(governed, hook, platform, app, caller):
    hook.allow["/bootAuth/kms"], hook.reason = False, "Aggregated MR not allowed"
    # 1. version, 2. self, 3. evidence and policy, image
    for version in (2, 4294967295):
        refused(call(governed, "GetAppKey", {"api_version": version}), f"Unsupported API version: {version}")
    assert hook.take() == []
    refused(call(governed, "GetAppKey", {"api_version": 1}), SELF + "KMS is not allowed: Aggregated MR not allowed")
    hook.allow = {"/bootAuth/kms": True, "/bootAuth/app": False}
    refused(call(governed, "GetAppKey", {"api_version": 1}), "App not allowed: No attestation provided")
    hook.reason = "OS image is not allowed"
    refused(call(governed, "GetAppKey", {"api_version": 1}, caller), "App not allowed: Boot denied: OS image is not allowed")
    # The policy is asked before the image is checked.
    other = json.loads(app.vm_config) | {"os_image_hash": "11" * 32}
    hook.take()
    refused(call(governed, "GetAppKey", {"vm_config": json.dumps(other)}, caller), "App not allowed: Boot denied: OS image is not allowed")
    assert hook.take()[-1].json()["osImageHash"] == "11" * 32
    hook.allow["/bootAuth/app"] = True
    text = json.loads(call(governed, "GetAppKey", {"vm_config": json.dumps(other)}, caller).body)["error"]
    assert text.startswith("App not allowed: Failed to verify os image hash: Failed to verify os image hash: ")


def test_reasons_pass_verbatim(governed, hook, caller):
    hook.allow["/bootAuth/app"] = False
    for reason in ("", "a\nb\t\"q\" \\ /", "Ünïcödé \u2028 \U0001f600", " spaces ", "x" * 2000):
        hook.reason = reason
        got = call(governed, "GetAppKey", {}, caller)
        assert got.status == 400 and json.loads(got.body)["error"] == "App not allowed: Boot denied: " + reason


@pytest.mark.parametrize("size", [0, 19, 21, 32])
def test_app_id_is_20_bytes(governed, platform, hook, size):
    guest = platform.guest()
    guest.events = [(n, bytes(size) if n == "app-id" else p) for n, p in guest.events]
    got = call(governed, "GetAppKey", {"api_version": 1}, governed.kms().ra_context(guest.attest))
    refused(got, "App not allowed: app_id must be 20 bytes")
    assert not any(a.target == "/bootAuth/app" for a in hook.take())


def test_vm_config_of_the_request_the_evidence_or_nothing(governed, hook, platform, app):
    claim = {"os_image_hash": "0x" + "22" * 32, "unknown": [1]}
    caller = governed.kms().ra_context(lambda data: app.attest(data, config=json.dumps({"os_image_hash": "33" * 32})))
    hook.allow["/bootAuth/app"] = False
    for request, image in [(json.dumps(claim), "22" * 32), ("", "33" * 32), ("{}", "")]:
        hook.take()
        refused(call(governed, "GetAppKey", {"vm_config": request}, caller), "App not allowed: Boot denied: ")
        assert hook.take()[-1].body == compact(boot_info(app, image=bytes.fromhex(image)))
    bare = governed.kms().ra_context(lambda data: app.attest(data, config=""))
    refused(call(governed, "GetAppKey", {}, bare), "App not allowed: Boot denied: ")
    assert hook.take()[-1].json()["osImageHash"] == ""
    for wrong in ("x", "[]", '{"os_image_hash":1}', '{"os_image_hash":"0"}', '{"os_image_hash":"zz"}'):
        got = call(governed, "GetAppKey", {"vm_config": wrong}, caller)
        assert got.status == 400 and "Failed to parse vm config" in json.loads(got.body)["error"], wrong


def test_events_after_system_ready_count_for_nothing(governed, hook, platform):
    guest = platform.guest(app_id=APP)
    guest.events = guest.events + [("instance-id", b"late"), ("app-id", bytes(20))]
    hook.allow["/bootAuth/app"] = False
    call(governed, "GetAppKey", {}, governed.kms().ra_context(guest.attest))
    asked = hook.take()[-1].json()
    assert (asked["appId"], asked["instanceId"]) == (APP.hex(), "")
    # The registers hold every event.
    assert asked["mrAggregated"] == guest.mr_aggregated().hex()


# --- self authorization


@pytest.mark.parametrize("method,request_", SELF_CHECKED)
def test_every_key_needs_the_kms_to_be_allowed(governed, hook, method, request_):
    hook.allow["/bootAuth/kms"], hook.reason = False, "TCB status is not up to date"
    refused(call(governed, method, request_), SELF + "KMS is not allowed: TCB status is not up to date")
    assert [a.target for a in hook.take()] == ["/bootAuth/kms"]


def test_meta_needs_no_permission(governed, hook):
    hook.allow["/bootAuth/kms"] = False
    meta = good(call(governed, "GetMeta"))
    assert [(a.method, a.target, a.body) for a in hook.take()] == [("GET", "/", b"")]
    assert list(meta) == ["ca_cert", "allow_any_upgrade", "k256_pubkey", "bootstrap_info", "is_dev", "gateway_app_id", "kms_contract_address", "chain_id",
                          "app_auth_implementation"]
    assert (meta["allow_any_upgrade"], meta["is_dev"]) == (False, False)
    assert [meta[k] for k in ("gateway_app_id", "kms_contract_address", "chain_id", "app_auth_implementation")] == ["0x2222", "0x1111", 8453, "0x3333"]
    assert "rpc.example" not in json.dumps(meta)
    assert meta["k256_pubkey"] == derive.k256_public(roots(governed)[1]).hex()
    info = json.loads((governed.state / "certs" / "bootstrap-info.json").read_text())
    assert meta["bootstrap_info"] == info and list(info) == ["ca_pubkey", "k256_pubkey", "attestation"]


def test_meta_with_empty_strings_and_without_optional_members(governed, hook):
    hook.reply = lambda asked: answer(200, {"status": "", "kmsContractAddr": "", "gatewayAppId": "", "chainId": 18446744073709551615, "appImplementation": ""})
    meta = good(call(governed, "GetMeta"))
    assert [meta[k] for k in ("gateway_app_id", "kms_contract_address", "chain_id", "app_auth_implementation")] == ["", "", 18446744073709551615, ""]
    fields = ask(governed.port, "POST", "/prpc/GetMeta", b"").body
    assert fields.endswith(proto((6, b""), (7, b""), (8, 18446744073709551615), (9, b"")))


@pytest.mark.parametrize("left_out", ["status", "kmsContractAddr", "gatewayAppId", "chainId", "appImplementation"])
def test_meta_needs_every_member_of_the_info(governed, hook, left_out):
    info = {"status": "ok", "kmsContractAddr": "a", "gatewayAppId": "b", "chainId": 1, "appImplementation": "c"}
    for wrong in ({k: v for k, v in info.items() if k != left_out}, info | {left_out: None}, info | {left_out: -1}):
        hook.reply = lambda asked: answer(200, wrong, reason="OK")
        got = call(governed, "GetMeta")
        assert got.status == 400
        text = json.loads(got.body)["error"]
        assert f"failed to decode response from {hook.url}, status=200 OK, body=" in text and json.dumps(wrong) in text


def test_meta_without_bootstrap_info(start):
    kms = start()
    kms.bootstrap()
    path = kms.state / "certs" / "bootstrap-info.json"
    kept = path.read_bytes()
    for content in (None, b"not json", kept[:-1], kept):
        kms.stop()
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        kms = start()
        assert good(call(kms, "GetMeta"))["bootstrap_info"] == (json.loads(kept) if content == kept else None)


# --- GetAppEnvEncryptPubKey, GetKmsKey, GetTempCaCert


def test_env_key(governed, hook):
    before = int(time.time())
    got = good(call(governed, "GetAppEnvEncryptPubKey", {"app_id": APP.hex()}))
    assert [a.target for a in hook.take()] == ["/bootAuth/kms"]
    root, k256 = roots(governed)
    public = derive.env_public(derive.dh(root, APP, b"env-encrypt-key"))
    assert got["public_key"] == public.hex() and before <= got["timestamp"] <= int(time.time())
    signer = derive.k256_public(k256)
    assert derive.recover(bytes.fromhex(got["signature"]), b"dstack-env-encrypt-pubkey:" + APP + public) == signer
    assert derive.recover(bytes.fromhex(got["signature_v1"]), b"dstack-env-encrypt-pubkey:" + APP + got["timestamp"].to_bytes(8, "big") + public) == signer


def test_env_key_asks_itself_before_it_looks_at_the_app_id(governed, hook):
    for app_id in ("", "00" * 19, "00" * 21):
        refused(call(governed, "GetAppEnvEncryptPubKey", {"app_id": app_id}), "app_id must be 20 bytes")
        assert [a.target for a in hook.take()] == ["/bootAuth/kms"]


def test_kms_key(governed, hook, platform):
    other = platform.guest(b'{"manifest_version":2,"name":"kms"}')
    caller = governed.kms().ra_context(other.attest)
    hook.take()
    got = good(call(governed, "GetKmsKey", {"vm_config": other.vm_config}, caller))
    assert [(a.target, a.body) for a in hook.take()] == [("/bootAuth/kms", compact(boot_info(governed.guest))), ("/bootAuth/kms", compact(boot_info(other)))]
    certs = governed.state / "certs"
    assert list(got) == ["temp_ca_key", "keys"] and got["temp_ca_key"] == (certs / "tmp-ca.key").read_text()
    root, k256 = roots(governed)
    body = base64.b64encode(derive.pkcs8(root)).decode()
    pem = "-----BEGIN PRIVATE KEY-----\n" + "".join(body[i:i + 64] + "\n" for i in range(0, len(body), 64)) + "-----END PRIVATE KEY-----\n"
    assert got["keys"] == [{"ca_key": pem, "k256_key": k256.hex()}]
    assert (certs / "root-ca.key").read_text() == pem and len(k256) == 32


def test_kms_key_refused(governed, hook, platform, app, caller):
    refused(call(governed, "GetKmsKey", {}), "No attestation provided")
    mine = compact(boot_info(governed.guest))
    hook.reply = lambda asked: answer(200, {"isAllowed": asked.body == mine, "gatewayAppId": "", "reason": "Aggregated MR not allowed"})
    refused(call(governed, "GetKmsKey", {}, caller), "Boot denied: Aggregated MR not allowed")
    hook.reply = None
    text = json.loads(call(governed, "GetKmsKey", {"vm_config": '{"os_image_hash":"' + "44" * 32 + '"}'}, caller).body)["error"]
    assert text.startswith("Failed to verify os image hash: Failed to verify os image hash: ")


def test_temp_ca(governed, hook):
    got = good(call(governed, "GetTempCaCert"))
    certs = governed.state / "certs"
    assert got == {"temp_ca_cert": (certs / "tmp-ca.crt").read_text(), "temp_ca_key": (certs / "tmp-ca.key").read_text(),
                   "ca_cert": (certs / "root-ca.crt").read_text()}
    assert [a.target for a in hook.take()] == ["/bootAuth/kms"]


# --- a client certificate comes before everything else


def test_bad_evidence_is_refused_on_every_method_before_the_body(governed, hook, app):
    context = governed.kms().ra_context(lambda data: app.attest(bytes([data[0] ^ 1]) + data[1:]))
    text = "invalid quote: report data mismatch"
    hook.take()
    for method in ("GetMeta", "GetTempCaCert", "GetAppKey", "GetKmsKey", "SignCert", "GetAppEnvEncryptPubKey", "ClearImageCache", "Nope", "KMS."):
        for body in (b"", b"garbage"):
            refused(ask(governed.port, "POST", f"/prpc/{method}?json", body, context=context), text)
        refused(ask(governed.port, "GET", f"/prpc/{method}?app_id=zz", context=context), text)
        # The query decides about the encoding of this refusal, not the content type.
        got = ask(governed.port, "POST", f"/prpc/{method}", b"{}", {"Content-Type": "application/json"}, context)
        assert (got.status, got.header("Content-Type"), got.body) == (400, "application/octet-stream", proto((1, text)))
        head = ask(governed.port, "HEAD", f"/prpc/{method}", context=context)
        assert (head.status, head.header("Content-Length")) == (400, str(len(error_json(text))))
    with Wire(governed.port, context) as wire:
        wire.send(b"POST /prpc/GetMeta?json HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        refused(wire.read(), text)
    assert hook.take() == []
    for target, status in [("/health", 200), ("/metrics", 200), ("/nothing", 404), ("/prpc/", 422), ("/prpc", 404)]:
        assert ask(governed.port, "GET", target, context=context).status == status


def certificate(kms, *extensions):
    """A context whose RA-TLS certificate carries these extensions: last arc, extnValue or a function from report data to the inner content."""
    issuer, signer = temp_ca(kms)
    key = new_key()

    def value(content):
        return pki.der_tlv(4, content(report_data("ratls-cert", spki(key)))) if callable(content) else content
    made = [(x509.UnrecognizedExtension(ObjectIdentifier(f"1.3.6.1.4.1.62397.1.{arc}"), value(content)), False) for arc, content in extensions]
    return context_of(key, make(key, issuer, signer, extensions=made))


def mp_bins(count, size=32):
    return bytes([0x90 + count]) + (b"\xc4" + bytes([size]) + bytes(size)) * count


@pytest.mark.parametrize("arc,value,good_", [
    (3, pki.der_tlv(4, APP), True), (3, APP, False), (3, pki.der_tlv(0x0C, APP), False), (3, pki.der_tlv(0x24, APP), False), (3, b"", False),
    (9, pki.der_tlv(4, mp_bins(8)), True), (9, pki.der_tlv(4, mp_bins(8) [:-1]), False), (9, mp_bins(8), False), (9, pki.der_tlv(4, b""), False),
    (9, pki.der_tlv(4, mp_bins(7)), False), (9, pki.der_tlv(4, b"\x99" + mp_bins(8)[1:] + b"\xc0"), True),
    (9, pki.der_tlv(4, b"\x99" + mp_bins(8)[1:] + b"\x91\xc4\x01x"), True),
    (9, pki.der_tlv(4, b"\x88" + mp_bins(8)[1:]), False),
    (8, pki.der_tlv(4, b""), False), (8, pki.der_tlv(4, b"\x05"), False), (8, b"\x00\x01", False), (8, pki.der_tlv(4, b"\0\1"), False),
    (1, pki.der_tlv(4, b"quote"), False),
    (2, pki.der_tlv(4, b"[]"), True), (4, pki.der_tlv(4, b"app:custom"), True), (77, b"\xff", True)])
def test_extensions_of_the_client_certificate(governed, arc, value, good_):
    context = certificate(governed, (arc, value))
    got = call(governed, "GetMeta", context=context)
    assert got.status == (200 if good_ else 400), got
    assert ask(governed.port, "GET", "/health", context=context).status == 200
    if arc == 1:
        assert "TDX event log missing" in json.loads(got.body)["error"]
    if arc == 8:
        assert "Failed to decode attestation from cert extension" in json.loads(got.body)["error"]


def test_evidence_wins_over_the_older_extensions(governed, app):
    context = certificate(governed, (1, pki.der_tlv(4, b"no quote")), (2, pki.der_tlv(4, b"no log")), (8, app.attest))
    assert good(call(governed, "GetAppKey", {"api_version": 1}, context))["k256_key"]


def test_no_evidence_in_the_certificate(governed):
    context = certificate(governed, (3, pki.der_tlv(4, APP)))
    refused(call(governed, "GetAppKey", {"api_version": 1}, context), "App not allowed: No attestation provided")
    refused(call(governed, "GetKmsKey", {}, context), "No attestation provided")


# --- errors of the auth API


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def self_error(governed):
    got = call(governed, "GetTempCaCert")
    assert got.status == 400
    text = json.loads(got.body)["error"]
    head = SELF + "Failed to call self KMS auth check: "
    assert text.startswith(head)
    return text[len(head):]


def test_refusals_by_status(governed, hook, caller):
    for status, reason, body in [(500, "Internal Server Error", b"boom"), (404, "Not Found", b""), (403, "Forbidden", b"x" * 2000),
                                 (304, "Not Modified", b""), (100 + 99, "Odd", b"y")]:
        if status == 199:
            continue
        hook.reply = lambda asked: answer(status, body, reason=reason)
        assert self_error(governed) == f"auth api {hook.url}/bootAuth/kms returned {status} {reason}: {body[:512].decode()}"
    hook.reply = lambda asked: answer(418, b"tea", reason="whatever")
    assert self_error(governed) == f"auth api {hook.url}/bootAuth/kms returned 418 I'm a teapot: tea"
    hook.reply = lambda asked: answer(500, b"oops") if asked.target.endswith("app") else None
    refused(call(governed, "GetAppKey", {}, caller), f"App not allowed: auth api {hook.url}/bootAuth/app returned 500 Internal Server Error: oops")
    hook.reply = lambda asked: answer(500, b"oops") if asked.method == "GET" else None
    refused(call(governed, "GetMeta"), f"auth api {hook.url} returned 500 Internal Server Error: oops")


def test_body_is_cut_at_512_bytes_between_characters(governed, hook):
    for pad in range(3):
        body = "a" * pad + "é€😀" * 200
        hook.reply = lambda asked: answer(500, body.encode(), reason="Internal Server Error")
        shown = self_error(governed).split(": ", 1)[1]
        assert body.startswith(shown) and 508 < len(shown.encode()) <= 512


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_will_do(governed, hook, status):
    hook.reply = lambda asked: answer(status, {"reason": "", "extra": {"a": [1]}, "isAllowed": True, "gatewayAppId": ""})
    good(call(governed, "GetTempCaCert"))


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"true", b"not json", b'{"isAllowed":true,"gatewayAppId":""}',
                                  b'{"isAllowed":true,"reason":""}', b'{"gatewayAppId":"","reason":""}',
                                  b'{"isAllowed":"true","gatewayAppId":"","reason":""}', b'{"isAllowed":1,"gatewayAppId":"","reason":""}',
                                  b'{"isAllowed":null,"gatewayAppId":"","reason":""}',
                                  b'{"isAllowed":true,"gatewayAppId":null,"reason":""}', b'{"isAllowed":true,"gatewayAppId":"","reason":null}',
                                  b'{"isAllowed":false,"isAllowed":true,"gatewayAppId":"","reason":""}', b'{"isAllowed":true,"gatewayAppId":"","reason":""} x',
                                  b'{"is_allowed":true,"gateway_app_id":"","reason":""}', b'\xff'])
def test_what_is_no_decision_is_a_refusal(governed, hook, body):
    hook.reply = lambda asked: answer(200, body, reason="OK")
    text = self_error(governed)
    shown = body.decode("utf-8", "replace")
    assert text.startswith(f"failed to decode response from {hook.url}/bootAuth/kms, status=200 OK, body={shown}: ")


def test_broken_answers_are_refusals(governed, hook):
    for raw in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", b"garbage\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"):
        hook.reply = lambda asked: raw
        text = self_error(governed)
        assert text.startswith(f"error sending request for url ({hook.url}/bootAuth/kms)") or text.startswith("failed to decode response from") or hook.url in text, text


def test_answer_in_chunks_or_until_close(governed, hook):
    body = b'{"isAllowed":true,"gatewayAppId":"g","reason":""}'
    hook.reply = lambda asked: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(b"1\r\n%c\r\n" % b for b in body) + b"0\r\n\r\n"
    good(call(governed, "GetTempCaCert"))
    hook.reply = lambda asked: b"HTTP/1.1 200 OK\r\n\r\n" + body
    good(call(governed, "GetTempCaCert"))
    hook.reply = lambda asked: b"HTTP/1.0 200 OK\r\n\r\n" + body
    good(call(governed, "GetTempCaCert"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(governed, hook, status):
    def reply(asked):
        if asked.target == "/bootAuth/kms":
            return answer(status, b"", [("Location", "/elsewhere/../moved?x=1")])
        return answer(200, {"isAllowed": True, "gatewayAppId": "", "reason": ""})
    hook.reply = reply
    good(call(governed, "GetTempCaCert"))
    first, second = hook.take()
    assert second.target == "/moved?x=1"
    # As browsers and reqwest do: the first three turn a POST into a GET.
    assert (second.method, second.body) == (("GET", b"") if status < 304 else ("POST", first.body))


def test_redirect_to_another_address_and_their_number(governed, hook):
    other = Webhook()
    try:
        hook.reply = lambda asked: answer(307, b"", [("Location", other.url + asked.target)])
        good(call(governed, "GetTempCaCert"))
        assert [a.target for a in other.take()] == ["/bootAuth/kms"]
    finally:
        other.close()
    hook.take()

    def count(limit):
        def reply(asked):
            step = int(asked.target.rsplit("-", 1)[1]) if "-" in asked.target else 0
            return answer(307, b"", [("Location", f"{hook.url}/step-{step + 1}")]) if step < limit else answer(200,
                                                                                                               {"isAllowed": True, "gatewayAppId": "",
                                                                                                                "reason": ""})
        return reply
    hook.reply = count(10)
    good(call(governed, "GetTempCaCert"))
    assert len(hook.take()) == 11
    hook.reply = count(11)
    assert "redirect" in self_error(governed)
    assert len(hook.take()) == 11


def test_silent_auth_api_runs_into_the_bound(governed, hook):
    gate = threading.Event()
    hook.reply = lambda asked: gate.wait(30) and b""
    try:
        assert self_error(governed).startswith(f"error sending request for url ({hook.url}/bootAuth/kms)")
    finally:
        gate.set()


def test_nobody_listens(start):
    url = f"http://127.0.0.1:{closed_port()}"
    config = {"core": {"auth_api": {"type": "webhook", "webhook": {"url": url}}, "onboard": {"auto_bootstrap_domain": "kms.test"},
                       "enforce_self_authorization": False}}
    kms = start(config=config)
    refused(call(kms, "GetMeta"), f"error sending request for url ({url}/): client error (Connect): tcp connect error: Connection refused (os error 111)")


def test_no_such_host(start):
    url = "http://auth.invalid:8000"
    config = {"core": {"auth_api": {"type": "webhook", "webhook": {"url": url}}, "onboard": {"auto_bootstrap_domain": "kms.test"},
                       "enforce_self_authorization": False}}
    text = json.loads(call(start(config=config), "GetMeta").body)["error"]
    assert text.startswith(f"error sending request for url ({url}/): client error (Connect): dns error: ")


@pytest.mark.parametrize("path,want", [("", ["/", "/bootAuth/kms"]), ("/", ["/", "/bootAuth/kms"]), ("/base", ["/base", "/base/bootAuth/kms"]),
                                       ("/base/", ["/base/", "/base/bootAuth/kms"])])
def test_joining_of_the_address(start, hook, path, want):
    hook.reply = lambda asked: answer(200, dict(hook.info, isAllowed=True, reason=""))
    kms = start(config=hook.config(hook.url + path))
    kms.bootstrap()
    hook.take()
    good(call(kms, "GetMeta"))
    good(call(kms, "GetTempCaCert"))
    assert [a.target for a in hook.take()] == want


# --- dev mode


def test_dev_mode(start, platform):
    kms = start(config={"core": {"auth_api": {"type": "dev", "dev": {"gateway_app_id": "gw"}}}})
    kms.bootstrap()
    meta = good(call(kms, "GetMeta"))
    assert (meta["is_dev"], meta["allow_any_upgrade"], meta["gateway_app_id"]) == (True, True, "gw")
    assert meta["kms_contract_address"] is meta["chain_id"] is meta["app_auth_implementation"] is None
    guest = platform.guest(app_id=APP)
    assert good(call(kms, "GetAppKey", {}, kms.kms().ra_context(guest.attest)))["gateway_app_id"] == "gw"
    # Evidence and image are checked all the same.
    refused(call(kms, "GetAppKey", {}), "App not allowed: No attestation provided")
    claim = json.dumps({"os_image_hash": "55" * 32})
    text = json.loads(call(kms, "GetAppKey", {"vm_config": claim}, kms.kms().ra_context(guest.attest)).body)["error"]
    assert text.startswith("App not allowed: Failed to verify os image hash: Failed to verify os image hash: ")

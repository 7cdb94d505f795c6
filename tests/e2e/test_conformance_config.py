"""Configuration, environment and the admin listener (sections 1, 2.4, 8.7, 11)."""

import base64
import hashlib
import ipaddress
import json
import re
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.dev import pki
from tests.dev.machine import free_port
from tests.dev.process import UKMS, Process
from tests.dev.proxy import Proxy
from tests.dev.raw import ask, error_json, proto
from tests.dev.webhook import Webhook, answer

# The deployment guide's file, its indentation kept.
GUIDE = """
[rpc]
address = "0.0.0.0"
port = 8000

[rpc.tls]
key = "/kms/certs/rpc.key"
certs = "/kms/certs/rpc.crt"

    [rpc.tls.mutual]
    ca_certs = "/kms/certs/tmp-ca.crt"
    mandatory = false

[core]
cert_dir = "/kms/certs"
admin_token_hash = ""

[core.image]
verify = true
cache_dir = "/kms/images"
download_url = "http://127.0.0.1:8001/{OS_IMAGE_HASH}.tar.gz"
download_timeout = "2m"

[core.auth_api]
type = "webhook"

  [core.auth_api.webhook]
  url = "http://auth-api:8000"

[core.onboard]
enabled = true
auto_bootstrap_domain = ""
quote_enabled = true
address = "0.0.0.0"
port = 8000
"""
# What a test platform needs beside it: no hardware vendor signs for it.
EXTRA = """
[core.attestation]
insecure_allow_external_trust_anchors = true
urls.pccs = "{pccs}"
root_ca = {{ tdx = "{anchors}/intel_sgx_root.der", gcp_tpm = "{anchors}/google_ek_root.der" }}
"""


@pytest.fixture
def hook():
    w = Webhook()
    yield w
    w.close()


@pytest.fixture
def prepare(platform, tmp_path):
    """prepare(...) is a Process that is not started yet."""
    made = []

    def make(name="kms", **kw):
        made.append(Process(platform, tmp_path / name, **kw))
        return made[-1]

    yield make
    for process in made:
        process.stop()


def failed(process):
    """The last line of a server that does not start."""
    process.start(wait=False)
    assert process.process.wait(20) == 1
    deadline = time.monotonic() + 5
    while not any("ukms serve: " in line for line in process.lines) and time.monotonic() < deadline:
        time.sleep(0.01)
    return process.lines[-1]


def call(kms, method, request=None, context=None, **kw):
    return ask(kms.port, "POST", f"/prpc/{method}?json", b"" if request is None else json.dumps(request).encode(), context=context, **kw)


# --- where configuration comes from


def guide(kms, hook, platform):
    text = GUIDE.replace("0.0.0.0", "127.0.0.1").replace("port = 8000", f"port = {kms.port}")
    text = text.replace("/kms/", f"{kms.state}/").replace("http://auth-api:8000", hook.url)
    return text + EXTRA.format(pccs=platform.pki.url, anchors=platform.dir.resolve() / "anchors")


def test_the_file_of_the_guide(prepare, platform, hook):
    kms = prepare()
    kms.config_file = kms.state / "kms.toml"
    kms.config_file.write_text(guide(kms, hook, platform))
    kms.start()
    kms.bootstrap()
    assert call(kms, "GetMeta").status == 200
    assert [a.target for a in hook.take()] == ["/bootAuth/kms", "/bootAuth/kms", "/"]
    assert not any(" WARN " in line and "unknown" in line for line in kms.lines)


def test_later_files_win_key_by_key(prepare, platform, hook):
    kms = prepare(env={"ROCKET_PORT": "1", "ROCKET_RPC": "x"})
    (kms.state / "kms.toml").write_text(guide(kms, hook, platform) + '[core.auth_api.dev]\ngateway_app_id = "first"\n')
    (kms.state / "kms.json").write_text(json.dumps({"core": {"auth_api": {"type": "dev"}, "site_name": "second", "not_known": {"a": 1}}, "other": 1}))
    last = kms.state / "last.toml"
    last.write_text('core.site_name = "third"\n')
    kms.config_file = last
    kms.start()
    page = ask(kms.port, "GET", "/", context=False).body
    assert b"<title>third</title>" in page
    kms.bootstrap()
    assert json.loads(call(kms, "GetMeta").body)["gateway_app_id"] == "first"
    kms.stop()
    kms.config_file = None
    kms.agent = type(kms.agent)(kms.guest, str(kms.state / "agent.sock"))
    kms.start()
    assert json.loads(call(kms, "GetMeta").body)["gateway_app_id"] == "first"


@pytest.mark.parametrize("text,said", [
    ("core = 1", "core"), ("[core]\nattest_rpc_cert = 1", "core.attest_rpc_cert"), ("[rpc]\nport = 65536", "rpc.port"), ("[rpc]\nport = \"8000\"", "rpc.port"),
    ("[core.auth_api]\ntype = \"other\"", "core.auth_api.type"), ("[core.attestation]\nunknown = 1", "core.attestation.unknown"),
    ("[core.attestation.urls]\nunknown = 1", "core.attestation.urls.unknown"),
    ("[core.image]\ndownload_timeout = \"2 minutes\"", "core.image.download_timeout"),
    ("[core]\ncert_dir = \"a\"\ncert_dir = \"b\"", "line 3: a key is given twice"), ("not toml", ""),
    ("[core.attestation.root_ca]\ntdx = \"/x\"", "core.attestation")])
def test_wrong_configuration_ends_the_start(prepare, text, said):
    kms = prepare()
    kms.config_file = kms.state / "wrong.toml"
    kms.config_file.write_text(text + "\n")
    line = failed(kms)
    assert line.startswith("ukms serve: ") and said in line, line


@pytest.mark.parametrize("value", ["30s", "2m", "1h", "1d", "never"])
def test_download_timeouts(prepare, value):
    kms = prepare(config={"core": {"image": {"download_timeout": value}}})
    kms.start()
    assert ask(kms.port, "GET", "/health", context=False).status == 200


def test_external_anchors_need_the_switch(prepare, platform):
    kms = prepare(config={"core": {"attestation": {"insecure_allow_external_trust_anchors": False}}})
    assert "insecure_allow_external_trust_anchors" in failed(kms)


def test_missing_file_and_version():
    got = subprocess.run([UKMS, "serve", "-c", "/no/such/file.toml"], capture_output=True, text=True, timeout=20)
    assert got.returncode == 1 and "/no/such/file.toml" in got.stderr
    got = subprocess.run([UKMS, "--version"], capture_output=True, text=True, timeout=20)
    assert got.returncode == 0 and re.fullmatch(r"ukms v\S+ \((unknown|git:\S+)\)\n", got.stdout)


def test_agent_addresses(prepare, platform):
    kms = prepare()

    agent = Webhook()
    said = {"/Attest": lambda asked: {"attestation": kms.guest.attest(bytes.fromhex(asked.json()["report_data"])).hex()},
            "/Info": lambda asked: {"vm_config": kms.guest.vm_config}}
    agent.reply = lambda asked: answer(200, said[asked.target.split("?")[0]](asked))
    heard = lambda: [(asked.target, asked.body) for asked in agent.take()]
    try:
        kms.env["DSTACK_AGENT_ADDRESS"] = agent.url
        # The agent is not asked through a proxy.
        kms.env["ALL_PROXY"] = f"http://127.0.0.1:{free_port()}"
        kms.env["NO_PROXY"] = "x.example"
        kms.start()
        got = ask(kms.port, "POST", "/prpc/GetAttestationInfo?json", b"", context=False)
        assert heard()[0] == ("/Attest?json", b'{"report_data":"' + b"0" * 128 + b'"}')
        assert got.status == 400  # its collateral is behind the proxy that is not there
        kms.process.terminate()
        kms.process.wait()
        del kms.env["ALL_PROXY"]
        agent.take()
        kms.start()
        assert ask(kms.port, "POST", "/prpc/GetAttestationInfo?json", b"", context=False).status == 200
        assert heard() == [("/Attest?json", b'{"report_data":"' + b"0" * 128 + b'"}'), ("/Info?json", b"null")]
    finally:
        agent.close()


@pytest.mark.parametrize("status,body,said", [
    (500, b"", "Invalid status code: 500, path=Attest?json"), (404, b"x", "Invalid status code: 404, path=Attest?json"),
    (200, b"x", "Failed to deserialize response"), (200, b"{}", "Failed to deserialize response"),
    (200, b'{"attestation":"zz"}', "Failed to deserialize response")])
def test_agent_errors(prepare, status, body, said):
    agent = Webhook()
    try:
        agent.reply = lambda asked: answer(status, body)
        kms = prepare(env={"DSTACK_AGENT_ADDRESS": agent.url})
        kms.start()
        text = json.loads(ask(kms.port, "POST", "/prpc/GetAttestationInfo?json", b"", context=False).body)["error"]
        assert text.startswith("Failed to get attestation: ") and said in text
    finally:
        agent.close()


# --- ClearImageCache on the main listener


def test_clear_image_cache(prepare):
    kms = prepare(config={"core": {"admin_token_hash": hashlib.sha256(b"secret").hexdigest().upper()}})
    kms.start()
    kms.bootstrap()
    for request in ({}, {"token": ""}, {"token": "Secret"}, {"token": "secret "}, {"token": hashlib.sha256(b"secret").hexdigest()}):
        assert call(kms, "ClearImageCache", request).body == error_json("Invalid token")
    for request in ({"token": "secret"}, {"token": "secret", "image_hash": "all", "config_hash": "all"},
                    {"token": "secret", "image_hash": "ab", "config_hash": "cd"}):
        got = call(kms, "KMS.ClearImageCache", request)
        assert (got.status, got.body) == (200, b"null")
    # The token is field 1, the hashes are 2 and 3.
    got = ask(kms.port, "POST", "/prpc/ClearImageCache", proto((1, "secret"), (2, "all"), (3, "all")))
    assert (got.status, got.body) == (200, b"")
    assert ask(kms.port, "POST", "/prpc/ClearImageCache", proto((2, "secret"))).body == proto((1, "Invalid token"))


def test_no_token_hash_matches_nothing(ready):
    for token in ("", "x"):
        assert call(ready, "ClearImageCache", {"token": token}).body == error_json("Invalid token")


# --- the admin listener


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def admin(prepare, hook, env=None, **core_admin):
    port = free_port()
    kms = prepare(config={"core": {"admin": {"enabled": True, "address": "127.0.0.1", "port": port, **core_admin},
                                   "onboard": {"auto_bootstrap_domain": "kms.test"}}}, env=env)
    kms.admin = port
    return kms


def clear(kms, headers, method="POST", target="/prpc/Admin.ClearImageCache?json", body=b"{}"):
    return ask(kms.admin, method, target, body if method == "POST" else None, headers, context=False)


def denied(got):
    return (got.status, got.body, got.header("WWW-Authenticate")) == (401, b"", 'Basic realm="dstack-kms admin"')


def test_admin_token(prepare, hook):
    kms = admin(prepare, hook, auth_token="to:ken", env={"DSTACK_KMS_ADMIN_TOKEN": "other", "ADMIN_API_TOKEN": "third"}).start()
    for headers in ({"X-Admin-Token": "to:ken"}, {"x-admin-token": "to:ken"}, {"Authorization": "Bearer to:ken"}, {"Authorization": "bearer to:ken"},
                    basic("anyone:to:ken")):
        got = clear(kms, headers)
        assert (got.status, got.body, got.header("Content-Type")) == (200, b"null", "application/json"), headers
    for headers in ({}, {"X-Admin-Token": ""}, {"X-Admin-Token": "to:kex"}, {"X-Admin-Token": "other"}, {"Authorization": "to:ken"},
                    {"Authorization": "Bearer"}, basic("a:b"), basic("to:ken:x"),
                    {"Authorization": "Basic %%%"}, {"Authorization": "Basic"}, {"Authorization": "Digest to:ken"}):
        assert denied(clear(kms, headers)), headers
    # Before routing: whoever is not known learns nothing about paths.
    for method, target in [("GET", "/"), ("GET", "/nothing"), ("PUT", "/prpc/Admin.ClearImageCache"), ("GET", "/prpc/"), ("POST", "/prpc/Nope")]:
        assert denied(clear(kms, {}, method, target)), target
    good = {"X-Admin-Token": "to:ken"}
    for target in ("/prpc/ClearImageCache?json", "/prpc/Admin.Admin.ClearImageCache?json"):
        assert clear(kms, good, target=target).body == b"null"
    assert clear(kms, good, "GET", "/prpc/Admin.ClearImageCache?image_hash=all").body == b"null"
    assert clear(kms, good, target="/prpc/Admin.ClearImageCache", body=proto((1, "all"), (2, "all"))).body == b""
    assert clear(kms, good, target="/prpc/GetMeta?json").body == error_json("Service not found: GetMeta")
    assert clear(kms, good, target="/prpc/KMS.ClearImageCache?json").body == error_json("Service not found: KMS.ClearImageCache")
    assert clear(kms, good, "GET", "/nothing").status == 404
    assert clear(kms, good, "GET", "/prpc/").status == 422


def test_admin_token_as_user(prepare, hook):
    kms = admin(prepare, hook, auth_token="token").start()
    for text in ("token:", "x:token"):
        assert clear(kms, basic(text)).status == 200
    for text in ("token", "token:x", ":"):
        assert denied(clear(kms, basic(text))), text


@pytest.mark.parametrize("env,token", [({"DSTACK_KMS_ADMIN_TOKEN": " a\n", "ADMIN_API_TOKEN": "b"}, "a"), ({"ADMIN_API_TOKEN": "b\n"}, "b"),
                                       ({"DSTACK_KMS_ADMIN_TOKEN": "  ", "ADMIN_API_TOKEN": "b"}, "b")])
def test_admin_token_of_the_environment(prepare, hook, env, token):
    kms = admin(prepare, hook, env=env).start()
    assert clear(kms, {"X-Admin-Token": token}).status == 200
    assert denied(clear(kms, {"X-Admin-Token": token + "x"}))


def test_admin_htpasswd(prepare, hook, tmp_path):
    file = tmp_path / "htpasswd"
    # bcrypt, cost 4, of "pa:ss" and "word"
    file.write_text("# people\nann:$2b$04$abcdefghijklmnopqrstuu2auYx.qp9Oa3Pif.hfhenSQE6jLNfY6\n\nbob:$2y$04$zyxwvutsrqponmlkjihgfuC8Lkk1xaBum33ioGEA5wi7cWzK.xcU2\n")
    kms = admin(prepare, hook, htpasswd_file=str(file)).start()
    for text in ("ann:pa:ss", "bob:word"):
        assert clear(kms, basic(text)).status == 200, text
    for text in ("ann:word", "bob:pa:ss", "carl:word", "ann:", ":", "bob"):
        assert denied(clear(kms, basic(text))), text
    assert denied(clear(kms, {"X-Admin-Token": ""})) and denied(clear(kms, {"Authorization": "Bearer "}))


def test_admin_without_authentication(prepare, hook):
    kms = admin(prepare, hook, insecure_no_auth=True).start()
    assert clear(kms, {}).body == b"null"


@pytest.mark.parametrize("env", [{}, {"ADMIN_API_TOKEN": ""}, {"DSTACK_KMS_ADMIN_TOKEN": " \n"}])
def test_admin_without_credentials_does_not_start(prepare, hook, env):
    assert "core.admin" in failed(admin(prepare, hook, env=env))


def test_admin_is_off_by_default(ready):
    with pytest.raises(ConnectionRefusedError):
        ask(8001, "GET", "/", context=False)


# --- proxies of the environment


@pytest.fixture
def relay():
    made = []

    def make(user=None):
        made.append(Proxy(user))
        return made[-1]

    yield make
    for p in made:
        p.close()


def web_pki(directory):
    """A PEM file of a root, and a server's SSL context for 127.0.0.1 under it."""
    def cert(name, key, issuer, signer, ca):
        b = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                                                                  name)])).issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                                                                                                                     issuer)]))
             .public_key(key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + pki.DAY)
             .add_extension(x509.BasicConstraints(ca, None), True))
        if not ca:
            b = b.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        return b.sign(signer, hashes.SHA256())
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (directory / "roots.pem").write_bytes(pki.pem(cert("root", root_key, "root", root_key, True)))
    (directory / "server.pem").write_bytes(pki.pem(cert("server", key, "root", root_key, False))
                                           + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return str(directory / "roots.pem"), context


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_http_goes_through_the_proxy(prepare, platform, hook, relay, name):
    proxy = relay("user:p@ss" if name == "HTTP_PROXY" else None)
    kms = prepare(config=hook.config(), env={name: proxy.url.replace("p@ss", "p%40ss")}).start()
    assert call(kms, "Bootstrap", {"domain": "kms.test"}, context=False).status == 200
    seen = proxy.take()
    assert ("POST", f"{hook.url}/bootAuth/kms", f"127.0.0.1:{hook.port}") in seen
    # Collateral too.
    assert any(target.startswith(platform.pki.url + "/") for _, target, _ in seen)
    asked = hook.take()
    assert asked[0].target == "/bootAuth/kms" and "proxy-authorization" not in asked[0].headers and asked[0].json()["appId"]


def test_https_goes_through_a_tunnel(prepare, relay, tmp_path):
    roots, context = web_pki(tmp_path)
    hook, proxy = Webhook(tls=context), relay("user:secret")
    try:
        config = hook.config()
        config["core"]["web_roots"] = roots
        kms = prepare(config=config, env={"HTTPS_PROXY": proxy.url}).start()
        kms.bootstrap()
        where = f"127.0.0.1:{hook.port}"
        assert proxy.take()[0] == ("CONNECT", where, where)
        asked = hook.take()
        assert asked[0].target == "/bootAuth/kms" and asked[0].headers["host"] == where
        proxy.refuse = 403
        text = json.loads(call(kms, "GetMeta").body)["error"]
        assert text == f"error sending request for url ({hook.url}/): client error (Connect): tunnel error: the proxy answered 403 Forbidden"
        # TLS ends at the auth API: a proxy that answers itself is not believed.
        proxy.refuse = None
        other = Webhook(tls=web_pki(tmp_path / "..")[1])
        try:
            real, proxy.server.RequestHandlerClass.do_CONNECT = proxy.server.RequestHandlerClass.do_CONNECT, None

            def elsewhere(self):
                self.path = f"127.0.0.1:{other.port}"
                real(self)
            proxy.server.RequestHandlerClass.do_CONNECT = elsewhere
            assert "invalid peer certificate" in json.loads(call(kms, "GetMeta").body)["error"] and other.take() == []
        finally:
            other.close()
    finally:
        hook.close()


def test_wrong_credentials_at_the_proxy(prepare, hook, relay):
    proxy = relay("user:secret")
    kms = prepare(config=hook.config(), env={"HTTP_PROXY": f"http://127.0.0.1:{proxy.port}", "NO_PROXY": "pccs.example"}).start()
    text = json.loads(call(kms, "Bootstrap", {"domain": "kms.test"}, context=False).body)["error"]
    assert "407 Proxy Authentication Required" in text or "failed to build local KMS boot info" in text
    assert hook.take() == []


@pytest.mark.parametrize("except_", ["127.0.0.1", "10.0.0.0/8, 127.0.0.0/8", "*"])
def test_no_proxy(prepare, hook, relay, except_):
    proxy = relay()
    kms = prepare(config=hook.config(), env={"ALL_PROXY": proxy.url, "no_proxy": except_}).start()
    kms.bootstrap()
    assert proxy.take() == [] and hook.take()


def test_onboarding_goes_through_the_tunnel_and_is_pinned_all_the_same(prepare, relay):
    source = prepare("source").start()
    source.bootstrap("source.test")
    proxy = relay()
    kms = prepare("new", env={"https_proxy": proxy.url}).start()
    got = call(kms, "Onboard", {"source_url": f"https://127.0.0.1:{source.port}", "domain": "new.test"}, context=False)
    assert (got.status, got.body) == (200, b"{}")
    where = f"127.0.0.1:{source.port}"
    assert proxy.take() == [("CONNECT", where, where)] * 2


def test_unusable_proxy_is_refused_by_name(prepare):
    line = failed(prepare("a", env={"HTTPS_PROXY": "socks5://user:secret@127.0.0.1:1"}))
    assert line == "ukms serve: HTTPS_PROXY: only proxies at http:// are supported"

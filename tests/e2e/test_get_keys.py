"""`ukms get-keys`, the client of an application: what it writes, every exit status, who it believes, how long it tries, and the Nitro Secure
Module as the source of evidence."""

import hashlib
import json
import os
import socket
import stat
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.dev import nitro
from tests.dev.agent import Agent
from tests.dev.auth import AuthApi, Registry
from tests.dev.guest import compact, report_data, text, vec
from tests.dev.machine import free_port
from tests.dev.nsm_device import Device
from tests.dev.process import UKMS, Process
from tests.dev.server import Server

DONE, FAILED, USAGE, REFUSED, NO_ANSWER = range(5)
APP, COMPOSE = bytes.fromhex("a11ce0000000000000000000000000000000beef"), b'{"name":"get-keys"}'
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def amazon():
    return nitro.Authority()


@pytest.fixture(scope="module")
def kms(platform, amazon, tmp_path_factory):
    """At 127.0.0.1 by name; its policy lets this app's images have its keys."""
    directory = tmp_path_factory.mktemp("get-keys")
    amazon.write_root(directory / "nitro_root.der")
    auth = AuthApi()
    auth.decide = Registry()
    auth.decide.allow(APP, hashlib.sha256(COMPOSE).digest())
    attestation = {"root_ca": {"aws_nitro_enclave": str(directory / "nitro_root.der")}, "relax": ["nitro-signed-identity", "nitro-debug"]}
    process = Process(platform, directory / "kms", config={"core": {"attestation": attestation, **auth.config()["core"]}}).start()
    process.bootstrap("127.0.0.1")
    process.policy = auth.decide
    process.root = process.state / "certs/root-ca.crt"
    yield process
    process.stop()
    auth.close()


@pytest.fixture
def guest(platform):
    return platform.guest(COMPOSE, app_id=APP)


class Asker:
    """Runs get-keys beside a guest agent (or, with `device`, where there is a /dev/nsm) in a directory of its own."""

    def __init__(self, directory, guest):
        self.program, self.dir, self.out, self.device = UKMS, directory, directory / "app_keys.json", None
        self.agent = Agent(guest, str(directory / "agent.sock"))
        self.env = dict(os.environ, DSTACK_AGENT_ADDRESS=f"unix:{directory}/agent.sock")

    def __call__(self, status, port, *more, said=(), url=None, output=True):
        """The program ended with this status and said these things."""
        command = [self.program, "get-keys", "--kms-url", url or f"https://127.0.0.1:{port}", *more]
        command += ["--output", str(self.out)] if output is True else ["--output", output] if output else []
        kw = {"env": self.env, "timeout": 90}
        done = self.device.run(*command, **kw) if self.device else subprocess.run(command, capture_output=True, text=True, **kw)
        assert done.returncode == status, f"{done.returncode}, want {status}: {done.stderr}"
        for part in (said,) if isinstance(said, str) else said:
            assert part in done.stderr, done.stderr
        return done


@pytest.fixture
def ask(tmp_path, guest):
    asker = Asker(tmp_path, guest)
    yield asker
    asker.agent.close()


def direct(process, guest, **kw):
    kms = process.kms()
    kms.domain = None
    return kms.call("GetAppKey", {"api_version": 1, "vm_config": ""}, context=kms.ra_context(guest.attest, **kw)), kms.call("GetTempCaCert")


def expected(process, guest):
    """The text of app_keys.json: upstream's members in upstream's order, pretty."""
    keys, temp = direct(process, guest)
    members = {name: keys[name] for name in ("disk_crypt_key", "env_crypt_key", "k256_key", "k256_signature", "gateway_app_id", "ca_cert")}
    spki = x509.load_pem_x509_certificate(keys["ca_cert"].encode()).public_key().public_bytes(*SPKI)
    members["key_provider"] = {"Kms": {"url": f"https://127.0.0.1:{process.port}/prpc", "pubkey": spki.hex(), "tmp_ca_key": temp["temp_ca_key"],
                                       "tmp_ca_cert": temp["temp_ca_cert"]}}
    return json.dumps(members, indent=2) + "\n"


# --- 0: done --------------------------------------------------------------------------------------------------------------------------------

def test_app_keys_json_in_upstreams_form(kms, guest, ask):
    want = expected(kms, guest)
    warning = "without --root-ca the first answer of the KMS is believed"
    ask(DONE, kms.port, said=warning)
    assert ask.out.read_text() == want
    for url in (f"https://127.0.0.1:{kms.port}/", f"https://127.0.0.1:{kms.port}/prpc", f"https://127.0.0.1:{kms.port}/prpc/"):
        done = ask(DONE, kms.port, "--root-ca", str(kms.root), "--app-id", "0x" + APP.hex(), url=url)
        assert ask.out.read_text() == want and warning not in done.stderr
    assert ask(DONE, kms.port, output=None).stdout == want


def test_keys_are_for_the_owner_alone_whatever_was_there(kms, guest, ask, tmp_path):
    """An older file's mode, and a link that somebody laid there, do not matter."""
    target = tmp_path / "elsewhere"
    target.write_text("kept")
    for before in (lambda: None, lambda: (ask.out.write_text("x" * 99999), ask.out.chmod(0o644)), lambda: (ask.out.unlink(), ask.out.symlink_to(target))):
        before()
        ask(DONE, kms.port)
        assert stat.S_ISREG(ask.out.lstat().st_mode) and ask.out.stat().st_mode & 0o777 == 0o600
        assert ask.out.read_text() == expected(kms, guest)
    assert target.read_text() == "kept"
    assert {p.name for p in tmp_path.iterdir()} == {"app_keys.json", "agent.sock", "elsewhere"}


def test_keys_go_into_a_pipe(kms, guest, ask, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    seen = []
    reader = threading.Thread(target=lambda: seen.append((tmp_path / "pipe").read_text()))
    reader.start()
    ask(DONE, kms.port, output=str(tmp_path / "pipe"))
    reader.join()
    assert seen == [expected(kms, guest)] and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


# --- 1: failed ------------------------------------------------------------------------------------------------------------------------------

def with_identity_of(kms, answer, directory):
    """A server that has the KMS's own certificate and key."""
    return Server((kms.state / "certs/rpc.crt").read_bytes(), (kms.state / "certs/rpc.key").read_bytes(), answer, directory)


def as_kms(kms, guest):
    keys, temp = direct(kms, guest)
    return lambda method: (200, temp if method == "GetTempCaCert" else keys)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def of_an_app(kms, guest):
    """Certificate chain and key. SignCert gives any app a certificate for any name below the KMS's root."""
    key = ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(*SPKI)
    csr = text("please sign cert:") + vec(spki) + b"\0" + text("127.0.0.1") + compact(1) + text("127.0.0.1") + b"\1\0\0\0\0\0"
    csr += guest.attest(report_data("ratls-cert", spki))
    chain = kms.kms().call("SignCert", {"api_version": 2, "csr": csr.hex(), "signature": key.sign(csr, ec.ECDSA(hashes.SHA256())).hex(),
                                        "vm_config": guest.vm_config})["certificate_chain"]
    return "".join(chain[:2]).encode(), key_pem(key)


def test_a_certificate_of_an_app_is_not_a_kms(kms, guest, ask, tmp_path):
    """The chain and the name prove nothing about being the KMS."""
    with Server(*of_an_app(kms, guest), as_kms(kms, guest), tmp_path) as thief:
        ask(FAILED, thief.port, "--root-ca", str(kms.root), said='the server certificate is not for "kms:rpc"')
        assert thief.asked == ["GetTempCaCert", "GetAppKey"] and not ask.out.exists()
    with with_identity_of(kms, as_kms(kms, guest), tmp_path) as real:
        ask(DONE, real.port, "--root-ca", str(kms.root))


def test_a_second_root_beside_the_given_one_is_not_believed(kms, guest, ask, tmp_path):
    """An app's certificate suffices to answer the first question. What stands behind the root in that answer is no anchor for the second, in
    which a certificate of the thief's own root says "kms:rpc"."""
    real = x509.load_pem_x509_certificate((kms.state / "certs/rpc.crt").read_bytes())
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Thief")])

    def certificate(subject, *extensions):
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(key.public_key()).serial_number(1)
                   .not_valid_before(real.not_valid_before).not_valid_after(real.not_valid_after))
        for value in extensions:
            builder = builder.add_extension(value, False)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root = certificate(name, x509.BasicConstraints(ca=True, path_length=1))
    own = tmp_path / "own.crt", tmp_path / "own.key"
    own[0].write_bytes(certificate(real.subject, *(real.extensions.get_extension_for_oid(oid).value for oid in (
        x509.SubjectAlternativeName.oid, x509.ObjectIdentifier("1.3.6.1.4.1.62397.1.4")))))
    own[1].write_bytes(key_pem(key))
    keys, temp = direct(kms, guest)

    def answer(method):
        if method == "GetTempCaCert":
            thief.context.load_cert_chain(*own)
            return 200, temp | {"ca_cert": temp["ca_cert"] + root.decode()}
        return 200, keys

    with Server(*of_an_app(kms, guest), answer, tmp_path) as thief:
        ask(FAILED, thief.port, "--root-ca", str(kms.root), said="GetAppKey: ")
        assert not ask.out.exists()


def test_a_certificate_that_says_no_use_is_not_a_kms(kms, guest, ask, tmp_path):
    issuer = x509.load_pem_x509_certificate(kms.root.read_bytes())
    issuer_key = serialization.load_pem_private_key((kms.state / "certs/root-ca.key").read_bytes(), None)
    rpc = x509.load_pem_x509_certificate((kms.state / "certs/rpc.crt").read_bytes())
    builder = (x509.CertificateBuilder().subject_name(rpc.subject).issuer_name(issuer.subject).public_key(rpc.public_key())
               .serial_number(1).not_valid_before(rpc.not_valid_before).not_valid_after(rpc.not_valid_after)
               .add_extension(rpc.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, False))
    usage = rpc.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.4.1.62397.1.4")).value
    key = (kms.state / "certs/rpc.key").read_bytes()
    for said, value in (("does not say what it is for", None), ('is not for "kms:rpc"', b"\x04\x08kms:rpc2"), ('is not for "kms:rpc"', b"kms:rpc"),
                        ("", usage.value)):
        made = builder.add_extension(x509.UnrecognizedExtension(usage.oid, value), False) if value else builder
        pem = made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        with Server(pem, key, as_kms(kms, guest), tmp_path) as server:
            ask(FAILED if said else DONE, server.port, said=said)


def test_a_kms_of_another_name_or_root_is_not_believed(kms, ready, ask, tmp_path):
    ask(FAILED, ready.port, said=("GetAppKey: ", 'not valid for name "127.0.0.1"'))
    ask(FAILED, kms.port, "--root-ca", str(ready.state / "certs/root-ca.crt"), said="GetTempCaCert: ")
    assert not ask.out.exists()


def test_answers_that_are_none_fail_at_once(kms, guest, ask, tmp_path):
    good = as_kms(kms, guest)
    _, temp = direct(kms, guest)
    for said, answer in (("Failed to decode response of GetTempCaCert", lambda m: (200, b"<html>")),
                         ("Failed to parse tmp CA key", lambda m: (200, temp | {"temp_ca_key": ""})),
                         ("Failed to parse tmp CA certificate", lambda m: (200, temp | {"temp_ca_cert": "x"})),
                         ("Failed to parse the root CA", lambda m: (200, temp | {"ca_cert": "x"})),
                         ("Failed to decode response of GetAppKey", lambda m: (200, {"k256_key": "zz"}) if m == "GetAppKey" else good(m))):
        with with_identity_of(kms, answer, tmp_path) as server:
            done = ask(FAILED, server.port, said=said)
            assert "trying again" not in done.stderr and server.asked.count("GetTempCaCert") == 1


def test_an_output_that_cannot_be_written_is_a_failure(kms, ask, tmp_path):
    ask(FAILED, kms.port, output=str(tmp_path / "no/such/place"), said="No such file or directory")
    ask(FAILED, kms.port, output="/dev/full", said="/dev/full: No space left on device")
    ask(FAILED, kms.port, output=str(tmp_path), said=str(tmp_path))


def test_a_root_ca_file_that_is_not_there_is_a_failure(kms, ask, tmp_path):
    ask(FAILED, kms.port, "--root-ca", str(tmp_path / "none.pem"), said="--root-ca: ")


# --- 2: usage -------------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("more,said", [(["--app-id", "00" * 19], "--app-id: expected 40 hex digits"), (["--app-id", "zz" * 20], "--app-id: expected"),
                                       (["--deadline", "soon"], "--deadline: expected seconds"), (["--deadline", "86401"], "--deadline: expected"),
                                       (["--frobnicate"], "usage: "), (["surplus"], "usage: "), (["--root-ca", "/dev/null"], "--root-ca: ")])
def test_usage(kms, ask, more, said):
    ask(USAGE, kms.port, *more, said=said)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ftp://127.0.0.1", "127.0.0.1:443", ""])
def test_a_url_that_is_none_is_usage(ask, url):
    ask(USAGE, 0, "--kms-url", url, said="ukms get-keys: ")


def test_no_url_is_usage_and_help_is_not():
    assert subprocess.run([UKMS, "get-keys"], capture_output=True).returncode == USAGE
    help_ = subprocess.run([UKMS, "get-keys", "--help"], capture_output=True, text=True)
    assert help_.returncode == DONE and "--kms-url" in help_.stdout


# --- 3: refused by the KMS ------------------------------------------------------------------------------------------------------------------

def test_a_refusal_is_told_in_the_kms_words_and_not_asked_again(kms, platform, ask, tmp_path):
    (tmp_path / "other").mkdir()
    other = Asker(tmp_path / "other", platform.guest(b'{"name":"thief"}', app_id=APP))
    try:
        done = other(REFUSED, kms.port, said="GetAppKey: Request failed with status=400 Bad Request")
        assert "App not allowed: Boot denied: Compose hash not allowed" in done.stderr and "trying again" not in done.stderr
        assert not other.out.exists()
    finally:
        other.agent.close()


# --- 4: no answer ---------------------------------------------------------------------------------------------------------------------------

def test_nobody_there(ask):
    done = ask(NO_ANSWER, free_port(), "--deadline", "1", said="Connection refused")
    assert "trying again" not in done.stderr, "a second attempt would begin behind the deadline"
    done = ask(NO_ANSWER, free_port(), "--deadline", "5", said="trying again")
    assert 1 <= done.stderr.count("trying again") <= 2


def test_somebody_who_never_answers(ask):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ask(NO_ANSWER, silent.getsockname()[1], "--deadline", "2", said="operation timed out")


def test_no_agent(kms, ask):
    ask.agent.close()
    os.unlink(ask.dir / "agent.sock")
    ask(NO_ANSWER, kms.port, "--deadline", "1", said="agent.sock")


class Front:
    """Drops the first connections, then hands them on to the KMS byte by byte."""

    def __init__(self, port, drop):
        self.listener, self.seen = socket.create_server(("127.0.0.1", 0)), 0
        self.port = self.listener.getsockname()[1]

        def copy(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        def main():
            while True:
                try:
                    near, _ = self.listener.accept()
                except OSError:
                    return
                self.seen += 1
                if self.seen <= drop:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", port))
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=copy, args=(a, b), daemon=True).start()

        threading.Thread(target=main, daemon=True).start()


def test_attempts_go_on_until_the_kms_is_there(kms, guest, ask):
    front = Front(kms.port, drop=2)
    try:
        done = ask(DONE, front.port, "--root-ca", str(kms.root))
        assert done.stderr.count("trying again") == 2 and front.seen == 4
        assert json.loads(ask.out.read_text())["k256_key"] == direct(kms, guest)[0]["k256_key"]
    finally:
        front.listener.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_kms_that_is_too_busy_is_asked_again(kms, guest, ask, tmp_path, status):
    good, busy = as_kms(kms, guest), ["GetTempCaCert", "GetAppKey"]

    def answer(method):
        if method in busy:
            busy.remove(method)
            return status, b"later\n"
        return good(method)

    with with_identity_of(kms, answer, tmp_path) as server:
        done = ask(DONE, server.port)
        assert done.stderr.count("trying again") == 2 and server.asked == ["GetTempCaCert", "GetTempCaCert", "GetAppKey", "GetTempCaCert", "GetAppKey"]
    with with_identity_of(kms, lambda method: (status, b"later\n"), tmp_path) as server:
        ask(NO_ANSWER, server.port, "--deadline", "1", said=f"Request failed with status={status} ")


# --- the Nitro Secure Module ----------------------------------------------------------------------------------------------------------------

@pytest.fixture
def enclave(amazon, kms):
    """Its claim to an app id is the --app-id option, so it has none of its own."""
    made = nitro.Enclave(amazon, None, {i: nitro.pcr("get-keys", str(i)) if i < 3 else bytes(48) for i in range(16)})
    kms.policy.allow(APP, made.image_hash)
    return made


@pytest.fixture
def in_enclave(ask, enclave, tmp_path):
    """get-keys where there is a /dev/nsm; the guest agent that is there too is not asked."""
    ask.agent.close()
    ask.device = Device(enclave, tmp_path / "nsm.sock")
    yield ask
    ask.device.close()


def test_evidence_of_dev_nsm_gets_the_keys_of_the_app(kms, guest, enclave, in_enclave):
    in_enclave(DONE, kms.port, "--app-id", APP.hex(), "--root-ca", str(kms.root))
    keys = json.loads(in_enclave.out.read_text())
    claimed = nitro.Enclave(enclave.authority, APP, enclave.pcrs)
    assert in_enclave.out.read_text() == expected(kms, claimed)
    assert keys["k256_key"] == direct(kms, guest)[0]["k256_key"], "the same app on TDX"
    requests = in_enclave.device.requests
    assert [r[:12] for r in requests] == [b"\xa1\x6bAttestation"[:12]] + [b"\xa1\x6bDescribePCR"[:12]] * 3 and [r[-1] for r in requests[1:]] == [0, 1, 2]


def test_an_enclave_without_an_app_id_or_with_anothers_is_refused(kms, in_enclave):
    in_enclave(REFUSED, kms.port, said="App not allowed: app_id must be 20 bytes")
    in_enclave(REFUSED, kms.port, "--app-id", "5a" * 20, said="App not allowed: Boot denied: App not registered")


def test_a_debug_enclave_claims_the_hash_of_zeros(kms, amazon, in_enclave):
    """Both generations of guests write 64 zeros (attestation 5.6): what a KMS compares whose policy lets debug enclaves in."""
    in_enclave.device.enclave = nitro.Enclave(amazon, None, debug=True)
    in_enclave(REFUSED, kms.port, "--app-id", APP.hex(), said="Compose hash not allowed")
    kms.policy.allow(APP, bytes(32))
    in_enclave(DONE, kms.port, "--app-id", APP.hex())


DEVICE_ANSWERS = {
    "error": (NO_ANSWER, ["NSM: Attestation: InternalError"], b"\xa1\x65Error\x6dInternalError"),
    "ioctl fails": (NO_ANSWER, ["NSM: Input/output error", "NSM: I/O error"], None),
    "longer than the buffer": (NO_ANSWER, ["NSM: Message too l"], bytes(0x3001)),
    "of another question": (FAILED, ["NSM: no answer to Attestation"], b"\xa1\x6bDescribePCR\xa1\x64data\x40"),
    "empty": (FAILED, ["NSM: no answer to Attestation"], b""),
    "no document": (REFUSED, ["invalid quote: "], b"\xa1\x6bAttestation\xa1\x68document\x43abc"),
}


@pytest.mark.parametrize("what", DEVICE_ANSWERS)
def test_a_device_that_does_not_answer_as_it_should(kms, in_enclave, what):
    status, said, answer = DEVICE_ANSWERS[what]
    usual = in_enclave.device.answer
    in_enclave.device.answer = lambda request: answer if b"Attestation" in request else usual(request)
    done = in_enclave(status, kms.port, "--app-id", APP.hex(), "--deadline", "1")
    assert any(text in done.stderr for text in said), done.stderr
    assert not in_enclave.out.exists()


IMAGE_PROGRAM = "build/image/init"  # what both flavours boot; `make e2e` has built it


@pytest.mark.parametrize("program", [UKMS, IMAGE_PROGRAM])
def test_a_kms_with_the_real_anchors_refuses_the_stand_in(platform, tmp_path, in_enclave, monkeypatch, program):
    """The stand-in is outside of the program; what it says is worth nothing under Amazon's root, which a measured image cannot replace."""
    if not os.path.exists(program):
        pytest.skip(f"{program} is not built: make image")
    program = os.path.abspath(program)
    monkeypatch.setattr("tests.dev.process.UKMS", program)
    monkeypatch.setattr(in_enclave, "program", program)
    process = Process(platform, tmp_path / "kms", config={"core": {"attestation": {"relax": ["nitro-signed-identity"]}}}).start()
    try:
        process.bootstrap("127.0.0.1")
        in_enclave(REFUSED, process.port, "--app-id", APP.hex(), said="invalid quote: NSM certificate chain: ")
        assert in_enclave.device.requests
    finally:
        process.stop()

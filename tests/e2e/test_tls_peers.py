"""Our TLS and HTTP against the implementations that people use. Nothing is skipped silently: a tool that is missing fails its test."""

import hashlib
import json
import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.dev import pki

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


@pytest.fixture(scope="module")
def files(ready, tmp_path_factory):
    """root.pem, and a client certificate of the temp CA without evidence: client.pem, client.key; one of another CA: foreign.pem."""
    directory = tmp_path_factory.mktemp("tls")
    temp = ready.kms().call("GetTempCaCert")
    (directory / "root.pem").write_text(temp["ca_cert"])
    issuer = x509.load_pem_x509_certificate(temp["temp_ca_cert"].encode())
    issuer_key = serialization.load_pem_private_key(temp["temp_ca_key"].encode(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    (directory / "client.key").write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def leaf(name, signer):
        cert = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])).issuer_name(issuer.subject)
                .public_key(key.public_key()).serial_number(7).not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + pki.DAY)
                .sign(signer, hashes.SHA256()))
        (directory / name).write_bytes(cert.public_bytes(PEM))

    leaf("client.pem", issuer_key)
    leaf("foreign.pem", ec.generate_private_key(ec.SECP256R1()))
    return directory


def run(*command, stdin=b"", timeout=60):
    return subprocess.run([str(c) for c in command], input=stdin, capture_output=True, timeout=timeout, check=False)


def curl(ready, files, *more):
    return run("curl", "-sS", "--max-time", "20", "--cacert", files / "root.pem", "--resolve", f"kms.test:{ready.port}:127.0.0.1", *more)


def url(ready, path="/prpc/GetMeta?json"):
    return f"https://kms.test:{ready.port}{path}"


def is_meta(body):
    meta = json.loads(body)
    assert meta["ca_cert"].startswith("-----BEGIN CERTIFICATE-----"), body
    return True


def test_curl_openssl_with_and_without_certificate(ready, files):
    one = curl(ready, files, url(ready))
    assert one.returncode == 0 and is_meta(one.stdout), one.stderr
    two = curl(ready, files, "--cert", files / "client.pem", "--key", files / "client.key", url(ready))
    assert two.returncode == 0 and is_meta(two.stdout), two.stderr
    three = curl(ready, files, "--cert", files / "foreign.pem", "--key", files / "client.key", url(ready))
    assert three.returncode in (35, 56) and b"alert" in three.stderr and not three.stdout, three


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
@pytest.mark.parametrize("curve", ["X25519:P-256", "P-256"])
def test_every_suite_on_every_curve(ready, files, suite, curve):
    answer = curl(ready, files, "--tls-max", "1.2", "--ciphers", suite, "--curves", curve, url(ready))
    assert answer.returncode == 0 and is_meta(answer.stdout), answer.stderr


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256"])
def test_other_suites_are_refused(ready, files, suite):
    assert curl(ready, files, "--tls-max", "1.2", "--ciphers", suite, url(ready)).returncode == 35


def test_curl_expect_chunked_and_http2_offer(ready, files):
    big = files / "big.json"
    big.write_bytes(b'{"x":"' + b"y" * 3_000_000 + b'"}')
    for more in (["--data-binary", f"@{big}"], ["-H", "Transfer-Encoding: chunked", "--data-binary", f"@{big}"], ["--http2"]):
        answer = curl(ready, files, *more, url(ready))
        assert answer.returncode == 0 and is_meta(answer.stdout), (more, answer.stderr)


def test_body_beyond_the_limit_keeps_its_answer(ready, files):
    big = files / "toobig"
    big.write_bytes(b"y" * 10_485_761)
    answer = curl(ready, files, "--data-binary", f"@{big}", "-w", "\n%{http_code}", url(ready))
    assert answer.stdout.endswith(b"\n400") and b"failed to read data: payload too large" in answer.stdout, answer


def test_gnutls(ready, files):
    request = b"GET /prpc/GetMeta HTTP/1.1\r\nHost: kms.test\r\nConnection: close\r\n\r\n"
    answer = run("gnutls-cli", "--x509cafile", files / "root.pem", "--x509certfile", files / "client.pem", "--x509keyfile", files / "client.key",
                 "--verify-hostname", "kms.test", "--sni-hostname", "kms.test", "--alpn", "http/1.1", "--logfile", "/dev/null", "-p", ready.port,
                 "127.0.0.1", stdin=request)
    assert b"HTTP/1.1 200 OK" in answer.stdout and b'"ca_cert"' in answer.stdout, answer


NODE = """
const https = require("https"), fs = require("fs");
const [port, dir, cert] = process.argv.slice(2);
const agent = new https.Agent({keepAlive: true, maxSockets: 2});
const one = () => new Promise((done, failed) => {
  const options = {host: "127.0.0.1", port, path: "/prpc/GetMeta?json", method: "POST", servername: "kms.test", agent,
    ca: fs.readFileSync(dir + "/root.pem"), cert: fs.readFileSync(dir + "/" + cert), key: fs.readFileSync(dir + "/client.key")};
  const request = https.request(options, answer => {
    let text = ""; answer.on("data", d => text += d); answer.on("end", () => done([answer.statusCode, JSON.parse(text).ca_cert.length]));
  });
  request.on("error", failed); request.end("null");
});
(async () => { const all = []; for (let i = 0; i < 5; i++) all.push(...await Promise.all([one(), one()]));
  console.log(JSON.stringify(all)); process.exit(0); })().catch(e => { console.log(e.code); process.exit(1); });
"""


def test_node_keeps_its_connections(ready, files):
    script = files / "peer.js"
    script.write_text(NODE)
    answer = run("node", script, ready.port, files, "client.pem")
    assert answer.returncode == 0 and all(status == 200 for status, _ in json.loads(answer.stdout)), answer
    assert run("node", script, ready.port, files, "foreign.pem").returncode == 1


def python_context(files, cert="client.pem"):
    context = ssl.create_default_context(cafile=str(files / "root.pem"))
    context.load_cert_chain(files / cert, files / "client.key")
    context.set_alpn_protocols(["http/1.1"])
    return context


def test_python_ssl_with_a_client_certificate(ready, files):
    with socket.create_connection(("127.0.0.1", ready.port)) as plain, python_context(files).wrap_socket(plain, server_hostname="kms.test") as tls:
        assert (tls.version(), tls.selected_alpn_protocol()) == ("TLSv1.2", "http/1.1")
        for _ in range(3):
            tls.sendall(b"POST /prpc/GetMeta?json HTTP/1.1\r\nHost: kms.test\r\nContent-Length: 4\r\n\r\nnull")
            head = b""
            while b"\r\n\r\n" not in head:
                head += tls.recv(65536)
            head, body = head.split(b"\r\n\r\n", 1)
            length = int(dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])[b"Content-Length"])
            while len(body) < length:
                body += tls.recv(65536)
            assert is_meta(body)


def test_pipelined_requests_over_tls(ready, files):
    request = b"GET /prpc/GetMeta HTTP/1.1\r\nHost: kms.test\r\n\r\n"
    with socket.create_connection(("127.0.0.1", ready.port)) as plain, python_context(files).wrap_socket(plain, server_hostname="kms.test") as tls:
        tls.sendall(request * 9 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        heard = b""
        while more := tls.recv(65536):
            heard += more
        assert heard.count(b"HTTP/1.1 200 OK\r\n") == 10 and heard.count(b"BEGIN CERTIFICATE") == 10


def test_python_ssl_with_a_foreign_certificate_is_alerted(ready, files):
    with socket.create_connection(("127.0.0.1", ready.port)) as plain:
        with pytest.raises(ssl.SSLError, match="BAD_CERTIFICATE"):
            python_context(files, "foreign.pem").wrap_socket(plain, server_hostname="kms.test")


def test_chromium(ready, files):
    root = x509.load_pem_x509_certificate((files / "root.pem").read_bytes())
    pins = set()
    with socket.create_connection(("127.0.0.1", ready.port)) as plain, python_context(files).wrap_socket(plain, server_hostname="kms.test") as tls:
        leaf = x509.load_der_x509_certificate(tls.getpeercert(True))
    for cert in (root, leaf):
        spki = cert.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        pins.add(__import__("base64").b64encode(hashlib.sha256(spki).digest()).decode())
    answer = run("chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={files}/chromium", "--dump-dom",
                 f"--ignore-certificate-errors-spki-list={','.join(pins)}", f"--host-resolver-rules=MAP kms.test 127.0.0.1",
                 url(ready, "/prpc/GetMeta"))
    assert b"BEGIN CERTIFICATE" in answer.stdout, answer.stderr[-2000:]


def test_many_clients_at_once(ready, files):
    answers = []

    def one():
        answers.append(curl(ready, files, url(ready), url(ready)).returncode)

    threads = [threading.Thread(target=one) for _ in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [0] * 24


def test_testssl_finds_nothing_but_the_absence_of_tls13(ready, files):
    report = files / "testssl.json"
    run("testssl", "--quiet", "--color", "0", "--warnings", "batch", "--jsonfile", report, "--ip", "127.0.0.1", "-p", "-s", "-f", "-U",
        "--nodns", "none", f"kms.test:{ready.port}", timeout=400)
    findings = {f["id"]: f for f in json.loads(report.read_text())}
    assert {"SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2"} <= set(findings), sorted(findings)
    worse = {i: f["finding"] for i, f in findings.items() if f["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "WARN")}
    for known in ("TLS1_3", "engine_problem"):  # the second is about the openssl that testssl runs
        worse.pop(known, None)
    assert worse == {}

"""The server under load, over TLS 1.2 with a P-256 certificate: connections, requests, latency, memory, overload; then the RPCs of `ukms serve`.

bench_rpc.py [SECONDS of one run, default 2]"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402

from rows import Rows  # noqa: E402
from server_bench import CORES, LOAD, Histogram, load, measured, pin, resident_kib, rounds  # noqa: E402
from tests.dev import pki  # noqa: E402
from tests.dev.client import ATTESTATION, Kms  # noqa: E402
from tests.dev.guest import report_data  # noqa: E402
from tests.dev.machine import free_port  # noqa: E402
from tests.dev.process import Platform, Process  # noqa: E402

SERVER = "build/host/helpers/server"
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
ROUNDS = 5
SETTLE = 2.5  # seconds; pages of buffers are given back once a second
rows = Rows("rpc")


class Transport:
    """The server without the service."""

    def __init__(self, *limits, mode="tls"):
        self.process = subprocess.Popen([SERVER, "0", mode, "loops=1", *limits], stdout=subprocess.PIPE)
        self.port, self.pid = int(self.process.stdout.readline()), self.process.pid
        pin(self.pid)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()


class Peer:
    """Another server with the same certificate type, suite and curve and no resumption, which answers "x" to everything."""

    def __init__(self, directory, command):
        key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
                .not_valid_before(pki.now() - timedelta(days=1)).not_valid_after(pki.now() + timedelta(days=1)).sign(key, hashes.SHA256()))
        pem = serialization.Encoding.PEM
        (directory / "cert.pem").write_bytes(cert.public_bytes(pem))
        (directory / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (directory / "echo").write_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: text/plain\r\n\r\nx")
        self.port = free_port()
        self.process = subprocess.Popen([word.replace("PORT", str(self.port)) for word in command], cwd=directory, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        time.sleep(0.5)
        pin(self.pid)

    __enter__, __exit__ = Transport.__enter__, Transport.__exit__


# What OpenSSL needs for a connection with one request.
OPENSSL = ["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-cert", "cert.pem", "-key", "key.pem", "-tls1_2", "-no_ticket", "-no_cache", "-cipher",
           "ECDHE-ECDSA-AES256-GCM-SHA384", "-curves", "X25519", "-HTTP", "-quiet"]
# What the pauses of this machine leave of a server that has nothing to do.
NODE = ["node", "-e", """
const fs = require("fs"), tls = {cert: fs.readFileSync("cert.pem"), key: fs.readFileSync("key.pem"), maxVersion: "TLSv1.2", ecdhCurve: "X25519",
  ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384", secureOptions: require("crypto").constants.SSL_OP_NO_TICKET};
require("https").createServer(tls, (q, a) => { q.resume(); a.writeHead(200, {"Content-Length": "1"}); a.end("x"); }).listen(PORT, "127.0.0.1");"""]


def connections():
    with tempfile.TemporaryDirectory() as tmp, Transport() as s, Peer(Path(tmp), OPENSSL) as peer:
        for server, path in ((s, "/echo?x"), (peer, "/echo")):
            if load(server.port, "fresh", "-p", path, "-e", "x", threads=1, seconds=0.3)["ok"] == 0:
                sys.exit(f"no answer from {server.process.args}")
        each = SECONDS / 2
        ours, theirs, kept = rounds(ROUNDS, lambda: measured(s.pid, s.port, "fresh", "-e", "x", seconds=each),
                                    lambda: measured(peer.pid, peer.port, "fresh", "-p", "/echo", "-e", "x", threads=2, seconds=each),
                                    lambda: measured(s.pid, s.port, "keep", threads=8, seconds=each))
        rows.add("handshake with one request, CPU", round(ours["cpu"]), "us", 200)
        rows.add("the same, openssl s_server", round(theirs["cpu"]), "us")
        rows.add("the same, in openssl s_server's", round(ours["cpu"] / theirs["cpu"], 2), "x")
        rows.add("handshakes with one request, per core", round(1e6 / ours["cpu"]), "/s")
        rows.add("handshakes with one request, measured (load's core limits)", round(ours["per_second"]), "/s")
        rows.add("request on a kept connection, CPU", round(kept["cpu"], 1), "us")
        rows.add("requests on kept connections, measured", round(kept["per_second"]), "/s")


def idle_memory():
    for count in (0, 1000, 10000):
        with Transport("idle_ms=600000") as s:
            hold = subprocess.Popen([LOAD, str(s.port), "idle", str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            got = json.loads(hold.stdout.readline())["open"]
            time.sleep(SETTLE)
            rows.add(f"resident with {got} of {count} TLS connections idle", resident_kib(s.pid), "KiB", 32768 if count == 1000 else None)
            hold.stdin.close()
            hold.wait()


def client_files(directory, kms, guest):
    """Options that make the load an attested guest which asks for its key."""
    temp = kms.call("GetTempCaCert")
    issuer = x509.load_pem_x509_certificate(temp["temp_ca_cert"].encode())
    issuer_key = serialization.load_pem_private_key(temp["temp_ca_key"].encode(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    evidence = pki.der_tlv(0x04, guest.attest(report_data("ratls-cert", spki)))
    cert = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "load")])).issuer_name(issuer.subject)
            .public_key(key.public_key()).serial_number(1).not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + pki.DAY)
            .add_extension(x509.UnrecognizedExtension(ATTESTATION, evidence), critical=False).sign(issuer_key, hashes.SHA256()))
    (directory / "cert.der").write_bytes(cert.public_bytes(serialization.Encoding.DER))
    (directory / "body.json").write_text(json.dumps({"api_version": 1, "vm_config": guest.vm_config}))
    context = kms.ra_context(guest.attest)
    right = kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=context)["k256_key"]
    rows.add("client certificate with its evidence", (directory / "cert.der").stat().st_size, "bytes")
    return ["-c", str(directory / "cert.der"), "-k", f"{key.private_numbers().private_value:064x}", "-p", "/prpc/GetAppKey?json", "-b",
            str(directory / "body.json"), "-e", right]


def half_load(mode, kms, pid, port, app, capacity):
    before = Histogram(kms.get("/metrics")[2].decode())
    r = measured(pid, port, mode, *app, threads=32, rate=capacity / 2, seconds=2 * SECONDS)
    bound, within = Histogram(kms.get("/metrics")[2].decode()).since(before)
    what = f"GetAppKey, {mode}, half load ({capacity / 2:,.0f}/s)"
    rows.add(f"{what}: 99% inside the server within", bound, "ms", 5)
    rows.add(f"{what}: within 5 ms inside the server", round(within, 2), "%")
    rows.add(f"{what}: client's p50, open loop", r["p50_us"], "us")
    rows.add(f"{what}: client's p99, open loop", r["p99_us"], "us", 5000)
    with tempfile.TemporaryDirectory() as tmp, Peer(Path(tmp), NODE) as peer:
        load(peer.port, mode, "-e", "x", seconds=SECONDS / 2)
        idle = measured(peer.pid, peer.port, mode, "-e", "x", threads=32, rate=capacity / 2, seconds=2 * SECONDS)
    rows.add(f"{what}: client's p99 of a Node server that only says x", idle["p99_us"], "us")
    rows.add(f"{what}: client's p99, in that server's", round(r["p99_us"] / idle["p99_us"], 2), "x")
    rows.add(f"{what}: that server busy, unsent, failed", f"{100 * idle['busy']:.0f}%, {idle['unsent']}, {idle['failed']}")
    rows.add(f"{what}: load's core busy, due but unsent", f"{100 * r['load_busy']:.0f}%, {r['unsent']}")
    rows.add(f"{what}: wrong or failed", r["wrong"] + r["failed"] + r["refused"], goal=0)


def overload(pid, port, app, capacity):
    resident = []
    for turn in ("", ", again"):
        r = measured(pid, port, "keep", *app, threads=600, rate=2 * capacity, seconds=2 * SECONDS)
        what = f"GetAppKey, 600 clients ask for {2 * capacity:,.0f}/s{turn}"
        rows.add(f"{what}: right answers", round(r["per_second"]), "/s")
        rows.add(f"{what}: 503", r["unavailable"])
        rows.add(f"{what}: p99", round(r["p99_us"] / 1000), "ms")
        rows.add(f"{what}: server / load busy", f"{100 * r['busy']:.0f}% / {100 * r['load_busy']:.0f}%")
        rows.add(f"{what}: wrong or failed", r["wrong"] + r["failed"] + r["refused"], goal=0)
        time.sleep(SETTLE)
        resident.append(resident_kib(pid))
    rows.add("resident after the first overload", resident[0], "KiB")
    rows.add("growth in the second overload", resident[1] - resident[0], "KiB", 1024)
    r = measured(pid, port, "keep", *app, threads=8)
    rows.add("GetAppKey, keep, CPU, after overload", round(r["cpu"]), "us", 1250)


def service():
    with tempfile.TemporaryDirectory() as tmp:
        directory = Path(tmp)
        platform = Platform(directory / "platform")
        process = Process(platform, directory / "kms", config={"core": {"image": {"verify": False}, "enforce_self_authorization": False}}).start()
        try:
            process.bootstrap()
            pid, port, kms = process.process.pid, process.port, Kms(process.port)
            pin(pid)
            rows.add("ukms serve, resident before load", resident_kib(pid), "KiB")
            app = client_files(directory, kms, platform.guest())
            meta = ["-p", "/prpc/GetMeta?json", "-e", "ca_cert"]
            if load(port, "fresh", *app, threads=1, seconds=0.3)["ok"] == 0:
                sys.exit("GetAppKey is not allowed in this configuration")
            runs = {(rpc, mode): (lambda o=options, m=mode: measured(pid, port, m, *o, threads=8, seconds=SECONDS / 2))
                    for rpc, options in (("GetMeta", meta), ("GetAppKey", app)) for mode in ("fresh", "keep")}
            for (rpc, mode), r in zip(runs, rounds(ROUNDS, *runs.values())):
                of_a_core = round(1e6 / r["cpu"])
                goal = 800 if rpc == "GetAppKey" else None
                rows.add(f"{rpc}, {mode}, CPU", round(r["cpu"]), "us", 1250 if goal else None)
                rows.add(f"{rpc}, {mode}, per core", of_a_core, "/s", goal, least=True)
                rows.add(f"{rpc}, {mode}, measured, server / load busy",
                         f"{r['per_second']:,.0f}/s, {100 * r['busy']:.0f}% / {100 * r['load_busy']:.0f}%")
                if r["wrong"] + r["failed"] + r["refused"]:
                    sys.exit(f"{rpc}, {mode}: {r}")
                if goal:
                    half_load(mode, kms, pid, port, app, of_a_core)
            overload(pid, port, app, of_a_core)
        finally:
            process.stop()
            platform.close()


subprocess.run(["make", "-s", "-j2", "all", SERVER, LOAD], check=True, stdout=subprocess.DEVNULL)
rows.add("cores: of the machine, for the server", f"{len(CORES)}, 1")
rows.add("load average before", round(os.getloadavg()[0], 2))
connections()
idle_memory()
service()
rows.add("load average after, own load included", round(os.getloadavg()[0], 2))
rows.save()

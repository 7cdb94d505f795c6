"""The server under load, over TLS 1.2 with a P-256 certificate: connections, requests, latency, memory; then the RPCs of `ukms serve`.

CPU figures are of the server process alone, so that they mean something on a machine that does other things too."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, ".")

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402

from tests.dev import pki  # noqa: E402
from tests.dev.client import ATTESTATION, Kms  # noqa: E402
from tests.dev.guest import report_data  # noqa: E402
from tests.dev.process import Platform, Process  # noqa: E402

SERVER, LOAD = "build/host/helpers/server", "build/host/helpers/load"
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
rows = []


def row(name, value, goal=""):
    rows.append({"name": name, "value": value, "goal": goal})
    print(f"  {name:<58} {value:>12} {'  goal ' + goal if goal else ''}", flush=True)


def usage(pid):
    """CPU microseconds and resident KiB of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) * 10000, pages * 4


def load(port, mode, *more, threads=4, rate=0, seconds=SECONDS):
    command = [LOAD, str(port), mode, str(seconds), str(threads), str(rate), *more]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def measured(pid, port, mode, *more, **kw):
    before = usage(pid)[0]
    result = load(port, mode, *more, **kw)
    result["cpu_us"] = (usage(pid)[0] - before) / max(1, result["ok"])
    return result


class Transport:
    def __init__(self, *limits):
        self.process = subprocess.Popen([SERVER, "0", "mtls", *limits], stdout=subprocess.PIPE)
        self.port, self.pid = int(self.process.stdout.readline()), self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()


def connections():
    with Transport("loops=1") as s:
        load(s.port, "fresh", seconds=0.3)
        r = measured(s.pid, s.port, "fresh")
        row("connections with one request, per second", r["per_second"])
        row("CPU of a handshake and its request, us", round(r["cpu_us"]), "<= 200 for the handshake")
        r = measured(s.pid, s.port, "keep", threads=8)
        row("requests on kept connections, per second", r["per_second"])
        row("CPU of a request on a kept connection, us", round(r["cpu_us"], 1))
        half = load(s.port, "keep", threads=8, rate=r["per_second"] / 2)
        row("p50 / p99 at half of that, us", f"{half['p50_us']} / {half['p99_us']}")


def idle_memory():
    for count in (0, 1000, 10000):
        with Transport("idle_ms=600000") as s:
            hold = subprocess.Popen([LOAD, str(s.port), "idle", str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            got = json.loads(hold.stdout.readline())["open"]
            time.sleep(2.5)
            row(f"resident KiB with {got} idle TLS connections", usage(s.pid)[1], "<= 32768" if count == 1000 else "")
            hold.stdin.close()
            hold.wait()


def overload():
    with Transport("loops=1", "workers=2", "queue=8") as s:
        r = measured(s.pid, s.port, "keep", "-p", "/sleep?5", threads=40, seconds=SECONDS)
        row("5 ms handler, 2 workers, 40 clients: ok / 503 / failed", f"{r['ok']} / {r['unavailable']} / {r['failed'] + r['refused']}", "no failed")


def client_files(directory, kms, guest):
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
    return ["-c", str(directory / "cert.der"), "-k", f"{key.private_numbers().private_value:064x}", "-p", "/prpc/GetAppKey?json", "-b",
            str(directory / "body.json")]


def service():
    with tempfile.TemporaryDirectory() as tmp:
        directory = Path(tmp)
        platform = Platform(directory / "platform")
        process = Process(platform, directory / "kms", config={"core": {"image": {"verify": False}, "enforce_self_authorization": False}}).start()
        try:
            process.bootstrap()
            pid, port = process.process.pid, process.port
            for mode in ("fresh", "keep"):
                r = measured(pid, port, mode, "-p", "/prpc/GetMeta?json")
                row(f"GetMeta, {mode}, per second", r["per_second"])
                row(f"GetMeta, {mode}, CPU us", round(r["cpu_us"]))
            app = client_files(directory, Kms(port), platform.guest())
            warm = load(port, "fresh", *app, threads=1, seconds=0.3)
            if warm["ok"] == 0:
                row("GetAppKey", "not allowed in this configuration")
                return
            for mode in ("fresh", "keep"):
                r = measured(pid, port, mode, *app)
                row(f"GetAppKey, warm evidence, {mode}, per second", r["per_second"])
                row(f"GetAppKey, warm evidence, {mode}, CPU us", round(r["cpu_us"]), "<= 1250 (800 per second and core)")
                half = load(port, mode, *app, rate=r["per_second"] / 2)
                row(f"GetAppKey, {mode}, p50 / p99 us at half load", f"{half['p50_us']} / {half['p99_us']}", "p99 <= 5000")
            r = load(port, "keep", *app, threads=600)
            row("GetAppKey, 600 clients: ok / 503 / failed", f"{r['ok']} / {r['unavailable']} / {r['failed'] + r['refused']}", "no failed")
            row("resident KiB afterwards", usage(pid)[1])
        finally:
            process.stop()
            platform.close()


subprocess.run(["make", "-s", "-j2", "all", SERVER, LOAD], check=True, stdout=subprocess.DEVNULL)
connections()
overload()
idle_memory()
service()
Path("build/bench").mkdir(parents=True, exist_ok=True)
Path("build/bench/rpc.json").write_text(json.dumps(rows, indent=1))

"""`make run` and `make run-process`: a live KMS on a loopback port, and one app key fetched from it by an attested caller."""

import argparse
import base64
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

from tests.dev import machine as vm  # noqa: E402
from tests.dev.client import Kms, Refused  # noqa: E402
from tests.dev.process import Platform, Process  # noqa: E402
from tests.dev.provision_tpm import provision  # noqa: E402
from tests.dev.signer import Signer  # noqa: E402

DOMAIN = "kms.local"
PLATFORM = Path("build/dev")  # its anchors are in the dev image


def die(message):
    print(f"run: {message}", file=sys.stderr)
    sys.exit(1)


def check_port(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            die(f"port {port} on 127.0.0.1 is taken: stop what uses it, or choose another with `make run PORT=12002`")


def check_memory(megabytes):
    free = int(re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) // 1024
    if free < megabytes + 256:
        die(f"the machine needs {megabytes} MiB of memory and {free} MiB are free: close something, or try `make run MEMORY=256`")


def vm_config(image):
    """What the deploying CLI writes for this image (its release files)."""
    measurement = {"checksum_file": base64.b64encode((image / "sha256sum.txt").read_bytes()).decode(),
                   "measurement": base64.b64encode((image / "measurement.gcp.cbor").read_bytes()).decode()}
    digest = (image / "digest.txt").read_text().strip()
    return json.dumps({"spec_version": 2, "os_image_hash": digest, "gcp_measurement": measurement})


def dev_config(pccs):
    return {"core": {"auth_api": {"type": "dev"}, "attestation": {"urls": {"pccs": pccs}}}}


def app_key(kms, guest):
    context = kms.ra_context(guest.attest)
    answer = kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=context)
    key = ec.derive_private_key(int(answer["k256_key"], 16), ec.SECP256K1())
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint).hex()


def show(rows):
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")
    sys.stdout.flush()


def bootstrap(kms, ready):
    """Onboard phase to HTTPS. Returns GetAttestationInfo's answer."""
    info = kms.call("Onboard.GetAttestationInfo", {}, tls=False)
    kms.call("Onboard.Bootstrap", {"domain": DOMAIN}, tls=False)
    kms.get("/finish", tls=False)
    ready()
    return info


class Vm:
    """A KMS in the dev image with everything around it. Used by `make run` and by the end-to-end tests."""

    DEFAULT = object()

    def __init__(self, image, state, *, port=0, memory=512, config=None, user_config=None, shared=DEFAULT, provisioned=True, **kw):
        """shared: files of the shared disk instead of the usual ones; None: no such disk."""
        self.image, self.state = Path(image), Path(state)
        self.platform = Platform(PLATFORM, vm.PCCS_IN_GUEST)
        self.signer = Signer(self.platform.quoter)
        self.vm_config = vm_config(self.image)
        if provisioned and not (self.state / "tpm").exists():
            provision(self.state / "tpm", self.platform.pki)
        files = shared
        if shared is self.DEFAULT:
            files = vm.shared_files(Process.merge(dev_config(vm.PCCS_IN_GUEST), config or {}), vm_config=self.vm_config,
                                    user_config=user_config)
        self.machine = vm.Machine(self.image / "disk.raw", self.state, shared=files, port=port, memory=memory, signer_port=self.signer.port,
                                  pccs_port=self.platform.pccs.port, **kw)
        self.kms = Kms(self.machine.port, DOMAIN)

    def guest(self, compose=b'{"manifest_version":2,"name":"app"}', **kw):
        return self.platform.guest(compose, boot_pcr=4, **kw)

    def boot(self):
        self.machine.start()
        return self

    def wait_phase(self, timeout=120, after=0):
        """"onboarding" or "ready", whichever the console says first."""
        line = self.machine.wait_line("ukms: phase=", timeout, after)
        return re.search(r"phase=(\w+)", line).group(1)

    def wait_ready(self, timeout=60):
        return self.machine.wait_line("ukms: phase=ready", timeout)

    def bootstrap(self):
        return bootstrap(self.kms, self.wait_ready)

    def close(self):
        self.machine.stop()
        self.signer.close()
        self.platform.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def run_image(args):
    image = Path(args.image)
    if not (image / "digest.txt").exists():
        die(f"no image in {image}: run `make image FLAVOUR=dev`")
    check_port(args.port)
    check_memory(args.memory)
    digest = (image / "digest.txt").read_text().strip()
    state = Path(args.state) / digest[:16]
    with Vm(image, state, port=args.port, memory=args.memory) as kms:
        kms.boot()
        if args.console:
            threading.Thread(target=follow, args=(kms.machine,), daemon=True).start()
        print(f"booting {image}/disk.raw in QEMU (software emulation); state in {state}")
        phase = kms.wait_phase()
        if phase == "onboarding":
            info = kms.bootstrap()
            (state / "attestation-info.json").write_text(json.dumps(info))
        else:
            info = json.loads((state / "attestation-info.json").read_text())
        ready = kms.wait_ready()
        since = re.search(r"since_kernel_ms=(\d+)", ready)
        rows = [("state", "new: bootstrapped now" if phase == "onboarding" else "kept: the keys of an earlier run"),
                ("URL", f"https://127.0.0.1:{args.port}/prpc (name in its certificate: {DOMAIN})"),
                ("digest", digest), ("mr_aggregated", info["mr_aggregated"]), ("device_id", info["device_id"]),
                ("kernel start to TLS", f"{since.group(1)} ms of guest time" if since else ready),
                ("app key (public)", app_key(kms.kms, kms.guest()))]
        finish(rows, args)


def run_process(args):
    check_port(args.port)
    platform = Platform(Path(args.state) / "process")
    process = Process(platform, Path(args.state) / "process" / "kms", port=args.port)
    with process:
        info = None
        try:
            info = process.kms(DOMAIN).call("Onboard.GetAttestationInfo", {}, tls=False)
        except OSError:
            pass
        except Refused as refused:
            die(str(refused))
        if info:
            process.bootstrap(DOMAIN)
        rows = [("URL", f"https://127.0.0.1:{args.port}/prpc (name in its certificate: {DOMAIN})"), ("keys", f"{process.state}/certs"),
                ("app key (public)", app_key(process.kms(DOMAIN), platform.guest()))]
        finish(rows, args)


def finish(rows, args):
    show(rows)
    if args.once:
        return
    print("serving; Ctrl-C stops it", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("\nstopped; the same command continues from this state")


def follow(machine):
    seen = 0
    while machine.qemu.poll() is None:
        with machine.arrived:
            machine.arrived.wait(0.5)
            fresh, seen = machine.lines[seen:], len(machine.lines)
        for line in fresh:
            print(f"| {line}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(prog="run")
    parser.add_argument("how", choices=("image", "process"))
    parser.add_argument("--image", default="build/image/dev", help="directory of the image")
    parser.add_argument("--state", default="build/run", help="where TPM, disk and keys are kept")
    parser.add_argument("--port", type=int, default=12001)
    parser.add_argument("--memory", type=int, default=512, help="MiB")
    parser.add_argument("--console", action="store_true", help="show the serial console")
    parser.add_argument("--once", action="store_true", help="stop after the app key was fetched")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        (run_image if args.how == "image" else run_process)(args)
    except (vm.MachineError, subprocess.CalledProcessError) as problem:
        die(str(problem))
    except KeyboardInterrupt:
        print("\nstopped")


if __name__ == "__main__":
    main()

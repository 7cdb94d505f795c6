"""Makes the state of a software TPM like that of a Google vTPM: attestation key templates and their certificates in NV.

    provision(directory, authority)        # authority: tests.dev.pki.Pki

Any swtpm that is started on the directory afterwards (QEMU's too) has them."""

import argparse
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

NV = {"ecc": (0x01C10002, 0x01C10003), "rsa": (0x01C10000, 0x01C10001)}  # certificate, template
PASSWORD = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)  # authorisation area: empty password
ENDORSEMENT, OWNER = 0x4000000B, 0x40000001
SIGNING = 0x00050072  # fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign
SHA256, NULL = 0x000B, 0x0010


def tpm2b(data):
    return struct.pack(">H", len(data)) + data


def template(kind):
    """TPMT_PUBLIC of a restricted signing key."""
    if kind == "ecc":  # ECDSA over SHA-256, P-256
        return struct.pack(">HHIHHHHHHHH", 0x0023, SHA256, SIGNING, 0, NULL, 0x0018, SHA256, 0x0003, NULL, 0, 0)
    return struct.pack(">HHIHHHHHIH", 0x0001, SHA256, SIGNING, 0, NULL, 0x0014, SHA256, 2048, 0, 0)  # RSASSA over SHA-256, 2048


class TpmError(Exception):
    pass


class Tpm:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def run(self, code, handles, parameters, auth=True):
        body = b"".join(struct.pack(">I", h) for h in handles) + (PASSWORD if auth else b"") + parameters
        self.socket.sendall(struct.pack(">HII", 0x8002 if auth else 0x8001, 10 + len(body), code) + body)
        head = self._read(10)
        _, size, rc = struct.unpack(">HII", head)
        answer = self._read(size - 10)
        if rc:
            raise TpmError(f"TPM command {code:#x} answers {rc:#x}")
        return answer

    def _read(self, n):
        out = b""
        while len(out) < n:
            part = self.socket.recv(n - len(out))
            if not part:
                raise TpmError("swtpm closed the connection")
            out += part
        return out

    def create_primary(self, public):
        """The public key of the primary key that the endorsement seed makes of this template."""
        answer = self.run(0x131, [ENDORSEMENT], tpm2b(tpm2b(b"") + tpm2b(b"")) + tpm2b(public) + tpm2b(b"") + struct.pack(">I", 0))
        handle, = struct.unpack_from(">I", answer)
        size, = struct.unpack_from(">H", answer, 8)
        area = answer[10:10 + size]
        self.run(0x165, [], struct.pack(">I", handle), auth=False)  # FlushContext
        if area[:2] == b"\x00\x23":
            at = len(public) - 4
            n, = struct.unpack_from(">H", area, at)
            x, y = area[at + 2:at + 2 + n], area[at + 4 + n:]
            return ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()).public_key()
        at = len(public) - 2
        return rsa.RSAPublicNumbers(65537, int.from_bytes(area[at + 2:], "big")).public_key()

    def nv_write(self, index, data):
        # ownerWrite, authWrite, ownerRead, authRead, noDA
        public = struct.pack(">IHI", index, SHA256, 0x02060006) + tpm2b(b"") + struct.pack(">H", len(data))
        self.run(0x12A, [OWNER], tpm2b(b"") + tpm2b(public))
        for at in range(0, len(data), 1024):
            self.run(0x137, [OWNER, index], tpm2b(data[at:at + 1024]) + struct.pack(">H", at))


def run_swtpm(state, work):
    path = f"{work}/s"
    swtpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server", f"type=unixio,path={path}", "--ctrl",
                              f"type=unixio,path={path}.ctrl", "--flags", "not-need-init,startup-clear", "--terminate"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while not os.path.exists(path):
        if swtpm.poll() is not None:
            raise TpmError("swtpm did not start: " + swtpm.stderr.read().decode("utf-8", "replace").strip())
        if time.monotonic() > deadline:
            raise TpmError("swtpm did not start in 10 s")
        time.sleep(0.01)
    return swtpm, Tpm(path)


def provision(state, authority, kinds=("ecc",)):
    """New TPM state in the directory (what was there is removed). authority.issue_ak(public key) gives the certificate. kinds: "ecc", "rsa"."""
    state = os.path.abspath(state)
    shutil.rmtree(state, ignore_errors=True)
    os.makedirs(state, mode=0o700)
    subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", state, "--pcr-banks", "sha1,sha256,sha384", "--overwrite"], check=True,
                   stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as work:
        swtpm, tpm = run_swtpm(state, work)
        try:
            for kind in kinds:
                public = template(kind)
                cert_nv, template_nv = NV[kind]
                tpm.nv_write(template_nv, public)
                tpm.nv_write(cert_nv, authority.issue_ak(tpm.create_primary(public)).public_bytes(serialization.Encoding.DER))
            tpm.run(0x145, [], struct.pack(">H", 0), auth=False)  # Shutdown(CLEAR)
        finally:
            tpm.socket.close()
            swtpm.communicate(timeout=10)


if __name__ == "__main__":
    from tests.dev.pki import Pki

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", help="directory for the TPM state; replaced")
    parser.add_argument("--pki", required=True, help="directory of the dev PKI, made when missing")
    parser.add_argument("--url", required=True, help="where the verifier reaches the PCCS of that PKI")
    parser.add_argument("--kinds", nargs="+", default=["ecc"], choices=sorted(NV))
    args = parser.parse_args()
    provision(args.state, Pki(args.pki, args.url), args.kinds)

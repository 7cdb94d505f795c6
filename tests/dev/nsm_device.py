"""A machine with a /dev/nsm for programs that know nothing of tests: answers the NSM requests that tests/helpers/nsm_device takes out of them."""

import os
import socket
import subprocess
import threading

from tests.dev import cbor

HELPER = "build/host/helpers/nsm_device"
FAILS = 0xFFFFFFFF  # as a length: the ioctl fails
ATTESTATION = b"\xa1\x6bAttestation\xa3\x69user_data\x58\x40", b"\x65nonce\xf6\x6apublic_key\xf6"
PCR = b"\xa1\x6bDescribePCR\xa1\x65index"


class Device:
    """answer(request) may be replaced: bytes, or None for an ioctl that fails. .requests is what came."""

    def __init__(self, enclave, path):
        self.enclave, self.path, self.requests = enclave, str(path), []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def answer(self, request):
        """As the device does: exactly the documented requests, anything else is an error."""
        before, after = ATTESTATION
        if len(request) == len(before) + 64 + len(after) and request.startswith(before) and request.endswith(after):
            return cbor.encode({"Attestation": {"document": self.enclave.document(request[len(before):len(before) + 64])}})
        if request.startswith(PCR) and len(request) == len(PCR) + 1 and request[-1] in self.enclave.pcrs:
            return cbor.encode({"DescribePCR": {"lock": True, "data": self.enclave.pcrs[request[-1]]}})
        return cbor.encode({"Error": "InvalidOperation"})

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer, peer.makefile("rb") as stream:
            while size := stream.read(4):
                request = stream.read(int.from_bytes(size, "little"))
                self.requests.append(request)
                answer = self.answer(request)
                peer.sendall(FAILS.to_bytes(4, "little") if answer is None else len(answer).to_bytes(4, "little") + answer)

    def run(self, *command, **kw):
        """The finished process of this command on such a machine."""
        if not os.path.exists(HELPER):
            subprocess.run(["make", "-s", HELPER], check=True)
        return subprocess.run([HELPER, self.path, *command], capture_output=True, text=True, **kw)

    def close(self):
        self.listener.close()

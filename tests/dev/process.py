"""`ukms serve` as a process: files in a directory, evidence from the simulated guest agent, collateral from the PCCS stand-in."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.dev import pki
from tests.dev.agent import Agent
from tests.dev.client import Kms
from tests.dev.guest import Guest, launch_events
from tests.dev.machine import MachineError, free_port
from tests.dev.pccs import Pccs
from tests.dev.quote import Quoter

UKMS = os.environ.get("UKMS", "build/host/ukms")


class Platform:
    """The PKI, one TDX platform and a PCCS: what all simulated guests of a test share."""

    def __init__(self, directory, url=None):
        self.dir = Path(directory)
        port = free_port()
        self.pki = pki.Pki(self.dir / "pki", url or f"http://127.0.0.1:{port}")
        self.pki.anchors(self.dir / "anchors")
        self.pccs = Pccs(self.pki, port)
        self.quoter = Quoter(self.pki)

    def guest(self, compose=b'{"manifest_version":2,"name":"app"}', **kw):
        events = launch_events(compose, kw.pop("app_id", None), kw.pop("instance_id", b""))
        return Guest(self.pki, self.quoter, events, **kw)

    def close(self):
        self.pccs.close()


class Process:
    """env: variables for the server alone; cwd: where it runs; config_file: None if it is to find its configuration itself."""

    def __init__(self, platform, state, *, port=0, config=None, guest=None, log=None, env=None, cwd=None):
        self.env, self.cwd = env or {}, cwd
        self.platform, self.state = platform, Path(state).resolve()
        self.state.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.guest = guest or platform.guest(b'{"manifest_version":2,"name":"kms"}')
        self.agent = Agent(self.guest, str(self.state / "agent.sock"))
        self.config_file = self.state / "kms.json"
        self.config_file.write_text(json.dumps(self.merge(self.config(), config or {}), indent=1))
        self.lines, self.process, self.log = [], None, log

    def config(self):
        certs, anchors = self.state / "certs", self.platform.dir.resolve() / "anchors"
        return {
            "rpc": {"address": "127.0.0.1", "port": self.port,
                    "tls": {"key": f"{certs}/rpc.key", "certs": f"{certs}/rpc.crt", "mutual": {"ca_certs": f"{certs}/tmp-ca.crt", "mandatory": False}}},
            "core": {"cert_dir": str(certs), "auth_api": {"type": "dev"},
                     "onboard": {"enabled": True, "address": "127.0.0.1", "port": self.port},
                     "attestation": {"insecure_allow_external_trust_anchors": True, "urls": {"pccs": self.platform.pki.url},
                                     "root_ca": {"tdx": f"{anchors}/intel_sgx_root.der", "gcp_tpm": f"{anchors}/google_ek_root.der"}}},
        }

    @classmethod
    def merge(cls, base, over):
        for key, value in over.items():
            base[key] = cls.merge(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        return base

    def start(self, wait=True):
        # The tester's own proxies are not for servers on loopback.
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        env |= {"DSTACK_AGENT_ADDRESS": f"unix:{self.state}/agent.sock"} | self.env
        self.process = subprocess.Popen([os.path.abspath(UKMS), "serve", *(["--config", str(self.config_file)] if self.config_file else [])],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=self.cwd or self.state)
        threading.Thread(target=self._read, daemon=True).start()
        if wait:
            self.wait_port()
        return self

    def _read(self):
        for raw in self.process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            self.lines.append(line)
            if self.log:
                print(line, file=self.log, flush=True)

    def wait_port(self, timeout=20):
        import socket
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                time.sleep(0.1)
                raise MachineError("ukms serve ended:\n" + "\n".join(self.lines[-30:]))
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise MachineError(f"ukms serve does not listen on port {self.port}:\n" + "\n".join(self.lines[-30:]))

    def kms(self, domain="kms.test"):
        return Kms(self.port, domain)

    def bootstrap(self, domain="kms.test"):
        """From the onboard phase to HTTPS; returns the Bootstrap answer."""
        answer = self.kms().call("Onboard.Bootstrap", {"domain": domain}, tls=False)
        assert self.kms().get("/finish", tls=False)[0] == 200
        self.wait_tls()
        return answer

    def wait_tls(self, timeout=20):
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.kms().call("GetTempCaCert")
                return
            except OSError as problem:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise MachineError(f"no HTTPS: {problem}\n" + "\n".join(self.lines[-30:])) from problem
                time.sleep(0.05)

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.agent.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

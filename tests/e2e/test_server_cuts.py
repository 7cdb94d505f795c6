"""TLS cut off at every point, in records and segments of one byte, from crowds, and with no descriptor left: the server goes on and holds
nothing of it."""

import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import time
from pathlib import Path

import pytest

SERVER, FAST_SERVER, LOAD = "build/asan/helpers/server", "build/host/helpers/server", "build/host/helpers/load"
REQUEST = b"GET /echo?here HTTP/1.1\r\n\r\n"
LINGER = struct.pack("ii", 1, 0)


@contextlib.contextmanager
def serving(*limits, prefix=(), program=SERVER):
    subprocess.run(["make", "-s", "-j2", program], check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([*prefix, program, "0", "tls", *limits], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        server.port = int(server.stdout.readline())
        yield server
        assert server.poll() is None, server.stderr.read().decode()
    finally:
        server.kill()
        server.communicate()


class Client:
    """A TLS client whose bytes pass through the test's hands: records(b) turns what it would send into what is sent."""

    def __init__(self, port, records=lambda data: [data]):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.records, self.sent, self.cut_at = records, 0, None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ssl._create_unverified_context().wrap_bio(self.incoming, self.outgoing)

    def flush(self):
        """False if the cut was reached."""
        for piece in self.records(self.outgoing.read()):
            left = len(piece) if self.cut_at is None else self.cut_at - self.sent
            self.socket.sendall(piece[:left])
            self.sent += min(left, len(piece))
            if left < len(piece) or self.sent == self.cut_at:
                return False
        return True

    def step(self, call):
        """What the call gives, or None if the cut came first."""
        while True:
            try:
                result = call()
                return result if self.flush() else None
            except ssl.SSLWantReadError:
                if not self.flush():
                    return None
                data = self.socket.recv(65536)
                assert data, "the server has closed"
                self.incoming.write(data)

    def ask(self):
        if self.step(lambda: self.tls.do_handshake() or True) is None or self.step(lambda: self.tls.write(REQUEST)) is None:
            return None
        answer = b""
        while not answer.endswith(b"\r\n\r\nhere"):
            more = self.step(lambda: self.tls.read(65536))
            if more is None:
                return None
            answer += more
        return answer


def ask(port, path):
    with socket.create_connection(("127.0.0.1", port), 20) as plain, ssl._create_unverified_context().wrap_socket(plain) as s:
        s.sendall(b"GET %s HTTP/1.1\r\nConnection: close\r\n\r\n" % path)
        heard = b""
        while more := s.recv(65536):
            heard += more
        return heard.decode()


def wait_for(port, *lines):
    """Until the metrics say so: a broken server never does."""
    for _ in range(300):
        got = ask(port, b"/metrics").splitlines()
        if all(line in got for line in lines):
            return
        time.sleep(0.1)
    pytest.fail(f"{lines} not in\n" + "\n".join(got))


class Splitter:
    """The same handshake messages in handshake records of one byte each. From ChangeCipherSpec on records are encrypted and stay whole."""

    def __init__(self, segments_too):
        self.segments_too, self.clear, self.split = segments_too, True, 0

    def __call__(self, data):
        out, at = [], 0
        while at < len(data):
            record = data[at:at + 5 + int.from_bytes(data[at + 3:at + 5], "big")]
            at += len(record)
            self.clear = self.clear and record[0] == 22
            self.split += self.clear
            out += [record[:3] + b"\0\1" + bytes([b]) for b in record[5:]] if self.clear else [record]
        return segments_of_one_byte(b"".join(out)) if self.segments_too else out


def segments_of_one_byte(data):
    return [bytes([b]) for b in data]


def test_tls_in_records_and_segments_of_one_byte():
    with serving() as server:
        for records in (segments_of_one_byte, Splitter(False), Splitter(True)):
            answer = Client(server.port, records).ask()
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nhere"), answer
            if isinstance(records, Splitter):
                assert records.split == 2  # ClientHello and ClientKeyExchange


@pytest.mark.parametrize("end", ["reset", "close", "half"])
def test_a_conversation_may_end_at_any_byte(end):
    with serving("handshake_ms=1500", "head_ms=1500", "idle_ms=1500") as server:
        whole = Client(server.port)
        assert whole.ask().endswith(b"here")
        points = sorted({*range(0, 12), *range(12, whole.sent, 7), *range(whole.sent - 12, whole.sent)})
        halves = []
        for cut in points:
            client = Client(server.port)
            client.cut_at = cut
            if cut > 0:
                assert client.ask() is None
            if end == "reset":
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            if end == "half":
                client.socket.shutdown(socket.SHUT_WR)
                halves.append(client)
            else:
                client.socket.close()
        wait_for(server.port, "ukms_connections_open 1", "ukms_record_buffers_used 1", "ukms_memory_bytes 0")
        assert Client(server.port).ask().endswith(b"here")


def test_a_crowd_that_says_nothing_leaves_workers_their_descriptors():
    """64 + 4 x 3 descriptors stay free of 160, whoever comes. Root may raise the bound by right, so that right is taken away."""
    prefix = ["prlimit", "--nofile=160:160"]
    if os.geteuid() == 0:
        prefix = ["setpriv", "--bounding-set=-sys_resource", *prefix]
    with serving("workers=3", "loops=1", "idle_ms=60000", "handshake_ms=60000", prefix=prefix) as server:
        crowd = []
        for _ in range(400):
            s = socket.socket()
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.connect(("127.0.0.1", server.port))
            crowd.append(s)
        try:
            for _ in range(3):
                assert Client(server.port).ask().endswith(b"here")
                # Beside connections: standard streams, listener, epoll, eventfd and whatever the sanitizer holds.
                assert len(list(Path(f"/proc/{server.pid}/fd").iterdir())) <= 160 - 64
        finally:
            for s in crowd:
                s.close()
        wait_for(server.port, "ukms_connections_open 1")


def test_an_accept_storm_is_survived():
    with serving("connections=200") as server:
        for _ in range(20):
            storm = [socket.socket() for _ in range(250)]
            for s in storm:
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.connect(("127.0.0.1", server.port))
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            for s in storm:
                s.close()
        assert Client(server.port).ask().endswith(b"here")
        wait_for(server.port, "ukms_connections_open 1", "ukms_record_buffers_used 1")


def test_ten_thousand_idle_connections_fit_in_64_mib():
    subprocess.run(["make", "-s", "-j2", LOAD], check=True, stdout=subprocess.DEVNULL)
    with serving("idle_ms=600000", program=FAST_SERVER) as server:
        crowd = subprocess.Popen([LOAD, str(server.port), "idle", "10000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert json.loads(crowd.stdout.readline())["open"] == 10000
            # Buffers go back when records end, their pages once a second.
            wait_for(server.port, "ukms_connections_open 10001", "ukms_record_buffers_used 1")
            for _ in range(100):
                resident = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
                if resident <= 64 << 20:
                    break
                time.sleep(0.1)
            assert resident <= 64 << 20
            assert Client(server.port).ask().endswith(b"here")
        finally:
            crowd.stdin.close()
            crowd.wait()
        wait_for(server.port, "ukms_connections_open 1")

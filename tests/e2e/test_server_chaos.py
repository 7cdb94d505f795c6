"""Clients that break off anywhere, say nonsense, half-close, pipeline, send too much and read too little, against small bounds, under ASan:
the server stays, answers, and in the end holds nothing of them."""

import random
import socket
import ssl
import subprocess
import threading
import time

import pytest

SERVER = "build/asan/helpers/server"
LIMITS = ["records=8", "connections=30", "queue=4", "workers=3", "head_ms=500", "idle_ms=700", "body_ms=600", "write_ms=500", "handshake_ms=600"]
SECONDS, CLIENTS = 6, 16


def talk(rnd, s):
    kind = rnd.randrange(8)
    if kind == 0:
        s.sendall(rnd.randbytes(rnd.randrange(1, 2000)))
    elif kind == 1:
        s.sendall(b"GET /echo?x HTTP/1.1\r\n\r\n" * rnd.randrange(1, 20))
    elif kind == 2:
        length = rnd.choice([10, 70_000, 3_000_000, 20_000_000])
        s.sendall(b"POST /echo HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % length)
        s.sendall(b"x" * rnd.choice([length, length // 2, 1]))
    elif kind == 3:
        s.sendall(b"GET /bytes?%d HTTP/1.1\r\n\r\n" % rnd.choice([0, 100_000, 5_000_000]))
    elif kind == 4:
        s.sendall(b"GET /sleep?%d HTTP/1.1\r\n\r\n" % rnd.choice([1, 30, 200]))
    elif kind == 5:
        s.sendall(b"\x17\x03\x03\x00")
    elif kind == 6:
        s.sendall(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nab")
        s.sendall(b"cde\r\n0\r\n\r\n")
    else:
        s.shutdown(socket.SHUT_WR)
    if rnd.random() < 0.7:
        s.recv(rnd.choice([1, 100, 65536]))


@pytest.mark.parametrize("mode", ["plain", "mtls"])
def test_nothing_is_left_of_clients_that_misbehave(mode):
    subprocess.run(["make", "-s", "-j2", SERVER], check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen([SERVER, "0", mode, *LIMITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    port = int(server.stdout.readline())
    context = ssl._create_unverified_context()

    def connect(tls):
        s = socket.create_connection(("127.0.0.1", port), 3)
        return context.wrap_socket(s) if tls else s

    def client(seed, until):
        rnd = random.Random(seed)
        while time.monotonic() < until:
            try:
                with connect(mode != "plain" and rnd.random() < 0.7) as s:
                    for _ in range(rnd.randrange(1, 5)):
                        talk(rnd, s)
                    if rnd.random() < 0.3:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            except OSError:
                pass

    def ask(path):
        with connect(mode != "plain") as s:
            s.sendall(b"GET %s HTTP/1.1\r\nConnection: close\r\n\r\n" % path)
            heard = b""
            while more := s.recv(65536):
                heard += more
            return heard.decode()

    threads = [threading.Thread(target=client, args=(seed, time.monotonic() + SECONDS)) for seed in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert server.poll() is None, server.stderr.read().decode()
    time.sleep(2.5)  # the last drains
    lines = ask(b"/metrics").splitlines()
    for gauge in ("ukms_connections_open 1", "ukms_record_buffers_used 1", "ukms_queue_length 0", "ukms_workers_busy 1", "ukms_memory_bytes 0"):
        assert gauge in lines
    ask(b"/stop")
    assert server.wait(20) == 0, server.stderr.read().decode()

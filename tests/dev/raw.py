"""HTTP/1.1 and protobuf by hand: what a client that knows only the protocol sends and sees, byte by byte."""

import socket
import ssl
from dataclasses import dataclass


@dataclass
class Answer:
    status: int
    reason: str
    headers: list
    body: bytes

    def header(self, name):
        """The one value of this header, None without it; a repeated header is a failure of its own."""
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(values) < 2, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else None


class Wire:
    """One connection. context None: TLS without verification; False: plain TCP."""

    def __init__(self, port, context=None, timeout=30):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not False:
            self.sock = (context or ssl._create_unverified_context()).wrap_socket(self.sock, server_hostname="kms.test")
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        try:
            part = self.sock.recv(65536)
        except (ssl.SSLEOFError, ConnectionResetError):
            part = b""
        self.buffer += part
        return bool(part)

    def read(self, head=False):
        """The next answer. head: it answers HEAD and so has no body."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                raise EOFError(f"the server closed after {self.buffer!r}")
        top, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = top.decode("latin-1").split("\r\n")
        version, status, reason = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        answer = Answer(int(status), reason, headers, b"")
        if head or answer.status == 100:
            return answer
        length = int(answer.header("Content-Length"))
        while len(self.buffer) < length:
            if not self.fill():
                raise EOFError(f"{len(self.buffer)} of {length} bytes of the body")
        answer.body, self.buffer = self.buffer[:length], self.buffer[length:]
        return answer

    def closed(self):
        """Whether the server ends the connection without another byte."""
        while self.fill():
            pass
        return not self.buffer

    def ask(self, method, target, body=None, headers=(), head=None):
        self.send(request(method, target, body, headers))
        return self.read(method == "HEAD" if head is None else head)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def request(method, target, body=None, headers=()):
    """headers: (name, value) pairs or a dict; Content-Length is added for a body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: kms.test"]
    lines += [f"{n}: {v}" for n, v in (headers.items() if isinstance(headers, dict) else headers)]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def ask(port, method, target, body=None, headers=(), context=None):
    with Wire(port, context) as wire:
        return wire.ask(method, target, body, headers)


def varint(n):
    out = b""
    while n > 0x7F:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def proto(*fields):
    """(number, value) pairs; an int is a varint, bytes and text are length-delimited."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def unproto(data):
    """The fields in the order in which they stand, as (number, value) pairs."""
    at, fields = 0, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            fields.append((key >> 3, number()))
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            size = number()
            assert at + size <= len(data)
            fields.append((key >> 3, data[at:at + size]))
            at += size
    return fields


def error_json(text):
    """The body of a refused RPC (text without characters that need an escape)."""
    return b'{\n  "error": "' + text.encode() + b'"\n}'

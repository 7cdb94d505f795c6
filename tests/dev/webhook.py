"""An auth API on loopback that writes down what it is asked, byte by byte, and answers what a test says."""

import json
import socketserver
import threading
from dataclasses import dataclass

INFO = {"status": "ok", "kmsContractAddr": "0x1111", "gatewayAppId": "0x2222", "chainId": 8453, "appAuthImplementation": "ignored", "appImplementation": "0x3333",
        "ethRpcUrl": "https://rpc.example/"}


@dataclass
class Asked:
    method: str
    target: str
    headers: dict
    body: bytes
    peer: bytes  # DER of the client certificate over TLS, or None

    def json(self):
        return json.loads(self.body)


def answer(status, body, headers=(), reason="X"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}", *(f"{n}: {v}" for n, v in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class Webhook:
    """reply: None, or a function of an Asked that gives the bytes of an answer, None for the usual one, b"" to close at once."""

    def __init__(self, tls=None):
        """tls: an SSL context of a server."""
        self.asked, self.reply, self.reason, self.gateway, self.info = [], None, "", "gateway-app", INFO
        self.allow = {"/bootAuth/app": True, "/bootAuth/kms": True}

        class Handler(socketserver.StreamRequestHandler):
            def handle(handler):
                first = handler.rfile.readline().decode("latin-1").split()
                if len(first) < 3:
                    return
                headers = {}
                while (line := handler.rfile.readline().strip()):
                    name, value = line.decode("latin-1").split(":", 1)
                    headers[name.lower()] = value.strip()
                asked = Asked(first[0], first[1], headers, handler.rfile.read(int(headers.get("content-length", 0))),
                              handler.connection.getpeercert(True) if tls else None)
                self.asked.append(asked)
                said = self.reply(asked) if self.reply else None
                if said is None:
                    said = self.usual(asked)
                handler.wfile.write(said)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

            def get_request(self):
                connection, address = super().get_request()
                return (tls.wrap_socket(connection, server_side=True) if tls else connection), address

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def usual(self, asked):
        path = asked.target.split("?")[0]
        if asked.method == "GET":
            return answer(200, self.info)
        allowed = self.allow.get("/" + path.lstrip("/"))
        if allowed is None:
            return answer(404, b"no such path", reason="Not Found")
        return answer(200, {"isAllowed": allowed, "gatewayAppId": self.gateway, "reason": self.reason})

    def take(self):
        """What was asked since the last call."""
        asked, self.asked = self.asked, []
        return asked

    def config(self, url=None, **auth_api):
        return {"core": {"auth_api": {"type": "webhook", "webhook": {"url": url or self.url}, **auth_api}}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()

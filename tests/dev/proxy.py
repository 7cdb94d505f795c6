"""An HTTP proxy on loopback: requests with a whole URL, and CONNECT. It writes down what went through it."""

import base64
import http.server
import select
import socket
import threading
import urllib.parse


class Proxy:
    def __init__(self, user=None):
        """user: "name:password" that a client must show."""
        self.seen, self.refuse = [], None
        wanted = user and "Basic " + base64.b64encode(user.encode()).decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def turned_away(self):
                self.close_connection = True
                status = 407 if wanted and self.headers.get("Proxy-Authorization") != wanted else proxy.refuse
                if status:
                    self.send_response(status)
                    self.send_header("Content-Length", "4")
                    self.end_headers()
                    self.wfile.write(b"body")
                return status

            def do_CONNECT(self):
                proxy.seen.append(("CONNECT", self.path, self.headers.get("Host")))
                if self.turned_away():
                    return
                host, port = self.path.rsplit(":", 1)
                with socket.create_connection((host.strip("[]"), int(port)), 10) as far:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
                    self.splice(far)

            def splice(self, far):
                near = self.connection
                while True:
                    for ready in select.select([near, far], [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        (far if ready is near else near).sendall(data)

            def forward(self):
                proxy.seen.append((self.command, self.path, self.headers.get("Host")))
                if self.turned_away():
                    return
                url = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with socket.create_connection((url.hostname, url.port or 80), 10) as far:
                    lines = [f"{self.command} {url.path}{'?' + url.query if url.query else ''} HTTP/1.1"]
                    lines += [f"{n}: {v}" for n, v in self.headers.items() if n.lower() not in ("proxy-authorization", "connection")]
                    far.sendall("\r\n".join(lines + ["Connection: close", "", ""]).encode("latin-1") + body)
                    while data := far.recv(65536):
                        self.wfile.write(data)

            do_GET = do_POST = forward

            def log_message(self, *args):
                pass

        proxy = self
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://{user + '@' if user else ''}127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self):
        seen, self.seen = self.seen, []
        return seen

    def close(self):
        self.server.shutdown()
        self.server.server_close()

"""An HTTPS server on loopback that stands where a KMS should: with any certificate, and any answers."""

import http.server
import json
import ssl
import threading


class Server:
    """HTTPS with this chain and key; answer(method) gives (status, body). .asked are the methods in order, .context may be given another identity."""

    def __init__(self, chain, key, answer, directory):
        self.asked, server = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append(self.path.removeprefix("/prpc/").removesuffix("?json"))
                status, body = answer(server.asked[-1])
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        file = directory / "server.pem"
        file.write_bytes(chain + key)
        context = self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.http.shutdown()
        self.http.server_close()

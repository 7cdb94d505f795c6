"""The host side of the dev kernel's TSM provider: 64 bytes of report data and four RTMRs in, a length and a quote out."""

import socketserver
import threading

REQUEST = 64 + 4 * 48


class Signer:
    def __init__(self, quoter, port=0):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                data = b""
                while len(data) < REQUEST:
                    part = self.request.recv(REQUEST - len(data))
                    if not part:
                        return
                    data += part
                rtmrs = tuple(data[64 + 48 * i:64 + 48 * (i + 1)] for i in range(4))
                quote = quoter.quote(data[:64], rtmrs)
                self.request.sendall(len(quote).to_bytes(4, "little") + quote)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

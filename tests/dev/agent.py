"""A guest agent on a unix socket (POST /Attest and /Info, JSON), as dstack guests run one: the process mode gets its evidence from it."""

import http.server
import json
import os
import socketserver
import threading


class Agent:
    def __init__(self, guest, path):
        if os.path.exists(path):
            os.unlink(path)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                call = self.path.split("?")[0]
                if call == "/Attest":
                    answer = {"attestation": guest.attest(bytes.fromhex(json.loads(body)["report_data"])).hex()}
                elif call == "/Info":
                    answer = {"vm_config": guest.vm_config}
                else:
                    return self.reply(404, b"{}")
                self.reply(200, json.dumps(answer).encode())

            def reply(self, status, data):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def address_string(self):
                return "unix"

            def log_message(self, *args):
                pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(path, Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

"""A policy service on loopback that speaks the auth API, as contracts and webhooks stand behind it."""

import http.server
import json
import threading


class AuthApi:
    """Upstream's auth API: asks `decide(kind, boot_info)` for (allowed, reason)."""

    def __init__(self):
        self.asked, self.decide, self.broken = [], lambda kind, info: (True, ""), False
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                info = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                kind = self.path.rsplit("/", 1)[1]
                api.asked.append((kind, info, dict(self.headers)))
                allowed, reason = api.decide(kind, info)
                self.reply({"isAllowed": allowed, "gatewayAppId": "0xgate", "reason": reason})

            def do_GET(self):
                self.reply({"status": "ok", "kmsContractAddr": "0xFaAD", "gatewayAppId": "0xgate", "chainId": 84532, "appImplementation": "0x43ac",
                            "ethRpcUrl": "http://eth"})

            def reply(self, value):
                body = b"broken" if api.broken else json.dumps(value).encode()
                self.send_response(500 if api.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def config(self):
        return {"core": {"auth_api": {"type": "webhook", "webhook": {"url": self.url}}}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Registry:
    """decide() of an AuthApi as the app contract decides: an app id is known, and this compose hash may act for it."""

    def __init__(self):
        self.apps = {}

    def allow(self, app_id, compose_hash):
        self.apps.setdefault(app_id.hex(), set()).add(compose_hash.hex())

    def __call__(self, kind, info):
        if kind == "kms":
            return True, ""
        if info["appId"] not in self.apps:
            return False, "App not registered"
        return (True, "") if info["composeHash"] in self.apps[info["appId"]] else (False, "Compose hash not allowed")

"""A policy service on loopback that decides, as contracts stand behind one."""

from tests.dev.webhook import Webhook, answer


class AuthApi(Webhook):
    """Asks `decide(kind, boot_info)` for (allowed, reason). .decided: (kind, boot_info) in order."""

    def __init__(self):
        super().__init__()
        self.decided, self.decide, self.gateway = [], lambda kind, info: (True, ""), "0xgate"
        self.info = {"status": "ok", "kmsContractAddr": "0xFaAD", "gatewayAppId": "0xgate", "chainId": 84532, "appImplementation": "0x43ac",
                     "ethRpcUrl": "http://eth"}

    def usual(self, asked):
        if asked.method == "GET":
            return super().usual(asked)
        kind, info = asked.target.rsplit("/", 1)[1], asked.json()
        self.decided.append((kind, info))
        allowed, reason = self.decide(kind, info)
        return answer(200, {"isAllowed": allowed, "gatewayAppId": self.gateway, "reason": reason})


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

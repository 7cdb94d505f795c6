"""Containers of both versions from a table of fields, and what follows from runtime events (1.2 to 1.4, 3.2, 3.3, 7.1), written from the specification."""

import hashlib
import json
import struct

from tests.dev import container
from tests.dev.guest import RUNTIME_EVENT, event_preimage, replay, utf8, vec
from tests.evidence.identity import app_info, every

class Evidence:
    """The fields of a dstack-tdx container. log: (imr, type, digest, name, payload); events: (name, payload)."""

    def __init__(self, quote=b"", events=(), report_data=bytes(64), config="", log=None):
        self.quote, self.events, self.report_data, self.config = quote, list(events), report_data, config
        self.log = [(3, RUNTIME_EVENT, digest(n, p), n, p) for n, p in self.events] if log is None else log
        self.variant = 0

    def v0(self):
        return container.v0(self.variant, vec(self.quote) + container.tdx_log(self.log), self.events, self.report_data, self.config)

    def tree(self):
        """The V1 form as (key, value) lists, for pack()."""
        log = [Map([("imr", i), ("event_type", t), ("digest", Bin(d)), ("event", utf8(n).decode()), ("event_payload", Bin(p))]) for i, t, d, n, p in self.log]
        events = [Map([("event", utf8(n).decode()), ("payload", Bin(p))]) for n, p in self.events]
        return Map([("version", 1), ("platform", Map([("kind", "tdx"), ("data", Map([("quote", list(self.quote)), ("event_log", log)]))])),
                    ("stack", Map([("kind", "dstack"), ("data", Map([("report_data", list(self.report_data)), ("runtime_events", events),
                                                                     ("config", utf8(self.config).decode())]))]))])

    def v1(self):
        return pack(self.tree())

    def legacy_log(self):
        return json.dumps([{"imr": i, "event_type": t, "digest": d.hex(), "event": n, "event_payload": p.hex()} for i, t, d, n, p in self.log])


# --- MessagePack ----------------------------------------------------------------------------------------------------------------------------
class Map(list):
    """Pairs in order; the same key may come twice."""

    def get(self, *path):
        value = self
        for key in path:
            value = next(v for k, v in value if k == key)
        return value

    def put(self, key, value):
        for i, (k, _) in enumerate(self):
            if k == key:
                self[i] = (key, value)
                return self
        self.append((key, value))
        return self

    def drop(self, key):
        self[:] = [p for p in self if p[0] != key]
        return self


class Bin(bytes):
    pass


class Raw(bytes):
    """Bytes that are an encoding already."""


def head(n, fix, fix_max, wide, width=None):
    if width is None:
        if n <= fix_max:
            return bytes([fix | n])
        width = 0 if n < 1 << 8 and len(wide) == 3 else 1 if n < 1 << 16 else 2
    return bytes([wide[width - (3 - len(wide))]]) + n.to_bytes(1 << width, "big")


def pack(v):
    if isinstance(v, Raw):
        return bytes(v)
    if isinstance(v, Bin):
        return head(len(v), 0, -1, (0xC4, 0xC5, 0xC6)) + v
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, int):
        if v < 0:
            return struct.pack(">bq", -45, v)
        return bytes([v]) if v < 128 else bytes([0xCC, v]) if v < 256 else b"\xcd" + v.to_bytes(2, "big") if v < 65536 else \
            b"\xce" + v.to_bytes(4, "big") if v < 1 << 32 else b"\xcf" + v.to_bytes(8, "big")
    if isinstance(v, str):
        return head(len(v.encode()), 0xA0, 31, (0xD9, 0xDA, 0xDB)) + v.encode()
    if isinstance(v, Map):
        return head(len(v), 0x80, 15, (0xDE, 0xDF)) + b"".join(pack(k) + pack(x) for k, x in v)
    return head(len(v), 0x90, 15, (0xDC, 0xDD)) + b"".join(map(pack, v))


# --- events and identity ----------------------------------------------------------------------------------------------------------------------
def digest(name, payload, h="sha384"):
    return hashlib.new(h, event_preimage(name, payload)).digest()


def canonical(name, payload):
    """RFC 8785 of a version 2 event."""
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    text = "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in name)
    return f'{{"name":"{text}","payload":"{payload.hex()}","type":134217729}}'.encode()


def rtmr3(events, upto=None):
    out = []
    for n, p in events:
        out.append(digest(n, p))
        if n == upto:
            break
    return replay(out)


def identity(td, events, device, os_image_hash, boottime):
    """The AppInfo of a dstack-tdx attestation (7.1)."""
    registers = [td["mr_td"], td["rtmr0"], td["rtmr1"], td["rtmr2"]]
    tail = [td["mr_config_id"], td["mr_owner"], td["mr_owner_config"]]
    info = app_info(events, bytes.fromhex(os_image_hash), device, lambda mr_kp: [*registers, mr_kp],
                    lambda boottime: [*registers, rtmr3(events, "boot-mr-done" if boottime else None), *(tail if any(b"".join(tail)) else [])], boottime)
    return dict(info, init_script_hashes=[p.hex() for p in every(events, "init-script-hash")])

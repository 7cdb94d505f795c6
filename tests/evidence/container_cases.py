"""Cases of sections 1.1 to 1.5, 1.8, 3 and 7.1: name, request, what the specification makes of it. A case is a function of the platform and its base
evidence that gives the members of the request; wanted is "accept", "parsed", or (stage, a part of the reason)."""

import hashlib

from tests.dev.guest import RUNTIME_EVENT, compact, replay, vec
from tests.evidence.container import Bin, Evidence, Map, Raw, canonical, pack, rtmr3
from tests.evidence.dcap import NOW, Platform

EVENTS = [("system-preparing", b""), ("app-id", bytes(range(20))), ("compose-hash", bytes([7] * 32)), ("instance-id", bytes([9] * 20)), ("boot-mr-done", b""),
          ("os-image-hash", bytes(32)), ("key-provider", b'{"name":"kms","id":"00"}'), ("storage-fs", b"zfs"), ("system-ready", b""), ("app-event", b"x" * 100)]
CASES = {}


def platform(events=EVENTS, report_data=bytes(range(64)), r3=None, **td):
    p = Platform()
    p.td.update(td, rtmr3=rtmr3(events) if r3 is None else r3, report_data=report_data)
    return p


def evidence(p, events=EVENTS, config="{}", **more):
    return Evidence(p.quote(), events, p.td["report_data"], config, **more)


def verify(p, file, **more):
    return dict({"kind": "versioned-attestation", "file": file, "collateral": p.build()[1], "root_sgx": p.root(), "now": NOW}, **more)


def case(name, want, request):
    assert name not in CASES, name
    CASES[name] = (want, request)


DECODE = ("decode", "")


def v0(name, want, change=lambda e: None, *, edit=lambda b: b, events=EVENTS, config="{}", platform_=None, **more):
    def request():
        p = platform_ or platform(events)
        e = evidence(p, events, config)
        change(e)
        return verify(p, edit(e.v0()), **more)
    case("v0_" + name, want, request)


def v1(name, want, change=lambda t: None, *, edit=lambda b: b, report_data=bytes(range(64)), **more):
    def request():
        p = platform(report_data=report_data)
        tree = evidence(p).tree()
        changed = change(tree)
        return verify(p, edit(pack(tree if changed is None else changed)), **more)
    case("v1_" + name, want, request)


# --- 1.1, 1.3 ---------------------------------------------------------------------------------------------------------------------------------
v0("plain", "accept")
v0("trailing_zero", DECODE, edit=lambda b: b + b"\0")
v0("trailing_january", "accept", edit=lambda b: b + b"anything", profile="jan")
v0("no_events", "accept", events=[])
v0("quote_padded", "accept", lambda e: setattr(e, "quote", e.quote.ljust(8000, b"\0")))
v0("empty_config", "accept", config="")
v0("report_data_other", ("quote", "report_data"), lambda e: setattr(e, "report_data", bytes(64)))
v0("report_data_last_byte", ("quote", "report_data"), lambda e: setattr(e, "report_data", e.report_data[:63] + b"\0"))
v0("event_dropped", ("quote", "RTMR3"), lambda e: e.events.pop(0))
v0("events_swapped", ("quote", "RTMR3"), lambda e: e.events.reverse())
v0("event_payload_other", ("quote", "RTMR3"), lambda e: e.events.__setitem__(9, ("app-event", b"y")))
v0("log_empty", "accept", lambda e: setattr(e, "log", []))
v0("log_of_any_register_type_and_digest", "accept", lambda e: setattr(e, "log", [(0xFFFFFFFF, 0xFFFFFFFF, b"short", "x", b""), (9, RUNTIME_EVENT, b"", "app-id", b"no")]))
v0("name_and_payload_collide", "accept", lambda e: e.events.__setitem__(1, ("a", b"b:c")), events=[("system-preparing", b""), ("a:b", b"c")])
v0("quote_of_a_version_that_is_unknown", ("quote", ""), platform_=(lambda p: [setattr(p, "version", 6), p][1])(platform()))
v0("quote_of_an_enclave", ("quote", ""), platform_=Platform(tdx=False) if False else None, change=lambda e: setattr(e, "quote", Platform(tdx=False).quote()))
for n in (63, 64, 16383, 16384, 70000):
    v0(f"payload_of_{n}", "accept", events=EVENTS + [("big", b"p" * n)])
    v0(f"name_of_{n}", "accept", events=EVENTS + [("n" * n, b"")])
for label, bad in (("lone_continuation", b"\x80"), ("overlong", b"\xc0\xaf"), ("surrogate", b"\xed\xa0\x80"), ("above_10ffff", b"\xf4\x90\x80\x80"), ("cut", b"\xe2\x82"), ("ff", b"\xff")):
    v0(f"event_name_{label}", DECODE, lambda e, bad=bad: e.events.append((bad, b"")))
    v0(f"log_name_{label}", DECODE, lambda e, bad=bad: e.log.append((3, 1, b"", bad, b"")))
    v0(f"config_{label}", DECODE, lambda e, bad=bad: setattr(e, "config", b"{}" + bad))
v0("event_name_nul_and_astral", "accept", events=EVENTS + [("\0\U0010ffff", b"")])
v0("variant_5", DECODE, edit=lambda b: b[:1] + b"\5" + b[2:])
v0("variant_255", DECODE, edit=lambda b: b[:1] + b"\xff" + b[2:])
v0("variant_of_another_platform", DECODE, edit=lambda b: b[:1] + b"\2" + b[2:])
for mode in (1, 2, 3):
    v0(f"count_in_mode_{mode}", DECODE, lambda e: setattr(e, "config", ""), edit=lambda b, mode=mode: b[:-1] + compact(0, mode))
    v0(f"log_count_in_mode_{mode}", DECODE, lambda e: setattr(e, "log", []),
       edit=lambda b, mode=mode: b[:2] + b[2:].replace(compact(0) + compact(len(EVENTS)) + vec(b"system-preparing"), compact(0, mode) + compact(len(EVENTS)) + vec(b"system-preparing"), 1))
v0("config_length_63_in_mode_1", DECODE, edit=lambda b: b[:-3] + compact(63, 1) + b" " * 61 + b"{}")
v0("config_length_beyond", DECODE, edit=lambda b: b[:-3] + compact(3) + b"{}")
v0("config_length_huge", DECODE, edit=lambda b: b[:-3] + compact((1 << 30) - 1) + b"{}")
v0("config_length_u64", DECODE, edit=lambda b: b[:-3] + b"\x13" + (2).to_bytes(8, "little") + b"{}")
v0("first_byte_1", DECODE, edit=lambda b: b"\1" + b[1:])
for first in (0x7F, 0x90, 0xDC, 0xDD, 0xE0, 0xC0, 0xFF, ord("{")):
    v0(f"first_byte_{first:02x}", ("decode", "Unknown attestation wire format"), edit=lambda b, first=first: bytes([first]) + b[1:])
for first in (0x80, 0x8F, 0xDE, 0xDF):
    v0(f"first_byte_{first:02x}", ("decode", "V1"), edit=lambda b, first=first: bytes([first]) + b[1:])


def fill(e, set_):
    """Makes the container 10 MiB long to the byte."""
    missing = (10 << 20) - len(e.v0())
    set_(missing)
    set_(missing - (len(e.v0()) - (10 << 20)))
    assert len(e.v0()) == 10 << 20


v0("ten_mebibytes_of_padding", "accept", lambda e: fill(e, lambda n, q=e.quote: setattr(e, "quote", q + bytes(n))))
v0("ten_mebibytes_of_blanks", "accept", lambda e: fill(e, lambda n: setattr(e, "config", " " * (n // 2) + "{}" + "\n" * (n - n // 2))))
v0("ten_mebibytes_of_log", "accept", lambda e: fill(e, lambda n: setattr(e, "log", [(0, 1, b"", "", bytes(n))])))
v0("ten_mebibytes_and_a_byte", ("decode", "large"), lambda e: fill(e, lambda n, q=e.quote: setattr(e, "quote", q + bytes(n))), edit=lambda b: b + b"\0")
v0("above_ten_mebibytes", ("decode", "large"), lambda e: setattr(e, "config", " " * (10 << 20)))

# --- 1.4 ----------------------------------------------------------------------------------------------------------------------------------------


def at(*path):
    """A change of one map: at('stack', 'data').put('config', '')"""
    class Change:
        def put(self, key, value):
            return lambda t: t.get(*path).put(key, value) and None

        def drop(self, key):
            return lambda t: t.get(*path).drop(key) and None

        def more(self, key, value):
            return lambda t: t.get(*path).append((key, value))

        def turn(self):
            return lambda t: t.get(*path).reverse()
    return Change()


def first_event(what, change):
    where = ("platform", "data", "event_log") if what == "log" else ("stack", "data", "runtime_events")
    return lambda t: change(t.get(*where)[0]) and None


v1("plain", "accept")
v1("trailing", ("decode", "trailing"), edit=lambda b: b + b"\xc0")
v1("trailing_january", ("decode", "trailing"), edit=lambda b: b + b"\xc0", profile="jan")
for path in ((), ("platform",), ("stack",), ("platform", "data"), ("stack", "data")):
    label = "_".join(path) or "top"
    v1(f"order_{label}", "accept", at(*path).turn())
    for i, value in enumerate([None, True, 1.5, -1, "x", Bin(b"x"), [1, [2]], Map([("a", Map([("b", None)]))]), Map([(1, 2)]), Raw(b"\xc7\x02\x05ab"), Raw(b"\xd4\1\1"), Raw(b"\xd8\1" + bytes(16)),
                               Raw(b"\xca\0\0\0\0"), Raw(b"\xc8\0\1\5a"), Raw(b"\xd3" + b"\xff" * 8)]):
        v1(f"unknown_in_{label}_{i}", "accept", at(*path).more("unknown", value))
    v1(f"unknown_twice_in_{label}", "accept", lambda t, path=path: [at(*path).more("unknown", n)(t) for n in (1, 2)] and None)
    v1(f"c1_in_{label}", DECODE, at(*path).more("unknown", Raw(b"\xc1")))
    for i, key in enumerate((1, None, Bin(b"kind"), Raw(b"\xa2\xc3("), [])):
        v1(f"key_{i}_in_{label}", DECODE, at(*path).more(key, 1))
    v1(f"positional_{label}", DECODE, lambda t, path=path: [t.get(*path[:-1]).put(path[-1], [v for _, v in t.get(*path)]) if path else 0] and (None if path else [v for _, v in t]))
    v1(f"map16_{label}", "accept", lambda t, path=path: wide_map(t, path, b"\xde\0"))
    v1(f"map32_{label}", "accept", lambda t, path=path: wide_map(t, path, b"\xdf\0\0\0"))


def wide_map(t, path, lead):
    m = t.get(*path)
    raw = Raw(lead + bytes([len(m)]) + pack(m)[1:])
    if not path:
        return raw
    t.get(*path[:-1]).put(path[-1], raw)
    return None


for path, keys in (((), ("version", "platform", "stack")), (("platform",), ("kind", "data")), (("stack",), ("kind", "data")), (("platform", "data"), ("quote", "event_log")),
                   (("stack", "data"), ("report_data", "runtime_events", "config"))):
    for key in keys:
        label = "_".join(path + (key,))
        v1(f"without_{label}", DECODE, at(*path).drop(key))
        v1(f"twice_{label}", DECODE, lambda t, path=path, key=key: t.get(*path).append((key, t.get(*path, key))))
        v1(f"nil_{label}", DECODE, at(*path).put(key, None))
        v1(f"float_{label}", DECODE, at(*path).put(key, 1.0))
for i, word in enumerate((Raw(b"\xcc\1"), Raw(b"\xcd\0\1"), Raw(b"\xce\0\0\0\1"), Raw(b"\xcf" + bytes(7) + b"\1"), Raw(b"\xd0\1"), Raw(b"\xd1\0\1"), Raw(b"\xd2\0\0\0\1"), Raw(b"\xd3" + bytes(7) + b"\1"))):
    v1(f"version_width_{i}", "accept", at().put("version", word))
    v1(f"byte_width_{i}", "accept", lambda t, word=word: t.get("stack", "data").put("report_data", [t.get("stack", "data", "report_data")[0], word] + t.get("stack", "data", "report_data")[2:]) and None)
for i, word in enumerate((0, 2, -1, "1", True, Bin(b"\1"), [1], 257, Raw(b"\xcf" + b"\0\0\0\1\0\0\0\1"))):
    v1(f"version_wrong_{i}", DECODE, at().put("version", word))
for i, byte in enumerate((256, -1, Raw(b"\xd0\xff"), Raw(b"\xd1\1\0"), None, 1.0, "a", [1])):
    v1(f"quote_byte_wrong_{i}", DECODE, lambda t, byte=byte: t.get("platform", "data", "quote").__setitem__(100, byte))
for key, path in (("quote", ("platform", "data")), ("report_data", ("stack", "data"))):
    v1(f"{key}_as_bin", DECODE, lambda t, key=key, path=path: t.get(*path).put(key, Bin(bytes(t.get(*path, key)))) and None)
    v1(f"{key}_as_hex", DECODE, lambda t, key=key, path=path: t.get(*path).put(key, bytes(t.get(*path, key)).hex()) and None)
    v1(f"{key}_array32", "accept", lambda t, key=key, path=path: t.get(*path).put(key, Raw(b"\xdd" + len(t.get(*path, key)).to_bytes(4, "big") + b"".join(map(pack, t.get(*path, key))))) and None)
for word in ("TDX", "dstack-tdx", "tdx ", "", "dstack-gcp-tdx", "sev_snp", "nitro"):
    v1(f"platform_kind_{word or 'empty'}", DECODE, at("platform").put("kind", word))
for word in ("Dstack", "dstack ", "pod", ""):
    v1(f"stack_kind_{word or 'empty'}", DECODE, at("stack").put("kind", word))
v1("platform_kind_bin", DECODE, at("platform").put("kind", Bin(b"tdx")))
v1("kind_str8", "accept", at("platform").put("kind", Raw(b"\xd9\3tdx")))
v1("kind_str32", "accept", at("platform").put("kind", Raw(b"\xdb\0\0\0\3tdx")))
v1("config_not_utf8", DECODE, at("stack", "data").put("config", Raw(b"\xa1\xff")))
v1("config_bin", DECODE, at("stack", "data").put("config", Bin(b"{}")))
v1("tpm_quote_beside_tdx_is_unknown", "accept", at("platform", "data").more("tpm_quote", 5))
v1("payload_beside_dstack_is_unknown", "accept", at("stack", "data").more("report_data_payload", "x"))
v1("pod", "accept", lambda t: [t.get("stack").put("kind", "dstack-pod"), t.get("stack", "data").put("report_data_payload", "a\u20ac")] and None,
   report_data=hashlib.sha512("app-data:a\u20ac".encode()).digest())
v1("pod_empty", "accept", lambda t: [t.get("stack").put("kind", "dstack-pod"), t.get("stack", "data").put("report_data_payload", "")] and None, report_data=hashlib.sha512(b"app-data:").digest())
v1("pod_other", ("quote", "report_data"), lambda t: [t.get("stack").put("kind", "dstack-pod"), t.get("stack", "data").put("report_data_payload", "b")] and None,
   report_data=hashlib.sha512(b"app-data:a").digest())
v1("pod_without_payload", DECODE, at("stack").put("kind", "dstack-pod"))
v1("pod_payload_nil", DECODE, lambda t: [t.get("stack").put("kind", "dstack-pod"), t.get("stack", "data").put("report_data_payload", None)] and None)
for what, keys in (("log", ("imr", "event_type", "event", "event_payload")), ("events", ("event", "payload"))):
    for key in keys:
        v1(f"{what}_without_{key}", DECODE, first_event(what, lambda m, key=key: m.drop(key)))
        v1(f"{what}_{key}_nil", DECODE, first_event(what, lambda m, key=key: m.put(key, None)))
        v1(f"{what}_{key}_twice", DECODE, first_event(what, lambda m, key=key: m.append((key, m.get(key)))))
    v1(f"{what}_order", "accept", first_event(what, lambda m: m.reverse()))
    v1(f"{what}_unknown", "accept", first_event(what, lambda m: m.append(("x", [None]))))
    v1(f"{what}_version_1", "accept", first_event(what, lambda m: m.append(("version", 1))))
    for i, bad in enumerate((0, 3, None, "1", 1.0, -1)):
        v1(f"{what}_version_wrong_{i}", DECODE, first_event(what, lambda m, bad=bad: m.append(("version", bad))))
    v1(f"{what}_payload_as_str", DECODE, first_event(what, lambda m: m.put(m[-1][0], "00")))
    v1(f"{what}_payload_as_array", DECODE, first_event(what, lambda m: m.put(m[-1][0], [])))
    v1(f"{what}_name_bin", DECODE, first_event(what, lambda m: m.put("event", Bin(b"x"))))
v1("log_digest_absent", "accept", first_event("log", lambda m: m.drop("digest")))
v1("log_digest_nil", DECODE, first_event("log", lambda m: m.put("digest", None)))
v1("log_digest_str", DECODE, first_event("log", lambda m: m.put("digest", "00")))
v1("log_digest_bin32", "accept", first_event("log", lambda m: m.put("digest", Raw(b"\xc6\0\0\0\1x"))))
v1("log_imr_beyond_u32", DECODE, first_event("log", lambda m: m.put("imr", 1 << 32)))
v1("log_imr_largest", "accept", first_event("log", lambda m: m.put("imr", (1 << 32) - 1)))
v1("log_preimage_nil", "accept", first_event("log", lambda m: m.append(("preimage", None))))
v1("log_preimage_bin", DECODE, first_event("log", lambda m: m.append(("preimage", Bin(b"x")))))
v1("log_event_is_array", DECODE, lambda t: t.get("platform", "data", "event_log").__setitem__(0, [3, RUNTIME_EVENT, Bin(b""), "x", Bin(b"")]))
v1("log_is_map", DECODE, at("platform", "data").put("event_log", Map()))
v1("depth_60", "accept", at().more("x", Raw(b"\x91" * 60 + b"\xc0")))
v1("depth_70", DECODE, at().more("x", Raw(b"\x91" * 70 + b"\xc0")))
v1("depth_70_of_maps", DECODE, at("stack", "data").more("x", Raw(b"\x81\xa0" * 70 + b"\xc0")))
v1("members_1024", "accept", lambda t: t.extend([("x", 0)] * 1021))
v1("members_1025", DECODE, lambda t: t.extend([("x", 0)] * 1022))
v1("two_million_values", "accept", at().more("x", Raw(b"\xdd" + (2000000).to_bytes(4, "big") + bytes(2000000))))
v1("three_million_values", DECODE, at().more("x", Raw(b"\xdd" + (3000000).to_bytes(4, "big") + bytes(3000000))))
v1("three_million_values_in_parts", DECODE, at().more("x", [Raw(b"\xdd" + (100000).to_bytes(4, "big") + bytes(100000))] * 30))
v1("count_beyond_the_input", DECODE, at("stack", "data").put("runtime_events", Raw(b"\xdd\xff\xff\xff\xff")))

# version 2 events (3.3)
NAMES2 = ("plain", 'quote " back \\ tab \t bell \x07 nul \0 euro \u20ac \U0001f600 del \x7f slash /')


def version2(want, label, change=lambda m: None, names=NAMES2, payload=b"\x00\xab"):
    def request():
        texts = [canonical(n, payload) for n in names]
        digests = [hashlib.sha384(t).digest() for t in texts]
        p = platform(r3=replay(digests))
        log = [Map([("imr", 3), ("event_type", RUNTIME_EVENT), ("digest", Bin(d)), ("event", n), ("event_payload", Bin(payload)), ("version", 2), ("preimage", t.hex())])
               for n, t, d in zip(names, texts, digests)]
        tree = evidence(p, []).tree()
        change(log[0])
        tree.get("platform", "data").put("event_log", log)
        tree.get("stack", "data").put("runtime_events", [Map([("event", n), ("payload", Bin(payload)), ("version", 2)]) for n in names])
        return verify(p, pack(tree))
    case("v2_" + label, want, request)


version2("accept", "plain")
version2("accept", "preimage_upper_case", lambda m: m.put("preimage", m.get("preimage").upper()))
version2(("quote", "preimage"), "preimage_0x", lambda m: m.put("preimage", "0x" + m.get("preimage")))
version2(("quote", "preimage"), "preimage_absent", lambda m: m.drop("preimage"))
version2(("quote", "preimage"), "preimage_nil", lambda m: m.put("preimage", None))
version2(("quote", "preimage"), "preimage_empty", lambda m: m.put("preimage", ""))
version2(("quote", "digest"), "digest_cleared", lambda m: m.drop("digest"))
version2(("quote", ""), "name_other", lambda m: m.put("event", "other"))
version2(("quote", ""), "payload_other", lambda m: m.put("event_payload", Bin(b"\0")))
version2("accept", "another_type_is_not_looked_at", lambda m: [m.put("event_type", 1), m.drop("preimage")])
version2("accept", "another_register_is_looked_at", lambda m: m.put("imr", 0))
version2(("quote", "preimage"), "another_register_without_preimage", lambda m: [m.put("imr", 0), m.drop("preimage")])


def not_canonical(f):
    def change(m):
        text = f(bytes.fromhex(m.get("preimage")).decode()).encode()
        m.put("preimage", text.hex()).put("digest", Bin(hashlib.sha384(text).digest()))
    return change


version2(("quote", "canonical"), "preimage_with_a_blank", not_canonical(lambda t: t.replace(",", ", ")))
version2(("quote", "canonical"), "preimage_in_other_order", not_canonical(lambda t: '{"payload":"00ab","name":"plain","type":134217729}'))
version2(("quote", "canonical"), "preimage_upper_case_payload", not_canonical(lambda t: t.replace("00ab", "00AB")))
version2(("quote", "canonical"), "preimage_longer", not_canonical(lambda t: t + "\n"))

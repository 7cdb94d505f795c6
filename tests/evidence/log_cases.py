"""Firmware logs (3.1, 3.2) and the JSON event log (1.5, 3.3), made record by record: name, request, and the members that the answer must have, or None
if it must be refused in decoding."""

import hashlib
import json

from tests.dev import tcg
from tests.dev.guest import RUNTIME_EVENT, replay
from tests.dev.keccak import keccak
from tests.dev.tcg import END, record
from tests.evidence.container import digest
from tests.evidence.container_cases import EVENTS, platform

CASES = {}
SHA1, SHA256, SHA384, SHA512, SM3 = 4, 0xB, 0xC, 0xD, 0x12


def first(index=1, kind=3, sha1=bytes(20), algs=((SHA384, 48),), count=None, vendor=b"", signature=b"Spec ID Event03\0", body=None):
    body = tcg.spec_id(algs, vendor=vendor, signature=signature, count=count) if body is None else body
    return tcg.first(body, index=index, kind=kind, digest=sha1)


def value(alg, n):
    return bytes([n]) * tcg.SIZES[alg]


def case(name, kind, want, file, **more):
    assert name not in CASES, name
    CASES[name] = (want, dict({"kind": kind, "file": file}, **more))


def ccel(name, records, want=None, head=first(), tail=END):
    """want: digests by register, without EV_NO_ACTION."""
    case("ccel_" + name, "ccel", None if want is None else {"replay_without_no_action": {str(i): replay(d).hex() for i, d in want.items()}}, head + b"".join(records) + tail)


def tpm(name, records, want=None, head=first(index=0, algs=((SHA1, 20), (SHA256, 32))), tail=b""):
    case("tpm_" + name, "binary_bios_measurements", None if want is None else {"pcr_sha256": {str(i): replay(d, "sha256").hex() for i, d in want.items()}}, head + b"".join(records) + tail)


A, B, C = (value(SHA384, n) for n in (1, 2, 3))
one = lambda index, d=A, kind=1: record(index, kind, [(SHA384, d)], b"data")
ccel("registers", [one(1), one(2, B), one(3, C), one(4), one(1, C)], {0: [A, C], 1: [B], 2: [C], 3: [A]})
ccel("mrtd_is_dropped", [one(0), one(1)], {0: [A]})
ccel("no_action_is_left_out", [one(1), one(1, B, 3), one(1, C)], {0: [A, C]})
ccel("no_records", [], {})
ccel("input_ends", [one(1)], {0: [A]}, tail=b"")
ccel("text_behind_the_end", [one(1)], {0: [A]}, tail=END + b"anything at all")
ccel("padded", [one(1)], {0: [A]}, tail=b"\xff" * 5000)
ccel("index_cut", [one(1)], tail=b"\1\0\0")
ccel("three_ff", [one(1)], tail=b"\xff\xff\xff")
ccel("record_cut", [one(1), one(1)[:-1]], tail=b"")
ccel("no_digest", [record(1, 1, [])])
ccel("two_digests", [record(1, 1, [(SHA384, A), (SHA256, value(SHA256, 1))])])
ccel("two_digests_for_mrtd", [record(0, 1, [(SHA384, A), (SHA384, A)])])
ccel("digest_of_sha256", [record(1, 1, [(SHA256, value(SHA256, 1))])], {0: [value(SHA256, 1)]})
ccel("digest_of_another_algorithm", [record(1, 1, [(SM3, value(SM3, 1))])])
ccel("digest_count_above_the_bound", [record(1, 1, [(SHA384, A)], count=65537)])
ccel("data_at_the_bound", [record(1, 1, [(SHA384, A)], bytes(65536))], {0: [A]})
ccel("data_above_the_bound", [record(1, 1, [(SHA384, A)], bytes(65537))])
ccel("data_beyond_the_input", [record(1, 1, [(SHA384, A)], size=100)], tail=b"")
ccel("header_of_another_type", [one(1)], head=first(kind=4))
ccel("header_of_any_index_digest_and_signature", [one(1)], {0: [A]}, head=first(index=7, sha1=b"\1" * 20, signature=b"x" * 16))
ccel("header_sizes_are_not_used", [one(1)], {0: [A]}, head=first(algs=((SHA384, 20), (0x99, 1))))
ccel("header_vendor_info", [one(1)], {0: [A]}, head=first(vendor=b"v" * 255))
ccel("header_cut", [one(1)], head=first(count=5))
ccel("header_count_above_the_bound", [one(1)], head=first(count=65537))
ccel("header_longer_than_the_bound", [one(1)], head=first(body=first()[32:].ljust(65537, b"\0")))
ccel("header_alone", [], {}, tail=b"")
ccel("empty_input", [], head=b"", tail=b"")
S1, S256 = value(SHA1, 1), value(SHA256, 1)
both = lambda index, d=S256, kind=1: record(index, kind, [(SHA1, S1), (SHA256, d)], b"data")
tpm("banks", [both(0), both(2), both(2, value(SHA256, 2)), both(14)], {0: [S256], 2: [S256, value(SHA256, 2)], 14: [S256]})
tpm("bank_order", [record(0, 1, [(SHA256, S256), (SHA1, S1)])], {0: [S256]})
tpm("no_action_is_left_out", [both(0), both(0, S256, 3)], {0: [S256]})
tpm("record_without_the_bank", [both(0), record(0, 1, [(SHA1, S1)])], {0: [S256]})
tpm("unknown_algorithm", [record(0, 1, [(SHA256, S256), (SM3, S256)])])
tpm("all_four", [record(0, 1, [(SHA1, S1), (SHA256, S256), (SHA384, A), (SHA512, value(SHA512, 1))])], {0: [S256]})
tpm("record_cut", [both(0)[:-2]])


ccel("one_mebibyte", [], {}, tail=b"\xff" * ((1 << 20) - len(first())))
ccel("above_one_mebibyte", [], tail=b"\xff" * ((1 << 20) - len(first()) + 1))
for kind_ in ("tpm-quote-json", "formula-table", "json"):
    case(f"json_that_unfolds_too_far_{kind_}", kind_, None, "[" + "1," * (5 << 20) + "1]")


def events(name, list_, want, **more):
    case("json_" + name, "dstack-event-log-json", want, list_ if isinstance(list_, str) else json.dumps(list_), **more)


def entry(imr, kind, d, name="", payload=b""):
    return {"imr": imr, "event_type": kind, "digest": d.hex(), "event": name, "event_payload": payload.hex()}


OURS = [entry(3, RUNTIME_EVENT, bytes(48), n, p) for n, p in EVENTS]
DIGESTS = [digest(n, p) for n, p in EVENTS]
ZERO = bytes(48).hex()
events("firmware_and_ours", [entry(0, 1, A), entry(1, 2, B), entry(0, 10, C)] + OURS,
       {"event_count": 3 + len(OURS), "replay": {"rtmr0": replay([A, C]).hex(), "rtmr1": replay([B]).hex(), "rtmr2": ZERO, "rtmr3": replay(DIGESTS).hex()},
        "runtime_digests_sha384": [d.hex() for d in DIGESTS], "runtime_replay_sha384": replay(DIGESTS).hex(),
        "runtime_replay_sha256": replay([digest(n, p, "sha256") for n, p in EVENTS], "sha256").hex(), "runtime_replay_sha384_to_boot_mr_done": replay(DIGESTS[:5]).hex()})
events("empty", [], {"event_count": 0, "replay": {f"rtmr{i}": ZERO for i in range(4)}, "runtime_events": []})
events("upto_a_name_that_never_comes", [OURS[0]], {"runtime_replay_sha384_to_boot_mr_done": replay(DIGESTS[:1]).hex()})
events("against_a_quote", OURS, {"matches_quote": {"rtmr0": False, "rtmr1": False, "rtmr2": False, "rtmr3": True}}, quote=platform().quote())
events("register_4", [entry(4, 1, A)], {"replay": {f"rtmr{i}": ZERO for i in range(4)}})
events("object", {}, None)
events("digest_odd", [dict(entry(0, 1, A), digest="0")], None)


# --- formula tables (1.2, 3.3, 8) ---------------------------------------------------------------------------------------------------------------


HASHES = {"": hashlib.sha512, "sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512, "sha3-256": hashlib.sha3_256,
          "sha3-384": hashlib.sha3_384, "sha3-512": hashlib.sha3_512}


def report_data(tag, content, hash_):
    text = tag.encode() + b":" + content
    if hash_.startswith("keccak"):
        bits = int(hash_[6:])
        return keccak(text, bits).ljust(64, b"\0")
    return HASHES[hash_](text).digest().ljust(64, b"\0")


def formula(name, rows, good=True):
    case("formula_" + name, "formula-table", {"result": "accept"} if good else {"result": "reject", "stage": "formula"}, json.dumps(rows))


def row(tag, content, hash_, value):
    return {"tag": tag, "content": content.hex(), "hash": hash_, "report_data": value if value is None else value.hex()}


for h in (*HASHES, "keccak256", "keccak384", "keccak512"):
    formula("hash_" + (h or "default"), [row(t, c, h, report_data(t, c, h)) for t in ("app-data", "", "a:b", "\u20ac") for c in (b"", b"test content", bytes(71), bytes(72), bytes(500))])
    formula(f"hash_{h or 'default'}_differs", [row("app-data", b"x", h, report_data("app-data", b"y", h))], False)
formula("raw", [row("app-data", bytes(range(64)), "raw", bytes(range(64)))])
for h in ("SHA256", "sha-256", "sha1", "md5", "keccak", "raw "):
    formula("unknown_" + h, [row("app-data", b"x", h, bytes(64))], False)
for n in (0, 63, 65, 128):
    formula(f"raw_of_{n}", [row("app-data", bytes(n), "raw", bytes(64))], False)

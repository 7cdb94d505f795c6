"""Event logs of the firmware (3.1, 3.2, 4.4) and of the guest (1.5, 3.2, 3.3, 3.5): records, replays, and what is malformed."""
import hashlib
import json

from tests.dev.guest import RUNTIME_EVENT, event_preimage, replay
from tests.dev.tcg import END, first, record, spec_id
from tests.evidence.cases import Cases, dumps
from tests.evidence.identity import measured

A, B = hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()
C, D = hashlib.sha384(b"c").digest(), hashlib.sha384(b"d").digest()
ZERO = bytes(32)
S1, S256, S384, S512 = 4, 0xB, 0xC, 0xD

cases = Cases("binary_bios_measurements", now=False)


def tpm(name, records, error=None, *, head=None, **expect):
    data = (first() if head is None else head) + (records if isinstance(records, bytes) else b"".join(records))
    cases.add("tpm: " + name, data, error=error, result="reject" if error is not None else "parsed", expect=expect or None)


def ccel(name, records, error=None, *, head=None, **expect):
    data = (first(spec_id([(S384, 48)]), index=1) if head is None else head) + (records if isinstance(records, bytes) else b"".join(records))
    cases.add("ccel: " + name, data, kind="ccel", error=error, result="reject" if error is not None else "parsed", expect=expect or None)


def pcrs(*events):
    out = {}
    for index, digest in events:
        out.setdefault(str(index), []).append(digest)
    return {i: replay(d, "sha256").hex() for i, d in out.items()}


ALL = lambda d: {S1: d[:20], S256: d, S384: d + bytes(16)}
tpm("nothing behind the first", b"", event_count=0, pcr_sha256={})
tpm("one event", [record(0, 8, ALL(A), b"x")], event_count=1, events=[{"pcr": 0, "event_type": 8, "sha256": A.hex(), "data_len": 1}], pcr_sha256=pcrs((0, A)))
tpm("two events in order", [record(2, 4, ALL(A)), record(2, 4, ALL(B))], pcr_sha256=pcrs((2, A), (2, B)), pcr2_events=[A.hex(), B.hex()])
tpm("twelve events in PCR 2", [record(2, 4, ALL(A))] * 12, pcr2_events=[A.hex()] * 12, uki_authenticode_sha256=A.hex())
tpm("no action in the middle", [record(2, 4, ALL(A)), record(2, 3, ALL(ZERO)), record(2, 4, ALL(B))], event_count=3, event_count_without_no_action=2,
    pcr_sha256=pcrs((2, A), (2, B)), replay_without_no_action=pcrs((2, A), (2, B)), pcr2_events=[A.hex(), B.hex()])
tpm("no action alone", [record(5, 3, ALL(A))], event_count=1, event_count_without_no_action=0, pcr_sha256={})
tpm("without SHA-256", [record(0, 4, {S1: A[:20], S384: C}), record(0, 4, ALL(A))], event_count=1, pcr_sha256=pcrs((0, A)))
tpm("digests in another order", [record(0, 4, [(S512, C + A[:16]), (S384, C), (S256, A), (S1, A[:20])])], pcr_sha256=pcrs((0, A)))
tpm("SHA-256 twice, the first counts", [record(0, 4, [(S256, A), (S256, B)])], pcr_sha256=pcrs((0, A)))
tpm("no digests", [record(0, 4, {}), record(1, 4, ALL(A))], event_count=1, pcr_sha256=pcrs((1, A)))
tpm("PCR 23", [record(23, 4, ALL(A))], pcr_sha256=pcrs((23, A)))
tpm("data of 65536 bytes", [record(0, 4, ALL(A), bytes(65536))], event_count=1, events=[{"data_len": 65536}])
tpm("data of 65537 bytes", [record(0, 4, ALL(A), bytes(65537))], "")
tpm("65537 digests", [record(0, 4, ALL(A), count=65537)], "")
tpm("end marker", [record(0, 4, ALL(A)), END, b"\0" * 100], event_count=1)
tpm("end marker at once", [END], event_count=0)
tpm("unused part all ones", [record(0, 4, ALL(A)), b"\xff" * 4096], event_count=1)
tpm("three of the marker's bytes", [record(0, 4, ALL(A)), END[:3]], "")
tpm("a byte behind", [record(0, 4, ALL(A)), b"\0"], "")
whole = record(0, 4, ALL(A), b"abc")
for n in (5, 9, 12, 14, 40, len(whole) - 4, len(whole) - 1):
    tpm(f"a record of {n} bytes", [whole[:n]], "")
tpm("data shorter than it says", [record(0, 4, ALL(A), b"x", size=2)], "")
for algorithm in (0, 5, 0xE, 0x12, 0x27, 0xFFFF):
    tpm(f"algorithm {algorithm:#x}", [record(0, 4, [(S256, A), (algorithm, A)])], "")
tpm("SM3, though the first record knows it", [record(0, 4, [(0x12, A)])], "", head=first(spec_id([(0x12, 32)])))
tpm("sizes of the first record are not used", [record(0, 4, ALL(A))], head=first(spec_id([(S256, 1), (77, 9999)])), pcr_sha256=pcrs((0, A)))
tpm("first record of another signature", [record(0, 4, ALL(A))], head=first(spec_id(signature=b"x" * 16)), event_count=1)
tpm("first record of another index", [record(0, 4, ALL(A))], head=first(index=7), event_count=1)
tpm("first record with vendor bytes", [record(0, 4, ALL(A))], head=first(spec_id(vendor=b"v" * 255)), event_count=1)
tpm("first record of another type", [record(0, 4, ALL(A))], "", head=first(kind=1))
tpm("first record shorter than it says", b"", "", head=first(size=100))
tpm("first record with more algorithms than it holds", [record(0, 4, ALL(A))], "", head=first(spec_id(count=9)))
tpm("first record of 65537 bytes", b"", "", head=first(spec_id() + bytes(65537)))
tpm("first record cut", b"", "", head=first()[:31])
cases.add("tpm: empty file", b"", error="")

rtmr = lambda *digests: replay(digests, "sha384").hex()
ccel("one event for each", [record(i, 1, {S384: C}) for i in (1, 2, 3, 4)], event_count=4, replay_without_no_action={str(i): rtmr(C) for i in range(4)})
ccel("of MRTD", [record(0, 1, {S384: C}), record(1, 1, {S384: D})], event_count=1, replay_without_no_action={"0": rtmr(D)})
ccel("no action", [record(1, 3, {S384: C}), record(1, 1, {S384: D})], event_count=2, replay_without_no_action={"0": rtmr(D)})
ccel("two digests", [record(1, 1, {S384: C, S256: A})], "")
ccel("no digest", [record(1, 1, {})], "")
ccel("two digests in a later one", [record(1, 1, {S384: C}), record(2, 1, [(S384, C), (S384, C)])], "")
ccel("end marker", [record(1, 1, {S384: C}), b"\xff" * 50], event_count=1)

# dstack's own list
KIND = "dstack-event-log-json"


def event(name, payload=b"", **changes):
    members = {"imr": 3, "event_type": RUNTIME_EVENT, "digest": hashlib.sha384(event_preimage(name, payload)).hexdigest(), "event": name,
               "event_payload": payload.hex()}
    members.update(changes)
    return {k: v for k, v in members.items() if v is not ...}


def listed(name, events, error=None, **expect):
    text = events if isinstance(events, str) else dumps(events)
    cases.add("json: " + name, text.encode(), kind=KIND, error=error, result="reject" if error is not None else "parsed", expect=expect or None)


TWO = [event("app-id", b"a" * 20), event("boot-mr-done"), event("key-provider", b"k"), event("system-ready")]
PLAIN = [("app-id", b"a" * 20), ("boot-mr-done", b""), ("key-provider", b"k"), ("system-ready", b"")]
replays = {"runtime_replay_sha384": measured(PLAIN, "sha384").hex(), "runtime_replay_sha384_to_boot_mr_done": measured(PLAIN, "sha384", True).hex(),
           "runtime_replay_sha256": measured(PLAIN, "sha256").hex()}
listed("four events", TWO, event_count=4, runtime_events=[{"event": e, "payload": p.hex()} for e, p in PLAIN], **replays)
listed("digests are not looked at", [dict(e, digest="00" * 48) for e in TWO], **replays)
listed("digests left out", [{k: v for k, v in e.items() if k != "digest"} for e in TWO], **replays)
listed("digests empty", [dict(e, digest="") for e in TWO], **replays)
listed("registers are not looked at", [dict(e, imr=1) for e in TWO], **replays)
listed("hex in upper case", [dict(e, event_payload=e["event_payload"].upper()) for e in TWO], **replays)
listed("unknown members", [dict(e, x=[1]) for e in TWO], **replays)
listed("firmware events", [event("", C, imr=0, event_type=4, digest=C.hex()), *TWO, event("", b"", imr=0, event_type=4, digest=D.hex())], event_count=6,
       replay={"rtmr0": rtmr(C, D), "rtmr1": "00" * 48, "rtmr2": "00" * 48, "rtmr3": measured(PLAIN, "sha384").hex()}, **replays)
listed("no events", [], event_count=0, runtime_replay_sha384="00" * 48)
canonical = lambda e, p: dumps({"name": e, "payload": p.hex(), "type": RUNTIME_EVENT}).encode()
two = [("é\"\\\n\x01/\u007f", b"\0\xff"), ("x", b"")]
listed("version 2", [event(e, p, version=2) for e, p in two],
       runtime_replay_sha384=rtmr(*(hashlib.sha384(json.dumps({"name": e, "payload": p.hex(), "type": RUNTIME_EVENT}, separators=(",", ":"), ensure_ascii=False).encode()).digest() for e, p in two)))
for member in ("imr", "event_type", "event", "event_payload"):
    listed(f"{member} absent", [event("x", **{member: ...})], "")
    listed(f"{member} null", [event("x", **{member: None})], "")
listed("imr negative", [event("x", imr=-1)], "")
listed("imr 2^32", [event("x", imr=2**32)], "")
listed("imr a text", [event("x", imr="3")], "")
listed("payload no hex", [event("x", event_payload="zz")], "")
listed("payload odd", [event("x", event_payload="abc")], "")
listed("payload 0x", [event("x", event_payload="0x00")], "")
listed("digest null", [event("x", digest=None)], "")
listed("digest no hex", [event("x", digest="x")], "")
listed("version 3", [event("x", version=3)], "")
listed("version 0", [event("x", version=0)], "")
listed("an object", dumps(event("x")), "")
listed("an array of arrays", [[1]], "")
listed("text behind", dumps(TWO) + "x", "")
listed("gzip of another time", "ELGZv1" + dumps(TWO), "")

test_case = cases.test()

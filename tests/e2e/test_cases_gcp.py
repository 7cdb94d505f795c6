"""Whole GCP attestations: what is bound to what (4.1), os_image_hash of both generations (4.6), identities (7.1, 7.2), vm_config (1.8, 7.4)."""
import base64
import hashlib
import json

from tests.dev import cbor, container, nitro, pki, vtpm
from tests.dev.cbor import Open, Pairs, Wide
from tests.dev.guest import RUNTIME_EVENT, SEPARATOR, event_preimage, launch_events
from tests.evidence.cases import NOW, Cases, dumps
from tests.evidence.identity import SHA256, app_info, boot_infos, both, measured

GOOGLE, TDX = vtpm.Authority(NOW), vtpm.Platform(NOW)
DATA = bytes(range(64))
COMPOSE = b'{"name":"app"}'
EVENTS = launch_events(COMPOSE, instance_id=bytes(range(20)))
TPM = vtpm.Tpm(GOOGLE, EVENTS)
UKI = TPM.uki
JAN = {"spec_version": 2, "os_image_hash": UKI.hex()}
DOCUMENT = cbor.encode({"version": 1, "uki_auth": UKI})
AUG = dict(nitro.release_config("gcp", DOCUMENT), spec_version=2)

cases = Cases("versioned-attestation", root_sgx=TDX.root.der, root_gcp=GOOGLE.root.der, collateral=TDX.collateral, http_map=GOOGLE.http)


def runtime_log(events):
    return [(3, RUNTIME_EVENT, hashlib.sha384(event_preimage(e, p)).digest(), e, p) for e, p in events]


def attestation(config, *, version=0, events=EVENTS, tpm=None, rtmr3=None, data=DATA, quoted_data=None, qualifying=None, listed=None, pad=8000,
                log=None, **quote):
    """events: what was measured; listed: what the container says was."""
    tpm = tpm or (TPM if events is EVENTS else vtpm.Tpm(GOOGLE, events))
    td = TDX.quote(quoted_data or data, (bytes(48),) * 3 + (rtmr3 or measured(events, "sha384"),), pad=pad)
    listed = events if listed is None else listed
    text = config if isinstance(config, str) else dumps(config)
    return container.gcp(version, td, runtime_log(listed) if log is None else log, tpm.quote(SHA256(td) if qualifying is None else qualifying(td), **quote),
                         listed, data, text)


def identities(events, image, tpm):
    return both(events, image, pki.PPID, lambda kp: [image, kp],
                lambda boot: [tpm.pcrs[0], tpm.pcrs[2], measured(events, "sha256", boot)])


def case(name, config, *, error=None, jan=None, aug=None, expect=None, request=(), **parts):
    """jan, aug: what each release's image check says; both None: the evidence itself is refused."""
    images = {k: v for k, v in (("january", jan), ("august", aug)) if v}
    want = dict(expect or {}, evidence_result="accept" if images else "reject")
    if images:
        want["image_check"] = images
    cases.add(name, attestation(config, **parts), error=error, expect=want, result="accept" if "accept" in images.values() else "reject", **dict(request))


def image(name, config, error=None, **kept):
    """A configuration in the form of August."""
    case(name, config, error=error, jan="reject", aug="reject" if error is not None else "accept", **kept)


for version in (0, 1):
    for name, config, jan in (("january", JAN, "accept"), ("august", AUG, "reject")):
        who = identities(EVENTS, bytes.fromhex(config["os_image_hash"]), TPM)
        case(f"{name}, container version {version}", config, version=version, jan=jan, aug={"accept": "reject", "reject": "accept"}[jan],
             expect=dict(who, tcb_status="UpToDate", advisory_ids=[], uki_digest=UKI.hex(), quote_len=8000,
                         **boot_infos("dstack-gcp-tdx", who["app_info"], "UpToDate")))

# 4.1, 4.3 at the end: the bindings
case("quote without padding", JAN, pad=0, jan="accept", aug="reject")
case("a byte of padding more", JAN, pad=8001, jan="accept", aug="reject")
case("qualifying data over the quote without its padding", JAN, qualifying=lambda q: SHA256(q.rstrip(b"\0")), error="qualified_data mismatch")
case("qualifying data is report data", JAN, qualifying=lambda q: SHA256(DATA), error="qualified_data mismatch")
case("qualifying data SHA-384", JAN, qualifying=lambda q: hashlib.sha384(q).digest(), error="qualified_data mismatch")
case("RTMR3 without the last event", JAN, rtmr3=measured(EVENTS[:-1], "sha384"), error="RTMR3 mismatch")
case("PCR 14 without the last event", JAN, tpm=vtpm.Tpm(GOOGLE, EVENTS[:-1]), error="PCR14 mismatch")
case("PCR 14 of another instance", JAN, tpm=vtpm.Tpm(GOOGLE, launch_events(COMPOSE, instance_id=b"x" * 20)), error="PCR14 mismatch")
case("an event more in the list", JAN, listed=EVENTS + [("x", b"")], error="RTMR3 mismatch")
case("two events change places", JAN, listed=[EVENTS[1], EVENTS[0]] + EVENTS[2:], error="RTMR3 mismatch")
case("report data of another session", JAN, quoted_data=bytes(64), error="report_data mismatch")
both_wrong = dict(tpm=vtpm.Tpm(GOOGLE, EVENTS[:-1]), qualifying=lambda q: bytes(32))
case("PCR 14 is looked at first in version 0", JAN, error="PCR14 mismatch", **both_wrong)
case("qualifying data is looked at first in version 1", JAN, version=1, error="qualified_data mismatch", **both_wrong)
case("the TDX log is not looked at", JAN, log=[(0, 1, b"", "x", b"y")], jan="accept", aug="reject")
case("no TDX log", JAN, log=[], jan="accept", aug="reject")

# 4.6, PCR 0 and the third event
other = [SHA256(b"other firmware")]
case("other firmware", JAN, tpm=vtpm.Tpm(GOOGLE, EVENTS, log=[(0, d) for d in other] + TPM.log[3:]), jan="reject", aug="reject", error="PCR 0 mismatch")
case("other firmware, august", AUG, tpm=vtpm.Tpm(GOOGLE, EVENTS, log=[(0, d) for d in other] + TPM.log[3:]), jan="reject", aug="reject", error="PCR 0 mismatch")
case("PCR 0 without its events", JAN, tpm=vtpm.Tpm(GOOGLE, EVENTS, log=TPM.log[3:], pcrs=TPM.pcrs), jan="accept", aug="reject")
case("the kernel instead of the UKI", {**JAN, "os_image_hash": TPM.after[0].hex()}, jan="reject", aug="reject", error="UKI hash mismatch")
case("the first event", {**JAN, "os_image_hash": SEPARATOR.hex()}, jan="reject", aug="reject", error="UKI hash mismatch")
two = vtpm.Tpm(GOOGLE, EVENTS, log=TPM.log[:5])
case("two events in PCR 2", JAN, tpm=two, jan="reject", aug="reject", error="Event 28 not found")
case("two events in PCR 2, august", AUG, tpm=two, jan="reject", aug="reject", error="Event 28 not found")
case("no log at all", JAN, log=[], tpm=vtpm.Tpm(GOOGLE, EVENTS, log=[], pcrs=TPM.pcrs), jan="reject", aug="reject", error="Event 28 not found")
case("three events in PCR 2", JAN, tpm=vtpm.Tpm(GOOGLE, EVENTS, after=()), jan="accept", aug="reject")
case("ten events in PCR 2", JAN, tpm=vtpm.Tpm(GOOGLE, EVENTS, after=(bytes(32),) * 7), jan="accept", aug="reject")
case("the third event of the log is not that of PCR 2", JAN, tpm=vtpm.Tpm(GOOGLE, EVENTS, log=[(7, UKI), (7, UKI), (7, UKI)] + TPM.log[:5]),
     jan="reject", aug="reject", error="Event 28 not found")
case("PCRs 0, 2, 14 and all others quoted", JAN, tpm=vtpm.Tpm(GOOGLE, EVENTS, log=TPM.log[:-1], pcrs={**{i: bytes(32) for i in range(24)}, **TPM.pcrs}),
     jan="accept", aug="reject")
NO_2 = vtpm.Tpm(GOOGLE, EVENTS, pcrs={i: v for i, v in TPM.pcrs.items() if i != 2})
NO_0 = vtpm.Tpm(GOOGLE, EVENTS, pcrs={i: v for i, v in TPM.pcrs.items() if i != 0})
cases.add("PCR 2 is not quoted", attestation(JAN, tpm=NO_2), error="")
cases.add("PCR 0 is not quoted", attestation(JAN, tpm=NO_0), error="")

# os_image_hash as text
case("upper case", {**JAN, "os_image_hash": UKI.hex().upper()}, jan="accept", aug="reject", expect={"app_info": {"os_image_hash": UKI.hex()}})
case("0x in front", {**JAN, "os_image_hash": "0x" + UKI.hex()}, jan="accept", aug="reject", expect={"app_info": {"os_image_hash": UKI.hex()}})
case("a byte more", {**JAN, "os_image_hash": UKI.hex() + "00"}, jan="reject", aug="reject", error="UKI hash mismatch")
case("empty", {**JAN, "os_image_hash": ""}, jan="reject", aug="reject", error="UKI hash mismatch")
case("absent", {"spec_version": 2}, jan="reject", aug="reject", error="UKI hash mismatch")
case("no config", "", jan="reject", aug="reject", error="UKI hash mismatch", expect={"app_info": {"os_image_hash": ""}})

# the August form, document by document
LINE = f"{SHA256(DOCUMENT).hex()}  measurement.gcp.cbor\n"


def with_checksums(text, document=DOCUMENT):
    return nitro.release_config("gcp", document, text if isinstance(text, bytes) else text.encode())


OTHER = "00" * 32 + "  rootfs.img\n"
for name, text, error in (
        ("the line alone", LINE, None), ("no line end", LINE[:-1], None), ("line ends of DOS", LINE.replace("\n", "\r\n"), None),
        ("last line", OTHER * 9 + LINE, None), ("blanks around", f" \t{LINE[:-1]} \t \n", None), ("one blank between", LINE.replace("  ", " "), None),
        ("a tab between", LINE.replace("  ", "\t"), None), ("form feed between", LINE.replace("  ", "\f"), None),
        ("vertical tab between", LINE.replace("  ", "\v"), None), ("blank lines", "\n \n\t\n" + LINE + "\n\n", None),
        ("a further field", LINE[:-1] + " x y\n", None), ("upper case", LINE.upper().replace("MEASUREMENT.GCP.CBOR", "measurement.gcp.cbor"), None),
        ("another line's hash is no hash", "zz  rootfs.img\n" + LINE, None), ("another line has three fields", "a b c\n" + LINE, None),
        ("no-break space between", LINE.replace("  ", "\u00a0"), None), ("ideographic space between", LINE.replace("  ", "\u3000"), None),
        ("next line character around", f"\u0085{LINE[:-1]}\u0085\n", None),
        ("a line of no-break spaces", "\u00a0\u00a0\n" + LINE, None),
        ("every other space between", LINE.replace("  ", "\u1680\u2000\u2007\u200a\u2028\u2029\u202f\u205f"), None),
        ("zero-width space between", LINE.replace("  ", "\u200b"), ""), ("unit separator between", LINE.replace("  ", "\x1f"), ""),
        ("empty file", "", ""), ("only blank lines", "\n\n", ""), ("another name", LINE.replace("gcp", "aws"), ""),
        ("name in another case", LINE.replace("gcp", "GCP"), ""), ("name with a star", LINE.replace("  ", " *"), ""),
        ("name in a folder", LINE.replace("  ", "  ./"), ""), ("name in the third field", LINE.replace("  ", "  x "), ""),
        ("hash of 62 digits", LINE[2:], ""), ("hash of 66 digits", "00" + LINE, ""), ("hash with 0x", "0x" + LINE, ""),
        ("hash of another document", "00" * 32 + LINE[64:], "hash mismatch"), ("no digits", "zz" * 32 + LINE[64:], ""),
        ("the line twice", LINE * 2, "duplicate"), ("another hash for it before", "00" * 32 + LINE[64:] + LINE, "duplicate"),
        ("another hash for it behind", LINE + "00" * 32 + LINE[64:], "duplicate"), ("a line with one field before", "x\n" + LINE, ""),
        ("a line with one field behind", LINE + "x\n", ""), ("carriage returns only", (OTHER + LINE).replace("\n", "\r"), ""),
        ("not UTF-8", b"\xff  rootfs.img\n" + LINE.encode(), ""), ("not UTF-8 in a name", LINE.encode() + b"00  \xc3\x28\n", ""),
        ("a NUL in a name", LINE.encode() + b"00  a\0b\n", None)):
    image("sha256sum.txt: " + name, with_checksums(text), error)

for name, document, error in (
        ("version last", Pairs([("uki_auth", UKI), ("version", 1)]), None), ("open map", Open({"version": 1, "uki_auth": UKI}), None),
        ("version in nine bytes", {"version": Wide(1, 8), "uki_auth": UKI}, None), ("keys in chunks", Pairs([(Open("version", 3), 1), ("uki_auth", UKI)]), None),
        ("hash in chunks", {"version": 1, "uki_auth": Open(UKI, 5)}, None), ("unknown members", {"version": 1, "uki_auth": UKI, "x": [None, {1: 2}]}, None),
        ("version 0", {"version": 0, "uki_auth": UKI}, "unsupported version"), ("version 2^64-1", {"version": 2**64 - 1, "uki_auth": UKI}, "version"),
        ("version -1", {"version": -1, "uki_auth": UKI}, ""), ("version null", {"version": None, "uki_auth": UKI}, ""),
        ("version true", {"version": True, "uki_auth": UKI}, ""), ("version 1.0", {"version": cbor.Raw(b"\xf9\x3c\x00"), "uki_auth": UKI}, ""),
        ("version twice", Pairs([("version", 1), ("version", 1), ("uki_auth", UKI)]), ""),
        ("hash of 31 bytes", {"version": 1, "uki_auth": UKI[:31]}, ""), ("hash of 33 bytes", {"version": 1, "uki_auth": UKI + b"\0"}, ""),
        ("hash empty", {"version": 1, "uki_auth": b""}, ""), ("hash as hex text", {"version": 1, "uki_auth": UKI.hex()}, ""),
        ("hash null", {"version": 1, "uki_auth": None}, ""), ("hash of another image", {"version": 1, "uki_auth": bytes(32)}, "UKI hash mismatch"),
        ("an array", [1, UKI], ""), ("empty map", {}, ""), ("unknown member twice", Pairs([("version", 1), ("uki_auth", UKI), ("x", 1), ("x", 1)]), "")):
    image("measurement: " + name, nitro.release_config("gcp", cbor.encode(document)), error)
for name, document in (("empty", b""), ("cut", DOCUMENT[:-1]), ("a byte behind", DOCUMENT + b"\0"), ("JSON", dumps({"version": 1}).encode())):
    image("measurement: " + name, nitro.release_config("gcp", document), "")

case("both forms at once: os_image_hash is the UKI's", {**AUG, "os_image_hash": UKI.hex()}, jan="accept", aug="reject")
image("os_image_hash is another release's", {**AUG, "os_image_hash": "11" * 32}, "hash mismatch")
image("os_image_hash is the document's", {**AUG, "os_image_hash": SHA256(DOCUMENT).hex()}, "hash mismatch")
case("measurement null", {**JAN, "gcp_measurement": None}, jan="accept", aug="reject")
case("measurement of other clouds", {**JAN, "aws_measurement": AUG["gcp_measurement"], "tdx_measurement": AUG["gcp_measurement"]}, jan="accept", aug="reject")
image("unknown member beside the document", {**AUG, "gcp_measurement": {**AUG["gcp_measurement"], "x": 1}})


def broken(name, config, error="Failed to parse vm config"):
    """A configuration that does not parse: the evidence is good, the identity cannot be derived."""
    cases.add("vm_config: " + name, attestation(config), error=error, expect={"evidence_result": "accept", "stage": "app-info"})


def fine(name, config, **kept):
    case("vm_config: " + name, config, jan="accept", aug="reject", **kept)


G = AUG["gcp_measurement"]
broken("no JSON", "{")
broken("an array", "[]")
broken("a text", '"x"')
broken("null", "null")
broken("two objects", dumps(JAN) + dumps(JAN))
broken("a word behind", dumps(JAN) + "x")
broken("blank only", " ")
broken("hash a number", {**JAN, "os_image_hash": 1})
broken("hash null", {**JAN, "os_image_hash": None})
broken("hash an array", {**JAN, "os_image_hash": [1]})
broken("hash no hex", {**JAN, "os_image_hash": "zz" * 32})
broken("hash of odd length", {**JAN, "os_image_hash": "abc"})
broken("hash 0X", {**JAN, "os_image_hash": "0X" + UKI.hex()})
broken("hash twice", '{"os_image_hash":"%s","os_image_hash":"%s"}' % (UKI.hex(), UKI.hex()))
broken("hash twice, one name escaped", '{"os_image_hash":"%s","os\\u005fimage_hash":"%s"}' % (UKI.hex(), UKI.hex()))
broken("measurement a text", {**JAN, "gcp_measurement": "x"})
broken("measurement an array", {**JAN, "gcp_measurement": [G["checksum_file"], G["measurement"]]})
broken("checksum_file absent", {**JAN, "gcp_measurement": {"measurement": G["measurement"]}})
broken("measurement's own absent", {**JAN, "gcp_measurement": {"checksum_file": G["checksum_file"]}})
broken("checksum_file null", {**JAN, "gcp_measurement": {**G, "checksum_file": None}})
broken("checksum_file twice", dumps({**JAN, "gcp_measurement": 0}).replace(":0", ':{"checksum_file":"","checksum_file":"","measurement":""}'))
broken("checksum_file without padding", {**JAN, "gcp_measurement": {**G, "measurement": base64.b64encode(b"x" * 4).decode().rstrip("=")}})
broken("base64 for addresses", {**JAN, "gcp_measurement": {**G, "measurement": "-_-_"}})
broken("base64 with a line end", {**JAN, "gcp_measurement": {**G, "measurement": "AAAA\n"}})
broken("base64 with a blank", {**JAN, "gcp_measurement": {**G, "measurement": "AA AA"}})
broken("base64 with bits left over", {**JAN, "gcp_measurement": {**G, "measurement": "AB=="}})
broken("another cloud's measurement malformed", {**JAN, "aws_measurement": {}})
broken("cpu_count a text", {**JAN, "cpu_count": "2"})
broken("cpu_count 2^32", {**JAN, "cpu_count": 2**32})
broken("cpu_count -1", {**JAN, "cpu_count": -1})
broken("cpu_count 1.5", {**JAN, "cpu_count": 1.5})
broken("cpu_count null", {**JAN, "cpu_count": None})
broken("memory_size twice", '{"memory_size":1,"memory_size":1}')
broken("hugepages null", {**JAN, "hugepages": None})
broken("hugepages 0", {**JAN, "hugepages": 0})
broken("host_share_mode null", {**JAN, "host_share_mode": None})
broken("image a number", {**JAN, "image": 1})
broken("variant unknown", {**JAN, "tdx_attestation_variant": "x"})
broken("variant null", {**JAN, "tdx_attestation_variant": None})
broken("variant in capitals", {**JAN, "tdx_attestation_variant": "Lite"})
broken("swtpm a text", {**JAN, "swtpm": "true"})
broken("sev_snp_measurement an object", {**JAN, "sev_snp_measurement": {}})
fine("all members", {**JAN, "cpu_count": 2**32 - 1, "memory_size": 2**64 - 1, "qemu_single_pass_add_pages": None, "pic": True, "qemu_version": None,
                     "pci_hole64_size": 0, "hugepages": True, "num_gpus": 1, "num_nvswitches": 0, "num_nics": 1, "num_verity_volumes": 0, "swtpm": False,
                     "hotplug_off": True, "image": None, "host_share_mode": "9p", "ovmf_variant": None, "tdx_attestation_variant": "legacy",
                     "tdx_measurement": None, "aws_measurement": None, "sev_snp_measurement": None, "mr_config": None})
fine("lite says nothing here", {**JAN, "tdx_attestation_variant": "lite"})
fine("unknown members", {**JAN, "x": {"a": [1, None]}, "spec_version": "any"})
fine("an unknown member twice", dumps(JAN)[:-1] + ',"x":1,"x":2}')
fine("a known name deeper", dumps(JAN)[:-1] + ',"x":{"os_image_hash":"","os_image_hash":1}}')
fine("blanks around", " \r\n\t" + json.dumps(JAN, indent=2) + "\n ")
fine("name escaped", dumps(JAN).replace("os_image_hash", "os\\u005fimage_hash"))
# one level is unwrapped for what was not verified only (1.8)
case("vm_config: a whole sys-config", {"vm_config": dumps(JAN)}, jan="reject", aug="reject", error="UKI hash mismatch", expect={"app_info": {"os_image_hash": ""}})
case("vm_config: inside and outside", {**JAN, "vm_config": "{"}, jan="accept", aug="reject")
cases.add("vm_config: a whole sys-config, not verified", attestation({"vm_config": dumps(JAN)}), now=False, result="parsed",
          expect={"app_info": {"os_image_hash": UKI.hex(), "device_id": SHA256(b"").hex()}})

# 7.4: the request's, if it is not empty
case("request's vm_config before the container's", {**JAN, "os_image_hash": "00" * 32}, jan="accept", aug="reject", request={"vm_config": dumps(JAN)},
     expect={"app_info": {"os_image_hash": UKI.hex()}})
case("request's vm_config wrong, the container's right", JAN, jan="reject", aug="reject", request={"vm_config": dumps({"os_image_hash": "00" * 32})}, error="UKI hash mismatch")
case("request's vm_config empty", JAN, jan="accept", aug="reject", request={"vm_config": ""})
case("request's vm_config for no config", "", jan="accept", aug="reject", request={"vm_config": dumps(JAN)})
case("request's vm_config in the August form", JAN, jan="reject", aug="accept", request={"vm_config": dumps(AUG)})
case("request's vm_config without the hash", JAN, jan="reject", aug="reject", request={"vm_config": "{}"}, error="UKI hash mismatch")
cases.add("request's vm_config does not parse", attestation(JAN), error="Failed to parse vm config", vm_config="{", expect={"stage": "app-info"})

# 7.1: which event is looked up
KP = b'{"name":"tpm","id":""}'


def events(name, listed, expect=None, **kept):
    tpm = vtpm.Tpm(GOOGLE, listed)
    who = identities(listed, UKI, tpm)
    for k, v in (expect or {}).items():
        assert who["app_info"][k] == v, (name, k)
    case("events: " + name, JAN, events=listed, tpm=tpm, jan="accept", aug="reject", expect=who, **kept)


A, C, I, READY, DONE = ("app-id", b"a" * 20), ("compose-hash", b"c" * 32), ("instance-id", b"i" * 20), ("system-ready", b""), ("boot-mr-done", b"")
events("none", [])
events("app id twice", [A, ("app-id", b"b" * 20), READY], {"app_id": (b"a" * 20).hex()})
events("app id behind system-ready", [READY, A], {"app_id": ""})
events("system-ready with a payload", [("system-ready", b"x"), A], {"app_id": ""})
events("system-ready in another case", [("System-Ready", b""), A, READY], {"app_id": (b"a" * 20).hex()})
events("empty app id first", [("app-id", b""), A], {"app_id": ""})
events("names in another case", [("App-Id", b"a" * 20), ("compose_hash", b"c" * 32)], {"app_id": "", "compose_hash": ""})
events("instance id empty", [A, C, ("instance-id", b""), DONE, READY])
events("boot-mr-done twice", [A, DONE, I, DONE, READY])
events("boot-mr-done never", [A, C, I, ("key-provider", KP), READY])
events("boot-mr-done behind system-ready", [A, READY, DONE, ("x", b"y")])
events("key provider empty", [A, ("key-provider", b""), READY])
events("key provider behind system-ready", [A, READY, ("key-provider", KP)])
events("key provider before boot-mr-done", [A, ("key-provider", KP), DONE, READY])
events("key provider twice", [A, ("key-provider", b"1"), ("key-provider", b"2")])
events("key provider is no JSON", [A, ("key-provider", b"\xff\0")])
events("names and payloads with colons", [A, ("a:b", b"c"), ("a", b"b:c")])
events("an empty name", [A, ("", b""), READY])
events("names in other scripts", [A, ("été\u2028", b"x"), READY])
events("app id of 19 bytes", [("app-id", b"a" * 19), READY])
events("a long payload", [A, ("x", bytes(70000)), READY])
scripts = [A, ("init-script-hash", b"1" * 32), C, ("init-script-hash", b"2" * 32), READY, ("init-script-hash", b"3" * 32)]
case("events: script hashes up to system-ready", JAN, events=scripts, tpm=vtpm.Tpm(GOOGLE, scripts), jan="accept", aug="reject",
     expect={"app_info": {"init_script_hashes": [(b"1" * 32).hex(), (b"2" * 32).hex()]}})
case("events: no script hashes", JAN, jan="accept", aug="reject", expect={"app_info": {"init_script_hashes": []}})
nineteen = [("app-id", b"a" * 19), READY]
cases.add("app id of 19 bytes: August asks nobody", attestation(JAN, events=nineteen, tpm=vtpm.Tpm(GOOGLE, nineteen)),
          expect={"boot_info_aug": None, "boot_info": {"august": "reject", "january": "accept"}})
cases.add("app id of 21 bytes: August asks nobody", attestation(JAN, events=[("app-id", b"a" * 21)], tpm=vtpm.Tpm(GOOGLE, [("app-id", b"a" * 21)])),
          expect={"boot_info_aug": None, "boot_info": {"august": "reject", "january": "accept"}})
cases.add("no app id: August asks nobody", attestation(JAN, events=[]), expect={"boot_info_aug": None, "boot_info": {"august": "reject", "january": "accept"}})

# the container's own rules
whole = attestation(JAN)
cases.add("container: a byte behind", whole + b"\0", error="Trailing bytes")
cases.add("container: a byte behind, january", whole + b"\0", profile="jan")
cases.add("expected report data", whole, expect_report_data=DATA.hex())
cases.add("expected report data of another key", whole, expect_report_data=bytes(64).hex(), error="report data mismatch", expect={"stage": "report-data"})
cases.add("no collateral", whole, collateral=None, error="")
cases.add("collateral of a second before it ends", whole, now=NOW + 86399)
cases.add("collateral at its end", whole, now=NOW + 86400, error="")
for platform in (0, 2, 3):
    td = TDX.quote(DATA, (bytes(48),) * 3 + (measured(EVENTS, "sha384"),))
    q = dict(TPM.quote(SHA256(td)), platform=platform)
    cases.add(f"container: TPM platform {platform}", container.gcp(0, td, [], q, EVENTS, DATA, dumps(JAN)))

test_case = cases.test()

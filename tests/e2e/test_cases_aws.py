"""Whole attestations of Nitro enclaves and NitroTPM instances: checks and values (5.6, 6.1), identities (7.1, 7.2), image checks (7.5)."""
import hashlib

from tests.dev import cbor, nitro
from tests.dev.cbor import Pairs
from tests.dev.guest import compact, text, vec
from tests.dev.nitro import pcr
from tests.evidence.cases import NOW, Cases, dumps
from tests.evidence.identity import SHA256, app_info, boot_infos, both, measured

AWS = nitro.Authority(NOW)
DATA = bytes(range(64))
APP = b"a" * 20
ZEROS = {i: bytes(48) for i in range(16)}

cases = Cases("versioned-attestation", root_nitro=AWS.root.der)


def enclave(**fields):
    fields.setdefault("app_id", APP)
    return nitro.Enclave(AWS, live=False, **fields)


def instance(**fields):
    return nitro.Instance(AWS, live=False, **fields)


def case(name, guest, *, error=None, images=None, expect=None, request=(), data=DATA, raw=None, **parts):
    """images: what each release's check says; None: the evidence itself is refused."""
    want = dict(expect or {}, evidence_result="accept" if images else "reject")
    if images:
        want["image_check"] = images
    cases.add(name, guest.attest(data, **parts) if raw is None else raw, error=error, expect=want,
              result="accept" if images and "accept" in images.values() else "reject", **dict(request))


GOOD = {"january": "accept", "august": "accept"}
BAD = {"january": "reject", "august": "reject"}
E = enclave()


def who_enclave(e, image=None, device=b"i"):
    image = e.image_hash if image is None else image
    mrs = [e.pcrs[0], e.pcrs[1], e.pcrs[2]]
    return both(e.events, image, device, lambda kp: mrs, lambda boot: mrs, compose=image)


for version in (0, 1):
    who = who_enclave(E)
    case(f"enclave, container version {version}", E, version=version, images=GOOD,
         expect=dict(who, tcb_status="", advisory_ids=[], container_version=version, **boot_infos("dstack-nitro-enclave", who["app_info"], "")))

# 5.6: values
for name, module, device in (("two dashes", "i-0-enc1", b"i"), ("no dash", "i0enc", b"i0enc"), ("dash first", "-i", b""), ("empty", "", b""),
                             ("another letter", "m-1", b"m"), ("longer before the dash", "inst-1", b"inst")):
    e = enclave(module_id=module)
    case(f"module id: {name}", e, images=GOOD, expect=who_enclave(e, device=device))
KP = b'{"name":"kms","id":"00"}'
for name, events in (("none", []), ("app id twice", [("app-id", APP), ("app-id", b"b" * 20)]), ("app id behind system-ready", [("system-ready", b""), ("app-id", APP)]),
                     ("compose hash is not looked at", [("app-id", APP), ("compose-hash", b"c" * 32)]),
                     ("key provider", [("app-id", APP), ("key-provider", KP)]), ("instance id, which an enclave of today does not add", [("app-id", APP), ("instance-id", b"i" * 20)]),
                     ("everything else", [("app-id", APP), ("boot-mr-done", b""), ("x", b"y")])):
    e = enclave(events=events)
    case(f"enclave's events: {name}", e, images=GOOD, expect=who_enclave(e))
e = enclave(events=[("app-id", b"a" * 19)])
case("enclave's app id of 19 bytes", e, images=GOOD, expect={"boot_info_aug": None, "boot_info": {"august": "reject", "january": "accept"}})

# 5.6: debug, in each form of configuration
D = enclave(debug=True)
OLD = SHA256(bytes(144))
case("debug enclave, zeros", D, images={"january": "accept", "august": "reject"}, expect=who_enclave(D, bytes(32)))
case("debug enclave, the formula's value", D, config=dumps({"os_image_hash": OLD.hex()}), images=BAD, error="os image hash")
case("debug enclave, nothing", D, config="", images=BAD, error="os image hash")
case("debug enclave, 31 zeros", D, config=dumps({"os_image_hash": "00" * 31}), images=BAD, error="os image hash")
for zero in range(3):
    e = enclave(pcrs={**E.pcrs, zero: bytes(48)})
    case(f"PCR {zero} alone is zero", e, images=GOOD, expect=who_enclave(e))
e = enclave(pcrs={**ZEROS, 2: bytes(47) + b"\1"})
case("one bit in PCR 2", e, images=GOOD)
case("one bit in PCR 2, zeros", e, config=dumps({"os_image_hash": "00" * 32}), images=BAD, error="os_image_hash mismatch")
case("all PCRs but the first three are zero", enclave(pcrs={**ZEROS, **{i: E.pcrs[i] for i in range(3)}}), images=GOOD)

# image check
for name, config in (("of another image", dumps({"os_image_hash": "11" * 32})), ("absent", "{}"), ("empty config", ""), ("PCR 0 itself", dumps({"os_image_hash": E.pcrs[0].hex()})),
                     ("SHA-384 of the PCRs", dumps({"os_image_hash": hashlib.sha384(E.pcrs[0] + E.pcrs[1] + E.pcrs[2]).hexdigest()})),
                     ("zeros", dumps({"os_image_hash": "00" * 32})), ("a byte more", dumps({"os_image_hash": E.image_hash.hex() + "00"}))):
    case(f"enclave's hash: {name}", E, config=config, images=BAD, error="os_image_hash mismatch")
case("enclave's hash in upper case", E, config=dumps({"os_image_hash": E.image_hash.hex().upper()}), images=GOOD)
case("enclave's hash with 0x", E, config=dumps({"os_image_hash": "0x" + E.image_hash.hex()}), images=GOOD)
case("enclave's config with more members", E, config=dumps({"os_image_hash": E.image_hash.hex(), "memory_size": 1, "gcp_measurement": None}), images=GOOD)
cases.add("enclave's config does not parse", E.attest(DATA, config="{"), error="Failed to parse vm config", expect={"evidence_result": "accept", "stage": "app-info"})
case("request's vm_config", E, config="", images=GOOD, request={"vm_config": E.vm_config})
case("request's vm_config for another image", E, images=BAD, error="os_image_hash mismatch", request={"vm_config": dumps({"os_image_hash": "11" * 32})})

# evidence
case("user_data is not report_data", E, raw=nitro.container.nsm(0, "nitro-enclave", E.document(bytes(64)), E.events, DATA, E.vm_config), error="does not match report_data")
case("user_data null", E, raw=nitro.container.nsm(0, "nitro-enclave", E.document(None), E.events, DATA, E.vm_config), error="does not contain user_data")
case("nonce and public key are not looked at", E, nonce=b"x", public_key=b"y", images=GOOD)
case("PCR 1 absent", enclave(), raw=nitro.container.nsm(0, "nitro-enclave", cbor.encode(nitro.cose_sign1(
    E.leaf.key, cbor.encode({**E.members(DATA), "pcrs": {k: v for k, v in E.pcrs.items() if k != 1}}))), E.events, DATA, E.vm_config), error="PCR 1 not found")
case("stale", E, error="stale", request={"now": NOW + 3601})
case("an hour old", E, images=GOOD, request={"now": NOW + 3600})
case("stale, january", E, images=GOOD, request={"now": NOW + 3601, "profile": "jan"})
case("six minutes ahead", E, error="in the future", request={"now": NOW - 301})
case("five minutes ahead", E, images=GOOD, request={"now": NOW - 300})
case("leaf over, january", E, error="Expired", request={"now": NOW + 7201, "profile": "jan"})
case("the root of another service", E, error="", request={"root_nitro": nitro.Authority(NOW, "other").root.der})
whole = E.attest(DATA)
cases.add("a byte behind", whole + b"\0", error="Trailing bytes", expect={"stage": "decode"})
cases.add("a byte behind, january", whole + b"\0", profile="jan")
cases.add("version 1 with a byte behind", E.attest(DATA, version=1) + b"\0", error="trailing bytes", expect={"stage": "decode"})
cases.add("version 1 with a byte behind, january", E.attest(DATA, version=1) + b"\0", error="trailing bytes", profile="jan")
cases.add("not verified", whole, now=False, result="parsed", expect={"app_info": {"device_id": SHA256(b"").hex(), "app_id": APP.hex(),
                                                                                 "mr_aggregated": E.image_hash.hex()}})
case("in the form of a TDX guest", E, raw=b"\0\0" + vec(E.document(DATA)) + compact(0) + compact(0) + DATA + text(E.vm_config), error="")

# 6.1: NitroTPM
I = instance()
AUG, AUG_BAD = {"august": "accept"}, {"august": "reject"}


def who_instance(i, image=None):
    boot = [i.pcrs[4], i.pcrs[7], i.pcrs[12]]
    image = bytes.fromhex(nitro.json.loads(i.vm_config)["os_image_hash"]) if image is None else image
    return both(i.events, image, i.module_id.encode(), lambda kp: boot + [kp], lambda at: boot + [measured(i.events, "sha384", at)])


for version in (0, 1):
    who = who_instance(I)
    case(f"instance, container version {version}", I, version=version, images=AUG,
         expect=dict(who, tcb_status="UpToDate", advisory_ids=[], boot_info_aug=boot_infos("dstack-aws-nitro-tpm", who["app_info"], "UpToDate")["boot_info_aug"]))
case("January knows no instances", I, images=AUG, expect={"boot_info_jan": None, "boot_info": {"august": "accept", "january": "reject"}})
for name, pcrs in (("only the needed PCRs", {i: I.pcrs[i] for i in (4, 7, 12, 14)}), ("PCR 8 of any config", {**I.pcrs, 8: pcr("x")}),
                   ("PCRs 0 to 2 zero are no debug mode", {**I.pcrs, 0: bytes(48), 1: bytes(48), 2: bytes(48)}), ("PCRs to 23", {**{i: bytes(48) for i in range(24)}, **I.pcrs})):
    i = instance(pcrs=pcrs)
    case(f"instance: {name}", i, images=AUG, expect=who_instance(i))
for missing in (4, 7, 12, 14):
    document = cbor.encode(nitro.cose_sign1(I.leaf.key, cbor.encode({**I.members(DATA), "nitrotpm_pcrs": {k: v for k, v in I.pcrs.items() if k != missing}})))
    cases.add(f"instance: PCR {missing} absent", nitro.container.nsm(0, "aws-nitro-tpm", document, I.events, DATA, I.vm_config), error="")
case("instance: the map under pcrs", I, raw=nitro.container.nsm(0, "aws-nitro-tpm", cbor.encode(nitro.cose_sign1(I.leaf.key, cbor.encode(
    {"pcrs" if k == "nitrotpm_pcrs" else k: v for k, v in I.members(DATA).items()}))), I.events, DATA, I.vm_config), images=AUG)
case("instance: an event more", I, events=I.events + [("x", b"")], error="PCR14 mismatch")
case("instance: an event less", I, events=I.events[:-1], error="PCR14 mismatch")
case("instance: no events, PCR 14 zero", instance(events=[], pcrs={**I.pcrs, 14: bytes(48)}), images=AUG)
case("instance: PCR 14 replayed with SHA-256", instance(pcrs={**I.pcrs, 14: measured(I.events, "sha256") + bytes(16)}), error="PCR14 mismatch")
case("instance: user_data of another session", I, raw=nitro.container.nsm(0, "aws-nitro-tpm", I.document(bytes(64)), I.events, DATA, I.vm_config), error="does not match report_data")
case("instance: stale", I, error="stale", request={"now": NOW + 3601})
case("instance: another root", I, error="", request={"root_nitro": nitro.Authority(NOW, "other").root.der})
i = instance(module_id="i-0-enc-1")
case("instance: the whole module id", i, images=AUG, expect=who_instance(i))
for name, events in (("no key provider", [("app-id", APP)]), ("boot-mr-done in the middle", [("app-id", APP), ("boot-mr-done", b""), ("key-provider", KP), ("system-ready", b"")]),
                     ("behind system-ready", [("system-ready", b""), ("app-id", APP)])):
    i = instance(events=events)
    case(f"instance's events: {name}", i, images=AUG, expect=who_instance(i))


def image(name, config, error=None):
    case("instance's image: " + name, I, config=config if isinstance(config, str) else dumps(config), images=AUG_BAD if error is not None else AUG, error=error)


DIGEST = I.boot_digest
release = lambda document, **kept: nitro.release_config("aws", document if isinstance(document, bytes) else cbor.encode(document), **kept)
good = release({"boot_pcr_digest": DIGEST})
image("no config", "", "")
image("no measurement", {"os_image_hash": good["os_image_hash"]}, "aws_measurement")
image("measurement of another cloud", {"os_image_hash": good["os_image_hash"], "gcp_measurement": good["aws_measurement"]}, "aws_measurement")
image("with a version", release({"version": 7, "boot_pcr_digest": DIGEST}))
image("unknown members", release({"x": 1, "boot_pcr_digest": DIGEST}))
image("another digest", release({"boot_pcr_digest": bytes(32)}), "mismatch")
image("digest of 48 bytes", release({"boot_pcr_digest": DIGEST + bytes(16)}), "")
image("digest absent", release({}), "")
image("digest twice", release(Pairs([("boot_pcr_digest", DIGEST), ("boot_pcr_digest", DIGEST)])), "")
image("digest in another order", release({"boot_pcr_digest": SHA256(I.pcrs[7] + I.pcrs[4] + I.pcrs[12])}), "mismatch")
image("SHA-384 cut", release({"boot_pcr_digest": hashlib.sha384(I.pcrs[4] + I.pcrs[7] + I.pcrs[12]).digest()[:32]}), "mismatch")
image("listed under gcp", release({"boot_pcr_digest": DIGEST}, checksums=f"{SHA256(cbor.encode({'boot_pcr_digest': DIGEST})).hex()}  measurement.gcp.cbor\n".encode()), "")
image("os_image_hash of another release", {**good, "os_image_hash": "11" * 32}, "hash mismatch")
image("a byte behind the document", release(cbor.encode({"boot_pcr_digest": DIGEST}) + b"\0"), "")

test_case = cases.test()

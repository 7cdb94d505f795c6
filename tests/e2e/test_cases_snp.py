"""SEV-SNP attestations by the specification's 6.2: report, certificates, policy, document, launch measurement. Each refused one breaks one rule."""
import hashlib
import json

from tests.dev import cbor, certs, container, snp
from tests.dev.cbor import Open, Pairs
from tests.dev.certs import basic, ec_key, extension, rsa_key
from tests.dev.guest import launch_events
from tests.dev.snp import TCB, document, host_data, table
from tests.evidence.cases import NOW, Cases, dumps
from tests.evidence.identity import SHA256

AMD = snp.Authority(NOW)
DATA = bytes(range(64))
M = snp.measurement()
DIGEST = snp.launch_digest(M)
CONFIG = snp.vm_config(M)
CHAIN = [AMD.ask.der, AMD.vcek.der]
EVENTS = launch_events(b"{}")
ARKS = {"Milan": AMD.ark.der, "Genoa": AMD.ark.der, "Turin": AMD.ark.der}

cases = Cases("versioned-attestation", ark=ARKS)


def case(name, error=None, *, version=0, config=CONFIG, certificates=CHAIN, doc=None, events=EVENTS, expect=None, image=True, request=(), digest=DIGEST,
         data=DATA, key=None, raw=None, arks=None, **fields):
    """image: what August's check says; None: the evidence itself is refused. fields: the report's."""
    doc = document() if doc is None else doc
    fields.setdefault("host_data", host_data(doc))
    r = snp.report(key or AMD.vcek.key, report_data=data, measurement=digest, **fields) if raw is None else raw
    text = config if isinstance(config, str) else dumps(config)
    good = error is None
    want = dict(expect or {}, evidence_result="accept" if good or image is False else "reject")
    if good or image is False:
        want["image_check"] = {"august": "accept" if good else "reject"}
    cases.add(name, container.snp(version, r, certificates, doc, events, DATA, text), error=error, expect=want, **dict(request, **(arks or {})))


def who(doc, *, report_data=None, digest=DIGEST):
    d = json.loads(doc)
    info = dumps({"name": {"local": "local-sgx"}.get(d["key_provider"], d["key_provider"]), "id": (d.get("key_provider_id") or "").lower()})
    low = lambda k: (d.get(k) or "").lower()
    return {"app_id": low("app_id"), "compose_hash": low("compose_hash"), "instance_id": low("instance_id"), "device_id": SHA256(bytes(range(64))).hex(),
            "os_image_hash": CONFIG["os_image_hash"], "key_provider_info": info.encode().hex(), "mr_system": SHA256(digest).hex(),
            "mr_aggregated": SHA256(digest, host_data(doc)).hex()}


ID = who(document())
for version in (0, 1):
    case(f"container version {version}", version=version,
         expect={"tcb_status": "UpToDate", "advisory_ids": [], "app_info": ID, "app_info_boottime_mr": ID, "cert_chain_count": 2,
                 "boot_info_aug": {"teeVariant": "dstack-amd-sev-snp", "mrAggregated": ID["mr_aggregated"], "osImageHash": ID["os_image_hash"], "mrSystem": ID["mr_system"],
                                   "appId": ID["app_id"], "composeHash": ID["compose_hash"], "instanceId": ID["instance_id"], "deviceId": bytes(range(64)).hex(),
                                   "keyProviderInfo": ID["key_provider_info"], "tcbStatus": "UpToDate", "advisoryIds": []}, "boot_info_jan": None})

# the report
for version, fine in ((0, False), (1, False), (2, True), (3, True), (4, False), (2**32 - 1, False)):
    case(f"report version {version}", None if fine else "version", version=0, image=None, change=lambda r, v=version: r.__setitem__(slice(0, 4), v.to_bytes(4, "little")))
good = snp.report(AMD.vcek.key, report_data=DATA, measurement=DIGEST, host_data=host_data(document()))
for n in (0, 1183, 1185):
    case(f"report of {n} bytes", "", image=None, raw=(good + b"\0")[:n])
for algorithm in (0, 2, 0x10001):
    case(f"signature algorithm {algorithm}", "", image=None, algorithm=algorithm)
for vmpl in (1, 2, 3, 0x100, 0xFFFFFFFF):
    case(f"vmpl {vmpl}", "", image=None, vmpl=vmpl)
case("policy: debug", "", image=None, policy=0xB0000)
case("policy: migration agent", "", image=None, policy=0x70000)
case("policy: bits that nobody looks at", policy=0x30000 | 1 << 17 | 1 << 20 | 1 << 21 | 1 << 22 | 1 << 25 | 0xFFFF | 0xFFFFFFFE << 32)
case("policy: none, SMT off", policy=0, platform=0)
case("policy: SMT on, not allowed", "", image=None, policy=0x20000, platform=1)
case("policy: SMT off, allowed", policy=0x10000, platform=0)
case("policy: RAPL must be off, and is on", "", image=None, policy=0x30000 | 1 << 23, platform=1 | 16)
case("policy: RAPL must be off, and is", policy=0x30000 | 1 << 23, platform=1 | 8)
case("policy: ciphertext hiding wanted, off", "", image=None, policy=0x30000 | 1 << 24, platform=1 | 8)
case("policy: ciphertext hiding wanted, on", policy=0x30000 | 1 << 24, platform=1 | 16)
case("policy: both wanted, both there", policy=0x30000 | 3 << 23, platform=1 | 24)
case("platform: everything on", platform=2**64 - 1)
for name, flags, fine in (("author key", 1, True), ("chip key masked", 2, False), ("author key and masked", 3, False), ("signing key 1", 4, False), ("signing key 2", 8, False),
                          ("signing key 4", 16, False), ("signing key 7, none", 28, False), ("bits above", 0xFFFFFFE0, True)):
    case(f"flags: {name}", None if fine else "", image=None, flags=flags)
OLDER = TCB[:7] + bytes([TCB[7] - 1])
for member in ("current", "reported", "committed", "launch"):
    case(f"{member} TCB differs", expect={"tcb_status": "OutOfDate", "advisory_ids": []}, **{member: OLDER})
case("all TCBs old", expect={"tcb_status": "UpToDate"}, current=OLDER, reported=OLDER, committed=OLDER, launch=OLDER)
case("committed TCB newer", expect={"tcb_status": "OutOfDate"}, committed=TCB[:7] + b"\xff")
case("a reserved byte of a TCB differs", expect={"tcb_status": "OutOfDate"}, launch=TCB[:3] + b"\1" + TCB[4:])
case("report data of another session", "report_data mismatch", image=None, data=bytes(64))
case("report data with another last byte", "report_data mismatch", image=None, data=DATA[:63] + b"\0")
case("host data zero", "HOST_DATA", image=None, host_data=bytes(32))
case("host data over the text alone", "HOST_DATA", image=None, host_data=SHA256(document().encode()))
case("host data without the zero byte", "HOST_DATA", image=None, host_data=SHA256(b"dstack-mr-config-v3:" + document().encode()))
case("host data over a canonical text, another carried", "HOST_DATA", image=None, doc=document().replace(",", ", "), host_data=host_data(document()))
case("members that nothing judges", change=lambda r: [r.__setitem__(i, 0x5A) for i in (4, 5, 0x10, 0x20, 0xE0, 0x110, 0x140, 0x160, 0x18B, 0x1E8, 0x1EC, 0x200, 0x29F)])
case("bytes behind the signature", raw=good[:-1] + b"\x5a")

# the product, by CPUID
for name, cpu, product in (("Milan", (0x19, 0, 0), "Milan"), ("Milan, last", (0x19, 0x0F, 9), "Milan"), ("Genoa", (0x19, 0x10, 0), "Genoa"), ("Genoa, last", (0x19, 0x1F, 0), "Genoa"),
                           ("Siena", (0x19, 0xA0, 0), "Genoa"), ("Siena, last", (0x19, 0xAF, 0), "Genoa"), ("Turin", (0x1A, 0, 0), "Turin"), ("Turin, last", (0x1A, 0x11, 0), "Turin"),
                           ("family 19h, model 20h", (0x19, 0x20, 0), None), ("family 19h, model 9Fh", (0x19, 0x9F, 0), None), ("family 19h, model B0h", (0x19, 0xB0, 0), None),
                           ("family 1Ah, model 12h", (0x1A, 0x12, 0), None), ("family 17h", (0x17, 0x31, 0), None), ("family 0", (0, 0, 0), None)):
    arks = {"ark": {product: AMD.ark.der}} if product else None
    case(f"product: {name}", None if product else "", image=None, cpu=cpu, arks=arks)
    if product:
        case(f"product: {name}, its root is another", "", image=None, cpu=cpu, arks={"ark": {k: v for k, v in ARKS.items() if k != product}})
for product in ARKS:
    case(f"version 2, {product}", version=0, image=None, change=lambda r: r.__setitem__(0, 2), arks={"ark": {product: AMD.ark.der}})
case("version 2, no root leads to it", "", image=None, change=lambda r: r.__setitem__(0, 2), arks={"ark": None})
case("version 2 of an unknown processor", image=None, change=lambda r: r.__setitem__(slice(0, 1), b"\2"), cpu=(1, 2, 3))

# the signature
R, S = snp.sign(AMD.vcek.key, good[:snp.SIGNED])[:72], snp.sign(AMD.vcek.key, good[:snp.SIGNED])[72:]
SIGN = lambda b: snp.sign(AMD.vcek.key, b)
swap = lambda s: s[72:] + s[:72]
big = lambda s: s[:48][::-1] + bytes(24) + s[72:120][::-1] + bytes(24)
N384 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
case("r and s swapped", "", image=None, signature=lambda b: swap(SIGN(b)))
case("r and s big endian", "", image=None, signature=lambda b: big(SIGN(b)))
case("r zero", "", image=None, signature=lambda b: bytes(72) + SIGN(b)[72:])
case("s zero", "", image=None, signature=lambda b: SIGN(b)[:72] + bytes(72))
case("s plus the order", "", image=None, signature=lambda b: SIGN(b)[:72] + (int.from_bytes(SIGN(b)[72:], "little") + N384).to_bytes(72, "little"))
case("a bit in the upper part of s", "", image=None, signature=lambda b: SIGN(b)[:-1] + b"\1")
case("s negated", image=None, signature=lambda b: (lambda s: s[:72] + (N384 - int.from_bytes(s[72:], "little")).to_bytes(72, "little"))(SIGN(b)))
case("signed up to 29Fh", "", image=None, signature=lambda b: SIGN(b[:-1]))
case("signed by the ASK's holder", "", image=None, key=ec_key("other"))

# certificates
ASK, VCEK = AMD.ask, AMD.vcek


def chain(name, certificates, error=None, **kept):
    case("certificates: " + name, error, image=None, certificates=certificates, **kept)


pem = certs.pem
chain("in PEM", [pem(ASK.der), pem(VCEK.der)])
chain("one in PEM", [pem(ASK.der), VCEK.der])
chain("other order", CHAIN[::-1], "")
chain("three", CHAIN + [AMD.ark.der], "")
chain("four", CHAIN * 2, "")
chain("the same twice", [VCEK.der] * 2, "")
chain("empty entries", [b"", b""], "")
chain("garbage", [b"x", VCEK.der], "")
chain("a byte behind the VCEK", [ASK.der, VCEK.der + b"\0"], "")
chain("PEM that does not end", [pem(ASK.der)[:-10], pem(VCEK.der)], "")
chain("PEM of something else", [pem(ASK.der, "PUBLIC KEY"), pem(VCEK.der)], "")
chain("none, and no network", [], "")
chain("one that is no table", [VCEK.der], "")
T = ("ASK", ASK.der), ("VCEK", VCEK.der)
chain("kernel table", [table(*T)])
chain("kernel table, other order", [table(*T[::-1])])
chain("kernel table with ARK and CRL", [table(("ARK", AMD.ark.der), *T, ("92f81bc3581142aa8b4b0d4b0f0b0f0b", b"crl"))])
chain("kernel table, a gap", [table(*T, gap=bytes(40))])
chain("kernel table, bytes behind", [table(*T) + bytes(2000)])
chain("kernel table, entries in PEM", [table(("ASK", pem(ASK.der)), ("VCEK", pem(VCEK.der)))])
chain("kernel table without an end", [table(*T, end=False)], "")
chain("kernel table without ASK", [table(T[1])], "")
chain("kernel table without VCEK", [table(T[0])], "")
chain("kernel table with a VLEK", [table(*T, ("VLEK", VCEK.der))], "VLEK")
chain("kernel table with a VLEK first", [table(("VLEK", VCEK.der), *T)], "VLEK")
chain("kernel table empty", [table()], "")
chain("kernel table cut in an entry", [table(*T)[:-1]], "")
chain("kernel table cut in its head", [table(*T)[:40]], "")
chain("kernel table, offset beyond it", [table(*T)[:16] + b"\xff\xff\xff\x7f" + table(*T)[20:]], "")
chain("kernel table, length beyond it", [table(*T)[:20] + b"\xff\xff\xff\xff" + table(*T)[24:]], "")
chain("kernel table, GUIDs in EFI's order", [table((snp.guid_le("4ab7b379-bbac-4fe4-a02f-05aef327c782").hex(), ASK.der),
                                                   (snp.guid_le("63da758d-e664-4564-adc5-f4b93be8accd").hex(), VCEK.der))], "")
stranger = rsa_key("stranger")
chain("ASK signed by a stranger", [ASK.but(signer=stranger).der, VCEK.der], "")
chain("VCEK signed by a stranger", [ASK.der, VCEK.but(signer=stranger).der], "")
chain("ASK with another key", [ASK.but(key=stranger).der, VCEK.der], "")
chain("VCEK with another key", [ASK.der, VCEK.but(key=ec_key("other")).der], "")
chain("VCEK straight from the ARK", [ASK.der, VCEK.but(issuer=AMD.ark).der], "")
for algorithm in ("rsa-sha384", "rsa-sha256", "pss-sha256", "pss-sha512"):
    chain(f"VCEK signed with {algorithm}", [ASK.der, VCEK.but(algorithm=algorithm).der], "")
    chain(f"ASK signed with {algorithm}", [ASK.but(algorithm=algorithm).der, VCEK.der], "")
    chain(f"ARK signed with {algorithm}", CHAIN, "", arks={"ark": {"Milan": AMD.ark.but(algorithm=algorithm).der}})
chain("ARK not signed by itself", CHAIN, "", arks={"ark": {"Milan": AMD.ark.but(signer=stranger).der}})
chain("ARK of the same name", CHAIN, "", arks={"ark": {"Milan": AMD.ark.but(key=stranger).der}})
chain("the built-in ARK", CHAIN, "", arks={"ark": None})
chain("VCEK with a P-256 key", [ASK.der, VCEK.but(key=ec_key("p256", certs.ec.SECP256R1)).der], "", key=ec_key("other"))
chain("everything expired", [ASK.but(start=1, end=2).der, VCEK.but(start=1, end=2).der], arks={"ark": {"Milan": AMD.ark.but(start=1, end=2).der}})
chain("nothing valid yet", [ASK.but(start=NOW + 9).der, VCEK.but(start=NOW + 9).der])
chain("ASK is no CA", [ASK.but(extensions=(basic(False),)).der, VCEK.der], "")
chain("VCEK is a CA", [ASK.der, VCEK.but(extensions=(basic(True),)).der], "")
chain("serial 0", [ASK.der, VCEK.but(serial=b"\0").der])
OID = "1.3.6.1.4.1.3704.1."
own = lambda spl=219, chip=bytes(range(64)): tuple(extension(OID + f"3.{n}", certs.integer(v)) for n, v in ((1, 4), (2, 0), (3, 24), (8, spl))) + (
    extension(OID + "4", chip),)
chain("VCEK of this chip and TCB", [ASK.der, VCEK.but(extensions=own()).der])
chain("VCEK of another TCB", [ASK.der, VCEK.but(extensions=own(spl=218)).der], "")
chain("VCEK of another chip", [ASK.der, VCEK.but(extensions=own(chip=bytes(64))).der], "")
# what the distribution service would have answered
case("none carried, fetched", certificates=[], request={"ask": ASK.der, "vcek": VCEK.der})
case("none carried, fetched in PEM", certificates=[], request={"ask": pem(ASK.der), "vcek": pem(VCEK.der)})
KDS = "https://kdsintf.amd.com/vcek/v1/"
answers = {KDS + "Milan/cert_chain": pem(ASK.der) + pem(AMD.ark.der),
           KDS + "Milan/" + bytes(range(64)).hex() + "?blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219": VCEK.der}
case("none carried, by address", certificates=[], request={"http_map": answers})
case("none carried, by address, the ARK there is another", certificates=[], request={"http_map": {**answers, KDS + "Milan/cert_chain": pem(ASK.der) + pem(VCEK.der)}})
turin = {KDS + "Turin/cert_chain": pem(ASK.der) + pem(AMD.ark.der),
         KDS + "Turin/" + bytes(range(8)).hex() + "?fmcSPL=4&blSPL=0&teeSPL=0&snpSPL=0&ucodeSPL=219": VCEK.der}
case("none carried, by address, Turin", certificates=[], cpu=snp.TURIN, request={"http_map": turin})
genoa = {u.replace("Milan", "Genoa"): v for u, v in answers.items()}
case("none carried, by address, Genoa", certificates=[], cpu=snp.GENOA, request={"http_map": genoa})
case("none carried, version 2 of Milan", certificates=[], change=lambda r: r.__setitem__(0, 2), request={"http_map": answers})
case("none carried, VCEK gone", "", image=None, certificates=[], request={"http_map": {KDS + "Milan/cert_chain": pem(ASK.der) + pem(AMD.ark.der)}})
case("none carried, chain gone", "", image=None, certificates=[], request={"http_map": {k: v for k, v in answers.items() if "cert_chain" not in k}})

# the document


def doc(name, text, error=None, **kept):
    text = text if isinstance(text, str) else dumps(text)
    kept.setdefault("expect", {"app_info": who(text)} if error is None else None)
    case("document: " + name, error, image=None, doc=text, **kept)


D = json.loads(document())
for provider in ("none", "local", "kms", "tpm"):
    doc(f"provider {provider}", document(key_provider=provider))
for member in ("app_id", "instance_id", "key_provider_id", "version"):
    doc(f"without {member}", document(**{member: ...}))
for member in ("app_id", "instance_id", "key_provider_id", "gpu_policy_hash", "init_script_hashes"):
    doc(f"{member} null", document(**{member: None}))
doc("with everything", document(gpu_policy_hash="11" * 32, init_script_hashes=["22" * 32, "33" * 32]))
doc("no scripts", document(init_script_hashes=[]))
for name, scripts in (("absent", ...), ("none", []), ("two", ["22" * 32, "3F" * 32])):
    text = document(init_script_hashes=scripts)
    want = "(absent)" if scripts is ... else [h.lower() for h in scripts]
    doc(f"script hashes: {name}", text, expect={"app_info": {**who(text), "init_script_hashes": want}})
doc("upper case", document(app_id="AB" * 20, key_provider_id="AA"))
doc("members in another order", dumps(dict(reversed(list(D.items())))))
doc("blanks", json.dumps(D, indent=1))
doc("a line end behind", document() + "\n")
for member in ("compose_hash", "key_provider"):
    doc(f"without {member}", document(**{member: ...}), "mr_config")
    doc(f"{member} null", document(**{member: None}), "mr_config")
doc("unknown member", document(x=1), "unknown")
doc("unknown null", document(x=None), "unknown")
doc("member in another case", document(App_id=""), "unknown")
doc("provider local-sgx", document(key_provider="local-sgx"), "mr_config")
doc("provider KMS", document(key_provider="KMS"), "mr_config")
doc("provider empty", document(key_provider=""), "mr_config")
doc("version 2", document(version=2), "mr_config")
doc("version 4", document(version=4), "mr_config")
doc("version as text", document(version="3"), "mr_config")
doc("version null", document(version=None), "mr_config")
doc("app id no hex", document(app_id="zz"), "mr_config")
doc("app id odd", document(app_id="abc"), "mr_config")
doc("app id 0x", document(app_id="0x" + "ab" * 20), "mr_config")
doc("app id a number", document(app_id=1), "mr_config")
doc("scripts a text", document(init_script_hashes="x"), "mr_config")
doc("a script no hex", document(init_script_hashes=["x"]), "mr_config")
doc("twice", document()[:-1] + ',"version":3}', "mr_config")
doc("an array", "[]", "mr_config")
doc("empty", "", "mr_config")
doc("text behind", document() + "x", "mr_config")
doc("app id of 19 bytes", document(app_id="0b" * 19), expect={"boot_info_aug": None, "boot_info": {"august": "reject", "january": "reject"}})
case("events say otherwise", events=launch_events(b"other", app_id=b"x" * 20), expect={"app_info": ID})
case("no events", events=[], expect={"app_info": ID})

# the launch measurement


def launch(name, error=None, *, vcpus=2, vcpu_type="EPYC-v4", features=1, digest=None, inner=(), image=None, checksums=None, encoded=None, **changes):
    """What the report measures is what the measurement document of these changes predicts, unless digest is given."""
    m = snp.measurement(**changes)
    if digest is None:
        digest = snp.launch_digest(m, vcpus, vcpu_type, features) if error is None else DIGEST
    config = snp.vm_config(encoded or m, vcpus=vcpus, vcpu_type=vcpu_type, features=features, checksums=checksums, image=image, inner=inner)
    case("launch: " + name, error, image=False, digest=digest, config=config)


for n in (1, 3, 511, 512):
    launch(f"{n} vCPUs", vcpus=n)
for n in (0, 513, 2**32, -1):
    launch(f"{n} vCPUs", "", vcpus=n)
launch("vCPUs as text", "", inner={"vcpus": "2"})
launch("vCPUs absent", "", inner={"vcpus": ...})
for t in ("EPYC", "EPYC-v1", "EPYC-Rome", "EPYC-Rome-v2", "EPYC-Milan", "EPYC-Milan-v12", "EPYC-Genoa", "EPYC-Genoa-v1"):
    launch(f"type {t}", vcpu_type=t)
for t in ("EPYC-Turin", "host", "", "epyc", "EPYC-", "EPYC-v", "EPYC-vx", "EPYC-v4-v4", "Milan", "EPYC-Rome-v-1"):
    launch(f"type {t!r}", "", vcpu_type=t)
launch("type absent", "", inner={"vcpu_type": ...})
for n in (2, 3, 0x21, 2**63):
    launch(f"features {n:#x}", features=n)
launch("features 0", "", features=0)
launch("features absent", "", inner={"guest_features": ...})
launch("features as text", "", inner={"guest_features": "1"})
launch("unknown member of the text", inner={"x": 1})
launch("other vCPU type than measured", "", vcpu_type="EPYC-Milan")
launch("other features than measured", "", features=2)
launch("a vCPU less than measured", "", vcpus=1)
launch("another kernel", "mismatch", kernel_hash=bytes(32))
launch("another initrd", "mismatch", initrd_hash=bytes(32))
launch("another firmware", "mismatch", ovmf_hash=bytes(48))
launch("another command line", "mismatch", cmdline=snp.CMDLINE + " x")
launch("command line with blanks around", cmdline=" \t" + snp.CMDLINE + " \n")
launch("command line with the hash first", cmdline="dstack.rootfs_hash=" + "cd" * 32)
launch("command line without the hash", "", cmdline="console=ttyS0")
launch("command line with 63 digits", "", cmdline="dstack.rootfs_hash=" + "c" * 63)
launch("command line empty", "", cmdline="")
launch("hash in upper case", cmdline="dstack.rootfs_hash=" + "CD" * 32)
launch("command line as bytes", "", cmdline=snp.CMDLINE.encode())
for member in ("version", "cmdline", "ovmf_hash", "kernel_hash", "initrd_hash", "hashes_table_gpa", "reset_eip", "ovmf_sections"):
    launch(f"{member} absent", "", digest=DIGEST, **{member: ...})
    launch(f"{member} null", "", digest=DIGEST, **{member: None})
for v in (0, 1, 2, 4):
    launch(f"version {v}", "", version=v)
launch("hash of 47 bytes", "", ovmf_hash=bytes(47))
launch("kernel hash of 48 bytes", "", kernel_hash=bytes(48))
launch("reset address 2^32", "", reset_eip=2**32)
launch("reset address high", reset_eip=0xFFFFFFF0)
launch("table at the start of its page", hashes_table_gpa=0x811000)
launch("table at the end of its page", hashes_table_gpa=0x811000 + 4096 - 168)
SECTIONS = snp.measurement()["ovmf_sections"]
launch("sections in another order", ovmf_sections=SECTIONS[::-1])
launch("one section", ovmf_sections=SECTIONS[-1:])
launch("64 sections", ovmf_sections=[SECTIONS[0]] * 63 + SECTIONS[-1:])
launch("65 sections", "", ovmf_sections=[SECTIONS[0]] * 64 + SECTIONS[-1:])
launch("no sections", "", ovmf_sections=[])
launch("no section for hashes", "", ovmf_sections=SECTIONS[:-1])
launch("two sections for hashes", ovmf_sections=SECTIONS + [{"gpa": 0x900000, "size": 4096, "type": 0x10}])
for t in (0, 5, 6, 15, 17, 256 + 1):
    launch(f"section type {t}", "", ovmf_sections=SECTIONS + [{"gpa": 0, "size": 4096, "type": t}])
launch("sections under the older name", "", ovmf_sections=[{"gpa": s["gpa"], "size": s["size"], "section_type": s["type"]} for s in SECTIONS])
launch("sections a map", "", ovmf_sections={0: SECTIONS[0]})
launch("unknown members", ovmf_sections=[dict(s, x=1) for s in SECTIONS], x=[1])
launch("open document", encoded=cbor.encode(Open(M)), digest=DIGEST)
launch("a byte behind the document", "", encoded=cbor.encode(M) + b"\0", digest=DIGEST)
launch("repeated member", "", encoded=cbor.encode(Pairs(list(M.items()) + [("version", 3)])), digest=DIGEST)
launch("os_image_hash of another release", "hash mismatch", image="11" * 32)
launch("listed under another name", "", checksums=f"{hashlib.sha256(cbor.encode(M)).hexdigest()}  measurement.gcp.cbor\n".encode())
launch("checksum file absent", "", inner={"checksum_file": ...})
launch("measurement absent", "", inner={"measurement": ...})
launch("measurement no base64", "", inner={"measurement": "!"})
case("launch: no measurement", "requires vm_config.sev_snp_measurement", image=False, config={"os_image_hash": "11" * 32})
case("launch: no config", "", image=False, config="")
case("launch: the text is no JSON", "", image=False, config={**CONFIG, "sev_snp_measurement": "{"})
case("launch: the text twice a member", "", image=False, config={**CONFIG, "sev_snp_measurement": CONFIG["sev_snp_measurement"][:-1] + ',"vcpus":2}'})

test_case = cases.test()

"""NSM documents by the specification's section 5: the COSE envelope, CBOR, the payload, the chain, times. Each refused one breaks one rule."""

from tests.dev import cbor, certs, nitro, rsa8192
from tests.dev.cbor import Open, Pairs, Raw, Tag, Wide
from tests.dev.certs import CLIENT_AUTH, DAY, SERVER_AUTH, Cert, basic, ec_key, extension, key_usage, name, purposes, rsa_key
from tests.evidence.cases import NOW, Cases

AWS = nitro.Authority(NOW)
DATA = bytes(range(64))
ENCLAVE = nitro.Enclave(AWS, live=False)
MEMBERS = ENCLAVE.members(DATA)
KEY = ENCLAVE.leaf.key

cases = Cases("nitro-cose-sign1", root_nitro=AWS.root.der, expect_report_data=DATA.hex())


def sign(payload, key=KEY, **kept):
    return nitro.cose_sign1(key, payload, **kept)


def envelope(case, change, error=None, **kept):
    """The four members of a good document, changed, and encoded unless they are bytes by then."""
    four = change(sign(cbor.encode(MEMBERS)))
    cases.add("cose: " + case, four if isinstance(four, bytes) else cbor.encode(four), error=error, **kept)


def payload(case, members, error=None, **kept):
    """A well signed document with this payload (bytes, or what encodes to them)."""
    cases.add("payload: " + case, cbor.encode(sign(members if isinstance(members, bytes) else cbor.encode(members))), error=error, **kept)


def but(**changes):
    return {k: v for k, v in {**MEMBERS, **changes}.items() if v is not ...}


def set_item(i, value):
    return lambda four: four[:i] + [value] + four[i + 1:]


def protected(case, header, error=None):
    cases.add("header: " + case, cbor.encode(sign(cbor.encode(MEMBERS), protected=header)), error=error)


# 5.2, the envelope
envelope("valid", lambda f: f, expect={"image_hash": ENCLAVE.image_hash.hex(), "debug": False, "timestamp": NOW * 1000,
                                       "user_data": DATA.hex(), "nonce": None, "public_key": None, "cabundle_len": 3})
envelope("tag 18", lambda f: Tag(18, f))
envelope("tag 18 in two bytes", lambda f: Wide(Tag(18, f), 1))
envelope("tag 18 in eight bytes", lambda f: Wide(Tag(18, f), 8))
envelope("tag 19", lambda f: Tag(19, f), "")
envelope("tag 98 of COSE_Sign", lambda f: Tag(98, f), "")
envelope("tag 55799 of CBOR around tag 18", lambda f: Tag(55799, Tag(18, f)), "")
envelope("tag 18 inside 55799 the other way", lambda f: Tag(18, Tag(55799, f)), "")
envelope("open array", lambda f: Open(f))
envelope("array of four in two bytes", lambda f: Wide(f, 1))
envelope("array of four in nine bytes", lambda f: Wide(f, 8))
envelope("a map", lambda f: {i: v for i, v in enumerate(f)}, "")
envelope("a byte string around it", lambda f: cbor.encode(cbor.encode(f)), "")
envelope("a byte after tag 18", lambda f: cbor.encode(Tag(18, f)) + b"\0", "")
envelope("a break after it", lambda f: cbor.encode(f) + b"\xff", "")
envelope("open array without a break", lambda f: cbor.encode(Open(f))[:-1], "")
envelope("a fifth item before the break", lambda f: cbor.encode(Open(f))[:-1] + b"\0\xff", "")
envelope("nothing", lambda f: b"", "")
envelope("protected header open in chunks", lambda f: [Open(f[0], 2)] + f[1:])
envelope("payload in chunks", lambda f: f[:2] + [Open(f[2], 700), f[3]])
envelope("signature in chunks", lambda f: f[:3] + [Open(f[3], 48)])
envelope("empty chunks", lambda f: f[:3] + [Raw(b"\x5f\x40" + cbor.encode(f[3]) + b"\x40\xff")])
envelope("a text chunk in a byte string", lambda f: f[:3] + [Raw(b"\x5f" + cbor.encode(f[3][:95]) + b"\x61a\xff")], "")
envelope("an open chunk in an open string", lambda f: f[:3] + [Raw(b"\x5f\x5f" + cbor.encode(f[3]) + b"\xff\xff")], "")
envelope("lengths in eight bytes", lambda f: [Wide(f[0], 8), f[1], Wide(f[2], 8), Wide(f[3], 8)])
envelope("reserved length 28", lambda f: f[:3] + [Raw(b"\x5c" + f[3])], "")
envelope("protected header is a map", set_item(0, {1: -35}), "")
envelope("protected header is null", set_item(0, None), "")
envelope("protected header is text", lambda f: [Raw(b"\x64" + f[0])] + f[1:], "")
envelope("payload is text", lambda f: f[:2] + ["{}", f[3]], "")
envelope("signature is null", set_item(3, None), "")
envelope("signature is empty", set_item(3, b""), "")
envelope("unprotected null", set_item(1, None))
envelope("unprotected text", set_item(1, "x"))
envelope("unprotected array", set_item(1, [1, 2]))
envelope("unprotected names another algorithm", set_item(1, {1: -7}))
envelope("unprotected holds certificates", set_item(1, {33: [AWS.root.der], "x": {"y": None}}))
envelope("unprotected repeats a key", set_item(1, Pairs([(4, b"a"), (4, b"b")])), "")
envelope("unprotected open map", set_item(1, Open({4: b"k"})))
envelope("unprotected has text that is not UTF-8", set_item(1, {4: Raw(b"\x61\xff")}), "")
envelope("r and s swapped", lambda f: f[:3] + [f[3][48:] + f[3][:48]], "signature")
envelope("s is zero", lambda f: f[:3] + [f[3][:48] + bytes(48)], "signature")
envelope("r is zero", lambda f: f[:3] + [bytes(48) + f[3][48:]], "signature")
N384 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
envelope("r plus the order", lambda f: f[:3] + [(N384).to_bytes(48, "big") + f[3][48:]], "signature")
envelope("s negated", lambda f: f[:3] + [f[3][:48] + (N384 - int.from_bytes(f[3][48:], "big")).to_bytes(48, "big")])
envelope("signature in DER", lambda f: f[:3] + [KEY.sign(cbor.encode(["Signature1", f[0], b"", f[2]]), certs.ec.ECDSA(certs.hashes.SHA384()))], "")

# the protected header
protected("algorithm in three bytes", cbor.encode({1: Wide(-35, 2)}))
protected("label in nine bytes", cbor.encode(Pairs([(Wide(1, 8), -35)])))
protected("header map open", cbor.encode(Open({1: -35})))
protected("key id beside the algorithm", {1: -35, 4: b"key"})
protected("unknown integer label", {1: -35, -70000: [1, 2]})
protected("empty header", b"", "")
protected("header map empty", {}, "")
protected("header is an array", cbor.encode([1, -35]), "")
protected("header twice", cbor.encode({1: -35}) * 2, "")
protected("tag around the header map", cbor.encode(Tag(18, {1: -35})), "")
protected("algorithm ES512", {1: -36}, "Unsupported COSE algorithm")
protected("algorithm 35", {1: 35}, "Unsupported COSE algorithm")
protected("algorithm 34", {1: 34}, "Unsupported COSE algorithm")
protected("algorithm null", {1: None}, "")
protected("algorithm under label 7", {7: -35}, "")
protected("byte string key", {1: -35, b"x": 0}, "")
protected("text key alg", {"alg": -35}, "")
protected("label repeated in another width", cbor.encode(Pairs([(1, -35), (Wide(1, 1), -35)])), "")
protected("crit empty", {1: -35, 2: []})
protected("crit 1 and alg", {1: -35, 2: [1, "alg"]})
protected("crit open", cbor.encode({1: -35, 2: Open([1])}))
protected("crit names the key id", {1: -35, 2: [1, 4], 4: b"k"}, "critical")
protected("crit names itself", {1: -35, 2: [2]}, "critical")
protected("crit text ALG", {1: -35, 2: ["ALG"]}, "critical")
protected("crit -1", {1: -35, 2: [-1]}, "critical")
protected("crit -2", {1: -35, 2: [-2]}, "critical")
protected("crit bytes alg", {1: -35, 2: [b"alg"]}, "critical")
protected("crit null", {1: -35, 2: None}, "")
protected("crit a map", {1: -35, 2: {1: 1}}, "")

# 5.3, the payload
payload("open map", Open(MEMBERS))
payload("map of nine in three bytes", Wide(MEMBERS, 2))
payload("members in another order", Pairs(reversed(list(MEMBERS.items()))))
payload("keys as text in chunks", Open(Pairs([(Open(k, 3), v) for k, v in MEMBERS.items()])))
payload("tag around the map", Tag(24, MEMBERS), "")
payload("not a map", list(MEMBERS.values()), "")
payload("integer key", Pairs(list(MEMBERS.items()) + [(1, 2)]), "")
payload("byte string key", Pairs(list(MEMBERS.items()) + [(b"x", 2)]), "")
payload("key that is not UTF-8", Pairs(list(MEMBERS.items()) + [(Raw(b"\x61\xff"), 2)]), "")
payload("unknown float", but(x=Raw(b"\xfb" + bytes(8))))
payload("unknown half float", but(x=Raw(b"\xf9\x7e\x00")))
payload("unknown tag", but(x=Tag(1, 1)))
payload("unknown undefined", but(x=Raw(b"\xf7")))
payload("unknown simple value 255", but(x=Raw(b"\xf8\xff")))
payload("unknown simple value 24 in two bytes", but(x=Raw(b"\xf8\x18")), "")
payload("unknown break", but(x=Raw(b"\xff")), "")
payload("unknown nested map with repeated keys", but(x=Pairs([(1, 1), (1, 1)])), "")
payload("unknown nested text that is not UTF-8", but(x=[Raw(b"\x62\xc3\x28")]), "")
payload("unknown array of 50000", but(x=[0] * 50000))
payload("unknown array without end in sight", but(x=Raw(cbor.head(4, 10**6) + bytes(10**6))), "")
payload("unknown map of 3000", but(x={i: None for i in range(3000)}))
payload("unknown map of 3000, the last key repeated", but(x=Pairs([(i, None) for i in range(3000)] + [(2999, None)])), "repeated key")
payload("unknown map of 3000 long keys", but(x={"k" * 3000 + "%04d" % i: None for i in range(3000)}), "too many keys")
payload("unknown map of 200 long keys", but(x={"k" * 300 + "%04d" % i: None for i in range(200)}))
payload("unknown maps with 100000 keys", but(x=[{i: 0 for i in range(1000)}] * 100), "")
payload("unknown bytes of 9 MiB", but(x=bytes(9 << 20)))
payload("unknown text of a MiB in chunks", but(x=Open("x" * (1 << 20), 1000)))
payload("unknown twice", Pairs(list(MEMBERS.items()) + [("x", 1), ("x", 2)]), "")
payload("user_data twice, equal", Pairs(list(MEMBERS.items()) + [("user_data", DATA)]), "")
payload("user_data twice, the key open", Pairs(list(MEMBERS.items()) + [(Open("user_data"), DATA)]), "")
payload("pcrs and nitrotpm_pcrs", but(nitrotpm_pcrs=MEMBERS["pcrs"]), "")
payload("nitrotpm_pcrs alone", but(pcrs=..., nitrotpm_pcrs=MEMBERS["pcrs"]))
payload("nested 31 deep", but(x=Raw(b"\x81" * 28 + b"\0")))
payload("nested 5000 deep", but(x=Raw(b"\x81" * 5000 + b"\0")), "")
for key in ("module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"):
    payload(f"{key} absent", but(**{key: ...}), "")
    payload(f"{key} null", but(**{key: None}), "")
payload("module_id bytes", but(module_id=b"i-0"), "")
payload("module_id in chunks", but(module_id=Open("i-0123456789", 4)), expect={"module_id": "i-0123456789"})
payload("module_id empty", but(module_id=""), expect={"module_id": ""})
payload("module_id that is not UTF-8", but(module_id=Raw(b"\x63i-\xff")), "")
payload("digest sha384", but(digest="sha384"), "Unsupported digest")
payload("digest SHA512", but(digest="SHA512"), "Unsupported digest")
payload("digest bytes", but(digest=b"SHA384"), "")
payload("timestamp text", but(timestamp=str(NOW * 1000)), "")
payload("timestamp float", but(timestamp=Raw(b"\xfb\x42\x79\xe7\x00\x00\x00\x00\x00")), "")
payload("timestamp as a date", but(timestamp=Tag(1, NOW)), "")
payload("pcrs an array", but(pcrs=[v for v in MEMBERS["pcrs"].values()]), "")
payload("pcrs open", but(pcrs=Open(MEMBERS["pcrs"])))
payload("pcrs negative key", but(pcrs={**MEMBERS["pcrs"], -1: bytes(48)}), "")
payload("pcrs with 0 twice in two widths", but(pcrs=Pairs(list(MEMBERS["pcrs"].items()) + [(Wide(0, 1), MEMBERS["pcrs"][0])])), "")
payload("pcr 31", but(pcrs={**MEMBERS["pcrs"], 31: bytes(48)}))
payload("pcr 4 with 47 bytes", but(pcrs={**MEMBERS["pcrs"], 4: bytes(47)}), "length mismatch")
payload("pcr 4 with 49 bytes", but(pcrs={**MEMBERS["pcrs"], 4: bytes(49)}), "length mismatch")
payload("pcr 15 empty", but(pcrs={**MEMBERS["pcrs"], 15: b""}), "length mismatch")
payload("pcr 15 null", but(pcrs={**MEMBERS["pcrs"], 15: None}), "")
payload("pcr 15 text", but(pcrs={**MEMBERS["pcrs"], 15: "x" * 48}), "")
payload("only pcrs 0, 1, 2", but(pcrs={i: MEMBERS["pcrs"][i] for i in range(3)}), expect={"image_hash": ENCLAVE.image_hash.hex()})
payload("pcrs in falling order", but(pcrs=Pairs(sorted(MEMBERS["pcrs"].items(), reverse=True))), expect={"image_hash": ENCLAVE.image_hash.hex()})
for i in range(3):
    payload(f"pcr {i} absent", but(pcrs={k: v for k, v in MEMBERS["pcrs"].items() if k != i}), f"PCR {i} not found")
payload("certificate text", but(certificate="x"), "")
payload("certificate is garbage", but(certificate=b"x"), "")
payload("certificate with a byte behind", but(certificate=ENCLAVE.leaf.der + b"\0"), "")
payload("certificate in chunks", but(certificate=Open(ENCLAVE.leaf.der, 100)))
payload("cabundle a map", but(cabundle={0: AWS.root.der}), "")
payload("cabundle open", but(cabundle=Open(MEMBERS["cabundle"])))
payload("cabundle with text first", but(cabundle=["x"] + MEMBERS["cabundle"][1:]), "")
payload("cabundle with null last", but(cabundle=MEMBERS["cabundle"] + [None]), "")
payload("cabundle empty", but(cabundle=[]), "")
payload("public_key text", but(public_key="x"), "")
payload("nonce an integer", but(nonce=1), "")
payload("nonce an array of integers", but(nonce=[1, 2]), "")
payload("nonce false", but(nonce=False), "")
payload("nonce and public_key there", but(nonce=b"n" * 40, public_key=b"k"), expect={"nonce": (b"n" * 40).hex(), "public_key": "6b"})
payload("nonce and public_key absent", but(nonce=..., public_key=...), expect={"nonce": None, "public_key": None})
payload("nonce empty", but(nonce=b""), expect={"nonce": ""})
payload("user_data null", but(user_data=None), "does not contain user_data")
payload("user_data absent", but(user_data=...), "does not contain user_data")
payload("user_data empty", but(user_data=b""), "does not match")
payload("user_data of 65 bytes", but(user_data=DATA + b"\0"), "does not match")
payload("user_data with another last byte", but(user_data=DATA[:63] + b"\xff"), "does not match")
payload("user_data in chunks", but(user_data=Open(DATA, 5)))

# 5.4, chain and signature


def chain(case, leaf, bundle=None, error=None, **kept):
    bundle = [AWS.root, AWS.region, AWS.instance] if bundle is None else bundle
    members = but(certificate=leaf.der, cabundle=[c if isinstance(c, bytes) else c.der for c in bundle])
    cases.add("chain: " + case, cbor.encode(sign(cbor.encode(members), key=leaf.key)), error=error, **kept)


HOUR = 3600
LEAF = ENCLAVE.leaf
SPAN = dict(start=NOW - DAY, end=NOW + DAY)
chain("leaf starts now", LEAF.but(start=NOW))
chain("leaf starts in a second", LEAF.but(start=NOW + 1), None, "NotValidYet")
chain("leaf ends now", LEAF.but(end=NOW))
chain("leaf ended a second ago", LEAF.but(end=NOW - 1), None, "Expired")
chain("leaf to the year 2050", LEAF.but(end=2600000000))
instance = AWS.instance
chain("intermediate starts now", AWS.leaf(issuer=instance.but(start=NOW)), [AWS.root, AWS.region, instance.but(start=NOW)])
chain("intermediate starts in a second", LEAF, [AWS.root, AWS.region, instance.but(start=NOW + 1)], "NotValidYet")
chain("intermediate ends now", LEAF, [AWS.root, AWS.region, instance.but(end=NOW)])
chain("intermediate ended a second ago", LEAF, [AWS.root, AWS.region, instance.but(end=NOW - 1)], "Expired")
chain("region expired", LEAF, [AWS.root, AWS.region.but(end=NOW - 1), instance], "Expired")
chain("root at the end", LEAF, [b"", instance, AWS.region, AWS.root])
chain("junk among the intermediates", LEAF, [AWS.root, b"junk", AWS.region, b"", instance])
chain("first of two dropped", LEAF, [AWS.region, instance, AWS.root], "")
chain("region dropped, and there again", LEAF, [AWS.region, instance, AWS.region])
chain("same name, other key before the right one", LEAF, [AWS.root, AWS.region, instance.but(key=ec_key("imposter")), instance])
chain("same name and key, expired, before the right one", LEAF, [AWS.root, AWS.region, instance.but(end=NOW - 1), instance])
chain("only the name fits", LEAF, [AWS.root, AWS.region, instance.but(key=ec_key("imposter"))], "")
chain("intermediate signed by a stranger", LEAF, [AWS.root, AWS.region, instance.but(signer=ec_key("stranger"))], "")
chain("leaf signed by a stranger", LEAF.but(signer=ec_key("stranger")), None, "")
chain("leaf straight from the root", Cert(name("straight"), KEY, AWS.root, **SPAN), [AWS.root])
chain("leaf straight from the root, with intermediates", Cert(name("straight"), KEY, AWS.root, **SPAN))
chain("leaf without extensions", LEAF.but(extensions=()))
chain("leaf CA true", LEAF.but(extensions=(basic(True),)), None, "CaUsedAsEndEntity")
chain("leaf for clients", LEAF.but(extensions=(purposes(CLIENT_AUTH),)))
chain("leaf for servers", LEAF.but(extensions=(purposes(SERVER_AUTH),)), None, "Eku")
chain("leaf for servers and clients", LEAF.but(extensions=(purposes(SERVER_AUTH, CLIENT_AUTH),)))
chain("leaf for any purpose", LEAF.but(extensions=(purposes("2.5.29.37.0"),)), None, "Eku")
chain("region for servers", LEAF, [AWS.root, AWS.region.but(extensions=(basic(True), purposes(SERVER_AUTH))), instance], "Eku")
chain("region for clients", LEAF, [AWS.root, AWS.region.but(extensions=(basic(True), purposes(CLIENT_AUTH))), instance])
chain("leaf key usage for certificates only", LEAF.but(extensions=(key_usage(5),)))
chain("intermediate without keyCertSign", LEAF, [AWS.root, AWS.region, instance.but(extensions=(basic(True, 0), key_usage(0)))])
chain("intermediate without basicConstraints", LEAF, [AWS.root, AWS.region, instance.but(extensions=(key_usage(5),))], "EndEntityUsedAsCa")
chain("intermediate CA false", LEAF, [AWS.root, AWS.region, instance.but(extensions=(basic(False),))], "EndEntityUsedAsCa")
chain("region with path length 0", LEAF, [AWS.root, AWS.region.but(extensions=(basic(True, 0),)), instance], "PathLen")
chain("region with path length 1", LEAF, [AWS.root, AWS.region.but(extensions=(basic(True, 1),)), instance])
unknown = extension("1.2.3.4", b"x")
chain("leaf unknown extension", LEAF.but(extensions=(unknown,)))
chain("leaf unknown extension twice", LEAF.but(extensions=(unknown, unknown)))
chain("leaf unknown critical extension", LEAF.but(extensions=(extension("1.2.3.4", b"x", True),)), None, "Critical")
chain("leaf critical certificate policies", LEAF.but(extensions=(extension("2.5.29.32", certs.sequence(), True),)), None, "Critical")
chain("leaf key usage twice", LEAF.but(extensions=(key_usage(0), key_usage(0))), None, "")
chain("leaf basicConstraints twice", LEAF.but(extensions=(basic(False), basic(False))), None, "")
chain("leaf purposes twice", LEAF.but(extensions=(purposes(CLIENT_AUTH), purposes(CLIENT_AUTH))), None, "")
chain("leaf of version 1", LEAF.but(version=b"", extensions=()), None, "Version")
chain("leaf of version 2", LEAF.but(version=certs.tlv(0xA0, certs.integer(1)), extensions=()), None, "Version")
chain("leaf says version 4", LEAF.but(version=certs.tlv(0xA0, certs.integer(3))), None, "Version")
chain("leaf with issuer unique id", LEAF.but(unique=certs.tlv(0x81, b"\0\1")), None, "")
chain("leaf with subject unique id", LEAF.but(unique=certs.tlv(0x82, b"\0\1")), None, "")
chain("leaf algorithms differ", LEAF.but(inner_algorithm=certs.ALGORITHMS["ecdsa-sha256"][0]), None, "Mismatch")
chain("leaf time without seconds", LEAF.but(validity=certs.sequence(certs.tlv(0x17, b"2605280000Z"), certs.time(NOW + HOUR))), None, "")
chain("leaf time with an offset", LEAF.but(validity=certs.sequence(certs.tlv(0x17, b"260528000000+0000"), certs.time(NOW + HOUR))), None, "")
chain("leaf generalized time with a fraction", LEAF.but(validity=certs.sequence(certs.tlv(0x18, b"20260528000000.5Z"), certs.time(NOW + HOUR))), None, "")
chain("leaf generalized time before 2050", LEAF.but(validity=certs.sequence(certs.tlv(0x18, b"20260528000000Z"), certs.time(NOW + HOUR))))
chain("leaf serial 0", LEAF.but(serial=b"\0"))
chain("leaf serial of 20 bytes", LEAF.but(serial=b"\x7f" * 20))
chain("leaf issuer in another case", LEAF.but(issuer_name=name("NITRO INSTANCE")), None, "UnknownIssuer")
chain("leaf signed with SHA-256", LEAF.but(algorithm="ecdsa-sha256"))
chain("leaf signed with SHA-512", LEAF.but(algorithm="ecdsa-sha512"), None, "")
p256 = instance.but(key=ec_key("p256 instance", certs.ec.SECP256R1))
chain("intermediate with a P-256 key", LEAF.but(issuer=p256), [AWS.root, AWS.region, p256])
for algorithm in ("rsa-sha256", "rsa-sha384", "rsa-sha512", "pss-sha256", "pss-sha384", "pss-sha512"):
    rsa_ca = instance.but(key=rsa_key("instance"))
    chain(f"intermediate with an RSA key, {algorithm}", LEAF.but(issuer=rsa_ca, algorithm=algorithm), [AWS.root, AWS.region, rsa_ca])
chain("intermediate with an RSA key, SHA-1", LEAF.but(issuer=rsa_ca, algorithm="rsa-sha1"), [AWS.root, AWS.region, rsa_ca], "")
longest = instance.but(key=rsa8192.Key())
for algorithm in ("rsa-sha256", "rsa-sha384", "rsa-sha512"):
    chain(f"intermediate with an RSA key of 8192 bits, {algorithm}", LEAF.but(issuer=longest, algorithm=algorithm), [AWS.root, AWS.region, longest])
for i in range(16):
    edwards = instance.but(key=certs.ed_key(f"instance {i}"))
    chain(f"intermediate with an Ed25519 key, {i}", LEAF.but(issuer=edwards), [AWS.root, AWS.region, edwards])
chain("intermediate with an Ed25519 key that did not sign", LEAF.but(issuer=edwards, signer=certs.ed_key("x")), [AWS.root, AWS.region, edwards], "")
chain("an ECDSA signature under an Ed25519 key", LEAF.but(issuer=edwards, signer=KEY), [AWS.root, AWS.region, edwards], "")
chain("an Ed25519 signature under a P-384 key", LEAF.but(signer=certs.ed_key("x")), None, "")
chain("Ed25519 with a parameter", LEAF.but(issuer=edwards, inner_algorithm=certs.sequence(certs.oid("1.3.101.112"), certs.NULL)), [AWS.root, AWS.region, edwards], "")
small = instance.but(key=rsa_key("small", 1024))
chain("intermediate with an RSA key of 1024 bits", LEAF.but(issuer=small), [AWS.root, AWS.region, small], "")
below = [AWS.root]
for i in range(7):
    below.append(Cert(name(f"level {i}"), ec_key(f"level {i}"), below[-1], **SPAN, extensions=(basic(True),)))
chain("six intermediates", Cert(name("deep"), KEY, below[6], **SPAN), below[:7])
chain("seven intermediates", Cert(name("deep"), KEY, below[7], **SPAN), below, "")
looped = AWS.region.but(extensions=(basic(True, 1),))
self_issued = Cert(AWS.region.subject, ec_key("region 2"), AWS.region, **SPAN, extensions=(basic(True),))
under = Cert(instance.subject, instance.key, self_issued, **SPAN, extensions=(basic(True),))
chain("a self-issued one counts for path length", LEAF.but(issuer=under), [AWS.root, AWS.region, self_issued, under], "")
wide = AWS.region.but(extensions=(basic(True, 2),))
chain("a self-issued one with room for it", LEAF.but(issuer=under), [AWS.root, wide, self_issued, under])
constrained = extension("2.5.29.30", certs.sequence(certs.tlv(0xA0, certs.sequence(certs.tlv(0x82, b"example")))), True)
chain("intermediate with name constraints", LEAF, [AWS.root, AWS.region, instance.but(extensions=(basic(True), constrained))], "")
p256_leaf = LEAF.but(key=ec_key("p256 leaf", certs.ec.SECP256R1))
members = but(certificate=p256_leaf.der)
cases.add("leaf with a P-256 key", cbor.encode(sign(cbor.encode(members))), error="")
ed_leaf = LEAF.but(key=certs.ed_key("leaf"))
cases.add("leaf with an Ed25519 key", cbor.encode(sign(cbor.encode(but(certificate=ed_leaf.der)))), error="")
edwards_root = AWS.root.but(key=certs.ed_key("root"))
under = AWS.region.but(issuer=edwards_root)
cases.add("a root with an Ed25519 key", cbor.encode(sign(cbor.encode(but(cabundle=[b"", under.der, instance.der])))), root_nitro=edwards_root.der)
cases.add("leaf with an RSA key", cbor.encode(sign(cbor.encode(but(certificate=LEAF.but(key=rsa_key("instance")).der)))), error="")
cases.add("another root", cbor.encode(sign(cbor.encode(MEMBERS))), error="", root_nitro=nitro.Authority(NOW, "other").root.der)
cases.add("the built-in root", cbor.encode(sign(cbor.encode(MEMBERS))), error="", root_nitro=None)
cases.add("a root that expired", cbor.encode(sign(cbor.encode(MEMBERS))), root_nitro=AWS.root.but(end=NOW - 1).der)
cases.add("a root that is not a CA", cbor.encode(sign(cbor.encode(MEMBERS))), root_nitro=AWS.root.but(extensions=()).der)
cases.add("a root with path length 0", cbor.encode(sign(cbor.encode(MEMBERS))), root_nitro=AWS.root.but(extensions=(basic(True, 0),)).der)
cases.add("a root for servers", cbor.encode(sign(cbor.encode(MEMBERS))), root_nitro=AWS.root.but(extensions=(basic(True), purposes(SERVER_AUTH))).der)
cases.add("a root with a wrong signature", cbor.encode(sign(cbor.encode(MEMBERS))), root_nitro=AWS.root.but(signer=KEY).der)
cases.add("root's name, other key", cbor.encode(sign(cbor.encode(MEMBERS))), root_nitro=AWS.root.but(key=ec_key("x")).der, error="")
cases.add("another payload signed", cbor.encode(sign(cbor.encode(MEMBERS), signed=cbor.encode(but(timestamp=NOW * 1000 + 1)))), error="signature")

# 5.5, freshness: milliseconds on the document's side, both limits inclusive
AGES = {"an hour": (3600000, None), "an hour and a millisecond": (3600001, "stale"), "just now": (0, None), "a millisecond ahead": (-1, None),
        "five minutes ahead": (-300000, None), "five minutes and a millisecond ahead": (-300001, "in the future")}
for case, (age, error) in AGES.items():
    payload(f"made {case}", but(timestamp=NOW * 1000 - age), error)
    payload(f"made {case}, january", but(timestamp=NOW * 1000 - age), profile="jan")
payload("made in 1970", but(timestamp=0), "stale")
payload("made at the end of time", but(timestamp=2**64 - 1), "in the future")
payload("made at the end of time, january", but(timestamp=2**64 - 1), profile="jan")

# a document with other bytes around it
COSE = cbor.encode(sign(cbor.encode(MEMBERS)))
FRAME = b"head" * 5 + b"\x84\x44\xa1\x01" + COSE + b"tail" * 9
for case, data, where, error in (("cut out", FRAME, (24, len(COSE)), None), ("looked for", FRAME, None, None), ("looked for behind something like it", COSE[:6] + FRAME, None, None),
                                 ("cut a byte too early", FRAME, (23, len(COSE)), ""), ("cut a byte short", FRAME, (24, len(COSE) - 1), ""),
                                 ("cut a byte too far", FRAME, (24, len(COSE) + 1), ""), ("cut beyond the end", FRAME, (24, len(FRAME)), ""),
                                 ("as a response of the device", cbor.encode({"Attestation": {"document": COSE}}), None, None), ("nothing like it", b"x" * 999, None, "")):
    at = {"cose_offset": where[0], "cose_len": where[1]} if where else {}
    cases.add("frame: " + case, data, kind="framed-nsm-response", error=error, expect=None if error is not None else {"cose_len": len(COSE), "user_data": DATA.hex()}, **at)

test_case = cases.test()

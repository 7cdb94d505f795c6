"""TPM quotes and the attestation key's chain by the specification's 4.3 and 4.5. Each refused one breaks one rule."""
import hashlib

from tests.dev import certs, vtpm
from tests.dev.certs import (AIK, CLIENT_AUTH, DAY, Cert, basic, ca_issuers, crl_points, ec_key, extension, key_usage, name, point, purposes,
                             revocation_list, rsa_key, uri)
from tests.dev.guest import launch_events, replay
from tests.dev.vtpm import SHA1, SHA256, SHA384, URL, Tpm, as_json, be, selection, sized
from tests.evidence.cases import NOW, Cases

GOOGLE = vtpm.Authority(NOW)
EVENTS = launch_events(b"{}", instance_id=bytes(20))
TPM = Tpm(GOOGLE, EVENTS)
DATA = hashlib.sha256(b"a quote").digest()
PCR0, PCR2, PCR14 = (TPM.pcrs[i] for i in (0, 2, 14))
VALUES = [(0, "sha256", PCR0), (2, "sha256", PCR2), (14, "sha256", PCR14)]
SELECTED = selection([0, 2, 14])

cases = Cases("tpm-quote-json", root_gcp=GOOGLE.root.der, http_map=GOOGLE.http, expect_qualifying_data=DATA.hex(),
              runtime_events=[{"event": e, "payload": p.hex()} for e, p in EVENTS])


def quote(case, error=None, *, tpm=TPM, result=None, expect=None, request=(), data=DATA, **parts):
    cases.add(case, as_json(tpm.quote(data, **parts)), error=error, result=result, expect=expect, **dict(request))


quote("valid", expect={"pcr0": PCR0.hex(), "pcr2": PCR2.hex(), "pcr14": PCR14.hex(), "uki_digest": TPM.uki.hex(), "qualified_data": DATA.hex()})

# 4.3 step 1: TPMS_ATTEST
quote("magic of another structure", "invalid magic", magic=0xFF544346)
quote("attest type certify", "invalid attest type", kind=0x8017)
quote("attest type creation", "invalid attest type", kind=0x801A)
quote("signer's name of 66 bytes", message=vtpm.attest(DATA, [SELECTED], hashlib.sha256(PCR0 + PCR2 + PCR14).digest(), signer=bytes(66)))
quote("no signer's name", message=vtpm.attest(DATA, [SELECTED], hashlib.sha256(PCR0 + PCR2 + PCR14).digest(), signer=b""))
quote("clock and firmware of another kind", clock=2**64 - 1, firmware=0)
quote("300 bytes behind the structure", tail=bytes(300))
quote("digest of 31 bytes", "PCR digest mismatch", digest=hashlib.sha256(PCR0 + PCR2 + PCR14).digest()[:31])
quote("digest with a byte more", "PCR digest mismatch", digest=hashlib.sha256(PCR0 + PCR2 + PCR14).digest() + b"\0")
quote("digest empty", "PCR digest mismatch", digest=b"")
quote("digest by SHA-1", "PCR digest mismatch", digest=hashlib.sha1(PCR0 + PCR2 + PCR14).digest())
whole = TPM.quote(DATA)["message"]
for n in (0, 3, 4, 5, 6, 7, 20, 42, 60, 80, 90, len(whole) - 33, len(whole) - 32, len(whole) - 1):
    quote(f"message of {n} bytes", "parse error" if n != 0 else "", message=whole[:n])
quote("signer longer than the message", "parse error", message=whole[:6] + b"\xff\xff" + whole[8:])
quote("2^32-1 selections", "parse error", count=2**32 - 1)
quote("one selection more than there are", "", count=2)

# step 2: the selection
quote("no selection, no values", "", values=[], selections=[])
quote("one byte of selection too short for 14", "PCR selection mismatch", selections=[selection([0, 2], size=1)])
quote("select of four bytes", selections=[selection([0, 2, 14], size=4)])
quote("select of two bytes", selections=[selection([0, 2, 14], size=2)])
quote("select of 32 bytes", selections=[selection([0, 2, 14], size=32)])
quote("three selections, ascending", selections=[selection([0]), selection([2]), selection([14])])
quote("three selections in another order, values too", values=[VALUES[2], VALUES[0], VALUES[1]], selections=[selection([14]), selection([0, 2])])
quote("selections in another order than the values", "PCR selection mismatch", selections=[selection([14]), selection([0, 2])])
quote("an empty selection before it", selections=[selection([]), SELECTED])
quote("an empty selection of no bytes behind it", selections=[SELECTED, selection([], size=0)])
quote("a further PCR", values=VALUES + [(15, "sha256", bytes(32))])
quote("PCR 1 between", values=[VALUES[0], (1, "sha256", bytes(32))] + VALUES[1:])
quote("all PCRs", values=[(i, "sha256", TPM.pcrs.get(i, bytes(32))) for i in range(24) if i != 4])
quote("value sold under another index", "PCR selection mismatch", values=[VALUES[0], VALUES[1], (15, "sha256", PCR14)], selections=[SELECTED])
quote("a value more than selected", "PCR selection mismatch", values=VALUES + [(15, "sha256", bytes(32))], selections=[SELECTED])
quote("a selected one without a value", "PCR selection mismatch", values=VALUES, selections=[selection([0, 2, 14, 15])])
quote("PCR 14 twice: the first value counts", values=VALUES + [(14, "sha256", bytes(32))], selections=[SELECTED, selection([14])])
quote("PCR 14 twice: the second value does not", "PCR14 mismatch", values=VALUES[:2] + [(14, "sha256", bytes(32)), VALUES[2]],
      selections=[SELECTED, selection([14])])
quote("PCR 14 not quoted", "PCR14 mismatch", values=VALUES[:2])
quote("algorithm's name is not looked at", values=[(i, "sha1", v) for i, _, v in VALUES])
quote("algorithm's name empty", values=[(i, "", v) for i, _, v in VALUES])

# step 3: the bank
quote("SHA-384 bank", "unsupported PCR bank", selections=[selection([0, 2, 14], SHA384)])
quote("SHA-1 bank for the last", "unsupported PCR bank", selections=[selection([0, 2]), selection([14], SHA1)])
quote("SHA-1 bank, nothing selected in it", "unsupported PCR bank", selections=[SELECTED, selection([], SHA1)])
quote("SHA-384 bank, january", request={"profile": "jan"}, selections=[selection([0, 2, 14], SHA384)])

# step 4: 32 bytes each
quote("border between two values moved", "", values=[(0, "sha256", PCR0 + PCR2[:1]), (2, "sha256", PCR2[1:]), VALUES[2]], log=[])
quote("one value holds all, others are empty", "", values=[(0, "sha256", b""), (2, "sha256", b""), (14, "sha256", PCR0 + PCR2 + PCR14)], log=[])
quote("a value of 48 bytes", "", values=VALUES[:2] + [(14, "sha256", PCR14 + bytes(16))])

# step 5: the event log
quote("events of PCR 2 in another order", "replay mismatch", log=TPM.log[:3] + [TPM.log[4], TPM.log[3]] + TPM.log[5:])
quote("PCRs interleaved", log=[TPM.log[3], TPM.log[0], TPM.log[4], TPM.log[1], TPM.log[5], TPM.log[2], TPM.log[6]], expect={"uki_digest": TPM.uki.hex()})
quote("an event of 31 bytes in PCR 2", "replay mismatch", log=TPM.log + [(2, bytes(31))])
quote("an empty event in PCR 0", "replay mismatch", log=TPM.log + [(0, b"")])
quote("an empty event in PCR 5", log=TPM.log + [(5, b"")])
quote("events of PCR 0 only", log=TPM.log[:3], expect={"uki_digest": None})
quote("two events in PCR 2", "replay mismatch", log=TPM.log[:5])
quote("an event under 2^32-1", log=TPM.log + [(2**32 - 1, bytes(32))])
quote("an event under 256+2", log=TPM.log + [(258, bytes(32))], expect={"uki_digest": TPM.uki.hex()})
long_digest = replay([TPM.log[3][1], b"x" * 48, TPM.uki], "sha256")
odd = Tpm(GOOGLE, EVENTS, log=TPM.log[:3] + [TPM.log[3], (2, b"x" * 48), (2, TPM.uki)], pcrs={**TPM.pcrs, 2: long_digest})
quote("an event of 48 bytes that replays", tpm=odd, expect={"uki_digest": TPM.uki.hex()})

# step 6: the key
def keyed(case, key, error=None, signature=None, spki=None, **kept):
    cert = GOOGLE.ak(key, spki=spki) if spki else GOOGLE.ak(key)
    tpm = Tpm(GOOGLE, EVENTS, ak=cert)
    quote(case, error, tpm=tpm, signature=signature and signature(key, tpm.quote(DATA)["message"]), **kept)


P256 = ec_key("vtpm key", certs.ec.SECP256R1)
XY = P256.public_key().public_numbers()
UNCOMPRESSED = b"\4" + be(XY.x, 32) + be(XY.y, 32)
EC, CURVE = certs.oid("1.2.840.10045.2.1"), certs.oid("1.2.840.10045.3.1.7")


def ec_spki(parameters, point):
    return certs.sequence(certs.sequence(EC, parameters), certs.bits(point))


keyed("RSA key of 2048 bits", rsa_key("ak"))
keyed("RSA key of 3072 bits", rsa_key("ak", 3072))
keyed("RSA key of 4096 bits", rsa_key("ak", 4096))
keyed("the point by hand", P256, spki=ec_spki(CURVE, UNCOMPRESSED))
keyed("the curve parameter is not checked: secp256k1", P256, spki=ec_spki(certs.oid("1.3.132.0.10"), UNCOMPRESSED))
keyed("the curve parameter is not checked: P-384", P256, spki=ec_spki(certs.oid("1.3.132.0.34"), UNCOMPRESSED))
keyed("the curve parameter is not checked: null", P256, spki=ec_spki(certs.NULL, UNCOMPRESSED))
keyed("compressed point", P256, spki=ec_spki(CURVE, bytes([2 + (XY.y & 1)]) + be(XY.x, 32)))
keyed("compressed point, the other half", P256, "signature verification failed", spki=ec_spki(CURVE, bytes([3 - (XY.y & 1)]) + be(XY.x, 32)))
keyed("compressed point whose x is on no point", P256, "", spki=ec_spki(CURVE, b"\2" + be(5, 31) + b"\1"))
keyed("compressed point, x not reduced", P256, "", spki=ec_spki(CURVE, b"\2" + b"\xff" * 32))
keyed("hybrid point", P256, "", spki=ec_spki(CURVE, bytes([6 + (XY.y & 1)]) + UNCOMPRESSED[1:]))
keyed("point not on the curve", P256, "", spki=ec_spki(CURVE, UNCOMPRESSED[:-1] + bytes([UNCOMPRESSED[-1] ^ 1])))
keyed("point of 66 bytes", P256, "", spki=ec_spki(CURVE, UNCOMPRESSED + b"\0"))
keyed("point of 64 bytes", P256, "", spki=ec_spki(CURVE, UNCOMPRESSED[1:]))
keyed("point at infinity", P256, "", spki=ec_spki(CURVE, b"\0"))
keyed("P-384 key", ec_key("vtpm key"), "", signature=lambda k, m: vtpm.ecdsa(P256, m))
keyed("Ed25519 key", P256, "", spki=certs.sequence(certs.sequence(certs.oid("1.3.101.112")), certs.bits(bytes(32))))
keyed("key for ECDH only", P256, "", spki=certs.sequence(certs.sequence(certs.oid("1.3.132.1.12"), CURVE), certs.bits(UNCOMPRESSED)))

# step 7: the signature
MESSAGE = TPM.quote(DATA)["message"]
SIGNATURE = vtpm.ecdsa(P256, MESSAGE)
R, S = SIGNATURE[6:38], SIGNATURE[40:]
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ECDSA_HEAD = be(vtpm.ECDSA, 2) + be(SHA256, 2)
quote("hash SHA-1", "unsupported hash algorithm", message=MESSAGE, signature=vtpm.ecdsa(P256, MESSAGE, hash_id=SHA1, digest=certs.hashes.SHA1))
quote("hash SHA-384", "unsupported hash algorithm", message=MESSAGE, signature=vtpm.ecdsa(P256, MESSAGE, hash_id=SHA384, digest=certs.hashes.SHA384))
quote("hash says SHA-256, made with SHA-384", "verification failed", message=MESSAGE, signature=vtpm.ecdsa(P256, MESSAGE, digest=certs.hashes.SHA384))
quote("ECDAA", "expected ECDSA", message=MESSAGE, signature=vtpm.ecdsa(P256, MESSAGE, algorithm=0x001A))
quote("SM2", "expected ECDSA", message=MESSAGE, signature=vtpm.ecdsa(P256, MESSAGE, algorithm=0x001B))
quote("null signature", "", message=MESSAGE, signature=be(0x10, 2) + be(SHA256, 2))
for n in (0, 1, 3, 4, 5, 6, 37, 38, 39, 71):
    quote(f"signature of {n} bytes", "signature", message=MESSAGE, signature=SIGNATURE[:n])
quote("borders of r and s moved", message=MESSAGE, signature=ECDSA_HEAD + sized(R + S[:4]) + sized(S[4:]))
quote("all 64 bytes are r", message=MESSAGE, signature=ECDSA_HEAD + sized(R + S) + sized(b""))
quote("s with a zero before it", "failed to parse ECDSA signature", message=MESSAGE, signature=ECDSA_HEAD + sized(R) + sized(b"\0" + S))
quote("r and s swapped", "verification failed", message=MESSAGE, signature=ECDSA_HEAD + sized(S) + sized(R))
quote("r zero", "", message=MESSAGE, signature=ECDSA_HEAD + sized(bytes(32)) + sized(S))
quote("s zero", "", message=MESSAGE, signature=ECDSA_HEAD + sized(R) + sized(bytes(32)))
quote("s negated", message=MESSAGE, signature=ECDSA_HEAD + sized(R) + sized(be(ORDER - int.from_bytes(S, "big"), 32)))
quote("s the order", "", message=MESSAGE, signature=ECDSA_HEAD + sized(R) + sized(be(ORDER, 32)))
quote("a kilobyte behind the signature", message=MESSAGE, signature=SIGNATURE + b"\xff" * 1024)
keyed("RSA, PSS", rsa_key("ak"), "expected RSASSA", signature=lambda k, m: be(vtpm.RSAPSS, 2) + be(SHA256, 2) + sized(certs.sign(k, "pss-sha256", m)))
keyed("RSA, hash SHA-384", rsa_key("ak"), "unsupported hash", signature=lambda k, m: vtpm.rsassa(k, m, hash_id=SHA384, digest=certs.hashes.SHA384))
keyed("RSA, ECDSA of another key", rsa_key("ak"), "expected RSASSA", signature=lambda k, m: vtpm.ecdsa(P256, m))
keyed("RSA, signature with a zero before it", rsa_key("ak"), "", signature=lambda k, m: be(vtpm.RSASSA, 2) + be(SHA256, 2) + sized(b"\0" + certs.sign(k, "rsa-sha256", m)))
keyed("RSA, signature cut", rsa_key("ak"), "", signature=lambda k, m: vtpm.rsassa(k, m)[:-1])
keyed("RSA, bytes behind", rsa_key("ak"), signature=lambda k, m: vtpm.rsassa(k, m) + b"\0\0\1\0\0")
keyed("RSA, signed by another key", rsa_key("ak"), "verification failed", signature=lambda k, m: vtpm.rsassa(rsa_key("other"), m))

# 4.1: what is bound
quote("other qualifying data", "qualified_data mismatch", data=hashlib.sha256(b"another").digest())
quote("qualifying data empty", "qualified_data mismatch", data=b"")
quote("qualifying data with a byte more", "qualified_data mismatch", data=DATA + b"\0")
quote("an event more", "PCR14 mismatch", request={"runtime_events": cases.request["runtime_events"] + [{"event": "x", "payload": ""}]})
quote("no events", "PCR14 mismatch", request={"runtime_events": []})
quote("no events, and nothing measured", tpm=Tpm(GOOGLE, []), request={"runtime_events": []})

# 4.5: the chain


def chain(case, ak, error=None, http=None, **request):
    """http: what changes at the addresses; None takes one away."""
    request["http_map"] = {k: v for k, v in {**GOOGLE.http, **(http or {})}.items() if v is not None}
    cases.add("chain: " + case, as_json(Tpm(GOOGLE, EVENTS, ak=ak).quote(DATA)), error=error, **request)


AK, MIDDLE, ROOT = GOOGLE.ak(), GOOGLE.middle, GOOGLE.root
BARE = (basic(False), purposes(AIK))


def ak(*extensions, **changes):
    return GOOGLE.ak(extensions=BARE + extensions, **changes)


AIA, CRL = ca_issuers(URL + "middle.crt"), crl_points(URL + "middle.crl")
description = lambda method, location: certs.sequence(certs.oid("1.3.6.1.5.5.7.48." + method), location)
aia = lambda *parts: extension("1.3.6.1.5.5.7.1.1", certs.sequence(*parts))
OCSP, DIRECTORY = description("1", uri(URL + "ocsp")), description("2", certs.tlv(0xA4, name("x")))
GOOD = description("2", uri(URL + "middle.crt"))
chain("OCSP before the issuer", ak(aia(OCSP, GOOD), CRL))
chain("a directory name before the issuer's address", ak(aia(DIRECTORY, GOOD), CRL))
chain("only OCSP", ak(aia(OCSP), CRL), "certificate chain")
chain("only a directory name", ak(aia(DIRECTORY), CRL), "certificate chain")
chain("the first of two addresses is tried alone", ak(aia(description("2", uri(URL + "gone.crt")), GOOD), CRL), "download")
chain("two addresses, the second gone", ak(aia(GOOD, description("2", uri(URL + "gone.crt"))), CRL))
chain("critical authority information", ak(extension("1.3.6.1.5.5.7.1.1", certs.sequence(GOOD), True), CRL), "")
chain("issuer gone", AK, "download", {URL + "middle.crt": None})
chain("root gone", AK, "download", {URL + "root.crt": None})
chain("issuer empty", AK, "", {URL + "middle.crt": b""})
chain("issuer with a byte behind", AK, "", {URL + "middle.crt": MIDDLE.der + b"\0"})
chain("issuer in PEM", AK, "", {URL + "middle.crt": certs.pem(MIDDLE.der)})
chain("the root's place has another self-signed one", AK, None, {URL + "root.crt": Cert(name("stray"), rsa_key("other"), **GOOGLE.span).der})
chain("the root's place has the root with other dates", AK, None, {URL + "root.crt": ROOT.but(end=NOW - 1).der})
chain("the root's place has one of version 1", AK, None, {URL + "root.crt": ROOT.but(version=b"", extensions=()).der})
chain("the root's place has one with an unknown critical extension", AK, None,
      {URL + "root.crt": ROOT.but(extensions=(extension("1.2.3.4", b"x", True),)).der})
endless = Cert(name("endless"), rsa_key("other"), MIDDLE, **GOOGLE.span, extensions=(basic(True), ca_issuers(URL + "endless.crt")))
chain("the root's place leads on for ever", AK, "", {URL + "root.crt": endless.der, URL + "endless.crt": endless.der})
stray = Cert(name("stray"), rsa_key("other"), Cert(name("far"), rsa_key("far"), **GOOGLE.span), **GOOGLE.span, extensions=(basic(True),))
chain("the root's place has a stray that ends there", AK, None, {URL + "root.crt": stray.der})
chain("middle expired", AK, "certificate chain", {URL + "middle.crt": MIDDLE.but(end=NOW - 1).der})
chain("middle ends now", AK, None, {URL + "middle.crt": MIDDLE.but(end=NOW).der})
chain("middle starts in a second", AK, "certificate chain", {URL + "middle.crt": MIDDLE.but(start=NOW + 1).der})
chain("middle starts now", AK, None, {URL + "middle.crt": MIDDLE.but(start=NOW).der})
chain("key's certificate ends now", GOOGLE.ak(end=NOW))
chain("key's certificate ended a second ago", GOOGLE.ak(end=NOW - 1), "certificate chain")
chain("key's certificate starts now", GOOGLE.ak(start=NOW))
chain("key's certificate starts in a second", GOOGLE.ak(start=NOW + 1), "certificate chain")
chain("middle signed by a stranger", AK, "certificate chain", {URL + "middle.crt": MIDDLE.but(signer=rsa_key("other")).der})
chain("middle has another key", AK, "certificate chain", {URL + "middle.crt": MIDDLE.but(key=rsa_key("other")).der})
chain("key signed by a stranger", AK.but(signer=rsa_key("other")), "certificate chain")
chain("middle is no CA", AK, "certificate chain", {URL + "middle.crt": MIDDLE.but(extensions=(basic(False),)).der})
chain("middle without basicConstraints", AK, "certificate chain", {URL + "middle.crt": MIDDLE.but(extensions=()).der})
chain("middle without purposes", AK, None, {URL + "middle.crt": MIDDLE.but(extensions=(basic(True),)).der})
chain("middle for clients", AK, "certificate chain", {URL + "middle.crt": MIDDLE.but(extensions=(basic(True), purposes(CLIENT_AUTH))).der})
chain("middle for both", AK, None, {URL + "middle.crt": MIDDLE.but(extensions=(basic(True), purposes(CLIENT_AUTH, AIK))).der})
chain("key for endorsement", ak(AIA, CRL).but(extensions=(basic(False), purposes("2.23.133.8.3"), AIA, CRL)), "certificate chain")
chain("key for any purpose", ak().but(extensions=(basic(False), purposes("2.5.29.37.0"), AIA, CRL)), "certificate chain")
chain("key for both", ak().but(extensions=(basic(False), purposes("2.23.133.8.3", AIK), AIA, CRL)))
chain("critical TPM name in the key's certificate", ak(extension("2.5.29.17", certs.sequence(certs.tlv(0xA4, name("tpm"))), True), AIA, CRL))
chain("signed with SHA-1", GOOGLE.ak(algorithm="rsa-sha1"), "certificate chain")
for algorithm in ("rsa-sha384", "rsa-sha512", "pss-sha256", "pss-sha384", "pss-sha512"):
    chain(f"signed with {algorithm}", GOOGLE.ak(algorithm=algorithm))
edwards = MIDDLE.but(key=certs.ed_key("middle"))
chain("middle with an Ed25519 key, its list too", GOOGLE.ak(issuer=edwards), None, {URL + "middle.crt": edwards.der, URL + "middle.crl": GOOGLE.list(edwards)})
revoked = GOOGLE.ak(issuer=edwards)
chain("middle with an Ed25519 key, its list names the key", revoked, "CertRevoked", {URL + "middle.crt": edwards.der, URL + "middle.crl": GOOGLE.list(edwards, [revoked.serial])})
chain("root of the same name, other key", AK, "certificate chain", root_gcp=ROOT.but(key=rsa_key("other")).der)
chain("root expired", AK, root_gcp=ROOT.but(end=NOW - 1).der)
chain("root with name constraints", AK, "", root_gcp=ROOT.but(extensions=(basic(True), extension("2.5.29.30", certs.sequence(certs.tlv(
    0xA0, certs.sequence(certs.tlv(0x82, b"example")))), True))).der)
chain("the built-in root", AK, "certificate chain", root_gcp=None)
chain("key issued by the root", GOOGLE.ak(issuer=ROOT, extensions=BARE))
chain("key issued by the root, lists there", GOOGLE.ak(issuer=ROOT, extensions=BARE + (ca_issuers(URL + "root.crt"), crl_points(URL + "root.crl"))))

# revocation
TO = lambda **kept: {URL + "middle.crl": GOOGLE.list(MIDDLE, **kept)}
chain("key revoked", AK, "CertRevoked", TO(serials=[AK.serial]))
chain("another revoked", AK, None, TO(serials=[AK.serial[:-1] + bytes([AK.serial[-1] ^ 1])]))
chain("serial with a zero before it revoked", AK, None, TO(serials=[b"\0" + AK.serial]))
chain("middle revoked", AK, "CertRevoked", {URL + "root.crl": GOOGLE.list(ROOT, [MIDDLE.serial])})
chain("middle's serial revoked by middle", AK, None, TO(serials=[MIDDLE.serial]))
chain("second of two entries", AK, "CertRevoked", TO(serials=[b"\1", AK.serial]))
chain("list expires in a second", AK, None, TO(end=NOW + 1))
chain("list expires now", AK, "CrlExpired", TO(end=NOW))
chain("root's list expires now", AK, "CrlExpired", {URL + "root.crl": GOOGLE.list(ROOT, end=NOW)})
chain("list from the future", AK, None, TO(start=NOW + DAY, end=NOW + 2 * DAY))
chain("list without nextUpdate", AK, "certificate chain", TO(end=None))
chain("list of version 1", AK, "certificate chain", TO(version=b"", extensions=()))
chain("list of version 3", AK, "certificate chain", TO(version=certs.integer(2)))
chain("list without extensions", AK, "certificate chain", TO(extensions=()))
NUMBER = extension("2.5.29.20", certs.integer(1))
chain("list with an unknown extension", AK, None, TO(extensions=(NUMBER, extension("1.2.3", b"x"))))
chain("list with an unknown critical extension", AK, "certificate chain", TO(extensions=(NUMBER, extension("1.2.3", b"x", True))))
chain("delta list", AK, "certificate chain", TO(extensions=(NUMBER, extension("2.5.29.27", certs.integer(1), True))))
REASON = lambda n: certs.sequence(extension("2.5.29.21", certs.tlv(10, bytes([n]))))
chain("entry with a reason", AK, "CertRevoked", TO(serials=[AK.serial], entry_extensions=REASON(1)))
chain("entry with an unknown critical extension", AK, "certificate chain", TO(serials=[b"\1"], entry_extensions=certs.sequence(extension("1.2.3", b"x", True))))
chain("entry with an unknown extension", AK, None, TO(serials=[b"\1"], entry_extensions=certs.sequence(extension("1.2.3", b"x"))))
chain("entry of an indirect list", AK, "certificate chain", TO(serials=[b"\1"], entry_extensions=certs.sequence(
    extension("2.5.29.29", certs.sequence(certs.tlv(0xA4, name("x"))), True))))
chain("list signed by a stranger", AK, "certificate chain", TO(signer=rsa_key("other")))
chain("list of another issuer", AK, None, {URL + "middle.crl": GOOGLE.list(Cert(name("x"), rsa_key("other"), **GOOGLE.span))})
chain("expired list of another issuer", AK, None, {URL + "middle.crl": GOOGLE.list(Cert(name("x"), rsa_key("other"), **GOOGLE.span), end=NOW - 1)})
chain("list is no list", AK, "certificate chain", {URL + "middle.crl": b"x"})
chain("list in PEM", AK, "", {URL + "middle.crl": certs.pem(GOOGLE.list(MIDDLE), "X509 CRL")})
chain("root's list gone", AK, "failed to download CRL", {URL + "root.crl": None})
chain("first of two addresses gone", ak(AIA, crl_points(point(URL + "gone.crl"), point(URL + "middle.crl"))))
chain("first of two names gone", ak(AIA, crl_points(point(URL + "gone.crl", URL + "middle.crl"))))
chain("both addresses gone", ak(AIA, crl_points(URL + "gone.crl", URL + "gone too.crl")), "download")
chain("first of two works, the second would tell", ak(AIA, crl_points(URL + "other.crl", URL + "middle.crl"), serial=b"\5\5"), None,
      {URL + "other.crl": GOOGLE.list(MIDDLE), URL + "middle.crl": GOOGLE.list(MIDDLE, [b"\5\5"])})
chain("points without addresses", ak(AIA, crl_points(certs.sequence(certs.tlv(0xA0, certs.tlv(0xA0, certs.tlv(0xA4, name("x"))))))))
chain("middle without keyUsage cRLSign", AK, "certificate chain", {URL + "middle.crt": MIDDLE.but(extensions=(
    basic(True), key_usage(5), ca_issuers(URL + "root.crt"), crl_points(URL + "root.crl"))).der})
chain("middle without keyUsage cRLSign, list of another issuer", AK, None, {URL + "middle.crt": MIDDLE.but(extensions=(
    basic(True), key_usage(5), ca_issuers(URL + "root.crt"), crl_points(URL + "root.crl"))).der,
    URL + "middle.crl": GOOGLE.list(Cert(name("x"), rsa_key("other"), **GOOGLE.span))})
no_signs = ROOT.but(extensions=(basic(True), key_usage(5)))
chain("root without keyUsage cRLSign", AK, root_gcp=no_signs.der)


def idp(*parts):
    return (NUMBER, extension("2.5.29.28", certs.sequence(*parts), True))


def names(*uris):
    return certs.tlv(0xA0, certs.tlv(0xA0, b"".join(map(uri, uris))))


USER, CA, INDIRECT, ATTRIBUTE, REASONS = (certs.tlv(t, v) for t, v in ((0x81, b"\xff"), (0x82, b"\xff"), (0x84, b"\xff"), (0x85, b"\xff"), (0x83, b"\1\2")))
SERIAL = dict(serial=b"\5\5")


def scoped(case, error, *parts, points=CRL):
    chain("list's scope: " + case, ak(AIA, points, **SERIAL), error, TO(serials=[b"\5\5"], extensions=idp(*parts)))


scoped("the same address", "CertRevoked", names(URL + "middle.crl"))
scoped("one of two names", "CertRevoked", names(URL + "x.crl", URL + "middle.crl"))
scoped("another address", None, names(URL + "x.crl"))
scoped("users only", "CertRevoked", names(URL + "middle.crl"), USER)
scoped("CAs only", None, names(URL + "middle.crl"), CA)
scoped("no address", "certificate chain")
scoped("attribute certificates only", "certificate chain", names(URL + "middle.crl"), ATTRIBUTE)
scoped("indirect", "certificate chain", names(URL + "middle.crl"), INDIRECT)
scoped("some reasons only", "certificate chain", names(URL + "middle.crl"), REASONS)
scoped("the certificate's second point", "CertRevoked", names(URL + "middle.crl"), points=crl_points(URL + "x.crl", URL + "middle.crl"))
scoped("the certificate's point has reasons", None, names(URL + "middle.crl"), points=crl_points(point(URL + "middle.crl", reasons=b"\1\2")))
scoped("the certificate's point has an issuer", None, names(URL + "middle.crl"), points=crl_points(point(URL + "middle.crl", issuer=name("x"))))
chain("list's scope: CAs only, for the middle", AK, "CertRevoked", {URL + "root.crl": GOOGLE.list(ROOT, [MIDDLE.serial], extensions=idp(names(URL + "root.crl"), CA))})
chain("list's scope: users only, for the middle", AK, None, {URL + "root.crl": GOOGLE.list(ROOT, [MIDDLE.serial], extensions=idp(names(URL + "root.crl"), USER))})
chain("lists nowhere", ak(AIA), None, {URL + "middle.crt": MIDDLE.but(extensions=(basic(True),)).der})

# the root's own list
LISTED = ROOT.but(extensions=(basic(True), crl_points(URL + "self.crl")))
own = lambda **kept: dict(root_gcp=LISTED.der, http={URL + "self.crl": GOOGLE.list(LISTED, **kept)})
chain("root's own list", AK, **own())
chain("root's own list gone", AK, "download", root_gcp=LISTED.der)
chain("root's own list names it", AK, "", **own(serials=[LISTED.serial]))
chain("root's own list expires now", AK, "", **own(end=NOW))
chain("root's own list signed by a stranger", AK, "", **own(signer=rsa_key("other")))

test_case = cases.test()

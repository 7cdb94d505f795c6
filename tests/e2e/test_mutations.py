"""The mutation matrix: every field of a good container changed, cut, stretched or reordered; each is refused, and for the right reason.

A field that nothing signs and nothing compares is listed as such: changing it must not matter, or the list is wrong (it may still make the whole undecodable).
MUTATE_ALL=1 changes every byte; otherwise long fields are sampled.
"""
import json
import os
import re

import pytest

from test_vectors import all_requests

from tests.evidence.batch import TOP, answers as ask

EXTRA = "attestation-extra/"
CASES = {c[0]: c[1] for c in all_requests()}


class Walk:
    """Takes SCALE apart and remembers which byte belongs to which field."""

    def __init__(self, data):
        self.data, self.at, self.fields = data, 0, []

    def raw(self, n, name):
        if name:
            self.fields.append((name, self.at, self.at + n))
        self.at += n
        return self.data[self.at - n:self.at]

    def compact(self):
        first = self.data[self.at]
        n = {0: 1, 1: 2, 2: 4}[first & 3]
        return int.from_bytes(self.raw(n, "length"), "little") >> 2

    def bytes(self, name):
        return self.raw(self.compact(), name)

    def u32(self, name):
        return int.from_bytes(self.raw(4, name), "little")


def quote_fields(w, start, quote):
    """Finer names inside a TDX version 4 quote."""
    w.fields = [f for f in w.fields if not (f[0] == "quote" and f[1] == start)]
    auth = 632
    size = int.from_bytes(quote[auth:auth + 4], "little")
    at = auth + 4
    parts = [("td_quote_signed", 0, auth), ("auth_length", auth, at), ("quote_signature", at, at + 64), ("attestation_key", at + 64, at + 128),
             ("outer_cert_type", at + 128, at + 130), ("inner_length", at + 130, at + 134), ("qe_report", at + 134, at + 134 + 384),
             ("qe_signature", at + 518, at + 582), ("qe_auth_length", at + 582, at + 584)]
    n = int.from_bytes(quote[at + 582:at + 584], "little")
    parts += [("qe_auth_data", at + 584, at + 584 + n), ("cert_type", at + 584 + n, at + 586 + n), ("cert_length", at + 586 + n, at + 590 + n)]
    chain = at + 590 + n
    text = quote[chain:at + size]
    blocks = list(re.finditer(rb"-----BEGIN CERTIFICATE-----\n(.*?)\n-----END", text, re.S))
    for i, b in enumerate(blocks[:2]):
        # the last line may hold padding bits that say nothing
        body = text[b.start(1):b.end(1)]
        last = body.rfind(b"\n") if b"\n" in body else len(body)
        parts.append(("pck_certificate" if i == 0 else "pck_issuer", chain + b.start(1), chain + b.start(1) + last))
    parts.append(("quote_padding", at + size, len(quote)))
    w.fields += [(n_, start + a, start + b) for n_, a, b in parts if b > a]


def fields_of(data):
    w = Walk(data)
    w.raw(1, "version_index")
    variant = w.raw(1, "variant")[0]
    n = w.compact()
    start = w.at
    body = w.raw(n, "quote" if variant < 2 else "document" if variant in (2, 4) else "report")
    if variant < 2:
        for _ in range(w.compact()):
            w.raw(8, "tdx_event")
            w.bytes("tdx_event")
            w.bytes("tdx_event")
            w.bytes("tdx_event")
    if variant == 1:
        w.bytes("tpm_message")
        signature = w.at
        w.bytes("tpm_signature")
        # what follows the TPMT_SIGNATURE is the rest of a TPM response, not looked at (4.3)
        size = 2 + 2 + 2 + 256 if data[signature + 2:signature + 4] == b"\0\x14" else 4 + 34 + 34
        w.fields = [(n, a, min(b, a + size)) if n == "tpm_signature" else (n, a, b) for n, a, b in w.fields]
        for _ in range(w.compact()):
            w.u32("pcr_index")
            w.bytes("pcr_algorithm")
            w.bytes("pcr_value")
        w.bytes("ak_cert")
        w.raw(1, "tpm_platform")
        for _ in range(w.compact()):
            index = int.from_bytes(data[w.at:w.at + 4], "little")
            w.raw(4, "boot_event_index" if index in (0, 2) else None)
            w.bytes("boot_event" if index in (0, 2) else "boot_event_unquoted")
    if variant == 3:
        for i in range(w.compact()):
            w.bytes("snp_cert")
        w.bytes("mr_config")
    for _ in range(w.compact()):
        w.bytes("event_name")
        w.bytes("event_payload")
    w.raw(64, "report_data")
    w.bytes("config")
    assert w.at == len(data)
    if variant < 2:
        quote_fields(w, start, body)
    return sorted(w.fields, key=lambda f: f[1])


# What a change of each field may be refused with; None: nothing looks at it, and it must pass.
REASONS = {
    "version_index": ["Unknown attestation wire format", "decode"],
    "variant": ["decode", "CBOR", "Failed", "report", "quote"],
    "length": ["decode", "Failed", "mismatch", "Trailing", "CBOR", "signature", "certificate", "quote", "parse", "invalid", "PCR", "hash"],
    "td_quote_signed": ["signature is invalid", "Failed to decode quote", "Unsupported", "version", "TEE", "key type", "vendor"],
    "auth_length": ["decode", "Failed", "qualified_data mismatch"],
    "quote_signature": ["report signature is invalid"],
    "attestation_key": ["QE report hash mismatch", "report signature is invalid"],
    "outer_cert_type": {"tdx": None, "gcp": ["qualified_data mismatch"]},
    "inner_length": ["decode", "Failed"],
    "qe_report": ["Signature is invalid for qe_report"],
    "qe_signature": ["Signature is invalid for qe_report"],
    "qe_auth_length": ["decode", "Failed", "auth", "certificat", "QE"],
    "qe_auth_data": ["QE report hash mismatch"],
    "cert_type": ["Unsupported", "certificat", "type"],
    "cert_length": ["decode", "Failed", "chain", "certificat", "PEM", "qualified_data mismatch"],
    "pck_certificate": ["certificat", "chain", "PCK", "PEM", "Issuer", "qe_report", "Revo", "DER", "extension", "FMSPC", "TCB"],
    "pck_issuer": ["certificat", "chain", "PCK", "PEM", "Issuer", "CRL", "DER"],
    "quote_padding": {"tdx": None, "gcp": ["qualified_data mismatch"]},
    "tdx_event": None,
    "tpm_message": ["magic", "type", "parse error", "selection mismatch", "bank", "digest mismatch", "signature verification failed"],
    "tpm_signature": ["hash algorithm", "expected", "parse ECDSA", "verification failed", "too short"],
    "pcr_index": ["selection mismatch"],
    "pcr_algorithm": None,
    "pcr_value": ["digest mismatch"],
    "ak_cert": ["AK certificate", "certificate", "neither RSA", "expected", "verification failed", "CRL", "download"],
    "tpm_platform": None,
    "boot_event_index": ["replay mismatch"],
    "boot_event": ["replay mismatch"],
    "boot_event_unquoted": None,
    "event_name": {"nitro": None, "snp": None, "*": ["RTMR3 mismatch", "PCR14 mismatch", "decode"]},
    "event_payload": {"nitro": None, "snp": None, "*": ["RTMR3 mismatch", "PCR14 mismatch"]},
    "report_data": ["report_data"],
    "config": {"tdx": None, "*": ["vm config", "os image hash", "decode"]},
    "document": ["COSE", "CBOR", "NSM", "PCR", "digest", "signature", "user_data", "Unsupported", "certificate"],
    "report": ["SEV-SNP", "signature", "report", "version", "policy", "TCB", "chip"],
    "snp_cert": ["SEV-SNP", "certificate", "signature", "ASK", "VCEK", "chain"],
    "mr_config": ["mr_config", "HOST_DATA", "JSON", "decode"],
}

MASTERS = {
    "tdx": EXTRA + "tdx/valid.v0.bin",
    "gcp": EXTRA + "gcp-container/aug_valid.v0.bin",
    "gcp-rsa": "attestation/gcp-container-synthetic/valid_rsa_ak.v0.bin",
    "nitro": EXTRA + "nitro/valid.v0.bin",
    "nitrotpm": EXTRA + "nitrotpm/valid.v0.bin",
    "snp": EXTRA + "snp/valid.v0.bin",
}

def reason_for(kind, field):
    r = REASONS[field]
    if isinstance(r, dict):
        base = kind.split("-")[0]
        r = r[base] if base in r else r.get("*")
    return r


def positions(start, end):
    if os.environ.get("MUTATE_ALL") or end - start <= 48:
        return range(start, end)
    step = max(1, (end - start) // 48)
    return list(range(start, start + 16)) + list(range(start + 16, end - 8, step)) + list(range(end - 8, end))


def send(kind, request, mutants, tmp_path):
    """Answers to (label, bytes)."""
    requests = []
    for i, (_, data) in enumerate(mutants):
        p = tmp_path / ("%s-%d" % (kind, i))
        p.write_bytes(data)
        requests.append(dict(request, file=str(p), id=i))
    return ask(requests)


def failed_ones(kind, mutants, answers):
    wrong = []
    for (label, _), a in zip(mutants, answers):
        want = reason_for(kind, label[0])
        if want is None:
            if a["result"] != "accept" and a.get("stage") not in ("decode", "app-info"):
                wrong.append("%s: nothing looks at it, but: %s" % (label, a.get("error")))
        elif a["result"] != "reject":
            wrong.append("%s: accepted" % (label,))
        elif not any(w.lower() in a["error"].lower() for w in want):
            wrong.append("%s: refused for %r" % (label, a["error"]))
    return wrong


# The RSA key differs from the other only here, and its log is long.
ONLY = {"gcp-rsa": ("tpm_signature", "tpm_message", "ak_cert")}


def says_nothing(kind, name, offset, bit):
    # r and s take 144 of the signature's 512 bytes; the rest is reserved and unsigned
    if kind == "snp" and name == "report" and offset >= 0x2A0 + 144:
        return True
    # the unprotected header, an empty map, becomes an integer; what is no map counts as empty (5.2)
    return name == "document" and offset == 6 and bit == 0x80


@pytest.mark.parametrize("kind", MASTERS)
def test_every_flipped_field_is_refused_for_its_reason(kind, tmp_path):
    request = CASES[MASTERS[kind]]
    data = open(os.path.join(TOP, request["file"]), "rb").read()
    mutants = []
    for name, start, end in fields_of(data):
        if name not in ONLY.get(kind, (name,)):
            continue
        for at in positions(start, end):
            for bit in (0x01, 0x80) if os.environ.get("MUTATE_ALL") or end - start <= 48 else (0x01 if at & 1 else 0x80,):
                if says_nothing(kind, name, at - start, bit):
                    continue
                m = bytearray(data)
                m[at] ^= bit
                mutants.append(((name, at - start, hex(bit)), bytes(m)))
    wrong = failed_ones(kind, mutants, send(kind, request, mutants, tmp_path))
    assert not wrong, "%d of %d\n%s" % (len(wrong), len(mutants), "\n".join(map(str, wrong[:40])))


@pytest.mark.parametrize("kind", MASTERS)
def test_no_prefix_and_no_extension_decodes(kind, tmp_path):
    request = CASES[MASTERS[kind]]
    data = open(os.path.join(TOP, request["file"]), "rb").read()
    ends = sorted({f[1] for f in fields_of(data)} | {f[2] for f in fields_of(data)} | set(range(0, len(data), 97)))
    mutants = [(n, data[:n]) for n in ends if n < len(data)] + [("plus one", data + b"\0"), ("twice", data + data)]
    answers = send(kind, request, mutants, tmp_path)
    bad = [(m[0], a) for m, a in zip(mutants, answers) if a["result"] != "reject" or a["stage"] != "decode"]
    assert not bad, str(bad[:3])


@pytest.mark.parametrize("kind", ["tdx", "gcp", "nitrotpm"])
def test_reordered_or_missing_runtime_events_are_refused(kind, tmp_path):
    request = CASES[MASTERS[kind]]
    data = open(os.path.join(TOP, request["file"]), "rb").read()
    fields = fields_of(data)
    names = [f for f in fields if f[0] == "event_name"]
    payloads = [f for f in fields if f[0] == "event_payload"]
    # one byte of length before each field: all of them are short
    spans = [(n[1] - 1, p[2]) for n, p in zip(names, payloads)]
    mutants = []
    for i in range(len(spans) - 1):
        a, b, c = spans[i][0], spans[i + 1][0], spans[i + 1][1]
        mutants.append(("swap %d" % i, data[:a] + data[b:c] + data[a:b] + data[c:]))
    answers = send(kind, request, mutants, tmp_path)
    bad = [(m[0], a.get("error"), a["result"]) for m, a in zip(mutants, answers)
           if a["result"] != "reject" or "mismatch" not in a["error"]]
    assert not bad, str(bad)


COLLATERAL = ["root_ca_crl", "pck_crl", "tcb_info_issuer_chain", "tcb_info", "tcb_info_signature", "qe_identity_issuer_chain", "qe_identity",
              "qe_identity_signature"]


@pytest.mark.parametrize("member", COLLATERAL)
def test_changed_collateral_is_refused(member, tmp_path):
    request = CASES[MASTERS["tdx"]]
    whole = json.load(open(os.path.join(TOP, request["collateral"])))
    text = whole[member]
    requests = []
    end = len(text)
    if member.endswith("chain"):
        # the signer's certificate; what follows it is the root, which is built in
        end = text.index("-----END")
    for n, at in enumerate(positions(0, end)):
        if text[at] in "-\n" or (member.endswith("chain") and (at < 30 or at > end - 80)):
            continue
        other = "0" if text[at] != "0" else "1"
        p = tmp_path / ("c%d" % n)
        p.write_text(json.dumps(dict(whole, **{member: text[:at] + other + text[at + 1:]})))
        requests.append(dict(request, collateral=str(p), id=at))
    bad = [(r["id"], a) for r, a in zip(requests, ask(requests)) if a["result"] != "reject"]
    assert not bad, str([b[0] for b in bad])

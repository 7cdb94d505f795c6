"""Attestation containers around any evidence: V0 (SCALE) and V1 (MessagePack)."""

import msgpack

from tests.dev.guest import compact, text, u32, vec

KINDS = {"tdx": 0, "gcp-tdx": 1, "nitro-enclave": 2, "sev-snp": 3, "aws-nitro-tpm": 4}
TPM_PLATFORMS = ("dstack", "gcp", "nitroenclave", "aws-ec2")


def v0(kind, evidence, events, report_data, config):
    """kind: one of KINDS, or another number; evidence: the encoded fields of that variant; events: (name, payload)."""
    listed = compact(len(events)) + b"".join(text(e) + vec(p) for e, p in events)
    return bytes([0, KINDS.get(kind, kind)]) + evidence + listed + report_data + text(config)


def v1(kind, data, events, report_data, config):
    """data: the members of platform.data, byte vectors as lists."""
    stack = {"report_data": list(report_data), "runtime_events": [{"event": e, "payload": p} for e, p in events], "config": config}
    return msgpack.packb({"version": 1, "platform": {"kind": kind, "data": data}, "stack": {"kind": "dstack", "data": stack}})


def tdx_log(log):
    """log: (imr, type, digest, name, payload)."""
    return compact(len(log)) + b"".join(u32(i) + u32(t) + vec(d) + text(n) + vec(p) for i, t, d, n, p in log)


def tpm_quote(q):
    """q: message, signature, pcr_values [(index, algorithm, value)], ak_cert, platform (number), event_log [(pcr, digest)]."""
    return (vec(q["message"]) + vec(q["signature"]) + compact(len(q["pcr_values"]))
            + b"".join(u32(i) + text(a) + vec(v) for i, a, v in q["pcr_values"]) + vec(q["ak_cert"]) + bytes([q["platform"]])
            + compact(len(q["event_log"])) + b"".join(u32(p) + vec(d) for p, d in q["event_log"]))


def tpm_members(q):
    return {"message": q["message"], "signature": q["signature"],
            "pcr_values": [{"index": i, "algorithm": a, "value": v} for i, a, v in q["pcr_values"]], "ak_cert": q["ak_cert"],
            "platform": TPM_PLATFORMS[q["platform"]], "event_log": [{"pcr_index": p, "digest": d} for p, d in q["event_log"]]}


def gcp(version, quote, log, tpm, events, report_data, config):
    if version == 0:
        return v0("gcp-tdx", vec(quote) + tdx_log(log) + tpm_quote(tpm), events, report_data, config)
    members = [{"imr": i, "event_type": t, "digest": d, "event": n, "event_payload": p} for i, t, d, n, p in log]
    return v1("gcp-tdx", {"quote": list(quote), "event_log": members, "tpm_quote": tpm_members(tpm)}, events, report_data, config)


def nsm(version, kind, document, events, report_data, config):
    """kind: nitro-enclave or aws-nitro-tpm."""
    if version == 0:
        return v0(kind, vec(document), events, report_data, config)
    member = "nsm_quote" if kind == "nitro-enclave" else "attestation_doc"
    return v1(kind, {member: list(document)}, events, report_data, config)


def snp(version, report, certs, mr_config, events, report_data, config):
    if version == 0:
        return v0("sev-snp", vec(report) + compact(len(certs)) + b"".join(map(vec, certs)) + text(mr_config), events, report_data, config)
    return v1("sev-snp", {"report": list(report), "cert_chain": [list(c) for c in certs], "mr_config": mr_config}, events, report_data, config)

"""A DCAP platform of our own: quote and collateral out of one table of parts, each of which a case may replace."""

import hashlib
import json
import time

from tests.dev import certs, der
from tests.dev.quote import QE_VENDOR, point, sign_raw

NOW = 1790000000
DAY = 86400
FMSPC = bytes.fromhex("10a06f000000")
PPID = hashlib.sha256(b"platform").digest()[:16]
QE_SIGNER = hashlib.sha256(b"quoting enclave").digest()
SGX = "1.2.840.113741.1.13.1"
ROOT_CRL_URI, PCK_CRL_URI = "https://pki.test/root.crl", "https://pki.test/pck.crl"


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def le(n, size):
    return n.to_bytes(size, "little")


def member(arc, value):
    return der.sequence(der.oid(f"{SGX}.{arc}"), value)


def sgx_members(cpu_svn=bytes([8] * 16), pce_svn=13):
    tcb = [member(f"2.{i + 1}", der.integer(cpu_svn[i])) for i in range(16)]
    tcb += [member("2.17", der.integer(pce_svn)), member("2.18", der.octets(cpu_svn))]
    return {"ppid": member(1, der.octets(PPID)), "tcb": tcb, "pce_id": member(3, der.octets(b"\0\0")), "fmspc": member(4, der.octets(FMSPC)),
            "type": member(5, der.tlv(10, b"\1")), "platform": member(6, der.octets(bytes(16))),
            "configuration": member(7, der.sequence(member("7.1", der.tlv(1, b"\xff"))))}


def sgx_value(m):
    parts = [member(2, der.sequence(*v)) if k == "tcb" else v for k, v in m.items()]
    return der.sequence(*parts)


def components(*svn):
    svn = list(svn) if len(svn) > 1 else [svn[0]] * 16
    return [{"svn": s} for s in svn]


def level(sgx, pce_svn, tdx=None, status="UpToDate", advisories=None):
    tcb = {"sgxtcbcomponents": sgx, "pcesvn": pce_svn}
    if tdx is not None:
        tcb["tdxtcbcomponents"] = tdx
    out = {"tcb": tcb, "tcbDate": "2025-01-01T00:00:00Z", "tcbStatus": status}
    return dict(out, advisoryIDs=advisories) if advisories is not None else out


def svn_level(isv_svn, status="UpToDate", advisories=None):
    out = {"tcb": {"isvsvn": isv_svn}, "tcbDate": "2025-01-01T00:00:00Z", "tcbStatus": status}
    return dict(out, advisoryIDs=advisories) if advisories is not None else out


ROOT, CA, PCK, SIGNER = (certs.name(n) for n in ("Test SGX Root", "Test PCK Platform CA", "Test PCK", "Test TCB Signing"))


class Platform:
    """Attributes are the parts. certs: keyword arguments of certs.certificate by role, with not_before and not_after for validity; crls: of certs.crl. build() makes (quote, collateral)."""

    def __init__(self, tdx=True):
        k = {n: certs.ec_key(n, certs.P256) for n in ("root", "ca", "pck", "signer")}
        window = {"not_before": der.utc(NOW - DAY), "not_after": der.utc(NOW + 30 * DAY)}
        ca_usage, root_point = certs.key_usage(5, 6), certs.crl_points(certs.point(ROOT_CRL_URI))
        self.keys = k
        self.certs = {
            "root": dict(window, subject=ROOT, issuer=ROOT, key=k["root"], signer=k["root"], serial=der.integer(0x7101),
                         extensions=[certs.basic(True, 1), ca_usage, root_point]),
            "ca": dict(window, subject=CA, issuer=ROOT, key=k["ca"], signer=k["root"], serial=der.integer(0x7102),
                       extensions=[certs.basic(True, 0), ca_usage, root_point]),
            "pck": dict(window, subject=PCK, issuer=CA, key=k["pck"], signer=k["ca"], serial=der.integer(0x7103),
                        extensions=[certs.basic(False), certs.key_usage(0, 1), certs.crl_points(certs.point(PCK_CRL_URI))]),
            "signer": dict(window, subject=SIGNER, issuer=ROOT, key=k["signer"], signer=k["root"], serial=der.integer(0x7104),
                           extensions=[certs.basic(False), certs.key_usage(0, 1), root_point]),
        }
        self.sgx = sgx_members()
        self.sgx_ext = lambda value: [certs.extension(SGX, value)]
        dates = {"this_update": der.utc(NOW - DAY), "next_update": der.utc(NOW + 30 * DAY)}
        self.crls = {"root": dict(dates, issuer=ROOT, signer=k["root"]), "pck": dict(dates, issuer=CA, signer=k["ca"])}
        self.tcb = {
            "id": "TDX" if tdx else "SGX", "version": 3, "issueDate": stamp(NOW - DAY), "nextUpdate": stamp(NOW + 30 * DAY),
            "fmspc": FMSPC.hex().upper(), "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 20,
            "tcbLevels": [level(components(8), 13, components(4) if tdx else None),
                          level(components(5), 5, components(2) if tdx else None, "OutOfDate", ["INTEL-SA-00001"])],
        }
        if tdx:
            self.tcb["tdxModule"] = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
            self.tcb["tdxModuleIdentities"] = [
                {"id": "TDX_04", "mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8, "tcbLevels": [svn_level(4)]}]
        self.qe_id = {
            "id": "TD_QE" if tdx else "QE", "version": 2, "issueDate": stamp(NOW - DAY), "nextUpdate": stamp(NOW + 30 * DAY),
            "tcbEvaluationDataNumber": 20, "miscselect": "00000000", "miscselectMask": "FFFFFFFF", "attributes": "11" + "00" * 15,
            "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000", "mrsigner": QE_SIGNER.hex().upper(), "isvprodid": 2,
            "tcbLevels": [svn_level(8), svn_level(4, "OutOfDate", ["INTEL-SA-00002"])],
        }
        self.tcb_text = self.qe_text = None  # instead of what the dictionaries say
        self.tcb_chain, self.qe_chain, self.pck_chain = ["signer", "root"], ["signer", "root"], ["pck", "ca", "root"]
        self.collateral = lambda c: c
        self.raw = lambda text: text  # the JSON form of the collateral

        self.version, self.key_type, self.tee = (4, 2, 0x81) if tdx else (3, 2, 0)
        self.header_svns, self.vendor, self.user_data = bytes(4), QE_VENDOR, bytes(20)
        self.body_type, self.body_size = 2, None
        self.td = {
            "tee_tcb_svn": bytes([4] * 16), "mr_seam": bytes([0x11] * 48), "mr_signer_seam": bytes(48), "seam_attributes": bytes(8),
            "td_attributes": bytes.fromhex("0000001000000000"), "xfam": bytes.fromhex("e702060000000000"), "mr_td": bytes([0x22] * 48),
            "mr_config_id": bytes(48), "mr_owner": bytes(48), "mr_owner_config": bytes(48), "rtmr0": bytes([0x30] * 48),
            "rtmr1": bytes([0x31] * 48), "rtmr2": bytes([0x32] * 48), "rtmr3": bytes(48), "report_data": bytes(range(64)),
            "tee_tcb_svn2": bytes(16), "mr_service_td": bytes(48),
        }
        self.enclave = self.enclave_report(attributes=bytes([5]) + bytes(15), report_data=bytes(range(64)))
        self.qe = dict(attributes=bytes([0x11]) + bytes(15), mr_signer=QE_SIGNER, isv_prod_id=2, isv_svn=8)
        self.attestation_key = certs.ec_key("attestation", certs.P256)
        self.auth_data, self.bound = bytes(range(32)), None
        self.outer_type, self.cert_type, self.cert_data = 6, 5, None
        self.inner_tail = self.auth_tail = self.tail = b""

    @staticmethod
    def enclave_report(*, cpu_svn=bytes(16), misc_select=0, attributes=bytes(16), mr_enclave=bytes(32), mr_signer=bytes(32), isv_prod_id=0,
                       isv_svn=0, report_data=bytes(64)):
        return (cpu_svn + le(misc_select, 4) + bytes(28) + attributes + mr_enclave + bytes(32) + mr_signer + bytes(96) + le(isv_prod_id, 2) +
                le(isv_svn, 2) + bytes(60) + report_data)

    def cert(self, role):
        if isinstance(role, bytes):
            return role
        args = dict(self.certs[role])
        if role == "pck":
            args["extensions"] = list(args["extensions"]) + self.sgx_ext(sgx_value(self.sgx))
        args["validity"] = der.sequence(args.pop("not_before"), args.pop("not_after"))
        return certs.certificate(**args)

    def chain(self, roles):
        return roles if isinstance(roles, str) else b"".join(certs.pem(self.cert(r)) for r in roles).decode()

    def body(self):
        if self.tee == 0 and self.version < 5 or self.version == 5 and self.body_type == 1:
            return self.enclave
        fields = list(self.td.values())
        return b"".join(fields if self.version == 5 and self.body_type == 3 else fields[:-2])

    def quote(self):
        signed = le(self.version, 2) + le(self.key_type, 2) + le(self.tee, 4) + self.header_svns + self.vendor + self.user_data
        body = self.body()
        if self.version == 5:
            signed += le(self.body_type, 2) + le(len(body) if self.body_size is None else self.body_size, 4)
        signed += body
        attestation_key = point(self.attestation_key)
        bound = self.bound if self.bound is not None else hashlib.sha256(attestation_key + self.auth_data).digest() + bytes(32)
        report = self.enclave_report(report_data=bound, **self.qe)
        certification = self.cert_data if self.cert_data is not None else self.chain(self.pck_chain).encode()
        inner = report + sign_raw(self.keys["pck"], report) + le(len(self.auth_data), 2) + self.auth_data
        inner += le(self.cert_type, 2) + le(len(certification), 4) + certification + self.inner_tail
        auth = sign_raw(self.attestation_key, signed) + attestation_key
        auth += inner if self.version == 3 else le(self.outer_type, 2) + le(len(inner), 4) + inner
        auth += self.auth_tail
        return signed + le(len(auth), 4) + auth + self.tail

    def build(self):
        compact = lambda v: json.dumps(v, separators=(",", ":"))
        tcb = compact(self.tcb) if self.tcb_text is None else self.tcb_text
        qe = compact(self.qe_id) if self.qe_text is None else self.qe_text
        signature = lambda text: sign_raw(self.keys["signer"], text.encode("utf-8", "surrogatepass")).hex()
        out = {
            "pck_crl_issuer_chain": self.chain(["ca", "root"]), "root_ca_crl": self.crl("root").hex(), "pck_crl": self.crl("pck").hex(),
            "tcb_info_issuer_chain": self.chain(self.tcb_chain), "tcb_info": tcb, "tcb_info_signature": signature(tcb),
            "qe_identity_issuer_chain": self.chain(self.qe_chain), "qe_identity": qe, "qe_identity_signature": signature(qe),
        }
        return self.quote(), self.raw(json.dumps(self.collateral(out)))

    def crl(self, which):
        args = self.crls[which]
        return args if isinstance(args, bytes) else certs.crl(**args)

    def root(self):
        return self.cert("root")

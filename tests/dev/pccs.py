"""A PCCS stand-in on loopback: collateral for the dev platform, signed when it starts; and the AK hierarchy's AIA and CRL objects."""

import http.server
import json
import threading
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.dev import pki, quote


def crl(issuer, key, days=30):
    builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(pki.now() - pki.DAY)
               .next_update(pki.now() + days * pki.DAY).add_extension(x509.CRLNumber(1), critical=False))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def tcb_info(status="UpToDate", issued=None, until=None):
    components = [{"svn": 0}] * 16
    return {
        "id": "TDX", "version": 3, "issueDate": stamp(issued or pki.now() - pki.DAY), "nextUpdate": stamp(until or pki.now() + 30 * pki.DAY),
        "fmspc": pki.FMSPC.hex().upper(), "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 17,
        "tdxModule": {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8},
        "tcbLevels": [{"tcb": {"sgxtcbcomponents": components, "pcesvn": 0, "tdxtcbcomponents": components},
                       "tcbDate": "2026-01-01T00:00:00Z", "tcbStatus": status}],
    }


def qe_identity():
    return {
        "id": "TD_QE", "version": 2, "issueDate": stamp(pki.now() - pki.DAY), "nextUpdate": stamp(pki.now() + 30 * pki.DAY),
        "tcbEvaluationDataNumber": 17, "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000", "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": quote.QE_SIGNER.hex().upper(), "isvprodid": 2,
        "tcbLevels": [{"tcb": {"isvsvn": quote.QE_SVN}, "tcbDate": "2026-01-01T00:00:00Z", "tcbStatus": "UpToDate"}],
    }


class Pccs:
    """serve() starts it; .requests counts by path; .down = True answers 503 to everything (an outage)."""

    def __init__(self, authority, port=0, status="UpToDate"):
        self.pki, self.down, self.requests = authority, False, {}
        root_key, root = authority.sgx_root
        tcb_chain = urllib.parse.quote(pki.pem(authority.tcb[1], root).decode())
        ca_chain = urllib.parse.quote(pki.pem(authority.pck_ca[1], root).decode())
        root_crl = crl(root.subject, root_key)
        signed = lambda member, text: (f'{{"{member}":{text},"signature":"'.encode() + quote.sign_raw(authority.tcb[0], text.encode()).hex().encode() + b'"}')
        compact = lambda value: json.dumps(value, separators=(",", ":"))
        pck_crl = crl(authority.pck_ca[1].subject, authority.pck_ca[0])
        self.objects = {
            "/sgx/certification/v4/pckcrl": (pck_crl, {"SGX-PCK-CRL-Issuer-Chain": ca_chain}),
            "/tdx/certification/v4/tcb": (signed("tcbInfo", compact(tcb_info(status))), {"TCB-Info-Issuer-Chain": tcb_chain}),
            "/tdx/certification/v4/qe/identity": (signed("enclaveIdentity", compact(qe_identity())), {"SGX-Enclave-Identity-Issuer-Chain": tcb_chain}),
            "/sgx/certification/v4/rootcacrl": (root_crl.hex().encode(), {}),
            "/root.crl": (root_crl, {}),
            "/pck.crl": (pck_crl, {}),
            "/ak_ca.der": (pki.der(authority.ak_ca[1]), {}),
            "/ak_ca.crl": (crl(authority.ak_ca[1].subject, authority.ak_ca[0]), {}),
        }
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.split("?")[0]
                outer.requests[path] = outer.requests.get(path, 0) + 1
                body, headers = outer.objects.get(path, (b"not found", {}))
                self.send_response(503 if outer.down else 200 if path in outer.objects else 404)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

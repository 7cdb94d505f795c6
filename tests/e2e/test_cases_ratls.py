"""RA-TLS certificates of every platform (1.6, 8; protocol 6.4, 6.5): whose key the evidence is bound to, and how it is carried."""
from tests.dev import certs, container, nitro, snp, vtpm
from tests.dev.certs import Cert, ec_key, extension, name, octets
from tests.dev.guest import launch_events, report_data
from tests.evidence.cases import NOW, Cases, dumps
from tests.evidence.identity import SHA256, measured

OID = "1.3.6.1.4.1.62397.1."
GOOGLE, TDX, AWS, AMD = vtpm.Authority(NOW), vtpm.Platform(NOW), nitro.Authority(NOW), snp.Authority(NOW)
EVENTS = launch_events(b"{}", instance_id=bytes(20))
KEY = ec_key("ra-tls", certs.ec.SECP256R1)
BOUND = report_data("ratls-cert", certs.spki(KEY))
TPM = vtpm.Tpm(GOOGLE, EVENTS)

cases = Cases("ratls-certificate", root_sgx=TDX.root.der, root_gcp=GOOGLE.root.der, collateral=TDX.collateral, http_map=GOOGLE.http, root_nitro=AWS.root.der,
              ark={"Milan": AMD.ark.der})


def gcp(data, version=0):
    quote = TDX.quote(data, (bytes(48),) * 3 + (measured(EVENTS, "sha384"),))
    return container.gcp(version, quote, [], TPM.quote(SHA256(quote)), EVENTS, data, dumps({"os_image_hash": TPM.uki.hex()}))


def sev(data, version=0):
    doc, m = snp.document(), snp.measurement()
    r = snp.report(AMD.vcek.key, report_data=data, measurement=snp.launch_digest(m), host_data=snp.host_data(doc))
    return container.snp(version, r, [AMD.ask.der, AMD.vcek.der], doc, [], data, dumps(snp.vm_config(m)))


MAKERS = {"gcp": gcp, "nitro": lambda d, version=0: nitro.Enclave(AWS, app_id=bytes(20), live=False).attest(d, version=version),
          "nitrotpm": lambda d, version=0: nitro.Instance(AWS, live=False).attest(d, version=version), "snp": sev}


def certificate(*extensions, key=KEY):
    return Cert(name("app"), key, None, NOW - 1, NOW + 1, extensions=extensions).der


def carried(data, layers=2, number="8", critical=False):
    for _ in range(layers - 1):
        data = octets(data)
    return extension(OID + number, data, critical)


for kind, maker in MAKERS.items():
    for version in (0, 1):
        cases.add(f"{kind}, container version {version}", certificate(carried(maker(BOUND, version))), expect={"has_attestation": True, "form": "container"})
    good = maker(BOUND)
    cases.add(f"{kind}, bound to another key", certificate(carried(maker(report_data("ratls-cert", b"x")))), error="report data mismatch")
    cases.add(f"{kind}, bound under another tag", certificate(carried(maker(report_data("app-data", certs.spki(KEY))))), error="report data mismatch")
    cases.add(f"{kind}, stolen into another's certificate", certificate(carried(good), key=ec_key("thief", certs.ec.SECP256R1)), error="report data mismatch")
    cases.add(f"{kind}, a byte behind the container", certificate(carried(good + b"\0")), error="Failed to decode attestation from cert extension")
    cases.add(f"{kind}, without the inner layer", certificate(carried(good, 1)), error="")
    cases.add(f"{kind}, a layer too many", certificate(carried(good, 3)), error="")
    cases.add(f"{kind}, twice", certificate(carried(good), carried(good)), error="")
    cases.add(f"{kind}, critical", certificate(carried(good, critical=True)), error="")
    cases.add(f"{kind}, under the old form's number", certificate(carried(good, number="1"), carried(b"[]", number="2")), error="Failed to create attestation from TDX quote")
    cases.add(f"{kind}, beside the old form", certificate(carried(b"x", number="1"), carried(b"x", number="2"), carried(good)), expect={"form": "container"})
cases.add("empty container", certificate(carried(b"")), error="Failed to decode attestation from cert extension")
cases.add("no evidence", certificate(), expect={"has_attestation": False, "form": "none"})
quote = TDX.quote(BOUND, (bytes(48),) * 3 + (measured(EVENTS, "sha384"),), pad=0)
log = dumps([{"imr": 3, "event_type": 0x08000001, "event": e, "event_payload": p.hex()} for e, p in EVENTS]).encode()
cases.add("old form", certificate(carried(quote, number="1"), carried(log, number="2")), expect={"form": "old", "app_info": {"os_image_hash": "", "app_id": SHA256(b"{}")[:20].hex()}})
cases.add("old form with padding behind the quote", certificate(carried(quote + bytes(3000), number="1"), carried(log, number="2")), expect={"form": "old"})
cases.add("old form without the list", certificate(carried(quote, number="1")), error="TDX event log missing")
cases.add("old form, gzip", certificate(carried(quote, number="1"), carried(b"ELGZv1\x1f\x8b", number="2")), error="Failed to create attestation from TDX quote")
cases.add("old form, an event less", certificate(carried(quote, number="1"), carried(log.replace(b"system-ready", b"system-read"), number="2")), error="RTMR3 mismatch")
cases.add("list alone", certificate(carried(log, number="2")), expect={"has_attestation": False})

test_case = cases.test()

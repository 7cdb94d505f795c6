"""Collateral over HTTP: asked for once per platform, used through an outage, refused when it does not verify."""

import json
import time
import urllib.parse

import pytest

from tests.dev.client import Refused
from tests.dev.machine import free_port
from tests.dev.pccs import Pccs

TCB, QE = "/tdx/certification/v4/tcb", "/tdx/certification/v4/qe/identity"
CRL, ROOT = "/sgx/certification/v4/pckcrl", "/sgx/certification/v4/rootcacrl"


@pytest.fixture
def pccs(platform):
    own = Pccs(platform.pki)
    yield own
    own.close()


def at(*urls):
    return {"core": {"attestation": {"urls": {"pccs": " ".join(urls)}}}}


def url(pccs):
    return f"http://127.0.0.1:{pccs.port}"


def key(platform, process):
    """GetAppKey with evidence that was never seen before."""
    guest, kms = platform.guest(), process.kms()
    return kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=kms.ra_context(guest.attest))["k256_key"]


def documents(pccs):
    return [pccs.requests.get(path, 0) for path in (TCB, QE, CRL, ROOT)]


def test_a_platform_is_asked_for_once_and_served_through_an_outage(platform, pccs, start):
    process = start(config=at(url(pccs)))
    process.bootstrap()
    first = key(platform, process)
    asked = documents(pccs)
    pccs.down = True
    assert key(platform, process) == first and key(platform, process) == first
    assert documents(pccs) == asked


def test_without_collateral_there_is_no_key_and_an_outage_passes(platform, pccs, start):
    process = start(config=at(url(pccs)))
    process.bootstrap()
    process.stop()
    pccs.down = True
    again = start(config=at(url(pccs)))
    with pytest.raises(Refused) as refused:
        key(platform, again)
    assert refused.value.status == 400 and "Failed to get collateral" in refused.value.error, refused.value.error
    assert "answered 503" in refused.value.error
    pccs.down = False
    deadline = time.monotonic() + 60
    while True:
        try:
            assert key(platform, again)
            break
        except Refused:
            assert time.monotonic() < deadline
            time.sleep(1)


def test_the_next_endpoint_is_asked_when_the_first_fails(platform, pccs, start):
    process = start(config=at(f"http://127.0.0.1:{free_port()}", url(pccs) + "/sgx/certification/v4/"))
    process.bootstrap()
    assert key(platform, process)
    assert documents(pccs) == [1, 1, 1, 0]  # the root CRL has another way: its distribution point


@pytest.mark.parametrize("path", [TCB, QE, CRL, ROOT])
def test_a_document_that_does_not_verify_gives_no_key(platform, pccs, start, path):
    body, headers = pccs.objects[path]
    place = -8 if path != ROOT else -9  # inside the signature
    digit = b"0" if body[place:place + 1] != b"0" else b"1"
    pccs.objects[path] = body[:place] + digit + body[place + 1:], headers
    process = start(config=at(url(pccs)))
    with pytest.raises(Refused) as refused:
        process.bootstrap()
        key(platform, process)
    assert "Failed to get collateral" in refused.value.error, refused.value.error


def bundle(pccs):
    """What the stand-in serves, in the JSON form of collateral."""
    signed = {}
    for path, member, key in ((TCB, "tcbInfo", "tcb_info"), (QE, "enclaveIdentity", "qe_identity")):
        body, headers = pccs.objects[path]
        text, signature = body.decode().removeprefix(f'{{"{member}":').removesuffix('"}').rsplit(',"signature":"', 1)
        chain = urllib.parse.unquote(next(value for name, value in headers.items() if name.endswith("Issuer-Chain")))
        signed |= {key: text, f"{key}_signature": signature, f"{key}_issuer_chain": chain}
    return json.dumps(signed | {"root_ca_crl": pccs.objects[ROOT][0].decode(), "pck_crl": pccs.objects[CRL][0].hex(),
                                "pck_crl_issuer_chain": urllib.parse.unquote(pccs.objects[CRL][1]["SGX-PCK-CRL-Issuer-Chain"])})


def test_collateral_supplied_by_the_operator_needs_no_pccs(platform, pccs, start, tmp_path):
    file = tmp_path / "collateral.json"
    file.write_text(bundle(pccs))
    pccs.down = True
    config = at(url(pccs))
    config["core"]["attestation"]["collateral"] = str(file)
    process = start(config=config)
    process.bootstrap()
    assert key(platform, process) and documents(pccs) == [0, 0, 0, 0]


def test_a_revoked_platform_gets_no_key(platform, start):
    revoking = Pccs(platform.pki, status="Revoked")
    try:
        process = start(config=at(url(revoking)))
        with pytest.raises(Refused) as refused:
            process.bootstrap()
            key(platform, process)
        assert "TCB status is invalid: Revoked" in refused.value.error
    finally:
        revoking.close()

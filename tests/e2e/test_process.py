"""The main job, in process mode: bootstrap, then an attested caller gets its app key, and nobody else does."""

import pytest

from tests.dev.client import Refused
from tests.dev.guest import WRONG, wrong


def fetch(process, guest, **kw):
    kms = process.kms()
    return kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=kms.ra_context(guest.attest, **kw))


def test_attested_caller_gets_the_same_app_key_each_time(ready, platform):
    guest = platform.guest()
    first, second = fetch(ready, guest), fetch(ready, guest)
    assert first["k256_key"] == second["k256_key"] and len(bytes.fromhex(first["k256_key"])) == 32
    assert first["os_image_hash"] == guest.os_image_hash.hex()


def test_another_app_id_gets_another_key(ready, platform):
    one, other = platform.guest(b'{"name":"one"}'), platform.guest(b'{"name":"other"}')
    assert fetch(ready, one)["k256_key"] != fetch(ready, other)["k256_key"]


@pytest.mark.parametrize("what", WRONG)
def test_evidence_wrong_in_one_way_is_refused(ready, platform, what):
    guest, kms = platform.guest(), ready.kms()
    with pytest.raises(Refused) as refused:
        kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=kms.ra_context(wrong(guest, what)))
    assert refused.value.status == 400 and refused.value.error.startswith("invalid quote: "), refused.value.error


def test_restart_keeps_the_keys(platform, start):
    guest = platform.guest()
    first = start("one")
    first.bootstrap()
    before = fetch(first, guest)
    first.stop()
    again = start("one")
    again.wait_tls()
    after = fetch(again, guest)
    assert before["k256_key"] == after["k256_key"] and before["disk_crypt_key"] == after["disk_crypt_key"]


def test_metrics_tell_cache_hits_and_the_age_of_collateral(ready, platform):
    def figures():
        text = ready.kms().get("/metrics")[2].decode()
        return {line.split()[0]: int(line.split()[1]) for line in text.splitlines() if line.startswith(("ukms_evidence_cache", "ukms_collateral"))}

    kms, guest = ready.kms(), platform.guest()
    context = kms.ra_context(guest.attest)
    ask = lambda: kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=context)
    before = figures()
    ask()
    ask()
    after = figures()
    assert after["ukms_evidence_cache_misses_total"] == before["ukms_evidence_cache_misses_total"] + 1
    assert after["ukms_evidence_cache_hits_total"] == before["ukms_evidence_cache_hits_total"] + 1
    assert after["ukms_collateral_misses_total"] >= 1 and after["ukms_collateral_failures_total"] == 0
    assert 0 <= after["ukms_collateral_age_seconds"] < 3600

"""The onboard phase in process mode: page, Bootstrap, Onboard from another KMS, policy over the webhook, and one key from many KMS."""

import base64
import hashlib
import json
import os
import re
import shutil
import threading
import time

import pytest

from tests.dev import pki
from tests.dev.agent import Agent
from tests.dev.auth import AuthApi
from tests.dev.browser import chromium
from tests.dev.client import Refused
from tests.dev.webhook import answer


@pytest.fixture
def auth():
    api = AuthApi()
    yield api
    api.close()


def refused(call, *args, **kw):
    with pytest.raises(Refused) as problem:
        call(*args, **kw)
    assert problem.value.status == 400
    return problem.value.error


def onboard(process, source, domain="kms.test"):
    return process.kms().call("Onboard.Onboard", {"source_url": f"https://127.0.0.1:{source.port}/", "domain": domain}, tls=False)


def finish(process):
    assert process.kms().get("/finish", tls=False)[0] == 200
    process.wait_tls()


def app_key(process, guest, version=1):
    kms = process.kms()
    return kms.call("GetAppKey", {"api_version": version, "vm_config": guest.vm_config}, context=kms.ra_context(guest.attest))


def test_three_kms_share_one_key(start, platform):
    first = start("first")
    first.bootstrap()
    second, third = start("second"), start("third")
    assert onboard(second, first) == {}
    assert "already been onboarded" in refused(onboard, second, first)
    finish(second)
    assert onboard(third, second) == {}
    finish(third)
    one = platform.guest(b'{"name":"a"}', app_id=b"A" * 20, instance_id=b"I" * 20)
    two = platform.guest(b'{"name":"b"}', app_id=b"A" * 20, instance_id=b"I" * 20)
    keys = [app_key(kms, guest, version) for kms, guest, version in ((first, one, 1), (second, two, 0), (third, one, 0))]
    for name in ("k256_key", "k256_signature", "env_crypt_key", "disk_crypt_key"):
        assert len({k[name] for k in keys}) == 1, name
    metas = [kms.kms().call("GetMeta") for kms in (first, second, third)]
    assert len({m["k256_pubkey"] for m in metas}) == 1
    assert metas[0]["bootstrap_info"] and metas[1]["bootstrap_info"] is None


def test_onboard_answers_with_the_key_if_asked_to(start):
    first = start("first")
    first.bootstrap()
    second = start("second", config={"core": {"onboard": {"respond_key": True}}})
    assert onboard(second, first) == {"k256_pubkey": first.kms().call("GetMeta")["k256_pubkey"]}


class Counting:
    """A guest that counts its quotes."""

    def __init__(self, guest):
        self.guest, self.vm_config, self.made = guest, guest.vm_config, []

    def attest(self, data):
        self.made.append(data)
        return self.guest.attest(data)


def test_anybodys_questions_make_few_quotes(start, platform, auth):
    """The onboard phase answers everybody, and a quote keeps the TPM busy: askers share one, for some seconds."""
    kept_seconds, guest = 10, Counting(platform.guest(b'{"name":"kms"}'))
    process = start(config=auth.config(), guest=guest)
    auth.decide = lambda kind, info: (False, "Aggregated MR not allowed")
    begun, seen = time.monotonic(), []

    def load(i):
        if i % 3 == 0:
            seen.append(process.kms().get("/", tls=False)[0] == 200)
        elif i % 3 == 1:
            seen.append(len(process.kms().call("GetAttestationInfo", {}, tls=False)["mr_aggregated"]) == 64)
        else:
            seen.append("Aggregated MR not allowed" in refused(process.kms().call, "Onboard.Bootstrap", {"domain": "kms.test"}, tls=False))

    threads = [threading.Thread(target=load, args=(i,)) for i in range(60)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert seen == [True] * 60
    assert 1 <= len(guest.made) <= 1 + (time.monotonic() - begun) // kept_seconds
    assert set(guest.made) == {bytes(64)}, "evidence that anybody may see names no key"
    # What goes into certificates is made for them, and the next phase begins with its own.
    auth.decide = lambda kind, info: (True, "")
    before = len(guest.made)
    process.bootstrap()
    process.kms().call("GetTempCaCert")
    later = guest.made[before:]
    assert bytes(64) in later and len([d for d in later if d != bytes(64)]) >= 3


def test_evidence_that_cannot_be_had_is_told(start, auth):
    process = start(config=auth.config())
    process.agent.close()
    os.unlink(process.state / "agent.sock")
    for _ in range(2):
        assert refused(process.kms().call, "GetAttestationInfo", {}, tls=False).startswith("Failed to get attestation: ")
    assert b"Failed to get attestation: " in process.kms().get("/", tls=False)[2]


def test_files_have_upstreams_layout_and_private_modes(start):
    process = start()
    process.bootstrap()
    certs = process.state / "certs"
    names = {p.name for p in certs.iterdir()}
    assert names == {"tmp-ca.key", "root-ca.key", "rpc.key", "root-k256.key", "tmp-ca.crt", "root-ca.crt", "rpc.crt", "rpc-domain", "bootstrap-info.json",
                     "audit-head"}
    assert (certs / "root-k256.key").stat().st_size == 32 and certs.stat().st_mode & 0o777 == 0o700
    for name in names:
        assert (certs / name).stat().st_mode & 0o777 == (0o600 if name.endswith(".key") else 0o644), name


def test_root_certificate_of_another_key_is_refused(start, platform, tmp_path):
    one, two = start("one"), start("two")
    one.bootstrap()
    two.bootstrap()
    one.stop()
    two.stop()
    shutil.copy(two.state / "certs/root-ca.crt", one.state / "certs/root-ca.crt")
    again = None
    try:
        from tests.dev.machine import MachineError
        with pytest.raises(MachineError) as problem:
            again = start("one")
            again.wait_tls()
        assert "CA certificate does not match private key" in str(problem.value)
    finally:
        if again:
            again.stop()


# --- the page -------------------------------------------------------------------------------------------------------------------------

def test_page_is_self_contained_and_readable_without_javascript(start, auth):
    process = start(config=auth.config())
    status, headers, body = process.kms().get("/", tls=False)
    page = body.decode()
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8" and len(body) <= 20480
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    for tag in ("script", "style"):
        inner = re.search(f"<{tag}>(.*?)</{tag}>", page, re.S)[1]
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()}'" in policy
    assert not re.search(r'(src|href)="?(https?:)?//', page) and "{{" not in page
    guest = process.guest
    for value in (guest.mr_aggregated().hex(), guest.device_id().hex(), guest.os_image_hash.hex(), "dstack-gcp-tdx", "0xFaAD", "84532",
                  f"kms:add-image 0x{guest.os_image_hash.hex()}", f"kms:add 0x{guest.mr_aggregated().hex()}", f"kms:add-device 0x{guest.device_id().hex()}"):
        assert value in re.sub("<[^>]+>", "", page), value


def test_a_password_of_the_policy_service_is_told_to_nobody(start, auth):
    config = auth.config()
    config["core"]["auth_api"]["webhook"]["url"] = auth.url.replace("://", "://kms:hunter2@")
    process = start(config=config)
    page = process.kms().get("/", tls=False)[2].decode()
    assert f"policy: {auth.url}<" in page and "hunter2" not in page
    process.bootstrap()
    assert auth.asked[-1].headers["authorization"] == "Basic " + base64.b64encode(b"kms:hunter2").decode()
    auth.reply = lambda asked: answer(500, b"broken")
    assert refused(process.kms().call, "GetMeta") == f"auth api {auth.url} returned 500 Internal Server Error: broken"
    assert not any("hunter2" in line for line in process.lines)


def shot(b, name):
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        b.save_screenshot(f"{directory}/{name}.png")


@pytest.mark.parametrize("width", [390, 1280])
def test_page_drives_bootstrap_to_https(start, auth, width):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    process = start(config=auth.config())
    b = chromium(width)
    try:
        b.get(f"http://127.0.0.1:{process.port}/")
        shown = lambda ident: b.find_element(By.ID, ident).is_displayed()
        shot(b, f"page-{width}-start")
        assert b.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), "the page is wider than the screen"
        assert len(b.find_elements(By.CSS_SELECTOR, "button.copy")) >= 8
        problem = b.find_element(By.ID, "problem")
        WebDriverWait(b, 30).until(lambda _: problem.text == "")
        assert b.find_element(By.ID, "ppid").text == pki.PPID.hex() and b.find_element(By.ID, "chain").is_displayed()
        # What the page has shown at first can be asked for again: an agent that was away, and is back. The evidence may be that of some
        # seconds ago, and a failure to get it is told for a second: so it is asked until it is there.
        process.agent.close()
        b.refresh()
        problem = b.find_element(By.ID, "problem")
        WebDriverWait(b, 30).until(lambda _: problem.text.startswith("Attestation info: Failed to get "))
        process.agent = Agent(process.guest, str(process.state / "agent.sock"))
        WebDriverWait(b, 30).until(lambda _: b.execute_script("refresh()") or problem.text == "")
        assert b.find_element(By.CSS_SELECTOR, "[data-of=mr_aggregated]").text == b.find_element(By.ID, "mr_aggregated").text == "0x" + process.guest.mr_aggregated().hex()
        b.find_element(By.CSS_SELECTOR, "#choices [data-show=bootstrap]").click()
        field = b.find_element(By.CSS_SELECTOR, "#bootstrap input")
        auth.decide = lambda kind, info: (False, "Aggregated MR not allowed")
        field.send_keys("kms.test")
        b.find_element(By.CSS_SELECTOR, "#bootstrap button.main").click()
        WebDriverWait(b, 30).until(lambda _: "boot denied: Aggregated MR not allowed" in b.find_element(By.ID, "error").text)
        shot(b, f"page-{width}-denied")
        auth.decide = lambda kind, info: (True, "")
        b.find_element(By.CSS_SELECTOR, "#bootstrap button.main").click()
        WebDriverWait(b, 30).until(lambda _: shown("done"))
        result = json.loads(b.find_element(By.ID, "result").get_attribute("value"))
        assert set(result) == {"caPubkey", "k256Pubkey", "attestation"}
        shot(b, f"page-{width}-done")
        b.find_element(By.ID, "finish").click()
        WebDriverWait(b, 30).until(lambda _: shown("end"))
        assert b.find_element(By.ID, "final").text == "Setup completed. You can close this window."
        shot(b, f"page-{width}-end")
        process.wait_tls()
        assert "0x" + process.kms().call("GetMeta")["k256_pubkey"] == result["k256Pubkey"]
        severe = [entry for entry in b.get_log("browser") if entry["level"] == "SEVERE" and "favicon" not in entry["message"] and "400" not in entry["message"]]
        assert not severe, severe
    finally:
        b.quit()

"""The dev image in a virtual machine: boot, bootstrap, key, reboot; and what must not work."""

import concurrent.futures
import json
import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.dev import audit
from tests.dev import machine as vm
from tests.dev.browser import chromium
from tests.dev.client import Refused
from tests.dev.guest import WRONG, wrong
from tests.dev.run import Vm, app_key, dev_config, vm_config

DEV, PROD = Path("build/image/dev"), Path("build/image/prod")
POWER_CUTS = int(os.environ.get("POWER_CUTS", "50"))


def get_key(kms, guest):
    context = kms.kms.ra_context(guest.attest)
    return kms.kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=context)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The state directory of a KMS that was bootstrapped in the image, and what it said then."""
    directory = tmp_path_factory.mktemp("vm")
    with Vm(DEV, directory) as kms:
        kms.boot()
        assert kms.wait_phase() == "onboarding"
        info = kms.bootstrap()
        guest = kms.guest()
        return {"dir": directory, "info": info, "guest": guest.events, "key": get_key(kms, guest), "console": kms.machine.console()}


def test_bootstrapped_image_hands_out_a_key(state):
    assert len(bytes.fromhex(state["key"]["k256_key"])) == 32


def test_measured_registers_are_the_predicted_ones(state):
    predicted = json.loads((DEV / "measurements.json").read_text())
    assert state["info"]["os_image_hash"] == (DEV / "digest.txt").read_text().strip()
    line = next(l for l in state["console"].splitlines() if "ukms: pcr" in l and "index=4" in l)
    assert predicted["ovmf"]["pcr4"] in line


def test_reboot_keeps_the_key_and_wrong_callers_get_none(state):
    with Vm(DEV, state["dir"]) as kms:
        kms.boot()
        assert kms.wait_phase() == "ready"
        again = get_key(kms, kms.guest())
        other = get_key(kms, kms.guest(b'{"name":"other"}'))
        guest = kms.guest()
        for what in WRONG:
            with pytest.raises(Refused) as refused:
                kms.kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=kms.kms.ra_context(wrong(guest, what)))
            assert refused.value.status == 400 and refused.value.error.startswith("invalid quote: "), (what, refused.value.error)
        with pytest.raises(Refused) as refused:
            kms.kms.call("GetAppKey", {"api_version": 1})
        assert refused.value.error == "App not allowed: No attestation provided"
    assert again["k256_key"] == state["key"]["k256_key"] and again["disk_crypt_key"] == state["key"]["disk_crypt_key"]
    assert other["k256_key"] != again["k256_key"]


def test_page_in_a_browser_takes_the_image_to_https(tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    with Vm(DEV, tmp_path / "state") as kms:
        kms.boot()
        assert kms.wait_phase() == "onboarding"
        driver = chromium()
        try:
            driver.get(f"http://127.0.0.1:{kms.machine.port}/")
            assert (DEV / "digest.txt").read_text().strip() in driver.page_source
            driver.find_element(By.CSS_SELECTOR, "#choices [data-show=bootstrap]").click()
            driver.find_element(By.CSS_SELECTOR, "#bootstrap input").send_keys("kms.local")
            driver.find_element(By.CSS_SELECTOR, "#bootstrap button.main").click()
            WebDriverWait(driver, 60).until(lambda _: driver.find_element(By.ID, "done").is_displayed())
            driver.find_element(By.ID, "finish").click()
            WebDriverWait(driver, 60).until(lambda _: driver.find_element(By.ID, "end").is_displayed())
        finally:
            driver.quit()
        kms.wait_ready()
        assert len(app_key(kms.kms, kms.guest())) == 66


class AuditedVm(Vm):
    """With its admin listener, whose token is in .user-config."""

    TOKEN = "sesame"

    def __init__(self, state):
        super().__init__(DEV, state, config={"core": {"admin": {"enabled": True, "address": "0.0.0.0"}}},
                         user_config=json.dumps({"core": {"admin": {"auth_token": self.TOKEN}}}).encode(), admin_port=vm.free_port())

    def start(self):
        """Boots with the keys that are there; (head, what it says of the process before, app key); the head is from before the key was released."""
        self.boot()
        assert self.wait_phase() == "ready"
        head, records = self.log()
        assert [r["method"] for r in records] == ["start"]
        return head, records[0]["previous"], app_key(self.kms, self.guest())

    def log(self):
        return audit.read(self.machine.admin_port, self.TOKEN, self.kms)


def test_audit_log_says_how_the_machine_ended(tmp_path):
    """The power button is an orderly end, a power cut is not; the keys stay in both, also after more cuts than lock the TPM's keys (of which
    the start itself needs the one that attests)."""
    with AuditedVm(tmp_path / "state") as kms:
        kms.boot()
        assert kms.wait_phase() == "onboarding"
        kms.bootstrap()
        key = app_key(kms.kms, kms.guest())
        head, records = kms.log()
        assert [r["method"] for r in records] == ["start", "Bootstrap", "GetAppKey"] and records[0]["previous"] is None
        kms.machine.power_button()
    with AuditedVm(tmp_path / "state") as kms:
        start, previous, again = kms.start()
        assert previous == {"n": head["sequence"], "hash": head["hash"], "end": "clean", "rollback": "bounded"} and again == key
        head, records = kms.log()
        assert [r["method"] for r in records] == ["start", "GetAppKey"]
        kms.machine.stop()
    for _ in range(5):
        with AuditedVm(tmp_path / "state") as kms:
            first, hashes = head["first"], audit.chain(bytes.fromhex(head["before_first"]), map(audit.line, records))
            next_start, previous, again = kms.start()
            assert previous["end"] == "unknown" and again == key
            # The head is kept at the start, and a minute later if the machine was so slow: somewhere in the chain that was seen.
            assert start["sequence"] <= previous["n"] <= head["sequence"] and previous["hash"] == hashes[previous["n"] - first].hex()
            start, (head, records) = next_start, kms.log()
            kms.machine.stop()


def copy_state(state, to):
    shutil.copytree(state["dir"], to)
    return to


def changed_image(to):
    """A copy of the dev image in which one byte of the UKI differs: its PE time stamp, which firmware hashes and nothing reads."""
    to.mkdir()
    for file in DEV.iterdir():
        if file.is_file() and not file.name.endswith(".tar.gz"):
            subprocess.run(["cp", "--sparse=always", str(file), str(to)], check=True)
    uki = (DEV / "BOOTX64.EFI").read_bytes()
    stamp = int.from_bytes(uki[0x3C:0x40], "little") + 8
    with open(to / "disk.raw", "r+b") as disk:
        start = disk.read(64 << 20).index(uki[:4096])
        disk.seek(start + stamp)
        disk.write(bytes([uki[stamp] ^ 1]))
    return to


def test_image_with_one_byte_changed_cannot_unseal(state, tmp_path):
    image = changed_image(tmp_path / "image")
    with Vm(image, copy_state(state, tmp_path / "state")) as kms:
        kms.boot()
        booted = re.search(r"and (\w{64}) was booted", kms.machine.wait_line("ukms: failed", 120)).group(1)
    # .sys-config.json is the host's: it can name the changed image as well
    claim = json.dumps({"spec_version": 2, "os_image_hash": booted})
    with Vm(image, tmp_path / "state", shared=vm.shared_files(dev_config(vm.PCCS_IN_GUEST), vm_config=claim)) as kms:
        kms.boot()
        line = kms.machine.wait_line("ukms: failed", 120)
        assert "phase=" not in kms.machine.console()
    assert "sealed" in line.lower(), line


def test_other_compose_cannot_unseal(state, tmp_path):
    with Vm(DEV, copy_state(state, tmp_path / "state"), config={"core": {"site_name": "another policy"}}) as kms:
        kms.boot()
        kms.machine.wait_line("ukms: failed", 120)
        assert "phase=" not in kms.machine.console()


@pytest.mark.parametrize("broken, says", [
    ("no shared disk", "DSTACKSHR"), ("empty shared disk", "app-compose.json"), ("bad compose", "app-compose.json: invalid JSON"),
    ("unknown key", "core.no_such_key: unknown key"), ("no data disk", "dstack-data"), ("no tpm", "TPM"), ("no sys-config", ".sys-config.json")])
def test_missing_or_broken_input_names_itself(tmp_path, broken, says):
    files, kw = vm.shared_files({}, vm_config=vm_config(DEV)), {}
    if broken == "no shared disk":
        files = None
    elif broken == "empty shared disk":
        files = {}
    elif broken == "bad compose":
        files["app-compose.json"] = b"{"
    elif broken == "unknown key":
        files = vm.shared_files({"core": {"no_such_key": 1}})
    elif broken == "no data disk":
        kw["data"] = False
    elif broken == "no tpm":
        kw["tpm"] = False
    elif broken == "no sys-config":
        del files[".sys-config.json"]
    with Vm(DEV, tmp_path / "state", shared=files, **kw) as kms:
        kms.boot()
        line = kms.machine.wait_line("ukms: failed", 120)
    assert says in line


def test_prod_image_refuses_the_dev_platform(tmp_path):
    """No software TSM provider in its kernel: it names what is missing and serves nothing."""
    with Vm(PROD, tmp_path / "state", shared=vm.shared_files({})) as kms:
        kms.boot()
        line = kms.machine.wait_line("ukms: failed", 120)
        console = kms.machine.console()
    assert "TDX" in line or "tdx" in line
    assert "phase=" not in console


def test_prod_image_holds_neither_provider_nor_anchors():
    raw = (PROD / "init").read_bytes() + (PROD / "initramfs.cpio").read_bytes()
    assert b"flavour.json" not in (PROD / "initramfs.cpio").read_bytes().replace((PROD / "init").read_bytes(), b"")
    assert b"ukms dev" not in raw
    assert "CONFIG_UKMS_TSM=y" in (DEV / "kernel.config").read_text()
    assert "CONFIG_UKMS_TSM" not in (PROD / "kernel.config").read_text()


def one_power_cut(base, state, delay):
    """Bootstrap is asked for, the power goes after `delay` seconds; what the next boot finds: "fresh" or "complete"."""
    shutil.copytree(base, state)
    with Vm(DEV, state) as kms:
        kms.boot()
        assert kms.wait_phase() == "onboarding"
        connection = kms.kms.connect(tls=False)
        connection.request("POST", "/prpc/Onboard.Bootstrap?json", json.dumps({"domain": "kms.local"}))
        time.sleep(delay)
        kms.machine.stop()
    with Vm(DEV, state) as kms:
        kms.boot()
        found = "complete" if kms.wait_phase() == "ready" else "fresh"
        if found == "complete":
            assert len(app_key(kms.kms, kms.guest())) == 66
        else:
            assert kms.kms.call("Onboard.Bootstrap", {"domain": "kms.local"}, tls=False)["k256_pubkey"]
    shutil.rmtree(state)
    return found


def test_power_cut_during_bootstrap_leaves_fresh_or_complete(tmp_path):
    """Before each try TPM and disk are as after the first boot; the instants are spread over the time that Bootstrap takes."""
    base = tmp_path / "base"
    with Vm(DEV, base) as kms:
        kms.boot()
        assert kms.wait_phase() == "onboarding"
        begin = time.monotonic()
        kms.kms.call("Onboard.GetAttestationInfo", {}, tls=False)  # most of Bootstrap's time is evidence, too
        span = 3 * (time.monotonic() - begin)
    dice = random.Random(20261121)
    delays = [dice.uniform(0, span) for _ in range(POWER_CUTS)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda i: one_power_cut(base, tmp_path / f"cut{i}", delays[i]), range(POWER_CUTS)))
    print({kind: found.count(kind) for kind in ("fresh", "complete")}, f"over {span:.2f} s")
    assert len(found) == POWER_CUTS

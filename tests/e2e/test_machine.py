"""The dev image in a virtual machine: boot, bootstrap, key, reboot; and what must not work."""

import hashlib
import json
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.dev import machine as vm
from tests.dev.client import Refused
from tests.dev.run import Vm, app_key

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


def test_reboot_keeps_the_key(state):
    with Vm(DEV, state["dir"]) as kms:
        kms.boot()
        assert kms.wait_phase() == "ready"
        again = get_key(kms, kms.guest())
        other = get_key(kms, kms.guest(b'{"name":"other"}'))
    assert again["k256_key"] == state["key"]["k256_key"] and again["disk_crypt_key"] == state["key"]["disk_crypt_key"]
    assert other["k256_key"] != again["k256_key"]


def copy_state(state, to):
    shutil.copytree(state["dir"], to)
    return to


def test_image_with_one_byte_changed_cannot_unseal(state, tmp_path):
    image = tmp_path / "image"
    shutil.copytree(DEV, image)
    with open(image / "disk.raw", "r+b") as disk:
        at = disk.read(16 << 20).index(b"PE\0\0") + 8  # the boot file's time stamp: part of its digest, read by nobody, so that it still boots
        disk.seek(at)
        byte = disk.read(1)[0]
        disk.seek(at)
        disk.write(bytes([byte ^ 0x20]))
    with Vm(image, copy_state(state, tmp_path / "state")) as kms:
        kms.boot()
        kms.machine.wait_line("ukms: failed", 120)
        console = kms.machine.console()
    assert "phase=ready" not in console and "phase=onboarding" not in console


def test_other_compose_cannot_unseal(state, tmp_path):
    with Vm(DEV, copy_state(state, tmp_path / "state"), config={"core": {"site_name": "another policy"}}) as kms:
        kms.boot()
        kms.machine.wait_line("ukms: failed", 120)
        assert "phase=" not in kms.machine.console()


@pytest.mark.parametrize("broken, says", [
    ("no shared disk", "DSTACKSHR"), ("bad compose", "app-compose.json"), ("unknown key", "core.no_such_key"), ("no data disk", "dstack-data"),
    ("no tpm", "TPM"), ("no sys-config", ".sys-config.json")])
def test_missing_or_broken_input_names_itself(tmp_path, broken, says):
    files, kw = None, {}
    if broken == "no shared disk":
        kw["qemu_extra"] = ["-device", "virtio-rng-pci"]
        files = {}
    elif broken == "bad compose":
        files = vm.shared_files({}) | {"app-compose.json": b"{"}
    elif broken == "unknown key":
        files = vm.shared_files({"core": {"no_such_key": 1}})
    elif broken == "no data disk":
        kw["data"] = False
    elif broken == "no tpm":
        kw["tpm"] = False
    elif broken == "no sys-config":
        files = vm.shared_files({})
        del files[".sys-config.json"]
    with Vm(DEV, tmp_path / "state", shared=files, **kw) as kms:
        kms.boot()
        line = kms.machine.wait_line("ukms: failed", 120)
    assert says in line


def test_prod_image_refuses_the_dev_platform(tmp_path):
    """No software TSM provider in its kernel: it names what is missing and serves nothing."""
    with Vm(PROD, tmp_path / "state") as kms:
        kms.boot()
        line = kms.machine.wait_line("ukms: failed", 120)
        console = kms.machine.console()
    assert "TDX" in line or "tdx" in line
    assert "phase=" not in console


def test_prod_image_holds_neither_provider_nor_anchors():
    raw = (PROD / "init").read_bytes() + (PROD / "initramfs.cpio").read_bytes()
    assert b"flavour.json" not in (PROD / "initramfs.cpio").read_bytes().replace((PROD / "init").read_bytes(), b"")
    assert b"ukms dev" not in raw
    assert "UKMS" not in (PROD / "kernel.config").read_text()


def test_power_cut_during_bootstrap_leaves_fresh_or_complete(tmp_path):
    """One TPM and disk; before each try the disk is as after provisioning. The cut comes at a random instant after the request."""
    seen = {"fresh": 0, "complete": 0}
    dice = random.Random(20261121)
    base = tmp_path / "base"
    with Vm(DEV, base) as kms:
        kms.boot()
        assert kms.wait_phase() == "onboarding"
    for cut in range(POWER_CUTS):
        state = tmp_path / f"cut{cut}"
        shutil.copytree(base, state)
        with Vm(DEV, state) as kms:
            kms.boot()
            assert kms.wait_phase() == "onboarding"
            connection = kms.kms.connect(tls=False)
            connection.request("POST", "/prpc/Onboard.Bootstrap?json", json.dumps({"domain": "kms.local"}))
            time.sleep(dice.uniform(0, 1.2))
            kms.machine.stop()
        with Vm(DEV, state) as kms:
            kms.boot()
            phase = kms.wait_phase()
            if phase == "ready":
                seen["complete"] += 1
                assert len(app_key(kms.kms, kms.guest())) == 66
            else:
                seen["fresh"] += 1
                assert kms.kms.call("Onboard.Bootstrap", {"domain": "kms.local"}, tls=False)["k256_pubkey"]
        shutil.rmtree(state)
    print(seen)
    assert seen["fresh"] and seen["complete"], seen

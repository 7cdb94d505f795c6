"""A virtual machine like the one ukms runs on: OVMF, a vTPM with Google's NV indices, boot disk, data disk, shared disk, user networking.
QEMU under TCG (hardware virtualization is not dependable on build machines). Every process it starts, it ends."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PCCS_IN_GUEST = "http://10.0.2.101:8081"
OVMF = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd")


class MachineError(Exception):
    pass


def need(program, package):
    if not shutil.which(program):
        raise MachineError(f"{program} is not installed: run ./setup.sh as root (Debian package {package})")


def shared_disk(path, files):
    """A FAT32 volume labelled DSTACKSHR as the dstack-cloud CLI makes it, but large enough for mtools of any release to take it for FAT32
    (65,525 clusters). files: name -> bytes."""
    path = Path(path)
    with open(path, "wb") as f:
        f.truncate(40 << 20)
    subprocess.run(["mkfs.fat", "-F", "32", "-s", "1", "-n", "DSTACKSHR", str(path)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as tmp:
        for name, data in files.items():
            (Path(tmp) / name).write_bytes(data)
            subprocess.run(["mcopy", "-i", str(path), str(Path(tmp) / name), f"::{name}"], check=True)


def data_disk(path, size=20 << 20):
    """A GPT disk with one partition, PARTLABEL dstack-data; left alone if it exists."""
    if Path(path).exists():
        return
    with open(path, "wb") as f:
        f.truncate(size)
    subprocess.run(["sgdisk", "-n", "1:2048:0", "-c", "1:dstack-data", str(path)], check=True, stdout=subprocess.DEVNULL)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Machine:
    """state: a directory that keeps the TPM, the data disk and the firmware variables between boots."""

    def __init__(self, image, state, *, shared, port=0, admin_port=None, signer_port=None, pccs_port=None, memory=512, tpm=True, data=True,
                 disk_bus="virtio", qemu_extra=()):
        self.image, self.state = Path(image), Path(state)
        self.shared, self.memory, self.tpm, self.data, self.disk_bus = shared, memory, tpm, data, disk_bus
        self.port = port or free_port()
        self.admin_port, self.signer_port, self.pccs_port, self.extra = admin_port, signer_port, pccs_port, list(qemu_extra)
        self.lines, self.arrived = [], threading.Condition()
        self.qemu = self.swtpm = None
        self.state.mkdir(parents=True, exist_ok=True)
        if not self.image.exists():
            raise MachineError(f"no image at {self.image}: run `make image FLAVOUR=dev`")
        for program, package in (("qemu-system-x86_64", "qemu-system-x86"), ("swtpm", "swtpm"), ("mkfs.fat", "dosfstools"),
                                 ("mcopy", "mtools"), ("sgdisk", "gdisk")):
            need(program, package)
        for file in OVMF:
            if not os.path.exists(file):
                raise MachineError(f"{file} is missing: run ./setup.sh as root (Debian package ovmf)")

    def start(self):
        run = tempfile.mkdtemp(prefix="ukms-vm-")
        self.run_dir = run
        if self.shared is not None:
            shared_disk(f"{run}/shared.img", self.shared)
        if self.data:
            data_disk(self.state / "data.img")
        if not (self.state / "vars.fd").exists():
            shutil.copy(OVMF[1], self.state / "vars.fd")
        relay = f"{sys.executable} -S -E {Path(__file__).with_name('relay.py')}"
        net = f"user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:8000"
        if self.admin_port:
            net += f",hostfwd=tcp:127.0.0.1:{self.admin_port}-:8001"
        if self.signer_port:
            net += f",guestfwd=tcp:10.0.2.100:4050-cmd:{relay} {self.signer_port}"
        if self.pccs_port:
            net += f",guestfwd=tcp:10.0.2.101:8081-cmd:{relay} {self.pccs_port}"
        command = ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "max", "-m", str(self.memory), "-nographic", "-no-reboot",
                   "-nodefaults", "-serial", "stdio",
                   "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF[0]}",
                   "-drive", f"if=pflash,format=raw,unit=1,file={self.state}/vars.fd",
                   "-drive", f"file={self.image},format=raw,if=none,id=boot,snapshot=on",
                   "-netdev", net, "-device", "virtio-net-pci,netdev=n0,romfile=", "-device", "virtio-rng-pci"]
        disks = ["boot"]
        if self.shared is not None:
            command += ["-drive", f"file={run}/shared.img,format=raw,if=none,id=shared,readonly=on"]
            disks.append("shared")
        if self.data:
            command += ["-drive", f"file={self.state}/data.img,format=raw,if=none,id=data,cache=writethrough"]
            disks.append("data")
        for i, disk in enumerate(disks):
            boot = ",bootindex=1" if disk == "boot" else ""
            device = f"virtio-blk-pci,drive={disk}" if self.disk_bus == "virtio" else f"nvme,drive={disk},serial={disk}"
            command += ["-device", device + boot]
        if self.tpm:
            self._start_tpm(run)
            command += ["-chardev", f"socket,id=tpm,path={run}/tpm.sock", "-tpmdev", "emulator,id=tpm0,chardev=tpm",
                        "-device", "tpm-tis,tpmdev=tpm0"]
        command += ["-qmp", f"unix:{run}/qmp.sock,server=on,wait=off"]
        self.started = time.monotonic()
        self.qemu = subprocess.Popen(command + self.extra, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _start_tpm(self, run):
        tpm = self.state / "tpm"
        if not tpm.exists():
            raise MachineError(f"no provisioned TPM in {tpm}")
        self.swtpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={tpm}", "--ctrl", f"type=unixio,path={run}/tpm.sock",
                                       "--terminate"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not os.path.exists(f"{run}/tpm.sock"):
            if self.swtpm.poll() is not None or time.monotonic() > deadline:
                raise MachineError("swtpm did not start")
            time.sleep(0.01)

    def _read(self):
        for raw in self.qemu.stdout:
            with self.arrived:
                self.lines.append(raw.decode("utf-8", "replace").rstrip())
                self.arrived.notify_all()
        with self.arrived:
            self.arrived.notify_all()

    def console(self):
        with self.arrived:
            return "\n".join(self.lines)

    def wait_line(self, text, timeout=120, after=0):
        """The first console line from number `after` on that holds `text`; MachineError with the console if QEMU ends or time runs out."""
        deadline = time.monotonic() + timeout
        with self.arrived:
            seen = after
            while True:
                while seen < len(self.lines):
                    if text in self.lines[seen]:
                        return self.lines[seen]
                    seen += 1
                left = deadline - time.monotonic()
                if self.qemu.poll() is not None and seen == len(self.lines):
                    raise MachineError(f"the machine ended before it said {text!r}; console:\n" + "\n".join(self.lines[-40:]))
                if left <= 0:
                    raise MachineError(f"no {text!r} on the console in {timeout} s; console:\n" + "\n".join(self.lines[-40:]))
                self.arrived.wait(min(left, 0.5))

    def power_button(self, timeout=60):
        """Presses it and waits until the machine is off. An orderly end: the TPM counts every other one as a failed authorization."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(f"{self.run_dir}/qmp.sock")
            for command in ("qmp_capabilities", "system_powerdown"):
                s.sendall(b'{"execute": "%s"}\n' % command.encode())
            try:
                self.qemu.wait(timeout)
            except subprocess.TimeoutExpired:
                raise MachineError(f"the machine is still on {timeout} s after the power button; console:\n" + self.console()) from None

    def stop(self):
        """Power cut."""
        for process in (self.qemu, self.swtpm):
            if process and process.poll() is None:
                process.kill()
            if process:
                process.wait()
        if getattr(self, "run_dir", None):
            shutil.rmtree(self.run_dir, ignore_errors=True)
            self.run_dir = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()


def shared_files(config, *, vm_config="", app_id=None, extra=None, user_config=None):
    """The files of the shared disk: app-compose.json with the measured "ukms" member, .sys-config.json, .instance_info."""
    compose = {"manifest_version": 2, "name": "kms", "runner": "docker-compose", "docker_compose_file": "", "key_provider": "tpm",
               "no_instance_id": True, "gateway_enabled": False, "public_logs": False, "public_sysinfo": False, "ukms": config}
    compose.update(extra or {})
    sys_config = {"kms_urls": [], "gateway_urls": [], "pccs_url": "", "docker_registry": "", "host_api_url": "", "vm_config": vm_config}
    files = {"app-compose.json": json.dumps(compose, indent=2).encode(), ".sys-config.json": json.dumps(sys_config).encode()}
    if app_id is not None:
        files[".instance_info"] = json.dumps({"instance_id_seed": "00" * 20, "app_id": app_id.hex()}).encode()
    if user_config is not None:
        files[".user-config"] = user_config
    return files

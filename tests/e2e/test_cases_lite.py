"""Image checks of dstack-tdx without a download (7.5.3, 7.5.5), and when that check applies (7.5.1)."""
import hashlib

from tests.dev import cbor, container, lite, nitro, vtpm
from tests.dev.cbor import Open, Pairs, Wide
from tests.dev.guest import launch_events, vec
from tests.dev.lite import PAGES, SHA384, td_hob
from tests.evidence.cases import NOW, Cases, dumps
from tests.evidence.identity import measured

TDX = vtpm.Platform(NOW)
EVENTS = launch_events(b"{}")
DATA = bytes(range(64))
GIB = 1 << 30
DOC = lite.document()
ACPI = [(0, 10, lite.acpi_digest(n), n, b"ACPI DATA") for n in lite.ACPI]

cases = Cases("versioned-attestation", root_sgx=TDX.root.der, collateral=TDX.collateral)


def case(name, error=None, *, doc=None, encoded=None, memory=2 * GIB, passes="single_pass", log=ACPI, registers=None, mr_td=None, sections=PAGES, hob=lite.HOB,
         config=(), checksums=None, text=None, kind="tdx", measured_as=None, **request):
    """measured_as: the document that the registers follow, if not doc; config: members of vm_config, ... takes one out."""
    doc = doc or DOC
    follow = measured_as or doc
    rtmrs = registers or lite.rtmrs(follow, memory, sections, hob)
    release = nitro.release_config("tdx", encoded if encoded is not None else cbor.encode(doc), checksums)
    vm = {"tdx_attestation_variant": "lite", "memory_size": memory, "qemu_version": "9.2.1", **release, **dict(config)}
    vm = {k: v for k, v in vm.items() if v is not ...}
    quote = TDX.quote(DATA, rtmrs + (measured(EVENTS, "sha384"),), mr_td=mr_td or follow["tdvf"]["mrtd"][passes], pad=0)
    data = container.v0(kind, vec(quote) + container.tdx_log(log), EVENTS, DATA, dumps(vm) if text is None else text)
    images = {"august": "accept" if error is None else "reject"}
    cases.add(name, data, error=error, result="reject" if error is not None else "accept",
              expect={"evidence_result": "accept", "image_check": images, "lite_image_check": images["august"]}, **request)


case("two gibibytes")
case("three gibibytes", memory=3 * GIB)
case("2.75 GiB", memory=0xB0000000)
case("a byte less than 2.75 GiB", "memory_size", memory=0xB0000000 - 1, registers=lite.rtmrs(DOC, 2 * GIB))
case("a page more than two GiB", "memory_size", memory=2 * GIB + 4096, registers=lite.rtmrs(DOC, 2 * GIB))
case("one GiB", "memory_size", memory=GIB, registers=lite.rtmrs(DOC, GIB))
case("a terabyte", memory=1 << 40)
case("memory_size absent", "memory_size", config={"memory_size": ...})
case("memory_size 0", "memory_size", config={"memory_size": 0})
case("memory_size of another guest", "RTMR0 mismatch", config={"memory_size": 4 * GIB})

# MRTD by pass
for version, passes in (("8.0.0", "two_pass"), ("8.2.2", "two_pass"), ("8", "two_pass"), ("9.0.0", "single_pass"), ("9.1.0", "single_pass"), ("10.0.2", "single_pass"), ("11", "single_pass")):
    case(f"QEMU {version}", config={"qemu_version": version}, passes=passes)
    case(f"QEMU {version}, the other", "MRTD mismatch", config={"qemu_version": version}, passes="two_pass" if passes == "single_pass" else "single_pass")
case("QEMU unknown", config={"qemu_version": ...})
case("QEMU null", config={"qemu_version": None})
case("QEMU unknown, two passes", "MRTD mismatch", config={"qemu_version": ...}, passes="two_pass")
for version in ("7.2.0", "0", "6.1", "7.99.99"):
    case(f"QEMU {version}", "", config={"qemu_version": version})
    case(f"QEMU {version} whatever the flag", "", config={"qemu_version": version, "qemu_single_pass_add_pages": False})
case("flag true means two passes", config={"qemu_single_pass_add_pages": True}, passes="two_pass")
case("flag false means one pass", config={"qemu_single_pass_add_pages": False, "qemu_version": "8.2.2"})
case("flag null says nothing", config={"qemu_single_pass_add_pages": None})
case("flag true, one pass", "MRTD mismatch", config={"qemu_single_pass_add_pages": True})

# each register
for i, name in enumerate(("RTMR0", "RTMR1", "RTMR2")):
    wrong = list(lite.rtmrs(DOC, 2 * GIB))
    wrong[i] = SHA384(b"x")
    case(f"another {name}", f"{name} mismatch", registers=tuple(wrong))
case("another MRTD", "MRTD mismatch", mr_td=SHA384(b"x"))
for member in ("cmdline_sha384", "kernel_authenticode", "initrd_sha384"):
    case(f"another {member}", "mismatch", doc=lite.document(image={**DOC["image"], member: SHA384(b"x")}), measured_as=DOC)

# the ACPI events
case("events in another order", log=ACPI[::-1])
case("other events among them", log=[(0, 10, b"", "x", b"y"), *ACPI, (1, 10, bytes(48), "acpi-rsdp", b"ACPI DATA"), (0, 4, bytes(48), "acpi-rsdp", b"ACPI DATA")])
case("no events", "ACPI", log=[])
for i, n in enumerate(lite.ACPI):
    case(f"{n} missing", "ACPI", log=ACPI[:i] + ACPI[i + 1:])
    case(f"{n} without a name", "ACPI", log=ACPI[:i] + [(0, 10, ACPI[i][2], "", b"ACPI DATA")] + ACPI[i + 1:])
    case(f"{n} in another register", "ACPI", log=ACPI[:i] + [(1, *ACPI[i][1:])] + ACPI[i + 1:])
    case(f"{n} of another type", "ACPI", log=ACPI[:i] + [(0, 11, *ACPI[i][2:])] + ACPI[i + 1:])
    case(f"{n} twice", "ACPI", log=ACPI + [ACPI[i]])
    case(f"{n} of 47 bytes", "", log=ACPI[:i] + [(0, 10, ACPI[i][2][:47], n, b"ACPI DATA")] + ACPI[i + 1:])
    case(f"{n} of 49 bytes", "", log=ACPI[:i] + [(0, 10, ACPI[i][2] + b"\0", n, b"ACPI DATA")] + ACPI[i + 1:])
    case(f"{n} of another content", "RTMR0 mismatch", log=ACPI[:i] + [(0, 10, bytes(48), n, b"ACPI DATA")] + ACPI[i + 1:])
case("a fourth under an unknown name", "ACPI", log=ACPI + [(0, 10, bytes(48), "x", b"ACPI DATA")])
case("a fourth with another payload", log=ACPI + [(0, 10, bytes(48), "acpi-rsdp", b"ACPI DATA\0")])
case("a fourth with the payload cut", log=ACPI + [(0, 10, bytes(48), "acpi-rsdp", b"ACPI DAT")])
case("two names changed places", "RTMR0 mismatch", log=[(*ACPI[0][:3], ACPI[1][3], b"ACPI DATA"), (*ACPI[1][:3], ACPI[0][3], b"ACPI DATA"), ACPI[2]])

# the document
case("version 2", "version", doc=lite.document(version=2))
case("version 4", "version", doc=lite.document(version=4))
case("version absent", "version", doc=lite.document(version=...), measured_as=DOC)
case("version in nine bytes", doc=lite.document(version=3), encoded=cbor.encode({**DOC, "version": Wide(3, 8)}))
case("open maps", encoded=cbor.encode(Open({**DOC, "image": Open(DOC["image"])})))
case("unknown members", encoded=cbor.encode({**DOC, "x": 1, "tdvf": {**DOC["tdvf"], "y": None}}))
case("a byte behind", "", encoded=cbor.encode(DOC) + b"\0")
case("a repeated member inside", "", encoded=cbor.encode({**DOC, "image": Pairs(list(DOC["image"].items()) + [("initrd_sha384", bytes(48))])}))
case("an array", "", encoded=cbor.encode([3]))
for part, member in (("image", "cmdline_sha384"), ("image", "kernel_authenticode"), ("image", "initrd_sha384")):
    for name, value in (("absent", ...), ("of 47 bytes", bytes(47)), ("a text", "x" * 48)):
        changed = {k: v for k, v in {**DOC[part], member: value}.items() if v is not ...}
        case(f"{member} {name}", "", encoded=cbor.encode({**DOC, part: changed}))
for member in ("single_pass", "two_pass"):
    changed = {k: v for k, v in DOC["tdvf"]["mrtd"].items() if k != member}
    case(f"{member} absent", "", encoded=cbor.encode({**DOC, "tdvf": {**DOC["tdvf"], "mrtd": changed}}))
for name, value in (("of another layout", "edk2-stable202505"), ("of an empty name", ""), ("as bytes", b"pre202505")):
    case(f"ovmf {name}", "", encoded=cbor.encode({**DOC, "tdvf": {**DOC["tdvf"], "ovmf": value}}))
case("ovmf named by both", config={"ovmf_variant": "pre202505"})
case("ovmf_variant null", config={"ovmf_variant": None})

# td_hob


def hob(name, value, error=None, **kept):
    case("td_hob " + name, error, doc=lite.document(tdvf={**DOC["tdvf"], "td_hob": value}), **kept)


many = [(0x810 + 2 * i, 1) for i in range(20)]
hob("with many sections", td_hob(sections=many), sections=many)
hob("with sections out of order", td_hob(sections=PAGES[::-1]))
hob("with sections side by side", td_hob(sections=[(0x809, 7), (0x810, 3)]), sections=[(0x809, 7), (0x810, 3)])
hob("from page 0", td_hob(base=0, sections=[(0, 1), (0x809, 1)]), sections=[(0, 1), (0x809, 1)])
hob("of another base", td_hob(base=0x400))
hob("elsewhere", td_hob(hob=0x900), hob=0x900)
hob("of another place than measured", td_hob(hob=0x900), "RTMR0 mismatch", hob=lite.HOB)
hob("with numbers of three bytes", td_hob(base=0, hob=0x12345, sections=[(0x12345, 0x4321)]), sections=[(0x12345, 0x4321)], hob=0x12345)
hob("with a byte behind", td_hob() + b"\0", "")
hob("cut", td_hob()[:-1], "")
hob("with a section less than it says", td_hob()[:2] + b"\3" + td_hob()[3:], "")
hob("empty", b"", "")
hob("a text", "x", "", measured_as=DOC)
hob("with a number that does not end", b"\xff" * 20, "")
hob("with a section beyond memory", td_hob(sections=[(0x809, 1), (0x90000, 1)]), "", measured_as=DOC)

# binding and application
RELEASE = nitro.release_config("tdx", cbor.encode(DOC))
case("no measurement", "tdx_measurement", config={"tdx_measurement": ...})
case("measurement of another cloud", "tdx_measurement", config={"tdx_measurement": ..., "gcp_measurement": RELEASE["tdx_measurement"]})
case("os_image_hash of another release", "hash mismatch", config={"os_image_hash": "11" * 32})
case("os_image_hash in upper case", config={"os_image_hash": RELEASE["os_image_hash"].upper()})
case("listed under gcp", "", checksums=f"{hashlib.sha256(cbor.encode(DOC)).hexdigest()}  measurement.gcp.cbor\n".encode())
case("listed twice", "duplicate", checksums=f"{hashlib.sha256(cbor.encode(DOC)).hexdigest()}  measurement.tdx.cbor\n".encode() * 2)
LEGACY = container.v0("tdx", vec(TDX.quote(DATA, lite.rtmrs(DOC, 2 * GIB) + (measured(EVENTS, "sha384"),), pad=0)) + container.tdx_log(ACPI), EVENTS, DATA,
                      dumps({**RELEASE, "memory_size": 2 * GIB}))
cases.add("legacy needs a download, which is no part of the evidence", LEGACY, expect={"evidence_result": "accept", "image_check": {}})

test_case = cases.test()

"""The rest of the container cases: the old form (1.5), certificates (1.6), configuration (1.8), identities (3.5, 3.6, 7.1, 7.2), what dstack adds to
DCAP, and collateral that does not verify."""

import gzip
import hashlib
import json

from tests.dev import certs, der
from tests.dev.guest import RUNTIME_EVENT, replay
from tests.evidence.container import canonical, identity
from tests.evidence.container_cases import EVENTS, case, evidence, platform, v0, verify
from tests.evidence.dcap import DAY, NOW, PPID, Platform, components, level
from tests.evidence.identity import boot_info

# --- 1.5 ----------------------------------------------------------------------------------------------------------------------------------------


def legacy(name, want, change=lambda log: None, *, text=lambda t: t, quote=lambda q: q, events=EVENTS, p=None, **more):
    def request():
        plat = p or platform(events)
        e = evidence(plat, events)
        log = json.loads(e.legacy_log())
        changed = change(log)
        request_ = verify(plat, quote(e.quote), event_log=text(json.dumps(log if changed is None else changed)), **more)
        return dict(request_, kind="quote-and-event-log")
    case("legacy_" + name, want, request)


def no_log(name, want, value):
    def request():
        p = platform()
        return dict(verify(p, p.quote()), kind="quote-and-event-log", event_log=value)
    case("legacy_" + name, want, request)


DECODE = ("decode", "")
legacy("plain", "accept")
legacy("empty_log", ("quote", "RTMR3"), lambda log: [])
legacy("no_events_at_all", "accept", events=[])
legacy("digests_lie", "accept", lambda log: [dict(e, digest="00" * 48) for e in log])
legacy("digests_absent", "accept", lambda log: [{k: v for k, v in e.items() if k != "digest"} for e in log])
legacy("digests_empty", "accept", lambda log: [dict(e, digest="") for e in log])
legacy("registers_are_not_looked_at", "accept", lambda log: [dict(e, imr=0) for e in log])
legacy("other_types_between", "accept", lambda log: [{"imr": 3, "event_type": 1, "event": "app-id", "event_payload": "00"}] + log + [{"imr": 0, "event_type": 2, "event": "", "event_payload": ""}])
legacy("another_type_does_not_count", ("quote", "RTMR3"), lambda log: [dict(log[0], event_type=RUNTIME_EVENT + 1)] + log[1:])
legacy("hex_upper_case", "accept", lambda log: [dict(e, event_payload=e["event_payload"].upper(), digest=e["digest"].upper()) for e in log])
legacy("unknown_members", "accept", lambda log: [dict(e, x=[{}, None, 1.5], y="") for e in log])
legacy("version_1", "accept", lambda log: [dict(e, version=1) for e in log])
legacy("preimage_null", "accept", lambda log: [dict(e, preimage=None) for e in log])
for key in ("imr", "event_type", "event", "event_payload"):
    legacy(f"without_{key}", DECODE, lambda log, key=key: log[0].pop(key) and None or log)
    legacy(f"null_{key}", DECODE, lambda log, key=key: log[0].update({key: None}))
    legacy(f"twice_{key}", DECODE, text=lambda t, key=key: t.replace("{", "{" + json.dumps(key) + ": " + json.dumps(json.loads(t)[0][key]) + ", ", 1))
for key, values in {"imr": [-1, 1 << 32, 3.0, "3", True], "event_type": [-1, 1 << 32, 1.0, "1"], "event": [1, []], "event_payload": [1, [0], "0x00", "0", "zz", " 00"],
                    "digest": [None, 1, "0x00", "0", "zz"], "version": [0, 3, None, "1", 1.0], "preimage": [1, []]}.items():
    for i, v in enumerate(values):
        legacy(f"{key}_wrong_{i}", DECODE, lambda log, key=key, v=v: log[0].update({key: v}))
legacy("object", DECODE, text=lambda t: '{"events": ' + t + "}")
legacy("text_behind", DECODE, text=lambda t: t + "]")
legacy("nul_behind", DECODE, text=lambda t: t + "\0")
legacy("white_space_around", "accept", text=lambda t: "[" + "\n\t \r" + t[1:] + " \n")
legacy("element_is_text", DECODE, lambda log: log + ["x"])
legacy("element_is_null", DECODE, lambda log: log + [None])
legacy("trailing_comma", DECODE, text=lambda t: t[:-1] + ",]")
legacy("quote_truncated", DECODE, quote=lambda q: q[:600])
legacy("quote_empty", DECODE, quote=lambda q: b"")
legacy("quote_padded", "accept", quote=lambda q: q.ljust(8000, b"\0"))
legacy("quote_of_an_enclave", DECODE, quote=lambda q: Platform(tdx=False).quote())
legacy("version_2_without_preimage", ("quote", ""), lambda log: [dict(log[0], version=2)] + log[1:])
no_log("number", ("io", "event_log"), 5)
no_log("array_in_the_request", "accept", json.loads(evidence(platform()).legacy_log()))
no_log("text_that_is_no_json", DECODE, "/none such")
no_log("absent", ("io", "event log"), None)


def legacy_version2(request_name, want, change=lambda e: None):
    def request():
        text = canonical("only", b"\1")
        digest = hashlib.sha384(text).digest()
        p = platform(r3=replay([digest]))
        event = {"imr": 3, "event_type": RUNTIME_EVENT, "digest": digest.hex(), "event": "only", "event_payload": "01", "version": 2, "preimage": text.hex()}
        change(event)
        return dict(verify(p, p.quote(), event_log=[event]), kind="quote-and-event-log")
    case("legacy_version_2_" + request_name, want, request)


legacy_version2("plain", "accept")
legacy_version2("upper_case", "accept", lambda e: e.update(preimage=e["preimage"].upper(), digest=e["digest"].upper()))
legacy_version2("digest_other", ("quote", "digest"), lambda e: e.update(digest="00" * 48))

# --- 1.6 ----------------------------------------------------------------------------------------------------------------------------------------
KEY, OTHER = certs.ec_key("application", certs.P256), certs.ec_key("another application", certs.P256)
BOUND = hashlib.sha512(b"ratls-cert:" + certs.spki(KEY)).digest()
X = "1.3.6.1.4.1.62397.1."


def certificate(extensions, k=KEY, end=NOW + DAY, **more):
    app = certs.name("app")
    return certs.certificate(subject=app, issuer=app, key=k, signer=k, validity=der.sequence(der.utc(NOW), der.utc(end)), extensions=extensions, **more)


def ext(n, value, layers=2, critical=False):
    return certs.extension(f"{X}{n}", der.octets(value) if layers == 2 else value, critical)


def cert_case(name, want, extensions, *, k=KEY, report_data=BOUND, pem=False, now=True, **more):
    """extensions: a function of the evidence."""
    def request():
        p = platform(report_data=report_data)
        file = certificate(extensions(evidence(p)), k, **more)
        out = dict(verify(p, certs.pem(file) if pem else file), kind="ratls-certificate")
        if not now:
            del out["now"]
        return out
    case("certificate_" + name, want, request)


log = lambda e: e.legacy_log().encode()
cert_case("v0", "accept", lambda e: [ext(8, e.v0())])
cert_case("v1", "accept", lambda e: [ext(8, e.v1())])
cert_case("pem", "accept", lambda e: [ext(8, e.v0())], pem=True)
cert_case("stripped", "accept", lambda e: [ext(8, (setattr(e, "log", [(i, t, b"", n, p) for i, t, d, n, p in e.log]), e.v0())[1])])
cert_case("old", "accept", lambda e: [ext(1, e.quote), ext(2, log(e))])
cert_case("old_in_other_order", "accept", lambda e: [ext(2, log(e)), ext(1, e.quote)])
cert_case("container_and_broken_old_form", "accept", lambda e: [ext(1, b"x"), ext(2, b"x", 1), ext(8, e.v0())])
cert_case("broken_container_and_old_form", DECODE, lambda e: [ext(8, e.v0() + b"\0"), ext(1, e.quote), ext(2, log(e))])
cert_case("empty_container_and_old_form", DECODE, lambda e: [ext(8, b""), ext(1, e.quote), ext(2, log(e))])
cert_case("broken_container_without_a_time", DECODE, lambda e: [ext(8, e.v0() + b"\0")], now=False)
cert_case("without_a_time", "parsed", lambda e: [ext(8, e.v0())], now=False)
cert_case("unknown_format", ("decode", "Unknown attestation wire format"), lambda e: [ext(8, b"\1" + e.v0())])
cert_case("container_in_one_layer", DECODE, lambda e: [ext(8, e.v0(), 1)])
cert_case("container_in_three_layers", DECODE, lambda e: [ext(8, der.octets(e.v0()))])
cert_case("bytes_behind_the_inner_layer", DECODE, lambda e: [ext(8, der.octets(e.v0()) + b"\0", 1)])
cert_case("inner_layer_is_a_bit_string", DECODE, lambda e: [ext(8, der.tlv(3, b"\0" + e.v0()), 1)])
cert_case("quote_without_log", ("decode", "event log"), lambda e: [ext(1, e.quote)])
cert_case("quote_twice", DECODE, lambda e: [ext(1, e.quote), ext(1, e.quote), ext(2, log(e))])
cert_case("log_twice", DECODE, lambda e: [ext(1, e.quote), ext(2, log(e)), ext(2, log(e))])
cert_case("log_in_one_layer", DECODE, lambda e: [ext(1, e.quote), ext(2, log(e), 1)])
cert_case("log_empty", DECODE, lambda e: [ext(1, e.quote), ext(2, b"")])
cert_case("log_of_gzip_is_not_required", DECODE, lambda e: [ext(1, e.quote), ext(2, b"ELGZv1" + gzip.compress(log(e), 9, mtime=0))])
cert_case("log_of_a_gzip_bomb", DECODE, lambda e: [ext(1, e.quote), ext(2, b"ELGZv1" + gzip.compress(bytes(50 << 20), 9, mtime=0))])
cert_case("quote_empty", DECODE, lambda e: [ext(1, b""), ext(2, log(e))])
cert_case("none", "accept", lambda e: [ext(3, b"app"), ext(4, b"usage"), ext(9, b"\x90")])
cert_case("log_alone_is_none", "accept", lambda e: [ext(2, log(e))])
cert_case("longer_identifier_is_none", "accept", lambda e: [certs.extension(f"{X}8.1", der.octets(e.v0()))])
cert_case("bound_to_another_key", ("report-data", "report data"), lambda e: [ext(8, e.v0())], k=OTHER)
cert_case("old_form_bound_to_another_key", ("report-data", "report data"), lambda e: [ext(1, e.quote), ext(2, log(e))], k=OTHER)
cert_case("bound_by_another_tag", ("report-data", "report data"), lambda e: [ext(8, e.v0())], report_data=hashlib.sha512(b"app-data:" + certs.spki(KEY)).digest())
cert_case("bound_by_the_key_alone", ("report-data", "report data"), lambda e: [ext(8, e.v0())], report_data=hashlib.sha512(b"ratls-cert:" + certs.spki(KEY)[26:]).digest())
cert_case("bound_by_sha256", ("report-data", "report data"), lambda e: [ext(8, e.v0())], report_data=hashlib.sha256(b"ratls-cert:" + certs.spki(KEY)).digest() + bytes(32))
cert_case("event_dropped", ("quote", "RTMR3"), lambda e: [ext(8, (e.events.pop(), e.v0())[1])])
cert_case("expired_is_for_tls_to_say", "accept", lambda e: [ext(8, e.v0())], end=NOW - 1)
cert_case("byte_behind_the_certificate", DECODE, lambda e: [ext(8, e.v0())], tail=der.tlv(5))

# --- what dstack adds (2.4), and the collateral ---------------------------------------------------------------------------------------------------
v0("signer_seam", ("quote", "signer seam"), platform_=(lambda p: [p.tcb["tdxModuleIdentities"][0].update(mrsigner="11" * 48), p][1])(platform(mr_signer_seam=b"\x11" * 48)))
v0("td15", "accept", platform_=(lambda p: [setattr(p, "version", 5), setattr(p, "body_type", 3), p][2])(platform()))
v0("td15_service_td", ("quote", "service td"), platform_=(lambda p: [setattr(p, "version", 5), setattr(p, "body_type", 3), p][2])(platform(mr_service_td=b"\1" + bytes(47))))
v0("out_of_date_is_for_policy_to_say", {"tcb_status": "OutOfDate", "advisory_ids": ["INTEL-SA-00001"]}, platform_=(lambda p: [p.tcb.update(tcbLevels=p.tcb["tcbLevels"][1:]), p][1])(platform()))
v0("revoked", ("quote", "Revoked"), platform_=(lambda p: [p.tcb.update(tcbLevels=[level(components(0), 0, components(0), "Revoked")]), p][1])(platform()))
v0("collateral_is_no_json", ("quote", "collateral"), collateral="{")
v0("collateral_lacks_a_member", ("quote", "root_ca_crl"), collateral="{}")
v0("collateral_is_not_asked_for_in_decoding", DECODE, edit=lambda b: b + b"\0", collateral="{")

# --- 1.8 ------------------------------------------------------------------------------------------------------------------------------------------
HASH = "ab" * 32


def config(name, want, text, now=True, hash_=None, **more):
    def request():
        p = platform()
        out = verify(p, evidence(p, config=text).v0(), **more)
        if not now:
            del out["now"]
        return out
    if hash_ is not None:
        want = {"result": "accept" if now else "parsed", "app_info": {"os_image_hash": hash_}}
    case("config_" + name, want, request)


APP = ("app-info", "vm config")
for m, good, bad in [
    ("os_image_hash", ["", "00", "ABcd"], [1, None, [], "0", "zz", "0x0", "0X00", " 00"]), ("cpu_count", [0, (1 << 32) - 1], [1 << 32, -1, "1", 1.0, None]),
    ("memory_size", [0, (1 << 64) - 1], [1 << 64, -1, "1", 1.5, None]), ("qemu_single_pass_add_pages", [True, False, None], [0, "true"]), ("pic", [True, None], [1, "x"]),
    ("qemu_version", ["9.1.0", None], [9]), ("pci_hole64_size", [0], [-1, None, "0"]), ("hugepages", [True, False], [None, 0, "x"]), ("num_gpus", [0], [-1, None, 1 << 32]),
    ("num_nvswitches", [8], [None, "8"]), ("num_nics", [1], [None, -1]), ("num_verity_volumes", [1], [None, -1]), ("swtpm", [True], [None, 1]), ("hotplug_off", [False], [None, 0]),
    ("image", ["x", None], [1]), ("host_share_mode", ["", "9p"], [None, 1]), ("ovmf_variant", ["x", None], [1]), ("tdx_attestation_variant", ["legacy"], ["Lite", "", 1, None]),
    ("spec_version", [2, "x", None, []], []), ("gcp_measurement", [None, {"checksum_file": "YQ==", "measurement": ""}],
     [1, "x", [], {}, {"checksum_file": "YQ=="}, {"checksum_file": "YQ", "measurement": ""}, {"checksum_file": "YQ= =", "measurement": ""}, {"checksum_file": "Y_==", "measurement": ""},
      {"checksum_file": "YR==", "measurement": ""}, {"checksum_file": 1, "measurement": ""}, {"checksum_file": "YQ==", "measurement": None}]), ("unknown", [{}, None, [1]], []),
]:
    for i, v in enumerate(good):
        config(f"{m}_good_{i}", "accept", json.dumps({m: v}))
    for i, v in enumerate(bad):
        config(f"{m}_bad_{i}", APP, json.dumps({m: v}))
    if m not in ("spec_version", "unknown"):
        config(f"{m}_twice", APP, "{" + f'"{m}":{json.dumps(good[0])},' * 2 + '"x":0}')
config("unknown_twice", "accept", '{"x":1,"x":2}')
for name, text in {"array": "[]", "text": '"x"', "null": "null", "blank": " ", "text_behind": "{}{}", "comma": "{,}", "cut": '{"os_image_hash":"00"'}.items():
    config(name, APP, text)
config("hash", None, json.dumps({"os_image_hash": HASH}), hash_=HASH)
config("hash_upper_case", None, json.dumps({"os_image_hash": HASH.upper()}), hash_=HASH)
config("hash_0x", None, json.dumps({"os_image_hash": "0x" + HASH}), hash_=HASH)
config("hash_absent", None, "{}", hash_="")
config("empty", None, "", hash_="")
config("nested_is_not_unwrapped_when_verified", None, json.dumps({"vm_config": json.dumps({"os_image_hash": HASH})}), hash_="")
config("nested_is_unwrapped_in_a_preview", None, json.dumps({"vm_config": json.dumps({"os_image_hash": HASH}), "os_image_hash": "00"}), now=False, hash_=HASH)
config("nested_object_is_not_unwrapped", None, json.dumps({"vm_config": {"os_image_hash": HASH}, "os_image_hash": "00"}), now=False, hash_="00")
config("request_wins", None, json.dumps({"os_image_hash": "00"}), vm_config=json.dumps({"os_image_hash": HASH}), hash_=HASH)
config("empty_request_does_not", None, json.dumps({"os_image_hash": HASH}), vm_config="", hash_=HASH)
config("request_wins_over_a_broken_one", None, "{", vm_config=json.dumps({"os_image_hash": HASH}), hash_=HASH)
config("request_is_broken", APP, "{}", vm_config="{")

# --- 3.5, 3.6, 7.1, 7.2 ---------------------------------------------------------------------------------------------------------------------------


def identified(name, events, **td):
    def expected():
        infos = {flag: identity(platform(events, **td).td, events, PPID, HASH, flag) for flag in (False, True)}
        info = infos[False]
        aug = boot_info("teeVariant", "dstack-tdx", info, "UpToDate") if len(info["app_id"]) == 40 else None
        jan = boot_info("attestationMode", "dstack-tdx", info, "UpToDate")
        return {"result": "accept", "app_info": infos[False], "app_info_boottime_mr": infos[True], "boot_info_aug": aug, "boot_info_jan": jan}

    def request():
        p = platform(events, **td)
        return verify(p, evidence(p, events, json.dumps({"os_image_hash": HASH})).v0())
    case("identity_" + name, expected(), request)


SCRIPT = ("init-script-hash", b"\x51" * 32)
identified("plain", EVENTS)
identified("no_events", [])
identified("init_scripts", EVENTS[:3] + [SCRIPT, ("init-script-hash", b"\x52" * 32)] + EVENTS[3:] + [("init-script-hash", b"late")])
identified("init_script_of_no_bytes", [("init-script-hash", b""), SCRIPT] + EVENTS)
identified("first_of_the_name", EVENTS[:2] + [("app-id", b"\1" * 20), ("compose-hash", b"\2" * 32), ("instance-id", b"\3" * 20), ("key-provider", b"first")] + EVENTS[2:])
identified("nothing_behind_system_ready", [("system-ready", b"")] + EVENTS)
identified("system_ready_with_payload_stops", [EVENTS[0], ("system-ready", b"x")] + EVENTS[1:])
identified("names_are_exact", [("App-id", b"\1" * 20), ("app-id ", b"\1" * 20), ("app-idx", b"\2" * 20), ("system-ready ", b"")] + EVENTS)
identified("no_boot_mr_done", [e for e in EVENTS if e[0] != "boot-mr-done"])
identified("boot_mr_done_twice", EVENTS[:3] + [("boot-mr-done", b"first")] + EVENTS[3:])
identified("key_provider_before_boot_mr_done", [EVENTS[6]] + EVENTS)
identified("key_provider_of_no_bytes", [("key-provider", b"")] + EVENTS)
identified("app_id_of_19_bytes", [("app-id", b"\1" * 19)] + EVENTS)
identified("app_id_of_21_bytes", [("app-id", b"\1" * 21)] + EVENTS)
identified("app_id_of_no_bytes", [("app-id", b"")] + EVENTS)
for field in ("mr_config_id", "mr_owner", "mr_owner_config"):
    identified(f"tail_by_{field}", EVENTS, **{field: bytes(47) + b"\1"})

"""Cases of sections 2.2 to 2.8 that the committed vectors do not have: name, what is changed, what the specification makes of it. A wanted value is
the final status of an accepted quote, or "reject" with a part of the reason ("" for any)."""

import datetime
import hashlib
import json

from tests.evidence.dcap import NOW, point, stamp, svn_level

OK, CASES = "UpToDate", {}


def no(part=""):
    return ("reject", part)


def case(name, want, change, tdx=True, profile=None, now=NOW):
    assert name not in CASES, name
    CASES[name] = (want, change, tdx, profile, now)


def put(**attributes):
    def change(p):
        for k, v in attributes.items():
            setattr(p, k, v)
    return change


def into(part, **values):
    return lambda p: getattr(p, part).update(values)


def chain(*changes):
    return lambda p: [c(p) for c in changes] and None


def cert(role, **values):
    return lambda p: p.certs[role].update(values)


def add_ext(role, *extensions):
    return lambda p: p.certs[role].update(extensions=list(p.certs[role]["extensions"]) + list(extensions))


def crl(which, **values):
    return lambda p: p.crls[which].update(values)


# --- quote layout (2.2) -------------------------------------------------------------------------------------------------------------------
case("outer_certification_type_7", OK, put(outer_type=7))
case("leftover_inside_outer_certification", OK, put(inner_tail=b"left over"))
case("leftover_inside_auth_data", OK, put(auth_tail=b"left over"))
case("leftover_inside_auth_data_v3", OK, put(auth_tail=b"left over"), tdx=False)
case("header_svns_and_user_data_any", OK, put(header_svns=b"\xff\xff\xff\xff", user_data=bytes(range(20))))
case("xfam_any", OK, into("td", xfam=b"\xff" * 8))
case("v5_size_field_zero", OK, put(version=5, body_size=0))
case("v5_size_field_huge", OK, put(version=5, body_type=3, body_size=0xFFFFFFFF))
case("v5_sgx_body_under_sgx", no(), put(version=5, tee=0, body_type=1))
case("v5_td_body_under_sgx", no(), put(version=5, tee=0, body_type=2))
case("v5_body_type_0", no("Failed to decode quote"), put(version=5, body_type=0))
case("v5_body_type_4", no("Failed to decode quote"), put(version=5, body_type=4))
case("v5_service_td_last_byte", no(), chain(put(version=5, body_type=3), into("td", mr_service_td=bytes(47) + b"\1")))
case("version_0", no(), put(version=0))
case("key_type_1", no(), put(key_type=1))
case("vendor_last_byte", no("vendor"), put(vendor=bytes.fromhex("939a7233f79c4ca9940a0db3957f0606")))
case("vendor_other_january", OK, put(vendor=bytes(16)), profile="jan")
case("cert_data_text_around_pem", OK, lambda p: setattr(p, "cert_data", b"text before\n" + p.chain(p.pck_chain).encode() + b"\0text behind"))
case("cert_data_one_mebibyte", OK, lambda p: setattr(p, "cert_data", p.chain(p.pck_chain).encode().ljust((1 << 20) - 1024, b"\0")))
case("cert_data_above_one_mebibyte", no("Failed to decode quote"), lambda p: setattr(p, "cert_data", p.chain(p.pck_chain).encode().ljust(
    (1 << 20) + 1, b"\0")))
case("auth_data_one_mebibyte", OK, lambda p: setattr(p, "auth_tail", bytes((1 << 20) - auth_len(p))))
case("auth_data_above_one_mebibyte", no("Failed to decode quote"), lambda p: setattr(p, "auth_tail", bytes((1 << 20) + 1 - auth_len(p))))
case("cert_type_4", no("Unsupported DCAP PCK cert format"), put(cert_type=4))
case("cert_type_6", no("Unsupported DCAP PCK cert format"), put(cert_type=6))
case("qe_auth_data_empty", no("auth data"), put(auth_data=b""))


def auth_len(p):
    p.pck_chain = p.chain(p.pck_chain)  # signatures differ in length from one making to the next
    q = p.quote()
    at = len(p.body()) + 48
    return int.from_bytes(q[at:at + 4], "little")


case("bound_to_key_and_data_in_other_order", no("hash"), lambda p: setattr(
    p, "bound", hashlib.sha256(p.auth_data + point(p.attestation_key)).digest() + bytes(32)))

# --- attributes (2.8) ---------------------------------------------------------------------------------------------------------------------
for bit in range(64):
    bits = 1 << 28 | 1 << bit
    want = OK if bit in (28, 30, 31, 39) else no("Debug mode" if bit == 0 else "Reserved bits")
    case(f"td_attribute_bit_{bit}", want, into("td", td_attributes=bits.to_bytes(8, "little")))
    if bit < 8:
        case(f"td_attribute_bit_{bit}_january", no("Debug mode"), into("td", td_attributes=bits.to_bytes(8, "little")), profile="jan")
case("td_attributes_zero", no("SEPT_VE_DISABLE"), into("td", td_attributes=bytes(8)))
case("sgx_attributes_all_but_debug", OK, lambda p: setattr(p, "enclave", p.enclave_report(attributes=b"\xfd" + b"\xff" * 15)), tdx=False)
case("sgx_attributes_debug_only", no("Debug mode"), lambda p: setattr(p, "enclave", p.enclave_report(attributes=b"\x02" + bytes(15))), tdx=False)

# --- collateral form (2.3) ----------------------------------------------------------------------------------------------------------------


def json_edit(f):
    return put(raw=f)


def coll(**values):
    return put(collateral=lambda c: {k: v for k, v in dict(c, **values).items() if v != "(gone)"})


def coll_edit(key, f):
    return put(collateral=lambda c: dict(c, **{key: f(c[key])}))


for m in ("root_ca_crl", "pck_crl", "tcb_info_issuer_chain", "tcb_info", "tcb_info_signature", "qe_identity_issuer_chain", "qe_identity",
          "qe_identity_signature", "pck_crl_issuer_chain"):
    case(f"collateral_without_{m}", no(), coll(**{m: "(gone)"}))
    case(f"collateral_{m}_null", no(), coll(**{m: None}))
    case(f"collateral_{m}_twice", no(), json_edit(lambda t, m=m: t[:-1] + f', "{m}": ' + json.dumps(json.loads(t)[m]) + "}"))
case("collateral_pck_chain_null", OK, coll(pck_certificate_chain=None))
case("collateral_pck_chain_empty", OK, coll(pck_certificate_chain=""))
case("collateral_pck_chain_number", no(), coll(pck_certificate_chain=1))
case("collateral_pck_chain_twice", no(), json_edit(lambda t: t[:-1] + ', "pck_certificate_chain": null, "pck_certificate_chain": ""}'))
case("collateral_pck_chain_blank_is_given", no("too short"), coll(pck_certificate_chain=" "))
case("collateral_unknown_members", OK, coll(extra={"a": [1, None, 1.5e3]}, more=True))
case("collateral_hex_upper_case", OK, put(collateral=lambda c: dict(c, root_ca_crl=c["root_ca_crl"].upper(), pck_crl=c["pck_crl"].upper(),
                                                                    tcb_info_signature=c["tcb_info_signature"].upper())))
case("collateral_hex_0x", no(), coll_edit("root_ca_crl", lambda v: "0x" + v))
case("collateral_hex_odd", no(), coll_edit("pck_crl", lambda v: v[:-1]))
case("collateral_hex_blank", no(), coll_edit("pck_crl", lambda v: v + " "))
case("collateral_signature_65_bytes", no(), coll_edit("tcb_info_signature", lambda v: v + "00"))
case("collateral_signature_empty", no(), coll(qe_identity_signature=""))
case("collateral_tcb_info_object", no(), coll_edit("tcb_info", json.loads))
case("collateral_text_behind", no(), json_edit(lambda t: t + "x"))
case("collateral_white_space_around", OK, json_edit(lambda t: "\r\n\t " + t + " \n"))
case("collateral_array", no(), json_edit(lambda t: "[" + t + "]"))
case("collateral_lists_swapped", OK, put(collateral=lambda c: dict(c, root_ca_crl=c["pck_crl"], pck_crl=c["root_ca_crl"])))
case("collateral_two_root_lists", no(), put(collateral=lambda c: dict(c, pck_crl=c["root_ca_crl"])))
case("collateral_chain_crlf", OK, coll_edit("tcb_info_issuer_chain", lambda v: v.replace("\n", "\r\n")))
case("collateral_chain_text_between", OK, coll_edit("tcb_info_issuer_chain", lambda v: v.replace("-----BEGIN", "comment: x\n-----BEGIN")))
case("collateral_chain_broken_base64", no(), coll_edit("tcb_info_issuer_chain", lambda v: v.replace("MII", "M!I", 1)))
case("collateral_chain_unended", no(), coll_edit("qe_identity_issuer_chain", lambda v: v[:v.rindex("-----END")]))

# --- dates (2.4 step 3, trap 11) ----------------------------------------------------------------------------------------------------------


def local(t, minutes, text):
    return datetime.datetime.fromtimestamp(t + 60 * minutes, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + text


DATES = {
    "offset_east": (local(NOW, 330, "+05:30"), True), "offset_west": (local(NOW, -480, "-08:00"), True),
    "offset_east_late": (local(NOW + 1, 330, "+05:30"), False), "fraction": (local(NOW, 0, ".999999999Z"), True),
    "fraction_long": (local(NOW, 0, ".1234567890123Z"), True), "minus_zero": (local(NOW, 0, "-00:00"), True), "lower_case": (local(NOW, 0, "z")
                                                                                                            .replace("T", "t"), True),
    "no_digits_in_fraction": (local(NOW, 0, ".Z"), False), "no_zone": (local(NOW, 0, ""), False), "zone_without_colon": (local(NOW, 0, "+0000"), False),
    "zone_hour_only": (local(NOW, 0, "+00"), False), "date_only": ("2025-01-01", False), "month_13": ("2025-13-01T00:00:00Z", False),
    "february_30": ("2024-02-30T00:00:00Z", False), "february_29": ("2024-02-29T00:00:00Z", True), "february_29_1900": ("1900-02-29T00:00:00Z", False),
    "february_29_2025": ("2025-02-29T00:00:00Z", False), "hour_24": ("2025-01-01T24:00:00Z", False), "minute_60": ("2025-01-01T00:60:00Z", False),
    "second_61": ("2025-01-01T00:00:61Z", False), "year_of_five": ("12025-01-01T00:00:00Z", False), "text_behind": (local(NOW, 0, "Zx"), False),
    "blank_before": (" " + stamp(NOW), False), "one_second_late": (stamp(NOW + 1), False), "year_0001": ("0001-01-01T00:00:00Z", True), "empty": ("", False),
}
for name, (text, good) in DATES.items():
    case(f"tcb_issue_date_{name}", OK if good else no(), into("tcb", issueDate=text))
    case(f"qe_issue_date_{name}", OK if good else no(), into("qe_id", issueDate=text))
for part in ("tcb", "qe_id"):
    case(f"{part}_next_update_now", OK, into(part, nextUpdate=stamp(NOW)))
    case(f"{part}_next_update_a_second_ago", no("expired"), into(part, nextUpdate=stamp(NOW - 1)))
    case(f"{part}_next_update_fraction_of_a_second_ago", no("expired"), into(part, nextUpdate=local(NOW - 1, 0, ".999Z")))
    case(f"{part}_next_update_malformed", no(), into(part, nextUpdate="tomorrow"))
    case(f"{part}_next_update_number", no(), into(part, nextUpdate=NOW))

# --- TCB info as JSON ---------------------------------------------------------------------------------------------------------------------


def tcb_text(f):
    return lambda p: setattr(p, "tcb_text", f(json.dumps(p.tcb, separators=(",", ":"))))


def qe_text(f):
    return lambda p: setattr(p, "qe_text", f(json.dumps(p.qe_id, separators=(",", ":"))))


def without(part, key):
    return lambda p: getattr(p, part).pop(key)


for m in ("id", "version", "issueDate", "nextUpdate", "fmspc", "pceId", "tcbType", "tcbEvaluationDataNumber", "tcbLevels"):
    case(f"tcb_without_{m}", no("Failed to decode TcbInfo"), without("tcb", m))
    case(f"tcb_{m}_null", no("Failed to decode TcbInfo"), into("tcb", **{m: None}))
    case(f"tcb_{m}_twice", no("Failed to decode TcbInfo"), tcb_text(lambda t, m=m: t[:-1] + f',"{m}":' + json.dumps(json.loads(t)[m]) + "}"))
for m in ("id", "version", "issueDate", "nextUpdate", "tcbEvaluationDataNumber", "miscselect", "miscselectMask", "attributes", "attributesMask",
          "mrsigner", "isvprodid", "tcbLevels"):
    case(f"qe_without_{m}", no("Failed to decode QeIdentity"), without("qe_id", m))
    case(f"qe_{m}_null", no("Failed to decode QeIdentity"), into("qe_id", **{m: None}))
for m, values in {"version": [256, -1, "3", 3.0, True], "tcbType": [1 << 32, -1, "0"], "tcbEvaluationDataNumber": [1 << 32, -1, 1.5],
                  "fmspc": ["0x10a06f000000", "10A06F00000", "zz", 1], "pceId": [0], "tcbLevels": [{}, "x", [1]], "tdxModule": [1, [], {}],
                  "tdxModuleIdentities": [{}, [1], [{}]]}.items():
    for i, v in enumerate(values):
        case(f"tcb_{m}_wrong_{i}", no(), into("tcb", **{m: v}))
for m, values in {"version": [256, "2", 2.0], "miscselect": ["000000", "0000000000", "0x00000000", 0], "miscselectMask": ["FFFFFF"],
                  "attributes": ["11" * 15, "11" * 17], "attributesMask": ["FF" * 15], "mrsigner": ["00" * 31, "00" * 33, "0" * 63],
                  "isvprodid": [65536, -1, "2"], "tcbEvaluationDataNumber": [1 << 32]}.items():
    for i, v in enumerate(values):
        case(f"qe_{m}_wrong_{i}", no("Failed to decode QeIdentity"), into("qe_id", **{m: v}))
case("tcb_hex_mixed_case", OK, into("tcb", fmspc="10a06F000000"))
case("tcb_type_largest", OK, into("tcb", tcbType=(1 << 32) - 1, tcbEvaluationDataNumber=(1 << 32) - 1))
case("tcb_version_255", OK, into("tcb", version=255))
case("tcb_module_null", no("tdxModule"), into("tcb", tdxModule=None))
case("tcb_module_null_sgx", OK, into("tcb", tdxModule=None), tdx=False)
for m, v in {"mrsigner": "00" * 47, "attributes": "00" * 7, "attributesMask": "FF" * 9}.items():
    case(f"module_{m}_wrong_length", no("Failed to decode TcbInfo"), lambda p, m=m, v=v: p.tcb["tdxModule"].update({m: v}))
    case(f"module_identity_{m}_wrong_length", no("Failed to decode TcbInfo"), lambda p, m=m, v=v: p.tcb["tdxModuleIdentities"][0].update({m: v}))
    case(f"module_without_{m}", no("Failed to decode TcbInfo"), lambda p, m=m: p.tcb["tdxModule"].pop(m))
case("module_identity_without_levels", no("Failed to decode TcbInfo"), lambda p: p.tcb["tdxModuleIdentities"][0].pop("tcbLevels"))
case("module_identity_isvsvn_256", no("Failed to decode TcbInfo"), lambda p: p.tcb["tdxModuleIdentities"][0].update(tcbLevels=[svn_level(256)]))
case("qe_level_isvsvn_65536", no("Failed to decode QeIdentity"), lambda p: p.qe_id["tcbLevels"][1]["tcb"].update(isvsvn=65536))
case("qe_level_isvsvn_missing", no("Failed to decode QeIdentity"), lambda p: p.qe_id["tcbLevels"][1].update(tcb={}))


def level_edit(i, f):
    return lambda p: f(p.tcb["tcbLevels"][i])


for m in ("tcb", "tcbDate", "tcbStatus"):
    case(f"level_without_{m}", no("Failed to decode TcbInfo"), level_edit(1, lambda l, m=m: l.pop(m)))
for m in ("sgxtcbcomponents", "pcesvn"):
    case(f"level_tcb_without_{m}", no("Failed to decode TcbInfo"), level_edit(1, lambda l, m=m: l["tcb"].pop(m)))
case("level_status_other_case", no("Failed to decode TcbInfo"), level_edit(1, lambda l: l.update(tcbStatus="outOfDate")))
case("level_status_empty", no("Failed to decode TcbInfo"), level_edit(1, lambda l: l.update(tcbStatus="")))
case("level_date_any_text", OK, level_edit(1, lambda l: l.update(tcbDate="never")))
case("level_advisories_text", no("Failed to decode TcbInfo"), level_edit(1, lambda l: l.update(advisoryIDs="INTEL")))
case("level_advisory_number", no("Failed to decode TcbInfo"), level_edit(1, lambda l: l.update(advisoryIDs=[1])))
case("level_svn_text", no("Failed to decode TcbInfo"), level_edit(1, lambda l: l["tcb"]["sgxtcbcomponents"].__setitem__(3, {"svn": "5"})))
case("level_svn_negative", no("Failed to decode TcbInfo"), level_edit(1, lambda l: l["tcb"]["sgxtcbcomponents"].__setitem__(3, {"svn": -1})))
case("level_svn_missing", no("Failed to decode TcbInfo"), level_edit(1, lambda l: l["tcb"]["tdxtcbcomponents"].__setitem__(3, {"category": "x"})))
case("level_component_other_members", OK, level_edit(0, lambda l: l["tcb"]["sgxtcbcomponents"].__setitem__(
    3, {"svn": 8, "category": "BIOS", "type": "Early Microcode Update"})))
case("level_pcesvn_65536", no("Failed to decode TcbInfo"), level_edit(1, lambda l: l["tcb"].update(pcesvn=65536)))
case("level_member_twice", no("Failed to decode TcbInfo"), tcb_text(lambda t: t.replace('"pcesvn":13', '"pcesvn":13,"pcesvn":13')))
for name, f, good in [
    ("exponent", lambda t: t.replace('"pcesvn":13', '"pcesvn":13e0'), False), ("plus", lambda t: t.replace('"pcesvn":13', '"pcesvn":+13'), False),
    ("leading_zero", lambda t: t.replace('"pcesvn":13', '"pcesvn":013'), False), ("hexadecimal", lambda t: t.replace('"pcesvn":13', '"pcesvn":0xd'), False),
    ("trailing_comma", lambda t: t[:-1] + ",}", False), ("comment", lambda t: "/* */" + t, False), ("single_quotes", lambda t: t.replace('"', "'"), False),
    ("blank_before", lambda t: " \n\t\r" + t, True), ("byte_order_mark", lambda t: "\ufeff" + t, False), ("no_break_space", lambda t: t + "\u00a0", False),
    ("form_feed", lambda t: t + "\f", False), ("blanks_between", lambda t: t.replace(",", " ,\n").replace('":', '" :\t'), True),
    ("escaped_value", lambda t: t.replace('"id":"TDX"', '"id":"\\u0054D\\u0058"'), True), ("escape_of_solidus", lambda t: t[:-1] + ',"x":"\\/"}', True),
    ("unknown_escape", lambda t: t[:-1] + ',"x":"\\a"}', False), ("surrogate_pair", lambda t: t[:-1] + ',"x":"\\ud83d\\ude00"}', True),
    ("lone_surrogate", lambda t: t[:-1] + ',"x":"\\ud83d"}', False), ("surrogates_in_wrong_order", lambda t: t[:-1] + ',"x":"\\ude00\\ud83d"}', False),
    ("control_character", lambda t: t[:-1] + ',"x":"a\nb"}', False), ("delete_character", lambda t: t[:-1] + ',"x":"a\x7fb"}', True),
    ("nul_escape", lambda t: t[:-1] + ',"x":"\\u0000"}', True), ("nan", lambda t: t[:-1] + ',"x":NaN}', False), ("big_number", lambda t: t[:-1] + ',"x":1e400}', None),
    ("array", lambda t: "[" + t + "]", False), ("two_values", lambda t: t + "{}", False), ("cut", lambda t: t[:-1], False), ("word_in_capitals", lambda t: t[:-1] + ',"x":True}', False),
    ("unknown_not_ascii", lambda t: t[:-1] + ',"\u00e9":"\u20ac\U0001f600"}', True), ("deep_unknown", lambda t: t[:-1] + ',"x":' + "[" * 20 + "]" * 20 + "}", True),
]:
    if good is not None:
        case(f"tcb_json_{name}", OK if good else no(), tcb_text(f))
        if name not in ("exponent", "plus", "leading_zero", "hexadecimal", "escaped_value"):
            case(f"qe_json_{name}", OK if good else no(), qe_text(f))

"""The rest of the cases: levels, modules, quoting enclave, certificates, revocation lists, the PCK extension (2.4 to 2.7)."""

from tests.dev import certs, der, rsa8192
from tests.evidence.dcap import CA, DAY, FMSPC, NOW, PCK_CRL_URI, PPID, ROOT, ROOT_CRL_URI, SGX, components, level, member, svn_level
from tests.evidence.dcap_cases import OK, add_ext, case, cert, chain, crl, into, no, put

ALL_WORDS = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate", "OutOfDateConfigurationNeeded", "Revoked"]


def levels(*list_):
    return into("tcb", tcbLevels=list(list_))


def identity(**values):
    return lambda p: p.tcb["tdxModuleIdentities"][0].update(values)


# --- platform levels ------------------------------------------------------------------------------------------------------------------------
for i, a in enumerate(ALL_WORDS):
    for j, b in enumerate(ALL_WORDS):
        worst = ALL_WORDS[max(i, j)]
        want = no("Revoked") if worst == "Revoked" else worst
        case(f"merge_{a}_{b}", want, chain(levels(level(components(8), 13, components(4), a)), into("qe_id", tcbLevels=[svn_level(8, b)])))
    want = no("Revoked") if a == "Revoked" else a
    case(f"module_status_{a}", want, identity(tcbLevels=[svn_level(4, a)]))
case("level_equal_to_the_last_component", OK, levels(level(components(*[0] * 15, 8), 13, components(*[0] * 15, 4))))
case("level_last_component_above", no("No matching TCB level"), levels(level(components(*[0] * 15, 9), 13, components(4))))
case("level_last_tdx_component_above", no("No matching TCB level"), levels(level(components(8), 13, components(*[4] * 15, 5))))
case("level_pcesvn_one_above", no("No matching TCB level"), levels(level(components(8), 14, components(4))))
case("level_zero_components", OK, levels(level(components(0), 0, components(0))))
case("sort_by_bytes_of_the_list", "OutOfDate", levels(level(components(7, *[8] * 15), 13, components(4)), level(components(8, *[0] * 15), 13, components(4), "OutOfDate")))
case("sort_january_is_document_order", OK, levels(level(components(7, *[8] * 15), 13, components(4)), level(components(8, *[0] * 15), 13, components(4), "OutOfDate")), profile="jan")
case("sort_by_pcesvn_second", OK, levels(level(components(8), 3, components(4), "OutOfDate"), level(components(8), 13, components(1))))
case("sort_pcesvn_before_tdx", OK, levels(level(components(8), 3, components(4), "OutOfDate"), level(components(8), 4, components(0))))
case("sort_is_stable", OK, levels(level(components(8), 13, components(4)), level(components(8), 13, components(4), "OutOfDate")))
case("sort_is_stable_2", "OutOfDate", levels(level(components(8), 13, components(4), "OutOfDate"), level(components(8), 13, components(4))))
case("sort_sgx_ignores_tdx_components", "OutOfDate", levels(level(components(8), 13, components(1), "OutOfDate"), level(components(8), 13, components(9))), tdx=False)
case("sgx_ignores_missing_tdx_components", OK, levels(level(components(8), 13)), tdx=False)
case("components_17", no("component count"), levels(level(components(*[8] * 17), 13, components(4))))
case("components_none", no("component count"), levels(level([], 13, components(4))))
case("components_none_behind_pcesvn", OK, levels(level([], 14, components(4)), level(components(8), 13, components(4))))
case("components_15_january", OK, levels(level(components(*[8] * 15), 13, components(*[4] * 15))), profile="jan")
case("components_none_january", no("component count"), levels(level([], 13, components(4))), profile="jan")
case("tdx_components_17", no("component count"), levels(level(components(8), 13, components(*[4] * 17))))
case("tdx_components_short_where_sgx_fails", "OutOfDate", levels(level(components(9), 13, components(*[4] * 15)), level(components(8), 13, components(4), "OutOfDate")))
case("tcb_id_lower_case", no("non-TDX"), into("tcb", id="tdx"))
case("fmspc_seven_bytes", no("Fmspc"), into("tcb", fmspc="10A06F00000000"))
case("fmspc_empty", no("Fmspc"), into("tcb", fmspc=""))
case("sgx_tcb_version_1", no("non-SGX"), into("tcb", version=1), tdx=False)
case("tcb_td_level_by_svn_not_svn2", OK, chain(put(version=5, body_type=3), into("td", tee_tcb_svn2=bytes(16))))

# --- TDX module (2.7) -----------------------------------------------------------------------------------------------------------------------


def svn(a, b):
    return chain(into("td", tee_tcb_svn=bytes([a, b]) + bytes([4] * 14)), levels(level(components(8), 13, components(*[0] * 16))))


OTHER = "11" * 48
case("module_identity_values_win", OK, lambda p: p.tcb["tdxModule"].update(mrsigner=OTHER))
case("module_identity_signer_other", no("MRSIGNER"), identity(mrsigner=OTHER))
case("module_version_0_uses_the_base", no("MRSIGNER"), chain(svn(4, 0), lambda p: p.tcb["tdxModule"].update(mrsigner=OTHER)))
case("module_version_0_has_no_levels", OK, chain(svn(0, 0), identity(mrsigner=OTHER)))
case("module_version_10", OK, chain(svn(4, 10), identity(id="TDX_0A")))
case("module_version_10_lower_case", OK, chain(svn(4, 10), identity(id="tdx_0a")))
case("module_version_10_decimal", no("identity"), chain(svn(4, 10), identity(id="TDX_10")))
case("module_version_255", OK, chain(svn(4, 255), identity(id="TDX_FF")))
case("module_id_longer", no("identity"), identity(id="TDX_004"))
case("module_first_identity_counts", "OutOfDate", lambda p: p.tcb.update(tdxModuleIdentities=[dict(p.tcb["tdxModuleIdentities"][0], tcbLevels=[svn_level(0, "OutOfDate")])] + p.tcb["tdxModuleIdentities"]))
case("module_levels_in_document_order", "OutOfDate", identity(tcbLevels=[svn_level(1, "OutOfDate"), svn_level(4)]))
case("module_level_equal", OK, chain(svn(9, 4), identity(tcbLevels=[svn_level(9)])))
case("module_level_below", no("ISVSVN"), chain(svn(8, 4), identity(tcbLevels=[svn_level(9)])))
case("module_no_levels", no(), identity(tcbLevels=[]))
case("module_identities_absent", OK, lambda p: p.tcb.pop("tdxModuleIdentities"))
case("module_attributes_in_mask", OK, chain(into("td", seam_attributes=b"\1" + bytes(7)), identity(attributes="01" + "00" * 7)))
case("module_attributes_last_bit", no("SEAMATTRIBUTES"), into("td", seam_attributes=bytes(7) + b"\x80"))
case("module_attributes_expected_outside_mask", OK, identity(attributes="FF" * 8, attributesMask="00" * 8))
case("module_missing_january", OK, lambda p: [p.tcb.pop("tdxModule"), p.tcb.pop("tdxModuleIdentities")] and None, profile="jan")
case("module_signer_other_january", OK, identity(mrsigner=OTHER), profile="jan")

# --- QE identity ------------------------------------------------------------------------------------------------------------------------------
for id_, version, good in (("TD_QE", 1, False), ("TD_QE", 4, False), ("TD_QE", 0, False), ("td_qe", 2, False), ("QE", 2, False), ("TD_QE ", 2, False)):
    case(f"qe_identity_{id_}_{version}", OK if good else no("QE Identity id/version"), into("qe_id", id=id_, version=version))
case("sgx_qe_identity_version_1", no("QE Identity id/version"), into("qe_id", version=1), tdx=False)
case("qe_isvsvn_equals_second_level", "OutOfDate", into("qe", isv_svn=4))
case("qe_isvsvn_65535", OK, into("qe", isv_svn=65535))
case("qe_misc_mask_high_byte", no("MISCSELECT"), into("qe", misc_select=0x80000000))
case("qe_misc_mask_byte_order", OK, chain(into("qe", misc_select=0x01000000), into("qe_id", miscselectMask="FFFFFF00")))
case("qe_misc_expected_outside_mask", OK, into("qe_id", miscselect="FFFFFFFF", miscselectMask="00000000"))
case("qe_attributes_last_byte", no("ATTRIBUTES"), chain(into("qe", attributes=b"\x11" + bytes(14) + b"\1"), into("qe_id", attributesMask="FF" * 16)))
case("qe_debug_expected_by_identity", no("Debug"), chain(into("qe", attributes=b"\x13" + bytes(15)), into("qe_id", attributes="13" + "00" * 15, attributesMask="FF" * 16)))
case("qe_prod_id_high_byte", no("ISVPRODID"), into("qe", isv_prod_id=0x0102))

# --- certificates (2.5) -----------------------------------------------------------------------------------------------------------------------
for role in ("signer", "pck", "ca"):
    case(f"{role}_not_before_now", OK, cert(role, not_before=der.utc(NOW)))
    case(f"{role}_not_before_a_second_late", no("CertNotValidYet"), cert(role, not_before=der.utc(NOW + 1)))
    case(f"{role}_not_after_now", OK, cert(role, not_after=der.utc(NOW)))
    case(f"{role}_not_after_a_second_ago", no("CertExpired"), cert(role, not_after=der.utc(NOW - 1)))
    case(f"{role}_generalized_time", OK, cert(role, not_before=der.general(NOW - DAY), not_after=der.general(NOW + DAY)))
    case(f"{role}_unknown_critical", no(), add_ext(role, certs.extension("1.2.3.4", b"x", True)))
    case(f"{role}_unknown_not_critical", OK, add_ext(role, certs.extension("1.2.3.4", b"x")))
    case(f"{role}_certificate_policies_critical", no(), add_ext(role, certs.extension("2.5.29.32", der.sequence(der.sequence(der.oid("2.5.29.32.0"))), True)))
    case(f"{role}_key_identifiers", OK, add_ext(role, certs.extension("2.5.29.14", der.octets(bytes(20))), certs.extension("2.5.29.35", der.sequence(der.tlv(0x80, bytes(20))))))
    case(f"{role}_key_identifier_critical", no(), add_ext(role, certs.extension("2.5.29.14", der.octets(bytes(20)), True)))
    case(f"{role}_san_critical", OK, add_ext(role, certs.extension("2.5.29.17", der.sequence(der.tlv(0x82, b"a.test")), True)))
    case(f"{role}_eku_server_and_other", OK, add_ext(role, certs.purposes("1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1")))
    case(f"{role}_eku_client_only", no("Eku"), add_ext(role, certs.purposes("1.3.6.1.5.5.7.3.2")))
    case(f"{role}_eku_any", no("Eku"), add_ext(role, certs.purposes("2.5.29.37.0")))
    case(f"{role}_eku_empty", no(), add_ext(role, certs.purposes()))
    case(f"{role}_eku_prefix", no("Eku"), add_ext(role, certs.purposes("1.3.6.1.5.5.7.3.1.1")))
    for arc, value in ((15, der.tlv(3, b"\0\x86")), (31, der.sequence(certs.point(ROOT_CRL_URI)))):
        case(f"{role}_extension_{arc}_twice", no(), add_ext(role, certs.extension(f"2.5.29.{arc}", value)))
    case(f"{role}_unknown_twice", OK, add_ext(role, certs.extension("1.2.3.4", b"x"), certs.extension("1.2.3.4", b"y")))
    case(f"{role}_unique_id", no(), cert(role, unique_id=der.tlv(0x82, b"\0\1")))
    case(f"{role}_serial_zero", OK, cert(role, serial=der.integer(0)))
    case(f"{role}_serial_negative", OK, cert(role, serial=der.tlv(2, b"\x80\1")))
    case(f"{role}_serial_21_octets", OK, cert(role, serial=der.tlv(2, b"\x01" * 21)))
    case(f"{role}_version_2", no(), cert(role, version=der.tlv(0xA0, der.integer(1))))
    case(f"{role}_version_4", no(), cert(role, version=der.tlv(0xA0, der.integer(3))))
    case(f"{role}_algorithm_with_null", no(), cert(role, **dict.fromkeys(("inner", "outer"), der.sequence(der.oid("1.2.840.10045.4.3.2"), der.NULL))))
    case(f"{role}_sha384_by_p256", OK, cert(role, algorithm="ecdsa-sha384"))
    case(f"{role}_sha512_by_p256", no(), cert(role, algorithm="ecdsa-sha512"))
    case(f"{role}_sha1", no(), cert(role, algorithm="ecdsa-sha1"))
    for label, bad in (("without_seconds", b"2601010000Z"), ("with_offset", b"260101000000+0000"), ("month_13", b"261301000000Z"), ("day_31", b"260431000000Z")):
        case(f"{role}_time_{label}", no(), cert(role, not_before=der.tlv(0x17, bad)))
    case(f"{role}_time_fraction", no(), cert(role, not_before=der.tlv(0x18, b"20260101000000.5Z")))
    case(f"{role}_critical_false_written", OK, add_ext(role, der.sequence(der.oid("1.2.3.4"), der.tlv(1, b"\0"), der.octets(b""))))
    case(f"{role}_extension_of_four_parts", no(), add_ext(role, der.sequence(der.oid("1.2.3.4"), der.octets(b""), der.octets(b""))))
case("pck_no_basic_constraints", OK, lambda p: p.certs["pck"].update(extensions=p.certs["pck"]["extensions"][1:]))
case("signer_no_extensions", OK, cert("signer", extensions=[]))
case("signer_path_len_without_ca", OK, lambda p: p.certs["signer"].update(extensions=[certs.basic(False, 0)]))
case("ca_path_len_absent", OK, lambda p: p.certs["ca"]["extensions"].__setitem__(0, certs.basic(True)))
case("ca_path_len_negative", no(), lambda p: p.certs["ca"]["extensions"].__setitem__(0, certs.basic(True, -1)))
case("ca_basic_constraints_trailing", no(), lambda p: p.certs["ca"]["extensions"].__setitem__(0, certs.extension("2.5.29.19", der.sequence(der.tlv(1, b"\xff"), der.integer(0), der.integer(0)), True)))
case("ca_key_usage_without_crl_sign", no("IssuerNotCrlSigner"), lambda p: p.certs["ca"]["extensions"].__setitem__(1, certs.key_usage(5)))
case("ca_key_usage_without_cert_sign", OK, lambda p: p.certs["ca"]["extensions"].__setitem__(1, certs.key_usage(6)))
case("ca_key_usage_absent", OK, lambda p: p.certs["ca"]["extensions"].pop(1))
case("root_key_usage_nothing", OK, lambda p: p.certs["root"]["extensions"].__setitem__(1, certs.key_usage(0)))
case("root_expired", OK, cert("root", not_after=der.utc(NOW - 1)))
case("root_eku_other", OK, add_ext("root", certs.purposes("1.3.6.1.5.5.7.3.2")))
case("root_path_len_0", OK, lambda p: p.certs["root"]["extensions"].__setitem__(0, certs.basic(True, 0)))
case("root_signature_wrong", OK, lambda p: p.certs.update(root=dict(p.certs["root"], signer=certs.ec_key("nobody", certs.P256))))
case("chain_leaf_last", no(), put(tcb_chain=["root", "signer"]))
case("chain_leaf_twice", OK, put(pck_chain=["pck", "pck", "ca"]))
case("chain_other_leaf_in_pool", OK, put(pck_chain=["pck", "signer", "ca", "root"]))
case("chain_only_leaf_and_unrelated", OK, put(tcb_chain=["signer", "ca"]))
case("chain_15_certificates", OK, put(tcb_chain=["signer"] + ["root"] * 14))
case("chain_pool_garbage", OK, put(tcb_chain=["signer", b"no certificate", "root"]))
case("chain_leaf_garbage", no(), put(tcb_chain=[b"no certificate", "signer", "root"]))
case("chain_leaf_trailing_byte", no(), lambda p: setattr(p, "tcb_chain", [p.cert("signer") + b"\0", p.cert("root")]))
case("issuer_name_other_case", no(), cert("signer", issuer=certs.name("TEST SGX ROOT")))


def keyed(role, k, algorithm=None):
    """Another kind of key for an issuer; what it signs follows."""
    def change(p):
        p.certs[role]["key"] = k
        for r in {"root": ("root", "ca", "signer"), "ca": ("pck",)}[role]:
            p.certs[r].update(signer=k, algorithm=algorithm)
        p.crls["root" if role == "root" else "pck"].update(signer=k, algorithm=algorithm)
    return change


case("root_p384", OK, keyed("root", certs.ec_key("root384", certs.P384)))
case("root_p384_sha256", OK, keyed("root", certs.ec_key("root384", certs.P384), "ecdsa-sha256"))
case("root_p521", no(), keyed("root", certs.ec_key("root521", certs.P521), "ecdsa-sha512"))
case("ca_p384", OK, keyed("ca", certs.ec_key("ca384", certs.P384)))
for h in ("sha256", "sha384", "sha512"):
    case(f"root_rsa_2048_{h}", OK, keyed("root", certs.rsa_key("evidence"), f"rsa-{h}"))
    case(f"ca_rsa_2048_pss_{h}", OK, keyed("ca", certs.rsa_key("evidence"), f"pss-{h}"))
case("root_rsa_8192", OK, keyed("root", rsa8192.Key(), "rsa-sha512"))
ED = certs.ed_key("root")
case("root_ed25519", OK, keyed("root", ED))
case("ca_ed25519", OK, keyed("ca", certs.ed_key("ca")))
case("ca_ed25519_other", no("InvalidSignatureForPublicKey"), lambda p: [keyed("ca", ED)(p), p.certs["pck"].update(signer=certs.ed_key("other"))] and None)
case("ca_ed25519_with_null", no(), lambda p: [keyed("ca", ED)(p), p.certs["pck"].update(dict.fromkeys(("inner", "outer"), der.sequence(der.oid("1.3.101.112"), der.tlv(5))))] and None)
case("pck_ed25519", no("Signature is invalid for qe_report"), cert("pck", key=ED))
case("signer_ed25519", no("Signature is invalid for tcb_info"), cert("signer", key=ED))
case("root_rsa_1024", no(), keyed("root", certs.rsa_key("evidence", 1024)))
case("root_rsa_sha1", no(), keyed("root", certs.rsa_key("evidence"), "rsa-sha1"))
case("signer_p384", no("Signature is invalid for tcb_info"), cert("signer", key=certs.ec_key("signer384", certs.P384)))
case("pck_p384", no("Signature is invalid for qe_report"), cert("pck", key=certs.ec_key("pck384", certs.P384)))

# --- revocation lists ---------------------------------------------------------------------------------------------------------------------------
PCK_SERIAL, CA_SERIAL = der.integer(0x7103), der.integer(0x7102)
OTHER_SERIAL = der.integer(99)


def idp(*parts, critical=True):
    return [certs.CRL_NUMBER, certs.extension("2.5.29.28", der.sequence(*parts), critical)]


def full_name(*names):
    return der.tlv(0xA0, der.tlv(0xA0, *names))


case("crl_next_update_now", no("CrlExpired"), crl("pck", next_update=der.utc(NOW)))
case("crl_next_update_next_second", OK, crl("pck", next_update=der.utc(NOW + 1)))
case("crl_next_update_generalized", OK, crl("pck", next_update=der.general(NOW + 1)))
case("crl_this_update_far_ahead", OK, crl("pck", this_update=der.utc(NOW + 20 * DAY)))
for which, serial in (("pck", PCK_SERIAL), ("root", CA_SERIAL)):
    case(f"crl_{which}_second_entry", no("CertRevoked"), crl(which, entries=[certs.entry(OTHER_SERIAL), certs.entry(serial)]))
    case(f"crl_{which}_revoked_in_future", no("CertRevoked"), crl(which, entries=[certs.entry(serial, when=der.utc(NOW + DAY))]))
    case(f"crl_{which}_serial_with_leading_zero", OK, crl(which, entries=[certs.entry(der.tlv(2, b"\0" + serial[2:]))]))
    case(f"crl_{which}_empty_list", OK, crl(which, entry_list=der.sequence()))
    case(f"crl_{which}_number_absent", OK, crl(which, extensions=[certs.extension("2.5.29.35", der.sequence(der.tlv(0x80, bytes(20))))]))
    case(f"crl_{which}_number_20_octets", OK, crl(which, extensions=[certs.extension("2.5.29.20", der.tlv(2, b"\x7f" * 20))]))
    case(f"crl_{which}_unknown_critical", no(), crl(which, extensions=[certs.CRL_NUMBER, certs.extension("1.2.3", b"", True)]))
    case(f"crl_{which}_entry_unknown_critical", no(), crl(which, entries=[certs.entry(OTHER_SERIAL, [certs.extension("1.2.3", b"", True)])]))
    case(f"crl_{which}_entry_unknown", OK, crl(which, entries=[certs.entry(OTHER_SERIAL, [certs.extension("1.2.3", b"")])]))
    case(f"crl_{which}_delta", no(), crl(which, extensions=[certs.CRL_NUMBER, certs.extension("2.5.29.27", der.integer(1), True)]))
    case(f"crl_{which}_version_absent", no(), crl(which, version=b""))
    case(f"crl_{which}_version_3", no(), crl(which, version=der.integer(2)))
    case(f"crl_{which}_next_update_absent", no(), crl(which, next_update=b""))
    case(f"crl_{which}_no_extensions", no(), crl(which, extensions=None))
    case(f"crl_{which}_inner_algorithm", no(), crl(which, inner=certs.ALGORITHMS["ecdsa-sha384"][0]))
    case(f"crl_{which}_idp_without_name", no(), crl(which, extensions=idp()))
    case(f"crl_{which}_idp_directory_name", no(), crl(which, extensions=idp(full_name(der.tlv(0xA4, ROOT)))))
    case(f"crl_{which}_idp_indirect", no(), crl(which, extensions=idp(full_name(certs.uri(ROOT_CRL_URI)), der.tlv(0x84, b"\xff"))))
    case(f"crl_{which}_idp_attributes_only", no(), crl(which, extensions=idp(full_name(certs.uri(ROOT_CRL_URI)), der.tlv(0x85, b"\xff"))))
    case(f"crl_{which}_idp_reasons", no(), crl(which, extensions=idp(full_name(certs.uri(ROOT_CRL_URI)), der.tlv(0x83, b"\x07\x80"))))
case("crl_other_serial_of_same_beginning", OK, crl("pck", entries=[certs.entry(der.tlv(2, PCK_SERIAL[2:] + b"\0"))]))
IDP = lambda uri, *flags: idp(full_name(certs.uri(uri)), *flags)
USER, ONLY_CA = der.tlv(0x81, b"\xff"), der.tlv(0x82, b"\xff")


def points(role, *list_):
    return lambda p: p.certs[role].update(extensions=p.certs[role]["extensions"][:2] + [certs.crl_points(*list_)])


case("idp_of_another_point", no("UnknownRevocationStatus"), crl("pck", extensions=IDP("https://pki.test/other.crl")))
case("idp_other_case", no("UnknownRevocationStatus"), crl("pck", extensions=IDP(PCK_CRL_URI.upper())))
case("idp_second_point", OK, chain(crl("pck", extensions=IDP(PCK_CRL_URI)), points("pck", certs.point("https://pki.test/x"), certs.point(PCK_CRL_URI))))
case("idp_second_name_of_the_point", OK, chain(crl("pck", extensions=IDP(PCK_CRL_URI)), points("pck", certs.point("https://pki.test/x", PCK_CRL_URI))))
case("idp_second_point_revoked", no("CertRevoked"), chain(crl("pck", extensions=IDP(PCK_CRL_URI), entries=[certs.entry(PCK_SERIAL)]), points("pck", certs.point("https://pki.test/x"), certs.point(PCK_CRL_URI))))
case("idp_point_with_reasons", no("UnknownRevocationStatus"), chain(crl("pck", extensions=IDP(PCK_CRL_URI)), points("pck", certs.point(PCK_CRL_URI, reasons=b"\x07\x80"))))
case("idp_point_with_issuer", no("UnknownRevocationStatus"), chain(crl("pck", extensions=IDP(PCK_CRL_URI)), points("pck", certs.point(PCK_CRL_URI, issuer=CA))))
case("idp_no_points", OK, chain(crl("pck", extensions=IDP("https://pki.test/other.crl")), lambda p: p.certs["pck"].update(extensions=p.certs["pck"]["extensions"][:2])))
case("idp_user_only_for_leaf", OK, crl("pck", extensions=IDP(PCK_CRL_URI, USER)))
case("idp_ca_only_for_leaf", no("UnknownRevocationStatus"), crl("pck", extensions=IDP(PCK_CRL_URI, ONLY_CA)))
case("idp_user_only_for_ca", no("UnknownRevocationStatus"), crl("root", extensions=IDP(ROOT_CRL_URI, USER)))
case("idp_not_critical", OK, crl("pck", extensions=idp(full_name(certs.uri(PCK_CRL_URI)), critical=False)))

# --- the Intel extension (2.6) ------------------------------------------------------------------------------------------------------------------


def sgx(**values):
    return lambda p: p.sgx.update(values)


def sgx_drop(name):
    return lambda p: p.sgx.pop(name)


def tcb_member(i, value):
    return lambda p: p.sgx["tcb"].__setitem__(i, value)


for name in ("ppid", "tcb", "pce_id", "fmspc", "type"):
    case(f"pck_without_{name}", no(), sgx_drop(name))
for name in ("platform", "configuration"):
    case(f"pck_without_{name}", OK, sgx_drop(name))
for name, arc in (("ppid", 1), ("pce_id", 3), ("fmspc", 4), ("type", 5), ("platform", 6), ("configuration", 7)):
    case(f"pck_{name}_twice", no(), lambda p, name=name: p.sgx.update(again=p.sgx[name]))
for i in (0, 15, 16, 17):
    case(f"pck_tcb_{i + 1}_twice", no(), lambda p, i=i: p.sgx["tcb"].append(p.sgx["tcb"][i]))
case("pck_unknown_member_twice", no(), sgx(x=member(8, der.octets(b"")), y=member(8, der.octets(b""))))
case("pck_unknown_member", OK, sgx(x=member(8, der.octets(b"x")), y=der.sequence(der.oid("1.2.3"), der.integer(5))))
case("pck_extra_element_in_member", no(), sgx(fmspc=der.sequence(der.oid(f"{SGX}.4"), der.octets(FMSPC), der.integer(1))))
case("pck_ppid_17_bytes", no(), sgx(ppid=member(1, der.octets(PPID + b"\0"))))
case("pck_fmspc_5_bytes", no(), sgx(fmspc=member(4, der.octets(FMSPC[:5]))))
case("pck_pce_id_3_bytes", no(), sgx(pce_id=member(3, der.octets(b"\0\0\0"))))
case("pck_type_integer", no(), sgx(type=member(5, der.integer(1))))
case("pck_cpusvn_15_bytes", no(), tcb_member(17, member("2.18", der.octets(bytes([8] * 15)))))
case("pck_cpusvn_counts_not_components", OK, lambda p: p.sgx.update(tcb=[member(f"2.{i + 1}", der.integer(0)) for i in range(16)] + p.sgx["tcb"][16:]))
case("pck_cpusvn_low", no("No matching TCB level"), lambda p: p.sgx.update(tcb=p.sgx["tcb"][:17] + [member("2.18", der.octets(bytes(16)))]))
case("pck_components_absent", OK, lambda p: p.sgx.update(tcb=p.sgx["tcb"][16:]))
case("pck_pcesvn_256", OK, tcb_member(16, member("2.17", der.tlv(2, b"\1\0"))))
case("pck_pcesvn_three_octets", no(), tcb_member(16, member("2.17", der.tlv(2, b"\0\x80\0"))))
case("pck_pcesvn_octets", no(), tcb_member(16, member("2.17", der.octets(b"\x0d"))))
case("pck_tcb_reordered", OK, lambda p: p.sgx["tcb"].reverse())
case("pck_pce_id_other", OK, sgx(pce_id=member(3, der.octets(b"\1\2"))))
case("pck_extension_trailing", no(), lambda p: setattr(p, "sgx_ext", lambda v: [certs.extension(SGX, v + b"\0")]))
case("pck_extension_critical", no(), lambda p: setattr(p, "sgx_ext", lambda v: [certs.extension(SGX, v, True)]))
case("pck_extension_absent", no(), lambda p: setattr(p, "sgx_ext", lambda v: []))
case("pck_extension_twice", no(), lambda p: setattr(p, "sgx_ext", lambda v: [certs.extension(SGX, v)] * 2))
case("pck_257_extensions", no(), lambda p: setattr(p, "sgx_ext", lambda v: [certs.extension(SGX, v)] + [certs.extension("1.2.3", b"")] * 254))
case("pck_256_extensions", OK, lambda p: setattr(p, "sgx_ext", lambda v: [certs.extension(SGX, v)] + [certs.extension("1.2.3", b"")] * 252))

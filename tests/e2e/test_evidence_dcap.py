"""The second set of DCAP cases: made here, judged by the specification (tests/evidence/dcap_cases.py), answered in one batch."""

import pytest

from tests.evidence import batch
from tests.evidence.dcap import FMSPC, PPID, Platform, point
from tests.evidence.dcap_cases import CASES
from tests.evidence import dcap_cases_rules  # noqa: F401  (adds to CASES)


@pytest.fixture(scope="module")
def platforms():
    out = {}
    for name, (_, change, tdx, _, _) in CASES.items():
        out[name] = Platform(tdx)
        change(out[name])
    return out


@pytest.fixture(scope="module")
def answers(tmp_path_factory, platforms):
    requests = {}
    for name, (_, _, _, profile, now) in CASES.items():
        quote, collateral = platforms[name].build()
        requests[name] = {"kind": "dcap-quote", "file": quote, "now": now, "collateral": collateral, "root_sgx": platforms[name].root()}
        if profile:
            requests[name]["profile"] = profile
    return batch.ask(tmp_path_factory.mktemp("dcap"), requests)


@pytest.mark.parametrize("name", CASES)
def test_quote_is_judged_as_the_specification_says(answers, name):
    want, got = CASES[name][0], answers[name]
    if isinstance(want, tuple):
        assert got["result"] == "reject", got
        assert got["stage"] == "quote"
        assert want[1].lower() in got["error"].lower(), got["error"]
    else:
        assert got["result"] == "accept", got.get("error")
        assert got["status"] == want


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if not isinstance(c[0], tuple)])
def test_parsed_fields_are_those_of_the_quote(answers, platforms, name):
    got, p = answers[name], platforms[name]
    parsed = got["parsed"]
    tdx = p.tee == 0x81
    assert (parsed["version"], parsed["tee_type"], parsed["att_key_type"]) == (p.version, p.tee, p.key_type)
    assert (parsed["qe_vendor_id"], parsed["user_data"]) == (p.vendor.hex(), p.user_data.hex())
    assert (parsed["attestation_key"], parsed["qe_auth_data_len"]) == (point(p.attestation_key).hex(), len(p.auth_data))
    assert parsed["signed_len"] == 48 + (6 if p.version == 5 else 0) + len(p.body())
    assert parsed["signed_len"] + 4 + parsed["auth_data_len"] + parsed["trailing_len"] == parsed["quote_len"]
    assert parsed["trailing_len"] == len(p.tail)
    assert (got["ppid"], got["fmspc"]) == (PPID.hex(), FMSPC.hex())
    if not tdx:
        return
    v15 = p.version == 5 and p.body_type == 3
    names = {"rtmr0": "rt_mr0", "rtmr1": "rt_mr1", "rtmr2": "rt_mr2", "rtmr3": "rt_mr3"}
    for field, value in p.td.items():
        if v15 or field not in ("tee_tcb_svn2", "mr_service_td"):
            assert parsed[names.get(field, field)] == value.hex(), field
            assert got[names.get(field, field)] == value.hex(), field

"""The interface of `ukms verify-evidence` itself: requests, answers, exit status."""

import json
import subprocess

import pytest

from tests.evidence import batch

CONTAINER = "tests/vectors/attestation/containers/nitro_prod.v0.bin"
GOOD = {"file": f"{batch.TOP}/{CONTAINER}", "kind": "versioned-attestation", "now": 1766678659}


def one(request):
    done = batch.run(request if isinstance(request, bytes) else json.dumps(request).encode())
    lines = done.stdout.splitlines()
    assert len(lines) == 1, lines
    return json.loads(lines[0])


def single(*args):
    return subprocess.run([batch.PROGRAM, "verify-evidence", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


@pytest.mark.parametrize("id_", [0, -1.5e300, "text \u20ac \u0001 \"", True, None, [1, [2]], {"a": {"b": None}}, 123456789012345678901234567890])
@pytest.mark.parametrize("change", [{}, {"now": "x"}, {"kind": "none such"}, {"file": "/none such"}, {"file": 5}, {"http_map": 1}])
def test_the_id_comes_back_whatever_it_is_and_whatever_happens(id_, change):
    answer = one(dict(GOOD, id=id_, **change))
    assert answer["id"] == id_
    assert answer["result"] == ("reject" if change else "accept")


def test_the_text_of_an_id_is_kept():
    done = batch.run(b'{"id": 1.0e+2 , "file": "/none such", "kind": "json"}')
    assert done.stdout.startswith(b'{"id":1.0e+2,')


def test_without_id_there_is_none():
    assert "id" not in one(GOOD)


@pytest.mark.parametrize("change", [
    {"now": -1}, {"now": 1.5}, {"now": "1766678659"}, {"now": True}, {"now": []}, {"now": 2**63}, {"file": 1}, {"file": None}, {"kind": 7}, {"kind": None}, {"kind": "Dcap-quote"},
    {"kind": ""}, {"profile": "feb"}, {"profile": 1}, {"collateral": "/none such"}, {"root_nitro": "/none such"}, {"vm_config": 1},
    {"vm_config": []}, {"http_map": []}, {"http_map": "x"}, {"http_map": {"http://a": 1}}, {"ark": 1}, {"ark": "Milan"}, {"ark": ["Rome=x"]}, {"ark": [1]},
    {"ark": {"Milan": 1}}, {"runtime_events": 1}, {"runtime_events": {}}, {"event_log": 1}, {"event_log": {}}, {"event_log": True}, {"cose_offset": "x"}, {"cose_offset": 1},
    {"event_log": "/none such"},
])
def test_a_request_that_makes_no_sense_is_refused(change):
    answer = one(dict(GOOD, **change))
    assert (answer["result"], answer["stage"]) == ("reject", "io")
    assert answer["error"]


@pytest.mark.parametrize("member", ["now", "collateral", "root_nitro", "profile", "vm_config", "http_map", "ark", "runtime_events", "event_log", "cose_offset",
                                    "expect_report_data"])
def test_null_is_the_same_as_absent(member):
    request = {k: v for k, v in GOOD.items() if k != member}
    assert one(dict(request, **{member: None})) == one(request)


@pytest.mark.parametrize("line", [b"{", b"[]", b"1", b"\"x\"", b"null", b"{\"id\":1,\"id\":1}", b"{} {}", b"\xff", b"{\"file\":\"\xff\"}", b"{'id':1}", b"\xef\xbb\xbf{}",
                                  b"{\"id\":\x00}", b"{\"file\":\"a\x00b\"}", b"[" * 100000])
def test_a_line_that_is_no_request_is_refused_and_the_next_is_answered(line):
    lines = batch.run(line + b"\n" + json.dumps(GOOD).encode() + b"\n").stdout.splitlines()
    assert len(lines) == 2
    first = json.loads(lines[0])
    assert (first["result"], first["stage"]) == ("reject", "io")
    assert first["error"]
    assert json.loads(lines[1])["result"] == "accept"


def test_lines_are_answered_in_order_and_empty_ones_are_passed_over():
    text = b"\n \t\r\n".join(json.dumps(dict(GOOD, id=i)).encode() + (b"\r" if i % 2 else b"") for i in range(20))
    assert [json.loads(a)["id"] for a in batch.run(b"\n\n" + text).stdout.splitlines()] == list(range(20))


def test_a_line_of_eight_mebibytes():
    answer = one(dict(GOOD, id="x" * (8 << 20), note="y"))
    assert (answer["result"], len(answer["id"])) == ("accept", 8 << 20)


def test_an_answer_that_would_be_too_long_is_a_refusal_and_no_silence(tmp_path):
    payload = 9 << 20
    compact = lambda n: (n << 2 | 2).to_bytes(4, "little")
    with open(GOOD["file"], "rb") as f:
        document = f.read()[:4 + 4526]
    body = document + b"\x04\x30key-provider" + compact(payload) + bytes(payload) + bytes(64) + b"\x00"
    (tmp_path / "long").write_bytes(body)
    request = {"kind": "versioned-attestation", "file": str(tmp_path / "long")}
    lines = batch.run(b"\n".join(json.dumps(r).encode() for r in (dict(request, id=1), dict(GOOD, id=2)))).stdout.splitlines()
    assert [json.loads(a)["id"] for a in lines] == [1, 2]
    assert json.loads(lines[0])["error"] == "the answer is too long"
    assert json.loads(lines[1])["result"] == "accept"


def test_unknown_members_are_passed_over():
    assert one(dict(GOOD, comment="x", expected={"result": "reject"})) == one(GOOD)


def test_without_a_time_nothing_is_judged():
    answer = one({k: v for k, v in GOOD.items() if k != "now"})
    assert answer["result"] == "parsed"
    assert "evidence_result" not in answer and "tcb_status" not in answer


def test_a_time_of_zero_is_a_time():
    answer = one(dict(GOOD, now=0))
    assert (answer["result"], answer["evidence_result"], answer["stage"]) == ("reject", "reject", "quote")


@pytest.mark.parametrize("change", [{}, {"now": 1}, {"profile": "jan"}, {"vm_config": '{"os_image_hash":"00"}'}, {"expect_report_data": "00" * 64}])
def test_one_request_answers_as_in_a_batch(change):
    request = dict(GOOD, **change)
    args = [request["file"], "--json"]
    for k in request:
        if k != "file":
            args += ["--" + k.replace("_", "-"), str(request[k])]
    done, answer = single(*args), one(request)
    assert json.loads(done.stdout) == answer
    assert done.returncode == (1 if answer["result"] == "reject" else 0)


def test_plain_output_has_a_line_per_field():
    done = single(GOOD["file"], "--kind", GOOD["kind"], "--now", str(GOOD["now"]))
    lines = dict(line.split(": ", 1) for line in done.stdout.decode().splitlines())
    assert lines["result"] == "accept" and lines["evidence_result"] == "accept"
    assert lines["app_info.app_id"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4"


@pytest.mark.parametrize("args", [[], ["--batch", "x"], [GOOD["file"]], ["--kind", "json"], [GOOD["file"], "--kind"], [GOOD["file"], "--kind", "json", "--none", "1"],
                                  [GOOD["file"], "--kind", "json", "--now", "x"], [GOOD["file"], "--kind", "json", "--now", "-1"], [GOOD["file"], "--kind", "json", "--now", ""]])
def test_wrong_usage_has_a_status_of_its_own(args):
    done = single(*args)
    assert done.returncode == 2
    assert done.stderr and not done.stdout


def test_a_batch_ends_well_whatever_its_answers_are():
    assert batch.run(b"", check=False).returncode == 0
    assert batch.run(b"{\n", check=False).returncode == 0

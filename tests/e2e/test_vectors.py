"""Every case of tests/vectors/attestation*/MANIFEST.json through `ukms verify-evidence --batch`.

Run by itself it prints the score: /usr/bin/python3 tests/e2e/test_vectors.py [--asan] [WORD...]
"""
import json
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.evidence.batch import PROGRAM, TOP, answers as ask  # noqa: E402
from tests.evidence.compare import NOT_COMPARED, compare, word  # noqa: E402

SETS = ["attestation", "attestation-extra"]


def load(name):
    with open(os.path.join(TOP, "tests/vectors", name, "MANIFEST.json")) as f:
        return json.load(f)["entries"]


def path_in(name):
    return lambda p: os.path.join("tests/vectors", name, p)


def requests_of(name, entry):
    """(id, request, expected) of each file of an entry."""
    at = path_in(name)
    kind = entry["kind"]
    files = entry.get("files") or [entry["file"]]
    req = {"kind": kind}
    if kind == "dcap-quote" and len(files) > 1:
        req["collateral"] = at(files[1])
    if kind == "dcap-quote":
        files = files[:1]
    if "collateral" in entry:
        req["collateral"] = at(entry["collateral"])
    if "now" in entry:
        req["now"] = entry["now"]
    roots = dict(entry.get("roots", {}))
    if "root" in entry:
        roots[{"dcap-quote": "sgx", "tpm-quote-json": "gcp"}.get(kind, "nitro")] = entry["root"]
    for k, v in roots.items():
        if k.startswith("ark_"):
            req.setdefault("ark", []).append("%s=%s" % (k[4:].capitalize(), at(v)))
        else:
            req["root_" + k] = at(v)
    if "http_files" in entry:
        req["http_map"] = {u: at(f) for u, f in entry["http_files"].items()}
    for k, to in (("expected_report_data", "expect_report_data"), ("expected_qualifying_data", "expect_qualifying_data"),
                  ("runtime_events", "runtime_events")):
        if k in entry:
            req[to] = entry[k]
    if "quote" in entry:
        req["quote"] = at(entry["quote"])
    expected = entry["expected"] if isinstance(entry["expected"], dict) else {}
    for k in ("ask", "vcek"):
        if k in expected:
            req[k] = at(expected[k])
    for f in files:
        r = dict(req, file=at(f), id="%s/%s" % (name, f))
        yield r["id"], r, entry


def all_requests():
    out = []
    for name in SETS:
        for entry in load(name):
            out += list(requests_of(name, entry))
    return out


def judge(entry, request, answer):
    """The list of differences between an answer and what the manifest says."""
    diffs = []
    expected = entry["expected"] if isinstance(entry["expected"], dict) else {}
    want = {k: v for k, v in expected.items() if k not in ("result", "image_check", "lite_image_check", "parsed", "v0_prefix", "v1_prefix",
                                                           "first_bytes", "event_count")}
    result = expected.get("result")
    if result in ("accept", "reject") and answer["result"] != result:
        diffs.append("result: expected %s, got %s (%s: %s)" % (result, answer["result"], answer.get("stage"), answer.get("error")))
        return diffs
    if result == "parse-only" and answer["result"] != "parsed":
        diffs.append("expected a parsed answer, got %s: %s" % (answer["result"], answer.get("error")))
    if result is None and answer["result"] == "reject":
        diffs.append("refused: %s: %s" % (answer.get("stage"), answer.get("error")))
    if result == "reject":
        part = expected.get("upstream_error_contains")
        if part and part.lower() not in answer["error"].lower():
            diffs.append("error: expected %r in %r" % (part, answer["error"]))
        if "stage" in expected and answer["stage"] != expected["stage"]:
            diffs.append("stage: expected %s, got %s (%s)" % (expected["stage"], answer["stage"], answer["error"]))
    for k, v in expected.get("image_check", {}).items():
        got = answer.get("image_check", {}).get(k)
        if word(got) != word(v):
            diffs.append("image_check.%s: expected %r, got %r" % (k, v, got))
    # January's stripping takes away the ACPI events that the check needs
    if "lite_image_check" in expected and ".stripped_jan." not in request["file"] and word(answer.get("lite_image_check")) != word(expected["lite_image_check"]):
        diffs.append("lite_image_check: expected %r, got %r" % (expected["lite_image_check"], answer.get("image_check")))
    if "parsed" in expected:
        compare("parsed", expected["parsed"], answer.get("parsed"), diffs)
    stripped = ".stripped_" in request["file"]
    if request["file"].endswith(".v0.bin") and not stripped:
        for k in ("v0_prefix", "first_bytes"):
            if k in expected and answer.get("first_bytes") != expected[k]:
                diffs.append("%s: expected %s, got %s" % (k, expected[k], answer.get("first_bytes")))
    if "event_count" in expected and not stripped:
        compare("event_count", expected["event_count"], answer.get("event_count"), diffs)
    if "app_compose_sha256" in want and "app-compose" not in request["file"]:
        del want["app_compose_sha256"]
    if isinstance(want.get("now"), int):
        del want["now"]
    # a device id that a time was given for is the verified one
    for info in ("app_info", "app_info_boottime_mr"):
        if info in want:
            want[info] = dict(want[info])
    if answer["result"] != "reject" or expected.get("evidence_result") == "accept":
        compare("", {k: v for k, v in want.items() if k not in NOT_COMPARED}, answer, diffs)
    return diffs


def score(words, program=PROGRAM):
    cases = [c for c in all_requests() if all(w in c[0] or w == c[1]["kind"] for w in words)]
    start = time.time()
    answers = ask([c[1] for c in cases], program)
    took = time.time() - start
    bad = 0
    for (name, request, entry), answer in zip(cases, answers):
        diffs = judge(entry, request, answer)
        if diffs:
            bad += 1
            print("%s [%s] %s" % (name, entry["kind"], entry.get("description", "")))
            for d in diffs[:6]:
                print("    " + d[:400])
    print("%d of %d cases as expected, %.1f s" % (len(cases) - bad, len(cases), took))
    return bad


@pytest.fixture(scope="session")
def answers():
    cases = all_requests()
    return {c[0]: a for c, a in zip(cases, ask([c[1] for c in cases]))}


@pytest.mark.parametrize("name,request_,entry", [pytest.param(*c, id=c[0]) for c in all_requests()])
def test_evidence_is_judged_as_the_manifest_says(answers, name, request_, entry):
    diffs = judge(entry, request_, answers[name])
    assert not diffs, "\n".join(diffs)


if __name__ == "__main__":
    args = sys.argv[1:]
    program = os.path.join(TOP, "build/asan/ukms") if "--asan" in args else PROGRAM
    sys.exit(1 if score([a for a in args if a != "--asan"], program) else 0)

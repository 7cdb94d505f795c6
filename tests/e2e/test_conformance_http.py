"""The HTTP surface of both phases, as the protocol describes it (sections 2.1 to 2.9)."""

import json
import re
import ssl

import pytest

from tests.dev.raw import Wire, ask, error_json, proto, request, unproto

LIMIT = 10 * 1024 * 1024
TOO_LARGE = "failed to read data: payload too large"


@pytest.fixture
def setup(start):
    return start("setup")


# --- which path answers what

MAIN_MISSING = [("GET", "/"), ("GET", "/finish"), ("GET", "/prpc"), ("POST", "/prpc"), ("POST", "/prpc/GetMeta/"), ("POST", "/prpc/a/b"),
                ("GET", "/openapi.json"), ("GET", "/metrics/"), ("GET", "/health/"), ("POST", "/metrics"), ("POST", "/health"),
                ("PUT", "/prpc/GetMeta"), ("DELETE", "/prpc/GetMeta"), ("OPTIONS", "/prpc/GetMeta"), ("PATCH", "/prpc/GetMeta"), ("PUT", "/health"),
                ("GET", "/PRPC/GetMeta"), ("POST", "//prpc/GetMeta"), ("GET", "/Health"), ("POST", "/prpc%2fGetMeta"), ("GET", "/health%2f"),
                ("GET", "/Metrics"), ("POST", "/"), ("PUT", "/nothing"),
                ("PUT", "/prpc/GetMeta?json")]


@pytest.mark.parametrize("method,target", MAIN_MISSING)
def test_what_is_not_there_is_404(ready, method, target):
    answer = ask(ready.port, method, target, b"" if method != "GET" else None)
    assert (answer.status, answer.reason) == (404, "Not Found")
    assert answer.header("X-App-Version")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_empty_method_segment_is_422(ready, method):
    assert ask(ready.port, method, "/prpc/").status == 422


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_empty_method_segment_with_another_verb_is_404(ready, method):
    assert ask(ready.port, method, "/prpc/").status == 404


@pytest.mark.parametrize("target", ["/", "/finish"])
def test_setup_routes(setup, target):
    answer = ask(setup.port, "HEAD" if target == "/" else "GET", target, context=False)
    assert answer.status == 200
    assert answer.header("Content-Type") == ("text/html; charset=utf-8" if target == "/" else "text/plain; charset=utf-8")
    if target == "/finish":
        assert answer.body == b"OK"


def test_setup_phase_answers(setup):
    page = ask(setup.port, "GET", "/", context=False)
    assert (page.status, page.header("Content-Type")) == (200, "text/html; charset=utf-8")
    head = ask(setup.port, "HEAD", "/", context=False)
    assert (head.status, head.header("Content-Type"), int(head.header("Content-Length"))) == (200, "text/html; charset=utf-8", len(page.body))
    health = ask(setup.port, "GET", "/health", context=False)
    assert (health.status, health.header("Content-Type"), health.body) == (200, "text/plain; charset=utf-8", b"OK")
    for answer in (page, health, ask(setup.port, "GET", "/nothing", context=False)):
        assert answer.header("X-App-Version") is None
    for method, target, status in [("GET", "/metrics", 404), ("GET", "/prpc", 404), ("GET", "/prpc/", 422), ("POST", "/prpc/", 422), ("POST", "/", 404),
                                   ("POST", "/finish", 404), ("PUT", "/prpc/Onboard.GetAttestationInfo", 404), ("GET", "/prpc/GetAttestationInfo/", 404)]:
        answer = ask(setup.port, method, target, context=False)
        assert (method, target, answer.status) == (method, target, status)
        assert answer.header("X-App-Version") is None
    for name in ("GetMeta", "KMS.GetMeta", "Admin.ClearImageCache", "KMS.Bootstrap"):
        assert ask(setup.port, "POST", f"/prpc/{name}?json", b"{}", context=False).body == error_json(f"Service not found: {name}")
    for name in ("GetAttestationInfo", "Onboard.GetAttestationInfo", "Onboard.Onboard.GetAttestationInfo"):
        for method in ("GET", "POST"):
            assert ask(setup.port, method, f"/prpc/{name}?json", context=False).status == 200


def test_head_of_finish_also_ends_the_setup(setup):
    setup.kms().call("Onboard.Bootstrap", {"domain": "kms.test"}, tls=False)
    answer = ask(setup.port, "HEAD", "/finish", context=False)
    assert (answer.status, answer.header("Content-Length"), answer.body) == (200, "2", b"")
    setup.wait_tls()


def test_main_phase_get_and_head(ready):
    for target, kind in [("/health", "text/plain; charset=utf-8"), ("/metrics", "text/plain; charset=utf-8"), ("/prpc/GetTempCaCert", "application/json"),
                         ("/prpc/Nothing", "application/json")]:
        got, head = ask(ready.port, "GET", target), ask(ready.port, "HEAD", target)
        assert got.header("Content-Type") == head.header("Content-Type") == kind
        assert got.status == head.status == (400 if target.endswith("Nothing") else 200)
        assert got.header("Content-Length") == head.header("Content-Length") == str(len(got.body))
    assert ask(ready.port, "GET", "/health").body == b"OK"
    # Query strings belong to no path.
    assert ask(ready.port, "GET", "/health?x=1").body == b"OK"
    assert ask(ready.port, "GET", "/metrics?").status == 200


def test_head_keeps_the_connection_in_step(ready):
    with Wire(ready.port) as wire:
        for _ in range(2):
            assert wire.ask("HEAD", "/prpc/GetMeta").status == 200
            assert json.loads(wire.ask("GET", "/prpc/GetMeta").body)["is_dev"] is True


# --- names of methods


@pytest.mark.parametrize("name", ["GetMeta", "KMS.GetMeta", "KMS.KMS.GetMeta", "KMS.KMS.KMS.GetMeta", "%47etMeta", "KMS%2EGetMeta", "KMS%2eGetMeta"])
def test_name_of_a_method(ready, name):
    assert ask(ready.port, "POST", f"/prpc/{name}?json", b"{}").status == 200


@pytest.mark.parametrize("name,reported", [("Nope", "Nope"), ("KMS.Nope", "Nope"), ("KMS.", ""), ("KMS.KMS.", ""), ("kms.GetMeta", "kms.GetMeta"),
                                           ("Onboard.Bootstrap", "Onboard.Bootstrap"), ("Admin.ClearImageCache", "Admin.ClearImageCache"),
                                           ("Bootstrap", "Bootstrap"), ("Finish", "Finish"), ("GetAttestationInfo", "GetAttestationInfo"),
                                           ("getmeta", "getmeta"),
                                           ("Onboard.KMS.GetMeta", "Onboard.KMS.GetMeta"), ("GetMeta%20", "GetMeta "), ("GetMeta.", "GetMeta."),
                                           ("%4eope", "Nope"), ("a%2Fb", "a%2Fb"), ("GetMeta%00", "GetMeta%00"), ("KMS.%2f", "%2f")])
def test_unknown_method(ready, name, reported):
    for method in ("GET", "POST"):
        answer = ask(ready.port, method, f"/prpc/{name}?json", b"" if method == "POST" else None)
        assert (answer.status, answer.reason, answer.header("Content-Type")) == (400, "Bad Request", "application/json")
        assert answer.body == error_json(f"Service not found: {reported}")


def test_unknown_method_is_found_out_after_the_body(ready):
    with Wire(ready.port) as wire:
        wire.send(request("POST", "/prpc/Nope?json", headers={"Content-Length": str(LIMIT + 1)}))
        assert wire.read().body == error_json(TOO_LARGE)


# --- JSON or protobuf


@pytest.mark.parametrize("query,is_json", [("?json", True), ("?json=", True), ("?json=1", True), ("?json=true", True), ("?x=1&json", True), ("?&json", True),
                                           ("?json&json=0", True), ("?=json&json", True), ("?json=yes", False), ("?JSON", False), ("", False), ("?", False),
                                           ("?json=0", False), ("?json=0&json", False), ("?json=TRUE", False), ("?json=True", False), ("?jsonx", False),
                                           ("?xjson=1", False), ("?json=1;", False), ("?json=false", False), ("?json==1", False), ("?json=1=1", False)])
def test_selection_by_query(ready, query, is_json):
    answer = ask(ready.port, "POST", f"/prpc/GetTempCaCert{query}", b"")
    assert answer.status == 200
    assert answer.header("Content-Type") == ("application/json" if is_json else "application/octet-stream")
    if is_json:
        assert list(json.loads(answer.body)) == ["temp_ca_cert", "temp_ca_key", "ca_cert"]
    else:
        assert [n for n, _ in unproto(answer.body)] == [1, 2, 3]


@pytest.mark.parametrize("query", ["", "?json=0", "?json=no", "?x"])
def test_get_is_always_json(ready, query):
    assert ask(ready.port, "GET", f"/prpc/GetTempCaCert{query}").header("Content-Type") == "application/json"
    refused = ask(ready.port, "GET", f"/prpc/Nope{query}")
    assert (refused.status, refused.body) == (400, error_json("Service not found: Nope"))


@pytest.mark.parametrize("value,is_json", [("application/json", True), ("application/json; charset=utf-8", True), ("Application/JSON", True),
                                           ("application/json;charset=x", True), ("application/x-www-form-urlencoded", False), ("text/json", False),
                                           ("application/octet-stream", False), ("application/jsonx", False), ("application/vnd.api+json", False)])
def test_selection_by_content_type(ready, value, is_json):
    for query in ("", "?json=0"):
        answer = ask(ready.port, "POST", f"/prpc/GetTempCaCert{query}", b"", {"content-type": value})
        assert answer.header("Content-Type") == ("application/json" if is_json else "application/octet-stream")
    # The query alone selects JSON too, whatever the type (curl -d).
    assert ask(ready.port, "POST", "/prpc/GetTempCaCert?json", b"", {"Content-Type": value}).header("Content-Type") == "application/json"


def test_accept_selects_nothing(ready):
    answer = ask(ready.port, "POST", "/prpc/GetTempCaCert", b"", {"Accept": "application/json"})
    assert answer.header("Content-Type") == "application/octet-stream"
    answer = ask(ready.port, "POST", "/prpc/GetTempCaCert?json", b"", {"Accept": "application/octet-stream"})
    assert answer.header("Content-Type") == "application/json"


def test_encoding_of_refusals(ready):
    text = "Service not found: Nope"
    for query, headers, is_json in [("?json", {}, True), ("", {}, False), ("", {"Content-Type": "application/json"}, True), ("?json=0", {}, False)]:
        answer = ask(ready.port, "POST", f"/prpc/Nope{query}", b"", headers)
        assert (answer.status, answer.header("Content-Type")) == (400, "application/json" if is_json else "application/octet-stream")
        assert answer.body == (error_json(text) if is_json else proto((1, text)))


def test_oversized_body_is_answered_before_the_content_type_counts(ready):
    with Wire(ready.port) as wire:
        wire.send(request("POST", "/prpc/GetMeta", headers={"Content-Length": str(LIMIT + 1), "Content-Type": "application/json"}))
        answer = wire.read()
        assert (answer.status, answer.header("Content-Type"), answer.body) == (400, "application/octet-stream", proto((1, TOO_LARGE)))


# --- headers


def test_headers_of_every_answer(ready):
    version = re.compile(r"^v\S+ \((unknown|git:\S+)\)$")
    for method, target in [("POST", "/prpc/GetMeta?json"), ("POST", "/prpc/GetMeta"), ("GET", "/prpc/GetMeta"), ("HEAD", "/prpc/GetMeta"),
                           ("POST", "/prpc/Nope"),
                           ("GET", "/metrics"), ("GET", "/health"), ("GET", "/nothing"), ("GET", "/prpc/"), ("PUT", "/prpc/GetMeta")]:
        answer = ask(ready.port, method, target)
        assert version.match(answer.header("X-App-Version"))
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Content-Type") and answer.header("Content-Length").isdigit()
        assert answer.header("Strict-Transport-Security") is None


def test_framework_error_bodies_follow_accept(ready):
    answer = ask(ready.port, "GET", "/nothing", headers={"Accept": "application/json"})
    assert answer.status == 404
    if answer.header("Content-Type").startswith("application/json"):
        error = json.loads(answer.body)["error"]
        assert error["code"] == 404 and error["reason"] == "Not Found" and error["description"]


# --- bodies: lengths, chunks, Expect, keep-alive


def chunked(*parts, trailer=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts if p) + b"0\r\n" + trailer + b"\r\n"


CHUNKED = {"transfer-encoding": "chunked"}
ENV = b'{"app_id":"' + b"00" * 20 + b'"}'


def test_chunked_body(ready):
    with Wire(ready.port) as wire:
        for data in (chunked(ENV), chunked(ENV[:3], ENV[3:]), chunked(*(bytes([b]) for b in ENV)), chunked(ENV, trailer=b"X-Late: 1\r\n")):
            wire.send(request("POST", "/prpc/GetAppEnvEncryptPubKey?json", headers=CHUNKED) + data)
            answer = wire.read()
            assert answer.status == 200 and len(json.loads(answer.body)["public_key"]) == 64
        wire.send(request("POST", "/prpc/GetMeta?json", headers=CHUNKED) + chunked())
        assert wire.read().status == 200
        # Extensions of a chunk are ignored.
        wire.send(request("POST", "/prpc/GetAppEnvEncryptPubKey?json", headers=CHUNKED) + b"%X;a=b\r\n" % len(ENV) + ENV + b"\r\n0\r\n\r\n")
        assert wire.read().status == 200


def test_the_limit_counts_decoded_bytes_and_allows_exactly_ten_mebibytes(ready):
    junk = b"j" * LIMIT
    assert ask(ready.port, "POST", "/prpc/GetMeta?json", junk).status == 200
    with Wire(ready.port) as wire:
        wire.send(request("POST", "/prpc/GetMeta?json", headers=CHUNKED) + chunked(*(junk[i:i + 65536] for i in range(0, LIMIT, 65536))))
        assert wire.read().status == 200
    with Wire(ready.port) as wire:
        wire.send(request("POST", "/prpc/GetMeta?json", headers=CHUNKED) + b"%x\r\n" % (LIMIT + 1) + junk + b"j")
        answer = wire.read()
        assert (answer.status, answer.body, answer.header("Connection")) == (400, error_json(TOO_LARGE), "close")
    with Wire(ready.port) as wire:
        wire.send(request("POST", "/prpc/GetMeta?json", junk + b"j"))
        answer = wire.read()
        assert (answer.status, answer.body, answer.header("Connection")) == (400, error_json(TOO_LARGE), "close")
        assert wire.closed()


@pytest.mark.parametrize("value", ["100-continue", "100-Continue"])
def test_expect_continue(ready, value):
    with Wire(ready.port) as wire:
        wire.send(request("POST", "/prpc/GetAppEnvEncryptPubKey?json", headers={"Expect": value, "Content-Length": str(len(ENV))}))
        assert wire.read().status == 100
        wire.send(ENV)
        assert wire.read().status == 200
        # A client need not wait.
        wire.send(request("POST", "/prpc/GetAppEnvEncryptPubKey?json", ENV, headers={"Expect": value}))
        answer = wire.read()
        if answer.status == 100:
            answer = wire.read()
        assert answer.status == 200


def test_keep_alive_and_pipelining(ready):
    with Wire(ready.port) as wire:
        for target in ("/prpc/GetMeta?json", "/nothing", "/prpc/Nope?json", "/health", "/prpc/"):
            answer = wire.ask("GET", target)
            assert answer.header("Connection") in (None, "keep-alive")
        wire.send(request("GET", "/health") * 3)
        assert [wire.read().body for _ in range(3)] == [b"OK"] * 3
        answer = wire.ask("GET", "/health", headers={"Connection": "close"})
        assert answer.header("Connection") == "close" and wire.closed()


def test_get_with_a_body_and_post_without(ready):
    with Wire(ready.port) as wire:
        for _ in range(2):
            wire.send(request("GET", "/prpc/GetTempCaCert", b'{"ignored":'))
            assert wire.read().status == 200
            assert wire.ask("POST", "/prpc/GetTempCaCert?json").status == 200
            wire.send(request("GET", "http://kms.test/health"))
            assert wire.read().body == b"OK"


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "LOCK", "SEARCH"])
def test_verbs_that_nobody_sends(ready, method):
    for target in ("/prpc/GetMeta?json", "/health", "/nothing"):
        assert ask(ready.port, method, target).status == 404


def test_http_1_0_is_answered_and_closed(ready):
    with Wire(ready.port) as wire:
        wire.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert wire.read().body == b"OK"
        assert wire.closed()


def test_header_names_have_no_case(ready):
    with Wire(ready.port) as wire:
        wire.send(b"POST /prpc/GetAppEnvEncryptPubKey HTTP/1.1\r\nhOST: x\r\ncONTENT-tYPE: application/json\r\ncONTENT-lENGTH: %d\r\n\r\n" % len(ENV) + ENV)
        answer = wire.read()
        assert (answer.status, answer.header("Content-Type")) == (200, "application/json")


@pytest.mark.parametrize("head", [b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
                                  b"Content-Length: 2\r\nContent-Length: 3\r\n", b"Content-Length: 2, 3\r\n", b"Content-Length: -1\r\n",
                                  b"Content-Length: 0x2\r\n",
                                  b"Content-Length: 99999999999999999999999\r\n", b"Transfer-Encoding: gzip\r\n", b"Bad Header: 1\r\n", b" folded: 1\r\n",
                                  b"X: a\r\n  folded\r\n", b"X: \0\r\n", b"X" * 17000 + b": 1\r\n"])
def test_ambiguous_heads_are_refused_and_closed(ready, head):
    with Wire(ready.port) as wire:
        wire.send(b"POST /prpc/GetMeta?json HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n{}")
        answer = wire.read()
        assert 400 <= answer.status < 500 and answer.header("Connection") == "close" and answer.header("X-App-Version")
        assert wire.closed()


@pytest.mark.parametrize("line", [b"GET /health HTTP/2.0", b"GET /health", b"G@T /health HTTP/1.1", b"GET health HTTP/1.1",
                                  b"GET /he\x7falth HTTP/1.1", b"GET /%zz HTTP/1.1", b"GET /prpc/%zz HTTP/1.1", b"GET /prpc/%2 HTTP/1.1",
                                  b"GET /prpc/%ff HTTP/1.1"])
def test_bad_request_lines(ready, line):
    with Wire(ready.port) as wire:
        wire.send(line + b"\r\nHost: x\r\n\r\n")
        answer = wire.read()
        assert 400 <= answer.status < 500


def test_http_to_the_tls_port_gets_no_http_answer(ready):
    with Wire(ready.port, context=False) as wire:
        wire.send(request("GET", "/health"))
        while wire.fill():
            pass
        assert not wire.buffer.startswith(b"HTTP/")


def test_tls_to_the_setup_port_is_no_tls(setup):
    with pytest.raises((ssl.SSLError, OSError)):
        Wire(setup.port)
    assert ask(setup.port, "GET", "/health", context=False).status == 200


# --- metrics


def metrics(port):
    text = ask(port, "GET", "/metrics").body.decode()
    values = dict(re.findall(r"^(dstack_kms_attestation_\w+) (\d+)$", text, re.M))
    return text, int(values["dstack_kms_attestation_requests_total"]), int(values["dstack_kms_attestation_failures_total"])


def test_metrics(start):
    kms = start("metrics")
    kms.bootstrap()
    text, requests, failures = metrics(kms.port)
    assert text.startswith("# HELP dstack_kms_attestation_requests_total Total number of KMS attestation requests.\n"
                           "# TYPE dstack_kms_attestation_requests_total counter\ndstack_kms_attestation_requests_total 0\n"
                           "# HELP dstack_kms_attestation_failures_total Total number of failed KMS attestation requests.\n"
                           "# TYPE dstack_kms_attestation_failures_total counter\ndstack_kms_attestation_failures_total 0\n")
    counted = [("POST", "/prpc/GetAppKey?json"), ("GET", "/prpc/GetKmsKey"), ("HEAD", "/prpc/SignCert"), ("PUT", "/prpc/GetAppKey"),
               ("POST", "/prpc/KMS.SignCert"),
               ("POST", "/prpc/KMS.KMS.GetAppKey"), ("DELETE", "/prpc/KMS.GetKmsKey?x")]
    for number, (method, target) in enumerate(counted, 1):
        assert ask(kms.port, method, target, b"").status >= 400
        assert metrics(kms.port)[1:] == (number, number), target
    before = metrics(kms.port)[1:]
    for method, target in [("GET", "/prpc/GetMeta"), ("POST", "/prpc/GetTempCaCert"), ("GET", "/prpc/Nope"), ("GET", "/prpc/GetAppKey/"), ("GET", "/nothing"),
                           ("GET", "/prpc/Onboard.GetAppKey"), ("GET", "/prpc/"), ("GET", "/GetAppKey")]:
        ask(kms.port, method, target)
        assert metrics(kms.port)[1:] == before, target
    context = kms.kms().ra_context(kms.platform.guest(b'{"manifest_version":2}', app_id=bytes(20)).attest)
    with Wire(kms.port, context) as wire:
        assert wire.ask("POST", "/prpc/GetAppKey?json", b'{"api_version":1}').status == 200
    assert metrics(kms.port)[1:] == (before[0] + 1, before[1])


def test_metrics_off(start):
    kms = start("off", config={"core": {"metrics": {"enabled": False}}})
    kms.bootstrap()
    answer = ask(kms.port, "GET", "/metrics")
    assert answer.status == 404 and answer.header("X-App-Version")

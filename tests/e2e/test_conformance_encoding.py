"""Messages as GET form, JSON and protobuf (sections 2.7, 2.10 and 3). SignCert with an unknown api_version says back which number it read."""

import hashlib
import json

import pytest

from tests.dev.raw import ask, error_json, proto, unproto, varint

ENV = "GetAppEnvEncryptPubKey"
APP = bytes(range(0xA0, 0xB4))


def post(ready, method, body, query="?json", headers=()):
    return ask(ready.port, "POST", f"/prpc/{method}{query}", body if isinstance(body, bytes) else body.encode(), headers)


def reads(ready, body, number, query="?json"):
    """Whether SignCert understood this body, with this api_version."""
    answer = post(ready, "SignCert", body, query)
    text = f"Unsupported API version: {number}"
    assert (answer.status, answer.body) == (400, error_json(text) if query == "?json" else proto((1, text)))


def refuses(ready, body, query="?json", method="SignCert"):
    answer = post(ready, method, body, query)
    assert answer.status == 400, answer
    text = json.loads(answer.body)["error"] if query == "?json" else dict(unproto(answer.body))[1].decode()
    assert text and not text.startswith("Unsupported API version"), text


def env_key(ready, app_id):
    return json.loads(post(ready, ENV, json.dumps({"app_id": app_id.hex()})).body)["public_key"]


# --- JSON in


@pytest.mark.parametrize("text", ['"%s"' % APP.hex(), '"%s"' % APP.hex().upper(), '"0x%s"' % APP.hex(), '"0x0x%s"' % APP.hex(),
                                  '"0x0x0x%s"' % APP.hex().upper(),
                                  '"\\u0061%s"' % APP.hex()[1:]])
def test_hex_in(ready, text):
    answer = post(ready, ENV, '{"app_id":%s}' % text)
    assert answer.status == 200 and json.loads(answer.body)["public_key"] == env_key(ready, APP)


@pytest.mark.parametrize("text", ['"0X%s"' % APP.hex(), '"%s0"' % APP.hex(), '"%sg0"' % APP.hex()[2:], '" %s"' % APP.hex(), '"%s "' % APP.hex(), "null", "1",
                                  "[]", "{}",
                                  "true", '"%s0x"' % APP.hex(), '"0x0"', json.dumps(list(APP)), '"x%s"' % APP.hex()])
def test_hex_refused(ready, text):
    refuses(ready, '{"app_id":%s}' % text, method=ENV)


def test_empty_hex_is_empty_bytes(ready):
    for text in ('""', '"0x"', '"0x0x"'):
        assert post(ready, ENV, '{"app_id":%s}' % text).body == error_json("app_id must be 20 bytes")
    for body in ("{}", "", " { } "):
        assert post(ready, ENV, body).body == error_json("app_id must be 20 bytes")


@pytest.mark.parametrize("body,number", [
    ('{"api_version":7}', 7), ('{"api_version":0}', 0), ('{"api_version":4294967295}', 4294967295), ("{}", 0), ("", 0), (" \t\r\n{ \"api_version\" : 7 }\n", 7),
    ('{"api_version":7,"unknown":null}', 7), ('{"unknown":{"a":[1,-2.5e3,"x",null,true]},"api_version":7}', 7), ('{"api_version":7,"apiVersion":8}', 7),
    ('{"\\u0061pi_version":7}', 7), ('{"unknown":1,"unknown":2,"api_version":7}', 7), ('{"api_version":7,"csr":"","signature":"","vm_config":""}', 7),
    ('{"api_version":7,"vm_config":"\\ud83d\\ude00 \\b\\f\\n\\r\\t\\/\\\\\\" \x7f é"}', 7), ('{"api_version":7,"API_VERSION":9}', 7),
    ('{"x":[[[[[[[[]]]]]]]],"api_version":7}', 7)])
def test_json_in(ready, body, number):
    reads(ready, body, number)


@pytest.mark.parametrize("body", [
    '{"api_version":"7"}', '{"api_version":7.0}', '{"api_version":7e0}', '{"api_version":-1}', '{"api_version":-0}', '{"api_version":4294967296}',
    '{"api_version":07}',
    '{"api_version":+7}', '{"api_version":null}', '{"api_version":true}', '{"api_version":[7]}', '{"api_version":18446744073709551616}', '{"vm_config":null}',
    '{"vm_config":1}', '{"csr":null}', '{"api_version":7,"api_version":7}', '{"api_version":7,"\\u0061pi_version":7}', '{"api_version":7} x',
    '{"api_version":7}{}',
    "null", "7", '"x"', "true", " ", "\n", "{", "{]", '{"api_version"}', '{"api_version":}', '{"api_version":7,}', '{,"api_version":7}', "{api_version:7}",
    "{'api_version':7}", '{"api_version":7 /* no */}', '// no\n{"api_version":7}', '{"vm_config":"\\ud800"}', '{"vm_config":"\\udc00\\ud800"}',
    '{"vm_config":"\\ud800x"}',
    '{"vm_config":"\\x41"}', '{"vm_config":"\\u12"}', '{"vm_config":"a\nb"}', '{"vm_config":"a\tb"}', '{"vm_config":"\0"}',
    '{"unknown":"\\ud800","api_version":7}',
    '{"unknown":01,"api_version":7}', '{"unknown":NaN,"api_version":7}', '{"unknown":.5,"api_version":7}', '{"unknown":1.,"api_version":7}', "\ufeff{}",
    '{"unknown":' + "[" * 40 + "]" * 40 + ',"api_version":7}', '{"unknown":' + '{"a":' * 40 + "1" + "}" * 40 + "}", "[" * 100000, '{"api_version":7}\0'])
def test_json_refused(ready, body):
    refuses(ready, body)


@pytest.mark.parametrize("body", [b'{"vm_config":"\xff"}', b'{"vm_config":"\xc0\x80"}', b'{"vm_config":"\xed\xa0\x80"}', b'{"vm_config":"\xf4\x90\x80\x80"}',
                                  b'{"vm_config":"\xe2\x82"}', b'{"unknown":"\xff","api_version":7}', b'{"\xff":1,"api_version":7}'])
def test_json_is_utf8(ready, body):
    refuses(ready, body)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\xff\0garbage", b" ", b"[1", b"\x0b"])
@pytest.mark.parametrize("method", ["GetMeta", "GetTempCaCert"])
def test_body_for_an_empty_request_is_ignored(ready, method, body):
    for query in ("?json", ""):
        assert post(ready, method, body, query).status == 200


def test_body_for_an_empty_request_is_ignored_in_the_setup(start):
    kms = start()
    for body in (b"", b"{}", b"null", b"\xff\0garbage"):
        for query in ("?json", ""):
            assert ask(kms.port, "POST", f"/prpc/GetAttestationInfo{query}", body, context=False).status == 200
            assert ask(kms.port, "POST", f"/prpc/Onboard.Nope{query}", body, context=False).status == 400


# --- GET form


@pytest.mark.parametrize("query", [APP.hex(), APP.hex().upper(), "0x" + APP.hex(), "0x0x" + APP.hex(), "%61" + APP.hex()[1:]])
def test_form_bytes(ready, query):
    answer = ask(ready.port, "GET", f"/prpc/{ENV}?app_id={query}")
    assert answer.status == 200 and json.loads(answer.body)["public_key"] == env_key(ready, APP)
    for around in (f"json&app_id={query}", f"app_id={query}&json=0&x=y", f"&app_id={query}&", f"app%5fid={query}", f"x=%zz1&app_id={query}"[6:]):
        assert json.loads(ask(ready.port, "GET", f"/prpc/{ENV}?{around}").body)["public_key"] == env_key(ready, APP)


@pytest.mark.parametrize("query,number", [("", 0), ("api_version=7", 7), ("api_version=%37", 7), ("api_version=4294967295", 4294967295),
                                          ("unknown=1&unknown=2&api_version=7", 7),
                                          ("api_version=7&vm_config=a+b%20c%2b%C3%A9", 7), ("api_version=7&csr=&vm_config=", 7)])
def test_form_in(ready, query, number):
    answer = ask(ready.port, "GET", f"/prpc/SignCert?{query}")
    assert (answer.status, answer.body) == (400, error_json(f"Unsupported API version: {number}"))


@pytest.mark.parametrize("query", ["api_version=", "api_version", "api_version=x", "api_version=-1", "api_version=4294967296", "api_version=7.0",
                                   "api_version=7&api_version=7",
                                   "api_version=0x7", "csr=0", "csr=zz", "api_version=7&vm_config=%ff", "api_version=7+", "api_version=+7"])
def test_form_refused(ready, query):
    answer = ask(ready.port, "GET", f"/prpc/SignCert?{query}")
    assert answer.status == 400 and not json.loads(answer.body)["error"].startswith("Unsupported API version")


# --- protobuf in

GROUP = varint(99 << 3 | 3) + proto((1, 5), (2, b"x")) + varint(98 << 3 | 3) + varint(98 << 3 | 4) + varint(99 << 3 | 4)


@pytest.mark.parametrize("body,number", [
    (b"", 0), (proto((1, 7)), 7), (proto((1, 6), (1, 7)), 7), (proto((1, 7), (4, "é")), 7), (proto((4, "x"), (1, 7)), 7),
    (proto((99, 1), (1, 7), (99, b"zzz")), 7),
    (varint(99 << 3 | 1) + bytes(8) + proto((1, 7)), 7), (varint(99 << 3 | 5) + bytes(4) + proto((1, 7)), 7), (GROUP + proto((1, 7)), 7),
    (proto((1, 7)) + GROUP, 7),
    (b"\x08\x87\x00", 7), (b"\x08\x87\x80\x80\x80\x00", 7), (b"\x88\x00\x07", 7), (b"\x08\x87\x80\x80\x80\x80\x80\x80\x80\x80\x00", 7),
    (proto((1, 4294967295)), 4294967295),
    (proto((1, (1 << 32) + 7)), 7), (proto((2, b""), (3, b""), (1, 7)), 7)])
def test_protobuf_in(ready, body, number):
    reads(ready, body, number, "")


@pytest.mark.parametrize("body", [
    varint(1 << 3 | 2) + b"\x01\x07", varint(1 << 3 | 5) + bytes(4), varint(1 << 3 | 1) + bytes(8), varint(2 << 3) + b"\x07", varint(4 << 3) + b"\x07",
    b"\x08", b"\x08\x87", b"\x12\x05abc",
    b"\x12", b"\x80", b"\x00\x07", b"\x02\x00", b"\x08" + b"\x87" + b"\x80" * 9 + b"\x00", b"\x08" + b"\xff" * 9 + b"\x7f", b"\x80" * 10 + b"\x01",
    b"\x22\x01\xff", b"\x22\x02\xc0\x80",
    b"\x22\x03\xed\xa0\x80", varint(99 << 3 | 3), varint(99 << 3 | 4), varint(99 << 3 | 3) + varint(98 << 3 | 4), varint(99 << 3 | 6), varint(99 << 3 | 7),
    varint(99 << 3 | 2) + b"\x05ab",
    varint(99 << 3 | 1) + bytes(7), varint(99 << 3 | 3) * 200 + varint(99 << 3 | 4) * 200, b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    varint((1 << 29) << 3) + b"\x07", b"{}",
    varint(1 << 3 | 3) + varint(1 << 3 | 4)])
def test_protobuf_refused(ready, body):
    refuses(ready, body, "")


# --- answers


def test_every_json_field_is_there_in_order(ready):
    meta = ask(ready.port, "POST", "/prpc/GetMeta?json", b"").body
    assert list(json.loads(meta)) == ["ca_cert", "allow_any_upgrade", "k256_pubkey", "bootstrap_info", "is_dev", "gateway_app_id", "kms_contract_address",
                                      "chain_id",
                                      "app_auth_implementation"]
    assert list(json.loads(meta)["bootstrap_info"]) == ["ca_pubkey", "k256_pubkey", "attestation"]
    assert meta.endswith(b'"is_dev":true,"gateway_app_id":"any","kms_contract_address":null,"chain_id":null,"app_auth_implementation":null}')
    # Compact, line feeds of PEM as \n, slashes as they are.
    assert meta.startswith(b'{"ca_cert":"-----BEGIN CERTIFICATE-----\\n') and b", " not in meta and b"\\/" not in meta and b"\\r" not in meta
    env = json.loads(post(ready, ENV, json.dumps({"app_id": APP.hex()})).body)
    assert list(env) == ["public_key", "signature", "timestamp", "signature_v1"] and isinstance(env["timestamp"], int)
    assert [len(env[k]) for k in ("public_key", "signature", "signature_v1")] == [64, 130, 130]
    assert env["signature"] == env["signature"].lower()


def test_protobuf_answers(ready):
    meta = unproto(post(ready, "GetMeta", b"", "").body)
    # Absent options and false are left out; is_dev of the dev policy is true; fields stand in the order of their numbers.
    assert [n for n, _ in meta] == [1, 2, 3, 4, 5, 6]
    values, by_json = dict(meta), json.loads(post(ready, "GetMeta", b"").body)
    assert values[1].decode() == by_json["ca_cert"] and values[3].hex() == by_json["k256_pubkey"] and values[6] == b"any"
    assert [v.hex() for _, v in unproto(values[4])] == list(by_json["bootstrap_info"].values())
    env = unproto(post(ready, ENV, proto((1, APP)), "").body)
    assert [n for n, _ in env] == [1, 2, 3, 4] and env[0][1].hex() == env_key(ready, APP)


def test_empty_answers(start):
    kms = start(config={"core": {"admin_token_hash": hashlib.sha256(b"t").hexdigest()}})
    kms.bootstrap()
    assert post(kms, "ClearImageCache", '{"token":"t"}').body == b"null"
    answer = post(kms, "ClearImageCache", proto((1, "t")), "")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "0")


@pytest.mark.parametrize("name,shown", [('%22', '\\"'), ("%5c", "\\\\"), ("%08%0c%0a%0d%09", "\\b\\f\\n\\r\\t"), ("%01%1f%0b", "\\u0001\\u001f\\u000b"),
                                        ("%7f%c3%a9%e2%80%a8", "\x7f\u00e9\u2028")])
def test_escapes_of_strings(ready, name, shown):
    answer = ask(ready.port, "GET", f"/prpc/x{name}")
    assert answer.body == b'{\n  "error": "Service not found: x' + shown.encode() + b'"\n}'

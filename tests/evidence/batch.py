"""Requests to `ukms verify-evidence --batch`, whose files are written on the way."""

import json
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("UKMS", os.path.join(TOP, "build/host/ukms"))
FILES = ("file", "collateral", "root_sgx", "quote", "event_log")


def run(data, *, check=True):
    return subprocess.run([PROGRAM, "verify-evidence", "--batch"], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=check)


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    return str(path)


def ask(home, requests):
    """requests: by name, a dictionary whose members named in FILES are contents if they are texts or bytes. Answers by name."""
    lines = []
    for i, (name, request) in enumerate(requests.items()):
        files = {k: write(home / f"{i}.{k}", v) for k, v in request.items() if k in FILES and isinstance(v, (str, bytes))}
        lines.append(json.dumps(dict(request, id=name, **files)).encode())
    answers = [json.loads(line) for line in run(b"\n".join(lines) + b"\n").stdout.splitlines()]
    assert [a["id"] for a in answers] == list(requests)
    return {a["id"]: a for a in answers}

"""Requests to `ukms verify-evidence --batch`, whose files are written on the way."""

import json
import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("UKMS", os.path.join(TOP, "build/host/ukms"))
FILES = ("file", "collateral", "root_sgx", "quote", "event_log")


def run(data, *, check=True, program=PROGRAM):
    return subprocess.run([program, "verify-evidence", "--batch"], cwd=TOP, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=check)


def answers(requests, program=PROGRAM):
    """The answers to these requests (dictionaries), in order."""
    done = run(b"".join(json.dumps(r).encode() + b"\n" for r in requests), check=False, program=program)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(requests), f"{len(lines)} answers to {len(requests)} requests, exit {done.returncode}: {done.stderr.decode()[-3000:]}"
    return [json.loads(line) for line in lines]


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    return str(path)


def ask(home, requests):
    """requests: by name, a dictionary whose members named in FILES are contents if they are texts or bytes. Answers by name."""
    asked = []
    for i, (name, request) in enumerate(requests.items()):
        files = {k: write(home / f"{i}.{k}", v) for k, v in request.items() if k in FILES and isinstance(v, (str, bytes))}
        asked.append(dict(request, id=name, **files))
    said = answers(asked)
    assert [a["id"] for a in said] == list(requests)
    return {a["id"]: a for a in said}

"""Cases of evidence that a Python file makes and judges, put to `ukms verify-evidence --batch` in one process.

A file of cases has a Cases, fills it at import, and ends with `test_case = cases.test()`. What each must answer is read from the specification.
"""

import json
import os

import pytest

from tests.evidence.batch import answers as ask
from tests.evidence.compare import compare, word

NOW = 1780000000  # 2026-05-28T20:26:40Z


class Cases:
    def __init__(self, kind, **request):
        """request: members that every case has; bytes become files."""
        self.kind, self.request, self.all = kind, request, {}

    def add(self, name, data, *, kind=None, error=None, expect=None, result=None, **request):
        """One case. result: accept or reject (reject if an error is given); error: part of the sentence, in any case; expect: members of the
        answer; image_check there is compared by its first word."""
        assert name not in self.all, name
        want = dict(expect or {}, result=result or ("reject" if error is not None else "accept"))
        self.all[name] = (data, dict(self.request, kind=kind or self.kind, **request), want, error)

    def requests(self, directory):
        out, files = [], {}

        def file_of(data):
            if data not in files:
                files[data] = os.path.join(directory, "%d" % len(files))
                with open(files[data], "wb") as f:
                    f.write(data)
            return files[data]

        for name, (data, request, _, _) in self.all.items():
            # a request is made from the specification's words, so None takes a member out
            r = {k: file_of(v) if isinstance(v, bytes) else v for k, v in request.items() if v is not None}
            for k in ("http_map", "ark"):
                if k in r:
                    r[k] = {u: file_of(v) for u, v in r[k].items() if v is not None}
            r.setdefault("now", NOW)
            if r["now"] is False:
                del r["now"]
            out.append(dict(r, id=name, file=file_of(data)))
        return out

    def differences(self, name, answer):
        _, _, want, error = self.all[name]
        diffs = []
        images = want.get("image_check", {})
        for release, v in images.items():
            if word(answer.get("image_check", {}).get(release)) != v:
                diffs.append("image_check.%s: expected %s, got %s" % (release, v, answer.get("image_check", {}).get(release)))
        compare("", {k: v for k, v in want.items() if k != "image_check"}, answer, diffs)
        if diffs and answer["result"] == "reject":
            diffs.append("%s: %s" % (answer["stage"], answer["error"]))
        if error and error.lower() not in answer.get("error", "").lower():
            diffs.append("error: expected %r in %r" % (error, answer.get("error")))
        return diffs

    def test(self):
        answers = {}

        @pytest.mark.parametrize("name", list(self.all))
        def test_case(name, tmp_path_factory):
            if not answers:
                requests = self.requests(str(tmp_path_factory.mktemp("cases")))
                answers.update((a["id"], a) for a in ask(requests))
            diffs = self.differences(name, answers[name])
            assert not diffs, "\n".join(diffs)

        return test_case


def dumps(value):
    return json.dumps(value, separators=(",", ":"))

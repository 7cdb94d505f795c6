"""Containers, the old form, certificates and identities: made here, judged by the specification, answered in one batch."""

import pytest

from tests.evidence import batch
from tests.evidence.container_cases import CASES
from tests.evidence import container_cases_more  # noqa: F401  (adds to CASES)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return batch.ask(tmp_path_factory.mktemp("containers"), {name: request() for name, (_, request) in CASES.items()})


@pytest.mark.parametrize("name", CASES)
def test_evidence_is_judged_as_the_specification_says(answers, name):
    want, got = CASES[name][0], answers[name]
    if isinstance(want, tuple):
        assert got["result"] == "reject", got
        assert (got["stage"], want[1].lower() in got["error"].lower()) == (want[0], True), got["error"]
        assert got.get("evidence_result") == ("reject" if want[0] == "quote" else got.get("evidence_result"))
        return
    fields = dict(want) if isinstance(want, dict) else {}
    assert got["result"] == (fields.pop("result", "accept") if fields else want), got.get("error")
    for key, value in fields.items():
        if key.startswith("boot_info"):
            assert got[key] == value
            assert value is None or list(got[key]) == list(value), "order of members"
        elif isinstance(value, dict):
            assert {k: got[key].get(k) for k in value} == value
        else:
            assert got[key] == value, key

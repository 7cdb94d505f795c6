"""Event logs and formula tables: made here, judged by the specification, answered in one batch."""

import pytest

from tests.evidence import batch
from tests.evidence.log_cases import CASES


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return batch.ask(tmp_path_factory.mktemp("logs"), {name: request for name, (_, request) in CASES.items()})


@pytest.mark.parametrize("name", CASES)
def test_log_is_read_as_the_specification_says(answers, name):
    want, got = CASES[name][0], answers[name]
    if want is None:
        assert (got["result"], got["stage"]) == ("reject", "decode")
        assert got["error"]
        return
    assert got["result"] == want.get("result", "parsed"), got.get("error")
    assert {k: got[k] for k in want} == want

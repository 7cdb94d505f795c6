"""The audit chain across restarts, as an auditor checks it: what the record of a start says of the process before, after an orderly end, after
kill -9, and when nothing is known."""

import signal

import pytest

from tests.dev import audit
from tests.dev.machine import MachineError, free_port

TOKEN = "sesame"
ZERO = bytes(32).hex()


class Audited:
    """A KMS with its admin listener, started again in the same directory as often as a test likes."""

    def __init__(self, start):
        self.start_process, self.process = start, None

    def run(self, bootstrap=False):
        self.port = free_port()
        self.process = self.start_process("audited", config={"core": {"admin": {"enabled": True, "port": self.port, "auth_token": TOKEN}}})
        self.process.bootstrap() if bootstrap else self.process.wait_tls()
        return self

    def release(self, times=1):
        kms, guest = self.process.kms(), self.process.platform.guest()
        context = kms.ra_context(guest.attest)
        for _ in range(times):
            kms.call("GetAppKey", {"api_version": 1, "vm_config": guest.vm_config}, context=context)

    def log(self):
        return audit.read(self.port, TOKEN, self.process.kms())

    def end(self, how):
        self.process.process.send_signal(how)
        assert self.process.process.wait(20) == -how, "the signal still does what it does"
        self.process.agent.close()

    @property
    def file(self):
        return self.process.state / "certs/audit-head"


@pytest.fixture
def audited(start):
    return Audited(start)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_after_an_orderly_end_nothing_is_missing(audited, how):
    audited.run(bootstrap=True)
    audited.release(3)
    head, records = audited.log()
    assert [r["method"] for r in records] == ["start", "Bootstrap"] + 3 * ["GetAppKey"]
    assert records[0]["previous"] is None and "reason" in records[0] and head["before_first"] == ZERO
    for _ in range(3):
        audited.end(how)
        audited.run()
        audited.release()
        again, records = audited.log()
        assert records[0]["method"] == "start" and again["before_first"] == head["hash"]
        assert records[0]["previous"] == {"n": head["sequence"], "hash": head["hash"], "end": "clean", "rollback": "possible"}
        assert records[0]["n"] == head["sequence"] + 1 and [r["method"] for r in records[1:]] == ["GetAppKey"]
        head = again


def test_after_kill_9_the_start_says_that_the_end_is_not_known(audited):
    """The head is kept at the start and every minute, not with each release: what came after the last keeping is lost, and it is told so."""
    audited.run(bootstrap=True)
    kept, _ = audited.log()
    audited.release(2)
    head, before = audited.log()
    audited.end(signal.SIGKILL)
    audited.run()
    again, records = audited.log()
    previous = records[0]["previous"]
    assert previous["end"] == "unknown" and previous["n"] == kept["sequence"] < head["sequence"] and previous["hash"] == kept["hash"] == again["before_first"]
    # An auditor with the head from before the kill sees that his chain runs through the kept head, and that its tail is not in the new one.
    hashes = audit.chain(bytes.fromhex(head["before_first"]), map(audit.line, before))
    assert hashes[previous["n"] - 1].hex() == previous["hash"]
    # A second kill right after the start: that start is in the chain.
    audited.end(signal.SIGKILL)
    audited.run()
    _, records = audited.log()
    assert records[0]["previous"] == {"n": again["sequence"], "hash": again["hash"], "end": "unknown", "rollback": "possible"}


def test_a_clean_end_counts_for_one_start_only(audited):
    audited.run(bootstrap=True)
    audited.end(signal.SIGTERM)
    audited.run()
    assert audited.log()[1][0]["previous"]["end"] == "clean"
    audited.release()
    audited.end(signal.SIGKILL)
    audited.run()
    assert audited.log()[1][0]["previous"]["end"] == "unknown"


@pytest.mark.parametrize("what", ["gone", "torn", "bit"])
def test_without_a_head_the_start_says_that_none_is_known(audited, what):
    audited.run(bootstrap=True)
    audited.end(signal.SIGTERM)
    good = audited.file.read_bytes()
    assert len(good) == 96 and audited.file.stat().st_mode & 0o777 == 0o644
    if what == "gone":
        audited.file.unlink()
    else:
        audited.file.write_bytes(good[:50] if what == "torn" else good[:20] + bytes([good[20] ^ 1]) + good[21:])
    audited.run()
    head, records = audited.log()
    assert records[0]["n"] == 1 and records[0]["previous"] is None and head["before_first"] == ZERO
    assert {"gone": "no such file", "torn": "not the head", "bit": "damaged"}[what] in records[0]["reason"]
    audited.end(signal.SIGTERM)
    audited.run()
    assert audited.log()[1][0]["previous"]["n"] == head["sequence"]


def test_a_clean_end_that_cannot_be_taken_back_stops_the_start(audited):
    """Otherwise the next start could believe an end to be clean that was not."""
    audited.run(bootstrap=True)
    audited.end(signal.SIGTERM)
    (audited.file.parent / ".audit-head.new").mkdir()
    with pytest.raises(MachineError) as problem:
        audited.run()
    assert "the audit log of this process cannot be told from the one before" in str(problem.value)


def test_before_there_are_keys_nothing_is_written(audited, start):
    process = start("onboarding")
    process.kms().get("/health", tls=False)
    process.stop()
    assert not (process.state / "certs").exists()

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.dev.process import Platform, Process  # noqa: E402


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    p = Platform(tmp_path_factory.mktemp("platform"))
    yield p
    p.close()


@pytest.fixture
def start(platform, tmp_path):
    """start(name="kms", **kw) runs `ukms serve` in its own directory until the test ends."""
    running = []

    def run(name="kms", **kw):
        process = Process(platform, tmp_path / name, **kw).start()
        running.append(process)
        return process

    yield run
    for process in running:
        process.stop()


@pytest.fixture(scope="module")
def ready(platform, tmp_path_factory):
    """A bootstrapped KMS that serves HTTPS, shared by the tests of one file."""
    process = Process(platform, tmp_path_factory.mktemp("ready")).start()
    process.bootstrap()
    yield process
    process.stop()

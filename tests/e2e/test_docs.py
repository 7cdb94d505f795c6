"""What the documents list is what the program knows: configuration keys, verbs, options and environment; help fits a terminal."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.dev.process import UKMS

VERBS = ("serve", "get-keys", "verify-evidence")
PARTS = ("default", "rpc", "core", "server")
man = Path("docs/ukms.8").read_text().replace("\\-", "-")


def said(*words):
    got = subprocess.run([UKMS, *words], capture_output=True, text=True)
    assert (got.returncode, got.stderr) == (0, "")
    return got.stdout


def unfold(pattern):
    """The names that a{b,c}d stands for."""
    if not (group := re.search(r"\{([^}]*)\}", pattern)):
        return [pattern]
    return [name for part in group[1].split(",") for name in unfold(pattern[:group.start()] + part + pattern[group.end():])]


def test_every_configuration_key_is_documented_and_nothing_else():
    keys = set(re.findall(r'^\t(?:[A-Z_]+\(|\{)"([a-z0-9_.]+)"', Path("kms/config/keys.c").read_text(), re.M))
    quoted = re.findall(r"`([^`\n]+)`", Path("docs/configuration.md").read_text())
    words = [re.split(r" = ", q)[0] for q in quoted if re.match(rf"(?:{'|'.join(PARTS)})\.", q)]
    tables = {key[:at.start()] for key in keys for at in re.finditer(r"\.", key)}
    assert len(keys) > 50 and {key.split(".")[0] for key in keys} == set(PARTS)
    assert {name for word in words for name in unfold(word)} - tables == keys


@pytest.mark.parametrize("words", [(), *((verb,) for verb in VERBS)])
def test_help_fits_eighty_columns(words):
    assert not [line for line in said(*words, "--help").splitlines() if len(line) > 80]


def test_help_and_manual_name_the_same_verbs():
    verbs = set(re.findall(r"^  ([a-z-]+) ", said("--help"), re.M))
    assert verbs == {*VERBS, "--version"} == set(re.findall(r"^\.B ukms ([a-z-]+)", man, re.M))
    assert set(re.findall(r"^\.SS (\S+)", man, re.M)) == set(VERBS)


@pytest.mark.parametrize("verb", ["serve", "get-keys"])
def test_help_and_manual_list_the_same_options(verb):
    section = re.search(rf"^\.SS {verb}\n(.*?)^\.S[SH]", man, re.M | re.S)[1]
    assert set(re.findall(r"--[a-z-]+", said(verb, "--help"))) == set(re.findall(r"--[a-z-]+", section))


def test_manual_lists_the_environment_that_serve_reads():
    section = re.search(r"^\.SH ENVIRONMENT\n(.*?)^\.SH", man, re.M | re.S)[1]
    names = [name for line in re.findall(r"^\.TP\n(.*)", section, re.M) for name in re.findall(r"[A-Z_]{4,}", line)]
    assert set(names) == set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", said("serve", "--help")))


def test_help_of_verify_evidence_names_each_kind():
    kinds = re.findall(r'^\t\{"([a-z_0-9-]+)", kind_', Path("kms/tool/tool.c").read_text(), re.M)
    listed = re.search(r"^  --kind KIND +(.*?)\n  --", said("verify-evidence", "--help"), re.M | re.S)[1]
    assert sorted(re.split(r",\s+", listed)) == sorted(kinds)

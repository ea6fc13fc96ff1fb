"""`demo`, `sandbox` and `init`: the first steps, and that they destroy nothing."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.cli.config import PLACEHOLDERS
from etl.cli.main import run
from etl.cli.program import program
from etl.cli.sandbox import in_folder, refuse_foreign, write_config
from etl.complaints import file_name
from etl.example import example_config
from etl.sandbox import faults


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KORE_ETL_CONFIG", raising=False)


def test_a_demo_replaces_an_earlier_one_and_its_hints_are_short(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice in a row works; what it leaves are a configuration, its secrets and a database that the verbs find."""
    assert run(["--quiet", "demo", "--accounts", "1", "--campaigns", "3"]) == 0
    assert run(["demo", "--accounts", "1", "--campaigns", "2"]) == 0
    hints = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ") and "kore-etl" in line]
    assert len(hints) == 4
    assert all(len(line) <= 80 for line in hints)
    left = {file.name for file in (tmp_path / "kore-etl-demo").iterdir()}
    assert left - {"campaigns.db-wal", "campaigns.db-shm"} == {"config.toml", "account-1.secret", "campaigns.db"}
    assert run(["--config", "kore-etl-demo/config.toml", "gaps"]) == 0


@pytest.mark.parametrize("name", ["config.toml", "campaigns.db", "notes.txt"])
def test_a_folder_that_is_no_demos_is_left_as_it_is(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person's configuration, database or notes are never replaced."""
    (tmp_path / "kore-etl-demo").mkdir()
    (tmp_path / "kore-etl-demo" / name).write_text("mine")
    assert run(["demo"]) == 2
    assert (tmp_path / "kore-etl-demo" / name).read_text() == "mine"
    assert "--folder" in capsys.readouterr().err or name == "config.toml"


def test_a_sandbox_writes_over_no_configuration_but_a_sandboxs(tmp_path: Path) -> None:
    """`sandbox --write-config .` beside a real config.toml is refused; its own is replaced."""
    write_config(tmp_path, "http://127.0.0.1:1", (), "sqlite:///x.db")
    refuse_foreign(tmp_path)
    (tmp_path / "config.toml").write_text("[api]\n")
    assert run(["sandbox", "--port", "0", "--write-config", "."]) == 2
    assert (tmp_path / "config.toml").read_text() == "[api]\n"


def test_a_sandboxs_database_is_found_from_everywhere(tmp_path: Path) -> None:
    """An absolute path inside the folder, though the folder was named relative."""
    assert in_folder(Path("box"), "sandbox.db") == f"sqlite:///{tmp_path}/box/sandbox.db"


def test_the_help_of_sandbox_lists_every_kind_of_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that `--faults` takes, no other."""
    assert run(["sandbox", "--help"]) == 0
    kinds = capsys.readouterr().out.partition("Kinds of faults")[2].partition("Examples")[0]
    written = re.split(r"Options:", kinds)[0]
    possible = faults.parse_faults  # each kind written must be one it reads
    for kind in sorted({kind.replace("_", "-") for kind in faults.KINDS} - {"status", "mutate"} | {"change"}):
        assert re.search(rf"(?<![\w-]){kind}(?![\w-])", written), kind
        assert possible(kind)


def test_short_helps_are_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A list of sub-verbs whose lines end in dots helps nobody."""
    for verb in ("runs", "rejects"):
        assert run([verb, "--help"]) == 0
        assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


def test_the_examples_placeholders_are_problems_until_they_are_filled_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`init`, then `check`: what is still to be filled in is named, all of it."""
    assert all(f'"{example}"' in example_config({}) for example in PLACEHOLDERS.values())
    assert run(["init"]) == 0
    assert run(["check"]) == 2
    err = capsys.readouterr().err
    for key in ("[auth] client_id", "[[accounts]] number 1 account_id", "[[accounts]] number 1 app_id"):
        assert f"{key} is still the example's; fill in yours." in err
    assert "[auth] client_secret_file names a file that cannot be read" in err
    assert '("client-secret", relative names start at' in err


@pytest.mark.parametrize("name", ["client-secret", "/etc/kore/secret.txt", "../secrets/account-12.secret"])
def test_a_name_that_is_surely_a_files_is_shown(name: str) -> None:
    """So that a typo in it can be seen."""
    assert file_name(name, ("auth", "client_secret_file")) == f'"{name}", '
    assert file_name(name, ("warehouse", "password_file")) == "", "a password may look like a word"


@settings(max_examples=200, deadline=None)
@given(secret=st.binary(min_size=24, max_size=64), spelt=st.sampled_from(["hex", "base64", "urlsafe"]))
def test_a_secret_pasted_in_place_of_a_name_is_not_shown(secret: bytes, spelt: str) -> None:
    """Whatever alphabet it is written in: even few bytes make runs too long for a word."""
    drawn = hashlib.sha512(secret).digest()[: len(secret)]
    text = {"hex": drawn.hex().encode(), "base64": b64encode(drawn), "urlsafe": urlsafe_b64encode(drawn)}[spelt]
    assert file_name(text.decode(), ("auth", "client_secret_file")) == ""


def test_a_verb_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The help, as it is, and exit 2."""
    assert run([]) == 2
    assert capsys.readouterr().err.startswith("Usage: kore-etl ")
    assert run(["--json"]) == 2
    assert "Name a verb" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sync", "--wait", "abc"], "'abc' is not a number of seconds"),
        (["sync", "--wait", "-1"], "'-1' is not a number of seconds"),
        (["backfill", "--start", "2026-02-31", "--end", "2026-03-01"], "'2026-02-31': there is no such day"),
        (["backfill", "--start", "soon", "--end", "2026-03-01"], "'soon' is not an ISO 8601 date"),
    ],
)
def test_values_that_cannot_be_are_told_in_plain_words(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and what is wrong with the value."""
    assert run(arguments) == 2
    assert message in capsys.readouterr().err


def test_hints_call_the_program_as_it_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path stays a path, the shell's own command is its name."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert program(".venv/bin/kore-etl") == ".venv/bin/kore-etl"
    assert program(f"{tmp_path}/.venv/bin/kore-etl") == ".venv/bin/kore-etl"
    assert program("/elsewhere/my tools/kore-etl") == "'/elsewhere/my tools/kore-etl'"
    assert program("/x/etl/__main__.py") == "python -m etl"
    assert program("/x/pytest") == "kore-etl"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kore-etl").touch(mode=0o755)
    assert program(f"{tmp_path}/bin/kore-etl") == "kore-etl"

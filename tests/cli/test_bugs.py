"""How a bug ends: in one line, unless the traceback is asked for."""

from __future__ import annotations

import json

import pytest

from etl.cli import signals
from etl.cli.main import run


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Something breaks in the middle of a verb; its message holds what must not be shown."""

    def broken(_: object) -> None:
        raise TypeError("canary")

    monkeypatch.setattr(signals, "run", broken)
    monkeypatch.chdir(str(tmp_path))


def test_a_bug_is_one_line_and_exit_70(bug: None, capsys: pytest.CaptureFixture[str]) -> None:
    """What kind, where, what to do next; its message is not shown."""
    assert run(["demo"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("kore-etl: internal error (TypeError in ")
    assert "run again with --verbose for the traceback" in line
    assert "canary" not in line


def test_verbose_shows_the_traceback(bug: None, capsys: pytest.CaptureFixture[str]) -> None:
    """And then the line."""
    assert run(["--verbose", "demo"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("kore-etl: internal error")


def test_under_json_a_bug_is_a_document(bug: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A script gets the code where it expects it."""
    assert run(["--json", "demo"]) == 70
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 70
    assert "internal error" in document["errors"][0]

"""`init`: what it asks, tests and writes, that it overwrites nothing and that no secret is seen."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from cli_terminal import talked
from night import midnight, served
from rich.pretty import pretty_repr

from etl.cli.main import run
from etl.sandbox.catalogue import build_catalogue
from etl.settings import load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KORE_ETL_CONFIG", raising=False)


def test_a_conversation_ends_in_a_configuration_that_works(tmp_path: Path) -> None:
    """Each answer is tested; what is wrong is told and asked again; the secret is in its own file and on no screen."""
    with served(build_catalogue(accounts=1, campaigns=2, now=midnight())) as sandbox:
        account = sandbox.catalogue.accounts[0]
        code, drawn = talked(
            ["init"],
            tmp_path,
            [
                ("Host [", "ftp://kore.example\n"),
                ("Host [", f"{sandbox.url}\n"),
                ("Client ID:", f"{account.client_id}\n"),
                ("(not shown)", "canary-of-a-wrong-secret\n"),
                ("Account ID:", f"{account.account_id}\n"),
                ("App ID:", f"{account.app_id}\n"),
                ("A name", "EMEA\n"),
                ("credential again?", "credential\n"),
                ("Client ID:", f"{account.client_id}\n"),
                ("(not shown)", f"{account.client_secret}\n"),
                ("Another account", "n\n"),
                ("URL [", "sqlite:////proc/x.db\n"),
                ("Keep it all the same?", "n\n"),
                ("URL [", "\n"),
            ],
        )
    assert code == 0, drawn
    for line in (
        "that is not a host such as https://platform.kore.ai",
        "→ Kore.ai says the same of a wrong Client Secret",
        "answers, 2 campaigns",
        "The folder /proc cannot be written",
        "sqlite:///campaigns.db is empty",
    ):
        assert line in re.sub(r"\s+", " ", drawn)
    assert account.client_secret not in drawn
    assert "canary" not in drawn
    assert "Traceback" not in drawn
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {
        "config.toml": 0o600,
        "client-secret": 0o600,
    }
    assert account.client_secret not in (tmp_path / "config.toml").read_text()
    (found,) = load(tmp_path / "config.toml", {}).resolved_accounts()
    assert (found.account_id, found.app_id, found.name) == (account.account_id, account.app_id, "EMEA")
    assert found.client_secret.get_secret_value() == account.client_secret


def test_ctrl_c_while_a_secret_is_typed_leaves_nothing_and_the_terminal_as_it_was(tmp_path: Path) -> None:
    """130; no file; and what was typed is shown nowhere."""
    with served(build_catalogue(accounts=1, campaigns=1, now=midnight())) as sandbox:
        dialogue = [("Host [", f"{sandbox.url}\n"), ("Client ID:", "cs-1\n"), ("(not shown)", "canary\x03")]
        code, drawn = talked(["init"], tmp_path, dialogue)
    assert code == 130, drawn
    assert "Stopped by a signal." in drawn
    assert "canary" not in drawn
    assert list(tmp_path.iterdir()) == []


def test_options_are_written_and_nothing_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two accounts, the secret's file named; what the settings would refuse is refused before anything is written."""
    options = ["--host", "de-platform.kore.ai", "--client-id", "cs-1", "--secret-file", "kore.secret", "--yes"]
    accounts = ["--account", "67777ce93e25326494e9aaaa:st-1", "--account", "67777ce93e25326494e9bbbb:st-2"]
    assert run(["init", "--account", "with blank:st-1"]) == 2
    assert run(["init", "--account", "67777ce93e25326494e9aaaa:st-1", "--account", "67777ce93e25326494e9bbbb"]) == 2
    assert list(tmp_path.iterdir()) == []
    assert "[[accounts]] number 2 app_id is missing" in capsys.readouterr().err
    assert run(["init", *options, *accounts, "--warehouse", "postgresql://kore@db.example/kore"]) == 0
    (tmp_path / "kore.secret").write_text("x" * 44)
    written = load(tmp_path / "config.toml", {})
    assert [(one.account_id, one.app_id) for one in written.resolved_accounts()] == [
        ("67777ce93e25326494e9aaaa", "st-1"),
        ("67777ce93e25326494e9bbbb", "st-2"),
    ]
    assert {one.host for one in written.resolved_accounts()} == {"https://de-platform.kore.ai"}
    assert written.warehouse.url_text() == "postgresql://kore@db.example/kore"


def test_a_secrets_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    """All files are new, or none is written."""
    from etl.cli.asking import Answers
    from etl.cli.init import _write

    (tmp_path / "client-secret").write_text("mine")
    with pytest.raises(Exception, match="client-secret exists already and is left as it is"):
        _write(tmp_path / "config.toml", Answers(secret="new"))
    assert [file.name for file in tmp_path.iterdir()] == ["client-secret"]
    assert (tmp_path / "client-secret").read_text() == "mine"


def test_answers_show_neither_the_secret_nor_the_password() -> None:
    """A log line or a traceback may show them whole."""
    from etl.cli.asking import Answers

    answers = Answers(client_id="cs-1", secret="hush-hush", password="sesame")
    for shown in (repr(answers), pretty_repr(answers)):
        assert "cs-1" in shown
        assert "hush-hush" not in shown
        assert "sesame" not in shown

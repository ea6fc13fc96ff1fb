"""What a command line turns into, before any verb does its work."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from etl import errors
from etl.cli.main import VERBS, cli, exit_code, run
from etl.cli.output import Output, ago, clean, here, styled, zone


def test_every_verb_answers_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb of the list exists, has a help text, and exits 0."""
    for verb in VERBS:
        assert run([verb, "--help"]) == 0
        assert f"kore-etl {verb}" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    """`--help` must be quick: neither SQLAlchemy nor aiohttp nor pydantic nor rich is imported."""
    program = (
        "import sys; from etl.cli.main import run, VERBS; run(['--help']); assert 'etl.model' not in sys.modules;"
        "[run([v, '--help']) for v in VERBS];"
        "print(sorted({'sqlalchemy','aiohttp','pydantic','rich','alembic','structlog'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_verb_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and what was probably meant."""
    assert run(["snyc"]) == 2
    assert "Did you mean 'sync'?" in capsys.readouterr().err


def test_a_global_option_after_the_verb_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """A common slip: the message says where the option goes."""
    assert run(["sync", "--quiet"]) == 2
    assert "put it before the verb" in capsys.readouterr().err


def test_usage_errors_are_a_document_under_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json every exit prints one document."""
    assert run(["--json", "backfill", "--start", "yesterday"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 2
    assert "yesterday" in document["errors"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backfill", "--start", "2026-02-01", "--end", "2026-01-01"], "must be before"),
        (["backfill", "--start", "2999-01-01", "--end", "2999-02-01"], "in the future"),
        (["plan", "--start", "2026-02-01"], "go together"),
        (["plan", "--only-gaps"], "goes with"),
        (["sandbox", "--faults", "nonsense"], "nonsense"),
    ],
)
def test_bad_usage_is_exit_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names what was wrong."""
    assert run(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_missing_configuration_is_exit_2_with_every_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All problems at once, none of them a traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KORE_ETL_CONFIG", raising=False)
    (tmp_path / "config.toml").write_text('[api]\npage_size = 0\nhots = "x"\n')
    assert run(["--json", "sync"]) == 2
    problems = json.loads(capsys.readouterr().out)["errors"]
    assert any("page_size" in problem for problem in problems)
    assert any("hots" in problem and "host" in problem for problem in problems)


def test_init_writes_a_file_and_never_over_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second `init` is refused with exit 2 and changes nothing."""
    monkeypatch.chdir(tmp_path)
    assert run(["init", "--account-id", "67777ce93e25326494e9aaaa"]) == 0
    written = (tmp_path / "config.toml").read_text()
    assert "67777ce93e25326494e9aaaa" in written
    assert run(["init"]) == 2
    assert (tmp_path / "config.toml").read_text() == written
    assert "left as it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError(("x",)), 2),
        (errors.AccountRefused("x"), 3),
        (errors.LeaseHeld("x"), 4),
        (errors.AccountUnavailable("x"), 5),
        (errors.SchemaMismatch("x"), 6),
        (errors.WarehouseError("x"), 6),
    ],
)
def test_every_error_has_its_exit_code(error: errors.KoreEtlError, code: int) -> None:
    """As the contract lists them."""
    assert exit_code(error) == code


def test_text_from_outside_cannot_steer_a_terminal() -> None:
    """Escapes, newlines and bidi marks are shown, not obeyed; letters and emoji stay."""
    assert clean("a\x1b[31mb\nc\u202ed") == "a\\x1b[31mb\\nc\\u202ed"
    assert clean("Größe 👩\u200d💻") == "Größe 👩\u200d💻"


def test_a_table_shows_hostile_names_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Markup of the table library in a name is text as well."""
    from etl.cli.output import Column

    Output().table([Column("Name")], [["[red]x[/red]\x1b]0;owned\x07"]])
    printed = capsys.readouterr().out
    assert "[red]x[/red]\\x1b]0;owned\\x07" in printed
    assert "\x1b" not in printed


def test_no_colour_is_no_style_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR counts for marks and headings too."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert styled("x", fg="green") == "\x1b[32mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert styled("x", fg="green", bold=True) == "x"


def test_times_are_in_one_zone_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's as it is now: winter and summer are shown alike; a zone without a name gets one."""
    instant = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    try:
        for zone_set, shown, name in (("UTC", "2026-01-31 23:30", "UTC"), ("<-03>3", "2026-01-31 20:30", "UTC-03:00")):
            monkeypatch.setenv("TZ", zone_set)
            time.tzset()
            assert (here(instant), zone()) == (shown, name)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_lengths_of_time_are_readable() -> None:
    """One unit, the largest of which there are two."""
    from datetime import timedelta

    assert [ago(timedelta(seconds=s)) for s in (5, 119, 120, 7200, 200000)] == ["5 s", "119 s", "2 min", "2 h", "2 d"]


def test_the_verbs_are_click_commands_named_like_the_list() -> None:
    """The list in `main` and the modules agree."""
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        assert command.name == verb

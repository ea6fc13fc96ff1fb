"""Help that can be pasted, and shells that complete."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from etl import errors
from etl.cli import thoughts
from etl.cli.completion import PLACES
from etl.cli.main import EPILOG, GROUPS, VERBS, cli, run


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb and every verb below one, as it is typed."""
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        yield verb, command
        for name, below in command.commands.items() if isinstance(command, click.Group) else ():
            yield f"{verb} {name}", below


COMMANDS = dict(commands())


@pytest.mark.parametrize("typed", COMMANDS)
def test_every_verb_has_examples_that_parse(typed: str) -> None:
    """Each line that begins with our name is a command line that is accepted; at least one is about the verb itself."""
    examples = [line.strip() for line in (COMMANDS[typed].help or "").partition("Examples")[2].splitlines()]
    ours = [line for line in examples if line.startswith("kore-etl ")]
    for line in ours:
        _parse(cli, "kore-etl", _words(line), None)
    assert any(set(typed.split()) <= set(_words(line)) for line in ours), f"{typed}: no example"


def _words(line: str) -> list[str]:
    """What the shell hands over: up to a pipe, a redirection or another command."""
    words = shlex.split(line)[1:]
    ends = [place for place, word in enumerate(words) if word in ("|", "||", "&&", ">", "<")]
    return words[: ends[0]] if ends else words


def _parse(command: click.Command, name: str, words: list[str], parent: click.Context | None) -> None:
    context = command.make_context(name, list(words), parent=parent)
    left = [*context._protected_args, *context.args]
    if isinstance(command, click.Group) and left:
        below, found, rest = command.resolve_command(context, left)
        assert found is not None
        _parse(found, below or "", rest, context)


def test_every_group_of_the_help_names_verbs_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A verb stands in one group, and the help shows all of them."""
    grouped = [verb for _, verbs in GROUPS for verb in verbs]
    assert len(grouped) == len(set(grouped))
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for verb in VERBS:
        assert f"\n  {verb} " in out


@pytest.mark.parametrize("shell", PLACES)
def test_a_shell_gets_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the place where it belongs."""
    assert run(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert "_KORE_ETL_COMPLETE" in out
    assert PLACES[shell] in out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["kore-etl", "sync", "--account", "latam"], ["plain,67777ce93e25326494e9bbbb"]),
    ],
)
def test_verbs_options_and_configured_accounts_are_offered(
    tmp_path: Path, typed: list[str], offered: list[str]
) -> None:
    """The command itself answers, as the script asks it; accounts by id or by name."""
    blocks = [("aaaa", "EMEA retail"), ("bbbb", "LATAM")]
    text = "".join(f'[[accounts]]\naccount_id = "67777ce93e25326494e9{end}"\nname = "{name}"\n' for end, name in blocks)
    (tmp_path / "config.toml").write_text(text)
    asks = {"_KORE_ETL_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(typed), "COMP_CWORD": str(len(typed) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "etl"], env=os.environ | asks, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == offered


def test_every_error_and_every_exit_code_has_its_thought() -> None:
    """What happened, what was kept, what to do; for an error of a kind not named, that of the kind above it."""
    kinds = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.KoreEtlError)}
    assert {kind for thought in thoughts.THOUGHTS for kind in thought.kinds} == kinds
    codes = {code for line in EPILOG.splitlines() if (code := line.strip().split("  ")[0])[:1].isdigit()}
    named = " ".join(thought.code for thought in thoughts.THOUGHTS)
    assert all(code.split(",")[0] in named for code in codes)
    for thought in thoughts.THOUGHTS:
        assert all((thought.symptom, thought.happened, thought.kept, thought.remedy))
    assert thoughts.of(errors.SchemaMismatch("x")).remedy.startswith("Older: `kore-etl migrate`")


def test_an_error_that_ends_a_verb_says_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line; the remedy is in the sentence itself, or follows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KORE_ETL_WAREHOUSE__URL", "postgresql://me@127.0.0.1:9/db")
    assert run(["status"]) == 6
    assert capsys.readouterr().err.splitlines()[1].startswith("Kept: Everything stored so far, in whole windows")

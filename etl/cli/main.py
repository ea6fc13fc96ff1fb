"""How a command line becomes an exit code: the list of verbs, the global options, and what each error turns into.

Verbs are imported only when they run: `--help` imports click and nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from etl import __version__
from etl.cli.output import Output
from etl.errors import (
    AccountRefused,
    ConfigError,
    Interrupted,
    KoreEtlError,
    LeaseError,
    LeaseHeld,
    SourceError,
    WarehouseError,
)

VERBS = {
    "demo": ("etl.cli.demo", "Try it: a sandbox API, a SQLite file, two nights. Needs no account."),
    "init": ("etl.cli.init", "Set it up: asks, tests each answer, writes a commented config.toml."),
    "check": ("etl.cli.check", "A doctor: tests everything a run needs, names cause and remedy."),
    "accounts": ("etl.cli.accounts", "List the configured accounts, without secrets."),
    "migrate": ("etl.cli.migrate", "Create the warehouse's schema or bring it up to date."),
    "plan": ("etl.cli.plan", "Show what sync would read, and what it would cost."),
    "sync": ("etl.cli.sync", "The nightly run: read what is due, prove it, store it."),
    "backfill": ("etl.cli.backfill", "Read an interval again."),
    "verify": ("etl.cli.verify", "Compare source and warehouse, write nothing; exit 1 on a difference."),
    "gaps": ("etl.cli.gaps", "List intervals never proven; exit 1 if there are any."),
    "status": ("etl.cli.status", "Fresh and complete? What changed, what waits, what to do."),
    "runs": ("etl.cli.runs", "The ledger of runs; `runs show RUN_ID` for one of them."),
    "explain": ("etl.cli.explain", "The life of one campaign, and how surely it was read."),
    "rejects": ("etl.cli.rejects", "Records that could not be stored; `rejects retry`, `rejects ack`."),
    "replay": ("etl.cli.replay", "Rebuild typed columns from the stored JSON, without a request."),
    "dbt-init": ("etl.cli.dbt_init", "Write out a dbt package over the warehouse."),
    "completion": ("etl.cli.completion", "Print the script that completes verbs in bash, zsh or fish."),
    "ops-init": ("etl.cli.ops_init", "Write out alert rules, a systemd timer, a Kubernetes CronJob."),
    "report": ("etl.cli.report", "Write one HTML page: freshness, coverage, figures."),
    "sandbox": ("etl.cli.sandbox", "Serve the documented API on this machine, with made-up data."),
}
"""Verb -> (module, the line in `--help`). Each module has a click command named `command`."""

GROUPS = (
    ("First minute", ("demo", "init", "check")),
    ("Every night", ("sync", "plan", "backfill", "migrate")),
    ("Every morning", ("status", "runs", "gaps", "verify", "explain", "report")),
    ("Bad day", ("rejects", "replay")),
)
"""How `--help` arranges the verbs; those that no group names come last."""

EPILOG = """\b
Exit codes
  0  everything read is proven and stored
  1  finished, but something is unproven, failed, rejected or different
  2  usage or configuration
  3  every account was refused (credentials, scope)
  4  another run holds the lease
  5  the source could not be read at all
  6  the warehouse failed
  70  a bug in this program
  130, 143  stopped by a signal after a clean stop

\b
Start here
  kore-etl demo                     see it work
  kore-etl init && kore-etl check   set it up
  kore-etl sync                     run it, every night
"""


HERE = Path(__file__).parent.parent

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 96}


class Verbs(click.Group):
    """The verbs, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(VERBS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        left = dict(VERBS)
        for title, names in (*GROUPS, ("More", tuple(VERBS))):
            lines = [(name, left.pop(name)[1]) for name in names if name in left]
            if lines:
                with formatter.section(title):
                    formatter.write_dl(lines)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(f"There is no verb '{args[0]}'.{_nearest(args[0])} See `kore-etl --help`.")
        return super().resolve_command(ctx, args)


def _nearest(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, VERBS, n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


@click.group(cls=Verbs, invoke_without_command=True, epilog=EPILOG, context_settings=SETTINGS)
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else there.")
@click.option("--quiet", "-q", is_flag=True, help="Runs and checks print nothing on success.")
@click.option("--verbose", "-v", is_flag=True, help="Log every window and wait; show a bug's traceback.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="How log lines on stderr look.")
@click.version_option(__version__, prog_name="kore-etl")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, as_json: bool, quiet: bool, verbose: bool, log_format: str) -> None:
    """Copies Kore.ai outbound campaigns into a warehouse and proves the copy complete.

    The configuration is --config PATH, else $KORE_ETL_CONFIG, else ./config.toml. Global options stand before
    the verb: kore-etl --json sync
    """
    ctx.obj = Output(config=config, as_json=as_json, quiet=quiet, verbose=verbose, log_format=log_format)
    if ctx.invoked_subcommand is None:
        if as_json:
            ctx.fail("Name a verb; `kore-etl --help` lists them.")
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)


def run(argv: Sequence[str]) -> int:
    """The exit code of one command line. Every KoreEtlError ends here, as a sentence on stderr or as JSON."""
    output = _speaking(argv)
    try:
        result = cli.main(args=list(argv), prog_name="kore-etl", standalone_mode=False)
    except click.exceptions.Abort:
        return _fail(130, ["Stopped by a signal."], output=output)
    except click.ClickException as error:
        return _fail(2, [_usage(error)], output=output)
    except KoreEtlError as error:
        problems = list(error.problems) if isinstance(error, ConfigError) else [str(error)]
        return _fail(exit_code(error), problems, output=output, error=error)
    except Exception as error:  # noqa: BLE001  the last line of defence: a bug must end in a sentence as well
        return _bug(error, output=output)
    return result if isinstance(result, int) else 0


def _speaking(argv: Sequence[str]) -> Output:
    """How an error is to be told, whether or not the command line could be read."""
    words = [word for one in argv for word in one.split("=")]
    as_lines = "--log-format" in words and words[words.index("--log-format") + 1 :][:1] == ["json"]
    return Output(
        as_json="--json" in argv,
        verbose=bool({"-v", "--verbose"} & set(argv)),
        log_format="json" if as_lines else "text",
    )


def _bug(error: Exception, *, output: Output) -> int:
    """Its message may hold anything, so only where it happened is told, unless the traceback is asked for."""
    import traceback

    from etl.report import EXIT_BUG

    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(HERE)] or frames
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    if output.verbose:
        click.echo("".join(_frames(error)), err=True, nl=False)
    remedy = "please report it" if output.verbose else "run again with --verbose for the traceback, and report it"
    return _fail(EXIT_BUG, [f"internal error ({type(error).__name__}{place}): {remedy}."], output=output)


def _frames(error: BaseException) -> Iterator[str]:
    """The traceback, causes first, without messages: they may quote a row, a payload or a secret."""
    import traceback

    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for each in [before] if before else []:
        yield from _frames(each)
    for each in error.exceptions if isinstance(error, BaseExceptionGroup) else []:
        yield from _frames(each)
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"


def exit_code(error: KoreEtlError) -> int:
    """The contract's exit code for an error that ended the command."""
    if isinstance(error, Interrupted):
        return error.code
    codes = ((ConfigError, 2), (AccountRefused, 3), (LeaseHeld, 4), (SourceError, 5), (WarehouseError, 6))
    return next((code for kind, code in codes if isinstance(error, kind)), 1)


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    if isinstance(error, click.NoSuchOption) and error.option_name in {p for o in cli.params for p in o.opts}:
        option = error.option_name
        return f"{option} is a global option: put it before the verb, as in `kore-etl {option} sync`."
    return message


def _fail(code: int, problems: list[str], *, output: Output, error: KoreEtlError | None = None) -> int:
    if output.as_json:
        import json

        click.echo(json.dumps({"exit_code": code, "errors": problems}))
    for problem in problems:
        output.complain(f"kore-etl: {problem}")
    if isinstance(error, SourceError | LeaseError | WarehouseError):
        from etl.cli import thoughts

        thought = thoughts.of(error)
        output.complain(f"Kept: {thought.kept}")
        if not error.remedy:
            output.complain(f"Next: {thought.remedy}")
    return code

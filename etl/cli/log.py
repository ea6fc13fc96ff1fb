"""How log lines look: text for people, JSON for machines; always on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog

from etl.cli.output import Output
from etl.model import RunOutcome
from etl.report import totals


def logger(output: Output) -> structlog.typing.FilteringBoundLogger:
    """A logger that follows --quiet (errors only), --verbose (everything) and --log-format.

    Each line carries what is bound in the context, the run's id: see `bind_run`.
    """
    level = logging.DEBUG if output.verbose else logging.ERROR if output.quiet else logging.INFO
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if output.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    bound: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    return bound


def bind_run(run_id: str) -> None:
    """Every line that this task, and those it starts, logs from now on carries the run's id."""
    structlog.contextvars.bind_contextvars(run_id=run_id)


@contextmanager
def about_run(run_id: str) -> Iterator[None]:
    """What is logged meanwhile carries the run's id."""
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        yield


def ended(output: Output, outcome: RunOutcome) -> None:
    """A run's last line, for machines: people have its table."""
    if output.log_format == "json":
        counts = totals(outcome)
        logger(output).info("run ended", verdict=outcome.verdict.value, exit_code=outcome.exit_code, **counts)


def complaint(output: Output, text: str) -> None:
    """What must be seen as a line of JSON, whatever the level: who reads JSON gets nothing else."""
    severity = "warning" if text.startswith("kore-etl: warning: ") else "error"
    getattr(logger(replace(output, quiet=False)), severity)(text.removeprefix("kore-etl: "))

"""How log lines look: text for people, JSON for machines; always on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from etl.cli.output import Output
from etl.model import RunOutcome
from etl.report import totals

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor

_RUN_ID: ContextVar[str | None] = ContextVar("run_id", default=None)


class Logger:
    """Follows --quiet (errors only), --verbose (everything) and --log-format.

    Each line carries the run's id, where `bind_run` or `about_run` said it.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._least = logging.DEBUG if output.verbose else logging.ERROR if output.quiet else logging.INFO

    def debug(self, event: str, **values: Any) -> None:
        self._say(logging.DEBUG, event, values)

    def info(self, event: str, **values: Any) -> None:
        self._say(logging.INFO, event, values)

    def warning(self, event: str, **values: Any) -> None:
        self._say(logging.WARNING, event, values)

    def error(self, event: str, **values: Any) -> None:
        self._say(logging.ERROR, event, values)

    def _say(self, level: int, event: str, values: dict[str, Any]) -> None:
        if level >= self._least:
            self._lines.log(level, event, **values)

    @cached_property
    def _lines(self) -> FilteringBoundLogger:
        import structlog  # here: 45 ms, most of them rich, that a run without a line need not pay

        as_json = self._output.log_format == "json"
        renderer: Processor = (
            structlog.processors.JSONRenderer(ensure_ascii=False)
            if as_json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
        )
        stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)
        bound: FilteringBoundLogger = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[_add_run, structlog.processors.add_log_level, stamped, renderer],
            wrapper_class=structlog.make_filtering_bound_logger(self._least),
            cache_logger_on_first_use=False,
        )
        return bound


def _add_run(_logger: object, _name: str, event: EventDict) -> EventDict:
    if (run_id := _RUN_ID.get()) is not None:
        event["run_id"] = run_id
    return event


def bind_run(run_id: str) -> None:
    """Every line that this task, and those it starts, logs from now on carries the run's id."""
    _RUN_ID.set(run_id)


@contextmanager
def about_run(run_id: str) -> Iterator[None]:
    """What is logged meanwhile carries the run's id."""
    before = _RUN_ID.set(run_id)
    try:
        yield
    finally:
        _RUN_ID.reset(before)


def ended(output: Output, outcome: RunOutcome) -> None:
    """A run's last line, for machines: people have its table."""
    if output.log_format == "json":
        counts = totals(outcome)
        Logger(output).info("run ended", verdict=outcome.verdict.value, exit_code=outcome.exit_code, **counts)


def complaint(output: Output, text: str) -> None:
    """What must be seen as a line of JSON, whatever the level: who reads JSON gets nothing else."""
    severity = "warning" if text.startswith("kore-etl: warning: ") else "error"
    getattr(Logger(replace(output, quiet=False)), severity)(text.removeprefix("kore-etl: "))

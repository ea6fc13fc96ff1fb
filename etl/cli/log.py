"""How log lines look: text for people, JSON for machines; always on stderr."""

from __future__ import annotations

import logging
import sys

import structlog

from etl.cli.output import Output


def logger(output: Output) -> structlog.typing.FilteringBoundLogger:
    """A logger that follows --quiet (warnings only), --verbose (everything) and --log-format."""
    level = logging.DEBUG if output.verbose else logging.WARNING if output.quiet else logging.INFO
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if output.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    bound: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    return bound

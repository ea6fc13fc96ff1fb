"""A sandbox on a real socket in a thread of its own, and the real command line pointed at it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.cli.main import run
from etl.cli.sandbox import write_config
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue, build_catalogue


def midnight() -> datetime:
    """Where the invented past ends."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def hours_ago(hours: float) -> datetime:
    """An instant to the millisecond, as the API has them."""
    instant = datetime.now(UTC) - timedelta(hours=hours)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@contextmanager
def served(catalogue: Catalogue, **options: Any) -> Iterator[Sandbox]:
    """The sandbox, answering from another thread while the test runs the command in this one."""
    sandbox = Sandbox(catalogue, **options)
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with sandbox:
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10), "the sandbox did not start"
        yield sandbox
    finally:
        done.set()
        thread.join(10)


@dataclass
class Command:
    """`kore-etl` with one configuration, in this process."""

    config: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of a command line."""
        self.capsys.readouterr()
        code = run(["--config", str(self.config), *arguments])
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err

    def json(self, *arguments: str) -> Any:
        """The document that `--json` prints; its exit code must be the command's."""
        code, out, _ = self("--json", *arguments)
        document = json.loads(out)
        assert document.get("exit_code", code) == code
        return document


@contextmanager
def night(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    warehouse_url: str,
    *,
    accounts: int = 2,
    campaigns: int = 230,
    settings: str = "",
    **options: Any,
) -> Iterator[tuple[Sandbox, Command]]:
    """A served catalogue and the command that syncs it into `warehouse_url`; `settings` is TOML put in front."""
    catalogue = build_catalogue(accounts=accounts, campaigns=campaigns, now=midnight())
    with served(catalogue, **options) as sandbox:
        config = write_config(tmp_path / "config", sandbox.url, catalogue.accounts, warehouse_url)
        if settings:
            config.write_text(merged(config.read_text(), settings))
        yield sandbox, Command(config, capsys)


def merged(config: str, settings: str) -> str:
    """The configuration with lines of `[api]` added to that table, and other tables put in front."""
    api, _, rest = settings.partition("\n\n")
    if not api.startswith("[api]"):
        api, rest = "[api]", settings
    return rest + "\n" + config.replace("[api]", api, 1)

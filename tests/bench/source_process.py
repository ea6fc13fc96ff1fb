"""How a bench starts its source as a process of its own and steers it by the side paths of `bench.source`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.environments import TESTS
from bench.records import name_of

PATH = "/agentassist/api/v1/public/{app_id}/campaign/getAllCampaignDetails"


@dataclass(frozen=True, slots=True)
class SourceProcess:
    """A running source with this many accounts, each with this many campaigns."""

    port: int
    accounts: int
    campaigns: int

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def names(self) -> list[tuple[str, str]]:
        """Account id and app id of each account."""
        return [name_of(number) for number in range(self.accounts)]

    def reset(self, latency_ms: float) -> None:
        """Count requests from zero, and answer this late."""
        self._get(f"reset?latency_ms={latency_ms}")

    def requests(self) -> int:
        """Page requests since the last reset."""
        return int(json.loads(self._get("told"))["requests"])

    def change(self, campaigns: int, *, hours: float = 0) -> dict[str, list[int]]:
        """Change so many campaigns of each account, now or some time within the last hours. Their places, by account:
        numbers in the order in which they were created."""
        changed: dict[str, list[int]] = json.loads(
            self._get(f"change?campaigns={campaigns}&spread_ms={round(hours * 3_600_000)}")
        )
        return changed

    def day(self, ahead: int) -> None:
        """Let it be so many days from now, on the source's own clock."""
        self._get(f"day?ahead={ahead}")

    def records(self, account_id: str, places: Sequence[int] | None = None) -> Any:
        """Every record of an account as it is now, or those at these places."""
        part = "" if places is None else f"&places={','.join(map(str, places))}"
        return json.loads(self._get(f"records?account={account_id}{part}"))

    def _get(self, what: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        with contextlib.closing(connection):
            connection.request("GET", f"/bench/{what}")
            return connection.getresponse().read()


@contextmanager
def serving(accounts: int, campaigns: int) -> Iterator[SourceProcess]:
    """A source that lives as long as the block."""
    command = [sys.executable, "-m", "bench.source", "--accounts", str(accounts), "--campaigns", str(campaigns)]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline()
            if not port:
                raise RuntimeError("The bench's source did not start.")
            yield SourceProcess(int(port), accounts, campaigns)
        finally:
            process.terminate()

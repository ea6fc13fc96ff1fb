"""A small catalogue, a clock that stands still, and a client that asks over a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import jwt
import pytest

from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import Catalogue, SandboxAccount, build_catalogue

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
V1 = "/agentassist/api/v1/public/{}/campaign/getAllCampaignDetails"
V2 = "/campaign/api/v2/public/{}/campaign/getAllCampaignDetails"


@dataclass
class Clock:
    """Stands still until moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Reply:
    """An answer, read to its end."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def ids(self) -> list[str]:
        return [row.get("id", row.get("_id")) for row in self.data["results"]]

    @property
    def error(self) -> Any:
        return self.json["errors"][0]


def token(account: SandboxAccount, *, key: str | None = None, algorithm: str = "HS256", **claims: Any) -> str:
    """A token as documented: appId, and here exp."""
    payload = {"appId": account.client_id, "exp": NOW.timestamp() + 60, **claims}
    kept = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(kept, key or account.client_secret, algorithm=algorithm)


@dataclass
class Client:
    """Asks one sandbox; every part of the request can be replaced, None leaves a header out."""

    http: aiohttp.ClientSession
    sandbox: Sandbox

    async def ask(self, body: Any = None, *, account: SandboxAccount | None = None, **parts: Any) -> Reply:
        account = account or self.sandbox.catalogue.accounts[0]
        headers = {
            "auth": token(account),
            "iid": account.app_id,
            "accountId": account.account_id,
            "Content-Type": "application/json",
        } | parts.get("headers", {})
        async with self.http.request(
            parts.get("method", "POST"),
            self.sandbox.url + parts.get("path", V1).format(parts.get("app_id", account.app_id)),
            headers={name: value for name, value in headers.items() if value is not None},
            params=parts.get("params"),
            data=body if isinstance(body, str | bytes) else json.dumps({"type": "sms"} | (body or {})),
            allow_redirects=False,
        ) as response:
            return Reply(response.status, await response.text(), dict(response.headers))

    def token(self, **claims: Any) -> str:
        """A token of the first account."""
        return token(self.sandbox.catalogue.accounts[0], **claims)

    async def crawl(self, body: dict[str, Any]) -> list[str]:
        """Ids in the order they came, by rows received until hasMore is false."""
        ids: list[str] = []
        for _ in range(1000):
            reply = await self.ask(body | {"skip": len(ids)})
            ids += reply.ids
            if not reply.data["hasMore"]:
                return ids
        raise AssertionError("the listing never ended")


Open = Callable[..., Awaitable[Client]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalogue() -> Catalogue:
    """Two accounts, 60 campaigns each per channel."""
    return build_catalogue(accounts=2, campaigns=60, now=NOW)


@pytest.fixture
async def open_sandbox(catalogue: Catalogue, clock: Clock) -> AsyncIterator[Open]:
    """Serves the catalogue with the given switches and faults."""
    opened: list[Sandbox] = []
    async with aiohttp.ClientSession() as http:

        async def open_(**how: Any) -> Client:
            sandbox = await Sandbox(how.pop("catalogue", catalogue), clock=clock, **how).__aenter__()
            opened.append(sandbox)
            return Client(http, sandbox)

        yield open_
    for sandbox in opened:
        await sandbox.__aexit__(None, None, None)


@pytest.fixture
async def client(open_sandbox: Open) -> Client:
    """A sandbox without switches or faults."""
    return await open_sandbox()


@pytest.fixture
def account(catalogue: Catalogue) -> SandboxAccount:
    return catalogue.accounts[0]


@pytest.fixture
def sign() -> Callable[..., str]:
    return token

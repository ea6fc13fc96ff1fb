"""How the pretended API is served: aiohttp routes for both URL generations, on loopback only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from etl.sandbox import answer
from etl.sandbox.access import Knock
from etl.sandbox.answer import Answer
from etl.sandbox.catalogue import Catalogue
from etl.sandbox.faults import Fault, Script
from etl.sandbox.service import Incoming, RequestSeen, Service
from etl.sandbox.switches import Switches

PATHS = {
    "/agentassist/api/v1/public/{app_id}/campaign/getAllCampaignDetails": False,
    "/campaign/api/v2/public/{app_id}/campaign/getAllCampaignDetails": True,
}
"""Path -> whether it is the second generation (both are listed as current)."""

_LOOPBACK = "127.0.0.1"
_MAX_BODY = 64 * 1024
_SERVICE = web.AppKey("service", Service)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    catalogue: Catalogue,
    *,
    switches: Switches | None = None,
    faults: Sequence[Fault] = (),
    clock: Callable[[], datetime] = _utc_now,
) -> web.Application:
    """The API as an aiohttp application. `clock` gives the true UTC time."""
    return _application(Service(catalogue, switches or Switches(), faults, clock))


class Sandbox:
    """The API on a real loopback socket while `async with` lasts; `port` 0 takes a free one."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        switches: Switches | None = None,
        faults: Sequence[Fault] = (),
        port: int = 0,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.catalogue = catalogue
        self.url = ""
        self._service = Service(catalogue, switches or Switches(), faults, clock)
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def requests(self) -> list[RequestSeen]:
        """Every request so far, oldest first (the last 100,000)."""
        return self._service.requests

    @property
    def switches(self) -> Switches:
        return self._service.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self._service.switches = switches

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Replacing them starts their own counts again; calls are numbered on."""
        return self._service.script.faults

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        self._service.script = Script(tuple(faults))

    async def __aenter__(self) -> Self:
        """Listen. OSError if the port is taken."""
        runner = web.AppRunner(_application(self._service), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, _LOOPBACK, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.url = f"http://{_LOOPBACK}:{runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


async def serve(
    catalogue: Catalogue,
    *,
    port: int,
    switches: Switches | None = None,
    faults: Sequence[Fault] = (),
    announce: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set; `announce` gets the URL once requests are answered. OSError if the port is taken."""
    async with Sandbox(catalogue, switches=switches, faults=faults, port=port) as sandbox:
        announce(sandbox.url)
        await stop.wait()


# -- one request -------------------------------------------------------------------------------------------------------


def _application(service: Service) -> web.Application:
    app = web.Application(client_max_size=_MAX_BODY)
    app[_SERVICE] = service
    under_way = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal under_way
        under_way += 1
        try:
            return await _handle(request, service, beside=under_way - 1)
        finally:
            under_way -= 1

    for path in PATHS:
        app.router.add_route("*", path, handle)
    return app


async def _handle(request: web.Request, service: Service, *, beside: int) -> web.StreamResponse:
    if request.method != "POST":
        return await _send(request, service, answer.error(405, "Method Not Allowed"))
    text = await request.read()
    sent, wait = service.answer(_incoming(request, text, beside))
    if wait > 0:
        await asyncio.sleep(wait)
    return await _send(request, service, sent)


def _incoming(request: web.Request, text: bytes, beside: int) -> Incoming:
    knock = Knock(
        app_id=request.match_info["app_id"],
        token=request.headers.get("auth"),
        iid=request.headers.get("iid"),
        account_header=request.headers.get("accountId"),
        account_query=request.query.get("accountId"),
    )
    resource = request.match_info.route.resource
    v2 = resource is not None and PATHS[resource.canonical]
    return Incoming(knock, v2, text, request.content_type, beside)


async def _send(request: web.Request, service: Service, sent: Answer) -> web.StreamResponse:
    """The answer on the wire, ended the way it is meant to end."""
    if sent.ending == "drop" and request.transport is not None:
        request.transport.abort()
        return web.Response()
    headers = {
        "Date": format_datetime(service.now(), usegmt=True),
        "Content-Type": sent.content_type,
        **dict(sent.headers),
    }
    if sent.ending == "whole":
        return web.Response(status=sent.status, body=sent.body, headers=headers)
    response = web.StreamResponse(status=sent.status, headers={**headers, "Content-Length": str(len(sent.body))})
    await response.prepare(request)
    await response.write(sent.body[: len(sent.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response

"""One bounded HTTP attempt: wall clock over the whole of it, a size the body may unpack to, no redirects, no cookies.

The only place where errors of the HTTP library and the operating system are translated; the cause is kept.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping

import aiohttp
from yarl import URL

from etl.errors import AttemptFailed
from etl.extract import obstacles
from etl.extract.answers import Answer

_GZIP = 16 + zlib.MAX_WBITS
_KEEPALIVE_SECONDS = 15.0


def open_session(
    *, max_in_flight: int, trust_env: bool = True, tls: ssl.SSLContext | None = None
) -> aiohttp.ClientSession:
    """The session that all accounts share. TLS is always verified, by `tls` or as the system does; `trust_env` lets
    proxy settings count.

    Bodies come packed: `post` unpacks them itself, because the library does so without a bound.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=max_in_flight, keepalive_timeout=_KEEPALIVE_SECONDS, ssl=tls or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # `post` bounds the whole attempt
        auto_decompress=False,
        trust_env=trust_env,
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    timeout_seconds: float,
    max_body_bytes: int,
) -> Answer:
    """Send one request and read its answer whole, whatever its status. Raises AttemptFailed."""
    stage = _Stage(timeout_seconds)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _exchange(session, url, headers, body, max_body_bytes, stage)
    except (aiohttp.ClientError, OSError, TimeoutError, zlib.error) as error:
        failure = _translated(error, stage)
    raise failure


class _Stage:
    """How far an attempt came."""

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self.answered = False


async def _exchange(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes, bound: int, stage: _Stage
) -> Answer:
    address = URL(url, encoded=True)
    async with session.post(address, data=body, headers=headers, allow_redirects=False) as response:
        stage.answered = True
        unpacker = _Unpacker(response.headers.get("Content-Encoding", ""), bound)
        async for chunk in response.content.iter_any():
            unpacker.feed(chunk)
        return Answer(response.status, response.headers, unpacker.finish())


class _Unpacker:
    """Collects a body, unpacked, up to `bound` bytes; a small packed body cannot grow beyond it.

    Raises AttemptFailed: too large, cut off, or packed in a way that was not offered.
    """

    def __init__(self, encoding: str, bound: int) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip"):
            raise AttemptFailed("The answer is compressed in a way that was not offered (only gzip is).")
        self._inflate = zlib.decompressobj(_GZIP) if "gzip" in name else None
        self._parts: list[bytes] = []
        self._left = bound
        self._bound = bound

    def feed(self, chunk: bytes) -> None:
        part = chunk if self._inflate is None else self._inflate.decompress(chunk, self._left + 1)
        self._left -= len(part)
        if self._left < 0:
            raise AttemptFailed(f"The answer is larger than {self._bound} bytes (max_body_mb): it was not read on.")
        if self._inflate is not None and self._inflate.unused_data:
            raise AttemptFailed("Something follows the compressed answer.")
        self._parts.append(part)

    def finish(self) -> bytes:
        if self._inflate is not None and self._parts and not self._inflate.eof:
            raise AttemptFailed("The compressed answer was cut off.")
        return b"".join(self._parts)


def _translated(error: Exception, stage: _Stage) -> AttemptFailed:
    what, remedy = obstacles.between(error) or (_sentence(error, stage), "")
    failure = AttemptFailed(f"{what} {remedy}".rstrip(), remedy=remedy, answered=stage.answered)
    # That one's arguments hold the request's headers, the token among them: it must not ride along.
    if not isinstance(error, aiohttp.ClientResponseError):
        failure.__cause__ = error
    return failure


def _sentence(error: Exception, stage: _Stage) -> str:
    """What happened, in our own words: the libraries' may quote what the server sent."""
    if isinstance(error, TimeoutError):
        how_far = "was not complete" if stage.answered else "did not come"
        return f"The answer {how_far} within {stage.timeout_seconds:g} seconds (attempt_timeout_seconds)."
    if isinstance(error, zlib.error):
        return "The answer says it is gzip and is not."
    if isinstance(error, aiohttp.ClientResponseError):
        return "The answer is not HTTP."
    if stage.answered:
        return "The connection broke before the answer was complete."
    return "The connection was closed without an answer."

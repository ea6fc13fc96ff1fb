"""How a run's end is told to the outside: a file replaced as a whole, an address asked, both bounded, nothing raised.

Whoever listens must never get half a file, and a listener that is down must never change what a run came to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

SECONDS = 10.0
"""The longest one try may take."""

WAITS = (0.5, 2.0)
"""Seconds before the second and the third try, which are made where nothing answers or the other side has trouble."""


def replace_file(path: Path, content: bytes) -> str | None:
    """Put `content` in place of the file, in one step; what was wrong, None = done.

    The file's mode is what the umask gives: others (a collector, a probe) are to read it.
    """
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        passing.write_bytes(content)
        passing.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            passing.unlink(missing_ok=True)
        return f"{path} cannot be written: {error.strerror}"
    return None


async def ask(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
    trust_env: bool = True,
    seconds: float = SECONDS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str | None:
    """Send one request; what was wrong, None = a 2xx came back. The address may be a secret: only its host is told."""
    host = urlsplit(url).hostname
    connector = aiohttp.TCPConnector(ssl=tls or True)
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=trust_env) as session:
        for wait in (*WAITS, None):
            what, hopeless = await _try(session, method, url, body)
            if what is None or hopeless or wait is None:
                break
            await sleep(wait)
    return None if what is None else f"{host} {what}"


async def _try(session: aiohttp.ClientSession, method: str, url: str, body: bytes | None) -> tuple[str | None, bool]:
    """What was wrong, and whether trying again is no use."""
    try:
        async with session.request(method, URL(url), data=body, allow_redirects=False) as answer:
            if 200 <= answer.status < 300:
                return None, False
            return f"answered {answer.status}", answer.status < 500 and answer.status != 429
    except TimeoutError:
        return "did not answer in time", False
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"could not be asked ({type(error).__name__})", False

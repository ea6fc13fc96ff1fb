"""Fuzzed responses: no crash, no hang, no lost good record, memory bounded.

`python tests/fuzz/run.py [--responses 20000] [--seed 7]` mutates pages of good and hostile records, seeded, and gives
them to the response parser and the record parser; every 20th goes through the real HTTP client, as a raw answer of a
server on this machine. `--atheris SECONDS` does the parsers again, guided by coverage (`pip install atheris`).
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hostile import MEGABYTE, REJECTED, STORED

from etl import transform, withheld
from etl.errors import SourceError
from etl.extract import answers, attempt, wire
from etl.model import Campaign, Channel, Page, Record, Rejected, Scope, Unread
from etl.sandbox.catalogue import build_catalogue
from etl.sandbox.listing import dump

SCOPE = Scope("acc-1", "st-1", Channel.SMS)
DEADLINE_SECONDS = 2.0
"""For one response, of the processor's time."""
MEMORY_MB = 256
"""That a whole run may take beyond what it began with."""
HTTP_EVERY = 20
ATTEMPT_SECONDS = 0.5
BODY_BYTES = 4 * MEGABYTE

SMALL = [case.raw for case in (*STORED, *REJECTED) if len(case.raw) < 100_000]
TOKENS = [
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b"-0.0", b"1e400", b"9" * 400, b"\0", b"\xff"),
    *(b"\\ud800", b"\\u0000", b"\xef\xbb\xbf", b'"id":', b'"_id":null,', b'"message":', b'"results":[', b"[" * 5_000),
    *(b'{"a":' * 3_000, b"\xed\xa0\x80", b"\x1b[2J", b"\n", b"e", b"-", b"true", b'"data":{', b'"status":"error",'),
]


def good_records(count: int = 200) -> list[bytes]:
    """Records as the documented API sends them, both channels."""
    catalogue = build_catalogue(accounts=1, campaigns=count // 2, now=datetime(2026, 1, 1, tzinfo=UTC))
    account = catalogue.accounts[0].account_id
    return [dump(record) for channel in ("sms", "voice") for record in catalogue.listing(account, channel)]


# -- making responses -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Response:
    """A body, and what must come out of it: `whole` says that every record is one value, whatever it holds."""

    body: bytes
    good: tuple[bytes, ...]
    records: tuple[bytes, ...]
    whole: bool


def mutated(rng: random.Random, text: bytes) -> bytes:
    """The text with one to four small damages."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        to = min(len(text), at + rng.randint(1, 12))
        kind = rng.randrange(7)
        if kind == 0 and text:
            at = min(at, len(text) - 1)
            text = text[:at] + bytes([text[at] ^ 1 << rng.randrange(8)]) + text[at + 1 :]
        elif kind == 1:
            text = text[:at] + text[to:]
        elif kind == 2:
            text = text[:to] + text[at:]
        elif kind == 3:
            text = text[:at] + rng.choice(TOKENS) + text[to:]
        elif kind == 4:
            text = text[:at] + rng.randbytes(rng.randint(1, 4)) + text[to:]
        elif kind == 5:
            other = rng.choice(SMALL)
            cut = rng.randrange(len(other) + 1)
            text = text[:at] + other[cut : cut + 200] + text[to:]
        else:
            text = text[:at] + rng.choice(TOKENS) + text[at:]
    return text


def is_one_value(text: bytes) -> bool:
    """Whether the text stands for itself within an array: brackets and quotes are even, and no comma parts it.

    An oracle of its own, byte by byte.
    """
    awaited: list[int] = []
    in_string = escaped = False
    parts = 0
    before = 0
    for byte in text:
        if in_string:
            in_string = escaped or byte != ord('"')
            escaped = not escaped and byte == ord("\\")
            continue
        blank = byte in b" \t\r\n"
        if not awaited and not blank:
            is_scalar = byte not in b'{}[],:"'
            parts += not (is_scalar and before and before not in b' \t\r\n{}[],:"')
            if byte in b",:" or parts > 1:
                return False
        before = byte
        if byte == ord('"'):
            in_string = True
        elif byte in b"{[":
            awaited.append(byte + 2)
        elif byte in b"}]":
            if not awaited or awaited.pop() != byte:
                return False
            before = 0 if not awaited else before
    return not in_string and not awaited and parts == 1 and text == text.strip(b" \t\r\n")


def respond(rng: random.Random, good: list[bytes]) -> Response:
    """A page of good records with hostile ones among them, or a damaged page."""
    chosen = rng.sample(good, rng.randint(1, 12))
    odd = [
        rng.choice(SMALL) if rng.random() < 0.4 else mutated(rng, rng.choice(good)) for _ in range(rng.randint(0, 3))
    ]
    records = [*chosen, *odd]
    rng.shuffle(records)
    rest = f'"skip":0,"limit":100,"hasMore":false,"totalPages":1,"totalResults":{len(records)}'.encode()
    results = b'"results":[' + rng.choice((b",", b" ,\n")).join(records) + b"]"
    data = b",".join(rng.sample([results, rest], 2))
    body = b'{"status":"success","message":"Campaign  retrieved","data":{' + data + b"}}"
    if rng.random() < 0.3:
        return Response(mutated(rng, body), tuple(chosen), (), whole=False)
    return Response(body, tuple(chosen), tuple(records), whole=all(map(is_one_value, odd)))


# -- judging them -----------------------------------------------------------------------------------------------------


def decode(raw: bytes) -> Record:
    """Through both parsers, which must tell the same: with message texts, and without."""
    found = transform.decode(raw, SCOPE)
    if isinstance(found, Campaign):
        fast = transform._plain(raw, SCOPE)
        slow = transform._tolerant(raw, SCOPE)
        if fast is not None and fast != slow:
            raise AssertionError("the fast decoder and the tolerant one disagree")
        if found.raw != raw:
            raise AssertionError("raw is not what came")
    bare = withheld.decode(raw, SCOPE)
    if isinstance(bare, Campaign) != isinstance(found, Campaign) or bare.campaign_id != found.campaign_id:
        raise AssertionError("without its text the record is another one")
    return found


def read(page: bytes, raws: Sequence[bytes]) -> tuple[Record, ...]:
    """A page's records; a glance at the whole page must tell the same of each."""
    records = tuple(decode(raw) for raw in raws)
    for whole, seen in zip(records, transform.glance(page, raws, SCOPE), strict=True):
        if whole != (transform.read_on(seen, SCOPE) if isinstance(seen, Unread) else seen):
            raise AssertionError("what a glance and reading on tell is not what the record says")
    return records


def judge(response: Response, good: dict[bytes, Record], read: Callable[[], Page]) -> str:
    """What became of it; AssertionError where something was lost."""
    try:
        page = read()
    except SourceError:
        if response.whole:
            raise AssertionError("a hostile record voided its page") from None
        return "no page"
    if response.whole:
        if len(page.records) != len(response.records):
            raise AssertionError(f"{len(page.records)} records of {len(response.records)}")
        for raw, record in zip(response.records, page.records, strict=True):
            if raw in good and record != good[raw]:
                raise AssertionError("a good record was altered")
        return "page, every record"
    lost = [raw for raw in response.good if raw in response.body and not is_there(raw, good[raw], page)]
    counted = page.total == len({record.key for record in page.records})
    if lost and counted and b'"totalResults":' + str(page.total).encode() in response.body:
        raise AssertionError("a good record was lost, and the total does not show it")
    return "damaged page"


def is_there(raw: bytes, expected: Record, page: Page) -> bool:
    """Read, or kept within the text of a record that could not be."""
    text = raw.decode()
    return expected in page.records or any(isinstance(one, Rejected) and text in one.raw for one in page.records)


# -- through the real client ------------------------------------------------------------------------------------------


INTACT = (0, 1, 7)
"""Ways of sending that bring a body over as it is."""


def http(rng: random.Random, body: bytes, kind: int) -> bytes:
    """The body as a raw HTTP answer: chunked, packed, damaged, of a wrong length, cut off, exploding, or plain."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    length = f"Content-Length: {len(body)}\r\n\r\n".encode()
    if kind == 0:
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    if kind == 1:
        packed = gzip.compress(body, 1)
        return head + f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed
    if kind == 2:
        packed = mutated(rng, gzip.compress(body, 1))
        return head + f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed
    if kind == 3:
        return head + f"Content-Length: {max(0, len(body) + rng.randint(-9, 9))}\r\n\r\n".encode() + body
    if kind == 4:
        return (head + length + body)[: rng.randrange(len(body) + len(head))]
    if kind == 5:
        return mutated(rng, head + length) + body
    if kind == 6:
        bomb = gzip.compress(bytes(5 * BODY_BYTES), 9)
        return head + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode() + bomb
    return head + length + body


class Client:
    """The real client and a server that answers whatever it is told."""

    def __init__(self) -> None:
        self.answer = b""
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Self:
        self._loop.run_until_complete(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._close())
        self._loop.close()

    def read(self, answer: bytes) -> Page:
        self.answer = answer
        return self._loop.run_until_complete(self._read())

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/x"
        self._session = attempt.open_session(max_in_flight=4, trust_env=False)

    async def _close(self) -> None:
        await self._session.close()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"{}")
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _read(self) -> Page:
        answer = await attempt.post(
            self._session, self._url, headers={}, body=b"{}", timeout_seconds=ATTEMPT_SECONDS, max_body_bytes=BODY_BYTES
        )
        now = datetime.now(UTC)
        return answers.page(answer, read, now=now, where="here")


# -- running ----------------------------------------------------------------------------------------------------------


@dataclass
class Result:
    """What a run came to."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    memory_mb: float = 0.0


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def parsed(response: Response, good: dict[bytes, Record]) -> str:
    return judge(response, good, lambda: wire.parse_page(response.body, read, None))


def over_http(rng: random.Random, client: Client, response: Response, good: dict[bytes, Record]) -> str:
    kind = rng.randrange(8)
    answer = http(rng, response.body, kind)
    expected = response if kind in INTACT else Response(answer, response.good, (), whole=False)
    return "http, " + judge(expected, good, lambda: client.read(answer))


def run(responses: int, seed: int = 7) -> Result:
    """Fuzz so many responses."""
    rng, texts = random.Random(seed), good_records()
    good = {raw: transform.decode(raw, SCOPE) for raw in texts}
    result, began = Result(), peak_mb()
    with Client() as client:
        for number in range(responses):
            response = respond(rng, texts)
            took = time.process_time()
            try:
                told = over_http(rng, client, response, good) if number % HTTP_EVERY == 0 else parsed(response, good)
                result.counts[told] += 1
            except Exception as error:  # noqa: BLE001  whatever comes out is what we are looking for
                result.failures.append(f"response {number} of seed {seed}: {type(error).__name__}: {error}")
            took = time.process_time() - took
            result.slowest = max(result.slowest, took)
            if took > DEADLINE_SECONDS:
                result.failures.append(f"response {number} of seed {seed}: {took:.1f} s of processor time")
    result.memory_mb = peak_mb() - began
    if result.memory_mb > MEMORY_MB:
        result.failures.append(f"{result.memory_mb:.0f} MB more memory than at the start")
    return result


def guided(seconds: int) -> None:
    """The parsers under atheris, which ends the process: exit 0, or the input that broke them."""
    import atheris  # type: ignore[import-not-found]

    for function in (transform.decode, transform._plain, transform._tolerant, withheld.decode, wire.parse_page):
        atheris.instrument_func(function)

    def one(data: bytes) -> None:
        decode(data)
        body = b'{"status":"success","data":{"results":[' + data + b"]}}"
        for text in (data, body):
            try:
                wire.parse_page(text, read, None)
            except wire.NoPage:
                wire.error_body(text)

    corpus = Path(tempfile.mkdtemp(prefix="kore-etl-corpus-"))
    for number, raw in enumerate([*SMALL, *good_records(20)]):
        (corpus / f"{number}").write_bytes(raw)
    limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=8192", str(corpus)]
    atheris.Setup([sys.argv[0], *limits], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--atheris", type=int, metavar="SECONDS")
    options = parser.parse_args()
    if options.atheris:
        guided(options.atheris)
        return 0
    began = time.monotonic()
    result = run(options.responses, options.seed)
    for told, count in result.counts.most_common():
        print(f"{count:8,}  {told}")
    print(
        f"slowest {result.slowest * 1000:.0f} ms, memory +{result.memory_mb:.0f} MB, {time.monotonic() - began:.0f} s"
    )
    for failure in result.failures[:20]:
        print(failure)
    print(f"{sum(result.counts.values())} passed, {len(result.failures)} failed")
    return int(bool(result.failures))


if __name__ == "__main__":
    raise SystemExit(main())

"""Hostile HTTP over real sockets, end to end: what a run says, and that nothing partial is ever shown as complete."""

from __future__ import annotations

import gzip
import shutil
import ssl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile_gateway as hostile
import pytest
import trustme
from gateway import Gateway, Talk, gateway
from hostile_gateway import OK, answer, bent, endlessly, http_date, page, says
from night import Command, merged, midnight, served
from process import ended, started
from warehouse_look import rows, source_rows, stored_rows

from etl.cli.main import run
from etl.cli.sandbox import write_config
from etl.extract.retry import RETRIES_AT_LEAST
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import build_catalogue
from etl.sandbox.switches import Switches

QUICK = "[api]\nbackoff_seconds = 0.001\nmax_attempts = 2\nmax_body_mb = 1\npage_size = 3\nmax_wait_seconds = 3\n"
PATIENT = QUICK.replace("max_attempts = 2", "max_attempts = 9")
IMPATIENT = QUICK + "attempt_timeout_seconds = 0.4\n"


@dataclass(frozen=True, slots=True)
class Case:
    """What a server says, and the exit codes of a run where it says so to everything, to everything from the third
    request on, and to the third request alone."""

    talk: Talk
    always: int
    onwards: int
    once: int = 0
    settings: str = QUICK


FAULT = (5, 1, 0)
"""The attempt failed: tried again, then its window failed."""
ENDED = (5, 1, 1)
"""The account's turn is over at once: the rest of it is the next run's."""
REFUSED = (3, 1, 1)
HARMLESS = (0, 0, 0)

CASES = {
    # -- bodies that do not end, or not in time
    "dripping": Case(endlessly(OK + b"Content-Length: 100000\r\n\r\n", b" ", 0.02), *FAULT, settings=IMPATIENT),
    "silent": Case(hostile.silent, *FAULT, settings=IMPATIENT),
    "endless": Case(endlessly(OK + b"\r\n", b" " * 65536), *FAULT),
    "endless headers": Case(endlessly(OK, b"X-More: and more\r\n"), *FAULT),
    "an endless header": Case(endlessly(OK + b"X-More: ", b"more" * 1000), *FAULT),
    "endless chunks": Case(
        endlessly(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b" " * 1024 + b"\r\n"), *FAULT
    ),
    "endless 100 Continue": Case(endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), *FAULT, settings=IMPATIENT),
    "a gigantic length": Case(says(OK + b"Content-Length: 999999999999999\r\n\r\n{}"), *FAULT),
    "a length too long": Case(bent(lambda body: body, length=lambda n: n + 9), *FAULT),
    "a length too short": Case(bent(lambda body: body, length=lambda n: n - 9), *FAULT),
    "a negative length": Case(says(OK + b"Content-Length: -5\r\n\r\n{}"), *FAULT),
    "two lengths": Case(says(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), *FAULT),
    # -- packed bodies
    "a gzip bomb": Case(hostile.bomb(gzip.compress, b"gzip"), *FAULT),
    "a deflate bomb": Case(hostile.bomb(zlib.compress, b"deflate"), *FAULT),
    "a gzip bomb in gzip": Case(hostile.bomb(lambda data: gzip.compress(gzip.compress(data)), b"gzip, gzip"), *FAULT),
    "brotli, not asked for": Case(says(OK + b"Content-Encoding: br\r\n\r\n\x0b\x02\x80{}\x03"), *FAULT),
    "zstd, not asked for": Case(says(OK + b"Content-Encoding: zstd\r\n\r\n" + hostile.ZSTD), *FAULT),
    "gzip that is none": Case(bent(lambda body: body, b"Content-Encoding: gzip"), *FAULT),
    "gzip cut off": Case(bent(lambda body: gzip.compress(body)[:-9], b"Content-Encoding: gzip"), *FAULT),
    "gzip as it should be": Case(bent(gzip.compress, b"Content-Encoding: gzip"), *HARMLESS),
    # -- JSON that is none, or not ours
    "JSON cut off": Case(bent(lambda body: body[:-7]), *FAULT),
    "JSON and more": Case(bent(lambda body: body + b"{}"), *FAULT),
    "no body": Case(answer(200), *FAULT),
    "204": Case(answer(204), *FAULT),
    "206": Case(bent(lambda body: body[: len(body) // 2]), *FAULT),
    "an HTML page": Case(answer(200, "<html>Just a moment</html>", kind="text/html"), *FAULT),
    "null": Case(answer(200, "null"), *FAULT),
    "an empty object": Case(answer(200, "{}"), *FAULT),
    "a list": Case(answer(200, "[]"), *FAULT),
    "UTF-16": Case(bent(lambda body: body.decode().encode("utf-16")), *FAULT),
    "data said twice": Case(bent(hostile.twice), *FAULT),
    "an error in success": Case(answer(200, '{"status":"error","message":"try later"}'), *FAULT),
    "results that are none": Case(page(results={"0": {}}), *FAULT),
    "results that are null": Case(page(results=None), *FAULT),
    # -- odd, and right all the same
    "a byte order mark": Case(bent(lambda body: b"\xef\xbb\xbf" + body), *HARMLESS),
    "JSON as HTML": Case(bent(lambda body: body, b"Content-Type: text/html"), *HARMLESS),
    "a wrong charset": Case(bent(lambda body: body, b"Content-Type: application/json; charset=utf-16"), *HARMLESS),
    "100,000 deep": Case(bent(hostile.deep), *HARMLESS),
    "HTTP/1.0": Case(hostile.http_1_0, *HARMLESS),
    "keep-alive, and gone": Case(bent(lambda body: body, b"Connection: keep-alive"), *HARMLESS, settings=PATIENT),
    # -- connections
    "reset": Case(hostile.gone, *FAULT),
    "no HTTP": Case(says(b"SSH-2.0-OpenSSH_9.6\r\n"), *FAULT),
    # -- totals
    "a total as text": Case(bent(lambda body: hostile.total(body, lambda n: str(n))), *HARMLESS),
    "a negative total": Case(page(totalResults=-7), 1, 1, 0),
    "no total": Case(page(totalResults=None), 1, 1, 0),
    "a total of 10^14": Case(page(totalResults=10**14), 1, 1, 0),
    "a total of 10^30": Case(page(totalResults=10**30), 1, 1, 0),
    "a total of nothing": Case(page(totalResults=0), 1, 1, 0),
    "a total as float": Case(bent(lambda body: hostile.total(body, float)), *HARMLESS),
    # -- statuses
    "403": Case(answer(403, "<html>Forbidden</html>"), *REFUSED),
    "404": Case(answer(404, "<html>Not found</html>"), *ENDED),
    "400": Case(answer(400, '{"errors":[{"msg":"no","code":400}]}'), *FAULT),
    "500 in HTML": Case(answer(500, "<html>Oops</html>", kind="text/html"), *FAULT),
    "502 without a body": Case(answer(502), *FAULT),
    "503": Case(answer(503), *FAULT),
    "503 and when to come back": Case(answer(503, "", "Retry-After: 0"), *FAULT),
    "401": Case(answer(401, hostile.NOT_AGAIN), 3, 1, 0),
    # -- 429 in every form
    "429": Case(answer(429), *FAULT),
    "429, 0 seconds": Case(answer(429, "", "Retry-After: 0"), *FAULT),
    "429, a second": Case(answer(429, "", "Retry-After: 1"), *FAULT),
    "429, a date": Case(answer(429, "", f"Retry-After: {http_date(1)}"), *FAULT),
    "429, a date that is past": Case(answer(429, "", f"Retry-After: {http_date(-600)}"), *FAULT),
    "429, in other words": Case(answer(429, "", "Retry-After: soon"), *FAULT),
    "429, negative": Case(answer(429, "", "Retry-After: -5"), *FAULT),
    "429, 10^9 seconds": Case(answer(429, "", "Retry-After: 1000000000"), *FAULT),
    "429, an hour": Case(answer(429, "", "Retry-After: 3600"), *ENDED),
    "429, an hour by its date": Case(answer(429, "", f"Retry-After: {http_date(3600)}"), *ENDED),
    "429 in success": Case(
        answer(200, '{"status":"error","message":"You\'ve exceeded the per-minute rate limit"}'), *FAULT
    ),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A sandbox behind a gateway, and a warehouse that was just migrated, to be copied."""

    sandbox: Sandbox
    between: Gateway
    empty: Path


LIKE_OTHERS = {
    "an endless header", "endless 100 Continue", "a negative length", "two lengths", "a gzip bomb in gzip",
    "brotli, not asked for", "JSON and more", "206", "null", "an empty object", "a list", "UTF-16", "no HTTP",
    "results that are null", "a total of 10^30", "no total", "502 without a body", "500 in HTML",
    "429, 0 seconds", "429, a second", "429, a date that is past", "429, in other words", "429, negative",
    "429, an hour by its date",
}  # fmt: skip
"""Left to `-m slow`: what is like another case here, or stands in the tables of `extract/test_answers.py`."""

LISTED = [pytest.param(name, marks=[pytest.mark.slow] if name in LIKE_OTHERS else []) for name in CASES]


@contextmanager
def staged(folder: Path, accounts: int) -> Iterator[Stage]:
    """Seven SMS campaigns an account."""
    catalogue = build_catalogue(accounts=accounts, campaigns=7, now=midnight())
    with served(catalogue) as sandbox, gateway(sandbox) as between:
        config = write_config(folder, sandbox.url, catalogue.accounts, f"sqlite:///{folder}/empty.db")
        assert run(["--quiet", "--config", str(config), "migrate"]) == 0
        yield Stage(sandbox, between, folder / "empty.db")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("one"), accounts=1) as made:
        yield made


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("three"), accounts=3) as made:
        yield made


def attacked(stage: Stage, folder: Path, capsys: pytest.CaptureFixture[str], settings: str) -> tuple[Command, str]:
    """The command that asks the gateway, and the URL of a warehouse of its own."""
    stage.between.struck(None)
    url = f"sqlite:///{folder}/warehouse.db"
    shutil.copy(stage.empty, folder / "warehouse.db")
    config = write_config(folder, stage.between.url, stage.sandbox.catalogue.accounts, url)
    text = merged(config.read_text(), settings)
    config.write_text(text.replace('channels = ["sms", "voice"]', 'channels = ["sms"]'))
    return Command(config, capsys), url


def source_sms(sandbox: Sandbox) -> set[tuple[str, str, str, str]]:
    return {row for row in source_rows(sandbox) if row[1] == "sms"}


def proves_too_much(url: str, sandbox: Sandbox) -> list[str]:
    """Campaigns that a proven window must hold, and the warehouse does not."""
    stored = {row[0] for row in rows(url, "SELECT campaign_id FROM campaigns")}
    sql = "SELECT account_id, window_start, window_end FROM sync_windows WHERE state = 'proven' AND channel = 'sms'"
    return [
        record["id"]
        for account_id, start, end in rows(url, sql)
        for record in sandbox.catalogue.listing(account_id, "sms")
        if start <= record["createdAt"] < end and record["id"] not in stored
    ]


def errors(document: Any) -> list[str | None]:
    return [scope["error"] for scope in document["scopes"]]


def test_every_case_that_is_left_out_is_one() -> None:
    """No name is misspelt."""
    assert set(CASES) > LIKE_OTHERS


@pytest.mark.parametrize("name", LISTED)
def test_a_hostile_answer_loses_and_invents_nothing(
    one: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Always, onwards, once: the exit code of the table. What says that it is complete equals the source, and so does
    a clean run afterwards."""
    case, between = CASES[name], one.between
    kore_etl, url = attacked(one, tmp_path, capsys, case.settings)
    truth = source_sms(one.sandbox)

    between.struck(case.talk)
    always = kore_etl.json("sync")
    assert always["exit_code"] == case.always, errors(always)
    assert stored_rows(url) == (set() if case.always in (3, 5) else truth)
    if case.always == 0:
        return

    between.struck(case.talk, lambda request: request.number >= 3)
    onwards = kore_etl.json("sync")
    assert onwards["exit_code"] == case.onwards, errors(onwards)
    assert stored_rows(url) <= truth
    assert proves_too_much(url, one.sandbox) == []

    between.struck(case.talk, lambda request: request.number == 3)
    once = kore_etl.json("sync")
    assert once["exit_code"] == case.once, errors(once)
    if case.once:
        assert clean(one, kore_etl) == 0
    assert stored_rows(url) == truth


def clean(stage: Stage, kore_etl: Command) -> int:
    """The exit code of a run that nothing disturbs."""
    stage.between.struck(None)
    code: int = kore_etl.json("sync")["exit_code"]
    return code


BAD = {
    "silent": (hostile.silent, 1),
    "a bomb": (hostile.bomb(gzip.compress, b"gzip"), 1),
    "cut off": (bent(lambda body: body[:-7]), 1),
    "down": (answer(503), 1),
    "refused": (answer(401, hostile.NOT_AGAIN), 1),
    "limited": (answer(429, "", "Retry-After: 3600"), 1),
    "elsewhere": (answer(302, "", "Location: http://127.0.0.1:9/"), 1),
    "nonsense": (page(results=[{"id": 7}, None, "x"]), 1),
}
"""One account's answers, and the exit code of the run."""


@pytest.mark.parametrize("name", BAD)
def test_one_bad_account_does_not_stop_the_others(
    three: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Two of three are complete and proven; the run says whose is not, and the next clean one makes all true."""
    talk, code = BAD[name]
    kore_etl, url = attacked(three, tmp_path, capsys, IMPATIENT)
    bad = three.sandbox.catalogue.accounts[1].account_id
    three.between.struck(talk, lambda request: request.account_id == bad)
    document = kore_etl.json("sync")
    assert document["exit_code"] == code
    good = {row for row in source_sms(three.sandbox) if row[0] != bad}
    assert {row for row in stored_rows(url) if row[0] != bad} == good
    troubled = {one["account_id"] for one in document["scopes"] if one["error"] or one["rejected"] or one["unproven"]}
    assert troubled == {bad}
    assert {one["proven"] for one in document["scopes"] if one["account_id"] != bad} == {1}
    clean(three, kore_etl)
    assert clean(three, kore_etl) == 0
    assert stored_rows(url) == source_sms(three.sandbox)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_token_goes_where_a_redirect_points(
    one: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    """The other host hears nothing at all; exit 5 says what to mend."""
    kore_etl, url = attacked(one, tmp_path, capsys, QUICK)
    with gateway(one.sandbox) as elsewhere:
        one.between.struck(answer(status, "", f"Location: {elsewhere.url}/agentassist"))
        code, _, err = kore_etl("sync")
    assert (code, elsewhere.requests, stored_rows(url)) == (5, [], set())
    assert "Set host and path to where the API really is" in err


@pytest.mark.parametrize("hours", [-30, -5, 5, 30])
def test_clocks_that_are_hours_apart_cost_one_retry_at_most(
    one: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], hours: int
) -> None:
    """Where the server's clock has left the token behind, the next one is dated by its `Date`; the copy is whole."""
    kore_etl, url = attacked(one, tmp_path, capsys, QUICK)
    one.sandbox.switches = Switches(clock_skew_seconds=hours * 3600.0)
    try:
        document = kore_etl.json("sync")
    finally:
        one.sandbox.switches = Switches()
    assert document["exit_code"] == 0, errors(document)
    assert document["totals"]["retries"] == (1 if hours > 0 else 0)
    assert stored_rows(url) == source_sms(one.sandbox)


def test_an_outage_is_not_hammered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """60 accounts and nothing but 503: about a request each and the run's retries, not five each; told once."""
    many = "[api]\nbackoff_seconds = 0.001\nmax_attempts = 5\n"
    with staged(tmp_path, accounts=60) as stage:
        kore_etl, url = attacked(stage, tmp_path, capsys, many)
        stage.between.struck(answer(503))
        code, out, err = kore_etl("--json", "sync")
    assert (code, len(stage.between.requests)) == (5, 60 + RETRIES_AT_LEAST)
    assert err.count("retries spent") == 1
    assert "this run has spent its retries" in out
    assert rows(url, "SELECT count(*) FROM sync_windows") == [(0,)]


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def encrypted(stage: Stage, authority: trustme.CA, name: str) -> Iterator[Gateway]:
    """A gateway with a certificate for `name` that this authority signed."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    with gateway(stage.sandbox, tls) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "trusted", "code"),
    [("127.0.0.1", True, 0), ("127.0.0.1", False, 5), ("kore.example", True, 5)],
)
def test_certificates_are_verified_and_a_companys_authority_can_be_named(
    one: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], authority: trustme.CA, name: str, trusted: bool,
    code: int,
) -> None:  # fmt: skip
    """`ca_file` adds an authority; an unknown one, or another host's name, gets no request."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    kore_etl, url = attacked(one, tmp_path, capsys, QUICK + 'ca_file = "ca.pem"\n' * trusted)
    with encrypted(one, authority, name) as between:
        kore_etl.config.write_text(kore_etl.config.read_text().replace(one.between.url, between.url))
        got, _, err = kore_etl("sync")
        assert (got, bool(between.requests)) == (code, code == 0)
    assert stored_rows(url) == (set() if code else source_sms(one.sandbox))
    assert ("name that authority with [api] ca_file" in err) == (not trusted)
    assert ("something else answers in its place" in err) == (name == "kore.example")


def test_openssls_own_variable_names_an_authority_too(
    one: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str], authority: trustme.CA
) -> None:
    """SSL_CERT_FILE counts, as for every other program."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    kore_etl, url = attacked(one, tmp_path, capsys, QUICK)
    with encrypted(one, authority, "127.0.0.1") as between:
        kore_etl.config.write_text(kore_etl.config.read_text().replace(one.between.url, between.url))
        got = ended(started(kore_etl.config, "sync", SSL_CERT_FILE=str(tmp_path / "ca.pem")))
    assert got.code == 0
    assert stored_rows(url) == source_sms(one.sandbox)

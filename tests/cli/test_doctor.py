"""Everything that can be wrong on the first day, made wrong for real: `check` names the cause and the remedy."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import trustme
from gateway import Gateway, gateway
from hostile_gateway import answer, says
from night import Command, midnight, served

from etl import shapes
from etl.cli.otherwise import SECOND_GENERATION
from etl.cli.sandbox import write_config
from etl.sandbox.app import Sandbox
from etl.sandbox.catalogue import build_catalogue
from etl.sandbox.switches import Switches
from etl.warehouse.migrate import REVISIONS

QUICK = "[api]\nbackoff_seconds = 0.001\nattempt_timeout_seconds = 20\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One for all: what is wrong is set from test to test."""
    with served(build_catalogue(accounts=1, campaigns=2, now=midnight())) as one:
        yield one


@pytest.fixture
def check(sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Check]:
    sandbox.switches = Switches()
    yield Check(sandbox, tmp_path, capsys)
    sandbox.switches = Switches()


class Check:
    """A configuration, and what `check` says of it."""

    def __init__(self, sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.sandbox, self.folder = sandbox, folder
        accounts = sandbox.catalogue.accounts
        config = write_config(folder, sandbox.url, accounts, f"sqlite:///{folder / 'campaigns.db'}")
        config.write_text(config.read_text().replace("[api]\n", QUICK))
        self.run = Command(config, capsys)

    def bend(self, old: str, new: str) -> None:
        """Something else stands in the configuration."""
        text = self.run.config.read_text()
        assert old in text
        self.run.config.write_text(text.replace(old, new))

    def __call__(self, *options: str) -> tuple[int, str]:
        """Exit code and screen, its folds undone."""
        code, out, err = self.run("check", *options)
        return code, re.sub(r"\s+", " ", out + err)


# -- Kore.ai refuses --------------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_told_from_the_rest(check: Check) -> None:
    """Its oddity and its refusal, in three lines; no word about scopes."""
    (check.folder / "account-1.secret").write_text("wrong-canary")
    code, said = check()
    assert code == 3
    assert "The Client Secret is shorter than any of Kore.ai's." in said
    assert "→ Kore.ai says the same of a wrong Client Secret" in said
    assert "scope" not in said.partition("EMEA retail voice")[0]
    assert "canary" not in said


def test_a_missing_scope_or_an_app_not_published_is_told(check: Check) -> None:
    """Kore.ai cannot tell the two apart either."""
    check.sandbox.switches = Switches(unscoped_accounts=frozenset({check.sandbox.catalogue.accounts[0].account_id}))
    code, said = check()
    assert code == 3
    assert "→ Give the JWT app the scope 'Campaign Management'" in said
    assert "then publish the app" in said


@pytest.mark.parametrize(
    ("switches", "setting"),
    [
        (Switches(require_jti=True), "single_use_tokens = true under [auth]"),
        (Switches(account_id_from="query"), "account_id_in_query = true under [api]"),
    ],
)
def test_a_setting_that_mends_it_is_found_by_trying(check: Check, switches: Switches, setting: str) -> None:
    """The remedy was seen to work; set, the check is well."""
    check.sandbox.switches = switches
    code, said = check()
    assert code == 3
    assert f"→ Tried, and it answers with {setting}" in said
    line, _, section = setting.partition(" under ")
    text = check.run.config.read_text()
    new = text.replace("[api]\n", f"[api]\n{line}\n") if section == "[api]" else f"[auth]\n{line}\n{text}"
    check.run.config.write_text(new)
    assert check()[0] == 0


def test_encrypted_tokens_are_named(check: Check) -> None:
    """A setting of the app in Kore.ai: nothing here can mend it, so nothing else is tried."""
    check.sandbox.switches = Switches(enforce_jwe=True)
    code, said = check()
    assert code == 3
    assert "→ Use a JWT app without 'Enforce JWE'" in said


def test_a_clock_that_is_off_is_told_though_it_works(check: Check) -> None:
    """An hour: the token is dated by the server, and the clock is named."""
    check.sandbox.switches = Switches(clock_skew_seconds=3600)
    code, said = check()
    assert code == 0
    assert re.search(r"! EMEA retail sms .*→ This machine's clock is 3,[56]\d\d s behind Kore.ai's", said)


# -- the host ---------------------------------------------------------------------------------------------------------


def test_a_host_that_dns_does_not_know(check: Check) -> None:
    """Its name and where it is set."""
    check.bend(check.sandbox.url, "https://kore.invalid")
    code, said = check()
    assert code == 5
    assert "The name kore.invalid is not known to DNS" in said
    assert "→ Check the spelling of [api] host" in said


def test_a_port_that_nobody_listens_on(check: Check) -> None:
    """In the system's words; told once, however many accounts it is."""
    check.bend(check.sandbox.url, "http://127.0.0.1:9")
    code, said = check()
    assert code == 5
    assert "No connection to 127.0.0.1: Connection refused. → Check host, network and proxy." in said


def test_a_host_that_speaks_no_tls(check: Check) -> None:
    """https to a plain port."""
    check.bend(check.sandbox.url, check.sandbox.url.replace("http:", "https:"))
    code, said = check()
    assert code == 5
    assert "127.0.0.1 does not speak TLS on port" in said


@contextlib.contextmanager
def in_front(check: Check, tls: ssl.SSLContext | None = None) -> Iterator[Gateway]:
    with gateway(check.sandbox, tls) as between:
        check.bend(check.sandbox.url, between.url)
        yield between


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("name", "until", "known", "remedy"),
    [
        ("127.0.0.1", None, False, "name that authority with [api] ca_file"),
        ("kore.example", None, True, "something else answers in its place"),
        ("127.0.0.1", NOW - timedelta(days=1), True, "must renew the certificate"),
    ],
)
def test_what_is_wrong_with_a_certificate(
    check: Check, name: str, until: datetime | None, known: bool, remedy: str
) -> None:
    """Signed by nobody known, for another name, expired: each has its own remedy, and no token was sent."""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_before=NOW - timedelta(days=9), not_after=until).configure_cert(tls)
    authority.cert_pem.write_to_path(str(check.folder / "ca.pem"))
    if known:
        check.bend("[api]\n", '[api]\nca_file = "ca.pem"\n')
    with in_front(check, tls) as between:
        code, said = check()
        assert (code, between.requests) == (5, [])
    assert "The certificate of 127.0.0.1 is not accepted" in said
    assert remedy in said


def test_a_host_without_this_listing_is_asked_for_the_other_generation(check: Check) -> None:
    """404 for the first path, an answer for the second: found by trying."""
    with in_front(check) as between:
        between.struck(answer(404, "<html>Not found</html>"), lambda request: b" /agentassist/" in request.head)
        code, said = check()
    assert code == 5
    assert f'→ Tried, and it answers with path = "{SECOND_GENERATION}"' in said


def test_a_host_that_redirects_gets_no_token(check: Check) -> None:
    """Where to is not followed."""
    with in_front(check) as between:
        between.struck(answer(302, "", "Location: https://elsewhere.example/"))
        code, said = check()
    assert code == 5
    assert "→ Set host and path to where the API really is." in said


@pytest.mark.parametrize("closed", [True, False])
def test_a_proxy_that_is_not_there_or_refuses(check: Check, monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    """From the environment, as everywhere; named as the proxy, not as the host."""
    check.bend(check.sandbox.url, "https://kore.invalid")
    with gateway(check.sandbox) as between:
        between.struck(says(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9" if closed else between.url)
        code, said = check()
    assert code == 5
    expected = "No connection to the proxy 127.0.0.1:9: Connection refused." if closed else "(HTTP 407)"
    assert expected in said
    assert "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY" in said


def test_a_host_that_is_down_is_told_once_for_many_accounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Thirty accounts: the cause once, twenty lines, the rest counted."""
    catalogue = build_catalogue(accounts=30, campaigns=0, now=midnight())
    config = write_config(tmp_path, "http://127.0.0.1:9", catalogue.accounts, f"sqlite:///{tmp_path / 'x.db'}")
    config.write_text(config.read_text().replace("[api]\n", QUICK))
    code, out, _ = Command(config, capsys)("check")
    assert code == 5
    assert out.count("Connection refused") == 1
    assert out.count("the same as") == 9
    assert "40 more fail; --json lists all" in out


# -- the warehouse ----------------------------------------------------------------------------------------------------


def test_an_older_schema_is_told_with_the_command(check: Check) -> None:
    """Exit 6; the accounts are asked all the same."""
    assert check.run("migrate")[0] == 0
    with contextlib.closing(sqlite3.connect(check.folder / "campaigns.db")) as database, database:
        database.execute("UPDATE kore_etl_version SET version_num = ?", (REVISIONS[0],))
    code, said = check()
    assert code == 6
    assert f"is on schema {REVISIONS[0]}, this program on {REVISIONS[-1]} → run `kore-etl migrate`." in said
    assert "✓ EMEA retail sms" in said


def on_server(url: str, *statements: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())


def test_what_a_role_may_not_do_is_told_with_the_grant_that_mends_it(check: Check, empty_postgres_url: str) -> None:
    """May not create, may not write, may not log in, read only: each for real, and after the GRANT all is well."""
    owner, role = empty_postgres_url, f"role_{empty_postgres_url.rpartition('/')[2]}"
    on_server(owner, f"CREATE ROLE {role} LOGIN", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    sqlite = f"sqlite:///{check.folder / 'campaigns.db'}"
    check.bend(sqlite, owner.replace("kore@", f"{role}@"))

    code, said = check()
    assert code == 6
    assert f"The role {role} may not create tables in the schema public" in said
    grant = f"GRANT USAGE, CREATE ON SCHEMA public TO {role};"
    assert f"→ {grant}" in said

    check.bend(f"{role}@", "kore@")
    assert check.run("migrate")[0] == 0
    check.bend("kore@", f"{role}@")
    on_server(owner, grant, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    code, said = check()
    assert code == 6
    grant = f"GRANT DELETE, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role};"
    assert f"The role {role} lacks DELETE, INSERT, UPDATE" in said
    assert f"→ {grant}" in said

    on_server(owner, grant)
    assert check()[0] == 0
    on_server(owner, f"ALTER ROLE {role} SET default_transaction_read_only = on")
    code, said = check()
    assert code == 6
    assert "is read-only. → Name the primary server" in said


# -- how it looks -----------------------------------------------------------------------------------------------------


def test_without_utf_8_the_marks_are_words() -> None:
    """A terminal that has no such characters gets ASCII."""
    from etl.cli.output import BAD, GOOD, Mark

    class Ascii:
        encoding = "ascii"

    assert [mark.on(Ascii()) for mark in (GOOD, BAD, Mark("→", "->", ""))] == ["ok  ", "FAIL", "->"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sentence", "odd"),
    [
        (shapes.odd_account_id("st-1"), "this looks like an app's id."),
        (shapes.odd_app_id("67777ce93e25326494e9aaaa"), "this looks like an account's id."),
        (shapes.odd_client_id("st-1"), "this looks like an app's id."),
        (shapes.odd_secret("cs-1", "cs-1"), "is the Client ID"),
        (shapes.odd_secret("x" * 40 + " ", "cs-1"), "a blank"),
        (shapes.odd_secret(f'"{"x" * 40}"', "cs-1"), "in quotes"),
        (shapes.odd_secret("eyJ" + "x" * 40, "cs-1"), "looks like a token"),
    ],
)
def test_what_was_mixed_up_is_seen_by_its_shape(sentence: str | None, odd: str) -> None:
    """Told, never refused; nothing of a secret is quoted."""
    assert sentence is not None
    assert odd in sentence
    assert "xxx" not in sentence

"""Tokens: claims, lifetimes, renewal, secrecy."""

from __future__ import annotations

import traceback
from datetime import timedelta
from typing import Any

import jwt
import pytest

from etl.errors import AccountRefused
from etl.extract.auth import TokenMint

SECRET = "a-canary-secret-of-more-than-32-bytes!"


def claims(token: str, secret: str = SECRET) -> dict[str, Any]:
    options = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, secret, algorithms=["HS256"], options=options)  # type: ignore[arg-type]


def test_claims_are_those_of_the_documented_token(time: Any) -> None:
    """A token carries appId (Client ID), sub, iat and exp, signed HS256 with the literal secret."""
    got = claims(TokenMint("cs-1", SECRET, 300, False, time.clock).token())
    issued = int(time.clock().timestamp())
    assert got == {"appId": "cs-1", "sub": "cs-1", "iat": issued, "exp": issued + 300}


def test_a_token_is_reused_until_shortly_before_it_expires(time: Any) -> None:
    """The cached token is given out again, and replaced 30 seconds before its exp."""
    mint = TokenMint("cs-1", SECRET, 300, False, time.clock)
    first = mint.token()
    time.seconds += 269
    assert mint.token() == first
    time.seconds += 2
    assert claims(mint.token())["exp"] > claims(first)["exp"]


def test_a_short_lived_token_is_not_minted_for_every_request(time: Any) -> None:
    """The margin is a quarter of a short lifetime, not more than it."""
    mint = TokenMint("cs-1", SECRET, 20, False, time.clock)
    first = mint.token()
    time.seconds += 14
    assert mint.token() == first
    time.seconds += 2
    assert mint.token() != first


def test_single_use_tokens_are_fresh_and_live_an_hour_at_most(time: Any) -> None:
    """With a jti every token is another one, and exp is capped at one hour."""
    mint = TokenMint("cs-1", SECRET, 86_400, True, time.clock)
    first, second = claims(mint.token()), claims(mint.token())
    assert first["jti"] != second["jti"]
    assert first["exp"] - first["iat"] == 3600


def test_a_renewed_token_is_dated_by_the_server(time: Any) -> None:
    """After a 401 tokens follow the server's Date, however wrong our clock is."""
    mint = TokenMint("cs-1", SECRET, 300, False, time.clock)
    first = mint.token()
    server_now = time.clock() + timedelta(hours=5)
    mint.renew(server_now)
    assert claims(mint.token())["iat"] == int(server_now.timestamp())
    assert mint.token() != first


def test_renewal_without_a_date_mints_anew_by_our_clock(time: Any) -> None:
    """A server that sends no Date still gets a new token."""
    mint = TokenMint("cs-1", SECRET, 300, False, time.clock)
    first = mint.token()
    time.seconds += 5
    mint.renew(None)
    assert claims(mint.token())["iat"] == claims(first)["iat"] + 5


@pytest.mark.parametrize("secret", ["x", "short", "päss wörd", "=" * 200])
def test_secrets_of_any_length_sign_without_a_warning(time: Any, secret: str) -> None:
    """Kore.ai chooses the secret: its length is no reason to warn (warnings are errors here)."""
    assert claims_of_any_length(TokenMint("cs-1", secret, 300, False, time.clock).token(), secret)["appId"] == "cs-1"


def claims_of_any_length(token: str, secret: str) -> dict[str, Any]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return claims(token, secret)


def test_the_secret_shows_nowhere(time: Any) -> None:
    """Neither the mint's repr nor the error of an unusable secret holds it."""
    assert SECRET not in repr(TokenMint("cs-1", SECRET, 300, False, time.clock))
    key = "-----BEGIN PUBLIC KEY-----\ncanary\n-----END PUBLIC KEY-----"
    with pytest.raises(AccountRefused, match="cs-1") as caught:
        TokenMint("cs-1", key, 300, False, time.clock).token()
    shown = "".join(traceback.format_exception(caught.value))
    assert "canary" not in shown

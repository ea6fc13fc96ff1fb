"""Who gets in: what the token, the app id and the account id must say, and how Kore.ai words a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from jwt.types import Options

from etl.sandbox.answer import Answer, error, expired
from etl.sandbox.catalogue import SandboxAccount
from etl.sandbox.switches import Switches

_HOUR = 3600.0
_UNAUTHORIZED = 4002
"""The code inside the body of most 401 answers, as public tests show."""
_SIGNATURE_ONLY: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""Only `appId`, `exp` and `jti` mean something here, and `exp` follows this server's clock, not the machine's."""


@dataclass(frozen=True, slots=True)
class Knock:
    """The parts of a request that say who asks."""

    app_id: str
    token: str | None
    iid: str | None
    account_header: str | None
    account_query: str | None


class Door:
    """Checks tokens, and remembers each `jti` until the token that carried it has expired."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def admit(
        self, knock: Knock, accounts: Iterable[SandboxAccount], switches: Switches, now: datetime
    ) -> SandboxAccount | Answer:
        """The account whose app asks, or the 401 to answer."""
        claims = _claims(knock.token, switches)
        if isinstance(claims, Answer):
            return claims
        account = _account(claims, knock, accounts)
        if account is None or not _signed(knock.token, account):
            return _bad_credentials()
        refusal = self._lifetime(claims, switches, now.timestamp())
        if refusal is not None:
            return refusal
        if knock.iid != account.app_id or not _names_account(knock, account, switches):
            return _bad_credentials()
        if account.account_id in switches.unscoped_accounts:
            return error(401, "Permission denied. Scope is incorrect!", _UNAUTHORIZED)
        return account

    def _lifetime(self, claims: Mapping[str, Any], switches: Switches, now: float) -> Answer | None:
        """`exp` may be absent, unless there is a `jti`: then it is at most an hour away (SDK security page)."""
        exp, jti = claims.get("exp"), claims.get("jti")
        if exp is not None and (isinstance(exp, bool) or not isinstance(exp, int | float)):
            return error(401, "Invalid JWT token", _UNAUTHORIZED)
        if exp is not None and exp <= now:
            return expired()
        if jti is None:
            return _jti("jti is required by this app") if switches.require_jti else None
        if not isinstance(jti, str) or exp is None or exp > now + _HOUR:
            return _jti("a token with jti must have an exp of at most 1 hour")
        return self._first_use(jti, exp, now) if switches.single_use_jti else None

    def _first_use(self, jti: str, exp: float, now: float) -> Answer | None:
        if self._used.get(jti, 0.0) > now:
            return _jti("jti was used before, possible replay")
        if len(self._used) > 10_000:
            self._used = {old: until for old, until in self._used.items() if until > now}
        self._used[jti] = exp
        return None


def _claims(token: str | None, switches: Switches) -> dict[str, Any] | Answer:
    """What an HS256 token says, not yet believed."""
    if not token:
        return _bad_credentials()
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return error(401, "Invalid JWT token", _UNAUTHORIZED)
    if switches.enforce_jwe:
        return _jti("this app accepts encrypted tokens (JWE) only")
    if parts["header"].get("alg") != "HS256":
        return _bad_credentials()
    claims: dict[str, Any] = parts["payload"]
    return claims


def _account(claims: Mapping[str, Any], knock: Knock, accounts: Iterable[SandboxAccount]) -> SandboxAccount | None:
    """The app in the path, if the client that signed belongs to it."""
    for account in accounts:
        if account.app_id == knock.app_id and account.client_id == claims.get("appId"):
            return account
    return None


def _signed(token: str | None, account: SandboxAccount) -> bool:
    try:
        jwt.decode(token or "", account.client_secret, algorithms=["HS256"], options=_SIGNATURE_ONLY)
    except jwt.PyJWTError:
        return False
    return True


def _names_account(knock: Knock, account: SandboxAccount, switches: Switches) -> bool:
    """Each account id that was sent must be right, and the one this server looks for must have been sent."""
    sent = {"header": knock.account_header, "query": knock.account_query}
    looked_for = [
        value for place, value in sent.items() if switches.account_id_from in (place, "either") and value is not None
    ]
    return bool(looked_for) and all(value in (None, account.account_id) for value in sent.values())


def _bad_credentials() -> Answer:
    """Missing or wrongly signed token, unknown or foreign app: public tests show one answer for all."""
    return error(401, "Invalid SDK credentials", _UNAUTHORIZED)


def _jti(problem: str) -> Answer:
    return error(401, f"error verifying the jwt: {problem}", 401)

"""How Kore.ai wants its tokens made: which claims, which signature, how long they may live.

HS256 with the Client Secret as a literal UTF-8 string, claim `appId` = Client ID, sent raw in the header `auth`
(API introduction page; kore-api-facts 2.1). With a `jti` a token may be used once and `exp` must be at most one hour
away; an app may enforce a `jti`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import jwt

from etl.errors import AccountRefused

_SINGLE_USE_LIFETIME = 3600
_MARGIN_SECONDS = 30.0


class TokenMint:
    """Mints the tokens of one credential. `clock` tells UTC; after `renew` tokens follow the server's."""

    def __init__(
        self,
        client_id: str,
        secret: str,
        ttl_seconds: float,
        single_use: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._client_id = client_id
        self._secret = secret
        self._ttl = min(ttl_seconds, _SINGLE_USE_LIFETIME) if single_use else ttl_seconds
        self._margin = min(_MARGIN_SECONDS, self._ttl / 4)
        self.single_use = single_use
        self._clock = clock
        self._ahead = timedelta()
        self._cached: tuple[str, datetime] | None = None

    def __repr__(self) -> str:
        return f"TokenMint(client_id={self._client_id!r}, secret=***)"

    def token(self) -> str:
        """A token for one attempt: a fresh one when single-use, else the same until shortly before it expires.

        Raises AccountRefused where the secret cannot sign at all.
        """
        now = self._clock() + self._ahead
        if self._cached is not None and now < self._cached[1]:
            return self._cached[0]
        token = self._mint(now)
        if not self.single_use:
            self._cached = token, now + timedelta(seconds=self._ttl - self._margin)
        return token

    def renew(self, server_now: datetime | None) -> None:
        """After a 401: forget the cached token, and date the next ones by the server's `Date` where it sent one."""
        self._cached = None
        if server_now is not None:
            self._ahead = server_now - self._clock()

    def _mint(self, now: datetime) -> str:
        issued = int(now.timestamp())
        claims: dict[str, object] = {
            "appId": self._client_id,
            "sub": self._client_id,
            "iat": issued,
            "exp": issued + max(1, int(self._ttl)),
        }
        if self.single_use:
            claims["jti"] = str(uuid4())
        return self._sign(claims)

    def _sign(self, claims: dict[str, object]) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the length of the key is Kore.ai's choice, not ours
            try:
                return jwt.encode(claims, self._secret, algorithm="HS256")
            except jwt.PyJWTError:
                # The library's words are left out: they may quote the key.
                raise AccountRefused(
                    f"The client secret of {self._client_id} cannot sign a token: it is empty, or a key file "
                    "instead of a secret. Copy the Client Secret from App Settings > Dev Tools > Web/Mobile SDK."
                ) from None

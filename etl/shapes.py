"""What Kore.ai's ids and secrets usually look like. Others are told of, never refused: no shape is promised."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ACCOUNT = re.compile(r"[0-9a-f]{24}", re.IGNORECASE)


def odd_account_id(text: str) -> str | None:
    """A sentence where this does not look like an account's id."""
    return None if _ACCOUNT.fullmatch(text) else f"An account's id is usually 24 hexadecimal digits; {_swapped(text)}"


def odd_app_id(text: str) -> str | None:
    """A sentence where this does not look like an app's id."""
    return None if text.startswith("st-") else f"An app's id usually begins with st-; {_swapped(text)}"


def odd_client_id(text: str) -> str | None:
    """A sentence where this does not look like a Client ID."""
    return None if text.startswith("cs-") else f"A Client ID usually begins with cs-; {_swapped(text)}"


def odd_secret(secret: str, client_id: str) -> str | None:
    """A sentence where this does not look like a Client Secret. Nothing of it is quoted."""
    return next(_oddities(secret, client_id), None)


def _oddities(secret: str, client_id: str) -> Iterator[str]:
    if secret == client_id:
        yield "The Client Secret is the Client ID; they stand side by side in Kore.ai."
    if secret != secret.strip():
        yield "The Client Secret begins or ends with a blank, which counts."
    if secret[:1] in "\"'" or secret[-1:] in "\"'":
        yield "The Client Secret is in quotes, which count."
    if secret.startswith("eyJ"):
        yield "The Client Secret looks like a token (JWT); the secret that signs tokens is wanted."
    if len(secret) < 16:
        yield "The Client Secret is shorter than any of Kore.ai's."


def _swapped(text: str) -> str:
    kinds = {"st-": "an app's id", "cs-": "a Client ID", "cd-": "a campaign's id", "u-": "a user's id"}
    looks = next((kind for prefix, kind in kinds.items() if text.startswith(prefix)), None)
    looks = "an account's id" if looks is None and _ACCOUNT.fullmatch(text) else looks
    return f"this looks like {looks}." if looks else "look again whether it was copied whole."

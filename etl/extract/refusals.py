"""What it means when Kore.ai refuses a token, and what to do about it, by the words it refuses with. Pure.

One code (401, in the body 4002) stands for a wrong secret, a foreign app and a missing scope alike; only the words tell
them apart, and they are nowhere documented (kore-api-facts 2.1 and 8: public tests of the platform's own APIs).
"""

from __future__ import annotations

import re

SCOPE = (
    "Give the JWT app the scope 'Campaign Management' (App Settings > Dev Tools > API Scope), then publish the app: "
    "scopes count only from then on."
)
SINGLE_USE = "The JWT app enforces JTI: set single_use_tokens = true under [auth]."
USED_BEFORE = (
    "Every attempt gets a token of its own already, so the clocks must differ, or something between repeats requests."
)
PLAIN = "Use a JWT app without 'Enforce JWE' (App Settings > Dev Tools > Web/Mobile SDK)."
CREDENTIALS = (
    "Kore.ai says the same of a wrong Client Secret, a wrong Client ID and another app's app_id: copy all three anew "
    "from one app (App Settings > Dev Tools > Web/Mobile SDK)."
)
EXPIRED = "Check this machine's clock, and token_ttl_seconds under [auth]."

_WORDS = (
    (re.compile(r"scope|permission denied", re.IGNORECASE), SCOPE),
    (re.compile(r"\bjti\b", re.IGNORECASE), SINGLE_USE),
    (re.compile(r"expired", re.IGNORECASE), EXPIRED),
)


def remedy(spoken: str, *, single_use: bool) -> str:
    """What to do, by what was said; `single_use`: the token had a `jti`."""
    found = next((text for words, text in _WORDS if words.search(spoken)), CREDENTIALS)
    return USED_BEFORE if found is SINGLE_USE and single_use else found

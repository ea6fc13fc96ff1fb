"""What to do about a refused token, by the words it was refused with."""

from __future__ import annotations

import pytest

from etl.extract import refusals


@pytest.mark.parametrize(
    ("said", "single_use", "remedy"),
    [
        ("Invalid SDK credentials", False, refusals.CREDENTIALS),
        ("Invalid JWT token", False, refusals.CREDENTIALS),
        ("", False, refusals.CREDENTIALS),
        ("Permission denied. Scope is incorrect!", False, refusals.SCOPE),
        ("error verifying the jwt: jti is required by this app", False, refusals.SINGLE_USE),
        ("error verifying the jwt: jti was used before, possible replay", True, refusals.USED_BEFORE),
        ("error verifying the jwt: jwt expired", False, refusals.EXPIRED),
    ],
)
def test_the_words_tell_a_secret_a_scope_and_a_setting_apart(said: str, single_use: bool, remedy: str) -> None:
    """The code is the same for all of them."""
    assert refusals.remedy(said, single_use=single_use) == remedy

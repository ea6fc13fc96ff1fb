"""What a view is: its query for one dialect, and what PostgreSQL shows as comments."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class View(Struct, frozen=True):
    """`columns` are in the query's order, each with its comment."""

    query: str
    comment: str
    columns: Mapping[str, str]

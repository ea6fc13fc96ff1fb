"""Whether the source's own total agrees with what is stored. Pure.

A campaign that no dated request shows, or one that is gone without a trace, shows nowhere but in a total.
"""

from __future__ import annotations

from etl.model import Stock


def difference(total: int, stock: Stock, known: int = 0) -> int:
    """How many campaigns more (fewer: negative) the source counts than the stored rows and the `known` difference
    explain; 0 where they agree. Rows that are missing, or as old as the count itself, may have been counted or not."""
    counted = total - known
    return max(counted - stock.live, 0) + min(counted - stock.sure, 0)


def sentence(found: int) -> str:
    """The difference in words."""
    campaigns = "1 campaign" if abs(found) == 1 else f"{abs(found)} campaigns"
    return f"the source counts {campaigns} {'more' if found > 0 else 'fewer'} than are stored"

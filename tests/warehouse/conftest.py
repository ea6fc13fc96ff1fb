"""A migrated warehouse on either database, and nights that store into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from warehouse.samples import Clock, Night

from etl.model import Scope
from etl.warehouse.warehouse import Warehouse


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def warehouse(warehouse_url: str, clock: Clock) -> AsyncIterator[Warehouse]:
    async with Warehouse.connect(warehouse_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def night(warehouse: Warehouse, clock: Clock) -> Callable[..., Night]:
    """`async with night() as tonight: await tonight.store(...)`; another scope as the argument."""

    def make(*scope: Scope) -> Night:
        return Night(warehouse, clock, *scope)

    return make

"""The room's front: everything a run or a verb may ask of the warehouse, each in a transaction of its own."""

from __future__ import annotations

import asyncio
import functools
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from msgspec.structs import asdict, replace
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.errors import WarehouseError
from etl.model import (
    Campaign,
    Decode,
    Difference,
    Emit,
    FailedRead,
    Loaded,
    Mended,
    Profile,
    ReadOn,
    Reason,
    Scope,
    ScopeState,
    Settled,
    Stock,
    Sweep,
    Verdict,
)
from etl.warehouse import (
    absence,
    address,
    again,
    compare,
    holder,
    killed,
    ledger,
    loader,
    migrate,
    reading,
    recent,
    rejects,
    rights,
)
from etl.warehouse.again import Wants
from etl.warehouse.database import Database
from etl.warehouse.dialect import insert_or_replace
from etl.warehouse.failures import RowConflict
from etl.warehouse.lease import Lease, Sleep, fence, held
from etl.warehouse.migrate import MigrationResult, SchemaState
from etl.warehouse.reading import Gap, RejectLine, RunDetail, RunLine, RunSums, ScopeFreshness
from etl.warehouse.recent import Changes
from etl.warehouse.rows import Withhold
from etl.warehouse.schema import source_profiles

if TYPE_CHECKING:
    from etl.figures import Asked, Calendar, Figures
    from etl.warehouse.life import Life
    from etl.warehouse.standing import Standing

STORE_TRIES = 3
"""How often a window is stored again when another account's writer stored one of its ids meanwhile."""

NEVER_READ = (Reason.FIRST, Reason.GAP)
"""Why windows are read in which, as a rule, nothing is stored."""

T = TypeVar("T")


async def _looking_again(store: Callable[[bool], Awaitable[T]]) -> T:
    """Store; where one of the ids is stored already, be it by another account's writer and meanwhile, look again, and
    store once more. `store` is told whether this is the first time."""
    for tries_left in reversed(range(STORE_TRIES)):
        try:
            return await store(tries_left == STORE_TRIES - 1)
        except RowConflict:
            if not tries_left:
                raise
    raise AssertionError("unreachable")


class Warehouse:
    """A warehouse at a URL. Use as an async context manager, or `close()` it, within one event loop.

    Every method raises WarehouseError when the database fails; a transaction that fails leaves nothing behind.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        sleep: Sleep,
        read_on: ReadOn,
        withhold: Withhold | None = None,
    ) -> None:
        self._database = database
        self._read_on = read_on
        self._withhold = withhold
        self._clock = clock
        self._sleep = sleep
        self._window_numbers: dict[str, itertools.count[int]] = {}

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        schema: str = "public",
        password: str | None = None,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        read_on: ReadOn = loader.none_unread,
        withhold: Withhold | None = None,
    ) -> Warehouse:
        """A warehouse at `url`; nothing is opened yet. Raises ConfigError for a URL that cannot be used.

        `schema` is PostgreSQL's; `password` is used where the URL has none. `read_on` reads what comes unread, where
        it is new or changed. `withhold`: message texts are not to be stored, and what is stored of them already is
        taken out wherever such a row is touched.
        """
        return cls(Database(address.parse(url, schema=schema, password=password)), clock, sleep, read_on, withhold)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._database.close()

    # -- schema -------------------------------------------------------------------------------------------------------

    async def schema_state(self) -> SchemaState:
        """How the database's schema relates to this program's. Creates nothing, not even a file."""
        state, _ = await migrate.look(self._database)
        return state

    async def require_rights(self) -> None:
        """Raise WarehouseError where the database's role may not do what the next run does."""
        address = self._database.address
        if address.schema is None:
            return
        is_empty = await self.schema_state() is SchemaState.EMPTY
        async with self._database.read() as connection:
            await rights.require(connection, address.schema, address.shown, is_empty=is_empty)

    async def migrate(self) -> MigrationResult:
        """Bring the schema and the views up to date. Raises SchemaMismatch where that cannot be."""
        return await migrate.migrate(self._database)

    async def ready(self) -> None:
        """Migrate an empty database; raise SchemaMismatch unless it is then current."""
        state, revision = await migrate.look(self._database)
        if state is SchemaState.EMPTY:
            await self.migrate()
        elif state is not SchemaState.CURRENT:
            raise migrate.mismatch(state, revision, self._database.address.shown)

    # -- runs ---------------------------------------------------------------------------------------------------------

    async def begin_run(self, verb: str, *, version: str, started_at: datetime) -> str:
        """Write the run's line, and close those of runs that were killed; returns its id, which sorts by start to the
        second."""
        run_id = f"{started_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        me = holder.myself()
        async with self._database.write() as connection:
            await killed.close(connection, me, started_at)
            await ledger.begin(connection, run_id, verb, version=version, at=started_at, holder=str(me))
        return run_id

    async def finish_run(self, run_id: str, *, verdict: Verdict, exit_code: int, totals: Mapping[str, Any]) -> None:
        """Close the run's line. `totals` is stored as JSON."""
        async with self._database.write() as connection:
            await ledger.finish(connection, run_id, verdict, exit_code, totals, self._clock())

    # -- one account --------------------------------------------------------------------------------------------------

    def lease(
        self, account_id: str, *, seconds: float, wait_seconds: float = 0, emit: Emit | None = None
    ) -> AbstractAsyncContextManager[Lease]:
        """The right to write an account, kept while the context is open. Raises LeaseHeld on entering when another
        run has it for longer than `wait_seconds`."""
        return held(
            self._database, account_id, seconds=seconds, wait_seconds=wait_seconds, emit=emit, sleep=self._sleep
        )

    async def scope_state(self, scope: Scope, keep: str | None = None) -> ScopeState:
        """What is stored, proven and waiting in a scope; reads under another `keep` prove nothing."""
        async with self._database.read() as connection:
            return await reading.scope_state(connection, scope, keep)

    async def store(
        self,
        lease: Lease,
        run_id: str,
        sweep: Sweep,
        *,
        app_rank: Mapping[str, int],
        rewrite: bool = False,
        keep: str | None = None,
    ) -> Loaded:
        """Store a window in one transaction: rows, links, rejects, ledger line; or nothing. Raises LeaseLost.

        Each campaign counts as one of inserted, updated, unchanged, revived or rejected. With `rewrite` the rows of
        unchanged campaigns are written as well, and still count as unchanged. `keep` is the filter that the sweep's
        records have passed, as the ledger is to have it.
        """
        return await _looking_again(
            lambda first: self._store_once(lease, run_id, sweep, app_rank, rewrite=rewrite, keep=keep, first=first)
        )

    async def _store_once(
        self,
        lease: Lease,
        run_id: str,
        sweep: Sweep,
        app_rank: Mapping[str, int],
        *,
        rewrite: bool,
        keep: str | None,
        first: bool,
    ) -> Loaded:
        async with self._database.write(window=True) as connection:
            await self._fence(connection, lease, sweep.window.scope)
            # Where nothing is stored, nothing is looked for: should one of the ids be elsewhere, its key will tell.
            is_empty = first and sweep.window.reason in NEVER_READ and await absence.is_empty(connection, sweep.window)
            stored = await loader.load(
                connection,
                run_id,
                sweep,
                app_rank,
                rewrite=rewrite,
                read_on=self._read_on,
                withhold=self._withhold,
                is_empty=is_empty,
            )
            absent = frozenset[str]() if is_empty else await absence.candidates(connection, sweep)
            unwanted = await absence.unwanted(connection, sweep)
            place = ledger.Place(run_id, self._next_window(run_id), lease.epoch, keep)
            await ledger.note_sweep(connection, place, sweep, stored.loaded, stored.older)
        return replace(stored.loaded, absent=absent, unwanted=unwanted)

    async def store_failure(self, lease: Lease, run_id: str, failed: FailedRead, *, keep: str | None = None) -> None:
        """Write the ledger line of a window that could not be read. Raises LeaseLost."""
        async with self._database.write() as connection:
            await self._fence(connection, lease, failed.window.scope)
            place = ledger.Place(run_id, self._next_window(run_id), lease.epoch, keep)
            await ledger.note_failure(connection, place, failed)

    async def settle(
        self,
        lease: Lease,
        run_id: str,
        scope: Scope,
        absent: frozenset[str],
        *,
        accept: bool,
        unwanted: frozenset[str] = frozenset(),
    ) -> Settled:
        """Mark a run's absent and unwanted rows as missing, those missing since an earlier run as deleted; only absent
        ones can put the brake on. Raises LeaseLost."""
        gone = absence.Gone(absent, unwanted)
        if not gone.any:
            return Settled()
        async with self._database.write() as connection:
            await self._fence(connection, lease, scope)
            return await absence.settle(connection, run_id, scope, gone, self._clock(), accept=accept)

    async def stock(self, scope: Scope, counted_at: datetime, absent: frozenset[str]) -> Stock:
        """What a census answered at `counted_at` may and must have counted."""
        async with self._database.read() as connection:
            return await absence.stock(connection, scope, counted_at, absent)

    async def live_ids(self, scope: Scope) -> set[str]:
        """Ids of rows that are neither deleted nor missing."""
        async with self._database.read() as connection:
            return await compare.live_ids(connection, scope)

    async def compare(self, scope: Scope, read: Sequence[Campaign]) -> list[Difference]:
        """What differs between these records and the stored rows; writes nothing."""
        async with self._database.read() as connection:
            return await compare.compare(connection, scope, read, self._withhold)

    async def stored_scopes(self) -> tuple[Scope, ...]:
        """Every scope that has a row or a rejected record."""
        async with self._database.read() as connection:
            return await again.scopes(connection)

    async def replay(self, lease: Lease, run_id: str, scope: Scope, decode: Decode) -> AsyncIterator[Mended]:
        """Make the typed columns and links of a scope what the raw texts say, as `decode` now reads them; a transaction
        for each CHUNK, and what it came to. Raises LeaseLost."""
        async with self._database.read() as connection:
            ids = await again.ids(connection, scope)
        fields = frozenset[str]()
        for start in range(0, len(ids), again.CHUNK):
            async with self._database.write() as connection:
                await self._fence(connection, lease, scope)
                turn = again.Turn(run_id, scope, decode, self._clock(), self._withhold)
                part, bad = await again.rebuild(connection, turn, ids[start : start + again.CHUNK])
            fields |= bad
            yield part
        async with self._database.write() as connection:
            await self._fence(connection, lease, scope)
            await rejects.mark_fields_gone(connection, scope, fields, self._clock())
        if self._withhold is not None:
            await self._forget_texts(lease, again.Turn(run_id, scope, decode, self._clock(), self._withhold))

    async def _forget_texts(self, lease: Lease, turn: again.Turn) -> None:
        async with self._database.read() as connection:
            ids = await rejects.texts(connection, turn.scope)
        for start in range(0, len(ids), again.CHUNK):
            async with self._database.write() as connection:
                await self._fence(connection, lease, turn.scope)
                await again.forget_texts(connection, turn, ids[start : start + again.CHUNK])

    async def retry_rejects(
        self, lease: Lease, run_id: str, scope: Scope, decode: Decode, *, wants: Wants, app_rank: Mapping[str, int]
    ) -> AsyncIterator[Mended]:
        """Store the rejected records of a scope that `decode` now reads and `wants` takes; a transaction for each
        CHUNK, and what it came to. Raises LeaseLost."""
        async with self._database.read() as connection:
            ids = await again.waiting(connection, scope)

        async def retry(chosen: Sequence[int], _first: bool) -> Mended:
            async with self._database.write() as connection:
                await self._fence(connection, lease, scope)
                turn = again.Turn(run_id, scope, decode, self._clock(), self._withhold)
                return await again.retry(connection, turn, chosen, wants, app_rank)

        for start in range(0, len(ids), again.CHUNK):
            yield await _looking_again(functools.partial(retry, ids[start : start + again.CHUNK]))

    async def rejects_waiting(self, scope: Scope) -> int:
        """Wholly rejected records of the scope that are neither gone nor acknowledged."""
        async with self._database.read() as connection:
            return await rejects.waiting(connection, scope)

    async def save_profile(self, lease: Lease, scope: Scope, profile: Profile) -> None:
        """Keep what was observed of the server. Raises LeaseLost."""
        values = {**asdict(profile), "observed_at": self._clock()}
        keys = {"account_id": scope.account_id, "app_id": scope.app_id, "channel": scope.channel.value}
        async with self._database.write() as connection:
            await self._fence(connection, lease, scope)
            upsert = insert_or_replace(source_profiles, connection.dialect, tuple(values))
            await connection.execute(upsert, {**keys, **values})

    async def _fence(self, connection: AsyncConnection, lease: Lease, scope: Scope) -> None:
        if lease.account_id != scope.account_id:
            raise WarehouseError(f"The lease of account {lease.account_id} does not cover {scope}.")
        await fence(connection, lease)

    def _next_window(self, run_id: str) -> int:
        return next(self._window_numbers.setdefault(run_id, itertools.count(1)))

    # -- what the verbs show: what only these need, and takes long to import, is imported in them ---------------------

    async def freshness(self) -> tuple[ScopeFreshness, ...]:
        """Every scope that was ever read, in order."""
        async with self._database.read() as connection:
            return await reading.freshness(connection)

    async def run_sums(self, names: Sequence[str]) -> RunSums:
        """How many runs ended how, and their counts of these names, summed."""
        async with self._database.read() as connection:
            return await reading.run_sums(connection, names)

    async def standings(self, account_ids: Sequence[str] | None = None) -> Mapping[Scope, Standing]:
        """What each scope's copy rests on, and what is in doubt; of these accounts, if any are named."""
        from etl.warehouse import standing

        async with self._database.read() as connection:
            return await standing.standings(connection, account_ids)

    async def changes(self, since: datetime) -> Mapping[Scope, Changes]:
        """What was written since then, and what is gone."""
        async with self._database.read() as connection:
            return await recent.changes(connection, since)

    async def gaps(self) -> tuple[Gap, ...]:
        """What no read has proven, per scope in time order."""
        async with self._database.read() as connection:
            return await reading.gaps(connection)

    async def runs(self, limit: int = 20) -> tuple[RunLine, ...]:
        """The latest runs, newest first."""
        async with self._database.read() as connection:
            return await reading.runs(connection, limit)

    async def run(self, run_id: str) -> RunDetail | None:
        """One run and its windows; None when there is no such run."""
        async with self._database.read() as connection:
            return await reading.run(connection, run_id)

    async def life(self, campaign_id: str) -> Life | None:
        """What is known of one campaign, past and present; None when there is none of exactly this id."""
        from etl.warehouse import life

        async with self._database.read() as connection:
            return await life.life(connection, campaign_id)

    async def campaigns_beginning(self, text: str, limit: int = 4) -> tuple[str, ...]:
        """The first campaign ids that begin with this text."""
        from etl.warehouse import life

        async with self._database.read() as connection:
            return await life.beginning(connection, text, limit)

    async def rejects(self, limit: int = 100) -> tuple[RejectLine, ...]:
        """What waits in quarantine, latest first."""
        async with self._database.read() as connection:
            return await reading.waiting_rejects(connection, limit)

    async def figures(self, asked: Asked) -> Figures:
        """What a report shows beside freshness and calendars."""
        from etl.warehouse import figures

        async with self._database.read() as connection:
            return await figures.figures(connection, asked)

    async def calendars(self, scopes: Sequence[Scope], asked: Asked) -> tuple[Calendar, ...]:
        """Each scope day by day."""
        from etl.warehouse import calendar

        async with self._database.read() as connection:
            return tuple([await calendar.calendar(connection, scope, asked) for scope in scopes])

    async def acknowledge_rejects(self, rejected_ids: Sequence[int]) -> int:
        """Silence these records; returns how many were not silenced before."""
        async with self._database.write() as connection:
            return await rejects.acknowledge(connection, rejected_ids, self._clock())

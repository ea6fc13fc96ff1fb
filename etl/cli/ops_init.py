"""`kore-etl ops-init`: write out what schedules and watches the nightly run; what is filled in from this machine."""

from __future__ import annotations

import getpass
import shlex
import sys
from pathlib import Path

import click

from etl.cli.output import Output, many

PACKAGE = Path(__file__).parent.parent / "ops"

USUAL = Path("/etc/kore-etl/config.toml")
"""The configuration that is named where none is found."""


@click.command("ops-init", short_help="Write out alerts, a timer, a CronJob.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def command(output: Output, folder: Path) -> int:
    """Write Prometheus alert rules, a systemd service with its timer, and a Kubernetes CronJob into DIR.

    The service runs this program, as this user, with the configuration that is found now. A DIR that holds anything is
    left alone.

    \b
    Examples
      kore-etl ops-init ops
      promtool check rules ops/kore-etl.rules.yml
    """
    import os

    from etl import __version__
    from etl.cli import package
    from etl.settings import find_config

    config = find_config(output.config, os.environ)
    path = USUAL if config is None else config.absolute()
    user = getpass.getuser()
    values = {
        "version": __version__,
        "user": "kore-etl" if user == "root" else user,
        "folder": str(path.parent).replace("%", "%%"),
        "command": " ".join(map(_word, [*_program(), "--config", str(path)])),
    }
    files = package.write(PACKAGE, folder, values)
    output.document({"exit_code": 0, "path": str(folder), "files": files})
    output.say(f"Wrote {many(len(files), 'file')} into {folder}; each begins with where it goes.\n")
    output.say(f"  promtool check rules {shlex.quote(str(folder / 'kore-etl.rules.yml'))}")
    output.say(f"  systemd-analyze verify {shlex.quote(str(folder / 'kore-etl.service'))}")
    output.say(f"  kubectl apply --dry-run=server -f {shlex.quote(str(folder / 'cronjob.yaml'))}")
    if config is None:
        output.complain(f"kore-etl: warning: there is no configuration here; the service names {USUAL}.")
    if user == "root":
        output.complain(
            "kore-etl: warning: the service runs as the user kore-etl, as root has no need to: make that user."
        )
    return 0


def _program() -> list[str]:
    """How this program is started from anywhere."""
    called = Path(sys.argv[0]).absolute()
    return [str(called)] if called.name == "kore-etl" else [sys.executable, "-m", "etl"]


def _word(text: str) -> str:
    """A word of a systemd command line: percent and dollar stand for themselves."""
    escaped = text.replace("%", "%%").replace("$", "$$")
    return escaped if shlex.quote(text) == text else '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""`kore-etl dbt-init`: write out a dbt project over the warehouse; what its profile takes from the configuration."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct, field

from etl.cli.output import Output, many

if TYPE_CHECKING:
    from etl.settings import Settings

PACKAGE = Path(__file__).parent.parent / "dbt"

AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems keep the authorities they trust. kore-etl finds them by itself, libpq has to be told."""


class Place(Struct, frozen=True):
    """Where dbt connects; the defaults are placeholders to be filled in. Holds no password."""

    host: str = "db.example.com"
    port: int = 5432
    user: str = "analyst"
    database: str = "warehouse"
    schema: str = "public"
    """The one that kore-etl writes into."""
    sslmode: str = "prefer"
    certificates: Mapping[str, str] = field(default_factory=dict)
    """Of `sslrootcert`, `sslcert` and `sslkey`, those to be named, as absolute paths."""
    shown: str | None = None
    """The warehouse's address for messages; None = placeholders."""


UNKNOWN = Place()


@click.command("dbt-init", short_help="Write out a dbt package.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def command(output: Output, folder: Path) -> int:
    """Write a dbt project into DIR: sources with descriptions, freshness and tests, two models, a profile.

    The profile takes its defaults from the configured warehouse, or placeholders without one; a password is never
    written. dbt needs PostgreSQL. A DIR that holds anything is left alone.

    \b
    Examples
      kore-etl dbt-init analytics
      cd analytics && dbt build
    """
    from etl.cli import package

    place, trouble = _place(output)
    certificates = "".join(_certificate(key, path) for key, path in place.certificates.items())
    files = package.write(PACKAGE, folder, _values(place), {"profiles.yml": certificates})
    output.document({"exit_code": 0, "path": str(folder), "files": files})
    output.say(f"Wrote a dbt project into {folder}: {many(len(files), 'file')}.")
    if trouble is not None:
        output.complain(f"kore-etl: warning: {trouble}; fill in {folder / 'profiles.yml'} before you run dbt.")
    else:
        output.say(f"It reads the schema {place.schema} of {place.shown} and writes into the schema analytics.")
    _next(output, folder)
    return 0


def _place(output: Output) -> tuple[Place, str | None]:
    """Where the configured warehouse is, or placeholders and the reason for them."""
    from etl.cli import config
    from etl.errors import ConfigError

    try:
        settings = config.load(output, needs="warehouse")
    except ConfigError as error:
        if error.problems != (config.NOTHING,):
            raise
        return UNKNOWN, "there is no configuration to take the connection from"
    if (place := _configured(output, settings)) is None:
        return UNKNOWN, "dbt needs PostgreSQL, and the configured warehouse is SQLite"
    return place, None


def _configured(output: Output, settings: Settings) -> Place | None:
    """What dbt has to know of the warehouse; None if it is no PostgreSQL. Raises ConfigError."""
    from sqlalchemy.engine import make_url

    from etl import bootstrap

    address = bootstrap.address(settings)
    if address.schema is None:
        return None
    options = make_url(settings.warehouse.url_text()).query
    files = {name: str(options[name]) for name in ("sslrootcert", "sslcert", "sslkey") if options.get(name)}
    sslmode = str(options.get("sslmode") or ("verify-full" if files else UNKNOWN.sslmode))
    if sslmode in ("verify-ca", "verify-full") and not Path("~/.postgresql/root.crt").expanduser().exists():
        files.setdefault("sslrootcert", next((one for one in AUTHORITIES if Path(one).exists()), "system"))
    if options.get("sslcrl"):
        output.complain("kore-etl: warning: dbt has no setting for sslcrl of warehouse.url; set PGSSLCRL for it.")
    return Place(
        host=str(address.connect_args.get("host", "localhost")),
        port=address.url.port or UNKNOWN.port,
        user=address.url.username or UNKNOWN.user,
        database=address.url.database or address.url.username or UNKNOWN.database,
        schema=address.schema,
        sslmode=sslmode,
        certificates={name: one if one == "system" else str(Path(one).absolute()) for name, one in files.items()},
        shown=address.shown,
    )


def _values(place: Place) -> dict[str, str]:
    from etl import __version__

    return {
        "version": __version__,
        "schema": place.schema,
        "host": _inside(place.host),
        "port": str(place.port),
        "user": _inside(place.user),
        "database": _inside(place.database),
        "sslmode": _inside(place.sslmode),
    }


def _certificate(key: str, path: str) -> str:
    return f"""      {key}: "{{{{ env_var('KORE_DBT_{key.upper()}', '{_inside(path)}') }}}}"\n"""


def _inside(text: str) -> str:
    """The text as it is written between the single quotes of Jinja, inside the double quotes of YAML."""
    jinja = text.replace("\\", "\\\\").replace("'", "\\'")
    return json.dumps(jinja, ensure_ascii=False)[1:-1]


def _next(output: Output, folder: Path) -> None:
    output.say("Next, with the password in ~/.pgpass or in DBT_ENV_SECRET_KORE_PASSWORD:\n")
    output.say(f"  cd {shlex.quote(str(folder))}")
    output.say("  python3 -m venv .venv && .venv/bin/pip install 'dbt-core>=1.10.8,<1.12' dbt-postgres")
    output.say("  .venv/bin/dbt debug")
    output.say("  .venv/bin/dbt source freshness")
    output.say("  .venv/bin/dbt build")

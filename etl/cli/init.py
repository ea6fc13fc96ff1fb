"""`kore-etl init`: write a commented configuration."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli.output import Output


@click.command("init", short_help="Write a commented config.toml.")
@click.option("--host", help="Your Kore.ai environment, such as https://platform.kore.ai.")
@click.option("--account-id", help="The account's id.")
@click.option("--app-id", help="The app's id (st-...), also called iid.")
@click.option("--client-id", help="The JWT app's Client ID (cs-...).")
@click.option("--secret-file", help="The file that holds the Client Secret.")
@click.option("--warehouse-url", help="sqlite:///file.db or postgresql://user@host/database.")
@click.pass_obj
def command(output: Output, /, **values: str | None) -> int:
    """Write config.toml with every setting explained (to --config PATH, or here). An existing file is left alone.

    Client ID and Client Secret are made in Kore.ai under App Settings > Dev Tools > Web/Mobile SDK > Create JWT App;
    the scope "Campaign Management" under App Settings > Dev Tools > API Scope. Publish the app afterwards.
    """
    from etl.example import example_config

    path = output.config or Path("config.toml")
    text = example_config({name: value for name, value in values.items() if value is not None})
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{path} exists already and is left as it is; choose another with --config.") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from error
    output.document({"exit_code": 0, "path": str(path)})
    output.say(f"Wrote {path}.")
    output.say("Next: fill in the account, put the Client Secret into its file (chmod 600), then run `kore-etl check`.")
    return 0

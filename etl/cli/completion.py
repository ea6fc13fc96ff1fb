"""`kore-etl completion`: the script that teaches a shell our verbs and options, and what it is offered for accounts."""

from __future__ import annotations

import click

from etl.cli.output import Output

PLACES = {
    "bash": "kore-etl completion bash > ~/.local/share/bash-completion/completions/kore-etl",
    "zsh": 'kore-etl completion zsh > "${fpath[1]}/_kore-etl"',
    "fish": "kore-etl completion fish > ~/.config/fish/completions/kore-etl.fish",
}


@click.command("completion", short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(list(PLACES)))
@click.pass_obj
def command(output: Output, shell: str) -> int:
    """Print the script that completes verbs, options and configured account ids in this shell.

    Write it where the shell looks for such scripts, then open a new shell. For zsh, compinit must be on.

    \b
    Examples
      kore-etl completion bash > ~/.local/share/bash-completion/completions/kore-etl
      kore-etl completion zsh > "${fpath[1]}/_kore-etl"
      kore-etl completion fish > ~/.config/fish/completions/kore-etl.fish
    """
    from click.shell_completion import get_completion_class

    from etl.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    complete = kind(cli, {}, "kore-etl", "_KORE_ETL_COMPLETE")
    script = f"{complete.source_template % complete.source_vars()}\n# Where this belongs:\n#   {PLACES[shell]}"
    output.document({"exit_code": 0, "shell": shell, "script": script})
    output.answering().say(script)
    return 0

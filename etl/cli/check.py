"""`kore-etl check`: how the doctor's findings look, and what they amount to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click
from msgspec import Struct, field

from etl.cli.options import account_option, channel_option
from etl.cli.output import BAD, GOOD, ODD, Output, clean, many, number

if TYPE_CHECKING:
    from etl.cli.doctor import Step

SHOWN = 20
"""Listings that go well are shown one by one up to so many, and failing ones too; more are counted."""


@click.command("check", short_help="Test everything a run needs.")
@account_option
@channel_option
@click.pass_obj
def command(output: Output, accounts: tuple[str, ...], channel: str | None) -> int:
    """Test everything that a run needs; where something fails, say why and what to do.

    Tests the configuration, the warehouse (reachable, schema, rights), and for each account the secret, the token, the
    scope and the API. Where an account is refused, settings that may mend it are tried as well. Also observes what the
    server does where the docs are silent (which date it filters by, whether bounds are included, the order kept, `skip`
    or `page` wins), with at most 7 requests per account and channel, and keeps that for the nights to come. Writes no
    campaign.

    \b
    Exit codes
      0 all is well   1 some of it failed   2 the configuration cannot be used
      3 every account was refused   5 none could be reached   6 the warehouse

    \b
    Examples
      kore-etl check
      kore-etl check --account 67777ce93e25326494e9aaaa
      kore-etl --json check
    """
    from etl.cli import config, doctor, signals

    settings = config.load(output, needs="source")
    chosen = config.chosen(settings, accounts, channel)
    listings = {account: config.scopes(account, channel) for account in chosen}
    first = doctor.configuration(chosen)
    names = [f"{account.name} {scope.channel.value}" for account, scopes in listings.items() for scope in scopes]
    screen = Screen(output, min(max(map(len, ("configuration", *names))), 30))
    screen.show(first)
    steps = signals.run(lambda _: doctor.examine(settings, listings, screen.show))
    code = doctor.verdict(steps)
    output.document({"exit_code": code, "steps": [step.document() for step in steps]})
    screen.close(code)
    return code


class Screen(Struct):
    """The steps as they come, one line each; what was shown once is not said again, what is many is counted."""

    output: Output
    room: int
    """Cells for what was tried."""
    shown: int = 0
    failed: int = 0
    hidden: dict[bool, int] = field(default_factory=dict)
    """Went well or not -> listings that were only counted."""
    observed: dict[str, list[str]] = field(default_factory=dict)
    told: dict[tuple[str, str], str] = field(default_factory=dict)
    """Cause and remedy without the account -> the step that had them first."""

    def show(self, step: Step) -> None:
        """One more step."""
        if step.observed:
            self.observed.setdefault(step.observed, []).append(step.what)
        if step.account_id is not None:
            self.shown += step.ok
            self.failed += not step.ok
            if (self.shown if step.ok else self.failed) > SHOWN and not step.oddities:
                self.hidden[step.ok] = self.hidden.get(step.ok, 0) + 1
                return
        mark = ODD if step.ok and step.oddities else GOOD if step.ok else BAD
        result, remedy = self._once(step)
        notes = [clean(text) for text in (remedy, *step.oddities) if text]
        self.output.step(mark, step.what, self.room, clean(result), seconds=step.seconds, notes=notes)

    def _once(self, step: Step) -> tuple[str, str]:
        """The step's result and remedy; of those that an earlier one had already, only where that was."""
        if step.ok or not step.remedy or step.account_id is None:
            return step.result, step.remedy
        key = (step.result.replace(step.account_id, ""), step.remedy)
        if (before := self.told.get((_without_app(key[0]), key[1]))) is not None:
            return f"the same as {before}", ""
        self.told[(_without_app(key[0]), key[1])] = step.what
        return step.result, step.remedy

    def close(self, code: int) -> None:
        """What was only counted, what was observed, and what it all amounts to."""
        for ok, count in self.hidden.items():
            words = f"{number(count)} more {'answer' if ok else 'fail'}; --json lists all"
            self.output.step(GOOD if ok else BAD, "...", self.room, words)
        if self.observed:
            self.output.say()
        for words, listings in self.observed.items():
            whose = (
                "" if len(self.observed) == 1 else f" ({many(len(listings), 'listing')}, first {clean(listings[0])})"
            )
            self.output.say(f"Kore.ai{whose}: {words}.")
        self.output.say()
        self.output.say(SENTENCES.get(code, "Mend what failed above, then check again."))


SENTENCES: Mapping[int, str] = {0: "All is well: `kore-etl sync` can run."}


def _without_app(text: str) -> str:
    """A cause without the app that it is about."""
    head, app, rest = text.partition(", app ")
    return head + app + rest.partition(" at ")[2] if app else text

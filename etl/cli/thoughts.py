"""What each kind of trouble means for a person: what happened, what was kept, what to do. Errors and the README say it.

The README's troubleshooting table is this one, written out by `table`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from etl import errors

NOTHING = "Everything as it was: nothing was read or written."
STORED = "Everything stored so far, in whole windows; the next run goes on from there."
OTHERS = "What was stored stays; the other accounts went on."


class Thought(Struct, frozen=True):
    """One kind of trouble. `kinds` are the errors that it is about; `code` the exit code when nothing graver came."""

    symptom: str
    code: str
    happened: str
    kept: str
    remedy: str
    kinds: tuple[type[errors.KoreEtlError], ...] = ()


THOUGHTS = (
    Thought(
        "`Incomplete`, state `unproven`",
        "1",
        "The list changed while it was read, or the server pages in a way that no proof accepts; "
        "`kore-etl runs show latest` says which.",
        "What was read is stored and marked as not proven.",
        "Nothing the first time: the next `sync` reads it again. Night after night: a quieter hour, a smaller "
        "`max_window_rows`.",
    ),
    Thought(
        "`Incomplete`, state `failed`: *The listing of … could not be read*",
        "1",
        "A window got no usable answer, retries included, or the run had spent its retries on a source in trouble.",
        "The other windows; this one is a gap.",
        "Nothing if Kore.ai was down: the next `sync` reads gaps first. Else `kore-etl check`.",
        (errors.WindowFailed,),
    ),
    Thought(
        "*waits … (trying again)*, *The answer …*, *The connection …*",
        "0",
        "One attempt failed: no connection, an answer cut off, too large, or not a page of campaigns.",
        "Everything: it is tried again, `max_attempts` times.",
        "Nothing. If it lasts it becomes one of the rows around this one; "
        "`attempt_timeout_seconds` and `max_body_mb` bound an attempt.",
        (errors.SourceError, errors.AttemptFailed),
    ),
    Thought(
        "*waits … (the rate limit)*, *Kore.ai limits …*",
        "0, or 1 if it does not end",
        "Too many requests a minute for this account; its other integrations count as well.",
        "Everything: the account waits, the others go on.",
        "Lower `requests_per_minute`, or run at another hour.",
        (errors.Throttled,),
    ),
    Thought(
        "*Kore.ai could not answer …* (503)",
        "0, or 1 if it does not end",
        "The server is overloaded and says when to come back.",
        "Everything: it is waited for, up to `max_wait_seconds`.",
        "Nothing; the next run reads what is missing.",
        (errors.Overloaded,),
    ),
    Thought(
        "`rejected`: *records could not be stored*",
        "1",
        "A record has no usable id, or one of another account.",
        "Its text is in `rejected_records`; all other rows are stored.",
        "`kore-etl rejects` shows the reason; `rejects ack` silences what is known, `rejects retry` after an upgrade.",
    ),
    Thought(
        "*… of … stored campaigns are gone from the source at once*",
        "1",
        "More than 20 and more than 5 % of a listing vanished: a mistake at the source, or a real clean-up.",
        "No campaign was marked as missing.",
        "Look at the source; if it is right, `kore-etl sync --accept-deletions`.",
    ),
    Thought(
        "*the source counts … campaigns more (or fewer) than are stored*",
        "1",
        "The source's own total and the copy disagree, and reading everything again did not show why.",
        "Everything that was read.",
        "`kore-etl verify`; where a scope lists what it does not count, it stays and is told each night.",
    ),
    Thought(
        "`verify` shows differences",
        "1",
        "The source changed since the last sync, or a row was changed by hand.",
        "The copy, as it was: `verify` writes nothing.",
        "`kore-etl sync`, then `verify` again; `backfill --rewrite` for rows changed by hand.",
    ),
    Thought(
        "*Account … was taken over by another run*",
        "1",
        "This run stood still for longer than `lease_seconds` (a laptop asleep, a stopped process).",
        STORED,
        "Nothing; raise `lease_seconds` if machines here sleep.",
        (errors.LeaseLost,),
    ),
    Thought(
        "*There is no configuration*, *unknown key*, *must be …*",
        "2",
        "An option, a setting, a secret's file or a date cannot be used; every problem is named at once.",
        NOTHING,
        "Mend each line; `config.example.toml` explains the settings, `kore-etl VERB --help` the options.",
        (errors.ConfigError,),
    ),
    Thought(
        "*Kore.ai refused the token … Invalid SDK credentials*",
        "3 (1 if only some accounts)",
        "A wrong Client Secret, Client ID or app id, or an app that enforces JTI.",
        OTHERS,
        "`kore-etl check` tries the settings that may be meant and says which one works.",
        (errors.AccountRefused, errors.TokenRefused),
    ),
    Thought(
        "*… Permission denied. Scope is incorrect!*",
        "3 (1 if only some accounts)",
        "The JWT app lacks the scope *Campaign Management*, or was not published since it got it.",
        OTHERS,
        "App Settings > Dev Tools > API Scope; then publish the app.",
    ),
    Thought(
        "*Account … is held by …*, state `held`",
        "4",
        "A run has the account: last night's is still going, or someone is at it by hand.",
        "Everything; held accounts were left alone, the others were read.",
        "Wait for it (`--wait SECONDS`); `kore-etl runs` shows it. A dead run's account is free after `lease_seconds`.",
        (errors.LeaseHeld, errors.LeaseError),
    ),
    Thought(
        "*Nothing answers for …*, *There is no campaign listing for …*",
        "5 (1 if only some accounts)",
        "DNS, network, proxy, certificate, wrong host or path, or Kore.ai is down or asks to stay away for long.",
        "What was stored stays; nothing was changed.",
        "`kore-etl check` says which of these. In an outage nothing: the next run catches up by itself.",
        (errors.AccountUnavailable, errors.AccountFailed),
    ),
    Thought(
        "*The warehouse … refuses, cannot be opened, is locked, is full*",
        "6",
        "The database is not there, does not let this role in or write, or has no room.",
        STORED,
        "The sentence names the remedy; `kore-etl check` tests it, with the GRANT that is missing.",
        (errors.WarehouseError,),
    ),
    Thought(
        "*The warehouse … is on schema …*",
        "6",
        "The program was upgraded and the database was not, or the other way round.",
        NOTHING,
        "Older: `kore-etl migrate`. Newer: upgrade kore-etl, on every machine that runs it.",
        (errors.SchemaMismatch,),
    ),
    Thought(
        "*internal error (…)*",
        "70",
        "A bug in this program.",
        STORED,
        "Again with `--verbose`, and report the traceback: it holds no data.",
        (errors.KoreEtlError,),
    ),
    Thought(
        "*Stopped by a signal.*",
        "130, 143",
        "Ctrl-C, or a scheduler's SIGTERM; within ten seconds, a second one at once.",
        STORED,
        "Nothing.",
        (errors.Interrupted,),
    ),
)


def of(error: errors.KoreEtlError) -> Thought:
    """The thought about an error: that of its own kind, else of the nearest kind above it."""
    by_kind = {kind: thought for thought in THOUGHTS for kind in thought.kinds}
    return next(by_kind[kind] for kind in type(error).__mro__ if kind in by_kind)


def table() -> Iterator[str]:
    """The README's table, line by line."""
    yield "| you see | exit | what happened | what was kept | what to do |"
    yield "|---|---|---|---|---|"
    for one in THOUGHTS:
        yield f"| {one.symptom} | {one.code} | {one.happened} | {one.kept} | {one.remedy} |"


if __name__ == "__main__":  # to write the README's table anew: python -m etl.cli.thoughts
    print("\n".join(table()))

"""`--resume-from`, `gaps` of an interval, and `accounts`: what a scheduler needs of the command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from night import night

from etl.sandbox.faults import parse_faults

SETTINGS = "[api]\nmax_attempts = 1\n\n"


def test_a_run_that_resumes_reads_only_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """One channel failed: the next run reads that one and the moments since, and the interval is proven then."""
    with night(tmp_path, capsys, sqlite_url, accounts=1, campaigns=60, settings=SETTINGS) as (sandbox, kore_etl):
        began = datetime.now(UTC).isoformat()
        sandbox.faults = parse_faults("500@channel:voicex2")
        first = kore_etl.json("sync")
        assert (first["exit_code"], first["totals"]["failed"]) == (1, 2)
        asked = ("gaps", "--start", "2010-01-01", "--end", began[:10])
        assert kore_etl.json(*asked)["exit_code"] == 1
        rest = kore_etl.json("sync", "--resume-from", began)
        assert (rest["exit_code"], rest["totals"]["inserted"] + first["totals"]["inserted"]) == (0, 120)
        assert (first["totals"]["seen"], rest["totals"]["seen"]) == (60, 60)
        assert kore_etl.json(*asked) == {"exit_code": 0, "gaps": []}
        again = kore_etl.json("sync", "--resume-from", began)
        assert (again["exit_code"], again["totals"]["seen"], again["totals"]["requests"]) == (0, 0, 6)
        assert kore_etl.json("gaps", "--end", "2100-01-01")["exit_code"] == 1
        assert kore_etl.json("gaps", "--start", "2026-01-01")["exit_code"] == 2
        assert kore_etl.json("gaps", "--start", "2026-01-01", "--end", "2026-01-01")["exit_code"] == 2


def test_accounts_are_listed_without_opening_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    """The host that lists them needs no secret, and shows none."""
    with night(tmp_path, capsys, sqlite_url, campaigns=1) as (sandbox, kore_etl):
        for file in kore_etl.config.parent.glob("*.secret"):
            file.unlink()
        listed = kore_etl.json("accounts")["accounts"]
        wanted = [(one.account_id, one.app_id, one.name) for one in sandbox.catalogue.accounts]
        assert [(one["account_id"], one["app_id"], one["name"]) for one in listed] == wanted
        assert not any("secret" in key for one in listed for key in one)
        code, out, _ = kore_etl("--quiet", "accounts")
        assert (code, out.count("sms, voice")) == (0, 2)
        kore_etl.config.write_text("")
        code, _, err = kore_etl("accounts")
        assert (code, "No account is configured" in err) == (2, True)

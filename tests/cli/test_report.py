"""`kore-etl report`: what is written where, and what is left alone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from night import night

from etl.cli.main import run

ACCOUNT = '[[accounts]]\naccount_id = "a1"\napp_id = "st-1"\nname = "</title><script>alert(1)</script>"\n'


def test_a_report_of_a_night(tmp_path: Path, capsys: pytest.CaptureFixture[str], warehouse_url: str) -> None:
    """The verdict is printed and stands in the page; the document says what was written; only the owner can read it."""
    out = tmp_path / "kore.html"
    with night(tmp_path, capsys, warehouse_url, accounts=2, campaigns=12) as (sandbox, kore_etl):
        kore_etl.json("sync")
        code, said, _ = kore_etl("report", "--out", str(out))
        assert code == 0
        assert re.search(
            r"Complete and fresh\. All 4 channels of 2 accounts are proven complete up to \S+ \S+ UTC", said
        )
        assert out.stat().st_mode & 0o777 == 0o600
        page = out.read_text()
        first, second = sandbox.catalogue.accounts
        assert page.count("fresh and complete") >= 4
        assert f"<bdi>{first.name}".replace("&", "&amp;") in page
        told = kore_etl.json("report", "--out", str(out), "--days", "7", "--account", second.account_id)
        assert (told["fresh"], told["complete"], told["scopes"], told["days"]) == (True, True, 2, 7)
        assert told["bytes"] == out.stat().st_size
        assert first.account_id not in out.read_text()
        assert kore_etl("report", "--out", str(out), "--account", "nobody")[0] == 2


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a configuration of an account that was never read."""
    for name in list(os.environ):
        if name.startswith("KORE_ETL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(ACCOUNT)
    return tmp_path


def test_nothing_read_yet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page that says so, whatever the account is called; no database is made."""
    assert run(["report", "--out", "new.html"]) == 0
    assert "Nothing was read yet" in capsys.readouterr().out
    page = (folder / "new.html").read_text()
    assert page.count("never read") >= 2
    assert "<script>alert" not in page
    assert {path.name for path in folder.iterdir()} == {"config.toml", "new.html"}


def test_a_page_is_replaced_whole_or_not_at_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Permissions and links of what is there are kept; a failure leaves the old page and nothing beside it."""
    page = folder / "page.html"
    page.write_text("old")
    page.chmod(0o644)
    (folder / "link.html").symlink_to("page.html")
    assert run(["report", "--out", "link.html"]) == 0
    assert (folder / "link.html").is_symlink()
    assert page.stat().st_mode & 0o777 == 0o644
    page.write_text("old")
    (folder / "campaigns.db").write_text("no database at all")
    assert run(["report", "--out", "page.html"]) == 6
    assert page.read_text() == "old"
    assert {path.name for path in folder.iterdir()} == {"config.toml", "campaigns.db", "page.html", "link.html"}


@pytest.mark.parametrize(
    ("out", "why"),
    [
        (".", "is a folder; name a file in it, such as kore-etl.html"),
        ("none/page.html", "there is no folder"),
        ("pipe", "is no ordinary file"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_what_cannot_be_written_is_refused_first(
    out: str, why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and a sentence, before the warehouse is asked."""
    os.mkfifo(folder / "pipe")
    (folder / "campaigns.db").write_text("no database at all")
    assert run(["report", "--out", out]) == 2
    assert why in capsys.readouterr().err

"""What the documents say is what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import etl
from etl import report
from etl.cli import thoughts
from etl.cli.main import EPILOG, VERBS
from etl.warehouse import schema, views

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """The README's text below a heading, up to the next one of that rank."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_readme_lists_every_verb_and_no_other() -> None:
    """The table of verbs is the list in `etl.cli.main`."""
    rows = [line for line in section("Verbs").splitlines() if line.startswith("| `")]
    named = {match for row in rows for match in re.findall(r"`([\w-]+)", row.split("|")[1])}
    assert named == set(VERBS)


def test_the_readme_and_the_help_list_the_same_exit_codes() -> None:
    """Every code of the contract stands in both, and the one for bugs."""
    codes = {"0", "1", "2", "3", "4", "5", "6", "70", "130, 143"}
    assert set(re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)) == codes
    assert {line.strip().split("  ")[0] for line in EPILOG.splitlines() if re.match(r"\s+\d", line)} == codes


def test_the_troubleshooting_table_is_the_one_that_errors_speak_from() -> None:
    """Every error class and exit code; `python -m etl.cli.thoughts` prints it anew."""
    assert "\n".join(thoughts.table()) in section("Troubleshooting")


def test_the_readme_names_every_table_and_view() -> None:
    """What analysts can query, and nothing that is not there."""
    rows = [line.split("|")[1] for line in section("The warehouse").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(schema.metadata.tables) | set(views.definitions("sqlite"))


def test_the_readme_names_the_counts_of_the_json_document() -> None:
    """A script's author finds the words."""
    for name in ("windows", "proven", "unproven", "failed", "seen", "inserted", "updated", "rejected", "requests"):
        assert name in report.COUNTS
        assert name in section("Every night")


def test_every_setting_the_readme_names_exists() -> None:
    """A setting in backticks that looks like one of ours is one of ours."""
    example = (ROOT / "config.example.toml").read_text()
    for name in ("lookback_days", "full_sweep_rows", "resweep_days", "client_secret_file", "password_file"):
        assert f"`{name}`" in README
        assert name in example


def test_the_package_carries_the_version_of_the_changelog_or_later() -> None:
    """pyproject takes the version from the package; the changelog has a place for what comes."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert pyproject["project"]["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", etl.__version__)
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_top_level_holds_only_what_was_agreed() -> None:
    """Hidden files aside."""
    agreed = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "config.example.toml",
        "etl",
        "migrations",
        "tests",
    }
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert there - {"build", "dist", "kore-etl-demo"} == agreed

"""What `run.py` starts: a reader with a mouse, a keyboard, a phone, a printer and a screen reader's rules.

The page is that of an invented warehouse with hostile names in every place, written by the real command.
"""

# ruff: noqa: T201  a script: printing is what it is for

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import warehouse_filled
from playwright.sync_api import Browser, Page, sync_playwright

NASTY = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    "'\"><b onmouseover=alert(3)>bold</b>",
    "\u202eright-to-left\u202c שלום",
    "🎉 & &amp; <!-- -->",
    "EMEA retail",
)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
FLAGS += ("--disable-component-update", "--disable-sync")
NIGHTS = 60


# -- the warehouse ----------------------------------------------------------------------------------------------------


def make_page(folder: Path) -> Path:
    """The report of a warehouse of six accounts, up to this morning."""
    url = f"sqlite:///{folder / 'warehouse.db'}"
    config, page = folder / "config.toml", folder / "report.html"
    tables = _tables()
    config.write_text(f'[warehouse]\nurl = "{url}"\n' + "".join(map(_account, range(len(NASTY)))))
    kore_etl(config, "migrate")
    warehouse_filled.insert_into_sqlite(url, tables)
    with closing(sqlite3.connect(folder / "warehouse.db")) as database:
        for number, name in enumerate(NASTY):
            database.execute("UPDATE campaigns SET name = ? WHERE rowid % 6 = ?", (name, number))
            database.execute("UPDATE contact_lists SET name = ? || rowid WHERE rowid % 6 = ?", (name, number))
        database.execute("UPDATE sync_windows SET why = ? WHERE why IS NOT NULL", (NASTY[0],))
        database.commit()
    kore_etl(config, "report", "--out", str(page))
    return page


def kore_etl(config: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "etl", "--quiet", "--config", config, *arguments]
    subprocess.run(command, check=True, cwd=config.parent)


def _account(number: int) -> str:
    scope = warehouse_filled.scopes(len(NASTY), NIGHTS)[2 * number]
    name = json.dumps(NASTY[number], ensure_ascii=False)
    return f'[[accounts]]\naccount_id = "{scope.account_id}"\napp_id = "{scope.app_id}"\nname = {name}\n'


def _tables() -> dict[str, Any]:
    """Nights up to this morning, some of them incomplete, and a few rejected records."""
    morning = datetime.now(UTC).replace(hour=2, minute=15, second=0, microsecond=0)
    warehouse_filled.LAST_NIGHT = morning - timedelta(days=morning > datetime.now(UTC))
    tables = dict(warehouse_filled.filled(3_000, accounts=len(NASTY), lists=20, nights=NIGHTS))
    random, last = Random(1), warehouse_filled.LAST_NIGHT
    columns = [column.name for column in warehouse_filled.metadata.tables["sync_windows"].c]
    asked, ended = columns.index("requests"), columns.index("finished_at")
    tables["sync_windows"] = [
        (*row[:asked], random.randrange(150, 240), *row[asked + 1 : ended], row[ended] + timedelta(minutes=30), row[-1])
        for row in tables["sync_windows"]
    ]
    totals = json.dumps({"inserted": 12, "updated": 31, "unchanged": 2_900, "deleted": 0, "links_added": 9})
    tables["sync_runs"] = [
        (*row[:2], *(("incomplete", 1) if number % 13 == 5 else ("complete", 0)), row[4], end, row[6], totals, None)
        for number, row in enumerate(tables["sync_runs"])
        for end in [row[4] + timedelta(minutes=random.randrange(30, 55))]
    ]
    tables["rejected_records"] = [
        (
            *(number, "run", f"acc-{number % 6:024x}", f"st-{number % 6:08x}", "sms", NASTY[number % 6], reason, None),
            *(1, "RAW TEXT", last, last, None, last, last - timedelta(hours=number), None, None),
        )
        for number, reason in enumerate(("no usable id", "field:priority", "foreign_campaign_id", NASTY[0]) * 2)
    ]
    return tables


# -- the reader -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Room:
    """The browser, and what it is to look at."""

    browser: Browser
    page: Path
    shots: Path | None
    axe: Path

    @contextmanager
    def open(self, width: int = 1200, scheme: str = "light", **options: Any) -> Iterator[Page]:
        """The page in a window of its own. Any error, dialog, policy violation or request but for itself fails."""
        trouble: list[str] = []
        context = self.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda asked: asked.url == self.page.as_uri() or trouble.append(f"request: {asked.url}"))
        page.goto(self.page.as_uri())
        yield page
        assert trouble == [], trouble
        context.close()

    def shoot(self, page: Page, name: str) -> None:
        if self.shots:
            self.shots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=self.shots / f"{name}.png", full_page=True)


def shown(page: Page, table: str) -> list[str]:
    """The first cells of the rows that are to be seen."""
    return page.locator(f"#{table} tbody tr:visible > :first-child").all_inner_texts()


def it_is_drawn(room: Room) -> None:
    """Six charts and a calendar for each channel, each an image with a sentence; no script of a name's has run."""
    with room.open() as page:
        charts = page.locator(".chart svg")
        assert charts.count() == 5 + 2 * len(NASTY), charts.count()
        for chart in charts.all():
            assert chart.get_attribute("role") == "img"
            assert (chart.get_attribute("aria-label") or "").endswith(".")
        assert page.locator("body img, body b[onmouseover]").count() == 0
        text = page.locator("body").inner_text()
        for name in NASTY:
            assert name.replace("\u202e", "\\u202e").replace("\u202c", "\\u202c") in text, name
        assert page.locator("h1").inner_text() == "Not complete"
        assert "RAW TEXT" not in page.content()
        room.shoot(page, "light")


def the_dark_scheme(room: Room) -> None:
    """It follows the reader's setting; the switch at the top overrules it, by keyboard too."""
    ground = "getComputedStyle(document.body).backgroundColor"
    with room.open(scheme="dark") as page:
        dark = page.evaluate(ground)
        room.shoot(page, "dark")
        page.locator("#theme-auto").focus()
        page.keyboard.press("ArrowRight")
        light = page.evaluate(ground)
        assert light != dark
        page.keyboard.press("ArrowRight")
        assert page.evaluate(ground) == dark
    with room.open() as page:
        assert page.evaluate(ground) == light


def sorting(room: Room) -> None:
    """By mouse and by keyboard, both ways; numbers as numbers; the column says how it is sorted."""
    with room.open() as page:
        head = page.locator("#channels th", has_text="Campaigns")
        column = "#channels tbody td:nth-child(6)"
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        counts = [int(text.replace(",", "")) for text in page.locator(column).all_inner_texts()]
        assert counts == sorted(counts, reverse=True)
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        assert [int(text.replace(",", "")) for text in page.locator(column).all_inner_texts()] == counts[::-1]
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")
        assert head.get_attribute("aria-sort") is None
        assert page.locator("#channels [aria-sort]").inner_text().startswith("Age")


def searching(room: Room) -> None:
    """By text, as text, by a choice, and both; how many are shown is said; the rest is a key away."""
    with room.open() as page:
        search = page.get_by_label("Search accounts")
        search.focus()
        page.keyboard.type("<SCRIPT>alert")
        assert [name.split("\n")[0] for name in shown(page, "channels")] == [NASTY[0]] * 2
        assert page.locator(".tools output").nth(1).inner_text() == "2 of 12 shown"
        search.fill("")
        choice = page.locator(".tools select").nth(1)
        choice.select_option("not proven")
        assert 0 < len(shown(page, "channels")) < 12
        search.fill("no such account")
        assert shown(page, "channels") == []
        before = len(shown(page, "changes"))
        page.get_by_role("button", name="Show all 100").focus()
        page.keyboard.press("Enter")
        assert (before, len(shown(page, "changes"))) == (50, 100)


def the_keyboard_alone(room: Room) -> None:
    """The first key leads past the header; everything that can be reached shows that it was."""
    with room.open() as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        seen = set()
        for _ in range(12):
            page.keyboard.press("Tab")
            outline = page.evaluate(FOCUSED)
            assert outline[1:] == ["solid", True], outline
            seen.add(outline[0])
        assert {"SUMMARY", "BUTTON"} <= seen


FOCUSED = """
    (one => [one.tagName, getComputedStyle(one).outlineStyle, one.matches(':focus-visible')])(document.activeElement)
"""


def a_phone(room: Room) -> None:
    """Nothing makes the page scroll sideways, whatever is open; charts are as wide as the screen."""
    for width in (320, 390):
        with room.open(width, is_mobile=True, has_touch=True, device_scale_factor=2) as page:
            room.shoot(page, f"phone-{width}")
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert all(box["width"] <= width for box in page.evaluate(BOXES))


BOXES = "[...document.querySelectorAll('.chart svg')].map(one => one.getBoundingClientRect().toJSON())"


def print_it(room: Room) -> None:
    """Black on white whatever the scheme; what only works on a screen is not printed."""
    with room.open(scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("nav:visible, .tools:visible, .theme:visible").count() == 0
        assert page.locator(".chart svg:visible").count() > 5
        printed = page.pdf(format="A4", path=room.shots / "print.pdf" if room.shots else None)
        assert printed.startswith(b"%PDF")


def without_scripts(room: Room) -> None:
    """Every number is there, and why there are no charts."""
    with room.open(java_script_enabled=False) as page:
        assert page.locator("noscript p").is_visible()
        assert page.locator("#channels tbody tr").count() == 12
        assert page.locator("table").count() == 9


def for_everybody(room: Room) -> None:
    """axe-core, the rules of WCAG 2.2 AA and best practice, in both schemes and on a phone, all tables open.
    More rows of the same kind, and the insides of pictures, only take time."""
    for width, scheme in ((1200, "light"), (1200, "dark"), (390, "light")):
        with room.open(width, scheme, bypass_csp=True) as page:
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            page.evaluate("document.querySelectorAll('tbody tr:nth-child(n + 9)').forEach(one => one.remove())")
            page.evaluate(room.axe.read_text())
            found = page.evaluate("axe.run({ exclude: ['.chart svg *'] })")
            told = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]
            assert told == [], told
            print(f"  {len(found['passes'])} rules of axe-core hold, {width} px, {scheme}")


def speed(room: Room) -> None:
    """How big it is, and how soon it can be used."""
    times = []
    for _ in range(3):
        with room.open() as page:
            times.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    size = room.page.stat().st_size
    print(f"  {size / 1000:,.0f} kB, loaded in {sorted(times)[1]:,.0f} ms")
    assert size < 1_500_000


LOOKS: tuple[Callable[[Room], None], ...] = (
    it_is_drawn,
    the_dark_scheme,
    sorting,
    searching,
    the_keyboard_alone,
    a_phone,
    print_it,
    without_scripts,
    for_everybody,
    speed,
)


def main() -> int:
    """Look in every way; exit code 1 if any fails."""
    parser = argparse.ArgumentParser(description="Look at a report.")
    parser.add_argument("--browser", required=True)
    parser.add_argument("--axe", type=Path, required=True)
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--page", type=Path, help="Only measure the speed of this page.")
    chosen = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kore-etl-page-") as folder, sync_playwright() as playwright:
        page = chosen.page or make_page(Path(folder))
        browser = playwright.chromium.launch(executable_path=chosen.browser, args=list(FLAGS))
        room = Room(browser, page.resolve(), chosen.shots, chosen.axe)
        for look in (speed,) if chosen.page else LOOKS:
            started = time.monotonic()
            try:
                look(room)
            except Exception as error:  # noqa: BLE001  told, and the others are looked at as well
                failed += 1
                place = traceback.extract_tb(error.__traceback__)[-1]
                print(f"FAILED {look.__name__}: {error}\n  {place.line}", flush=True)
            else:
                print(f"ok {look.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
        browser.close()
    print(f"{failed} failed." if failed else "Every look at the page is well.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

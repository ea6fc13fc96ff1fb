"""What `run.py` starts: draws a terminal's bytes as SVG, and has a browser draw a page."""

from __future__ import annotations

import argparse
import base64
import io
import re
import tempfile
from collections.abc import Mapping
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

import pyte
from cli_terminal import each_on_terminal
from pictures import season
from playwright.sync_api import Page, sync_playwright
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS = 80
LINES = 200
"""More than anything prints: nothing scrolls away."""
WIDTH, GAP = 1120, 8
"""Pixels: of the page, and of its ground left below a part of it."""

CHARTS = ("section:has(#messages)", "section:has(#statuses)")
FLAGS = ("--no-sandbox", "--disable-gpu", "--hide-scrollbars")

LIGHT = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [
        (31, 35, 40),
        (207, 34, 46),
        (17, 99, 41),
        (154, 103, 0),
        (9, 105, 218),
        (130, 80, 223),
        (27, 124, 131),
        (87, 96, 106),
    ],
    [
        (87, 96, 106),
        (164, 14, 38),
        (26, 127, 55),
        (99, 60, 1),
        (33, 139, 255),
        (164, 117, 249),
        (49, 146, 170),
        (140, 149, 159),
    ],
)
FRAME = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>@title</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
{styles}
</style>
<rect fill="#ffffff" width="100%" height="100%" rx="10"/>
<rect fill="none" stroke="#d0d7de" stroke-width="2" x="1" y="1" width="99.8%" height="99.8%" rx="10"/>
<g fill="#d0d7de"><circle cx="26" cy="24" r="6"/><circle cx="46" cy="24" r="6"/><circle cx="66" cy="24" r="6"/></g>
<g transform="translate(18, {terminal_y})">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def demo(folder: Path) -> str:
    """What a real terminal shows of the demo's two nights, as SVG; the query and the hints after them are left out."""
    ((code, drawn),) = each_on_terminal([["demo"]], folder, columns=COLUMNS)
    assert code == 0, drawn
    lines = screen(f"\x1b[1m$ kore-etl demo\x1b[0m\r\n{drawn}")
    nights = takewhile(lambda line: not line.plain.startswith("The warehouse is"), lines)
    return picture(list(nights), "kore-etl demo")


def screen(drawn: str) -> list[Text]:
    """What is left on the terminal after these bytes."""
    terminal = pyte.Screen(COLUMNS, LINES)
    pyte.Stream(terminal).feed(drawn)
    return [_line(terminal.buffer[number]) for number in range(terminal.cursor.y + 1)]


def _line(row: Mapping[int, Any]) -> Text:
    """One line in stretches of the same look."""
    text = Text()
    for look, chars in groupby((row[column] for column in range(COLUMNS)), key=_look):
        text.append("".join(char.data for char in chars), look)
    text.rstrip()
    return text


def _look(char: Any) -> Style:
    return Style(color=_color(char.fg), bold=char.bold, italic=char.italics, reverse=char.reverse)


def _color(name: str) -> Color | None:
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return Color.parse(f"#{name}")
    return Color.parse(name.replace("brown", "yellow").replace("bright", "bright_"))


def picture(lines: list[Text], title: str) -> str:
    """Lines of a terminal as SVG, without the fonts from elsewhere that rich would name."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    while not lines[-1].plain:
        lines.pop()
    for line in lines:
        console.print(line, no_wrap=True, crop=True)
    svg = console.export_svg(theme=LIGHT, code_format=FRAME.replace("@title", title), unique_id="kore-etl")
    return re.sub(r' clip-path="[^"]*"', "", svg)


def report(page: Path, browser: str) -> dict[str, bytes]:
    """Two parts of the page as a reader with a light screen sees it, as WebP by name."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        window = chromium.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        window.goto(page.as_uri())
        parts = {"report": _stretch(window, "body", ".calendars"), "report-charts": _stretch(window, *CHARTS)}
        camera = window.context.new_cdp_session(window)
        how = {"format": "webp", "quality": 85, "captureBeyondViewport": True}
        taken = {name: camera.send("Page.captureScreenshot", how | {"clip": clip}) for name, clip in parts.items()}
        chromium.close()
    return {name: base64.b64decode(one["data"]) for name, one in taken.items()}


def _stretch(window: Page, first: str, last: str) -> dict[str, float]:
    """From the top of one element to the bottom of another, the page's full width."""
    top, bottom = (window.locator(one).first.bounding_box() for one in (first, last))
    if top is None or bottom is None:
        raise ValueError(f"The page shows no {first} or no {last}.")
    end = bottom["y"] + bottom["height"] + GAP
    return {"x": 0, "y": top["y"], "width": WIDTH, "height": end - top["y"], "scale": 1}


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description="Take the README's pictures.")
    parser.add_argument("--browser", required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--nights", type=int, required=True)
    chosen = parser.parse_args()
    chosen.to.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kore-etl-pictures-") as name:
        folder = Path(name)
        (chosen.to / "demo.svg").write_text(demo(folder))
        for part, taken in report(season.report(folder / "season", chosen.nights), chosen.browser).items():
            (chosen.to / f"{part}.webp").write_bytes(taken)


if __name__ == "__main__":
    main()

"""What `run.py` starts: draws a terminal's bytes as SVG, and has a browser draw a page."""

from __future__ import annotations

import argparse
import base64
import io
import re
import tempfile
from pathlib import Path

import pyte
from cli_terminal import on_terminal
from pictures import season
from playwright.sync_api import sync_playwright
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS = 80
LINES = 200
"""More than anything prints: nothing scrolls away."""
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
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>{title}</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<rect fill="#ffffff" stroke="#d0d7de" x="1" y="1" width="{terminal_width}" height="{terminal_height}" rx="8"/>
<circle cx="26" cy="24" r="6" fill="#ff5f57"/><circle cx="46" cy="24" r="6" fill="#febc2e"/>
<circle cx="66" cy="24" r="6" fill="#28c840"/>
<g transform="translate({terminal_x}, {terminal_y})">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def demo(folder: Path) -> str:
    """The demo on a real terminal, from its first byte to its last, as SVG."""
    code, drawn = on_terminal(["demo"], folder, columns=COLUMNS)
    assert code == 0, drawn
    return picture(f"\x1b[1m$ kore-etl demo\x1b[0m\r\n{drawn}", "kore-etl demo")


def picture(drawn: str, title: str) -> str:
    """What is left on the terminal after these bytes."""
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.Stream(screen).feed(drawn)
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    lines = [_line(screen, number) for number in range(screen.cursor.y + 1)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    for line in lines:
        console.print(line, no_wrap=True, crop=True)
    svg = console.export_svg(title=title, theme=LIGHT, code_format=FRAME, unique_id="kore-etl")
    return re.sub(r' clip-path="[^"]*"', "", re.sub(r"<defs>.*</defs>\n", "", svg, flags=re.DOTALL))


def _line(screen: pyte.Screen, number: int) -> Text:
    row, text = screen.buffer[number], Text()
    for column in range(COLUMNS):
        char = row[column]
        text.append(char.data, Style(color=_color(char.fg), bold=char.bold, italic=char.italics, reverse=char.reverse))
    text.rstrip()
    return text


def _color(name: str) -> Color | None:
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return Color.parse(f"#{name}")
    plain = name.replace("brown", "yellow").replace("bfightmagenta", "brightmagenta")
    return Color.parse(plain.replace("bright", "bright_"))


def report(page: Path, browser: str) -> bytes:
    """The top of the page as a reader with a light screen sees it, as WebP."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        window = chromium.new_page(viewport={"width": 1120, "height": 1180}, color_scheme="light")
        window.goto(page.as_uri())
        asked = {"format": "webp", "quality": 82}
        taken = window.context.new_cdp_session(window).send("Page.captureScreenshot", asked)
        chromium.close()
    return base64.b64decode(taken["data"])


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(description="Take the README's pictures.")
    parser.add_argument("--browser", required=True)
    parser.add_argument("--to", type=Path, required=True)
    chosen = parser.parse_args()
    chosen.to.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kore-etl-pictures-") as name:
        folder = Path(name)
        (chosen.to / "demo.svg").write_text(demo(folder))
        (chosen.to / "report.webp").write_bytes(report(season.report(folder / "season"), chosen.browser))


if __name__ == "__main__":
    main()

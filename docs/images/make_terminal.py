"""Makes a picture of what a command shows on a terminal: the command runs in one, and a headless Chromium draws it.

Examples:
  $ .venv/bin/python docs/images/make_terminal.py terminal.png -- .venv/bin/w2v2 run
  $ .venv/bin/python docs/images/make_terminal.py terminal.png --shown "make run" --recording run.typescript
"""

from __future__ import annotations

import argparse
import html
import os
import pty
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyte
from page_picture import draw, find_browser

from model.errors import UsageError, W2v2Error

_DIRECTORY = Path(__file__).parent
_COLUMNS, _MAX_LINES = 112, 400
_READ_BYTES = 65_536
# Pixels of the page; a character of a font of 14 px is 8.4 wide.
_LINE_HEIGHT, _MARGIN = 19, 18
_COLOURS = {
    "black": "#3b4252", "red": "#e06c75", "green": "#8cc570", "brown": "#d8a657", "blue": "#6aa5e0",
    "magenta": "#c28ad6", "cyan": "#56b6c2", "white": "#d8dee9",
}  # fmt: skip
_TEXT, _GROUND = "#d8dee9", "#1e222a"


def main() -> None:
    """Makes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", help="the name of the file beside this script")
    parser.add_argument("--recording", type=Path, help="what a terminal of 112 columns got, in place of a command")
    parser.add_argument("--shown", default="", help="what stands behind the prompt; else the command")
    parser.add_argument("--browser", default="", help="a Chromium or Chrome; else the one on PATH")
    parser.add_argument("command", nargs="*", help="behind --")
    options = parser.parse_args()
    if bool(options.command) == bool(options.recording):
        raise UsageError("Give either a command behind --, or --recording FILE.")
    browser = find_browser(options.browser)
    sent = options.recording.read_bytes() if options.recording else _run(options.command)
    shown = options.shown or " ".join(options.command)
    lines = [f'<span style="color:{_COLOURS["green"]}">$</span> <b>{html.escape(shown)}</b>', *_lines(sent)]
    page = (
        f'<!doctype html><html><body style="margin:0;background:{_GROUND};color:{_TEXT}">'
        f'<pre style="margin:{_MARGIN}px;font:14px/{_LINE_HEIGHT}px DejaVu Sans Mono,monospace">'
        f"{chr(10).join(lines)}</pre></body></html>"
    )
    width = round(_COLUMNS * 8.43) + 2 * _MARGIN
    size = draw(browser, page, _DIRECTORY / options.picture, (width, _LINE_HEIGHT * len(lines) + 2 * _MARGIN))
    print(f"{options.picture}: {size / 1000:.0f} kB, {len(lines)} lines")


def _run(command: Sequence[str]) -> bytes:
    """Runs a command on a terminal; returns what it sent there."""
    main_end, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS), "LINES": "50"}
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    sent = bytearray()
    while True:
        try:
            chunk = os.read(main_end, _READ_BYTES)
        except OSError:  # Linux says so when the last process has closed the terminal
            break
        sent += chunk
        sys.stdout.buffer.write(chunk)
        sys.stdout.flush()
    process.wait()
    os.close(main_end)
    return bytes(sent)


def _lines(sent: bytes) -> list[str]:
    """Returns the lines that a terminal shows after it has got some bytes, as HTML."""
    screen = pyte.Screen(_COLUMNS, _MAX_LINES)
    pyte.ByteStream(screen).feed(sent)
    lines = ["".join(_spans(screen.buffer[row][column] for column in range(_COLUMNS))) for row in range(_MAX_LINES)]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _spans(characters: Iterable[pyte.screens.Char]) -> Iterable[str]:
    for character in characters:
        style = ""
        colour = _COLOURS.get(character.fg, f"#{character.fg}" if len(character.fg) == 6 else "")
        ground = _COLOURS.get(character.bg, "")
        if character.reverse:
            colour, ground = ground or _GROUND, colour or _TEXT
        style += f"color:{colour};" if colour else ""
        style += f"background:{ground};" if ground else ""
        style += "font-weight:bold;" if character.bold else ""
        text = html.escape(character.data)
        yield f'<span style="{style}">{text}</span>' if style else text


if __name__ == "__main__":
    try:
        main()
    except W2v2Error as error:
        sys.exit(str(error))

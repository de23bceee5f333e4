"""A picture of an HTML page, by a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from model.errors import UsageError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_MAX_BYTES = 300_000
# The window of a headless Chromium has room for bars that it does not draw; the page gets the rest.
_BARS_PIXELS = 150


def find_browser(named: str = "") -> str:
    """Returns the browser that was named, or the one on PATH.

    Raises:
      UsageError: none was named, and none is on PATH.
    """
    browser = named or next(filter(None, map(shutil.which, _BROWSERS)), "")
    if not browser:
        raise UsageError(f"A browser must be on PATH ({', '.join(_BROWSERS)}), and none is; give one with --browser.")
    return browser


def draw(browser: str, page: str, picture: Path, size_pixels: tuple[int, int]) -> int:
    """Writes a picture of the top of a page; returns its size in bytes.

    Args:
      browser: A Chromium or Chrome.
      page: HTML that needs nothing else.
      picture: The file that gets it, a PNG.
      size_pixels: Width and height.

    Raises:
      UsageError: the picture has more bytes than a repository should hold.
    """
    width, height = size_pixels
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "page.html"
        file.write_text(page, encoding="utf-8")
        command = [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={directory}/profile", f"--window-size={width},{height + _BARS_PIXELS}",
            f"--screenshot={picture}", file.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(picture) as image:
        image.crop((0, 0, width, height)).save(picture, optimize=True)
    size = picture.stat().st_size
    if size > _MAX_BYTES:
        raise UsageError(f"{picture.name} must have {_MAX_BYTES} bytes at most, and has {size}; make its height less.")
    return size

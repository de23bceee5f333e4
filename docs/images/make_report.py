"""Makes the pictures of a report that README and documentation show, from a run and with a headless Chromium.

Example:
  $ .venv/bin/python docs/images/make_report.py --run 20260309T06
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from page_picture import draw, find_browser

from model.errors import UsageError, W2v2Error
from pipeline.run_entry import latest_evaluated
from pipeline.runs import read_runs
from pipeline.workspace import Workspace

_DIRECTORY = Path(__file__).parent
_WIDTH = 1120
# The name of each picture, what of the page is in it, the top and sections by title, and its height.
_TOP = ""
_PICTURES = (
    ("report.png", (_TOP, "By slice", "Worst utterances"), 1060),
    ("report-checks.png", (_TOP, "Checks", "Error rates"), 1400),
    ("report-utterances.png", ("Worst utterances",), 620),
)


def main() -> None:
    """Makes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"), help="where the run lies")
    parser.add_argument("--run", default="", help="the beginning of the run's id; else the latest that judged a model")
    parser.add_argument("--browser", default="", help="a Chromium or Chrome; else the one on PATH")
    options = parser.parse_args()
    browser = find_browser(options.browser)
    workspace = Workspace(options.workspace.resolve())
    entry = latest_evaluated(
        (one for one in read_runs(workspace) if one.run_id.startswith(options.run)), workspace.root
    )
    page = Path(str(entry.report)).read_text(encoding="utf-8")
    for name, parts, height in _PICTURES:
        size = draw(browser, _excerpt(page, parts), _DIRECTORY / name, (_WIDTH, height))
        print(f"{name}: {size / 1000:.0f} kB, of run {entry.run_id}")


def _excerpt(page: str, parts: Sequence[str]) -> str:
    """Returns a page with some of its parts only."""
    head, _, _ = page.partition("<main>")
    return f"{head}<main>{''.join(_part(page, title) for title in parts)}</main></body></html>"


def _part(page: str, title: str) -> str:
    pattern = "(?<=<main>).*?(?=<nav)" if title == _TOP else f"<section[^>]*><h2>{re.escape(title)}</h2>.*?</section>"
    found = re.search(pattern, page, re.DOTALL)
    if found is None:
        raise UsageError(f"The report must have a section {title!r}, and has none; take that of another run.")
    return found[0]


if __name__ == "__main__":
    try:
        main()
    except W2v2Error as error:
        sys.exit(str(error))

"""Starts the demo over a released model: `python -m demo.serve --help`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.released import open_model, sounds_in
from model.errors import UsageError, W2v2Error
from model.runtimes.choice import PRECISIONS, RUNTIMES

# Where whoever starts the demo names nothing else.
_EXAMPLES = Path(__file__).with_name("examples")
# Gradio reports its use to its makers, and looks for a newer version, unless it is told before it is imported.
_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts the demo; returns the exit code: 0 when it is stopped, 2 where there is no model, 3 where it is bad."""
    options = _parser().parse_args(arguments)
    try:
        examples = sounds_in(options.examples)
        try:
            model = open_model(options.model, options.workspace, options.runtime, options.precision)
        except W2v2Error as error:
            if not options.page_anyway:
                raise
            model = error
            sys.stderr.write(f"{error}\n")
        os.environ.update(_QUIET)
        try:
            # Imported late: it takes seconds, and a mistake is told before.
            from demo.page import build_page, serve
        except ModuleNotFoundError as error:
            raise UsageError(
                f"The demo needs the package {error.name}, which is not installed; start it with make demo."
            ) from error
        serve(build_page(model, examples), options.host, options.port)
    except W2v2Error as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo.serve", description="A page that writes down what is said.")
    parser.add_argument("--model", type=Path, metavar="DIR", help="a release; default: the newest of the workspace")
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="default: $W2V2_WORKSPACE, or ./workspace")
    parser.add_argument("--examples", type=Path, metavar="DIR", default=_EXAMPLES, help="sounds to choose from")
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto", help="default: auto, the fastest")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="default: auto, the fastest")
    parser.add_argument("--host", metavar="NAME", help="default: $GRADIO_SERVER_NAME, or 127.0.0.1")
    parser.add_argument("--port", type=int, metavar="NUMBER", help="default: the first free one from 7860 on")
    parser.add_argument(
        "--page-anyway", action="store_true", help="without a model, serve a page that says why, as a Space should"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`python -m beam_jobs.librispeech --corpus DIR --output DIR`, with any of Beam's own flags after them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from beam_jobs.command_line import exit_code_of
from beam_jobs.librispeech.settings import IngestSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the records of a corpus and prints what is in them; returns the exit code."""
    defaults = IngestSettings()
    parser = argparse.ArgumentParser(
        prog="python -m beam_jobs.librispeech",
        description="Writes a corpus as shards of utterance records.",
    )
    parser.add_argument(
        "--corpus",
        required=True,
        help="a directory in LibriSpeech's layout, an archive, subsets by name, or a manifest of own recordings; paths"
        " and gs:// addresses",
    )
    parser.add_argument("--downloads", help="where archives are kept and unpacked; <output>.corpora by default")
    parser.add_argument("--output", required=True, help="the directory of the records")
    parser.add_argument("--staging", help="where unfinished work is kept; <output>.staging by default")
    parser.add_argument("--max-reject-fraction", type=float, default=defaults.max_reject_fraction)
    parser.add_argument("--num-shards-per-split", type=int, help="files of each split; by its size, if not given")
    arguments, beam_flags = parser.parse_known_args(argv)
    return exit_code_of(lambda: _ingest(arguments, beam_flags))


def _ingest(arguments: argparse.Namespace, beam_flags: Sequence[str]) -> dict[str, Any]:
    from beam_jobs.librispeech.job import IngestRequest, run_job

    output = arguments.output.rstrip("/")
    settings = IngestSettings(
        max_reject_fraction=arguments.max_reject_fraction, num_shards_per_split=arguments.num_shards_per_split
    )
    request = IngestRequest(
        corpus=arguments.corpus,
        output=output,
        downloads=arguments.downloads or f"{output}.corpora",
        staging=arguments.staging or f"{output}.staging",
        beam_flags=beam_flags,
    )
    return run_job(request, settings)


if __name__ == "__main__":
    sys.exit(main())

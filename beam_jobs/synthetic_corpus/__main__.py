"""`python -m beam_jobs.synthetic_corpus --output DIR`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from beam_jobs.command_line import exit_code_of
from beam_jobs.synthetic_corpus.corpus import generate
from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Writes a synthetic corpus and prints what is in it; returns the exit code."""
    defaults = SyntheticCorpusSettings()
    parser = argparse.ArgumentParser(
        prog="python -m beam_jobs.synthetic_corpus", description="Writes a synthetic corpus in LibriSpeech's layout."
    )
    parser.add_argument("--output", required=True, help="the directory of the corpus")
    parser.add_argument("--text", choices=("grammar", "broad"), default=defaults.text)
    parser.add_argument("--minutes", type=float, default=defaults.minutes)
    parser.add_argument("--train-speakers", type=int, default=defaults.train_speakers)
    parser.add_argument("--dev-speakers", type=int, default=defaults.dev_speakers)
    parser.add_argument("--test-speakers", type=int, default=defaults.test_speakers)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    arguments = vars(parser.parse_args(argv))
    output = arguments.pop("output")
    return exit_code_of(lambda: generate(output, SyntheticCorpusSettings(**arguments)))


if __name__ == "__main__":
    sys.exit(main())

"""`python -m beam_jobs.evaluation --examples DIR --release DIR --output DIR`, with any of Beam's own flags after."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from beam_jobs.command_line import exit_code_of
from beam_jobs.evaluation.heard import ALONE, BATCHED, BEAM_SEARCH, CONSTANT, ONNX, HeardUtterance, Way
from model.beam_search import BeamSearchSettings

_WAYS = {way.name: way for way in (BATCHED, ALONE, CONSTANT, ONNX, BEAM_SEARCH)}


def main(argv: Sequence[str] | None = None) -> int:
    """Hears examples with a release and prints what came out of each way; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m beam_jobs.evaluation",
        description="Hears utterance records with a released model; paths may be gs:// addresses.",
    )
    parser.add_argument("--examples", required=True, help="what ingest has written")
    parser.add_argument("--split", action="append", default=[], help="also several times; default: every test split")
    parser.add_argument("--release", required=True, help="a release, or a published version of one format")
    parser.add_argument("--output", required=True, help="a directory that gets what was heard, as lines of JSON")
    parser.add_argument("--way", action="append", choices=_WAYS, help="also several times; default: batched")
    parser.add_argument("--language-model", help="an ARPA file, for the way beam_search")
    arguments, beam_flags = parser.parse_known_args(argv)
    return exit_code_of(lambda: _hear(arguments, beam_flags))


def _hear(arguments: argparse.Namespace, beam_flags: Sequence[str]) -> dict[str, Any]:
    from beam_jobs import engines
    from beam_jobs.evaluation.example_splits import open_examples
    from beam_jobs.evaluation.job import hear

    make_pipeline = engines.pipeline_maker(beam_flags)
    examples = open_examples(arguments.examples, arguments.split)
    ways = tuple(_WAYS[name] for name in arguments.way or (BATCHED.name,))
    search = None if arguments.language_model is None else BeamSearchSettings(arguments.language_model)
    heard = hear(
        examples.examples_dir,
        examples.splits,
        arguments.release,
        ways,
        make_pipeline,
        working_dir=arguments.output,
        beam_search=search,
    )
    return {split: _summary([one for one in heard if one.split == split], ways) for split in examples.splits}


def _summary(heard: Sequence[HeardUtterance], ways: Sequence[Way]) -> dict[str, Any]:
    from model.metrics import count_word_errors, total

    summary: dict[str, Any] = {"utterances": len(heard)}
    for way in ways:
        counts = total(count_word_errors(one.reference, one.by_way[way.name].text) for one in heard)
        summary[way.name] = {
            "wer": counts.rate if counts.reference else None,
            "words": counts.reference,
            "seconds": sum(one.by_way[way.name].seconds for one in heard),
        }
    return summary


if __name__ == "__main__":
    sys.exit(main())

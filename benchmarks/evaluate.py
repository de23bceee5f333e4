"""What evaluating costs: through Beam beside a bare loop, and the statistics of a large test set.

    .venv/bin/python benchmarks/evaluate.py [--rounds N]

For the loop, noise with the lengths of 219 utterances of LibriSpeech (`librispeech_durations.txt`), twice, is written
as shards of utterance records, and heard by a SavedModel of the checkpoint that comes with the project. Once by the job
of `beam_jobs.evaluation` on the in-process engine, which plans, checks each record, hears in batches and writes and
reads results; and once by a loop that has the same batches planned already, reads each record, pads a batch and calls
the same signature. Both open the SavedModel anew and must give the same texts. They take turns; figures are
medians of the rounds after the first.

The statistics are of 5,000 utterances, 1,000 resamples, 10 slices, and a baseline. The utterances are of 15 words; the
two systems are made up and get 5 and 4 % of the words wrong. What is timed is the whole of `score`: alignment by jiwer,
counts of words and characters, the intervals of WER and difference for the whole set and for each of 10 subsets, and
the matched-pairs test. Once where nobody knows who spoke, so that utterances are drawn, and once with 200 speakers,
each of whom is a slice more. The claim is on the slower of the two. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _measuring import claim, finish

if TYPE_CHECKING:
    from beam_jobs.evaluation.batches import Batch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HERE = Path(__file__).parent
BATCH_SAMPLES = 2_000_000
SPLIT = "test-noise"
SHARDS = 8
RATE_HZ = 16_000

UTTERANCES = 5_000
WORDS = 15
SPEAKERS = 200
RESAMPLES = 1_000
SLICES = 10


def main() -> int:
    """Prints figures and claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures evaluation through Beam, and its statistics.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    seconds = statistics_seconds()
    print(f"statistics: {seconds['utterances']:.1f} s drawing utterances, {seconds['speakers']:.1f} s drawing speakers")
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        speech_seconds = write_examples(place / "examples")
        release = export(place)
        spent: dict[str, list[float]] = {"beam": [], "loop": []}
        batches = plan(place / "examples")
        ways = {
            "beam": lambda: hear_by_beam(place / "examples", release, place / "work"),
            "loop": lambda: hear_by_loop(batches, release),
        }
        for number in range(rounds + 1):
            texts: dict[str, dict[str, str]] = {}
            # Neither is always the second.
            for name in sorted(ways, reverse=number % 2 == 1):
                began = time.perf_counter()
                texts[name] = ways[name]()
                if number:  # the first of each fills caches
                    spent[name].append(time.perf_counter() - began)
            assert texts["beam"] == texts["loop"], "both ways must hear the same"
    median = {name: statistics.median(values) for name, values in spent.items()}
    for name, values in spent.items():
        print(
            f"{name}: {median[name]:.2f} s ({min(values):.2f} to {max(values):.2f}), {speech_seconds:.0f} s of speech"
        )
    return finish(
        {
            "time_vs_bare_loop": claim(median["beam"] / median["loop"], 1.15),
            "statistics_seconds": claim(max(seconds.values()), 10.0),
        },
        {
            "rounds": rounds,
            "speech_seconds": round(speech_seconds),
            "beam_seconds": round(median["beam"], 2),
            "loop_seconds": round(median["loop"], 2),
            "utterances": UTTERANCES,
            "resamples": RESAMPLES,
            "slices": SLICES,
            "statistics_seconds_drawing_utterances": round(seconds["utterances"], 3),
            "statistics_seconds_drawing_speakers": round(seconds["speakers"], 3),
        },
    )


def write_examples(directory: Path) -> float:
    """Writes noise of LibriSpeech's lengths as ingest would; returns how many seconds there are."""
    from beam_jobs.librispeech.record_file import RecordFile
    from model.examples import Utterance, encode_in_pieces

    durations = 2 * [int(word) for word in (HERE / "librispeech_durations.txt").read_text().split()]
    (directory / f"Split-{SPLIT}").mkdir(parents=True)
    draw = np.random.default_rng(20)
    for shard in range(SHARDS):
        path = directory / f"Split-{SPLIT}" / f"data_tfrecord-{shard:05d}-of-{SHARDS:05d}"
        with path.open("wb") as stream:
            writer = RecordFile(stream)
            for number in range(shard, len(durations), SHARDS):
                samples = draw.integers(-9_000, 9_000, durations[number]).astype(np.int16)
                one = Utterance(f"u-{number}", "1", "2", "F", SPLIT, RATE_HZ, samples, "SOME WORDS THAT SOMEBODY SAID")
                writer.write(encode_in_pieces(one))
    return sum(durations) / RATE_HZ


def export(place: Path) -> Path:
    """Exports the checkpoint that comes with the project; returns the directory of the release."""
    from model.export.obtain import obtain_release

    return obtain_release("tiny", place).directory


def hear_by_beam(examples: Path, release: Path, working_dir: Path) -> dict[str, str]:
    """Returns the texts by id, as the job gives them."""
    from beam_jobs.evaluation import BATCHED
    from beam_jobs.evaluation.job import hear

    heard = hear(examples, (SPLIT,), release, (BATCHED,), working_dir=working_dir, batch_samples=BATCH_SAMPLES)
    return {one.utterance_id: one.by_way[BATCHED.name].text for one in heard}


def plan(examples: Path) -> list[Batch]:
    """Returns the batches that the job plans, too."""
    from beam_jobs.evaluation.batches import plan_batches
    from model.record_index import read_index

    files = [str(path) for path in (examples / f"Split-{SPLIT}").iterdir()]
    return plan_batches({SPLIT: read_index(files, SPLIT)}, BATCH_SAMPLES)


def hear_by_loop(batches: Sequence[Batch], release: Path) -> dict[str, str]:
    """Returns the texts by id, from a loop over planned batches, without Beam, checks and results on disk."""
    import tensorflow as tf

    from model.audio import to_float
    from model.examples import decode
    from model.record_index import read_at

    transcribe: Any = (loaded := tf.saved_model.load(str(release / "saved_model"))).signatures["transcribe"]
    texts: dict[str, str] = {}
    for planned in batches:
        batch = [decode(read_at(one.file, one.offset, one.size_bytes)) for one in planned.references]
        rows = np.zeros((len(batch), len(batch[0].samples)), np.float32)
        for row, one in zip(rows, batch, strict=True):
            row[: len(one.samples)] = to_float(one.samples)
        lengths = tf.constant([len(one.samples) for one in batch], tf.int32)
        found = transcribe(waveform=tf.constant(rows), num_samples=lengths)["text"].numpy()
        texts |= {one.utterance_id: text.decode() for one, text in zip(batch, found, strict=True)}
    del loaded
    return texts


def statistics_seconds() -> dict[str, float]:
    """Returns how long `score` takes: `utterances` where they are drawn, and `speakers`."""
    from model.metrics import ScoringSettings, Transcript, score

    draw = random.Random(1)
    vocabulary = [f"word{number}" for number in range(2_000)]
    texts = {str(number): [draw.choice(vocabulary) for _ in range(WORDS)] for number in range(UTTERANCES)}
    system, baseline = (
        {
            name: " ".join(draw.choice(vocabulary) if draw.random() < rate else word for word in text)
            for name, text in texts.items()
        }
        for rate in (0.05, 0.04)
    )
    # Subsets of unequal sizes share no draws.
    subsets = [str(min(int(SLICES * draw.random() ** 1.5), SLICES - 1)) for _ in texts]
    seconds: dict[str, float] = {}
    for name, speakers in (("utterances", 0), ("speakers", SPEAKERS)):
        references = [
            Transcript(one, " ".join(text), str(number % speakers) if speakers else None, subset=subsets[number])
            for number, (one, text) in enumerate(texts.items())
        ]
        began = time.perf_counter()
        found = score(references, system, baseline, ScoringSettings(resamples=RESAMPLES))
        seconds[name] = time.perf_counter() - began
        assert len(found.slices) == SLICES + speakers
        assert all(one.difference is not None and one.interval.low < one.interval.high for one in found.slices)
    return seconds


if __name__ == "__main__":
    sys.exit(main())

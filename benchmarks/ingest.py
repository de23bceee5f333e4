"""How fast ingest is, beside a bare loop that reads FLAC and writes TFRecords, and what it costs to grow.

    make bench

Speech that espeak-ng speaks is joined to utterances of 12 s, LibriSpeech's average, and laid out as corpora of 15
minutes, 4 and 16 hours, the longer ones of the same files under other names; transcripts are 33 words of a vocabulary.
Every measurement is a process of its own, and jobs alternate. Seconds are those of the work: imports are left out. The
claims leave out start-up, the time for a corpus of four utterances, of every job alike; it is shown, and so are the
ratios with it, and those of one hour in single sentences of 2 s. Processor time, of which a machine with other work on
it gives the same, stands for what it costs to grow. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _measuring import at_least, claim, finish

HERE = Path(__file__).parent
ROOT = HERE.parent
KINDS = {"bare loop": "bare", "one worker": "ingest", "two workers": "workers"}
UTTERANCE_SECONDS = 12
QUARTER_SECONDS = 900
# LibriSpeech has 33 words in 12 s.
WORDS = 33


def main() -> int:
    """Prints the medians and the claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures ingest beside a bare loop.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        hours = {name: seconds / 3600 for name, seconds in make_corpora(root).items()}
        jobs = {
            f"{kind}, {corpus}": (kind, corpus)
            for kind, corpora in {
                "bare loop": ("start", "1 h", "4 h", "16 h", "sentences"),
                "one worker": ("start", "15 min", "1 h", "4 h", "16 h", "sentences"),
                "two workers": ("start", "4 h", "16 h"),
            }.items()
            for corpus in corpora
        }
        runs = {name: [] for name in jobs}
        for _ in range(rounds):
            for name, (kind, corpus) in jobs.items():
                runs[name].append(measured(kind, root / corpus, root / "out"))
    wall = {name: statistics.median(run["seconds"] for run in of_one) for name, of_one in runs.items()}
    cpu = {name: statistics.median(run["cpu_seconds"] for run in of_one) for name, of_one in runs.items()}
    peaks = {name: max(run["peak_bytes"] for run in of_one) / 1e9 for name, of_one in runs.items()}
    for name in jobs:
        spread = sorted(run["seconds"] for run in runs[name])
        print(f"{name:<24}{wall[name]:8.2f} s ({spread[0]:.2f} to {spread[-1]:.2f}){peaks[name]:8.2f} GB")

    def work(kind: str, corpus: str, seconds: dict[str, float] = wall) -> float:
        return seconds[f"{kind}, {corpus}"] - seconds[f"{kind}, start"]

    print(f"one worker: {hours['16 h'] / work('one worker', '16 h'):.2f} hours of speech a second")
    claims = {
        "throughput_vs_bare_loop": at_least(work("bare loop", "16 h") / work("one worker", "16 h"), 0.8),
        "speedup_two_workers": at_least(work("one worker", "16 h") / work("two workers", "16 h"), 1.7),
        "memory_4h_vs_15min": claim(peaks["one worker, 4 h"] / peaks["one worker, 15 min"], 1.1),
        "time_16x_audio": claim(work("one worker", "16 h", cpu) / work("one worker", "1 h", cpu), 16.5),
        "megabytes_per_hour": claim(runs["one worker, 1 h"][0]["bytes"] / 1e6 / hours["1 h"], 116.0),
    }
    with_start_up = {
        "throughput_vs_bare_loop": {
            corpus: round(wall[f"bare loop, {corpus}"] / wall[f"one worker, {corpus}"], 2)
            for corpus in ("16 h", "4 h", "1 h", "sentences")
        },
        "speedup_two_workers": {
            corpus: round(wall[f"one worker, {corpus}"] / wall[f"two workers, {corpus}"], 2)
            for corpus in ("16 h", "4 h")
        },
        "time_16x_audio": round(wall["one worker, 16 h"] / wall["one worker, 1 h"], 2),
    }
    conditions = {
        "rounds": rounds,
        "start_up_seconds": {kind: round(wall[f"{kind}, start"], 2) for kind in KINDS},
        "hours_a_second_of_one_worker": round(hours["16 h"] / work("one worker", "16 h"), 2),
        "cpu_seconds_for_16_h": {kind: round(cpu[f"{kind}, 16 h"], 2) for kind in ("bare loop", "one worker")},
        "peak_gigabytes": {corpus: round(peaks[f"one worker, {corpus}"], 3) for corpus in ("15 min", "4 h", "16 h")},
        "with_start_up": with_start_up,
    }
    return finish(claims, conditions)


def make_corpora(root: Path) -> dict[str, float]:
    """Makes the corpora and returns how many seconds of speech each holds."""
    import numpy as np
    import soundfile

    from beam_jobs.synthetic_corpus import generate
    from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings

    generate(root / "spoken", SyntheticCorpusSettings())
    sentences, joined, waiting = [], [], []
    seconds = 0.0
    for path in sorted((root / "spoken").rglob("*.flac")):
        samples, rate_hz = soundfile.read(path, dtype="int16")
        sentences.append(path)
        waiting.append(samples)
        if sum(map(len, waiting)) >= UTTERANCE_SECONDS * rate_hz:
            seconds += sum(map(len, waiting)) / rate_hz
            joined.append(root / "joined" / f"{len(joined)}.flac")
            joined[-1].parent.mkdir(exist_ok=True)
            soundfile.write(joined[-1], np.concatenate(waiting), rate_hz)
            waiting = []
        if seconds >= QUARTER_SECONDS:
            break
    for name, (sounds, copies) in {
        "start": (joined[:4], 1),
        "15 min": (joined, 1),
        "1 h": (joined, 4),
        "4 h": (joined, 16),
        "16 h": (joined, 64),
        "sentences": (sentences, 4),
    }.items():
        for copy in range(copies):
            lay_out(sounds, root / name, str(1000 + copy))
    return {name: copies * seconds for name, copies in {"15 min": 1, "1 h": 4, "4 h": 16, "16 h": 64}.items()}


def lay_out(sounds: list[Path], corpus: Path, speaker: str) -> None:
    """Makes a chapter of a speaker in LibriSpeech's layout, of links to sounds."""
    chapter = corpus / "train-a" / speaker / "1"
    chapter.mkdir(parents=True)
    lines = []
    vocabulary = (ROOT / "beam_jobs" / "synthetic_corpus" / "broad_words.txt").read_text().upper().split()
    generator = random.Random(speaker)
    for number, sound in enumerate(sounds):
        utterance = f"{speaker}-1-{number:05d}"
        os.link(sound, chapter / f"{utterance}.flac")
        lines.append(f"{utterance} {' '.join(generator.choices(vocabulary, k=WORDS))}\n")
    (chapter / f"{speaker}-1.trans.txt").write_text("".join(lines))


def measured(kind: str, corpus: Path, output: Path) -> dict[str, float]:
    """Runs one job in a new process; returns `seconds`, `peak_bytes` of that process, and `bytes` written."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(HERE / "_ingest_job.py"), KINDS[kind], str(corpus), str(output)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    return json.loads(result.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())

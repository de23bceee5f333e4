"""How fast ingest is, beside a bare loop that reads FLAC and writes TFRecords, and what it costs to grow.

    make bench

Speech that espeak-ng speaks is joined to utterances of 12 s, LibriSpeech's average, and laid out as corpora of 15
minutes, one hour and four hours, the longer ones of the same files under other names. Every measurement is a process of
its own. Seconds are those of the work: imports are left out. `throughput_vs_bare_loop` and `speedup_two_workers` leave
out start-up, the time for a corpus of four utterances; it is shown, and so is the throughput with it, and that of one
hour in single sentences of 2 s. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _measuring import at_least, claim, finish

HERE = Path(__file__).parent
UTTERANCE_SECONDS = 12
QUARTER_SECONDS = 900


def main() -> int:
    """Prints the medians and the claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures ingest beside a bare loop.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        hours = {name: seconds / 3600 for name, seconds in make_corpora(root).items()}
        jobs = {
            "bare loop, 4 h": ("bare", "4 h"),
            "one worker, 4 h": ("ingest", "4 h"),
            "two workers, 4 h": ("workers", "4 h"),
            "bare loop, 1 h": ("bare", "1 h"),
            "one worker, 1 h": ("ingest", "1 h"),
            "bare loop, sentences": ("bare", "sentences"),
            "one worker, sentences": ("ingest", "sentences"),
            "one worker, 15 min": ("ingest", "15 min"),
            "one worker, start-up": ("ingest", "start"),
            "two workers, start-up": ("workers", "start"),
        }
        runs = {name: [] for name in jobs}
        for _ in range(rounds):
            for name, (kind, corpus) in jobs.items():
                runs[name].append(measured(kind, root / corpus, root / "out"))
    seconds = {name: statistics.median(run["seconds"] for run in of_one) for name, of_one in runs.items()}
    peaks = {name: max(run["peak_bytes"] for run in of_one) / 1e9 for name, of_one in runs.items()}
    for name in jobs:
        spread = sorted(run["seconds"] for run in runs[name])
        print(f"{name:<24}{seconds[name]:8.2f} s ({spread[0]:.2f} to {spread[-1]:.2f}){peaks[name]:8.2f} GB")
    one, two = (
        seconds[f"{workers}, 4 h"] - seconds[f"{workers}, start-up"] for workers in ("one worker", "two workers")
    )
    print(f"ingest: {hours['4 h'] / one:.2f} hours of speech a second on one core, start-up aside")
    claims = {
        "throughput_vs_bare_loop": at_least(seconds["bare loop, 4 h"] / one, 0.8),
        "speedup_two_workers": at_least(one / two, 1.7),
        "memory_4h_vs_15min": claim(peaks["one worker, 4 h"] / peaks["one worker, 15 min"], 1.1),
        "time_16x_audio": claim(seconds["one worker, 4 h"] / seconds["one worker, 15 min"], 16.5),
        "megabytes_per_hour": claim(runs["one worker, 1 h"][0]["bytes"] / 1e6 / hours["1 h"], 116.0),
    }
    conditions = {
        "rounds": rounds,
        "start_up_of_one_worker_seconds": round(seconds["one worker, start-up"], 2),
        "start_up_of_two_workers_seconds": round(seconds["two workers, start-up"], 1),
        "throughput_vs_bare_loop_with_start_up": {
            corpus: round(seconds[f"bare loop, {corpus}"] / seconds[f"one worker, {corpus}"], 2)
            for corpus in ("4 h", "1 h", "sentences")
        },
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
        "sentences": (sentences, 4),
    }.items():
        for copy in range(copies):
            lay_out(sounds, root / name, str(1000 + copy))
    return {name: copies * seconds for name, copies in {"15 min": 1, "1 h": 4, "4 h": 16}.items()}


def lay_out(sounds: list[Path], corpus: Path, speaker: str) -> None:
    """Makes a chapter of a speaker in LibriSpeech's layout, of links to sounds."""
    chapter = corpus / "train-a" / speaker / "1"
    chapter.mkdir(parents=True)
    lines = []
    for number, sound in enumerate(sounds):
        utterance = f"{speaker}-1-{number:05d}"
        os.link(sound, chapter / f"{utterance}.flac")
        lines.append(f"{utterance} SOME WORDS THAT ARE SAID\n")
    (chapter / f"{speaker}-1.trans.txt").write_text("".join(lines))


def measured(kind: str, corpus: Path, output: Path) -> dict[str, float]:
    """Runs one job in a new process; returns `seconds`, `peak_bytes` of that process, and `bytes` written."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(HERE / "_ingest_job.py"), kind, str(corpus), str(output)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    return json.loads(result.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())

"""How fast ingest is, beside a bare loop that reads FLAC and writes TFRecords, and what it costs to grow.

    make bench

Speech that espeak-ng speaks is laid out as corpora of 15 minutes, one hour and four hours, the longer ones of the same
files under other names. Every measurement is a process of its own. Seconds are those of the work: imports are left out.
Of the speed-up with two workers, the time for a corpus of a few seconds is left out on both sides; it is shown as
start-up. The last line is one JSON object.
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
WORKERS = (("ingest", "one worker"), ("two workers", "two workers"))
QUARTERS = {"15 min": 1, "1 h": 4, "4 h": 16}


def main() -> int:
    """Prints the medians and the claims; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures ingest beside a bare loop.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        seconds = make_corpora(root)
        jobs = {
            "bare loop, 1 h": ("bare", root / "1 h"),
            "ingest, 1 h": ("ingest", root / "1 h"),
            "ingest, 15 min": ("ingest", root / "15 min"),
            "ingest, 4 h": ("ingest", root / "4 h"),
            "one worker, start-up": ("ingest", root / "start"),
            "two workers, start-up": ("workers", root / "start"),
            "two workers, 4 h": ("workers", root / "4 h"),
        }
        runs = {name: [] for name in jobs}
        for _ in range(rounds):
            for name, (kind, corpus) in jobs.items():
                runs[name].append(measured(kind, corpus, root / "out"))
    medians = {name: statistics.median(run["seconds"] for run in of_one) for name, of_one in runs.items()}
    peaks = {name: max(run["peak_bytes"] for run in of_one) / 1e9 for name, of_one in runs.items()}
    for name in jobs:
        spread = sorted(run["seconds"] for run in runs[name])
        print(f"{name:<24}{medians[name]:8.2f} s ({spread[0]:.2f} to {spread[-1]:.2f}){peaks[name]:8.2f} GB")
    hours = seconds["1 h"] / 3600
    print(f"ingest: {hours / medians['ingest, 1 h']:.2f} hours of speech a second on one core")
    one, two = (medians[f"{kind}, 4 h"] - medians[f"{start}, start-up"] for kind, start in WORKERS)
    size = runs["ingest, 1 h"][0]["bytes"] / 1e6 / hours
    claims = {
        "throughput_vs_bare_loop": at_least(medians["bare loop, 1 h"] / medians["ingest, 1 h"], 0.8),
        "speedup_two_workers": at_least(one / two, 1.7),
        "memory_4h_vs_15min": claim(peaks["ingest, 4 h"] / peaks["ingest, 15 min"], 1.1),
        "time_16x_audio": claim(medians["ingest, 4 h"] / medians["ingest, 15 min"], 16.5),
        "megabytes_per_hour": claim(size, 116.0),
    }
    conditions = {"rounds": rounds, "start_up_of_two_workers_seconds": round(medians["two workers, start-up"], 1)}
    return finish(claims, conditions)


def make_corpora(root: Path) -> dict[str, float]:
    """Makes the corpora and returns how many seconds of speech each holds."""
    import numpy as np
    import soundfile

    from beam_jobs.synthetic_corpus import generate
    from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings

    generate(root / "spoken", SyntheticCorpusSettings())
    sounds = sorted((root / "spoken").rglob("*.flac"))
    lengths = [soundfile.info(path).duration for path in sounds]
    quarter = int(np.searchsorted(np.cumsum(lengths), 900.0))
    for name, copies in {"start": 0, **QUARTERS}.items():
        for copy in range(max(copies, 1)):
            speaker = str(1000 + copy)
            chapter = root / name / "train-a" / speaker / "1"
            chapter.mkdir(parents=True)
            lines = []
            for number, sound in enumerate(sounds[: quarter if copies else 4]):
                utterance = f"{speaker}-1-{number:05d}"
                os.link(sound, chapter / f"{utterance}.flac")
                lines.append(f"{utterance} SOME WORDS THAT ARE SAID\n")
            (chapter / f"{speaker}-1.trans.txt").write_text("".join(lines))
    return {name: copies * sum(lengths[:quarter]) for name, copies in QUARTERS.items()}


def measured(kind: str, corpus: Path, output: Path) -> dict[str, float]:
    """Runs one job in a new process; returns `seconds`, `peak_bytes` of that process, and `bytes` written."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(HERE / "_ingest_job.py"), kind, str(corpus), str(output)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    return json.loads(result.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())

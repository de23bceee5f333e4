"""What ingest of 960 and of 100,000 hours takes on Dataflow: on paper, from rates that are measured here.

    make bench

Measured: processor time for an hour of speech, from this machine's disk and through Cloud Storage's client library (an
emulator in another process stands for the service); time and memory of the plan, for each utterance; bytes of a
reference, which cross the shuffle; bytes of the job's description for each chapter. Nothing here was run on the cloud:
a real bucket answers later than an emulator next door, and workers take minutes to start. docs/scale.md has the sums.
The last line is one JSON object.
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

from _measuring import claim, finish
from ingest import make_corpora

from beam_jobs.cloud_storage import AT_ONCE

HERE = Path(__file__).parent
# LibriSpeech: 960 hours of training speech in 281,241 utterances of 5,558 chapters.
UTTERANCES_PER_HOUR = 281_241 / 960.9
CHAPTERS = 5_558
# Dataflow's and Cloud Storage's price lists for us-central1, in dollars: an hour of a virtual processor and of a
# gigabyte of memory, a gigabyte that is shuffled, a thousand writing or listing and a thousand reading requests.
VCPU_HOUR, GIGABYTE_HOUR, SHUFFLED_GIGABYTE, WRITES, READS = 0.056, 0.003557, 0.011, 0.005, 0.0004
GIGABYTES_PER_VCPU = 3.75
# The service refuses a longer description of a job.
LARGEST_DESCRIPTION_BYTES = 10e6
# What a worker waits for, and for what Beam itself needs its processor: a guess, on the safe side.
BUSY = 0.5
START_UP_HOURS = 0.1
# Also a guess: what Cloud Storage takes for a list of a thousand objects, or to copy one within a bucket.
REQUEST_SECONDS = 0.3
# What a record takes, of 16-bit samples.
BYTES_PER_HOUR = 115.4e6


def main() -> int:
    """Prints what was measured and the sums; returns 0 if every claim holds."""
    parser = argparse.ArgumentParser(description="Measures what ingest at full size is made of.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        hours = make_corpora(root)["15 min"] / 3600
        runs = [{kind: measured(kind, root) for kind in ("local", "cloud", "plan")} for _ in range(rounds)]
    local, cloud = (statistics.median(run[kind]["cpu_seconds"] for run in runs) / hours for kind in ("local", "cloud"))
    plan = {name: statistics.median(run["plan"][name] for run in runs) for name in runs[0]["plan"]}
    print(
        f"processor time for an hour of speech: {local:.2f} s from disk, {cloud:.2f} s through Cloud Storage's client"
    )
    print("the plan, for 1,000 utterances: {seconds:.3f} s, {megabytes:.2f} MB of memory".format(**plan))
    print(
        "a reference: {reference_bytes:.0f} bytes; the description: {chapter_bytes:.0f} bytes a chapter".format(**plan)
    )
    on_paper = {}
    for speech, vcpus in ((960.9, 100), (10_000.0, 400), (100_000.0, 1_000)):
        sums = on_dataflow(speech, vcpus, cloud, plan)
        on_paper[f"{speech:,.0f} h"] = sums
        print(
            f"{speech:,.0f} h on {vcpus:,} processors: "
            + ", ".join(f"{name} {value:,}" for name, value in sums.items())
        )
    description = CHAPTERS * plan["chapter_bytes"]
    claims = {"job_description_of_960h_in_megabytes": claim(description / 1e6, LARGEST_DESCRIPTION_BYTES / 1e6)}
    conditions = {
        "rounds": rounds,
        "cpu_seconds_per_hour_from_disk": round(local, 2),
        "cpu_seconds_per_hour_through_cloud_storage": round(cloud, 2),
        "plan_of_1000_utterances": {name: round(plan[name], 3) for name in ("seconds", "megabytes")},
        "reference_bytes": round(plan["reference_bytes"]),
        "on_paper": on_paper,
    }
    return finish(claims, conditions)


def on_dataflow(hours: float, vcpus: int, cpu_seconds: float, plan: dict[str, float]) -> dict[str, float]:
    """Returns minutes and dollars for so many hours of speech on so many virtual processors, in one job."""
    utterances = hours * UTTERANCES_PER_HOUR
    chapters = CHAPTERS * hours / 960.9
    shards = utterances / 500
    elapsed = hours * cpu_seconds / 3600 / BUSY / vcpus + START_UP_HOURS
    rented = elapsed * vcpus
    # Of each chapter a listing and its transcripts; of each utterance its sound; of each shard it and its result, the
    # question for an earlier one, the copy that publishes it, and that result read.
    reads, writes = utterances + chapters + 2 * shards, utterances / 1000 + chapters + 3 * shards
    return {
        "listing, minutes": round(utterances / 1000 * (plan["seconds"] + REQUEST_SECONDS) / 60, 1),
        "memory of the listing, GB": round(utterances / 1000 * plan["megabytes"] / 1000, 2),
        "description, MB": round(chapters * plan["chapter_bytes"] / 1e6, 2),
        "job, minutes": round(elapsed * 60, 1),
        # Results are read, shards and their results copied and deleted, so many at a time.
        "publishing, minutes": round(4 * shards * REQUEST_SECONDS / AT_ONCE / 60, 1),
        "processor hours": round(rented, 1),
        "workers, $": round(rented * (VCPU_HOUR + GIGABYTES_PER_VCPU * GIGABYTE_HOUR), 2),
        "shuffle, $": round(utterances * plan["reference_bytes"] / 1e9 * SHUFFLED_GIGABYTE, 2),
        "requests, $": round(reads / 1000 * READS + writes / 1000 * WRITES, 2),
        "records, GB": round(hours * BYTES_PER_HOUR / 1e9),
    }


def measured(kind: str, root: Path) -> dict[str, float]:
    """Runs one job in a new process and returns what it prints."""
    command = [sys.executable, "-W", "ignore", str(HERE / "_scale_job.py"), kind, str(root)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    return json.loads(result.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())

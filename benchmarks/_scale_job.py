"""One job of `scale.py`: `local`, `cloud` or `plan`; prints one JSON object."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHAPTERS, UTTERANCES_PER_CHAPTER = 1_000, 50
# The emulator, in a process of its own, so that its work is not counted; it prints its port.
EMULATOR = """
import sys
from gcp_storage_emulator.server import create_server
server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="speech")
server.start()
print(server._api._httpd.server_port, flush=True)
sys.stdin.read()
server.stop()
"""


def ingest_costs(corpus: str, few: str, output: str) -> dict[str, float]:
    """Returns the processor time of a corpus, without that of one of four utterances: start-up."""
    from beam_jobs.librispeech import IngestSettings
    from beam_jobs.librispeech.ingest import ingest

    def seconds(source: str) -> float:
        began = time.process_time()
        ingest(source, output, f"{output}.staging", IngestSettings())
        return time.process_time() - began

    seconds(few)
    return {"cpu_seconds": seconds(corpus) - seconds(few)}


def in_cloud(root: Path) -> dict[str, float]:
    """Ingests a corpus that lies in the emulator to the emulator."""
    from beam_jobs import cloud_storage

    emulator = subprocess.Popen(
        [sys.executable, "-c", EMULATOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert emulator.stdout is not None
        os.environ["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{int(emulator.stdout.readline())}"
        for name in ("15 min", "start"):
            cloud_storage.upload_tree(root / name, f"gs://speech/{name}")
        return ingest_costs("gs://speech/15 min", "gs://speech/start", "gs://speech/out")
    finally:
        emulator.communicate("")


def plan(root: Path) -> dict[str, float]:
    """Measures the plan of a tree of empty files, which it does not open."""
    import apache_beam as beam
    from apache_beam.coders import registry
    from apache_beam.options.pipeline_options import PipelineOptions

    from beam_jobs.librispeech import IngestSettings, inspect_corpus
    from beam_jobs.librispeech.references import read_references

    tree = root / "many"
    if not tree.exists():
        generator = random.Random(0)
        for speaker in generator.sample(range(10_000), CHAPTERS):
            chapter = generator.randrange(300_000)
            name = f"{speaker}-{chapter}"
            directory = tree / "train-a" / str(speaker) / str(chapter)
            directory.mkdir(parents=True)
            lines = []
            for number in range(UTTERANCES_PER_CHAPTER):
                (directory / f"{name}-{number:04d}.flac").touch()
                lines.append(f"{name}-{number:04d} {'WORDS OF A SENTENCE ' * 10}\n")
            (directory / f"{name}.trans.txt").write_text("".join(lines))
    inspect_corpus(root / "start")
    before, began = peak_bytes(), time.perf_counter()
    corpus = inspect_corpus(tree)
    seconds, bytes_ = time.perf_counter() - began, peak_bytes() - before
    thousands = CHAPTERS * UTTERANCES_PER_CHAPTER / 1000
    references = read_references(corpus.root, corpus.chapters[0], IngestSettings().normalise)
    coder = registry.get_coder(type(references[0]))

    def description(chapters: int) -> int:
        pipeline = beam.Pipeline(options=PipelineOptions([]))
        _ = pipeline | beam.Create(list(corpus.chapters[:chapters]))
        return pipeline.to_runner_api().ByteSize()

    return {
        "seconds": seconds / thousands,
        "megabytes": bytes_ / 1e6 / thousands,
        "reference_bytes": sum(len(coder.encode(one)) for one in references) / len(references),
        "chapter_bytes": (description(CHAPTERS) - description(1)) / (CHAPTERS - 1),
    }


def peak_bytes() -> int:
    """Returns the most memory that this process has had; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Runs the job that the arguments name."""
    kind, root = sys.argv[1], Path(sys.argv[2])
    if kind == "local":
        output = root / "out"
        shutil.rmtree(output, ignore_errors=True)
        result = ingest_costs(str(root / "15 min"), str(root / "start"), str(output))
    else:
        result = in_cloud(root) if kind == "cloud" else plan(root)
    sys.stdout.write("\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()

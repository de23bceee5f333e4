"""One job of `ingest.py`: `bare`, `ingest` or `workers`, a corpus, an output; prints one JSON object."""

from __future__ import annotations

import functools
import json
import resource
import shutil
import sys
import time
from pathlib import Path


def bare(corpus: Path, output: Path) -> None:
    """Reads each FLAC with soundfile and writes a record of it: no check, no plan, no hash."""
    import soundfile
    import tensorflow as tf

    output.mkdir()
    with tf.io.TFRecordWriter(str(output / "records")) as writer:
        for path in sorted(corpus.rglob("*.flac")):
            samples, _ = soundfile.read(path, dtype="int16")
            example = tf.train.Example()
            example.features.feature["audio"].bytes_list.value.append(samples.tobytes())
            writer.write(example.SerializeToString())


def main() -> None:
    """Runs the job that the arguments name."""
    kind, corpus, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    import tensorflow as tf  # noqa: F401 — its import is no part of the work

    from beam_jobs.librispeech import IngestSettings
    from beam_jobs.librispeech.ingest import direct_pipeline, ingest

    shutil.rmtree(output, ignore_errors=True)
    workers = functools.partial(direct_pipeline, 2 if kind == "workers" else 1)
    start = time.perf_counter()
    if kind == "bare":
        bare(corpus, output)
    else:
        ingest(corpus, output, output.with_name("staging"), IngestSettings(), workers)
    seconds = time.perf_counter() - start
    written = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "peak_bytes": peak, "bytes": written}) + "\n")


if __name__ == "__main__":
    main()

"""One job of `ingest.py`: `bare`, `ingest` or `workers`, a corpus, an output; prints one JSON object."""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from pathlib import Path


def bare(corpus: Path, output: Path) -> None:
    """Reads each FLAC with soundfile and writes its record: no check, no plan, no hash, no profile."""
    import soundfile
    import tensorflow as tf

    output.mkdir()
    with tf.io.TFRecordWriter(str(output / "records")) as writer:
        for transcripts in sorted(corpus.rglob("*.trans.txt")):
            speaker, chapter = transcripts.name.removesuffix(".trans.txt").split("-")
            for line in transcripts.read_text().splitlines():
                utterance, transcript = line.split(" ", 1)
                samples, rate_hz = soundfile.read(transcripts.with_name(f"{utterance}.flac"), dtype="int16")
                example = tf.train.Example()
                features = example.features.feature
                features["utterance_id"].bytes_list.value.append(utterance.encode())
                features["speaker_id"].bytes_list.value.append(speaker.encode())
                features["chapter_id"].bytes_list.value.append(chapter.encode())
                features["transcript"].bytes_list.value.append(transcript.encode())
                features["sample_rate_hz"].int64_list.value.append(rate_hz)
                features["num_samples"].int64_list.value.append(len(samples))
                features["audio"].bytes_list.value.append(samples.tobytes())
                writer.write(example.SerializeToString())


def main() -> None:
    """Runs the job that the arguments name."""
    kind, corpus, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    # What a job imports is no part of its work.
    if kind == "bare":
        import soundfile  # noqa: F401
        import tensorflow as tf  # noqa: F401
    else:
        import miniaudio  # noqa: F401
    from beam_jobs.engines import direct_flags, pipeline_maker
    from beam_jobs.librispeech import IngestSettings
    from beam_jobs.librispeech.ingest import ingest

    shutil.rmtree(output, ignore_errors=True)
    flags = direct_flags(2 if kind == "workers" else 1)
    start, start_cpu = time.perf_counter(), time.process_time()
    if kind == "bare":
        bare(corpus, output)
    else:
        ingest(corpus, output, output.with_name("staging"), IngestSettings(), pipeline_maker(flags))
    measured = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - start_cpu}
    written = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write("\n" + json.dumps({**measured, "peak_bytes": peak, "bytes": written}) + "\n")


if __name__ == "__main__":
    main()

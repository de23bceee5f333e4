"""The same records whatever the engine: one process, threads, and worker processes as Dataflow has them."""

import hashlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.e2e

ENGINES = {
    "one process": (),
    "eight threads": ("--direct_running_mode=multi_threading", "--direct_num_workers=8"),
    "two threads": ("--direct_running_mode=multi_threading", "--direct_num_workers=2"),
    "two processes": ("--direct_running_mode=multi_processing", "--direct_num_workers=2"),
    "eight processes": ("--direct_running_mode=multi_processing", "--direct_num_workers=8"),
}


def test_every_engine_writes_the_same_bytes(make_corpus, tmp_path):
    corpus = make_corpus(
        {"train-a": ["1", "2", "3", "4"], "dev-a": ["5"], "test-a": ["6"]}, utterances=40, root=tmp_path / "speech"
    )
    written = {}
    for name, flags in ENGINES.items():
        output = tmp_path / name.replace(" ", "-")
        command = [sys.executable, "-m", "beam_jobs.librispeech", "--corpus", str(corpus), "--output", str(output)]
        result = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr[-2000:]
        written[name] = {
            path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(output.rglob("*"))
            if path.is_file()
        }
    reference = written["one process"]
    assert sum(name.startswith("Split-") for name in reference) == 24, "eight shards for each of three splits"
    assert all(files == reference for files in written.values())

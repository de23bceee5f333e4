"""Builds the images' content without a container engine, starts what they start, and says how large they are.

`make images-check` runs it for all four; `python -m images.check beam-ingest` for one. Every step of the Dockerfile is
run as it stands there, in a clean Debian root. What is not here is stood in for: the base image by Debian's packages
and a copy of this machine's Python 3.10, and Beam's program that starts a worker by a script that does the same.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from images import debian_root
from images.dockerfile import read
from images.rehearsal import Built, FailedError, Rehearsal, write_context

PROJECT = Path(__file__).resolve().parent.parent
TARGETS = ("pipeline", "beam-ingest", "beam-tfx", "trainer")

_MEGABYTE = 1e6
# Beam's program makes an environment over the packages of /usr/local, and starts the worker in it.
_BOOT = """#!/bin/sh
set -eu
python -m venv --system-site-packages /opt/apache/beam-venv/beam-venv-worker-check
. /opt/apache/beam-venv/beam-venv-worker-check/bin/activate
exec python "$@"
"""
_WORKER = "import apache_beam.runners.worker.sdk_worker_main, beam_jobs.librispeech.job, beam_jobs.evaluation.job"
_NO_TFX = "import importlib.util, sys; sys.exit(importlib.util.find_spec('tfx') is not None)"
_SPEECH = """
import pathlib, numpy, soundfile
root = pathlib.Path("speech")
for subset, speaker in (("train-a", "1"), ("dev-a", "2"), ("test-a", "3")):
    chapter = root / subset / speaker / "7"
    chapter.mkdir(parents=True)
    for number in range(3):
        tone = numpy.sin(numpy.arange(8000) * (0.1 + 0.01 * number)) * 8000
        soundfile.write(chapter / f"{speaker}-7-{number:04d}.flac", tone.astype("int16"), 16000, subtype="PCM_16")
    lines = [f"{speaker}-7-{number:04d} SOME WORDS" for number in range(3)]
    (chapter / f"{speaker}-7.trans.txt").write_text("\\n".join(lines) + "\\n")
speakers = ["1 | F | train-a | 0.1 | A", "2 | M | dev-a | 0.1 | B", "3 | F | test-a | 0.1 | C"]
(root / "SPEAKERS.TXT").write_text("\\n".join(speakers) + "\\n")
"""
# TensorFlow Hub is overridden ([tool.uv] in pyproject.toml); the trainer's TensorFlow has another name, and its driver
# is no package. Nothing else may be missing, nor in a version that does not fit.
_KNOWN_CONFLICTS = "tensorflow-hub 0.16.1\\|requires tensorflow, \\|requires libtpu, \\|No broken requirements"
_INGEST = ("-m", "beam_jobs.librispeech", "--corpus", "speech", "--output", "records")
_PROCESSES = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


@dataclasses.dataclass(frozen=True)
class _Start:
    """Something that an image must be able to start: words behind its entrypoint, or a command of its own."""

    words: Sequence[str]
    says: str = ""
    with_entrypoint: bool = True


def _shell(script: str) -> _Start:
    return _Start(["sh", "-c", script], with_entrypoint=False)


_EVERYWHERE = (
    _shell("test $(id -u) = 1000 && test ! -w /usr/local && test ! -w /"),
    _shell("for tool in cc c++ gcc g++ make cmake uv; do ! command -v $tool || exit 1; done"),
    _shell('test -z "$(find /var/lib/apt/lists /var/cache/apt/archives -type f ! -name lock)"'),
    _shell("test ! -e /packages && test ! -e /build && test ! -e ~/.cache"),
    _shell(f'said=$(python -m pip check); test -n "$said" && ! echo "$said" | grep -v "{_KNOWN_CONFLICTS}"'),
    _Start(["w2v2", "--help"], "transcribe", with_entrypoint=False),
)
_STARTS = {
    "pipeline": (
        _Start(["--help"], "--executor_class_path"),
        _Start(["python", "-c", "import pipeline.graph, pipeline.local, kfp"], with_entrypoint=False),
    ),
    "beam-ingest": (
        _Start(["-c", f"{_WORKER}, tensorflow, onnxruntime, kenlm, pyctcdecode"]),
        _Start(["-c", _NO_TFX]),
        _Start(["python", "-c", _SPEECH], with_entrypoint=False),
        # Beam's own worker program, in processes of its own, as this user.
        _Start([*_INGEST, *_PROCESSES], '"written": 9'),
    ),
    "beam-tfx": (
        _Start(["-c", f"{_WORKER}, tfx.components.transform.executor, tfx.components.statistics_gen.executor"]),
        _Start(["-c", "import components.transform.preprocessing_fn, components.transform.statistics"]),
    ),
    "trainer": (
        _Start(["--help"], "--executor_class_path"),
        _Start(["python", "-c", "import components.trainer.run_fn, components.trainer.process"], with_entrypoint=False),
        _Start(
            ["python", "-c", "import tensorflow as tf; print(tf.__version__, tf.config.list_physical_devices('CPU'))"],
            "2.16.2",
            with_entrypoint=False,
        ),
    ),
}


def check(target: str, rehearsal: Rehearsal, base: Path, compressed: bool) -> dict[str, object]:
    """Builds a target and starts what it starts.

    Returns:
      What was measured: seconds to build and to start everything, megabytes over the base image, and, where that is
      asked for, megabytes of the packages as a registry keeps them, about.

    Raises:
      FailedError: a step or a start failed.
    """
    begun = time.monotonic()
    built = rehearsal.build(target, say=lambda text: _say(f"{target}: {text}"))
    ready = time.monotonic()
    megabytes = (_bytes_below(built.root) - _bytes_below(base)) / _MEGABYTE
    for start in (*_EVERYWHERE, *_STARTS[target]):
        _require(built, start)
    measured: dict[str, object] = {
        "image": target,
        "build_seconds": round(ready - begun),
        "start_seconds": round(time.monotonic() - ready),
        "megabytes": round(megabytes),
    }
    if compressed:
        packages = rehearsal.build(f"{target}-packages", say=_say).root / "packages"
        measured["compressed_megabytes"] = round(_compressed_bytes(packages) / _MEGABYTE)
    return measured


def main() -> int:
    """Checks the targets that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m images.check", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; without one, all")
    parser.add_argument(
        "--compressed", action="store_true", help="also say how large they are in a registry; takes minutes"
    )
    arguments = parser.parse_args()
    if unknown := [target for target in arguments.targets if target not in TARGETS]:
        parser.error(f"a target must be one of {', '.join(TARGETS)}, not {unknown[0]}")
    work = Path(tempfile.mkdtemp(prefix="w2v2-images-"))
    # Roots are entered by a user without rights.
    work.chmod(0o755)
    try:
        debian_root.require_rights()
        for measured in _checked(arguments.targets or TARGETS, work, arguments.compressed):
            print(json.dumps(measured), flush=True)
    except (debian_root.NotPossibleError, FailedError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work)
    return 0


def _checked(targets: Sequence[str], work: Path, compressed: bool) -> Iterator[dict[str, object]]:
    dockerfile = read(PROJECT / "images" / "Dockerfile")
    python, beam = dockerfile.arguments["PYTHON_IMAGE"], dockerfile.arguments["BEAM_IMAGE"]
    write_context(PROJECT, work / "context")
    rehearsal = Rehearsal(
        dockerfile, work / "context", {python: debian_root.make, beam: _stand_in_for_beam}, work, {"LIBTPU": "none"}
    )
    _say(f"a Debian root for {python}")
    begun = time.monotonic()
    base = rehearsal.base_of(python)
    yield {"image": python, "build_seconds": round(time.monotonic() - begun), "megabytes": _bytes_below(base) // 10**6}
    for target in targets:
        yield check(target, rehearsal, base, compressed)
        rehearsal.drop([target, f"{target}-packages"])


def _stand_in_for_beam(root: Path) -> None:
    boot = root / "opt/apache/beam/boot"
    boot.parent.mkdir(parents=True)
    boot.write_text(_BOOT)
    boot.chmod(0o755)


def _require(built: Built, start: _Start) -> None:
    words = [*(built.entrypoint if start.with_entrypoint else ()), *start.words]
    done = built.run(words)
    if done.returncode or start.says not in done.stdout:
        raise FailedError(
            f"This must end with 0 and say {start.says!r}: {' '.join(words)}\nexit code {done.returncode}\n"
            f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )


def _bytes_below(root: Path) -> int:
    return sum(os.lstat(Path(folder, name)).st_size for folder, _, files in os.walk(root) for name in files)


def _compressed_bytes(folder: Path) -> int:
    tar = subprocess.Popen(["tar", "--create", "--directory", str(folder), "."], stdout=subprocess.PIPE)
    gzip = subprocess.Popen(["gzip", "-1"], stdin=tar.stdout, stdout=subprocess.PIPE)
    assert gzip.stdout is not None
    size = 0
    while chunk := gzip.stdout.read(1 << 20):
        size += len(chunk)
    if tar.wait() or gzip.wait():
        raise FailedError(f"{folder} could not be compressed.")
    return size


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The packages of each image: a part of requirements.lock, cut out by what the lock says of who asks for what.

The Dockerfile calls it while an image is built (`python images/requirements.py beam-ingest`), so that there is no
second list of versions which could come to differ from the lock. It needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"

# What the project itself asks for, whatever it is used for.
_BASE = (
    "huggingface-hub",
    "jiwer",
    "miniaudio",
    "numpy",
    "onnxruntime",
    "rich",
    "safetensors",
    "soundfile",
    "soxr",
    "typer",
)
_LANGUAGE_MODEL = ("kenlm", "pyctcdecode")
_BEAM = ("apache-beam", "google-cloud-storage", "google-crc32c")
_TFX = (
    *_BEAM,
    "keras",
    "psutil",
    "setuptools",
    "tensorflow",
    "tensorflow-hub",
    "tensorflow-transform",
    "tfx",
    "wheel",
)

# By image, what it starts from; versions stand in the lock alone.
ROOTS: Mapping[str, Collection[str]] = {
    # With what builds the packages that have no binary, in the stages that are thrown away.
    "build": ("setuptools", "wheel"),
    "pipeline": (*_BASE, *_LANGUAGE_MODEL, *_TFX, "cronsim", "google-cloud-aiplatform", "kagglehub", "kfp", "onnx"),
    "beam-ingest": (*_BASE, *_LANGUAGE_MODEL, *_BEAM, "tensorflow"),
    "beam-tfx": (*_BASE, *_TFX),
    "trainer": (*_BASE, *_TFX),
}
# By image, what comes from elsewhere: images/trainer-tpu.txt has the same TensorFlow, built for TPUs.
LEFT_OUT: Mapping[str, Collection[str]] = {"trainer": ("tensorflow",)}

_PACKAGE = re.compile(r"^([a-z0-9][a-z0-9.-]*)==", re.MULTILINE)
_ASKED_BY = re.compile(r"^ +#(?: via)? +([a-z0-9][a-z0-9.-]*)(?: \(pyproject\.toml\))?$", re.MULTILINE)


def entries_of(lock: str) -> dict[str, str]:
    """Returns the entries of a lock, by package: the lines with its version, its hashes and who asks for it."""
    starts = [(match.start(), match[1]) for match in _PACKAGE.finditer(lock)]
    ends = [*(start for start, _ in starts[1:]), len(lock)]
    return {name: lock[start:end] for (start, name), end in zip(starts, ends, strict=True)}


def packages_of(image: str, entries: Mapping[str, str]) -> list[str]:
    """Returns the packages that an image needs: its roots, what they ask for, what that asks for, and so on.

    The lock names who asks for a package, and not by which extra. So a few packages are counted in that only an extra
    of another image brings; none is missing.

    Args:
      image: A key of `ROOTS`.
      entries: Of `entries_of`.

    Returns:
      Names, sorted.

    Raises:
      KeyError: there is no such image, or the lock lacks one of its roots.
    """
    asked_by = {name: set(_ASKED_BY.findall(entry)) for name, entry in entries.items()}
    found: set[str] = set()
    new = set(ROOTS[image])
    while new:
        missing = sorted(new - entries.keys())
        if missing:
            raise KeyError(f"requirements.lock lacks {missing[0]}, which the image {image} needs; run make lock.")
        found |= new
        new = {name for name, by in asked_by.items() if name not in found and by & new}
    return sorted(found - set(LEFT_OUT.get(image, ())))


def requirements_of(image: str, lock: str) -> str:
    """Returns the requirements of an image, as the lock has them, for `uv pip install --require-hashes --no-deps`.

    Raises:
      KeyError: as `packages_of`.
    """
    entries = entries_of(lock)
    return "".join(entries[name] for name in packages_of(image, entries))


def main() -> int:
    """Prints the requirements of the image that is named."""
    if len(sys.argv) != 2 or sys.argv[1] not in ROOTS:
        print(f"Name one image: {', '.join(ROOTS)}.", file=sys.stderr)
        return 2
    sys.stdout.write(requirements_of(sys.argv[1], LOCK.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

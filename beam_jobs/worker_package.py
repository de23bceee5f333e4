"""The package that workers on other machines install: the code of the jobs, as it stands here."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipInfo

from wheel.wheelfile import WheelFile

import beam_jobs
import model
from model.version import __version__

_NAME = "w2v2_workers"
_SUFFIXES = (".py", ".css", ".txt")
# Weights are no part of what workers run.
_LEFT_OUT = "model/pretrained/"
# These decide what a record holds, so that workers have the versions that this machine has.
_SAME_VERSION = ("miniaudio", "soundfile", "soxr")
# These come with Beam's containers, in versions that fit one another.
_ANY_VERSION = ("numpy", "protobuf", "google-crc32c", "google-cloud-storage")


def write_worker_package(directory: Path, needs: Sequence[str] = ()) -> Path:
    """Writes a wheel with the packages `beam_jobs` and `model`, and what they need to read sound and write records.

    Its version ends in a hash of its content, so that a worker never takes it for another one that it has.

    Args:
      directory: Where to write it.
      needs: Packages that the job needs besides, in the versions of this machine.

    Returns:
      The path of the wheel; equal code gives equal bytes.
    """
    content = {
        f"{package.__name__}/{path.relative_to(root).as_posix()}": path.read_bytes()
        for package in (beam_jobs, model)
        for root in map(Path, package.__path__)
        for path in sorted(root.rglob("*"))
        if path.suffix in _SUFFIXES
    }
    content = {name: data for name, data in content.items() if not name.startswith(_LEFT_OUT)}
    digest = hashlib.sha256()
    for name, data in sorted(content.items()):
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    digest.update("\0".join(needs).encode())
    version = f"{__version__}+{digest.hexdigest()[:12]}"
    required = [f"{name}=={importlib.metadata.version(name)}" for name in (*_SAME_VERSION, *needs)]
    required += _ANY_VERSION
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {_NAME.replace('_', '-')}",
        f"Version: {version}",
        "Summary: What workers run of wav2vec2-tfx.",
        *(f"Requires-Dist: {need}" for need in required),
    ]
    about = ["Wheel-Version: 1.0", "Generator: wav2vec2-tfx", "Root-Is-Purelib: true", "Tag: py3-none-any"]
    path = directory / f"{_NAME}-{version}-py3-none-any.whl"
    with WheelFile(path, "w") as wheel:
        content[f"{wheel.dist_info_path}/METADATA"] = "\n".join([*metadata, ""]).encode()
        content[f"{wheel.dist_info_path}/WHEEL"] = "\n".join([*about, ""]).encode()
        for name, data in content.items():
            # A name without a time of its own gets that of 1980: equal code, equal bytes.
            wheel.writestr(ZipInfo(name), data, ZIP_DEFLATED)
    return path

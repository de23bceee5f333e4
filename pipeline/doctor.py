"""What is wrong with this machine, and the command that mends it. Imports nothing heavy."""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.accelerators import check_accelerators
from pipeline.check import Check
from pipeline.credentials import check_google, check_hugging_face, check_kaggle
from pipeline.workspace import MIN_FREE_BYTES, Workspace

_PROJECT_DIR = Path(__file__).resolve().parent.parent
_LOCK_FILE = _PROJECT_DIR / "requirements.lock"
_LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
# TFX 1.16 has wheels for this version only; the base package installs on others too.
_PIPELINE_PYTHON = (3, 10)
# onnxruntime's wheels are manylinux_2_28, the most demanding of the lock.
_MIN_GLIBC = (2, 28)
_GOOD_FREE_BYTES = 5_000_000_000
_GOOD_MEMORY_BYTES = 6_000_000_000
_MIN_MEMORY_BYTES = 3_000_000_000
_SHOWN_PACKAGES = 5


def examine(workspace: Workspace) -> list[Check]:
    """Looks at the machine, the installed packages and the workspace."""
    return [
        check_python(sys.version_info[:3]),
        check_glibc(platform.libc_ver()),
        check_packages(_LOCK_FILE, _installed()),
        check_espeak(),
        check_sound(),
        check_compiler(shutil.which),
        check_memory(Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")),
        check_disk(workspace.root),
        check_workspace(workspace),
        check_accelerators(Path("/dev"), os.environ),
        check_google(os.environ, Path.home()),
        check_hugging_face(os.environ, Path.home()),
        check_kaggle(os.environ, Path.home()),
    ]


def check_python(version: tuple[int, ...]) -> Check:
    """The pipeline runs on one version of Python."""
    found = ".".join(map(str, version))
    if tuple(version[:2]) == _PIPELINE_PYTHON:
        return Check("python", "ok", found)
    wanted = ".".join(map(str, _PIPELINE_PYTHON))
    return Check(
        "python", "fail", f"{found}, but TFX needs {wanted} (w2v2 transcribe works on 3.10 to 3.13)", "make setup"
    )


def check_glibc(libc: tuple[str, str]) -> Check:
    """The binary packages need a C library that is not too old."""
    name, version = libc
    wanted = ".".join(map(str, _MIN_GLIBC))
    mend = f"use a Linux with glibc {wanted} or newer, such as Debian 11 or Ubuntu 20.04"
    if name != "glibc":
        return Check("glibc", "fail", f"not found; the binary packages need glibc {wanted}", mend)
    if tuple(int(part) for part in version.split(".")[:2]) < _MIN_GLIBC:
        return Check("glibc", "fail", f"{version}, but the binary packages need {wanted}", mend)
    return Check("glibc", "ok", version)


def check_packages(lock_file: Path, installed: Mapping[str, str]) -> Check:
    """The installed packages are those of the lock.

    Args:
      lock_file: `requirements.lock`.
      installed: Versions by the normal form of the name.
    """
    if not lock_file.is_file():
        return Check("packages", "warn", "no requirements.lock beside the code, so versions cannot be compared")
    lines = (_LOCKED.match(line) for line in lock_file.read_text(encoding="utf-8").splitlines())
    wanted = {_normal(match[1]): match[2] for match in lines if match}
    wrong = [
        f"{name} {installed[name]} instead of {version}" if name in installed else f"{name} is missing"
        for name, version in wanted.items()
        if installed.get(name) != version
    ]
    if not wrong:
        return Check("packages", "ok", f"{len(wanted)}, all as in requirements.lock")
    shown = ", ".join(wrong[:_SHOWN_PACKAGES]) + (
        f" and {len(wrong) - _SHOWN_PACKAGES} more" if len(wrong) > _SHOWN_PACKAGES else ""
    )
    return Check("packages", "fail", f"{shown}; {len(wrong)} of {len(wanted)} differ from the lock", "make setup")


def check_espeak() -> Check:
    """The synthetic corpus is spoken by espeak-ng."""
    mend = "pip install 'wav2vec2-tfx[synthetic]', or make setup"
    if importlib.util.find_spec("espeakng_loader") is None:
        return Check("espeak-ng", "warn", "not installed; --corpus synthetic will not work", mend)
    import espeakng_loader

    path = espeakng_loader.get_library_path()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        return Check("espeak-ng", "warn", f"{path} cannot be loaded ({error})", mend)
    library.espeak_Info.restype = ctypes.c_char_p
    version = (library.espeak_Info(None) or b"").decode(errors="replace").split(" ")[0]
    return Check("espeak-ng", "ok", version or "loads")


def check_sound() -> Check:
    """FLAC is read by libsndfile; no ffmpeg is needed."""
    try:
        import soundfile
    except (ImportError, OSError) as error:
        return Check("sound", "fail", f"libsndfile cannot be loaded ({error})", "make setup")
    if "FLAC" not in soundfile.available_formats():
        return Check("sound", "fail", "this libsndfile cannot read FLAC", "pip install --force-reinstall soundfile")
    return Check("sound", "ok", f"libsndfile {soundfile.__libsndfile_version__} reads FLAC; ffmpeg is not needed")


def check_compiler(which: Callable[[str], str | None]) -> Check:
    """Some packages of the lock are built from source."""
    for name in ("c++", "g++", "clang++"):
        path = which(name)
        if path:
            return Check("compiler", "ok", path)
    return Check("compiler", "warn", "no C++ compiler; make setup will need one", "apt-get install build-essential")


def check_memory(meminfo: Path, cgroup_limit: Path) -> Check:
    """The default run takes up to 6 GB."""
    values = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines() if ":" in line)
    free_bytes = int(values["MemAvailable"].split()[0]) * 1024
    limit = cgroup_limit.read_text(encoding="utf-8").strip() if cgroup_limit.is_file() else "max"
    if limit.isdigit():
        free_bytes = min(free_bytes, int(limit))
    found = f"{free_bytes / 1e9:.1f} GB free, {os.cpu_count()} cores"
    mend = "close other programs, or choose a smaller train.batch_samples"
    if free_bytes < _MIN_MEMORY_BYTES:
        return Check("memory", "fail", f"{found}; a run needs {_MIN_MEMORY_BYTES / 1e9:.0f} GB at the least", mend)
    if free_bytes < _GOOD_MEMORY_BYTES:
        return Check("memory", "warn", f"{found}; the default run may take {_GOOD_MEMORY_BYTES / 1e9:.0f} GB", mend)
    return Check("memory", "ok", found)


def check_disk(path: Path) -> Check:
    """Runs write corpora, records and models."""
    free_bytes = shutil.disk_usage(_existing(path)).free
    found = f"{free_bytes / 1e9:.1f} GB free under {path}"
    mend = "free some space, or name a workspace on another disk with --workspace"
    if free_bytes < MIN_FREE_BYTES:
        return Check("disk", "fail", f"{found}; a run needs {MIN_FREE_BYTES / 1e9:.1f} GB", mend)
    if free_bytes < _GOOD_FREE_BYTES:
        return Check("disk", "warn", f"{found}; enough for few runs only", mend)
    return Check("disk", "ok", found)


def check_workspace(workspace: Workspace) -> Check:
    """The workspace can be written to. Nothing is left there, and the workspace is not made."""
    place = _existing(workspace.root)
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".w2v2-doctor-"):
            pass
    except OSError as error:
        return Check(
            "workspace", "fail", f"{place} cannot be written to ({error.strerror})", "name another with --workspace"
        )
    holder = workspace.lock_holder()
    if holder is not None:
        return Check("workspace", "ok", f"{workspace.root}; {holder.name} is under way (process {holder.pid})")
    return Check("workspace", "ok", f"{workspace.root}" + ("" if workspace.root.exists() else " (will be made)"))


def to_json(checks: list[Check]) -> dict[str, Any]:
    """Returns plain values, for `w2v2 doctor --json`."""
    return {"ok": is_well(checks), "checks": [dataclasses.asdict(check) for check in checks]}


def is_well(checks: list[Check]) -> bool:
    """Whether the pipeline can run."""
    return all(check.status != "fail" for check in checks)


def _installed() -> dict[str, str]:
    # Not all of sys.path: setuptools puts copies of other packages, of other versions, there.
    places = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    return {
        _normal(name): distribution.version
        for distribution in importlib.metadata.distributions(path=places)
        if (name := distribution.metadata["Name"])
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path

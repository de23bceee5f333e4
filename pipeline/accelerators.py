"""Accelerators of this machine, and whether TensorFlow finds what it drives them with; TensorFlow is not started."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.check import Check

_NAME = "accelerators"
# The driver, the runtime of CUDA and the library of layers; without one of them TensorFlow stays on the processor.
_GPU_LIBRARIES = {"cuda": "libcuda", "cudart": "libcudart", "cudnn": "libcudnn"}


def check_accelerators(
    devices: Path, environment: Mapping[str, str], has_library: Callable[[str], bool] | None = None
) -> Check:
    """Looks for device files, and for the libraries that go with them. No accelerator is needed.

    Args:
      devices: `/dev`.
      environment: The variables of the process.
      has_library: Tells whether a shared library is found, by its name without `lib`; by default on this system, in
        LD_LIBRARY_PATH and among the installed packages.
    """
    found = has_library or _Libraries(environment).has
    tpus = sorted(path.name for path in devices.glob("accel[0-9]*"))
    if tpus or environment.get("TPU_NAME"):
        return _tpu(", ".join(tpus) or environment["TPU_NAME"], environment, found)
    gpus = sorted(path.name for path in devices.glob("nvidia[0-9]*"))
    if gpus:
        return _gpu(f"{len(gpus)} NVIDIA GPU ({', '.join(gpus)})", environment, found)
    if (devices / "kfd").exists():
        mend = "train on the CPU, or on a machine with an NVIDIA GPU or a TPU"
        return Check(_NAME, "warn", "an AMD GPU, which this build of TensorFlow does not use", mend)
    return Check(_NAME, "ok", "none; training runs on the CPU")


def _tpu(named: str, environment: Mapping[str, str], found: Callable[[str], bool]) -> Check:
    driver = environment.get("TF_PLUGGABLE_DEVICE_LIBRARY_PATH") or environment.get("TPU_LIBRARY_PATH")
    if (driver and Path(driver).is_file()) or found("tpu"):
        return Check(_NAME, "ok", f"TPU: {named}")
    mend = "install tensorflow-tpu and libtpu.so; docs/images.md says which, and where from"
    return Check(_NAME, "warn", f"TPU: {named}, but its driver libtpu.so is not found; training runs on the CPU", mend)


def _gpu(told: str, environment: Mapping[str, str], found: Callable[[str], bool]) -> Check:
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return Check(_NAME, "warn", f"{told}, hidden by CUDA_VISIBLE_DEVICES={visible!r}", "unset CUDA_VISIBLE_DEVICES")
    missing = [library for library in _GPU_LIBRARIES if not found(library)]
    if not missing:
        return Check(_NAME, "ok", told)
    names = " and ".join(_GPU_LIBRARIES[library] for library in missing)
    mends = ["install the driver of the GPU"] if "cuda" in missing else []
    if set(missing) - {"cuda"}:
        mends.append(f"{_installer()} 'tensorflow[and-cuda]{_version()}'")
    message = f"{told}, but TensorFlow does not find {names}; training runs on the CPU"
    return Check(_NAME, "warn", message, "; ".join(mends))


def _installer() -> str:
    """Returns the command that installs here: what `make setup` makes has no pip."""
    try:
        importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError:
        return ".uv/bin/uv pip install --python .venv"
    return "pip install"


def _version() -> str:
    try:
        return f"=={importlib.metadata.version('tensorflow')}"
    except importlib.metadata.PackageNotFoundError:
        return ""


class _Libraries:
    """Finds shared libraries where TensorFlow would.

    Args:
      environment: The variables of the process.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._places = [Path(place) for place in environment.get("LD_LIBRARY_PATH", "").split(":") if place]
        for name in ("purelib", "platlib"):
            packages = Path(sysconfig.get_path(name))
            # The wheels of tensorflow[and-cuda] bring the libraries along.
            self._places += [*packages.glob("nvidia/*/lib"), packages / "libtpu"]

    def has(self, name: str) -> bool:
        """Tells whether a library is found, by its name without `lib`."""
        return bool(ctypes.util.find_library(name)) or any(
            path.is_file() for place in self._places for path in place.glob(f"lib{name}.so*")
        )

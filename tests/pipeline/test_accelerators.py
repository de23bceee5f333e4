import importlib.metadata

import pytest

from pipeline.accelerators import check_accelerators

ALL = {"cuda", "cudart", "cudnn", "tpu"}


@pytest.fixture
def look(tmp_path):
    """Looks at device files of these names, with these libraries and variables."""

    def look(*devices, libraries=ALL, **environment):
        for name in devices:
            (tmp_path / name).touch()
        return check_accelerators(tmp_path, environment, lambda name: name in libraries)

    return look


def test_none_is_needed(look):
    check = look()
    assert (check.status, check.message, check.mend) == ("ok", "none; training runs on the CPU", "")


def test_gpus_are_seen_by_their_device_files(look):
    check = look("nvidia0", "nvidia1", "nvidiactl")
    assert (check.status, check.message) == ("ok", "2 NVIDIA GPU (nvidia0, nvidia1)")


@pytest.mark.parametrize(
    ("libraries", "names", "mend"),
    [
        ({"cuda"}, "libcudart and libcudnn", "{installer} 'tensorflow[and-cuda]==2.16.2'"),
        ({"cuda", "cudart"}, "libcudnn", "{installer} 'tensorflow[and-cuda]==2.16.2'"),
        ({"cudart", "cudnn"}, "libcuda", "install the driver of the GPU"),
        (
            (),
            "libcuda and libcudart and libcudnn",
            "install the driver of the GPU; {installer} 'tensorflow[and-cuda]==2.16.2'",
        ),
    ],
)
@pytest.mark.parametrize("installer", ["pip install", ".uv/bin/uv pip install --python .venv"])
def test_a_gpu_that_tensorflow_cannot_use_warns(look, libraries, names, mend, installer, monkeypatch):
    # What `make setup` makes has no pip.
    known = importlib.metadata.version

    def version(name):
        if name == "pip" and installer == "pip install":
            return "25.0"
        if name == "pip":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    check = look("nvidia0", libraries=libraries)
    assert check.status == "warn"
    assert check.message == f"1 NVIDIA GPU (nvidia0), but TensorFlow does not find {names}; training runs on the CPU"
    assert check.mend == mend.format(installer=installer)


@pytest.mark.parametrize("value", ["", "-1"])
def test_a_hidden_gpu_warns(look, value):
    check = look("nvidia0", CUDA_VISIBLE_DEVICES=value)
    assert (check.status, check.mend) == ("warn", "unset CUDA_VISIBLE_DEVICES")
    assert look("nvidia0", CUDA_VISIBLE_DEVICES="0").status == "ok"


def test_a_gpu_of_another_maker_warns(look):
    assert look("kfd").status == "warn"


def test_a_tpu_needs_its_driver(look, tmp_path):
    assert look("accel0").message == "TPU: accel0"
    assert look(TPU_NAME="local", libraries=()).status == "warn"
    driver = tmp_path / "libtpu.so"
    driver.touch()
    check = look(TPU_NAME="local", libraries=(), TF_PLUGGABLE_DEVICE_LIBRARY_PATH=str(driver))
    assert (check.status, check.message) == ("ok", "TPU: accel0")


def test_libraries_are_found_where_the_loader_is_told_to_look(tmp_path):
    devices, place = tmp_path / "dev", tmp_path / "cuda"
    devices.mkdir()
    place.mkdir()
    (devices / "nvidia0").touch()
    found = check_accelerators(devices, {"LD_LIBRARY_PATH": f":{place}"})
    assert "libcudnn" in found.message
    for name in ("libcuda.so.1", "libcudart.so.12", "libcudnn.so.8"):
        (place / name).touch()
    assert check_accelerators(devices, {"LD_LIBRARY_PATH": f":{place}"}).status == "ok"

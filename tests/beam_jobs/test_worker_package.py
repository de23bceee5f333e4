"""The package of workers: whole, the same each time, and without what they do not need."""

import email
import hashlib
import subprocess
import sys
import zipfile

from wheel.wheelfile import WheelFile

from beam_jobs.worker_package import write_worker_package


def test_equal_code_gives_equal_bytes(tmp_path):
    (tmp_path / "other").mkdir()
    one, two = write_worker_package(tmp_path), write_worker_package(tmp_path / "other")
    assert one.name == two.name
    assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(two.read_bytes()).digest()


def test_it_holds_the_jobs_and_no_weights(tmp_path):
    path = write_worker_package(tmp_path)
    with WheelFile(path) as wheel:
        names = wheel.namelist()
        metadata = email.message_from_bytes(wheel.read(f"{wheel.dist_info_path}/METADATA"))
        assert all(wheel.read(name) is not None for name in names), "each file has the hash that the record names"
    assert {"beam_jobs/librispeech/shards.py", "beam_jobs/librispeech/page.css", "model/audio.py"} <= set(names)
    assert not [name for name in names if name.startswith("model/pretrained/") or "__pycache__" in name]
    assert path.stat().st_size < 600_000
    assert metadata["Name"] == "w2v2-workers"
    needs = metadata.get_all("Requires-Dist")
    assert needs is not None
    import miniaudio
    import soundfile
    import soxr

    same = {"miniaudio": miniaudio, "soundfile": soundfile, "soxr": soxr}
    assert needs[:3] == [f"{name}=={module.__version__}" for name, module in same.items()]


def test_a_job_names_what_it_needs_besides(tmp_path):
    import onnxruntime

    path = write_worker_package(tmp_path, ("onnxruntime",))
    with WheelFile(path) as wheel:
        metadata = email.message_from_bytes(wheel.read(f"{wheel.dist_info_path}/METADATA"))
    assert f"onnxruntime=={onnxruntime.__version__}" in (metadata.get_all("Requires-Dist") or [])
    assert write_worker_package(tmp_path).name != path.name, "a worker that has the one must not take it for the other"


def test_its_code_runs_without_this_project(tmp_path):
    path = write_worker_package(tmp_path)
    with zipfile.ZipFile(path) as wheel:
        wheel.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import beam_jobs.librispeech.transforms as transforms\n"
        "assert transforms.__file__.startswith(sys.argv[1])\n"
        "print(sorted({'tensorflow', 'keras', 'tfx', 'onnxruntime', 'pipeline', 'components'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "site")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"

import importlib.metadata
import os
from collections import namedtuple

import pytest

from pipeline import doctor
from pipeline.workspace import Workspace

usage = namedtuple("usage", "total used free")


def test_python_must_be_the_one_that_tfx_has_wheels_for():
    assert doctor.check_python((3, 10, 13)) == doctor.Check("python", "ok", "3.10.13")
    check = doctor.check_python((3, 12, 1))
    assert (check.status, check.mend) == ("fail", "make setup")
    assert check.message.startswith("3.12.1, but TFX needs 3.10")


@pytest.mark.parametrize(
    ("libc", "status"),
    [(("glibc", "2.36"), "ok"), (("glibc", "2.28"), "ok"), (("glibc", "2.17"), "fail"), (("", ""), "fail")],
)
def test_glibc_must_not_be_too_old(libc, status):
    assert doctor.check_glibc(libc).status == status


LOCK = """# made by
numpy==1.26.4 \\
    --hash=sha256:0d3fe606
    # via tfx
google-api-core[grpc]==2.29.0 \\
typing_extensions==4.15.0
"""


def test_packages_are_compared_with_the_lock(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(LOCK)
    assert doctor.check_packages(lock, {"numpy": "1.26.4", "typing-extensions": "4.15.0"}).status == "ok"
    check = doctor.check_packages(lock, {"numpy": "2.0.0"})
    assert (check.status, check.mend) == ("fail", "make setup")
    assert check.message.startswith("numpy 2.0.0 instead of 1.26.4, typing-extensions is missing; 2 of 2 differ")
    assert doctor.check_packages(tmp_path / "none", {}).status == "warn"


def test_the_lock_of_this_project_is_what_is_installed():
    check = doctor.check_packages(doctor._LOCK_FILE, doctor._installed())
    assert check.status == "ok", check.message
    assert importlib.metadata.version("tfx") == "1.16.0"


def test_espeak_and_libsndfile_load():
    assert doctor.check_espeak().status == "ok"
    assert doctor.check_sound().status == "ok"


def test_a_missing_compiler_is_a_warning():
    assert doctor.check_compiler(lambda name: None).mend == "apt-get install build-essential"
    assert doctor.check_compiler(lambda name: "/usr/bin/g++" if name == "g++" else None).message == "/usr/bin/g++"


@pytest.mark.parametrize(
    ("available_kb", "limit", "status"),
    [
        (20_000_000, "max", "ok"),
        (20_000_000, "4000000000", "warn"),
        (4_500_000, "max", "warn"),
        (900_000, "max", "fail"),
    ],
)
def test_memory_is_what_is_free_and_allowed(tmp_path, available_kb, limit, status):
    meminfo, cgroup = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text(f"MemTotal:       24000000 kB\nMemAvailable:   {available_kb} kB\n")
    cgroup.write_text(limit + "\n")
    assert doctor.check_memory(meminfo, cgroup).status == status


@pytest.mark.parametrize(("free", "status"), [(10**10, "ok"), (2 * 10**9, "warn"), (10**8, "fail")])
def test_disk_space_is_that_of_the_workspace_to_be(tmp_path, monkeypatch, free, status):
    asked = []
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: asked.append(path) or usage(0, 0, free))
    assert doctor.check_disk(tmp_path / "not" / "there").status == status
    assert asked == [tmp_path]


def test_the_workspace_is_tried_and_left_as_it_was(tmp_path):
    check = doctor.check_workspace(Workspace(tmp_path / "workspace"))
    assert (check.status, check.message) == ("ok", f"{tmp_path}/workspace (will be made)")
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_cannot_be_written_to_fails(monkeypatch, tmp_path):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "NamedTemporaryFile", refuse)
    check = doctor.check_workspace(Workspace(tmp_path))
    assert (check.status, check.message) == ("fail", f"{tmp_path} cannot be written to (Permission denied)")


def test_a_run_that_is_under_way_is_named(tmp_path):
    workspace = Workspace(tmp_path)
    with workspace.lock("20260101T000000Z-aaaa"):
        message = doctor.check_workspace(workspace).message
    assert message == f"{tmp_path}; run 20260101T000000Z-aaaa is under way (process {os.getpid()})"


def test_the_verdict_is_that_of_the_worst():
    fine, warning = doctor.Check("a", "ok", ""), doctor.Check("b", "warn", "")
    assert doctor.is_well([fine, warning])
    assert not doctor.is_well([fine, doctor.Check("c", "fail", "")])
    assert doctor.to_json([warning]) == {
        "ok": True,
        "checks": [{"name": "b", "status": "warn", "message": "", "mend": ""}],
    }

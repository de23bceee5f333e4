"""Which versions are published."""

import dataclasses
import os

import pytest

from model.errors import UsageError
from model.export.release import Release
from model.storage import release_digest
from pipeline.releases import formats_of_release, newest_onnx_release, published_versions
from pipeline.workspace import Workspace


def test_a_version_counts_while_its_directory_is_there(tmp_path):
    assert published_versions(tmp_path, "tiny") == {}
    for format_, version in (("saved_model", "3"), ("onnx", "2")):
        (tmp_path / "tiny" / format_ / version).mkdir(parents=True)
        (tmp_path / "tiny" / format_ / "latest").write_text(f"{version}\n")
    assert published_versions(tmp_path, "tiny") == {"saved_model": "3", "onnx": "2"}
    (tmp_path / "tiny" / "onnx" / "2").rmdir()
    assert published_versions(tmp_path, "tiny") == {"saved_model": "3"}
    assert published_versions(tmp_path, "other") == {}


def test_a_backbone_is_not_what_transcribes(tmp_path):
    workspace = Workspace(tmp_path)
    described = Release(
        name="one", model_digest="7" * 64, release_digest=release_digest({}), files={}, sizes_bytes={},
        source_checkpoint=None, license="mit", language="en", sample_rate_hz=16_000, versions={},
    )  # fmt: skip
    for second, (name, head) in enumerate((("recogniser", "ctc"), ("backbone", "pretraining"))):
        folder = workspace.releases_dir / name / "onnx"
        (folder / "1").mkdir(parents=True)
        dataclasses.replace(described, head=head).write(folder / "1")
        (folder / "latest").write_text("1\n")
        os.utime(folder / "latest", (second, second))
    assert newest_onnx_release(workspace) == workspace.releases_dir / "recogniser" / "onnx"
    (workspace.releases_dir / "recogniser" / "onnx" / "latest").unlink()
    with pytest.raises(UsageError, match="No model has been released"):
        newest_onnx_release(workspace)


def test_the_versions_of_a_release_are_found_by_its_digest(tmp_path):
    digests = []
    for number, format_ in enumerate(("onnx", "onnx", "saved_model"), start=1):
        files = {"onnx/model.onnx": str(min(number, 2))}
        digests.append(release_digest(files))
        directory = tmp_path / "tiny" / format_ / str(number)
        directory.mkdir(parents=True)
        Release(
            name="tiny", model_digest="7" * 64, release_digest=digests[-1], files=files,
            sizes_bytes={"onnx/model.onnx": 1}, source_checkpoint=None, license="mit", language="en",
            sample_rate_hz=16_000, versions={},
        ).write(directory)  # fmt: skip
    assert formats_of_release(tmp_path, "tiny", digests[0]) == {"onnx": tmp_path / "tiny" / "onnx" / "1"}
    assert sorted(formats_of_release(tmp_path, "tiny", digests[1])) == ["onnx", "saved_model"]
    (tmp_path / "tiny" / "onnx" / "2" / "RELEASE.json").write_text("{}")
    assert sorted(formats_of_release(tmp_path, "tiny", digests[1])) == ["saved_model"]
    assert formats_of_release(tmp_path, "other", digests[1]) == {}

"""Which versions are published."""

import dataclasses
import os

import pytest

from model.errors import ConfigurationError, UsageError
from model.export.release import Release
from model.storage import release_digest
from pipeline.releases import formats_of, formats_of_release, newest_onnx_release, settings_of
from pipeline.workspace import Workspace


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


def test_formats_are_named_with_commas_or_again_and_come_in_the_order_of_a_release():
    assert formats_of(None) == formats_of([]) == ("saved_model", "onnx", "checkpoint")
    assert formats_of(["checkpoint, saved_model", "checkpoint"]) == ("saved_model", "checkpoint")
    with pytest.raises(
        UsageError, match="--format must be one of saved_model, onnx, checkpoint, or several .*'tflite'"
    ):
        formats_of(["onnx,tflite"])


def test_a_release_that_is_exported_again_keeps_its_name_licence_and_language(tmp_path):
    Release(
        name="ours", model_digest="7" * 64, release_digest=release_digest({}), files={}, sizes_bytes={},
        source_checkpoint=None, license="mit", language="fr", sample_rate_hz=16_000, versions={},
    ).write(tmp_path)  # fmt: skip
    settings = settings_of(str(tmp_path), name=None, license="cc0-1.0", language=None)
    assert (settings.name, settings.license, settings.language) == ("ours", "cc0-1.0", "fr")
    assert settings_of("tiny", name=None).name == "wav2vec2"
    with pytest.raises(ConfigurationError, match="release.onnx_opset must be 17 to 20, not 3"):
        settings_of("tiny", onnx_opset=3)

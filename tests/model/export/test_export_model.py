"""A release of any model outside the pipeline: compared with the model, never evaluated; nothing is written over."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model.checkpoint import convert_checkpoint
from model.errors import CheckpointError, DataError, ReleaseError, UsageError
from model.export import export_model as exporting
from model.export import obtain
from model.export.build import export_release
from model.export.export_model import export_model
from model.export.probes import make_probes
from model.export.release import read_release, read_whole_release
from model.export.settings import ReleaseSettings
from model.export.speech import Speech
from model.export.verify import verify
from model.pretrained import TINY

BACKBONE = TINY.parent / "wav2vec2-tiny-pretrained"
SETTINGS = ReleaseSettings(name="golden", license="mit")


@pytest.fixture
def quick(monkeypatch):
    """Does in this process what otherwise takes processes of their own; notes what was verified."""
    verified = []

    def verify_here(format_, directory, probes):
        verified.append(format_)
        return verify(format_, directory, probes)["probes"]

    monkeypatch.setattr(exporting, "build_release", export_release)
    monkeypatch.setattr(
        exporting, "make_probes_in_fresh_process", lambda model, path: make_probes(model, path)["probes"]
    )
    monkeypatch.setattr(exporting, "verify_in_fresh_process", verify_here)
    return verified


@pytest.fixture
def model(model_directories):
    return str(model_directories["layer_pre_norm"])


def test_a_model_directory_becomes_a_release_with_a_card_that_says_what_is_not_known(model, tmp_path):
    exported = export_model(model, tmp_path / "out", SETTINGS, ("onnx",))
    assert (exported.is_new, exported.probes, exported.formats) == (True, 3, ("onnx",))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["RELEASE.json", "onnx", "probes.npz"]
    release = read_whole_release(tmp_path / "out")
    assert (release.name, release.license, release.evaluation) == ("golden", "mit", None)
    card = (tmp_path / "out" / "onnx" / "README.md").read_text()
    assert "**Not evaluated.**" in card
    assert "onnx/README.md" not in release.files
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert exported.to_mapping() == {
        "directory": str(tmp_path / "out"),
        "formats": ["onnx"],
        "release_digest": release.release_digest,
        "model_digest": release.model_digest,
        "head": "ctc",
        "size_bytes": sum(release.sizes_bytes.values()),
        "probes": 3,
        "is_new": True,
        "evaluated": False,
        "int8": {
            "in_float32": (), "parts": 11, "utterances": 0, "same_texts": 0, "same_texts_all_int8": 0,
            "empty_texts": 0, "least_agreement": 0.0,
        },
    }  # fmt: skip
    assert (tmp_path / "out").stat().st_mode & 0o777 == tmp_path.stat().st_mode & 0o777


def test_every_format_is_compared_with_the_model(model, tmp_path, quick):
    export_model(model, tmp_path / "out", SETTINGS, ("checkpoint", "onnx"))
    assert quick == ["onnx", "checkpoint"]


@pytest.fixture
def recordings(tmp_path):
    files = []
    for number, samples in enumerate((6_000, 9_000)):
        sound = 0.1 * np.random.default_rng(number).standard_normal(samples)
        files.append(str(tmp_path / f"{number}.wav"))
        soundfile.write(files[-1], sound, 16_000)
    return Speech(recordings=tuple(files))


def test_on_speech_it_is_measured_what_int8_changes(model, tmp_path, quick, recordings):
    exported = export_model(model, tmp_path / "out", SETTINGS, ("onnx",), recordings)
    assert exported.quantisation is not None
    assert (exported.quantisation.utterances, exported.quantisation.same_texts) == (2, 2)
    assert exported.quantisation.least_agreement == 0.995
    again = export_model(model, tmp_path / "out", SETTINGS, ("onnx",), recordings)
    assert (again.is_new, again.quantisation) == (False, exported.quantisation)
    with pytest.raises(UsageError, match="holds the same model in other formats, by another version or by other sp"):
        export_model(model, tmp_path / "out", SETTINGS, ("onnx",))


@pytest.mark.parametrize(("source", "formats"), [(BACKBONE, ("onnx",)), (None, ("saved_model", "checkpoint"))])
def test_speech_without_a_file_in_int8_is_refused(model, tmp_path, recordings, monkeypatch, source, formats):
    monkeypatch.setattr(exporting, "build_release", None)
    with pytest.raises(UsageError, match="Speech must be named for the ONNX file in int8, and the export of .* has no"):
        export_model(str(source or model), tmp_path / "out", SETTINGS, formats, recordings)
    assert not (tmp_path / "out").exists()


def test_a_recording_that_is_no_sound_ends_the_export(model, tmp_path, recordings):
    Path(recordings.recordings[1]).write_text("no sound")
    with pytest.raises(DataError, match=r"1\.wav"):
        export_model(model, tmp_path / "out", SETTINGS, ("onnx",), recordings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.wav", "1.wav"]


@pytest.mark.parametrize("kind", ["checkpoint", "release", "version", "backbone"])
def test_whatever_is_a_model_can_be_exported(kind, release, tmp_path, quick):
    source = {"checkpoint": release / "checkpoint", "release": release, "backbone": BACKBONE}.get(kind)
    if kind == "version":
        source = tmp_path / "golden" / "checkpoint"
        shutil.copytree(release / "checkpoint", source / "4")
        described = read_release(release)
        vars(described).update(format="checkpoint", version=4)
        described.write(source / "4")
        (source / "latest").write_text("4\n")
    exported = export_model(str(source), tmp_path / "out", SETTINGS, ("onnx",))
    assert exported.release.head == ("pretraining" if kind == "backbone" else "ctc")
    assert quick == ["onnx"]


def test_the_same_export_again_changes_nothing(model, tmp_path, quick):
    export_model(model, tmp_path / "out", SETTINGS, ("onnx",))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    second = export_model(model, tmp_path / "out", SETTINGS, ("onnx",))
    assert not second.is_new
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


@pytest.mark.parametrize(
    ("variant", "settings", "formats", "message"),
    [
        ("group_post_norm", SETTINGS, ("onnx",), "holds another model; name a new directory. It stays as it is"),
        (
            "layer_pre_norm",
            SETTINGS,
            ("checkpoint",),
            "holds the same model in other formats, by another version or by",
        ),
        ("layer_pre_norm", ReleaseSettings(name="other"), ("onnx",), "holds the same files under another name, lic"),
    ],
)
def test_a_directory_with_another_release_loses_nothing(
    model, model_directories, tmp_path, quick, variant, settings, formats, message
):
    export_model(model, tmp_path / "out", SETTINGS, ("onnx",))
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=message):
        export_model(str(model_directories[variant]), tmp_path / "out", settings, formats)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_directory_with_something_else_is_refused_at_once(model, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "build_release", None)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letters.txt").write_text("mine")
    with pytest.raises(UsageError, match="must be new, empty or an earlier output of this command"):
        export_model(model, tmp_path / "out", SETTINGS)
    with pytest.raises(UsageError, match="The output must be another place than the source"):
        export_model(str(tmp_path / "out"), tmp_path / "out", SETTINGS)
    assert (tmp_path / "out" / "letters.txt").read_text() == "mine"


def test_a_directory_that_is_filled_meanwhile_stays(model, tmp_path, quick, monkeypatch):
    verify_before = exporting.verify_in_fresh_process

    def fill(format_, directory, probes):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "letters.txt").write_text("mine")
        return verify_before(format_, directory, probes)

    monkeypatch.setattr(exporting, "verify_in_fresh_process", fill)
    with pytest.raises(UsageError, match="holds what somebody has put there meanwhile"):
        export_model(model, tmp_path / "out", SETTINGS, ("onnx",))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["letters.txt"]


def test_a_format_that_does_not_give_what_the_model_gives_is_not_written(model, tmp_path, quick, monkeypatch):
    def spoil(model_directory, path):
        make_probes(model_directory, path)
        arrays = dict(np.load(path))
        arrays["onnx_logits_1"] = arrays["onnx_logits_1"] + 1
        np.savez(path, **arrays)

    monkeypatch.setattr(exporting, "make_probes_in_fresh_process", spoil)
    with pytest.raises(ReleaseError, match="The logits of probe 1 must be within"):
        export_model(model, tmp_path / "out", SETTINGS, ("onnx",))
    assert list(tmp_path.iterdir()) == []


def test_a_half_copied_model_is_refused(model_directories, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(model_directories["layer_pre_norm"], copy)
    content = (copy / "model.weights.h5").read_bytes()
    (copy / "model.weights.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=r"model\.weights\.h5"):
        export_model(str(copy), tmp_path / "out", SETTINGS, ("onnx",))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_release_without_its_checkpoint_cannot_be_exported_again(release, tmp_path):
    for name in ("onnx", "RELEASE.json"):
        source, target = release / name, tmp_path / "release" / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    with pytest.raises(UsageError, match="must have its checkpoint at .*/checkpoint, and has none; name a directory"):
        export_model(str(tmp_path / "release"), tmp_path / "out", SETTINGS)


def test_a_model_directory_is_taken_as_it_is(model_directories, tmp_path):
    directory = model_directories["layer_pre_norm"]
    assert obtain.model_directory_of(str(directory), tmp_path / "place") == directory
    convert_checkpoint(BACKBONE, tmp_path / "model")
    assert obtain.model_directory_of(str(tmp_path / "model"), tmp_path / "place") == tmp_path / "model"
    assert not (tmp_path / "place").exists()

"""The transcriber: right, quick to start, without TensorFlow, and clear about what is not whole."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import CheckpointError, DataError, ReleaseError, UsageError
from model.export.onnx_model import export_onnx
from model.export.release import Release
from model.storage import release_digest, sha256_of_files
from model.transcriber import Transcriber

GOLDEN = Path(__file__).parents[1] / "golden" / "wav2vec2" / "layer_pre_norm"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The golden checkpoint as Keras model and as ONNX folder."""
    root = tmp_path_factory.mktemp("exported")
    convert_checkpoint(GOLDEN, root / "model")
    loaded = load_model(root / "model")
    export_onnx(loaded, root / "onnx")
    return loaded, root / "onnx"


@pytest.fixture
def version(exported, tmp_path):
    """A published version, with the pointer to it."""
    directory = tmp_path / "releases" / "3"
    shutil.copytree(exported[1], directory)
    hashes = sha256_of_files(directory)
    files = {f"onnx/{name}": sha256 for name, sha256 in hashes.items()}
    Release(
        name="golden", model_digest=exported[0].digest, release_digest=release_digest(files), files=files,
        sizes_bytes={f"onnx/{name}": (directory / name).stat().st_size for name in hashes}, source_checkpoint=None,
        license="mit", language="en", sample_rate_hz=16_000, versions={}, format="onnx", version=3,
    ).write(directory)  # fmt: skip
    (tmp_path / "releases" / "latest").write_text("3\n")
    return directory


@pytest.fixture
def waveform():
    return (0.05 * np.random.default_rng(8).standard_normal(16_000)).astype(np.float32)


def test_the_text_is_that_of_the_keras_model(exported, version, waveform, tmp_path):
    soundfile.write(tmp_path / "noise.flac", waveform, 16_000, subtype="PCM_24")
    samples = soundfile.read(tmp_path / "noise.flac", dtype="float64")[0]
    normalised = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    logits = exported[0].model(normalised[None].astype(np.float32))[0][0].numpy()
    transcriber = Transcriber(version)
    np.testing.assert_allclose(transcriber.logits(samples.astype(np.float32)), logits, atol=1e-4)
    transcription = transcriber.transcribe(tmp_path / "noise.flac")
    assert transcription.text == exported[0].vocabulary.decode_greedy(logits.argmax(-1))
    assert len(transcription.text) > 5
    assert transcription.duration_seconds == 1.0
    assert 0 < transcription.seconds < 10


def test_sound_of_another_rate_with_two_channels_is_taken(version, waveform, tmp_path):
    soundfile.write(tmp_path / "stereo.wav", np.stack([waveform, waveform], axis=1), 8_000)
    assert Transcriber(version, num_threads=1).transcribe(tmp_path / "stereo.wav").duration_seconds == 2.0


def test_the_folder_of_versions_stands_for_the_latest(version):
    assert Transcriber(version.parent, check_hashes=True).directory == version


def test_the_folder_of_formats_stands_for_its_onnx_version(version, tmp_path):
    named = tmp_path / "named"
    (named / "saved_model").mkdir(parents=True)
    version.parent.rename(named / "onnx")
    assert Transcriber(named).directory == named / "onnx" / "3"


@pytest.fixture
def unpublished(version, tmp_path):
    """A release as it is exported, with RELEASE.json beside the folders of its formats."""
    described = json.loads((version / "RELEASE.json").read_text())
    root = tmp_path / "release"
    root.mkdir()
    version.rename(root / "onnx")
    (root / "onnx" / "RELEASE.json").unlink()
    kept = {key: value for key, value in described.items() if key not in ("format", "version", "evaluation")}
    (root / "RELEASE.json").write_text(json.dumps(kept))
    return root


def test_a_release_stands_for_its_onnx_folder_and_is_looked_at(unpublished):
    assert Transcriber(unpublished, check_hashes=True).directory == unpublished / "onnx"
    assert Transcriber(unpublished / "onnx").directory == unpublished / "onnx"
    cut(unpublished / "onnx" / "onnx" / "model.onnx")
    for named in (unpublished, unpublished / "onnx"):
        with pytest.raises(ReleaseError, match=r"model\.onnx must have \d+ bytes, and has 5000; copy"):
            Transcriber(named)
    shutil.rmtree(unpublished / "onnx")
    with pytest.raises(UsageError, match=r"and .*release holds no onnx/model\.onnx; copy it again, or make one of"):
        Transcriber(unpublished)


def test_what_is_no_onnx_version_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"holds no onnx/model\.onnx; copy it again, or make one of a model with"):
        Transcriber(GOLDEN)
    with pytest.raises(UsageError, match=r"holds no onnx/model\.onnx"):
        Transcriber(tmp_path)


def test_an_export_that_was_never_published_is_taken_too(exported):
    assert Transcriber(exported[1]).min_samples == 400


def test_no_normalisation_where_the_model_wants_none(version, waveform):
    normalising = Transcriber(version).logits(waveform)
    change(version / "preprocessor_config.json", do_normalize=False)
    with pytest.raises(ReleaseError, match=r"preprocessor_config\.json must have 215 bytes, and has"):
        Transcriber(version)
    (version / "RELEASE.json").unlink()
    plain = Transcriber(version)
    deviation = np.sqrt(waveform.astype(np.float64).var() + 1e-7)
    scaled = ((waveform - waveform.mean(dtype=np.float64)) / deviation).astype(np.float32)
    np.testing.assert_allclose(plain.logits(scaled), normalising, atol=1e-4)
    assert np.abs(plain.logits(waveform) - normalising).max() > 1e-2


def test_starting_and_transcribing_takes_less_than_two_seconds_and_no_tensorflow(version, tmp_path):
    soundfile.write(tmp_path / "five.wav", 0.1 * np.random.default_rng(1).standard_normal(80_000), 16_000)
    code = (
        "import sys; from model.transcriber import Transcriber; Transcriber(sys.argv[1]).transcribe(sys.argv[2]);"
        " assert not {'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)"
    )
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        command = [sys.executable, "-c", code, str(version), str(tmp_path / "five.wav")]
        completed = subprocess.run(command, check=True, capture_output=True, text=True)
        durations.append(time.perf_counter() - start)
        assert (completed.stdout, completed.stderr) == ("", "")
    assert min(durations) < 2.0, "the fastest of three, since the machine may be busy"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_text("This is a letter."), "must be a file of sound that can be decoded"),
        (lambda path: path.write_bytes(b""), "must hold sound, and is an empty file"),
        (
            lambda path: soundfile.write(path, np.zeros(399), 16_000),
            r"must hold at least 400 samples at 16000 Hz \(25 ms\), and holds 399; is it cut off\?",
        ),
        (lambda path: None, "must be a file that can be read: No such file"),
    ],
)
def test_what_is_no_speech_is_refused(version, tmp_path, write, message):
    path = tmp_path / "audio.wav"
    write(path)
    with pytest.raises(DataError, match=message):
        Transcriber(version).transcribe(path)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_has_no_words(version, tmp_path, level):
    """Whatever the one number is that it holds; what this model makes of a little noise are words."""
    soundfile.write(tmp_path / "silence.wav", np.full(16_000, level), 16_000)
    transcription = Transcriber(version).transcribe(tmp_path / "silence.wav")
    assert (transcription.text, transcription.words, transcription.duration_seconds) == ("", (), 1.0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "vocab.json").unlink(), r"must hold vocab\.json, which its RELEASE\.json names, and does not"),
        (lambda d: cut(d / "onnx" / "model.onnx"), r"model\.onnx must have \d+ bytes, and has 5000; copy"),
        (lambda d: (d / "RELEASE.json").write_text("{"), r"RELEASE\.json must be the whole description of a release"),
        (
            lambda d: change(d / "RELEASE.json", format="saved_model"),
            "must be a published ONNX version, and .* holds a",
        ),
    ],
)
def test_a_published_version_that_is_not_whole_is_refused(version, spoil, message):
    spoil(version)
    with pytest.raises(ReleaseError, match=message):
        Transcriber(version)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (
            lambda d: (d / "config.json").unlink(),
            ReleaseError,
            r"must hold config\.json, and .* does not; copy it again",
        ),
        (lambda d: cut(d / "onnx" / "model.onnx"), ReleaseError, r"model\.onnx must be a whole ONNX model"),
        (
            lambda d: (d / "vocab.json").write_text('{"<pad>": 0}'),
            ReleaseError,
            r"must score the 1 tokens .* scores 32",
        ),
        (lambda d: (d / "vocab.json").write_text("[]"), CheckpointError, r"vocab\.json must be a vocabulary"),
        (lambda d: (d / "preprocessor_config.json").write_text("["), ReleaseError, "must be a JSON object"),
        (
            lambda d: (d / "preprocessor_config.json").write_text("[]"),
            ReleaseError,
            "must hold a JSON object, not list",
        ),
        (
            lambda d: change(d / "preprocessor_config.json", sampling_rate=8000),
            ReleaseError,
            "at 16000 Hz, not at 8000",
        ),
    ],
)
def test_a_copy_without_a_description_is_still_looked_at(version, spoil, error, message):
    (version / "RELEASE.json").unlink()
    spoil(version)
    with pytest.raises(error, match=message):
        Transcriber(version)


def test_a_changed_file_of_the_same_size_is_found_by_its_hash(version):
    path = version / "vocab.json"
    path.write_text(path.read_text().replace('"Z"', '"Y"').replace('"Y": 22', '"Z": 22'))
    Transcriber(version)
    with pytest.raises(ReleaseError, match=r"vocab\.json must be as it was exported, and its sha256 has changed"):
        Transcriber(version, check_hashes=True)


def test_a_directory_that_is_not_there_is_a_mistake_of_the_user(version, tmp_path):
    with pytest.raises(
        UsageError, match="must be the directory of a published ONNX version, and .*nowhere is not there"
    ):
        Transcriber(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"and .*vocab\.json is no directory"):
        Transcriber(version / "vocab.json")
    (version.parent / "latest").write_text("12\n")
    with pytest.raises(ReleaseError, match="latest must name a version that lies beside it, not '12'"):
        Transcriber(version.parent)


def change(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def cut(path):
    path.write_bytes(path.read_bytes()[:5_000])

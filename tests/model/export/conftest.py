"""Models to release, and a release with its evaluation, made once for all tests of this folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model import load_model
from model.checkpoint import convert_checkpoint
from model.export.build import build_release
from model.export.release import read_release
from model.export.saved_model import export_saved_model
from model.export.settings import ReleaseSettings
from model.transcriber import Transcriber

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
VARIANTS = ("group_post_norm", "layer_pre_norm")


@pytest.fixture(scope="session")
def model_directories(tmp_path_factory):
    """The golden checkpoints as model directories, by variant."""
    root = tmp_path_factory.mktemp("models")
    for variant in VARIANTS:
        convert_checkpoint(GOLDEN / variant, root / variant)
    return {variant: root / variant for variant in VARIANTS}


@pytest.fixture(scope="session")
def loaded(model_directories):
    return {variant: load_model(directory) for variant, directory in model_directories.items()}


@pytest.fixture(scope="session")
def reference():
    """What PyTorch gave, by variant."""
    return {variant: np.load(GOLDEN / variant / "reference.npz") for variant in VARIANTS}


@pytest.fixture(scope="session")
def release(model_directories, tmp_path_factory):
    """A whole release of the pre-norm variant."""
    directory = tmp_path_factory.mktemp("release") / "release"
    build_release(model_directories["layer_pre_norm"], directory, ReleaseSettings(name="golden", license="mit"))
    return directory


@pytest.fixture(scope="session")
def saved_models(loaded, release, tmp_path_factory):
    """SavedModels by variant; one is exported in this process, the other is that of the release."""
    directory = tmp_path_factory.mktemp("saved_model") / "group_post_norm"
    export_saved_model(loaded["group_post_norm"], directory)
    return {"group_post_norm": directory, "layer_pre_norm": release / "saved_model"}


@pytest.fixture(scope="session")
def opened(saved_models):
    return {variant: tf.saved_model.load(str(directory)) for variant, directory in saved_models.items()}


@pytest.fixture(scope="session")
def evaluation(release, opened, tmp_path_factory):
    """What the evaluator writes about that release, as far as publishing reads it."""
    directory = tmp_path_factory.mktemp("evaluation")
    transcribe = opened["layer_pre_norm"].signatures["transcribe"]
    transcriber = Transcriber(release / "onnx")
    lengths = (8_000, 5_431)
    waveforms = 0.1 * np.random.default_rng(5).standard_normal((2, max(lengths)), dtype=np.float32)
    # The evaluator measures batches that are padded, and the pushers compare utterances that are alone.
    outputs = transcribe(waveform=tf.constant(waveforms), num_samples=tf.constant(lengths))
    arrays = {}
    for index, samples in enumerate(lengths):
        waveform = waveforms[index, :samples]
        logits = transcriber.logits(waveform)
        arrays |= {
            f"waveform_{index}": waveform,
            f"saved_model_logits_{index}": outputs["logits"][index, : outputs["num_frames"][index]].numpy(),
            f"text_{index}": np.array(outputs["text"][index].numpy().decode()),
            f"onnx_logits_{index}": logits,
            f"onnx_text_{index}": np.array(transcriber.decode(logits)),
        }
    np.savez(directory / "probes.npz", **arrays)
    words = {"wer": 0.3123, "utterances": 1120, "words": 700}
    split = {"words": words, "interval": {"low": 0.25, "high": 0.4, "unit": "speaker"}}
    digest = read_release(release).release_digest
    metrics = {"release_digest": digest, "corpus": {"root_name": "corpus"}, "splits": {"test-synthetic": split}}
    gate = {
        "verdict": "ACCEPT",
        "release_digest": digest,
        "checks": [{"name": "max_wer/test-synthetic", "verdict": "PASS", "reason": "31.2 % is within 50.0 %."}],
    }
    (directory / "metrics.json").write_text(json.dumps(metrics))
    (directory / "gate.json").write_text(json.dumps(gate))
    return directory

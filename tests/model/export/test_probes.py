"""Probes of a model that nobody has evaluated: what the Keras model gives, and every format must give too."""

import numpy as np
import pytest

from model import load_model
from model.audio import normalise
from model.checkpoint import convert_checkpoint
from model.errors import ReleaseError
from model.export.probes import make_probes, make_probes_in_fresh_process
from model.export.verify import verify
from model.pretrained import TINY

BACKBONE = TINY.parent / "wav2vec2-tiny-pretrained"


def test_the_formats_of_a_release_give_what_its_model_gives(model_directories, release, tmp_path):
    path = tmp_path / "probes.npz"
    assert make_probes_in_fresh_process(model_directories["layer_pre_norm"], path) == 3
    for format_ in ("saved_model", "onnx", "checkpoint"):
        found = verify(format_, release / format_, path)
        assert (found["probes"], found["kind"]) == (3, "logits")
        assert found["max_difference"] < 1e-4


def test_another_model_is_told_from_it(model_directories, release, tmp_path):
    make_probes(model_directories["group_post_norm"], tmp_path / "probes.npz")
    with pytest.raises(ReleaseError, match="of probe 0"):
        verify("onnx", release / "onnx", tmp_path / "probes.npz")


def test_they_are_the_same_each_time_and_what_the_model_computes(model_directories, tmp_path):
    loaded = load_model(model_directories["layer_pre_norm"])
    for name in ("a", "b"):
        make_probes(model_directories["layer_pre_norm"], tmp_path / f"{name}.npz")
    first, second = np.load(tmp_path / "a.npz"), np.load(tmp_path / "b.npz")
    assert sorted(first.files) == sorted(second.files)
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])
    waveform = first["waveform_1"]
    expected = np.asarray(loaded.model(normalise(waveform)[np.newaxis])[0][0])
    np.testing.assert_allclose(first["saved_model_logits_1"], expected, atol=1e-6)
    assert loaded.tokens is not None
    assert str(first["text_1"]) == loaded.tokens.decode_greedy(expected.argmax(-1))


def test_a_backbone_has_hidden_states(tmp_path):
    convert_checkpoint(BACKBONE, tmp_path / "model")
    make_probes(tmp_path / "model", tmp_path / "probes.npz")
    found = np.load(tmp_path / "probes.npz")
    assert {name.rpartition("_")[0] for name in found.files} == {
        "waveform", "saved_model_hidden_states", "onnx_hidden_states"
    }  # fmt: skip


def test_a_model_that_gives_no_numbers_is_refused(model_directories, tmp_path, monkeypatch):
    loaded = load_model(model_directories["layer_pre_norm"])
    weights = loaded.model.named_weights()
    name = next(name for name in weights if name.endswith("bias") and "head" in name)
    weights[name].assign(weights[name] * np.nan)
    monkeypatch.setattr("model.directory.load_model", lambda directory: loaded)
    with pytest.raises(
        ReleaseError, match="What a model gives must be numbers, and of a test sound .* gives none or NaN"
    ):
        make_probes(model_directories["layer_pre_norm"], tmp_path / "probes.npz")
    assert not (tmp_path / "probes.npz").exists()

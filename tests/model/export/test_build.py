"""Building a release: what it holds, and that its digest is a function of the model."""

import numpy as np
import pytest
import tensorflow as tf

from model.errors import CheckpointError, ConfigurationError
from model.export.build import build_release
from model.export.release import read_release, read_whole_release
from model.export.settings import ReleaseSettings
from model.storage import sha256_of_files


def test_a_release_names_every_file_with_its_hash(release, loaded):
    described = read_release(release)
    files = sha256_of_files(release)
    del files["RELEASE.json"]
    assert described.files == files
    assert {path for path in files if path.count("/") == 1} == {
        "saved_model/saved_model.pb", "saved_model/fingerprint.pb", "onnx/config.json", "onnx/vocab.json",
        "onnx/preprocessor_config.json", "onnx/tokenizer_config.json", "onnx/special_tokens_map.json",
        "onnx/tokenizer.json", "checkpoint/tokenizer.json",
        "checkpoint/model.safetensors", "checkpoint/config.json", "checkpoint/vocab.json",
        "checkpoint/preprocessor_config.json", "checkpoint/tokenizer_config.json",
        "checkpoint/special_tokens_map.json",
    }  # fmt: skip
    assert described.head == "ctc"
    model = loaded["layer_pre_norm"]
    assert described.model_digest == model.digest
    assert described.source_checkpoint == model.manifest["source_checkpoint"]
    assert (described.name, described.license, described.sample_rate_hz) == ("golden", "mit", 16_000)
    assert described.versions["tensorflow"].startswith("2.")


def test_the_same_model_gives_the_same_digest(release, model_directories, tmp_path):
    again = build_release(model_directories["layer_pre_norm"], tmp_path / "again", ReleaseSettings(name="other"))
    assert again.files == read_release(release).files
    assert again.release_digest == read_release(release).release_digest


def test_formats_and_padding_are_chosen(model_directories, tmp_path):
    """In which padding counts as sound, so that a padded utterance gets other logits."""
    found = {}
    samples = np.concatenate([0.1 * np.random.default_rng(3).standard_normal(4_000), np.zeros(3_000)])
    waveform = tf.constant(samples[np.newaxis], tf.float32)
    for padding in ("masked", "unmasked"):
        made = build_release(
            model_directories["group_post_norm"], tmp_path / padding, ReleaseSettings(), ("saved_model",), padding
        )
        assert {path.split("/")[0] for path in made.files} == {"saved_model"}
        assert read_whole_release(tmp_path / padding) == made
        transcribe = tf.saved_model.load(str(tmp_path / padding / "saved_model")).signatures["transcribe"]
        outputs = transcribe(waveform=waveform, num_samples=tf.constant([4_000]))
        alone = transcribe(waveform=waveform[:, :4_000], num_samples=tf.constant([4_000]))
        assert outputs["num_frames"] == alone["num_frames"]
        frames = int(alone["num_frames"][0])
        found[padding] = np.abs(outputs["logits"][0, :frames] - alone["logits"][0]).max()
    assert found["masked"] < 1e-4
    assert found["unmasked"] > 0.01


def test_a_model_directory_that_is_not_whole_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"must hold a whole MANIFEST\.json, and .*nothing does not"):
        build_release(tmp_path / "nothing", tmp_path / "release", ReleaseSettings())
    assert not (tmp_path / "release" / "RELEASE.json").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "../up"}, r"release\.name must be letters.*not '\.\./up'"),
        ({"name": ""}, r"release\.name must be letters.*not ''"),
        ({"onnx_opset": 9}, r"release\.onnx_opset must be 17 to 20, not 9"),
        ({"int8_utterances": -1}, r"release\.int8_utterances must be at least 0, not -1"),
        ({"min_int8_text_agreement": 1.5}, r"release\.min_int8_text_agreement must be a share from 0 to 1, not 1\.5"),
        ({"license": "a\nb"}, r"release\.license must be an SPDX identifier in one line"),
        ({"language": "English"}, r"release\.language must be a code .*not 'English'"),
    ],
)
def test_impossible_settings_are_refused(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        ReleaseSettings(**fields)

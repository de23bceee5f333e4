"""The way back: what was converted is written as it was published, bit by bit."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from model import Wav2Vec2Config, load_model
from model.checkpoint import convert_checkpoint, write_published
from model.text import Vocabulary

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
VARIANTS = sorted(path.parent.name for path in GOLDEN.glob("*/config.json"))


@pytest.fixture
def publish(converted, tmp_path):
    """Converts a variant and writes it back; gives the conversion and the place."""

    def write(variant):
        conversion = converted(variant)
        loaded = conversion.loaded
        write_published(loaded.model, loaded.tokens, loaded.preprocessor, tmp_path / "back")
        return conversion, tmp_path / "back"

    return write


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_way_back_is_bit_exact(variant, publish, tmp_path):
    conversion, back = publish(variant)
    loaded = conversion.loaded
    before = safetensors.numpy.load_file(GOLDEN / variant / "model.safetensors")
    after = safetensors.numpy.load_file(back / "model.safetensors")
    assert set(before) - set(after) == set(conversion.report["left_out"])
    assert set(after) <= set(before)
    for name, tensor in after.items():
        assert (tensor.dtype, tensor.shape) == (before[name].dtype, before[name].shape), name
        assert tensor.tobytes() == np.ascontiguousarray(before[name]).tobytes(), name

    config = json.loads((back / "config.json").read_text())
    assert Wav2Vec2Config.from_published(config) == loaded.config
    assert config["architectures"] == json.loads((GOLDEN / variant / "config.json").read_text())["architectures"]
    assert json.loads((back / "preprocessor_config.json").read_text()) == loaded.preprocessor
    if loaded.tokens is None:
        assert not (back / "vocab.json").exists()
    else:
        assert Vocabulary.from_file(back / "vocab.json") == loaded.vocabulary

    convert_checkpoint(back, tmp_path / "again")
    assert load_model(tmp_path / "again").digest == loaded.digest


def test_transformers_is_told_that_pytorch_can_read_it(publish):
    _, back = publish("group_post_norm")
    with safetensors.safe_open(back / "model.safetensors", "numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_a_readme_is_written_where_there_is_one(converted, tmp_path):
    loaded = converted("headless").loaded
    write_published(loaded.model, None, loaded.preprocessor, tmp_path / "back", readme="# Über\n")
    assert (tmp_path / "back" / "README.md").read_text(encoding="utf-8") == "# Über\n"
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]


def test_tokens_of_any_alphabet_come_back(copy_of, tmp_path):
    checkpoint = copy_of("other_values")
    letters = [*"абвгдежзийклмнопрстуфхцчшщъыьэюя", "й", "\N{COMBINING ACUTE ACCENT}", "’", "<", '"', "\\"]
    tokens = ["|", *letters[:32], *letters[-4:], "-", "[UNK]", "[PAD]"]
    assert len(set(tokens)) == 40
    checkpoint.write("vocab.json", {token: index for index, token in enumerate(tokens)})
    convert_checkpoint(checkpoint.path, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.vocabulary == Vocabulary((*tokens[:38], "<unk>", "<pad>"), blank_id=39)
    write_published(loaded.model, loaded.tokens, loaded.preprocessor, tmp_path / "back")
    convert_checkpoint(tmp_path / "back", tmp_path / "again")
    assert load_model(tmp_path / "again").digest == loaded.digest


def test_where_nothing_is_masked_the_masking_vector_is_left_out(publish):
    conversion, back = publish("other_values")
    assert "wav2vec2/masked_spec_embed" in conversion.loaded.model.named_weights()
    assert "wav2vec2.masked_spec_embed" not in safetensors.numpy.load_file(back / "model.safetensors")


def test_a_lost_masking_vector_comes_back_as_the_zeros_that_the_model_has(checkpoint, tmp_path):
    checkpoint.change_tensors(lambda tensors: tensors.pop("wav2vec2.masked_spec_embed"))
    convert_checkpoint(checkpoint.path, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    write_published(loaded.model, loaded.tokens, loaded.preprocessor, tmp_path / "back")
    after = safetensors.numpy.load_file(tmp_path / "back" / "model.safetensors")
    np.testing.assert_array_equal(after["wav2vec2.masked_spec_embed"], np.zeros(16, np.float32))
    convert_checkpoint(tmp_path / "back", tmp_path / "again")
    assert load_model(tmp_path / "again").digest == loaded.digest


def test_half_precision_comes_back_as_float32_of_the_same_values(checkpoint, tmp_path):
    checkpoint.change_tensors(
        lambda tensors: tensors.update({name: value.astype(ml_dtypes.bfloat16) for name, value in tensors.items()})
    )
    convert_checkpoint(checkpoint.path, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    write_published(loaded.model, loaded.tokens, loaded.preprocessor, tmp_path / "back")
    after = safetensors.numpy.load_file(tmp_path / "back" / "model.safetensors")
    assert {tensor.dtype for tensor in after.values()} == {np.dtype(np.float32)}
    for name, tensor in checkpoint.tensors().items():
        np.testing.assert_array_equal(after[name], tensor.astype(np.float32), err_msg=name)

"""Conversion: nothing left over, nothing left at random, and back again bit by bit."""

import json
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from model import load_model
from model.checkpoint import convert_checkpoint, write_published
from model.errors import CheckpointError, UsageError
from model.storage import sha256_of_file
from model.text import librispeech_vocabulary

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"


@pytest.fixture
def checkpoint(tmp_path):
    directory = tmp_path / "checkpoint"
    shutil.copytree(GOLDEN / "layer_pre_norm", directory)
    return directory


def change_tensors(directory, change):
    tensors = safetensors.numpy.load_file(directory / "model.safetensors")
    change(tensors)
    safetensors.numpy.save_file(tensors, directory / "model.safetensors")


def change_config(directory, **fields):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_the_report_holds_the_table_as_it_was_applied(checkpoint, tmp_path):
    report = convert_checkpoint(checkpoint, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert report["source"] == {
        "name": "checkpoint",
        "layout": "huggingface",
        "sha256": sha256_of_file(checkpoint / "model.safetensors"),
    }
    assert {row["variable"] for row in report["tensors"]} == set(loaded.model.named_weights())
    assert report["unused"] == []
    assert {
        "source": "wav2vec2.encoder.layers.1.attention.q_proj.weight",
        "variable": "wav2vec2/encoder/layer_1/attention/q_proj/kernel",
        "layout": "dense",
        "shape": [24, 24],
        "dtype": "float32",
    } in report["tensors"]
    assert json.loads((tmp_path / "model" / "conversion_report.json").read_text()) == report
    assert loaded.vocabulary == librispeech_vocabulary()
    assert loaded.preprocessor["do_normalize"] is True
    assert loaded.manifest["source_checkpoint"]["sha256"] == report["source"]["sha256"]


@pytest.mark.parametrize("variant", ["layer_pre_norm", "group_post_norm"])
def test_the_way_back_is_bit_exact(variant, tmp_path):
    convert_checkpoint(GOLDEN / variant, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    write_published(loaded.model, loaded.vocabulary, loaded.preprocessor, tmp_path / "back")
    before = safetensors.numpy.load_file(GOLDEN / variant / "model.safetensors")
    after = safetensors.numpy.load_file(tmp_path / "back" / "model.safetensors")
    assert set(after) == set(before)
    for name, tensor in before.items():
        assert after[name].tobytes() == np.ascontiguousarray(tensor).tobytes(), name
    convert_checkpoint(tmp_path / "back", tmp_path / "again")
    assert load_model(tmp_path / "again").digest == loaded.digest


def test_the_older_spelling_of_weight_norm_gives_the_same_model(checkpoint, tmp_path):
    convert_checkpoint(checkpoint, tmp_path / "new")

    def rename(tensors):
        prefix = "wav2vec2.encoder.pos_conv_embed.conv."
        tensors[prefix + "weight_g"] = tensors.pop(prefix + "parametrizations.weight.original0")
        tensors[prefix + "weight_v"] = tensors.pop(prefix + "parametrizations.weight.original1")

    change_tensors(checkpoint, rename)
    convert_checkpoint(checkpoint, tmp_path / "old")
    assert load_model(tmp_path / "old").digest == load_model(tmp_path / "new").digest


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_is_widened_exactly(checkpoint, tmp_path, dtype):
    name = "lm_head.weight"
    change_tensors(checkpoint, lambda tensors: tensors.update({name: tensors[name].astype(dtype)}))
    expected = safetensors.numpy.load_file(checkpoint / "model.safetensors")[name].astype(np.float32)
    report = convert_checkpoint(checkpoint, tmp_path / "model")
    kernel = load_model(tmp_path / "model").model.named_weights()["lm_head/kernel"].numpy()
    np.testing.assert_array_equal(kernel, expected.T)
    assert [row["dtype"] for row in report["tensors"] if row["source"] == name] == [np.dtype(dtype).name]


def test_the_heads_of_pre_training_may_be_left_over(checkpoint, tmp_path):
    change_tensors(
        checkpoint, lambda tensors: tensors.update({"quantizer.codevectors": np.zeros((1, 2, 3), np.float32)})
    )
    assert convert_checkpoint(checkpoint, tmp_path / "model")["unused"] == ["quantizer.codevectors"]


def spoil(name, **change):
    def apply(tensors):
        for key, value in change.items():
            if key == "remove":
                del tensors[name]
            elif key == "add":
                tensors[name] = np.zeros(3, np.float32)
            else:
                tensors[name] = value(tensors[name])

    return apply


def with_nan(tensor):
    return np.where(np.arange(tensor.size).reshape(tensor.shape) == 1, np.nan, tensor).astype(np.float32)


@pytest.mark.parametrize(
    ("spoiled", "message"),
    [
        (
            spoil("lm_head.weight", remove=True),
            r"must hold every tensor .* missing: lm_head.weight; is it a fine-tuned",
        ),
        (spoil("lm_head.extra", add=True), r"must have its place in the model; these have none: lm_head.extra;"),
        (
            spoil("lm_head.bias", value=lambda t: t[:-1].copy()),
            r"lm_head.bias must have the shape \[32\] .* has \[31\]",
        ),
        (spoil("lm_head.bias", value=with_nan), r"lm_head.bias of .* must be finite; it holds NaN"),
        (
            spoil("lm_head.bias", value=lambda t: t.astype(np.int32)),
            r"lm_head.bias of .* must be one of float32, .* int32",
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(checkpoint, tmp_path, spoiled, message):
    change_tensors(checkpoint, spoiled)
    with pytest.raises(CheckpointError, match=message):
        convert_checkpoint(checkpoint, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_truncated_file_is_an_error(checkpoint, tmp_path):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        CheckpointError, match=r"model.safetensors must be a whole safetensors file: .*download it again"
    ):
        convert_checkpoint(checkpoint, tmp_path / "model")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model_type": "hubert_x"}, r"must have model_type 'wav2vec2', not 'hubert_x'"),
        ({"add_adapter": True}, r"asks for add_adapter=True, and this version .* cannot build that"),
        ({"hidden_size": 25}, r"hidden_size must be a multiple of num_attention_heads, and 25 is none of 4"),
        ({"vocab_size": 33}, r"has 33 tokens and no vocab.json that names them"),
        ({"hidden_act": "tanh"}, r"hidden_act must be one of 'gelu', .*, not 'tanh'"),
    ],
)
def test_a_configuration_that_cannot_be_built_is_an_error(checkpoint, tmp_path, fields, message):
    change_config(checkpoint, **fields)
    with pytest.raises(CheckpointError, match=message):
        convert_checkpoint(checkpoint, tmp_path / "model")


def test_a_missing_checkpoint_and_a_missing_file_are_told_apart(checkpoint, tmp_path):
    with pytest.raises(UsageError, match=r"must be a directory or a model.safetensors that exists; .*nowhere does not"):
        convert_checkpoint(tmp_path / "nowhere", tmp_path / "model")
    with pytest.raises(UsageError, match=r"on this machine, not 'hf://facebook/wav2vec2-base'"):
        convert_checkpoint("hf://facebook/wav2vec2-base", tmp_path / "model")
    (checkpoint / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"must hold config.json, and does not"):
        convert_checkpoint(checkpoint, tmp_path / "model")


def test_a_directory_that_holds_something_else_is_not_replaced(checkpoint, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("chapter one")
    with pytest.raises(UsageError, match="holds something else; name a new directory"):
        convert_checkpoint(checkpoint, tmp_path / "mine")
    assert (tmp_path / "mine" / "novel.txt").read_text() == "chapter one"
    with pytest.raises(UsageError, match="must be another place than the source"):
        convert_checkpoint(checkpoint, checkpoint)
    assert (checkpoint / "model.safetensors").is_file()
    convert_checkpoint(checkpoint, tmp_path / "model")
    convert_checkpoint(checkpoint, tmp_path / "model")

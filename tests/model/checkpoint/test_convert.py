"""Conversion: nothing left over, nothing left at random, and nothing written where something is wrong."""

import json
import shutil
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from model import load_model
from model.checkpoint import convert_checkpoint
from model.checkpoint.ancestor import ancestor_variable_name
from model.errors import CheckpointError, UsageError
from model.storage import release_digest, sha256_of_file
from model.text import librispeech_vocabulary

GOLDEN = Path(__file__).parents[2] / "golden"
VARIANTS = sorted(path.parent.name for path in (GOLDEN / "wav2vec2").glob("*/config.json"))
FAIRSEQ = sorted(path.stem for path in (GOLDEN / "fairseq").glob("*.pt"))
HEADS = {"pretraining": "pretraining", "headless": "none", "hubert_headless": "none"}
ATTENTION = tuple(f"{name}_proj.{kind}" for name in "qkv" for kind in ("weight", "bias"))
POSITIONS = "wav2vec2.encoder.pos_conv_embed.conv."


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variable_of_every_variant_is_set_from_a_tensor_of_its_own(variant, converted):
    report, loaded = converted(variant).report, converted(variant).loaded
    tensors = safetensors.numpy.load_file(GOLDEN / "wav2vec2" / variant / "model.safetensors")
    variables = [row["variable"] for row in report["tensors"]]
    assert sorted(variables) == sorted(loaded.model.named_weights())
    assert len(set(variables)) == len(variables)
    sources = [row["source"] for row in report["tensors"] if row["source"]]
    assert sorted(sources + report["left_out"]) == sorted(tensors)
    assert all(row["shape"] == list(tensors[row["source"]].shape) for row in report["tensors"] if row["source"])
    zeros = [row["variable"] for row in report["tensors"] if row["dtype"] == "zeros"]
    assert zeros == ([] if loaded.config.has_mask_vector else ["wav2vec2/masked_spec_embed"])
    assert report["left_out"] == (
        ["hubert.encoder.pos_conv_embed.batch_norm.num_batches_tracked"] if variant == "hubert_batch_norm" else []
    )
    assert report["head"] == loaded.model.head == HEADS.get(variant, "ctc")


def test_the_report_says_where_each_tensor_went(converted):
    conversion = converted("layer_pre_norm")
    report, loaded = conversion.report, conversion.loaded
    sha256 = sha256_of_file(GOLDEN / "wav2vec2" / "layer_pre_norm" / "model.safetensors")
    assert report["source"] == {
        "name": "layer_pre_norm",
        "revision": None,
        "layout": "huggingface",
        "sha256": sha256,
        "files": {"model.safetensors": sha256},
    }
    assert {
        "source": "wav2vec2.encoder.layers.1.feed_forward.intermediate_dense.weight",
        "variable": "wav2vec2/encoder/layer_1/feed_forward/intermediate_dense/kernel",
        "axes": "dense",
        "shape": [24, 16],
        "dtype": "float32",
    } in report["tensors"]
    assert json.loads((conversion.directory / "conversion_report.json").read_text()) == report
    assert loaded.manifest["source_checkpoint"] == report["source"]
    assert loaded.vocabulary == librispeech_vocabulary()
    assert loaded.preprocessor["do_normalize"] is True


@pytest.mark.parametrize("variant", HEADS)
def test_a_model_without_a_ctc_head_has_no_vocabulary(variant, converted):
    conversion = converted(variant)
    assert not (conversion.directory / "vocab.json").exists()
    assert conversion.loaded.tokens is None
    with pytest.raises(CheckpointError, match=r"must have a CTC head, with a vocabulary, and has none: .* fine-tuned"):
        _ = conversion.loaded.vocabulary


def test_a_backbone_that_was_saved_below_a_prefix_is_the_same_model(copy_of, converted, digest_of):
    checkpoint = copy_of("headless")
    checkpoint.change_tensors(lambda tensors: _rename(tensors, lambda name: f"wav2vec2.{name}"))
    assert digest_of(checkpoint.path) == converted("headless").loaded.digest


def _rename(tensors, new_name):
    items = list(tensors.items())
    tensors.clear()
    tensors.update((new_name(name), tensor) for name, tensor in items)


# Containers


def test_sharded_safetensors_give_the_same_model(checkpoint, converted, digest_of, tmp_path):
    tensors = checkpoint.tensors()
    (checkpoint.path / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, members in shards.items():
        safetensors.numpy.save_file({name: tensors[name] for name in members}, checkpoint.path / file)
    weight_map = {name: file for file, members in shards.items() for name in members}
    checkpoint.write("model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    assert digest_of(checkpoint.path) == converted("layer_pre_norm").loaded.digest
    source = load_model(tmp_path / "model").manifest["source_checkpoint"]
    assert source["files"] == {
        name: sha256_of_file(checkpoint.path / name) for name in ("model.safetensors.index.json", *shards)
    }
    assert source["sha256"] == release_digest(source["files"])


@pytest.mark.parametrize(
    "files",
    [
        {"pytorch_model.bin": "pytorch_model.bin"},
        {"legacy.bin": "pytorch_model.bin"},
        {
            name: name
            for name in (
                "pytorch_model.bin.index.json",
                "pytorch_model-00001-of-00002.bin",
                "pytorch_model-00002-of-00002.bin",
            )
        },
    ],
    ids=["zip", "legacy", "sharded"],
)
def test_what_pytorch_saved_gives_the_same_model(files, checkpoint, converted, digest_of):
    (checkpoint.path / "model.safetensors").unlink()
    for name, new_name in files.items():
        shutil.copy(GOLDEN / "checkpoints" / name, checkpoint.path / new_name)
    assert digest_of(checkpoint.path) == converted("layer_pre_norm").loaded.digest


def test_the_older_spelling_of_weight_norm_gives_the_same_model(checkpoint, converted, digest_of):
    spelling = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}

    def old(name):
        return POSITIONS + spelling[name.removeprefix(POSITIONS)] if "original" in name else name

    checkpoint.change_tensors(lambda tensors: _rename(tensors, old))
    assert POSITIONS + "weight_v" in checkpoint.tensors()
    assert digest_of(checkpoint.path) == converted("layer_pre_norm").loaded.digest


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_is_widened_exactly(checkpoint, tmp_path, dtype):
    checkpoint.change_tensors(
        lambda tensors: tensors.update({name: tensor.astype(dtype) for name, tensor in tensors.items()})
    )
    expected = {name: tensor.astype(np.float32) for name, tensor in checkpoint.tensors().items()}
    report = convert_checkpoint(checkpoint.path, tmp_path / "model")
    assert {row["dtype"] for row in report["tensors"]} == {np.dtype(dtype).name}
    weights = load_model(tmp_path / "model").model.named_weights()
    np.testing.assert_array_equal(weights["lm_head/kernel"].numpy(), expected["lm_head.weight"].T)
    np.testing.assert_array_equal(
        weights["wav2vec2/encoder/pos_conv_embed/weight_v"].numpy(),
        expected[POSITIONS + "parametrizations.weight.original1"].transpose(2, 1, 0),
    )


@pytest.mark.parametrize("name", FAIRSEQ)
def test_a_checkpoint_of_fairseq_gives_the_model_of_its_published_twin(name, converted, tmp_path):
    source = tmp_path / "fairseq" / f"{name}.pt"
    source.parent.mkdir()
    shutil.copy(GOLDEN / "fairseq" / f"{name}.pt", source)
    shutil.copy(GOLDEN / "fairseq" / "dict.ltr.txt", source.parent)
    report = convert_checkpoint(source, tmp_path / "model")
    ours, twin = load_model(tmp_path / "model"), converted(name, "fairseq").loaded
    assert report["source"]["layout"] == "fairseq"
    assert report["source"]["name"] == f"{name}.pt"
    assert ours.config == twin.config
    assert ours.tokens == twin.tokens
    expected = twin.model.named_weights()
    assert set(ours.model.named_weights()) == set(expected)
    for variable, value in ours.model.named_weights().items():
        np.testing.assert_array_equal(value.numpy(), expected[variable].numpy(), err_msg=variable)
    assert ours.digest == twin.digest


@pytest.mark.parametrize("variant", ["group_post_norm", "headless"])
def test_the_ancestors_file_gives_the_same_weights(variant, converted, tmp_path):
    theirs = converted(variant).loaded
    source = write_ancestor(tmp_path / "ancestor", theirs)
    report = convert_checkpoint(source, tmp_path / "model")
    ours = load_model(tmp_path / "model")
    assert report["source"]["layout"] == "ancestor"
    assert report["head"] == theirs.model.head
    assert {row["axes"] for row in report["tensors"]} == {"same"}
    assert ours.tokens == theirs.tokens
    for variable, value in theirs.model.named_weights().items():
        np.testing.assert_array_equal(ours.model.named_weights()[variable].numpy(), value.numpy(), err_msg=variable)


def write_ancestor(directory, loaded):
    """Writes a model as gsoc-wav2vec2 did, beside its own form of config.json."""
    config = loaded.config
    directory.mkdir()
    has_head = loaded.tokens is not None
    with h5py.File(directory / "tf_model.h5", "w") as file:
        for variable, value in loaded.model.named_weights().items():
            file[ancestor_variable_name(variable, has_head)] = value.numpy()
    fields = {
        "vocab_size": config.vocab_size,
        "dropout": 0.0,
        "hidden_size": config.hidden_size,
        "num_heads": config.num_attention_heads,
        "num_layers": config.num_hidden_layers,
        "intermediate_size": config.intermediate_size,
        "num_conv_pos_embeddings": config.num_conv_pos_embeddings,
        "num_conv_pos_embedding_groups": config.num_conv_pos_embedding_groups,
        "filter_sizes": list(config.conv_dim),
        "kernal_sizes": list(config.conv_kernel),
        "strides": list(config.conv_stride),
        "attention_norm_type": "postnorm",
        "feature_extractor_norm_type": "group",
        "is_robust": False,
    }
    (directory / "config.json").write_text(json.dumps(fields))
    return directory


# What may be missing, and what may be left over


def test_the_heads_of_pre_training_may_be_left_over(checkpoint, converted, tmp_path):
    extra = {
        "quantizer.codevectors": np.zeros((1, 2, 3)),
        "project_q.bias": np.zeros(3),
        "project_hid.bias": np.ones(3),
    }
    checkpoint.change_tensors(lambda tensors: tensors.update(extra))
    report = convert_checkpoint(checkpoint.path, tmp_path / "model")
    assert report["left_out"] == sorted(extra)
    assert load_model(tmp_path / "model").digest == converted("layer_pre_norm").loaded.digest


def test_a_fine_tuned_checkpoint_may_have_lost_its_masking_vector(checkpoint, tmp_path):
    # So facebook/wav2vec2-base-960h was published: config.json masks, and there is no vector.
    checkpoint.change_tensors(lambda tensors: tensors.pop("wav2vec2.masked_spec_embed"))
    report = convert_checkpoint(checkpoint.path, tmp_path / "model")
    row = {"source": None, "variable": "wav2vec2/masked_spec_embed", "axes": "same", "shape": None, "dtype": "zeros"}
    assert [each for each in report["tensors"] if each["source"] is None] == [row]
    loaded = load_model(tmp_path / "model")
    assert not loaded.model.named_weights()["wav2vec2/masked_spec_embed"].numpy().any()


def test_a_pre_trained_checkpoint_must_have_its_masking_vector(copy_of, refuses):
    checkpoint = copy_of("pretraining")
    checkpoint.change_tensors(lambda tensors: tensors.pop("wav2vec2.masked_spec_embed"))
    refuses(checkpoint.path, r"these are missing: wav2vec2.masked_spec_embed; is its download whole\?")


def test_where_nothing_is_masked_a_masking_vector_may_be_missing_or_left_over(copy_of, converted, tmp_path):
    assert converted("other_values").report["tensors"][0]["dtype"] == "zeros"
    checkpoint = copy_of("other_values")
    vector = np.arange(16, dtype=np.float32)
    checkpoint.change_tensors(lambda tensors: tensors.update({"wav2vec2.masked_spec_embed": vector}))
    report = convert_checkpoint(checkpoint.path, tmp_path / "model")
    assert report["left_out"] == []
    weights = load_model(tmp_path / "model").model.named_weights()
    np.testing.assert_array_equal(weights["wav2vec2/masked_spec_embed"].numpy(), vector)


# Bad input


def drop(*names):
    return lambda tensors: [tensors.pop(name) for name in names]


def put(name, value):
    return lambda tensors: tensors.update({name: value(tensors.get(name))})


def with_one(number):
    def change(tensor):
        changed = tensor.copy()
        changed.flat[1] = number
        return changed

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("lm_head.bias"), r"checkpoint must hold every tensor .* these are missing: lm_head.bias; is its"),
        (
            drop(
                *(
                    f"wav2vec2.encoder.layers.1.attention.{name}_proj.{kind}"
                    for name in "qkv"
                    for kind in ("weight", "bias")
                )
            ),
            r"missing: wav2vec2.encoder.layers.1.attention.q_proj.weight, .* and 1 more; is its download whole\?",
        ),
        (
            put("lm_head.extra", lambda _: np.zeros(3, np.float32)),
            r"must have its place in the model; these have none: lm_head.extra; does its description belong",
        ),
        (
            put("wav2vec2.encoder.layers.2.layer_norm.bias", lambda _: np.zeros(16, np.float32)),
            r"these have none: wav2vec2.encoder.layers.2.layer_norm.bias;",
        ),
        (
            put(POSITIONS + "weight_g", lambda _: np.zeros((1, 1, 16), np.float32)),
            r"these have none: wav2vec2.encoder.pos_conv_embed.conv.weight_g;",
        ),
        (put("lm_head.bias", lambda t: t[:-1].copy()), r"lm_head.bias must have the shape \[32\] .* it has \[31\]\."),
        (
            put("lm_head.weight", lambda t: t.T.copy()),
            r"lm_head.weight must have the shape \[32, 16\] .* it has \[16, 32\]\.",
        ),
        (
            put("wav2vec2.masked_spec_embed", lambda t: t[None].copy()),
            r"masked_spec_embed must have the shape \[16\] .* it has \[1, 16\]",
        ),
        (put("lm_head.bias", with_one(np.nan)), r"lm_head.bias of checkpoint must be finite; it holds NaN or infinity"),
        (
            put("wav2vec2.feature_extractor.conv_layers.0.conv.weight", with_one(-np.inf)),
            r"conv_layers.0.conv.weight of checkpoint must be finite",
        ),
        (
            put("lm_head.bias", lambda t: t.astype(np.int32)),
            r"lm_head.bias of checkpoint must be one of float32, float16, bfloat16, not int32",
        ),
        (put("lm_head.bias", lambda t: t.astype(np.float64)), r"must be one of float32, .*, not float64"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(change, message, checkpoint, refuses):
    checkpoint.change_tensors(change)
    refuses(checkpoint.path, message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 32}, r"must have the shape \[32\] that the description of the model asks for; .* has \[16\]"),
        # None of these may be believed: the model would take terabytes, or its table would never end.
        ({"intermediate_size": 1_000_000}, r"must have the shape \[1000000, 16\]"),
        ({"vocab_size": 999_999}, r"must have a vocab.json that names its 999999 tokens"),
        ({"num_conv_pos_embeddings": 999_999}, r"must have the shape"),
        ({"num_hidden_layers": 10**9}, r"num_hidden_layers must be at most 1000, not 1000000000"),
        ({"num_hidden_layers": 1000}, r"these are missing: wav2vec2.encoder.layers.2.attention.q_proj.weight, .* more"),
        ({"num_hidden_layers": 1}, r"these have none: wav2vec2.encoder.layers.1.attention.k_proj.bias, .* and 11 more"),
        ({"add_adapter": True, "num_adapter_layers": 10**12}, r"num_adapter_layers must be at most 1000"),
        ({"feat_extract_norm": "group"}, r"these have none: wav2vec2.feature_extractor.conv_layers.1.layer_norm.bias"),
        ({"conv_bias": False}, r"these have none: wav2vec2.feature_extractor.conv_layers.0.conv.bias"),
        ({"adapter_attn_dim": 4}, r"these are missing: wav2vec2.encoder.layers.0.adapter_layer.norm.weight"),
        ({"model_type": "hubert"}, r"these are missing: hubert.masked_spec_embed|these are missing: hubert.feature"),
    ],
)
def test_a_description_of_another_model_is_refused(fields, message, checkpoint, refuses):
    checkpoint.change_config(**fields)
    refuses(checkpoint.path, message)


def test_the_heads_of_pre_training_cannot_stand_on_an_adapter(copy_of, refuses):
    checkpoint = copy_of("pretraining")
    checkpoint.change_config(add_adapter=True, num_adapter_layers=1)
    kernel = np.zeros((32, 16, 3), np.float32)
    checkpoint.change_tensors(
        lambda tensors: tensors.update(
            {
                "wav2vec2.adapter.layers.0.conv.weight": kernel,
                "wav2vec2.adapter.layers.0.conv.bias": np.zeros(32, np.float32),
            }
        )
    )
    refuses(checkpoint.path, r"heads of pre-training must stand on a wav2vec2 model without add_adapter")


def test_a_directory_that_holds_something_else_is_not_replaced(checkpoint, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("chapter one")
    with pytest.raises(UsageError, match="holds something else; name a new directory"):
        convert_checkpoint(checkpoint.path, tmp_path / "mine")
    assert (tmp_path / "mine" / "novel.txt").read_text() == "chapter one"
    with pytest.raises(UsageError, match=r"novel\.txt must be a directory, and \S+novel\.txt is a file"):
        convert_checkpoint(checkpoint.path, tmp_path / "mine" / "novel.txt")


def test_a_source_is_never_its_own_output(checkpoint):
    with pytest.raises(UsageError, match="holds something else; name a new directory"):
        convert_checkpoint(checkpoint.path, checkpoint.path)
    # Even if it looks like one of our own directories.
    checkpoint.write("MANIFEST.json", {})
    before = {path.name: path.read_bytes() for path in checkpoint.path.iterdir()}
    with pytest.raises(UsageError, match="must be another place than the source, and both are"):
        convert_checkpoint(checkpoint.path, checkpoint.path)
    with pytest.raises(UsageError, match="must be another place than the source"):
        convert_checkpoint(checkpoint.path / "model.safetensors", checkpoint.path)
    assert {path.name: path.read_bytes() for path in checkpoint.path.iterdir()} == before


def test_an_earlier_model_directory_is_replaced(checkpoint, converted, digest_of):
    checkpoint.change_tensors(put("lm_head.bias", with_one(0.5)))
    first = digest_of(checkpoint.path)
    assert digest_of(GOLDEN / "wav2vec2" / "layer_pre_norm") == converted("layer_pre_norm").loaded.digest != first


# Reference activations


def test_reference_activations_are_held_against_the_model_and_reported(tmp_path):
    source = GOLDEN / "wav2vec2" / "group_post_norm"
    report = convert_checkpoint(source, tmp_path / "model", activations=source / "reference.npz")
    assert report["parity"]["sha256"] == sha256_of_file(source / "reference.npz")
    assert 0 < report["parity"]["max_relative"] <= 1e-5
    assert json.loads((tmp_path / "model" / "conversion_report.json").read_text())["parity"] == report["parity"]


def test_a_model_that_breaks_parity_is_not_written(checkpoint, refuses):
    checkpoint.change_tensors(put("lm_head.bias", with_one(0.5)))
    reference = GOLDEN / "wav2vec2" / "layer_pre_norm" / "reference.npz"
    refuses(checkpoint.path, r"2 of \d+ modules do not, (logits|lm_head) by ", activations=reference)

"""Reading a checkpoint: its layout, languages, preprocessing; and files that are damaged or something else."""

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model import load_model
from model.checkpoint import convert_checkpoint, read_checkpoint
from model.checkpoint.convert import match
from model.checkpoint.source import DEFAULT_PREPROCESSOR
from model.errors import CheckpointError, UsageError, W2v2Error

GOLDEN = Path(__file__).parents[2] / "golden"
FRENCH = ("<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvé")
ENGLISH = ("<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'")


def ids(tokens):
    return {token: index for index, token in enumerate(tokens)}


# Languages


@pytest.fixture
def multilingual(copy_of):
    """A checkpoint as MMS's: an adapter and a head of English in it, and those of French beside it."""
    checkpoint = copy_of("attention_adapter")
    assert (len(ENGLISH), len(FRENCH)) == (32, 28)
    checkpoint.write("vocab.json", {"eng": ids(ENGLISH), "fra": ids(FRENCH)})
    checkpoint.write("tokenizer_config.json", {"target_lang": "eng", "pad_token": "<pad>", "unk_token": "<unk>"})
    shutil.copy(GOLDEN / "checkpoints" / "adapter.fra.bin", checkpoint.path)
    return checkpoint


def adapter_of(checkpoint):
    """Returns the tensors of the French adapter."""
    from model.checkpoint.readers.torch_file import read_torch

    return {name: tensor.read() for name, tensor in read_torch(GOLDEN / "checkpoints" / "adapter.fra.bin").items()}


def test_the_language_of_the_checkpoint_itself(multilingual, tmp_path):
    convert_checkpoint(multilingual.path, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.vocabulary.tokens == ENGLISH
    expected = multilingual.tensors()["lm_head.bias"]
    np.testing.assert_array_equal(loaded.model.named_weights()["lm_head/bias"].numpy(), expected)


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_another_language_takes_its_adapter_its_head_and_its_vocabulary(suffix, multilingual, tmp_path):
    adapter = adapter_of(multilingual)
    if suffix == ".safetensors":
        (multilingual.path / "adapter.fra.bin").unlink()
        safetensors.numpy.save_file(adapter, multilingual.path / "adapter.fra.safetensors")
    report = convert_checkpoint(multilingual.path, tmp_path / "model", language="fra")
    assert set(report["source"]["files"]) == {"model.safetensors", f"adapter.fra{suffix}"}
    loaded = load_model(tmp_path / "model")
    assert loaded.vocabulary.tokens == FRENCH
    assert loaded.config.vocab_size == 28
    weights = loaded.model.named_weights()
    np.testing.assert_array_equal(weights["lm_head/kernel"].numpy(), adapter["lm_head.weight"].T)
    np.testing.assert_array_equal(
        weights["wav2vec2/encoder/layer_1/adapter_layer/linear_2/kernel"].numpy(),
        adapter["wav2vec2.encoder.layers.1.adapter_layer.linear_2.weight"].T,
    )
    # What is no part of the adapter is the checkpoint's.
    np.testing.assert_array_equal(
        weights["wav2vec2/encoder/layer_1/layer_norm/gamma"].numpy(),
        multilingual.tensors()["wav2vec2.encoder.layers.1.layer_norm.weight"],
    )


@pytest.mark.parametrize("language", ["deu", "", "../fra", "fra.bin", "*", "fra\0", "f" * 300])
def test_an_unknown_language_is_refused_with_those_that_are_there(language, multilingual, refuses):
    message = r"--language must be one that checkpoint has an adapter for, not '.*'; on this machine it has fra\."
    refuses(multilingual.path, message, UsageError, language=language)


def test_a_language_of_a_checkpoint_without_adapters_is_refused(checkpoint, refuses):
    refuses(checkpoint.path, r"not 'fra'; on this machine it has none\.", UsageError, language="fra")


def test_a_language_of_a_checkpoint_of_fairseq_is_refused(refuses):
    source = GOLDEN / "fairseq" / "finetuned_layer_cfg.pt"
    message = r"--language must be left out: finetuned_layer_cfg.pt has no adapters for languages"
    refuses(source, message, UsageError, language="fra")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda adapter: adapter.pop("lm_head.weight"), r"and nothing else; it does not hold lm_head.weight; download"),
        (lambda adapter: adapter.pop("lm_head.bias"), r"it does not hold lm_head.bias;"),
        (
            lambda adapter: adapter.pop("wav2vec2.encoder.layers.0.adapter_layer.norm.bias"),
            r"it does not hold wav2vec2.encoder.layers.0.adapter_layer.norm.bias;",
        ),
        (lambda adapter: adapter.update({"quantum": np.zeros(2, np.float32)}), r"it holds quantum; download it again"),
        (
            lambda adapter: adapter.update({"lm_head.weight": np.zeros((), np.float32)}),
            r"vocab_size must be at least 1, not 0",
        ),
        (
            lambda adapter: adapter.update({"lm_head.bias": np.zeros(32, np.float32)}),
            r"lm_head.bias must have the shape \[28\] .* has \[32\]",
        ),
        (
            lambda adapter: adapter.update({"lm_head.weight": np.zeros((27, 16), np.float32)}),
            r"vocab.json must name as many tokens as config.json says, 27; it names 28",
        ),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(change, message, multilingual, refuses):
    adapter = adapter_of(multilingual)
    change(adapter)
    safetensors.numpy.save_file(adapter, multilingual.path / "adapter.fra.safetensors")
    refuses(multilingual.path, message, language="fra")


# Preprocessing


def test_preprocessing_is_that_of_the_checkpoint_or_the_usual(checkpoint):
    assert read_checkpoint(checkpoint.path).preprocessor == DEFAULT_PREPROCESSOR
    given = {"do_normalize": False, "sampling_rate": 16000, "feature_size": 1, "processor_class": "Wav2Vec2Processor"}
    checkpoint.write("preprocessor_config.json", given)
    assert read_checkpoint(checkpoint.path).preprocessor == given


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"sampling_rate": 8000}, r"must have sampling_rate 16000, which the corpus has, not 8000"),
        ({"sampling_rate": None}, r"must have sampling_rate 16000, which the corpus has, not None"),
        ("[1]", r"preprocessor_config.json must hold a JSON object, not list"),
        ("{", r"preprocessor_config.json must be a JSON object in UTF-8"),
        (r'{"a": "\udcff"}', r"preprocessor_config.json must be a JSON object in UTF-8"),
    ],
)
def test_preprocessing_that_is_not_ours_is_refused(content, message, checkpoint, refuses):
    checkpoint.write("preprocessor_config.json", content)
    refuses(checkpoint.path, message)


@pytest.mark.parametrize(
    ("name", "normalize", "mask"),
    [("finetuned_group_args", False, False), ("finetuned_layer_cfg", True, True), ("hubert_finetuned", True, True)],
)
def test_preprocessing_of_fairseq(name, normalize, mask, tmp_path):
    shutil.copy(GOLDEN / "fairseq" / f"{name}.pt", tmp_path)
    shutil.copy(GOLDEN / "fairseq" / "dict.ltr.txt", tmp_path)
    preprocessor = read_checkpoint(tmp_path).preprocessor
    assert (preprocessor["do_normalize"], preprocessor["return_attention_mask"]) == (normalize, mask)


def test_only_a_head_gives_a_vocabulary(checkpoint):
    assert len(read_checkpoint(checkpoint.path).require_vocabulary().tokens) == 32
    with pytest.raises(CheckpointError, match=r"The checkpoint headless must have a CTC head, .* pre-trained backbone"):
        read_checkpoint(GOLDEN / "wav2vec2" / "headless").require_vocabulary()


# Bad input: config.json


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"config.json must be a JSON object in UTF-8: Expecting value"),
        ("{'a': 1}", r"config.json must be a JSON object in UTF-8"),
        ("[1, 2]", r"config.json must hold a JSON object, not list"),
        ("null", r"config.json must hold a JSON object, not NoneType"),
        ('{"a":' * 50_000, r"config.json must be a JSON object in UTF-8"),
        ("[" * 100_000 + "]" * 100_000, r"config.json must be a JSON object in UTF-8: .*recursion"),
        ('{"vocab_size": ' + "9" * 10_000 + "}", r"config.json must be a JSON object in UTF-8: .*digits"),
        ('{"vocab_size": ' + "9" * 1_000 + "}", r"vocab_size must be at most 1000000, not 9"),
        ('{"layer_norm_eps": ' + "9" * 1_000 + "}", r"config.json must hold numbers of a sensible size"),
    ],
    ids=["empty", "python", "list", "null", "deep", "deeper", "long", "large", "beyond floats"],
)
def test_a_configuration_that_is_none_is_refused(content, message, checkpoint, refuses):
    checkpoint.write("config.json", content)
    refuses(checkpoint.path, message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *(
            ({"model_type": name}, rf"config.json must have model_type 'wav2vec2' or 'hubert', not '{name}'")
            for name in ("whisper", "wavlm", "data2vec-audio", "wav2vec2-conformer", "wav2vec2-bert", "unispeech-sat")
        ),
        ({"model_type": None}, r"not None"),
        ({"model_type": ["wav2vec2"]}, r"not \['wav2vec2'\]"),
        ({"hidden_size": 25}, r"hidden_size must be a multiple of num_attention_heads, and 25 is none of 4"),
        ({"hidden_size": "16"}, r"config.json.hidden_size must be of type int, not '16'"),
        ({"hidden_size": True}, r"config.json.hidden_size must be of type int, not True"),
        ({"hidden_size": {"a": [1]}}, r"config.json.hidden_size must be of type int, not {'a': \[1\]}"),
        ({"num_attention_heads": 0}, r"num_attention_heads must be at least 1, not 0"),
        ({"conv_dim": [8, 8]}, r"must name the same number of layers, at least one; they name 2, 7 and 7"),
        ({"conv_dim": [8, 8, 8, 8, 8, 8, "12"]}, r"config.json.conv_dim\[6\] must be of type int, not '12'"),
        ({"conv_dim": [[8]] * 7}, r"config.json.conv_dim\[0\] must be of type int"),
        ({"conv_dim": [], "conv_kernel": [], "conv_stride": []}, r"at least one; they name 0, 0 and 0"),
        ({"hidden_act": "xielu"}, r"config.json.hidden_act must be one of 'gelu', .*, not 'xielu'"),
        ({"hidden_act": ["gelu"]}, r"config.json.hidden_act must be one of 'gelu', .*, not \['gelu'\]"),
        ({"feat_extract_norm": "batch"}, r"feat_extract_norm must be one of 'group', 'layer', not 'batch'"),
        ({"layer_norm_eps": float("nan")}, r"layer_norm_eps must be a number above 0, not nan"),
        ({"mask_time_prob": 2}, r"mask_time_prob must be in \[0, 1\), not 2.0"),
        ({"pad_token_id": 32}, r"pad_token_id, the CTC blank, must be below vocab_size 32, not 32"),
        ({"pad_token_id": -1}, r"pad_token_id, the CTC blank, must be below vocab_size 32, not -1"),
    ],
)
def test_impossible_values_are_refused(fields, message, checkpoint, refuses):
    checkpoint.change_config(**fields)
    refuses(checkpoint.path, message)


def test_a_checkpoint_without_a_configuration_is_refused(checkpoint, refuses):
    (checkpoint.path / "config.json").unlink()
    refuses(checkpoint.path, r"The checkpoint .*checkpoint must hold config.json, and does not; download it again")


# Bad input: weights


@pytest.mark.parametrize("kept", [0, 7, 100, 30_000, -100, -1])
def test_truncated_safetensors_are_refused(kept, checkpoint, refuses):
    path = checkpoint.path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refuses(checkpoint.path, r"model.safetensors must be a whole safetensors file: .*; download it again")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "legacy.bin"])
@pytest.mark.parametrize("kept", [0, 3, 1000, 30_000, -100, -1])
def test_truncated_files_of_pytorch_are_refused(name, kept, checkpoint, refuses):
    (checkpoint.path / "model.safetensors").unlink()
    content = (GOLDEN / "checkpoints" / name).read_bytes()
    (checkpoint.path / "pytorch_model.bin").write_bytes(content[:kept])
    refuses(checkpoint.path, r"pytorch_model.bin")


@pytest.mark.parametrize("name", ["finetuned_layer_cfg", "pretrained_layer_args_legacy"])
@pytest.mark.parametrize("kept", [0, 500, -1])
def test_truncated_files_of_fairseq_are_refused(name, kept, tmp_path, refuses):
    content = (GOLDEN / "fairseq" / f"{name}.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(content[:kept])
    refuses(tmp_path / "model.pt", r"model\.pt")


ANCESTOR = {"num_heads": 4, "hidden_size": 16}


@pytest.mark.parametrize("kept", [0, 20, 2000, -1])
def test_truncated_files_of_the_ancestor_are_refused(kept, tmp_path, refuses):
    source = tmp_path / "ancestor"
    source.mkdir()
    (source / "config.json").write_text(json.dumps(ANCESTOR))
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        for index in range(20):
            file[f"wav2vec2/wav2vec2-ctc/{index}/kernel:0"] = np.ones((4, 5), np.float32)
    (source / "tf_model.h5").write_bytes((tmp_path / "whole.h5").read_bytes()[:kept])
    refuses(source, r"tf_model\.h5")


def test_keras_weights_of_somebody_else_are_refused(checkpoint, refuses):
    (checkpoint.path / "model.safetensors").unlink()
    with h5py.File(checkpoint.path / "tf_model.h5", "w") as file:
        file["x"] = np.ones(1, np.float32)
    refuses(checkpoint.path, r"tf_model.h5 is read in the form of the GSoC'21 project only, .*; save .* as safetensors")


def test_an_ancestor_without_its_tensors_is_refused(tmp_path, refuses):
    source = tmp_path / "ancestor"
    source.mkdir()
    (source / "config.json").write_text(json.dumps(ANCESTOR))
    with h5py.File(source / "tf_model.h5", "w") as file:
        file["lm_head/wav2vec2-ctc/lm_head/bias:0"] = np.ones(32, np.float32)
    refuses(source, r"these are missing: wav2vec2/wav2vec2-ctc/wav2vec2/masked_spec_embed:0, .* more; is its download")


class Evil:
    def __reduce__(self):
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "checkpoint_best.pt"])
def test_a_pickle_that_calls_something_is_refused_and_not_run(name, checkpoint, refuses, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (checkpoint.path / "model.safetensors").unlink()
    with zipfile.ZipFile(checkpoint.path / name, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"lm_head.weight": Evil()}, protocol=2))
    refuses(checkpoint.path, r"(posix|os)\W+system")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {"x": 1}}, r"must hold tensors by name, or a checkpoint of fairseq .*: save the model's"),
        ([1, 2], r"must hold tensors by name"),
        ({"model": {}}, r"must hold its settings under «cfg» or «args»|must hold"),
        ({"model": None, "cfg": {}}, r"must hold a checkpoint of fairseq, with its weights under «model»"),
    ],
)
def test_a_file_of_pytorch_with_something_else_in_it_is_refused(content, message, checkpoint, refuses):
    (checkpoint.path / "model.safetensors").unlink()
    with zipfile.ZipFile(checkpoint.path / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
    refuses(checkpoint.path, message)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"weight_map": {"lm_head.weight": "model-00001-of-00001.safetensors"}}, r"model-00001-of-00001.safetensors"),
        ({"weight_map": {"lm_head.weight": "../checkpoint/model.safetensors"}}, r"must name files that lie beside it"),
        ({"weight_map": {"lm_head.weight": 3}}, r"the file of 'lm_head.weight' must be a name, not 3"),
        ({"metadata": {}}, r"its weight_map must be a JSON object"),
        ("{", r"it must be JSON in UTF-8"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(index, message, checkpoint, refuses):
    (checkpoint.path / "model.safetensors").unlink()
    checkpoint.write("model.safetensors.index.json", index)
    refuses(checkpoint.path, message)


def test_a_directory_without_weights_is_refused(checkpoint, refuses):
    (checkpoint.path / "model.safetensors").unlink()
    refuses(checkpoint.path, r"must hold its weights, one of model.safetensors, .*; download it again")


# Anything at all

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([0, 1, 16, 32, -1]),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Checkpoints whose files are replaced one by one."""
    root = tmp_path_factory.mktemp("mutated")
    ignore = shutil.ignore_patterns("reference.npz")
    for variant in ("layer_pre_norm", "attention_adapter", "other_values", "headless"):
        shutil.copytree(GOLDEN / "wav2vec2" / variant, root / variant, ignore=ignore)
    (root / "attention_adapter" / "vocab.json").write_text(json.dumps({"eng": ids(ENGLISH), "fra": ids(FRENCH)}))
    shutil.copy(GOLDEN / "checkpoints" / "adapter.fra.bin", root / "attention_adapter")
    shutil.copytree(root / "layer_pre_norm", root / "sharded")
    (root / "sharded" / "model.safetensors").unlink()
    for path in (GOLDEN / "checkpoints").glob("pytorch_model*of*.bin"):
        shutil.copy(path, root / "sharded")
    shutil.copy(GOLDEN / "checkpoints" / "pytorch_model.bin.index.json", root / "sharded")
    (root / "fairseq").mkdir()
    shutil.copy(GOLDEN / "fairseq" / "finetuned_group_args.pt", root / "fairseq" / "model.pt")
    shutil.copy(GOLDEN / "fairseq" / "dict.ltr.txt", root / "fairseq")
    return root


def read_and_match(directory, language=None):
    """Reads a checkpoint as conversion does; an error, where there is one, must be one of ours."""
    try:
        return match(read_checkpoint(directory, language))
    except W2v2Error:
        return None


def with_file(path, content, check):
    """Puts a content into a file while something is checked."""
    before = path.read_bytes() if path.exists() else None
    try:
        path.write_bytes(content)
        return check()
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FIELDS = sorted(json.loads((GOLDEN / "wav2vec2" / "attention_adapter" / "config.json").read_text()))


def test_the_places_are_good(places):
    for directory in places.iterdir():
        assert read_and_match(directory), directory
    assert read_and_match(places / "attention_adapter", "fra")


@RELAXED
@given(
    variant=st.sampled_from(["layer_pre_norm", "attention_adapter", "other_values", "headless", "sharded"]),
    fields=st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=3),
    dropped=st.sets(st.sampled_from(FIELDS), max_size=2),
)
def test_any_configuration_is_taken_or_refused(places, variant, fields, dropped):
    path = places / variant / "config.json"
    config = {**json.loads(path.read_text()), **fields}
    content = json.dumps({name: value for name, value in config.items() if name not in dropped}).encode()
    with_file(path, content, lambda: read_and_match(path.parent))


@RELAXED
@given(
    name=st.sampled_from(["vocab.json", "added_tokens.json", "tokenizer_config.json", "preprocessor_config.json"]),
    variant=st.sampled_from(["layer_pre_norm", "attention_adapter", "other_values"]),
    value=VALUES
    | st.dictionaries(st.sampled_from(["a", "<pad>", "[PAD]", "|", "eng", "fra"]), VALUES)
    | st.dictionaries(
        st.sampled_from(["unk_token", "pad_token", "word_delimiter_token", "target_lang", "added_tokens_decoder"]),
        VALUES | st.dictionaries(st.sampled_from(["content", "3", "31"]), VALUES),
    ),
)
def test_any_file_of_the_tokenizer_is_taken_or_refused(places, name, variant, value):
    path = places / variant / name
    with_file(path, json.dumps(value).encode(), lambda: read_and_match(path.parent))


@RELAXED
@given(value=st.dictionaries(st.sampled_from(["metadata", "weight_map"]), VALUES), data=st.data())
def test_any_index_is_taken_or_refused(places, value, data):
    path = places / "sharded" / "pytorch_model.bin.index.json"
    whole = json.loads(path.read_text())
    tensor = data.draw(st.sampled_from(sorted(whole["weight_map"])))
    shard = data.draw(VALUES | st.sampled_from(sorted(set(whole["weight_map"].values()))))
    mutated = {**whole, "weight_map": {**whole["weight_map"], tensor: shard}, **value}
    with_file(path, json.dumps(mutated).encode(), lambda: read_and_match(path.parent))


@settings(RELAXED, max_examples=300)
@given(
    place=st.sampled_from(
        [
            ("layer_pre_norm", "config.json", None),
            ("layer_pre_norm", "model.safetensors", None),
            ("sharded", "pytorch_model-00001-of-00002.bin", None),
            ("attention_adapter", "adapter.fra.bin", "fra"),
            ("attention_adapter", "vocab.json", "fra"),
            ("fairseq", "model.pt", None),
            ("fairseq", "dict.ltr.txt", None),
        ]
    ),
    data=st.data(),
)
def test_any_damage_to_a_file_is_passed_over_or_refused(places, place, data):
    variant, name, language = place
    path = places / variant / name
    content = bytearray(path.read_bytes())
    # The beginning and the end hold what describes the rest.
    near = st.integers(0, min(2000, len(content) - 1))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(near | near.map(lambda offset: len(content) - 1 - offset))
        content[position] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    with_file(path, bytes(content), lambda: read_and_match(path.parent, language))
